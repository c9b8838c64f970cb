//! When a heap with bounded pauses collects what.
//!
//! Young objects are collected as ever, and the middle generation with them as
//! long as both fit into one pause. A slice of the cycle never shares a mutator
//! call with another collection: it runs some allocations later.
//!
//! What may become garbage in the old generation is what was promoted into it
//! (the *share* of it that did so lately is known) and what the mutator let go
//! there. A cycle begins when the garbage to expect is a twenty-fifth of the old
//! objects, or when the mutator allocated eight times as many objects as there
//! are old ones; and not if nothing can have become garbage. From then on each
//! promoted object and each young collection is owed some units of work, so that
//! the cycle ends before another fortieth is promoted, or before twice as many
//! objects as there are old ones are allocated. What is owed beyond one slice
//! waits: the bound on the pause comes before that on floating garbage.

use std::cell::Cell;

use super::super::wide;
use super::{Bounded, Cycle};
use crate::alloc::page::Page;
use crate::gc::collector::promote::generation_of;
use crate::heap::core::HeapCore;

/// Units of work in slices for each allocation, at most: it says how many
/// allocations lie between two slices.
const UNITS_PER_ALLOCATION: usize = 64;
/// Work that makes a slice worth its while.
const LEAST: usize = 2048;
/// Old objects to one of expected garbage when a cycle begins.
const BEGIN: usize = 25;
/// Old objects to one that may be promoted while it runs.
const DURING: usize = 40;
/// Units of work for each old object: counting, marking and the walks.
const WORK: usize = 3;

/// What is owed, and what it is reckoned from.
pub(super) struct Pace {
    /// Old objects when the last cycle, or full collection, ended.
    old: Cell<usize>,
    /// Objects promoted since the last one began.
    promoted: Cell<usize>,
    /// Allocations since then, roughly.
    allocated: Cell<usize>,
    /// Units of work owed to the cycle.
    owed: Cell<usize>,
    /// Promoted objects of which one became garbage, 1 or 2.
    per_garbage: Cell<usize>,
    promoted_before: Cell<usize>,
    /// The last cycle met suspects or left something: the next may find garbage
    /// even if nothing happens until then.
    unsettled: Cell<bool>,
    /// A cycle was given up: not before so many allocations again.
    patience: Cell<usize>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            old: Cell::new(0),
            promoted: Cell::new(0),
            allocated: Cell::new(0),
            owed: Cell::new(0),
            per_garbage: Cell::new(2),
            promoted_before: Cell::new(0),
            unsettled: Cell::new(false),
            patience: Cell::new(0),
        }
    }
}

impl Pace {
    pub(super) fn begin(&self) {
        self.promoted_before.set(self.promoted.replace(0));
        self.allocated.set(0);
    }

    pub(super) fn end(&self, cycle: &Cycle) {
        let freed = cycle.outcome.unreachable;
        self.old.set(cycle.counted.saturating_sub(freed));
        self.owed.set(0);
        self.unsettled.set(cycle.met_suspect || cycle.left_over);
        let seen = self.promoted_before.get();
        let share = (seen / freed.max(1)).clamp(1, 2);
        self.per_garbage.set(share);
    }

    /// The lists could not grow, or a trace panicked.
    pub(super) fn fail(&self) {
        self.owed.set(0);
        self.unsettled.set(true);
        self.patience.set(self.old.get().max(LEAST));
    }

    /// A full collection examined everything.
    fn settle(&self, old: usize) {
        self.old.set(old);
        self.promoted.set(0);
        self.allocated.set(0);
        self.owed.set(0);
        self.unsettled.set(false);
    }

    /// A collection promoted so many into the old generation.
    fn note(&self, promoted: usize, allocated: usize) {
        self.promoted.set(self.promoted.get() + promoted);
        self.allocated.set(self.allocated.get() + allocated);
        self.patience
            .set(self.patience.get().saturating_sub(allocated));
    }

    /// Whether a cycle is to begin.
    fn is_due(&self, most: usize) -> bool {
        let old = self.old.get().max(most);
        let garbage = self.promoted.get() / self.per_garbage.get();
        self.patience.get() == 0 && (garbage >= old / BEGIN || self.allocated.get() / 8 >= old)
    }

    /// Adds what a promotion and a young collection owe to a running cycle.
    fn owe(&self, promoted: usize, allocated: usize) {
        let each = (WORK * DURING).div_ceil(self.per_garbage.get());
        let more = promoted * each + allocated * WORK / 2 + LEAST;
        self.owed.set(self.owed.get().saturating_add(more));
    }

    fn pay(&self, units: usize) {
        self.owed.set(self.owed.get().saturating_sub(units));
    }
}

impl Bounded {
    /// The young count at which a collection is due.
    pub(crate) fn young_limit(&self, threshold: usize) -> usize {
        threshold.min((self.most / 2).max(1))
    }
}

impl HeapCore {
    /// A pause that is due: a young or middle collection, or else a slice.
    pub(in super::super) fn pause_within_bounds(&self, bounded: &Bounded) {
        let limit = bounded.young_limit(self.thresholds.get().0);
        let pace = &bounded.pace;
        if self.young_count.get() > limit || bounded.many_young.take() {
            self.collect_younger(bounded);
            if !self.has_cycle() && pace.is_due(bounded.most) {
                if self.may_have_old_garbage(bounded) {
                    pace.owe(0, 0);
                } else {
                    pace.allocated.set(0);
                }
            }
        } else if pace.owed.get() > 0 {
            let units = pace.owed.get().clamp(1, bounded.most);
            pace.pay(units);
            self.collect_slice(bounded, units);
            if bounded.is_freeing() {
                pace.owed.set(bounded.most); // The rest costs what it frees.
            }
        }
        self.rearm(bounded);
    }

