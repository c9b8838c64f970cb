//! Trial deletion: from suspects to the tentatively unreachable set.
//!
//! After `update_refs` the seeds are candidates with a copied count. After
//! `subtract_refs` the candidates are the forward closure of the seeds inside
//! the collected generations, and each copy counts the references from outside
//! of it. After `move_unreachable` a candidate marked `Candidate` is
//! unreachable as far as counts can tell, one marked `Live` is not.

use std::ptr::NonNull;

use super::super::header::{HAS_WEAK, Header, IMMORTAL, Mark as State, UNTRACKED};
use super::visitors::{Mark, Subtract};
use super::work::Work;
use crate::alloc::page::{IN_SUSPECT, Page, PageKind, describe};
use crate::heap::core::HeapCore;

/// Objects looked at ahead of the one whose edges are subtracted.
const AHEAD: usize = 8;

/// Copies the count of every suspect of the collected generations. Objects
/// pinned by a declared root are live and no seed; they stay suspects.
#[inline(never)]
pub(crate) fn update_refs(core: &HeapCore, work: &mut Work) {
    pin_roots(core, State::None, State::Pinned);
    if work.oldest >= 2 {
        for page in core.take_suspect_pages() {
            // SAFETY: listed pages stand in mapped arenas.
            let page = unsafe { &*page };
            if take_seeds(work, page) {
                core.list_suspect(page);
            }
        }
    } else {
        take_listed_seeds(work, &core.young_pages.borrow());
        if work.oldest == 1 {
            take_listed_seeds(work, &core.middle_pages.borrow());
        }
    }
    let oldest = work.oldest.cast_unsigned() as usize;
    let registered: Vec<*mut Header> = core.registry.borrow()[..=oldest].concat();
    for header in registered {
        if let Some(object) = NonNull::new(header) {
            take_seed(work, object);
        }
    }
    pin_roots(core, State::Pinned, State::None);
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

/// Makes candidates of the suspects in the pages of a list. A page in two lists
/// is looked at twice; its seeds are marked by then.
fn take_listed_seeds(work: &mut Work, pages: &[*const Page]) {
    for &page in pages {
        // SAFETY: listed pages stand in mapped arenas.
        let page = unsafe { &*page };
        if page.has(IN_SUSPECT) {
            take_seeds(work, page);
        }
    }
}

/// Makes candidates of a page's suspects. True when a suspect stays behind.
fn take_seeds(work: &mut Work, page: &Page) -> bool {
    if page.kind.get() == PageKind::Unused {
        return false;
    }
    let mut left = false;
    for header in page.headers() {
        if let Some(object) = NonNull::new(header) {
            left |= take_seed(work, object);
        }
    }
    left
}

/// Makes a suspect a candidate. True when it is one and must stay a suspect.
#[inline]
fn take_seed(work: &mut Work, object: NonNull<Header>) -> bool {
    // SAFETY: headers of pages and registry are initialised.
    let header = unsafe { object.as_ref() };
    if header.is_vacant() || !header.is_suspect() || header.word.get() & IMMORTAL != 0 {
        return false;
    }
    let scratch = header.scratch.get();
    let collected = (scratch & super::super::header::GENERATION_MASK).cast_signed() <= work.oldest;
    if scratch & UNTRACKED != 0 || !collected || !header.is_marked(State::None) {
        // SAFETY: a live object. Leaves are born suspects and never examined.
        return header.is_marked(State::Pinned) || unsafe { describe(header) }.0.holds;
    }
    work.add_candidate(object);
    false
}

/// Subtracts the edges of every candidate, in queue order, while the queue
/// grows to the closure.
#[inline(never)]
pub(crate) fn subtract_refs(work: &mut Work) {
    let mut index = 0;
    loop {
        while let Some(&object) = work.candidates.get(index) {
            if let Some(&ahead) = work.candidates.get(index + AHEAD) {
                prefetch(ahead);
            }
            subtract_one(work, object);
            index += 1;
        }
        if !work.rescan {
            return;
        }
        // Some candidates are known by their marks only.
        let pending = work.marked(State::Pending);
        if pending.is_empty() {
            return;
        }
        for object in pending {
            subtract_one(work, object);
        }
    }
}

#[inline]
fn subtract_one(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: candidates are live objects.
    unsafe {
        let header = object.as_ref();
        if header.is_marked(State::Pending) {
            header.set_mark(State::Candidate);
            let (info, bytes) = describe(header);
            (info.subtract)(header, bytes, &mut Subtract { work });
            if header.has(HAS_WEAK) {
                meet_ephemerons(work, object);
            }
        }
    }
}

/// Marks what is held from outside of the candidates, and what that reaches.
#[inline(never)]
pub(crate) fn move_unreachable(work: &mut Work) {
    work.each_candidate(|work, object| {
        // SAFETY: candidates are live objects.
        let header = unsafe { object.as_ref() };
        if header.copied_count() > 0 && header.is_marked(State::Candidate) {
            work.make_grey(object);
            follow_grey(work);
        }
    });
    while work.grey_lost {
        work.grey_lost = false;
        for object in work.marked(State::Grey) {
            follow(work, object);
            follow_grey(work);
        }
    }
}

fn follow_grey(work: &mut Work) {
    while let Some(object) = work.grey.pop() {
        follow(work, object);
    }
}

#[inline]
fn follow(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: candidates are live objects.
    unsafe {
        let header = object.as_ref();
        header.set_mark(State::Live);
        let (info, bytes) = describe(header);
        (info.mark)(header, bytes, &mut Mark { work });
        if header.has(HAS_WEAK) {
            follow_key(work, object);
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn follow_key(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: the caller's object is live and has weak references.
    unsafe { Mark { work }.follow_key(object) };
}

#[cold]
#[inline(never)]
unsafe fn meet_ephemerons(work: &mut Work, object: NonNull<Header>) {
    // SAFETY: the caller's object is live and has weak references.
    unsafe { Subtract { work }.meet_ephemerons(object) };
}

#[inline]
fn prefetch(object: NonNull<Header>) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(object.as_ptr().cast_const().cast(), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = object;
}
