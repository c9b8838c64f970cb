//! Promotion: what a collection leaves alive grows older, examined or not.
//!
//! No object is touched for it. A page has a *floor*: none of its objects is
//! younger than that, whatever their headers say. Promotion raises the floor of
//! the pages that allocated; a page that allocates again first writes its floor
//! into the headers of the objects that it already holds.

use std::ptr::NonNull;

use super::super::header::{FROZEN, GENERATION_MASK, Header, PREFIXED, UNEXAMINED, UNTRACKED};
use super::super::type_info::TypeInfo;
use super::super::weak::is_key;
use super::visitors::each_edge;
use crate::alloc::arena::page_of;
use crate::alloc::page::{IN_MIDDLE, IN_YOUNG, Page, PageKind, describe};
use crate::alloc::prefix::{IN_PAGE, Prefix};
use crate::heap::core::HeapCore;

impl HeapCore {
    /// Moves the objects of generations 0 to `generation` into the next one.
    /// Cost: the pages that allocated since the last collection.
    ///
    /// After this, no page is listed as young; those that were are listed as
    /// middle after a young collection, and none after others. The cache of
    /// current pages is forgotten: whoever allocates next comes by the slow
    /// path, which lists its page as young again.
    pub(super) fn promote(&self, generation: usize) {
        if generation == 1 && self.bounded.is_some() {
            return self.promote_aged();
        }
        let older = older_than(generation);
        self.forget_object_pages();
        self.promotions.set(self.promotions.get() + 1);
        let mut promoted = 0;
        let mut middle = self.middle_pages.borrow_mut();
        for page in self.young_pages.borrow_mut().drain(..) {
            // SAFETY: listed pages stand in mapped arenas.
            let page_ref = unsafe { &*page };
            page_ref.clear(IN_YOUNG);
            promoted += page_ref.raise_floor(older);
            if older == 1 && page_ref.kind.get() != PageKind::Unused && !page_ref.has(IN_MIDDLE) {
                page_ref.set(IN_MIDDLE);
                middle.push(page);
            }
        }
        if older == 2 {
            for page in middle.drain(..) {
                // SAFETY: as above.
                let page = unsafe { &*page };
                page.clear(IN_MIDDLE);
                promoted += page.raise_floor(older);
            }
        }
        drop(middle);
        for from in 0..=(generation as u32).min(1) {
            promoted += self.registry.borrow()[from as usize].len();
            self.promote_registered(from, older);
        }
        self.promoted.set(promoted);
    }

    /// Promotion after a middle collection on a heap with bounded pauses: what
    /// was young is in the middle generation now, and only what was there
    /// already is old. So nothing becomes old that did not outlive a young
    /// collection and what was allocated until the next middle one: the older an
    /// object is, the less likely it dies soon, and what dies old waits for a
    /// whole cycle.
    fn promote_aged(&self) {
        self.forget_object_pages();
        self.promotions.set(self.promotions.get() + 1);
        self.promote_middle();
        let mut middle = self.middle_pages.borrow_mut();
        for page in self.young_pages.borrow_mut().drain(..) {
            // SAFETY: listed pages stand in mapped arenas.
            let page_ref = unsafe { &*page };
            page_ref.clear(IN_YOUNG);
            page_ref.raise_floor(1);
            if page_ref.kind.get() != PageKind::Unused {
                page_ref.set(IN_MIDDLE);
                middle.push(page);
            }
        }
        drop(middle);
        self.promote_registered(0, 1);
    }

