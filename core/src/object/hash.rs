//! Hash functions: fixed, without a seed, so that runs repeat exactly.

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xD6E8_FEB8_6659_FD93;

/// Mixes a word into a state.
#[inline]
pub(crate) fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word ^ FIRST) * u128::from(SECOND);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a text, never 0.
pub(crate) fn of_text(text: &str) -> u32 {
    let state = of_bytes(text.as_bytes());
    let folded = (state ^ (state >> 32)) as u32;
    folded.max(1)
}

/// The hash of bytes.
#[inline]
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let mut state = (bytes.len() as u64).wrapping_mul(SECOND);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        state = mix(state, word_of(chunk));
    }
    mix(state, word_of(chunks.remainder()))
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// An int hashes to itself, as in CPython: runs of ints fill a table in order.
#[inline]
pub(crate) fn of_int(value: i64) -> u64 {
    value.cast_unsigned()
}

/// A float with an integral value hashes like the int it equals.
pub(crate) fn of_float(value: f64) -> u64 {
    let whole = value as i64;
    if whole as f64 == value && whole != i64::MAX {
        of_int(whole)
    } else {
        mix(0, value.to_bits())
    }
}

/// Identity: addresses are multiples of 16, so the low bits say nothing.
#[inline]
pub(crate) fn of_address(address: usize) -> u64 {
    (address >> 4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_of_different_types_hash_alike() {
        for value in [0_i64, 1, -1, 1 << 40, -(1 << 52)] {
            assert_eq!(of_int(value), of_float(value as f64));
        }
        assert_ne!(of_float(0.5), of_float(0.25));
    }

    #[test]
    fn texts_that_differ_by_length_or_one_byte_hash_differently() {
        let texts = ["", "a", "b", "a\0", "aaaaaaaa", "aaaaaaaaa", "aaaaaaab"];
        let mut hashes: Vec<u32> = texts.iter().map(|t| of_text(t)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }
}
