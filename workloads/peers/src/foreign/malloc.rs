//! What glibc's malloc has handed out.

/// Bytes in blocks that are in use; nothing where the C library does not say.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn bytes_in_use() -> Option<u64> {
    // SAFETY: the function has no arguments and only reads malloc's counters, under its lock.
    let account = unsafe { libc::mallinfo2() };
    Some((account.uordblks + account.hblkhd) as u64)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn bytes_in_use() -> Option<u64> {
    None
}
