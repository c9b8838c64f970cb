//! The cell behind every mutable object of the model: no borrow flag, so that
//! a list stays 32 bytes and an append costs no extra store.
//!
//! Invariant **short section**: while [`Section::enter`] runs its body,
//! - no user code runs: the body drops no [`Value`](super::Value) and no
//!   handle, calls no hash, equality, frame or finalizer;
//! - no object is allocated, so no collection traces the content (buffers may
//!   be: taking one never collects);
//! - the same section is not entered again.
//!
//! What must be dropped is moved out and dropped behind the section; what was
//! looked up before user code ran is looked up again.

use std::cell::UnsafeCell;

use crate::gc::trace::{Trace, Visitor};

#[repr(transparent)]
pub(crate) struct Section<T>(UnsafeCell<T>);

impl<T> Section<T> {
    pub(crate) const fn new(value: T) -> Section<T> {
        Section(UnsafeCell::new(value))
    }

    /// Runs `body` with the content.
    ///
    /// # Safety
    /// 1. `body` keeps the invariant *short section* of this module.
    #[inline(always)]
    pub(crate) unsafe fn enter<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: one thread (handles are not `Send`), and by duty 1 nothing
        // that runs inside reaches the content by another way.
        body(unsafe { &mut *self.0.get() })
    }
}

// SAFETY: forwards to the content; a collection never runs inside a section.
unsafe impl<T: Trace> Trace for Section<T> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if T::HOLDS {
            // SAFETY: no section is active while the collector traces.
            unsafe { &*self.0.get() }.trace(visitor);
        }
    }
}
