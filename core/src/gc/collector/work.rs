//! The collector's own lists, and what it does when they cannot grow.
//!
//! Candidates stand in a vector that doubles as the queue of the closure, until
//! the collection becomes *wide*: then every object of the collected generations
//! is a candidate, known by its mark, and the phases walk pages in address order
//! (see `wide`). A collection becomes wide when the closure is a large share of
//! what is collected, or when the vector cannot grow. If the mark stack cannot
//! grow, marks in the headers say what is still to be followed, and the phase
//! looks through the candidates again.

use std::ptr::NonNull;

use super::super::header::{COPY_MAX, Header, Mark};
use super::wide;
use crate::alloc::pools::KeyMap;
use crate::heap::core::HeapCore;

/// Objects prefetched ahead of the one that is looked at.
pub(crate) const AHEAD: usize = 16;

pub(crate) struct Work {
    pub(crate) core: *const HeapCore,
    /// Oldest generation examined; -1 when no new candidate may join.
    pub(crate) oldest: i32,
    /// All candidates, unless `wide`.
    pub(crate) candidates: Vec<NonNull<Header>>,
    /// Every object of the collected generations is to be a candidate ...
    pub(crate) wide: bool,
    /// ... and all of them are: no other object joins.
    pub(crate) filled: bool,
    /// Threads that a wide collection uses.
    pub(crate) threads: usize,
    /// Candidates so far, in the vector or not.
    pub(crate) examined: usize,
    /// Candidates found reachable.
    pub(crate) live: usize,
    /// Ends of edges from live objects, not looked at yet.
    pub(crate) grey: Vec<NonNull<Header>>,
    /// The next of them, on their way into the cache.
    pub(crate) ahead: Ahead,
    /// Grey objects exist that are not on the stack.
    pub(crate) grey_lost: bool,
    /// Copied counts that do not fit the header.
    pub(crate) large_counts: KeyMap<u32>,
    /// An object whose copied count would have become negative.
    pub(crate) breach: Option<NonNull<Header>>,
    /// Counts that the collector itself holds on each candidate.
    pub(crate) guards: u32,
    /// The stack is that of an incremental cycle.
    pub(crate) incremental: bool,
    /// Candidates above which the collection becomes wide.
    wide_above: usize,
    limit: usize,
}

impl Work {
    pub(crate) fn new(core: &HeapCore, oldest: i32) -> Work {
        Work {
            core,
            oldest,
            candidates: Vec::new(),
            wide: false,
            filled: false,
            threads: 1,
            examined: 0,
            live: 0,
            grey: Vec::new(),
            ahead: Ahead::default(),
            grey_lost: false,
            large_counts: KeyMap::default(),
            breach: None,
            guards: 0,
            incremental: false,
            wide_above: usize::MAX,
            limit: core.list_limit.get(),
        }
    }

    /// The same for the members of a list, and no others.
    pub(crate) fn over(core: &HeapCore, candidates: Vec<NonNull<Header>>) -> Work {
        Work {
            candidates,
            ..Work::new(core, -1)
        }
    }

    /// Makes an object a candidate: copies its count and queues it.
    #[inline]
    pub(crate) fn add_candidate(&mut self, object: NonNull<Header>) {
        self.mark_candidate(object);
        if self.wide {
            return;
        }
        if self.candidates.len() == self.candidates.capacity() && !self.grow_candidates() {
            self.wide = true;
        } else {
            self.candidates.push(object);
        }
    }

    /// Doubles the vector; false when the collection is to become wide instead.
    #[cold]
    fn grow_candidates(&mut self) -> bool {
        if self.wide_above == usize::MAX {
            // SAFETY: the core outlives its collection.
            self.wide_above = unsafe { wide::limit(&*self.core, self.oldest) };
        }
        let room = self.wide_above.saturating_sub(self.candidates.len());
        room > 0 && grow(&mut self.candidates, room, self.limit)
    }

    /// Copies the count of an object and marks it a candidate to be scanned.
    #[inline]
    pub(crate) fn mark_candidate(&mut self, object: NonNull<Header>) {
        self.examined += 1;
        // SAFETY: candidates are live objects.
        let header = unsafe { object.as_ref() };
        let count = header.count() - self.guards;
        if count < COPY_MAX {
            header.begin_candidate(count);
        } else {
            header.begin_candidate(COPY_MAX);
            self.large_counts.insert(object.addr().get(), count);
        }
    }

    /// Queues the end of an edge of a live object; what it is is seen when it
    /// comes out of the queue.
    #[inline]
    pub(crate) fn push_grey(&mut self, object: NonNull<Header>) {
        if !self.try_push_grey(object) {
            self.lose_grey(object);
        }
    }

