//! Trial deletion: from suspects to the tentatively unreachable set.
//!
//! After `update_refs` the seeds are candidates with a copied count. After
//! `subtract_refs` the candidates are the forward closure of the seeds inside
//! the collected generations, or all objects of these in a wide collection, and
//! each copy counts the references from outside of them. After
//! `move_unreachable` a candidate marked `Candidate` is unreachable as far as
//! counts can tell, one marked `Live` is not.

use std::ptr::NonNull;

use super::super::header::{COPY_ONE, GENERATION_MASK, HAS_WEAK, Header, MARK_MASK};
use super::super::header::{Mark as State, UNTRACKED};
#[cfg(feature = "parallel")]
use super::parallel;
use super::promote::untracks_by_now;
use super::visitors::Mark;
use super::wide;
use super::work::{Work, prefetch};
use crate::alloc::page::{IN_SUSPECT, Page, PageKind, describe};
use crate::heap::core::HeapCore;

/// Objects looked at ahead of the one whose edges are subtracted.
const AHEAD: usize = 8;

/// Copies the count of every suspect of the collected generations. Objects
/// pinned by a declared root are live and no seed; they stay suspects.
#[inline(never)]
pub(crate) fn update_refs(core: &HeapCore, work: &mut Work) {
    // Where nothing is suspected no root need be told from it: there may be a million.
    let pins = core.has_suspect_pages() || wide::has_registered(core, work.oldest);
    if pins {
        pin_roots(core, State::None, State::Pinned);
    }
    if work.oldest >= 2 {
        take_all_seeds(core, work);
    } else {
        take_listed_seeds(work, &core.young_pages.borrow());
        if work.oldest == 1 {
            take_listed_seeds(work, &core.middle_pages.borrow());
        }
    }
    wide::each_registered(core, work.oldest, |object| {
        take_seed(work, object, true);
    });
    if pins {
        pin_roots(core, State::Pinned, State::None);
    }
    if work.wide {
        wide::fill(core, work);
    }
}

fn pin_roots(core: &HeapCore, from: State, to: State) {
    for root in core.roots.borrow().headers() {
        // SAFETY: a declared root holds a count of its object.
        let header = unsafe { root.as_ref() };
        if header.is_marked(from) {
            header.set_mark(to);
        }
    }
}

/// Makes candidates of all suspects in pages. Pages that keep one stay listed;
/// a wide collection sees to that itself.
fn take_all_seeds(core: &HeapCore, work: &mut Work) {
    for page in core.take_suspect_pages() {
        // SAFETY: listed pages stand in mapped arenas.
        let page = unsafe { &*page };
        if take_seeds(work, page) {
            core.list_suspect(page);
        }
        if work.wide {
            return;
        }
    }
}

/// Makes candidates of the suspects in the pages of a list. A page in two lists
/// is looked at twice; its seeds are marked by then.
fn take_listed_seeds(work: &mut Work, pages: &[*const Page]) {
    for &page in pages {
        // SAFETY: listed pages stand in mapped arenas.
        let page = unsafe { &*page };
        if page.has(IN_SUSPECT) && !work.wide {
            take_seeds(work, page);
        }
    }
}

/// Makes candidates of a page's suspects. True when a suspect stays behind.
fn take_seeds(work: &mut Work, page: &Page) -> bool {
    if page.kind.get() == PageKind::Unused {
        return false;
    }
    if i32::from(page.floor.get()) > work.oldest {
        return true;
    }
    let mut left = false;
    let may_untrack = wide::may_untrack(page);
    for header in page.headers() {
        if let Some(object) = NonNull::new(header) {
            left |= take_seed(work, object, may_untrack);
        }
    }
    left
}

/// Makes a suspect a candidate. True when it is one and must stay a suspect.
#[inline(always)]
fn take_seed(work: &mut Work, object: NonNull<Header>, may_untrack: bool) -> bool {
    // SAFETY: headers of pages and registry are initialised.
    let header = unsafe { object.as_ref() };
    header.is_live_suspect() && take_suspect(work, object, may_untrack)
}

