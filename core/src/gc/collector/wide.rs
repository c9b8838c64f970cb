//! Wide collections: every object of the collected generations is a candidate,
//! and the phases walk pages in address order instead of following edges.
//!
//! The verdicts are those of the closure: it holds all garbage, and more
//! candidates change nothing about what is reachable. What differs is the cost.
//! A closure meets objects in random order, a walk over pages meets them as
//! they lie in memory, asks for the type once per page, and fetches the ends of
//! edges some objects ahead.
//!
//! A closure that has begun goes over into a wide collection: its candidates
//! keep their copied counts, those whose edges are subtracted keep their mark.

use std::ptr::NonNull;

use super::super::header::{
    GENERATION_MASK, HAS_WEAK, Header, IMMORTAL, MARK_MASK, Mark as State, PREFIXED, UNTRACKED,
};
#[cfg(feature = "parallel")]
use super::parallel;
use super::promote::untracks_by_now;
use super::visitors::{Subtract, SubtractAhead};
use super::work::Work;
use crate::alloc::page::{IN_YOUNG, Page, PageKind, describe};
use crate::heap::core::HeapCore;

/// A closure of more than this share of the collected objects becomes wide, by
/// generation. What is young lies in the cache, and shares its pages with older
/// objects that a walk would look at in vain.
const SHARE: [usize; 3] = [2, 8, 16];

/// Candidates above which a collection becomes wide. O(pages).
#[cold]
pub(crate) fn limit(core: &HeapCore, oldest: i32) -> usize {
    if let Some(forced) = core.wide_above.get() {
        return forced;
    }
    if oldest < 0 {
        return usize::MAX - 1;
    }
    let mut objects = 0;
    each_page(core, oldest, |page| objects += page.live() as usize);
    let registry = core.registry.borrow();
    let outside: usize = registry[..=slot(oldest)].iter().map(Vec::len).sum();
    let share = SHARE[slot(oldest)];
    // A closure is followed by one thread, pages by all.
    #[cfg(feature = "parallel")]
    let share = share * parallel::threads_for(core, objects);
    (objects + outside) / share
}

fn slot(oldest: i32) -> usize {
    oldest.clamp(0, 2).cast_unsigned() as usize
}

/// Every page that may hold a candidate, in address order within its arena.
/// `visit` may neither open nor release pages.
pub(crate) fn each_page(core: &HeapCore, oldest: i32, mut visit: impl FnMut(&Page)) {
    if oldest >= 2 {
        core.each_page(|page| {
            if holds_candidates(page) {
                visit(page);
            }
        });
        return;
    }
    let listed = |list: &std::cell::RefCell<Vec<*const Page>>, index| {
        let page: Option<*const Page> = list.borrow().get(index).copied();
        // SAFETY: listed pages stand in mapped arenas.
        page.map(|page| unsafe { &*page })
    };
    let mut index = 0;
    while let Some(page) = listed(&core.young_pages, index) {
        index += 1;
        if holds_candidates(page) {
            visit(page);
        }
    }
    let mut index = 0;
    while oldest == 1
        && let Some(page) = listed(&core.middle_pages, index)
    {
        index += 1;
        if holds_candidates(page) && !page.has(IN_YOUNG) {
            visit(page);
        }
    }
}

pub(super) fn holds_candidates(page: &Page) -> bool {
    match page.kind.get() {
        // SAFETY: typed pages have a type.
        PageKind::Typed => unsafe { (*page.info.get()).holds },
        PageKind::Mixed => true,
        PageKind::Buffers | PageKind::Unused => false,
    }
}

/// Whether objects of a page may turn out untracked when they are looked at.
pub(super) fn may_untrack(page: &Page) -> bool {
    // SAFETY: the pointer is null or that of a type's table.
    unsafe { page.info.get().as_ref() }.is_none_or(|info| info.untracks_in.is_some())
}

pub(super) fn has_registered(core: &HeapCore, oldest: i32) -> bool {
    let registry = core.registry.borrow();
    registry[..=slot(oldest)]
        .iter()
        .any(|list| !list.is_empty())
}

/// Every registered object of the collected generations.
pub(crate) fn each_registered(
    core: &HeapCore,
    oldest: i32,
    mut visit: impl FnMut(NonNull<Header>),
) {
    for generation in 0..=slot(oldest) {
        let at = |index: usize| core.registry.borrow()[generation].get(index).copied();
        let mut index = 0;
        while let Some(header) = at(index) {
            index += 1;
            if let Some(object) = NonNull::new(header) {
                // SAFETY: registered headers are initialised.
                if !unsafe { object.as_ref() }.is_vacant() {
                    visit(object);
                }
            }
        }
    }
}

/// Every object that may be a candidate.
pub(crate) fn each_object(core: &HeapCore, oldest: i32, mut visit: impl FnMut(NonNull<Header>)) {
    each_page(core, oldest, |page| {
        for header in page.headers() {
            if let Some(object) = NonNull::new(header) {
                // SAFETY: headers of carved blocks are initialised.
                if !unsafe { object.as_ref() }.is_vacant() {
                    visit(object);
                }
            }
        }
    });
    each_registered(core, oldest, visit);
}