    /// Sets when the next pause is due.
    fn rearm(&self, bounded: &Bounded) {
        self.update_trigger();
        if self.trigger.get() != usize::MAX && bounded.pace.owed.get() > 0 {
            let spacing = (bounded.most / UNITS_PER_ALLOCATION).min(self.trigger.get() / 2);
            let soon = self.young_count.get() + spacing;
            self.trigger.set(self.trigger.get().min(soon));
        }
    }

    /// Collects the young generation, and the middle one if it is time and both
    /// fit into one pause. A middle generation that does not fit becomes old.
    fn collect_younger(&self, bounded: &Bounded) {
        let [mut young, mut middle] = self.estimate_younger();
        let (_, threshold, _) = self.thresholds.get();
        let is_time = self.older_counts.get()[0] > threshold || middle + 2 * young > bounded.most;
        if is_time {
            [young, middle] = self.count_younger();
        }
        let fits = young + middle <= bounded.most;
        let before = bounded.pace.promoted.get();
        if fits && is_time {
            self.collect_quietly(1);
        } else {
            self.collect_quietly(0);
            if !fits {
                self.promote_middle();
                bounded.pace.note(self.promoted.get(), 0);
            }
        }
        bounded.pace.note(0, young);
        bounded.room.set(0);
        if self.has_cycle() {
            let promoted = bounded.pace.promoted.get().saturating_sub(before);
            bounded.pace.owe(promoted, young);
        }
    }

    /// A page with free blocks was found for young objects. Where as many old
    /// objects die as young ones are made the young count says little, so the
    /// young are counted themselves when they may be as many as the bound.
    #[cold]
    pub(crate) fn note_room(&self, page: &Page) {
        let Some(bounded) = &self.bounded else { return };
        let carved = page.carved_bytes.get() / page.block_bytes.get();
        let room = carved.saturating_sub(page.live()) as usize;
        bounded.room.set(bounded.room.get() + room);
        if bounded.room.get() <= bounded.most || self.trigger.get() == usize::MAX {
            return;
        }
        let [young, _] = self.count_younger();
        bounded.room.set(young);
        if young > bounded.most / 2 {
            self.trigger.set(0);
            bounded.many_young.set(true);
        }
    }

    /// Objects of the young and of the middle generation, without those in whose
    /// place an old one died. O(pages that have some).
    fn estimate_younger(&self) -> [usize; 2] {
        let sum = |pages: &[*const Page], of: fn(&Page) -> u32| -> usize {
            // SAFETY: listed pages stand in mapped arenas.
            pages
                .iter()
                .map(|&page| of(unsafe { &*page }) as usize)
                .sum()
        };
        let young = |page: &Page| page.live().saturating_sub(page.settled.get());
        let middle = |page: &Page| page.aging.get().min(page.live());
        let registry = self.registry.borrow();
        [
            sum(&self.young_pages.borrow(), young) + registry[0].len(),
            sum(&self.middle_pages.borrow(), middle) + registry[1].len(),
        ]
    }

    /// Objects of the young and of the middle generation. O(objects in pages that
    /// have some).
    fn count_younger(&self) -> [usize; 2] {
        let registry = self.registry.borrow();
        let mut counts = [registry[0].len(), registry[1].len(), 0, 0];
        wide::each_page(self, 1, |page| {
            for header in page.headers() {
                // SAFETY: headers of carved blocks are initialised.
                let header = unsafe { &*header };
                let generation = header.generation().max(u32::from(page.floor.get()));
                counts[generation as usize] += usize::from(!header.is_vacant());
            }
        });
        [counts[0], counts[1]]
    }

    /// Whether anything can have become garbage in the old generation since the
    /// last cycle began: something was promoted, the last cycle was not the end of it,
    /// or there is an old suspect.
    fn may_have_old_garbage(&self, bounded: &Bounded) -> bool {
        let pace = &bounded.pace;
        if pace.promoted.get() > 0 || pace.unsettled.get() {
            return true;
        }
        let is_old_suspect = |header: *mut crate::gc::header::Header| {
            // SAFETY: headers of carved blocks and registered ones are initialised.
            unsafe { (*header).is_live_suspect() && generation_of(header) == 2 }
        };
        let in_page = |page: *const Page| {
            // SAFETY: listed pages stand in mapped arenas.
            let page = unsafe { &*page };
            page.floor.get() == 2 || page.headers().any(is_old_suspect)
        };
        self.suspect_pages().into_iter().any(in_page)
            || self.registry.borrow()[2]
                .iter()
                .any(|&header| is_old_suspect(header))
    }

    /// A collection of a generation examined so many objects.
    pub(in super::super) fn note_examined(&self, generation: usize, examined: usize) {
        let Some(bounded) = &self.bounded else { return };
        if generation == 2 {
            bounded.cleaned.set(false);
            bounded.pace.settle(self.long_lived_total.get());
            self.rearm(bounded);
            return;
        }
        if generation == 1 {
            bounded.pace.note(self.promoted.get(), 0);
        }
        if examined > bounded.most {
            bounded.done.borrow_mut().oversized += 1;
        }
    }
}

#[cfg(test)]
mod tests;
