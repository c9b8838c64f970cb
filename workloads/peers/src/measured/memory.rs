//! Resident memory of this process.

/// Bytes in memory now, as the kernel counts them.
pub(super) fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * rustix::param::page_size() as f64
}

/// A vector with room for `n` whose memory is resident already.
pub(super) fn resident_vec<T>(n: usize, filler: impl FnMut() -> T) -> Vec<T> {
    let mut room = Vec::with_capacity(n);
    room.resize_with(n, filler);
    room.clear();
    room
}