/// Copies the count of every object of the collected generations that is no
/// candidate yet.
pub(super) fn fill(core: &HeapCore, work: &mut Work) {
    let oldest = work.oldest;
    #[cfg(feature = "parallel")]
    {
        work.threads = parallel::threads(core, oldest);
        if work.threads > 1 {
            return parallel::fill(core, work);
        }
    }
    each_page(core, oldest, |page| {
        if i32::from(page.floor.get()) > oldest {
            return;
        }
        let untracks = may_untrack(page);
        for header in page.headers() {
            if let Some(object) = NonNull::new(header) {
                fill_one(work, object, untracks);
            }
        }
    });
    each_registered(core, oldest, |object| fill_one(work, object, true));
    work.candidates = Vec::new();
    work.filled = true;
}

#[inline]
fn fill_one(work: &mut Work, object: NonNull<Header>, may_untrack: bool) {
    // SAFETY: headers of pages and registry are initialised.
    let header = unsafe { object.as_ref() };
    let (word, scratch) = (header.word.get(), header.scratch.get());
    let collected = (scratch & GENERATION_MASK).cast_signed() <= work.oldest;
    let free = scratch & (MARK_MASK | UNTRACKED) == 0;
    if word == 0 || word & IMMORTAL != 0 || !collected || !free {
        return;
    }
    // SAFETY: not vacant, hence live.
    if may_untrack && unsafe { untracks_by_now(header) } {
        header.set(UNTRACKED);
        return;
    }
    work.mark_candidate(object);
}

/// Subtracts the edges of every candidate that still awaits it.
pub(super) fn subtract(core: &HeapCore, work: &mut Work) {
    let oldest = work.oldest;
    #[cfg(feature = "parallel")]
    if work.threads > 1 {
        return parallel::subtract(core, work);
    }
    each_page(core, oldest, |page| {
        if page.kind.get() == PageKind::Typed {
            // SAFETY: typed pages have a type, which is that of their objects.
            unsafe {
                let info = &*page.info.get();
                (info.trace.subtract_page)(page, &mut SubtractAhead { work });
            }
        } else {
            page.headers()
                .filter_map(NonNull::new)
                .for_each(|object| subtract_one(work, object));
        }
    });
    SubtractAhead { work }.finish();
    each_registered(core, oldest, |object| subtract_one(work, object));
}

/// Subtracts the edges of one candidate, if that is not done.
#[inline]
pub(super) fn subtract_one(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: headers of pages and registry are initialised, candidates live.
    unsafe {
        let header = object.as_ref();
        if !header.is_vacant() && header.is_marked(State::Pending) {
            header.set_mark(State::Candidate);
            let (info, bytes) = describe(header);
            (info.trace.subtract)(header, bytes, &mut Subtract { work });
            if header.has(HAS_WEAK) && !work.filled {
                meet_ephemerons(work, object);
            }
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn meet_ephemerons(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: the caller's object is live and has weak references.
    unsafe { Subtract { work }.meet_ephemerons(object) };
}

/// Whether an object of a page, or of the registry, is one that can hold
/// references. Only prefixed ones differ from their page.
///
/// # Safety
/// 1. `header` belongs to a live object of a page of [`each_page`], or is
///    registered.
#[inline]
pub(super) unsafe fn holds(header: &Header) -> bool {
    // SAFETY: duty 1.
    !header.has(PREFIXED) || unsafe { describe(header) }.0.holds
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Gc, Heap, Trace};

    #[derive(Trace)]
    struct Node<const N: usize> {
        next: Cell<Option<Gc<Node<N>>>>,
        #[trace(leaf)]
        _bytes: [u8; N],
    }

    fn nodes<const N: usize>(heap: &Heap, count: usize) -> Vec<Gc<Node<N>>> {
        let node = |_| Node {
            next: Cell::new(None),
            _bytes: [0; N],
        };
        (0..count).map(|index| heap.alloc(node(index))).collect()
    }

    #[test]
    fn a_collection_is_wide_above_a_share_of_what_it_may_examine() {
        let heap = Heap::builder().enabled(false).build();
        let core = heap.core();
        let small = nodes::<8>(&heap, 3000);
        // Outside of pages.
        let large = nodes::<10_000>(&heap, 200);
        let leaves: Vec<Gc<u64>> = (0..5000).map(|leaf| heap.alloc(leaf)).collect();
        // Leaves count in mixed pages alone, where a rare type begins.
        let apart = |is: usize, of: usize| is.abs_diff(of) <= 32;
        for (generation, share) in [(0, 2), (1, 8), (2, 16)] {
            let limit = limit(core, generation);
            assert!(apart(limit * share, 3200), "{limit} in {generation}");
            heap.collect(generation as usize).unwrap();
        }
        assert!(limit(core, 0) < 32 && limit(core, 1) < 32, "all is old");
        assert_eq!(limit(core, -1), usize::MAX - 1);
        heap.examine_widely_above(Some(7));
        assert_eq!(limit(core, 2), 7);
        drop((small, large, leaves));
    }
}
