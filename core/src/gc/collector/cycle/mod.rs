//! The incremental cycle of a heap with bounded pauses: the old generation is
//! collected in slices, between which the mutator runs.
//!
//! Read [`Cycle::advance`] first: it names the phases in order.
//!
//! ```text
//!   count_edges       walk pages     edges among old objects, per object
//!   mark_reachable    walk, follow   what has more references than edges, and
//!                                    what that reaches
//!   gather_suspected  walk pages     the rest, in a list; marks of others go
//!   order_suspected   follow         components, predecessors first
//!   free_batches      per batch      trial deletion in one step, then PEP 442
//! ```
//!
//! There is no write barrier, so all phases but the last only estimate. The last
//! is exact for each batch, because it happens in one step: see `batch`. It
//! frees every object that was garbage when the cycle began and that no younger
//! garbage refers to: such objects do not change, every edge to them is counted,
//! and their predecessors are freed before or with them.
//!
//! Invariants:
//! - *listed*: an address that a list of the cycle has between two slices is that
//!   of a listed object ([`LISTED`]), whose block is not given back before it is
//!   off the list. Lists are `members` and the mark stack.
//! - *marks*: only old objects of this heap, and listed ones that left the old
//!   generation, are marked [`State::Cycle`]; none when no cycle runs. Young and
//!   middle collections leave them alone, a full one gives the cycle up first.
//! - *clean*: the cycle makes old objects clean that nothing proved reachable, so
//!   the next full collection examines everything; see [`Bounded::cleaned`].

mod batch;
mod count;
mod cursor;
mod order;
mod pace;
mod reach;
mod suspected;
#[cfg(test)]
mod testing;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Outcome;
use super::work::Work;
use crate::gc::death::message_of;
use crate::gc::header::{LISTED, Mark as State};
use crate::heap::bounded::Done;
use crate::heap::clock::now_ns;
use crate::heap::core::HeapCore;
use crate::heap::errors::HeapError;
use crate::heap::records::{CollectionRecord, Info, Phase as Told};
use cursor::Cursor;
use order::Order;
use pace::Pace;
use suspected::Suspected;

/// What a heap with bounded pauses has besides.
pub(crate) struct Bounded {
    /// Objects that one pause deals with.
    pub(crate) most: usize,
    /// The cycle under way. A slice takes it out while it runs.
    cycle: RefCell<Option<Box<Cycle>>>,
    pace: Pace,
    pub(crate) done: RefCell<Done>,
    /// A cycle made objects clean since the last full collection, so that
    /// suspects no longer lead to all garbage.
    cleaned: Cell<bool>,
    /// Free blocks in pages that were found since young objects were counted
    /// last ...
    room: Cell<usize>,
    /// ... and these found to be more than a pause's share.
    many_young: Cell<bool>,
}

/// One pass over the old generation.
struct Cycle {
    phase: Phase,
    cursor: Cursor,
    /// For its mark stack and queue of prefetches.
    work: Work,
    /// Entries at the bottom of the mark stack that are listed.
    pinned: usize,
    suspected: Suspected,
    order: Order,
    /// Old objects counted.
    counted: usize,
    /// Some of them were suspects.
    met_suspect: bool,
    /// Something suspected was not freed.
    left_over: bool,
    outcome: Outcome,
    batches: u64,
    oversized: u64,
    largest: usize,
    duration_ns: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Count,
    Mark,
    Gather,
    Order,
    Free,
}

/// How a slice left its cycle.
enum Left {
    UnderWay,
    Ended,
    Failed(Option<HeapError>),
}

/// Work that a slice may still do, in objects.
struct Budget {
    left: isize,
    glances: usize,
}

impl Budget {
    /// Headers that cost as much to look at as an object to follow.
    const GLANCES: usize = 8;

    fn new(units: usize) -> Budget {
        Budget {
            left: units.max(1).min(isize::MAX as usize).cast_signed(),
            glances: 0,
        }
    }

