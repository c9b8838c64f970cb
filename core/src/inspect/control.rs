//! Holding up, resuming and giving up an inspection from another thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Holds up, resumes or gives up an audit from another thread, and tells how far it is.
///
/// The heap must stand still for the whole of an audit, so what runs meanwhile runs on other threads and cannot
/// touch it.
///
/// ```
/// use exuvia_core::{AuditControl, Heap};
/// let heap = Heap::new();
/// let known = heap.root("known", heap.alloc(1));
/// let control = AuditControl::new();
/// control.pause();
/// let other = control.clone();
/// let resumes = std::thread::spawn(move || other.resume());
/// let audit = heap.audit_under(&control).expect("nobody cancels it");
/// assert_eq!(audit.objects, 1);
/// assert_eq!(control.progress().done, control.progress().total);
/// # resumes.join().unwrap();
/// control.cancel();
/// assert_eq!(heap.audit_under(&control), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuditControl {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
    done: AtomicU64,
    total: AtomicU64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wanted {
    #[default]
    Run,
    Pause,
    Cancel,
}

/// How far an audit is. A step is one look at one object; an audit looks twice at each.
///
/// ```
/// use exuvia_core::{AuditControl, Heap};
/// let control = AuditControl::new();
/// assert_eq!(control.progress().total, 0);
/// let heap = Heap::new();
/// let known = heap.root("known", heap.alloc(1));
/// heap.audit_under(&control);
/// assert_eq!(control.progress().total, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditProgress {
    /// Steps taken.
    pub done: u64,
    /// Steps there are; 0 until the objects are counted.
    pub total: u64,
}

/// The audit was given up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

impl AuditControl {
    /// Lets an audit run.
    pub fn new() -> AuditControl {
        AuditControl::default()
    }

    /// Holds the audit up at its next check: every some ten thousand objects, milliseconds apart.
    pub fn pause(&self) {
        self.want(Wanted::Pause);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.want(Wanted::Run);
    }

    /// Makes the audit, and every later one under this control, return `None`.
    pub fn cancel(&self) {
        self.want(Wanted::Cancel);
    }

    /// How far the audit is.
    pub fn progress(&self) -> AuditProgress {
        AuditProgress {
            done: self.shared.done.load(Ordering::Relaxed),
            total: self.shared.total.load(Ordering::Relaxed),
        }
    }

    /// What was cancelled stays so.
    fn want(&self, next: Wanted) {
        let mut wanted = self.wanted();
        if *wanted != Wanted::Cancel {
            *wanted = next;
            self.shared.changed.notify_all();
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        let wanted = self.shared.wanted.lock();
        // A lone word is whole whatever happened to who wrote it.
        wanted.unwrap_or_else(PoisonError::into_inner)
    }

    /// An audit of so many objects begins.
    pub(super) fn begin(&self, objects: usize) {
        self.shared.done.store(0, Ordering::Relaxed);
        self.shared
            .total
            .store(2 * objects as u64, Ordering::Relaxed);
    }

    /// Counts steps that were taken, and waits as long as it is told to.
    pub(super) fn step(&self, steps: usize) -> Result<(), Cancelled> {
        self.shared.done.fetch_add(steps as u64, Ordering::Relaxed);
        let wanted = self
            .shared
            .changed
            .wait_while(self.wanted(), |wanted| *wanted == Wanted::Pause);
        match *wanted.unwrap_or_else(PoisonError::into_inner) {
            Wanted::Cancel => Err(Cancelled),
            Wanted::Run | Wanted::Pause => Ok(()),
        }
    }

    /// The rest was found without looking.
    pub(super) fn end(&self) {
        let total = self.shared.total.load(Ordering::Relaxed);
        self.shared.done.store(total, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn steps_are_counted_and_the_end_is_the_whole() {
        let control = AuditControl::new();
        control.begin(10);
        assert_eq!(control.step(3), Ok(()));
        assert_eq!(control.step(4), Ok(()));
        assert_eq!(control.progress(), AuditProgress { done: 7, total: 20 });
        control.end();
        assert_eq!(
            control.progress(),
            AuditProgress {
                done: 20,
                total: 20
            }
        );
        control.begin(1);
        assert_eq!(control.progress(), AuditProgress { done: 0, total: 2 });
    }

    #[test]
    fn a_pause_lasts_until_it_is_resumed() {
        let control = AuditControl::new();
        control.pause();
        let worker = control.clone();
        let steps = thread::spawn(move || worker.step(1));
        while control.progress().done == 0 {
            thread::yield_now();
        }
        assert!(!steps.is_finished());
        control.resume();
        assert_eq!(steps.join().unwrap(), Ok(()));
    }

    #[test]
    fn what_is_cancelled_stays_so_even_while_it_pauses() {
        let control = AuditControl::new();
        control.pause();
        let worker = control.clone();
        let steps = thread::spawn(move || worker.step(1));
        control.cancel();
        assert_eq!(steps.join().unwrap(), Err(Cancelled));
        control.resume();
        assert_eq!(control.step(1), Err(Cancelled));
    }
}
