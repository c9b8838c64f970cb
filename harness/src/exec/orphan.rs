//! A measured process does not outlive the one that started it: a killed run leaves nothing that goes on computing.
//!
//! Every process between the run and the measured code calls [`end_with_parent`] first: the one that is measured, and
//! under callgrind the two in between. They are in groups of their own, so that Ctrl-C reaches the run alone and a
//! time-out ends valgrind with its child; the kernel's signal on the parent's death does not care about groups.

/// Asks the kernel to kill this process when the thread that started it is gone. Where the kernel cannot, nothing
/// happens. A parent that died before this call is not noticed.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // refused: the process ends by itself or by its time limit, as it did before
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
}
