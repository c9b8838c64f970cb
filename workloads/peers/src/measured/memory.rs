//! Resident memory of this process.

/// Bytes of anonymous memory now, as the kernel counts them: what was taken from the system. Pages of executables and
/// libraries are none of it; they come in when code runs for the first time, in whatever peer.
pub(super) fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = text
        .split_whitespace()
        .skip(1)
        .map(|pages| pages.parse::<f64>().unwrap_or(f64::NAN));
    let (all, of_files) = (pages.next(), pages.next());
    let anonymous = all.zip(of_files).map(|(all, of_files)| all - of_files);
    anonymous.unwrap_or(f64::NAN) * rustix::param::page_size() as f64
}

/// A vector with room for `n` whose memory is resident already.
pub(super) fn resident_vec<T>(n: usize, filler: impl FnMut() -> T) -> Vec<T> {
    let mut room = Vec::with_capacity(n);
    room.resize_with(n, filler);
    room.clear();
    room
}
