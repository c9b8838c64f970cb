//! Promotion: what a collection leaves alive grows older, examined or not.

use std::ptr::NonNull;

use super::super::header::{FROZEN, Header, UNTRACKED};
use super::super::weak::is_key;
use super::visitors::each_edge;
use crate::alloc::page::{CURRENT, IN_MIDDLE, IN_YOUNG, Page, PageKind, describe};
use crate::heap::core::HeapCore;

impl HeapCore {
    /// Moves the objects of generations 0 to `generation` into the next one.
    /// Cost: the blocks of pages that hold young objects.
    pub(super) fn promote(&self, generation: usize) {
        let older = (generation as u32 + 1).min(2);
        let mut promoted = self.promote_pages(older);
        for from in 0..=(generation as u32).min(1) {
            promoted += self.registry.borrow()[from as usize].len();
            self.promote_registered(from, older);
        }
        self.promoted.set(promoted);
    }

    fn promote_pages(&self, older: u32) -> usize {
        let mut promoted = 0;
        let young = std::mem::take(&mut *self.young_pages.borrow_mut());
        let mut still_young = Vec::new();
        for page in young {
            // SAFETY: listed pages stand in mapped arenas.
            let page_ref = unsafe { &*page };
            let moved = promote_page(page_ref, 0, older);
            promoted += moved;
            if page_ref.has(CURRENT) {
                still_young.push(page);
            } else {
                page_ref.clear(IN_YOUNG);
            }
            if older == 1 && moved > 0 && !page_ref.has(IN_MIDDLE) {
                page_ref.set(IN_MIDDLE);
                self.middle_pages.borrow_mut().push(page);
            }
        }
        *self.young_pages.borrow_mut() = still_young;
        if older == 2 {
            for page in std::mem::take(&mut *self.middle_pages.borrow_mut()) {
                // SAFETY: as above.
                let page = unsafe { &*page };
                promoted += promote_page(page, 1, older);
                page.clear(IN_MIDDLE);
            }
        }
        promoted
    }

    /// CPython's 25 % rule needs the survivors of middle collections and the
    /// size of the heap after a full one.
    pub(super) fn note_long_lived(&self, generation: usize, trash: usize) {
        match generation {
            0 => {}
            1 => {
                let survivors = self.promoted.get().saturating_sub(trash);
                self.long_lived_pending
                    .set(self.long_lived_pending.get() + survivors);
            }
            _ => {
                self.long_lived_pending.set(0);
                self.long_lived_total
                    .set(self.containers().saturating_sub(trash));
            }
        }
    }
}

fn promote_page(page: &Page, from: u32, to: u32) -> usize {
    if page.kind.get() == PageKind::Unused {
        return 0;
    }
    let mut moved = 0;
    for header in page.headers() {
        // SAFETY: headers of carved blocks are initialised.
        let header = unsafe { &*header };
        if !header.is_vacant() && header.generation() == from {
            header.set_generation(to);
            moved += 1;
        }
    }
    moved
}

/// Untracks a survivor that was found to hold nothing tracked, if its type
/// says so: CPython's `untrack_tuples` and, in full collections, `untrack_dicts`.
///
/// # Safety
/// 1. `object` is live.
pub(super) unsafe fn untrack_survivor(object: NonNull<Header>, generation: usize) {
    // SAFETY: duty 1.
    unsafe {
        let (info, _) = describe(object.as_ptr());
        if let Some(least) = info.untracks_in
            && least as usize <= generation
            && holds_nothing_tracked(object.as_ptr())
        {
            object.as_ref().set(UNTRACKED);
        }
    }
}

/// Whether an object that skipped examination would be untracked by now: a
/// tuple that survived a collection, or a dict that reached the oldest
/// generation, and holds nothing tracked.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn untracks_by_now(header: *const Header) -> bool {
    // SAFETY: duty 1.
    unsafe {
        let generation = (*header).generation();
        generation > 0
            && generation != FROZEN
            && describe(header)
                .0
                .untracks_in
                .is_some_and(|least| generation >= least)
            && holds_nothing_tracked(header)
    }
}

/// An untracked dict may be tracked again, so whoever holds it stays tracked;
/// an untracked tuple never is (CPython's `_PyObject_GC_MAY_BE_TRACKED`).
#[inline(never)]
unsafe fn holds_nothing_tracked(header: *const Header) -> bool {
    let mut tracked = false;
    // SAFETY: the caller's object is live, and so are its edges.
    unsafe {
        each_edge(header, |target| {
            let may_change = || {
                describe(target.as_ptr())
                    .0
                    .untracks_in
                    .is_some_and(|g| g > 0)
            };
            tracked |= !target.as_ref().has(UNTRACKED) || may_change();
        });
        tracked |= is_key(header);
    }
    !tracked
}