    /// The same; false when the stack cannot grow.
    #[inline]
    pub(crate) fn try_push_grey(&mut self, object: NonNull<Header>) -> bool {
        if self.grey.len() == self.grey.capacity() && !grow(&mut self.grey, usize::MAX, self.limit)
        {
            return false;
        }
        self.grey.push(object);
        true
    }

    #[cold]
    fn lose_grey(&mut self, object: NonNull<Header>) {
        // SAFETY: an owned edge leads to a live object.
        let header = unsafe { object.as_ref() };
        if header.is_marked(Mark::Candidate) {
            header.set_mark(Mark::Grey);
            self.grey_lost = true;
        } else if self.incremental {
            self.grey_lost = true; // The cycle is given up.
        }
    }

    /// The next object of the mark stack, through the queue of prefetches.
    #[inline]
    pub(crate) fn next_grey(&mut self) -> Option<NonNull<Header>> {
        while !self.ahead.is_full()
            && let Some(object) = self.grey.pop()
        {
            self.ahead.push(object);
        }
        self.ahead.pop()
    }

    /// The same, from the part of the stack above its first `bottom` entries.
    #[inline]
    pub(super) fn next_grey_above(&mut self, bottom: usize) -> Option<NonNull<Header>> {
        while !self.ahead.is_full() && self.grey.len() > bottom {
            if let Some(object) = self.grey.pop() {
                self.ahead.push(object);
            }
        }
        self.ahead.pop()
    }

    /// Puts what the queue of prefetches holds back onto the stack.
    pub(crate) fn return_ahead(&mut self) {
        while let Some(object) = self.ahead.pop() {
            self.push_grey(object);
        }
    }

    /// The same while so many are queued that this one has arrived in the cache.
    #[inline]
    pub(crate) fn next_grey_ahead(&mut self) -> Option<NonNull<Header>> {
        while !self.ahead.is_full() {
            let object = self.grey.pop()?;
            self.ahead.push(object);
        }
        self.ahead.pop()
    }

    /// Runs `visit` on every candidate.
    pub(crate) fn each_candidate(&mut self, mut visit: impl FnMut(&mut Work, NonNull<Header>)) {
        if self.wide {
            // SAFETY: the core outlives its collection.
            let core = unsafe { &*self.core };
            wide::each_object(core, self.oldest, |object| {
                // SAFETY: enumerated objects are live.
                if unsafe { object.as_ref() }.is_examined() {
                    visit(self, object);
                }
            });
            return;
        }
        let mut index = 0;
        while let Some(&object) = self.candidates.get(index) {
            visit(self, object);
            index += 1;
        }
    }
}

/// A short queue of objects whose headers are being fetched.
#[derive(Default)]
pub(crate) struct Ahead {
    ring: [Option<NonNull<Header>>; AHEAD],
    first: usize,
    len: usize,
}

impl Ahead {
    #[inline]
    fn is_full(&self) -> bool {
        self.len == AHEAD
    }

    /// Fetches an object and puts it at the end of the queue, which is not full.
    #[inline]
    fn push(&mut self, object: NonNull<Header>) {
        prefetch(object);
        self.ring[(self.first + self.len) % AHEAD] = Some(object);
        self.len += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<NonNull<Header>> {
        if self.len == 0 {
            return None;
        }
        let object = self.ring[self.first];
        self.first = (self.first + 1) % AHEAD;
        self.len -= 1;
        object
    }

    /// Fetches an object and returns the one that was fetched [`AHEAD`] calls
    /// ago.
    #[inline]
    pub(crate) fn exchange(&mut self, object: NonNull<Header>) -> Option<NonNull<Header>> {
        prefetch(object);
        let old = self.ring[self.first].replace(object);
        self.first = (self.first + 1) % AHEAD;
        old
    }

    /// What [`Ahead::exchange`] still holds, in order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = NonNull<Header>> + use<> {
        let (ring, first) = (std::mem::take(&mut self.ring), self.first);
        (0..AHEAD).filter_map(move |index| ring[(first + index) % AHEAD])
    }
}

/// Brings what is about to be read into the cache.
#[inline]
pub(crate) fn prefetch<T>(object: NonNull<T>) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch has no effect that a program can see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(object.as_ptr().cast_const().cast(), _MM_HINT_T0);
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = object;
}

/// Doubles a list, but adds no more than `most` places; false when memory or the
/// test's limit refuses.
#[cold]
pub(super) fn grow(list: &mut Vec<NonNull<Header>>, most: usize, limit: usize) -> bool {
    let more = list.capacity().max(512).min(most);
    list.capacity() + more <= limit.max(1) && list.try_reserve_exact(more).is_ok()
}

#[cfg(test)]
mod tests;
