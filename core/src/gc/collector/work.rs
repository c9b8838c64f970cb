//! The collector's own lists, and what it does when they cannot grow.
//!
//! Candidates stand in a vector that doubles as the queue of the closure. If
//! it, or the mark stack, cannot grow, nothing is lost: marks in the headers
//! say what is still to be done, and the phase rescans the heap for them.

use std::ptr::NonNull;

use super::super::header::{COPY_MAX, Header, Mark};
use crate::alloc::pools::KeyMap;
use crate::heap::core::HeapCore;

pub(crate) struct Work {
    pub(crate) core: *const HeapCore,
    /// Oldest generation examined; -1 when no new candidate may join.
    pub(crate) oldest: i32,
    /// All candidates, unless `rescan`.
    pub(crate) candidates: Vec<NonNull<Header>>,
    pub(crate) grey: Vec<NonNull<Header>>,
    /// Candidates exist that are not in the vector.
    pub(crate) rescan: bool,
    /// Grey objects exist that are not on the stack.
    pub(crate) grey_lost: bool,
    /// Copied counts that do not fit the header.
    pub(crate) large_counts: KeyMap<u32>,
    /// An object whose copied count would have become negative.
    pub(crate) breach: Option<NonNull<Header>>,
    /// Counts that the collector itself holds on each candidate.
    pub(crate) guards: u32,
    limit: usize,
}

impl Work {
    pub(crate) fn new(core: &HeapCore, oldest: i32) -> Work {
        Work {
            core,
            oldest,
            candidates: Vec::new(),
            grey: Vec::new(),
            rescan: false,
            grey_lost: false,
            large_counts: KeyMap::default(),
            breach: None,
            guards: 0,
            limit: core.list_limit.get(),
        }
    }

    /// Makes an object a candidate: copies its count and queues it.
    #[inline]
    pub(crate) fn add_candidate(&mut self, object: NonNull<Header>) {
        self.mark_candidate(object);
        if self.candidates.len() == self.candidates.capacity()
            && !grow(&mut self.candidates, self.limit)
        {
            self.rescan = true;
        } else {
            self.candidates.push(object);
        }
    }

    /// Copies the count of an object and marks it a candidate to be scanned.
    #[inline]
    pub(crate) fn mark_candidate(&mut self, object: NonNull<Header>) {
        // SAFETY: candidates are live objects.
        let header = unsafe { object.as_ref() };
        let count = header.count() - self.guards;
        header.unmark();
        header.set_mark(Mark::Pending);
        if count < COPY_MAX {
            header.set_copied_count(count);
        } else {
            header.set_copied_count(COPY_MAX);
            self.large_counts.insert(object.addr().get(), count);
        }
    }

    /// A tentatively unreachable object turns out reachable.
    #[inline]
    pub(crate) fn make_grey(&mut self, object: NonNull<Header>) {
        // SAFETY: candidates are live objects.
        unsafe { object.as_ref() }.set_mark(Mark::Grey);
        if self.grey.len() == self.grey.capacity() && !grow(&mut self.grey, self.limit) {
            self.grey_lost = true;
        } else {
            self.grey.push(object);
        }
    }

    /// Every object with the given mark.
    pub(crate) fn marked(&self, mark: Mark) -> Vec<NonNull<Header>> {
        let mut found = Vec::new();
        // SAFETY: the core outlives its collection.
        unsafe { &*self.core }.each_object(|object| {
            // SAFETY: enumerated objects are live.
            if unsafe { object.as_ref() }.is_marked(mark) {
                found.push(object);
            }
        });
        found
    }

    /// Runs `visit` on every candidate.
    pub(crate) fn each_candidate(&mut self, mut visit: impl FnMut(&mut Work, NonNull<Header>)) {
        if self.rescan {
            let mut found = Vec::new();
            // SAFETY: the core outlives its collection.
            unsafe { &*self.core }.each_object(|object| {
                // SAFETY: enumerated objects are live.
                if !unsafe { object.as_ref() }.is_marked(Mark::None) {
                    found.push(object);
                }
            });
            for object in found {
                visit(self, object);
            }
            return;
        }
        let mut index = 0;
        while let Some(&object) = self.candidates.get(index) {
            visit(self, object);
            index += 1;
        }
    }

    /// Candidates examined.
    pub(crate) fn len(&mut self) -> usize {
        if self.rescan {
            let mut count = 0;
            self.each_candidate(|_, _| count += 1);
            count
        } else {
            self.candidates.len()
        }
    }
}

/// Doubles a list; false when memory or the test's limit refuses.
#[cold]
fn grow(list: &mut Vec<NonNull<Header>>, limit: usize) -> bool {
    let more = list.capacity().max(512);
    list.capacity() + more <= limit.max(1) && list.try_reserve_exact(more).is_ok()
}