    /// Makes the middle generation old without examining it.
    pub(super) fn promote_middle(&self) {
        let mut promoted = self.registry.borrow()[1].len();
        self.promote_registered(1, 2);
        for page in self.middle_pages.borrow_mut().drain(..) {
            // SAFETY: listed pages stand in mapped arenas.
            let page = unsafe { &*page };
            page.clear(IN_MIDDLE);
            promoted += if page.has(IN_YOUNG) {
                page.age_middle()
            } else {
                page.raise_floor(2)
            };
        }
        self.promoted.set(promoted);
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

impl Page {
    /// Makes every object at least as old as `older`. Returns how many grew
    /// older, as far as the page knows: objects that died since the page was
    /// listed count as young ones.
    fn raise_floor(&self, older: u32) -> usize {
        if self.kind.get() == PageKind::Unused {
            return 0;
        }
        let young = self.live().saturating_sub(self.settled.get());
        self.settled.set(self.live());
        self.floor.set((older as u8).max(self.floor.get()));
        let promoted = match older {
            1 => {
                self.aging.set(self.aging.get() + young);
                young
            }
            _ => young + self.aging.replace(0),
        };
        promoted as usize
    }

    /// Makes the objects of the middle generation old in a page that has young
    /// ones. Returns how many.
    fn age_middle(&self) -> usize {
        self.aging.set(0);
        let mut aged = 0;
        for header in self.headers() {
            // SAFETY: headers of carved blocks are initialised.
            let header = unsafe { &*header };
            if !header.is_vacant() && header.generation() == 1 {
                header.set_generation(2);
                aged += 1;
            }
        }
        aged
    }

    /// Writes the floor into the headers: the page is about to get younger
    /// objects.
    pub(crate) fn lower_floor(&self) {
        let floor = u32::from(self.floor.replace(0));
        self.settled.set(self.live());
        if floor == 0 {
            return;
        }
        for header in self.headers() {
            // SAFETY: headers of carved blocks are initialised.
            let header = unsafe { &*header };
            let scratch = header.scratch.get();
            if !header.is_vacant() && scratch & GENERATION_MASK < floor {
                header.scratch.set(scratch & !GENERATION_MASK | floor);
            }
        }
    }
}

/// The generation that survivors of a collection go to.
pub(super) fn older_than(generation: usize) -> u32 {
    (generation as u32 + 1).min(2)
}

/// The generation of an object.
///
/// # Safety
/// 1. `header` belongs to an object of a heap that is alive.
#[inline]
pub(crate) unsafe fn generation_of(header: *const Header) -> u32 {
    // SAFETY: duty 1: prefixed objects have a prefix, others stand in a page.
    unsafe {
        let written = (*header).scratch.get() & GENERATION_MASK;
        let block: *const u8 = if !(*header).has(PREFIXED) {
            header.cast()
        } else if (*Prefix::of(header)).index.get() == IN_PAGE {
            Prefix::of(header).cast()
        } else {
            return written;
        };
        written.max(u32::from((*page_of(block)).floor.get()))
    }
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
        {
            if notes_examination(info) {
                object.as_ref().clear(UNEXAMINED);
            }
            if holds_nothing_tracked(object.as_ptr()) {
                object.as_ref().set(UNTRACKED);
            }
        }
    }
}

/// Whether an object that skipped examination would be untracked by now: a
/// tuple that survived a collection, or a dict that reached the oldest
/// generation, and holds nothing tracked. Not one that reached it by `freeze`
/// and `unfreeze`, or was resurrected from the trash, until the next collection
/// of it.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn untracks_by_now(header: *const Header) -> bool {
    // SAFETY: duty 1.
    unsafe {
        let generation = generation_of(header);
        if generation == 0 || generation == FROZEN {
            return false;
        }
        let (info, _) = describe(header);
        info.untracks_in.is_some_and(|least| generation >= least)
            && !(notes_examination(info) && (*header).has(UNEXAMINED))
            && holds_nothing_tracked(header)
    }
}

/// Whether `UNEXAMINED` means anything in objects of this type.
fn notes_examination(info: &TypeInfo) -> bool {
    info.untracks_in.is_some() && info.finalize.is_none()
}

/// Settles whether an object that is about to be frozen is untracked, since its
/// generation will no longer tell.
///
/// # Safety
/// 1. `header` belongs to a live object that is not frozen.
pub(crate) unsafe fn settle_tracking(header: &Header) {
    // SAFETY: duty 1.
    unsafe {
        if untracks_by_now(header) {
            header.set(UNTRACKED);
        } else {
            note_unexamined(header);
        }
    }
}

/// Keeps an object tracked, whatever its generation, until the next collection
/// of it, unless it is untracked already.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn note_unexamined(header: &Header) {
    // SAFETY: duty 1.
    if !header.has(UNTRACKED) && notes_examination(unsafe { describe(header) }.0) {
        header.set(UNEXAMINED);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::tests::page::with_page;

    #[test]
    fn a_promotion_counts_what_came_since_the_last_one() {
        with_page(PageKind::Typed, 32, |page| {
            for (used, older, promoted, floor) in [
                (10, 1, 10, 1),
                (15, 1, 5, 1),
                (12, 1, 0, 1),
                (14, 2, 2 + 15, 2),
                (14, 2, 0, 2),
                (20, 1, 6, 2),
            ] {
                page.used.set(used);
                assert_eq!(page.raise_floor(older), promoted, "{used} to {older}");
                assert_eq!((page.floor.get(), page.settled.get()), (floor, used));
            }
            page.kind.set(PageKind::Unused);
            page.used.set(30);
            assert_eq!(page.raise_floor(2), 0);
        });
    }

    #[test]
    fn a_page_that_is_young_again_writes_ages_into_its_objects() {
        with_page(PageKind::Typed, 32, |page| {
            page.carve();
            let header = |index: usize| {
                let header = page.headers().nth(index).expect("carved");
                // SAFETY: headers of carved blocks are initialised.
                unsafe { &*header }
            };
            for (index, generation) in [(0, 0), (1, 1), (2, 2), (3, 3)] {
                header(index).word.set(1);
                header(index).set_generation(generation);
            }
            let ages =
                || [0, 1, 2, 3, 4].map(|index| header(index).scratch.get() & GENERATION_MASK);
            page.used.set(4);
            page.lower_floor();
            assert_eq!(ages(), [0, 1, 2, 3, 0], "the floor was the lowest");
            page.floor.set(2);
            page.lower_floor();
            assert_eq!(ages(), [2, 2, 2, 3, 0], "what is vacant has no age");
            assert_eq!((page.floor.get(), page.settled.get()), (0, 4));
        });
    }
}
