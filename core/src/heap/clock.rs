//! The clock that collections are timed by.

/// Monotonic time in nanoseconds. `Instant` branches on the fraction of a
/// second when two are subtracted, so that the instructions of a collection
/// would depend on when it began.
pub(crate) fn now_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is writable; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
}
