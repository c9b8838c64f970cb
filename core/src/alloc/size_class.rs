//! Size classes: steps of 16 bytes up to 1 KiB, then four per doubling.

/// Blocks start at multiples of this.
pub(crate) const GRANULE: usize = 16;
/// The largest block that pages serve.
pub(crate) const MAX_BLOCK: usize = 8192;
const FINE_MAX: usize = 1024;
const FINE: usize = FINE_MAX / GRANULE;
pub(crate) const CLASSES: usize = FINE + 12;

/// The class that serves `bytes` (1 ..= [`MAX_BLOCK`]).
#[inline]
pub(crate) const fn class_of(bytes: usize) -> usize {
    if bytes <= FINE_MAX {
        return bytes.saturating_sub(1) / GRANULE;
    }
    // Four steps between powers of two: the two bits below the top one.
    let top = (bytes - 1).ilog2() as usize; // 2^top <= bytes-1 < 2^(top+1)
    let quarter = ((bytes - 1) >> (top - 2)) & 3;
    FINE + (top - 10) * 4 + quarter
}

/// The block size of a class in bytes.
pub(crate) const fn block_bytes(class: usize) -> usize {
    if class < FINE {
        return (class + 1) * GRANULE;
    }
    let step = class - FINE;
    let base = FINE_MAX << (step / 4);
    base + (base / 4) * (step % 4 + 1)
}

const _: () = {
    let mut bytes = 1;
    while bytes <= MAX_BLOCK {
        let class = class_of(bytes);
        assert!(class < CLASSES && block_bytes(class) >= bytes);
        assert!(class == 0 || block_bytes(class - 1) < bytes);
        bytes += 1;
    }
};