fn take_suspect(work: &mut Work, object: NonNull<Header>, may_untrack: bool) -> bool {
    // SAFETY: the caller's object is live.
    let header = unsafe { object.as_ref() };
    let scratch = header.scratch.get();
    let collected = (scratch & GENERATION_MASK).cast_signed() <= work.oldest;
    if scratch & UNTRACKED != 0 || !collected || !header.is_marked(State::None) {
        // SAFETY: a live object. Leaves are born suspects and never examined.
        return header.is_marked(State::Pinned) || unsafe { describe(header) }.0.holds;
    }
    // SAFETY: as above.
    if may_untrack && unsafe { untracks_by_now(header) } {
        header.set(UNTRACKED);
        return true;
    }
    work.add_candidate(object);
    false
}

/// Subtracts the edges of every candidate, in queue order, while the queue
/// grows to the closure, or until the collection becomes wide.
#[inline(never)]
pub(crate) fn subtract_refs(work: &mut Work) {
    let mut index = 0;
    while !work.wide
        && let Some(&object) = work.candidates.get(index)
    {
        if let Some(&ahead) = work.candidates.get(index + AHEAD) {
            prefetch(ahead);
        }
        wide::subtract_one(work, object);
        index += 1;
    }
    if work.wide {
        // SAFETY: the core outlives its collection.
        let core = unsafe { &*work.core };
        if !work.filled {
            wide::fill(core, work);
        }
        wide::subtract(core, work);
    }
}

/// Marks what is held from outside of the candidates, and what that reaches.
#[inline(never)]
pub(crate) fn move_unreachable(work: &mut Work) {
    if work.wide {
        // SAFETY: the core outlives its collection.
        let core = unsafe { &*work.core };
        match work.threads {
            #[cfg(feature = "parallel")]
            2.. => parallel::move_unreachable(core, work),
            _ => wide::each_object(core, work.oldest, |object| scan(work, object)),
        }
    } else {
        let candidates = std::mem::take(&mut work.candidates);
        for &object in &candidates {
            scan(work, object);
        }
        work.candidates = candidates;
    }
    drain_grey(work);
    while std::mem::take(&mut work.grey_lost) {
        work.each_candidate(|work, object| {
            // SAFETY: candidates are live objects.
            if unsafe { object.as_ref() }.is_marked(State::Grey) {
                follow(work, object);
                drain_grey(work);
            }
        });
    }
}

/// Queues a candidate that is held from outside, and follows what is queued.
#[inline]
pub(super) fn scan(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: candidates are live objects.
    let scratch = unsafe { object.as_ref() }.scratch.get();
    if scratch >= COPY_ONE && scratch & MARK_MASK == State::Candidate as u32 {
        work.push_grey(object);
        while let Some(object) = work.next_grey_ahead() {
            follow(work, object);
        }
    }
}

pub(super) fn drain_grey(work: &mut Work) {
    while let Some(object) = work.next_grey() {
        follow(work, object);
    }
}

/// Takes an object that comes out of the mark stack for live, unless it was
/// already or is no candidate.
#[inline]
fn follow(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: the stack holds live objects.
    unsafe {
        let header = object.as_ref();
        let mark = header.mark_bits();
        if mark == State::Candidate as u32 || mark == State::Grey as u32 {
            header.set_mark(State::Live);
            work.live += 1;
            let (info, bytes) = describe(header);
            (info.trace.mark)(header, bytes, &mut Mark { work });
            if header.has(HAS_WEAK) {
                follow_key(work, object);
            }
        }
    }
}

#[cold]
#[inline(never)]
pub(super) unsafe fn follow_key(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: the caller's object is live and has weak references.
    unsafe { Mark { work }.follow_key(object) };
}
