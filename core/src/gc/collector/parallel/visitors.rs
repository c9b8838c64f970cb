//! What the shared phases do with an edge: as their namesakes do alone, but
//! scratch words are read and written atomically.

use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::super::super::header::{COPY_MAX, COPY_ONE, Header, MARK_MASK, Mark as State, PREFIXED};
use super::super::super::trace::{Edge, Visitor};
use super::super::visitors::Traced;
use super::super::work::{Ahead, Work};
use crate::alloc::page::{Page, describe_as};
use crate::alloc::pools::KeyMap;

/// What trial deletion meets seldom, from all threads.
pub(super) struct Breaches {
    /// Copied counts that do not fit the header.
    large_counts: Mutex<KeyMap<u32>>,
    breach: AtomicPtr<Header>,
}

impl Breaches {
    pub(super) fn new(large_counts: KeyMap<u32>) -> Breaches {
        Breaches {
            large_counts: Mutex::new(large_counts),
            breach: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// An object whose copied count would have become negative.
    pub(super) fn found(&self) -> Option<NonNull<Header>> {
        NonNull::new(self.breach.load(Ordering::Relaxed))
    }

    /// The copy is at 0 (a breach) or too large for the header.
    #[cold]
    fn subtract_rarely(&self, target: NonNull<Header>) {
        // SAFETY: an owned edge leads to a live object.
        let scratch = unsafe { target.as_ref() }.shared_scratch();
        let Ok(mut large_counts) = self.large_counts.lock() else {
            return; // Another thread panicked: the collection is given up.
        };
        // A copy leaves COPY_MAX under the lock only, and never comes back.
        let seen = scratch.load(Ordering::Relaxed);
        if seen / COPY_ONE == 0 {
            self.breach.store(target.as_ptr(), Ordering::Relaxed);
        } else if seen / COPY_ONE < COPY_MAX {
            scratch.fetch_sub(COPY_ONE, Ordering::Relaxed);
        } else {
            let key = target.addr().get();
            let left = large_counts.get(&key).copied().unwrap_or(COPY_MAX) - 1;
            if left >= COPY_MAX {
                large_counts.insert(key, left);
            } else {
                large_counts.remove(&key);
                scratch.fetch_sub(COPY_ONE, Ordering::Relaxed);
            }
        }
    }
}

/// Trial deletion: takes one off the copied count of each candidate that an
/// edge reaches.
pub(crate) struct SubtractShared<'a> {
    ahead: Ahead,
    breaches: &'a Breaches,
}

impl Visitor for SubtractShared<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        if let Some(arrived) = self.ahead.exchange(target) {
            self.subtract(arrived);
        }
    }
}

impl<'a> SubtractShared<'a> {
    pub(super) fn new(breaches: &'a Breaches) -> SubtractShared<'a> {
        SubtractShared {
            ahead: Ahead::default(),
            breaches,
        }
    }

    #[inline]
    fn subtract(&mut self, target: NonNull<Header>) {
        // SAFETY: an owned edge leads to a live object.
        let scratch = unsafe { target.as_ref() }.shared_scratch();
        let seen = scratch.load(Ordering::Relaxed);
        if !is_candidate(seen) {
            return;
        }
        let copy = seen / COPY_ONE;
        if copy == 0 || copy == COPY_MAX {
            self.breaches.subtract_rarely(target);
        } else if scratch.fetch_sub(COPY_ONE, Ordering::Relaxed) < COPY_ONE {
            // Others took the last ones since it was looked at.
            self.breaches
                .breach
                .store(target.as_ptr(), Ordering::Relaxed);
        }
    }

    /// Subtracts the edges of one object, if they await it.
    ///
    /// # Safety
    /// 1. `header` is initialised, in a page or registered.
    pub(super) unsafe fn subtract_edges(&mut self, header: *const Header) {
        // SAFETY: duty 1; what is marked and not vacant is live.
        unsafe {
            let scratch = (*header).shared_scratch().load(Ordering::Relaxed);
            if awaits(scratch) && !(*header).is_vacant() {
                let (info, bytes) = describe_as(header, scratch & PREFIXED != 0);
                (info.trace.subtract_shared)(header, bytes, self);
            }
        }
    }

    /// Looks at what is still on its way.
    pub(super) fn finish(mut self) {
        for arrived in self.ahead.drain() {
            self.subtract(arrived);
        }
    }
}

/// Subtracts the edges of a page's candidates that await it.
///
/// # Safety
/// 1. The page is typed, and its objects are of kind `T`.
pub(crate) unsafe fn subtract_page<T: Traced>(page: &Page, visitor: &mut SubtractShared<'_>) {
    let bytes = page.block_bytes.get() as usize;
    for header in page.headers() {
        // SAFETY: headers of carved blocks are initialised; what is marked is
        // live, and of the page's kind by duty 1.
        unsafe {
            let scratch = (*header).shared_scratch().load(Ordering::Relaxed);
            if awaits(scratch) && !(*header).is_vacant() {
                T::trace(header, bytes, visitor);
            }
        }
    }
}

fn awaits(scratch: u32) -> bool {
    scratch & MARK_MASK == State::Candidate as u32
}

/// A candidate that no thread has found reachable.
#[inline]
pub(super) fn is_candidate(scratch: u32) -> bool {
    matches!(scratch & MARK_MASK, CANDIDATE | GREY)
}

const CANDIDATE: u32 = State::Candidate as u32;
const GREY: u32 = State::Grey as u32;

/// Marking: what an edge of a reachable object reaches is reachable.
pub(crate) struct MarkShared<'a> {
    pub(super) work: &'a mut Work,
}