    fn left(&self) -> usize {
        self.left.max(0).cast_unsigned()
    }

    fn is_spent(&self) -> bool {
        self.left <= 0
    }

    fn spend(&mut self, units: usize) {
        self.left = self.left.saturating_sub_unsigned(units);
    }

    /// Headers were looked at.
    fn look_at(&mut self, headers: usize) {
        self.glances += headers;
        self.spend(self.glances / Budget::GLANCES);
        self.glances %= Budget::GLANCES;
    }
}

impl Bounded {
    pub(crate) fn new(most: usize) -> Box<Bounded> {
        Box::new(Bounded {
            most,
            cycle: RefCell::default(),
            pace: Pace::default(),
            done: RefCell::new(Done::new()),
            cleaned: Cell::new(false),
            room: Cell::new(0),
            many_young: Cell::new(false),
        })
    }

    /// Whether the cycle under way knows what it suspects.
    fn is_freeing(&self) -> bool {
        let cycle = self.cycle.borrow();
        let phase = cycle.as_ref().map(|cycle| cycle.phase);
        matches!(phase, Some(Phase::Order | Phase::Free))
    }
}

impl Cycle {
    fn new(core: &HeapCore) -> Cycle {
        let mut work = Work::new(core, 2);
        work.incremental = true;
        Cycle {
            phase: Phase::Count,
            cursor: Cursor::default(),
            work,
            pinned: 0,
            suspected: Suspected::default(),
            order: Order::default(),
            counted: 0,
            met_suspect: false,
            left_over: false,
            outcome: Outcome::default(),
            batches: 0,
            oversized: 0,
            largest: 0,
            duration_ns: 0,
        }
    }

    /// Goes on until the budget is spent.
    fn advance(&mut self, core: &HeapCore, most: usize, budget: &mut Budget) -> Left {
        while !budget.is_spent() {
            if self.phase == Phase::Free {
                if batch::free_batches(core, self, most, budget) {
                    return Left::Ended;
                }
                continue;
            }
            let run = catch_unwind(AssertUnwindSafe(|| match self.phase {
                Phase::Count => count::count_edges(core, self, budget),
                Phase::Mark => reach::mark_reachable(core, self, budget),
                Phase::Gather => suspected::gather_suspected(core, self, budget),
                Phase::Order | Phase::Free => order::order_suspected(self, budget),
            }));
            match run {
                Err(panic) => {
                    return Left::Failed(Some(HeapError::Panicked {
                        hook: "trace",
                        type_name: "an object under examination",
                        message: message_of(panic),
                    }));
                }
                Ok(_) if self.work.grey_lost || self.suspected.overflow => {
                    return Left::Failed(None);
                }
                Ok(true) => self.begin_next(most),
                Ok(false) => {}
            }
        }
        Left::UnderWay
    }

    fn begin_next(&mut self, most: usize) {
        self.cursor = Cursor::default();
        self.phase = match self.phase {
            Phase::Count => Phase::Mark,
            Phase::Mark => {
                self.work.grey = Vec::new();
                Phase::Gather
            }
            // What fits into one batch needs no order.
            Phase::Gather if self.suspected.members.len() <= most / batch::COST => Phase::Free,
            Phase::Gather => Phase::Order,
            Phase::Order | Phase::Free => Phase::Free,
        };
    }

    /// Takes all marks away and frees what died while it was listed.
    fn give_up(mut self, core: &HeapCore) {
        for object in self.work.grey.drain(..).take(self.pinned) {
            // SAFETY: listed until here.
            unsafe { reach::unlist(core, object) };
        }
        let members = self.suspected.members.len();
        let listed = match self.phase {
            Phase::Free => self.order.take(members, usize::MAX),
            _ => (0..members).collect(),
        };
        for place in listed {
            let object = self.suspected.members[place];
            // SAFETY: listed until here.
            unsafe {
                if reach::unlist(core, object) {
                    object.as_ref().unmark();
                }
            }
        }
        if matches!(self.phase, Phase::Count | Phase::Mark | Phase::Gather) {
            core.each_object(|object| {
                // SAFETY: enumerated objects are live.
                let header = unsafe { object.as_ref() };
                if header.is_marked(State::Cycle) {
                    debug_assert!(!header.has(LISTED), "only lists list");
                    header.unmark();
                }
            });
        }
    }
}