impl Visitor for MarkShared<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        if !self.work.try_push_grey(target) {
            self.work.grey_lost = true;
        }
    }

    /// A key that is still a candidate comes back to its ephemerons when the
    /// keys are gone through at the end.
    fn edge_with_key(&mut self, Edge(key): Edge, value: Edge) {
        // SAFETY: the key of an ephemeron is valid until it is cleared.
        let scratch = unsafe { key.as_ref() }.shared_scratch();
        if !is_candidate(scratch.load(Ordering::Relaxed)) {
            self.edge(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Heap;

    fn subtract(breaches: &Breaches, target: NonNull<Header>, edges: usize) {
        let mut visitor = SubtractShared::new(breaches);
        (0..edges).for_each(|_| visitor.edge(Edge(target)));
        visitor.finish();
    }

    #[test]
    fn a_count_too_large_for_the_header_comes_back_to_it() {
        let heap = Heap::builder().enabled(false).build();
        let object = heap.alloc(1_u64);
        let (header, target) = (object.header_ref(), NonNull::from(object.header_ref()));
        let (word, key) = (header.word.get(), target.addr().get());
        let mut work = Work::new(heap.core(), 2);
        header.word.set(COPY_MAX + 2);
        work.mark_candidate(target);
        header.set_mark(State::Candidate);
        let breaches = Breaches::new(work.large_counts);
        let large = || breaches.large_counts.lock().unwrap().get(&key).copied();
        for (edges, copy, left) in [
            (1, COPY_MAX, Some(COPY_MAX + 1)),
            (1, COPY_MAX, Some(COPY_MAX)),
            (1, COPY_MAX - 1, None),
            (40, COPY_MAX - 41, None),
        ] {
            subtract(&breaches, target, edges);
            assert_eq!((header.copied_count(), large()), (copy, left));
        }
        assert_eq!(breaches.found(), None);
        header.unmark();
        header.word.set(word);
    }

    #[test]
    fn an_edge_more_than_counted_is_a_breach() {
        let heap = Heap::builder().enabled(false).build();
        let object = heap.alloc(1_u64);
        let (header, target) = (object.header_ref(), NonNull::from(object.header_ref()));
        for mark in [State::None, State::Live, State::Candidate, State::Grey] {
            let counts = matches!(mark, State::Candidate | State::Grey);
            let mut work = Work::new(heap.core(), 2);
            work.mark_candidate(target);
            header.set_mark(mark);
            assert_eq!(is_candidate(header.scratch.get()), counts);
            assert_eq!(awaits(header.scratch.get()), mark == State::Candidate);
            let breaches = Breaches::new(work.large_counts);
            subtract(&breaches, target, 1);
            assert_eq!(header.copied_count(), u32::from(!counts), "{mark:?}");
            assert_eq!(breaches.found(), None);
            subtract(&breaches, target, 1);
            assert_eq!(breaches.found(), counts.then_some(target), "{mark:?}");
            header.unmark();
        }
    }
}