impl HeapCore {
    /// Whether an incremental cycle is under way.
    pub(crate) fn has_cycle(&self) -> bool {
        let bounded = self.bounded.as_ref();
        bounded.is_some_and(|bounded| bounded.cycle.borrow().is_some())
    }

    /// Whether suspects do not lead to all garbage, because cycles made objects
    /// clean.
    pub(super) fn suspects_are_incomplete(&self) -> bool {
        let bounded = self.bounded.as_ref();
        bounded.is_some_and(|bounded| bounded.cleaned.get())
    }

    /// A full collection begins, which examines what the cycle does, or the heap
    /// closes.
    pub(crate) fn give_up_cycle(&self) {
        let Some(bounded) = &self.bounded else { return };
        let cycle = bounded.cycle.take();
        if let Some(cycle) = cycle {
            cycle.give_up(self);
        }
    }

    /// One slice of the cycle, which begins if none is under way. True when none
    /// is under way afterwards.
    pub(crate) fn collect_slice(&self, bounded: &Bounded, units: usize) -> bool {
        if self.collecting.replace(true) {
            return false;
        }
        self.call_hooks(Told::Start, Info::start(2));
        let start = now_ns();
        let cycle = bounded.cycle.take();
        let mut cycle = cycle.unwrap_or_else(|| {
            bounded.cleaned.set(true);
            bounded.pace.begin();
            Box::new(Cycle::new(self))
        });
        let before = cycle.outcome;
        let young = self.young_count.get();
        let state = cycle.advance(self, bounded.most, &mut Budget::new(units));
        let told = Outcome {
            unreachable: cycle.outcome.unreachable - before.unreachable,
            ..Outcome::default()
        };
        // Deaths of old objects leave the young ones as many as they were.
        self.young_count.set(self.young_count.get().max(young));
        let duration_ns = now_ns().wrapping_sub(start);
        cycle.duration_ns += duration_ns;
        bounded.done.borrow_mut().note_slice(duration_ns);
        let ended = match state {
            Left::UnderWay if !self.closed.get() => {
                bounded.cycle.replace(Some(cycle));
                false
            }
            Left::Ended => {
                self.end_cycle(bounded, &cycle);
                true
            }
            Left::UnderWay => {
                cycle.give_up(self);
                true
            }
            Left::Failed(error) => {
                error.into_iter().for_each(|error| self.record_error(error));
                cycle.give_up(self);
                bounded.done.borrow_mut().abandoned += 1;
                bounded.pace.fail();
                true
            }
        };
        self.call_hooks(Told::Stop, Info::stop(2, &told));
        self.collecting.set(false);
        ended
    }

    /// A cycle counts as one collection of the oldest generation.
    fn end_cycle(&self, bounded: &Bounded, cycle: &Cycle) {
        let mut outcome = cycle.outcome;
        outcome.candidates = cycle.counted;
        self.count_in_stats(2, &outcome);
        self.records.borrow_mut().push(CollectionRecord {
            generation: 2,
            duration_ns: cycle.duration_ns,
            candidates: outcome.candidates,
            unreachable: outcome.unreachable,
            finalized: outcome.finalized,
            resurrected: outcome.resurrected,
        });
        let mut done = bounded.done.borrow_mut();
        done.cycles += 1;
        done.freed += outcome.unreachable as u64;
        done.batches += cycle.batches;
        done.oversized += cycle.oversized;
        done.largest = done.largest.max(cycle.largest);
        bounded.pace.end(cycle);
    }
}

#[cfg(test)]
mod tests;
