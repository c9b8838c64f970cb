//! The cycle collector: CPython's generational trial deletion, started from
//! suspects.
//!
//! Read [`HeapCore::collect_generation`] first: it names the phases in order.
//! `phases` finds the tentatively unreachable set, `trash` deals with it
//! (weak references, finalizers, resurrection, clearing), `trigger` decides
//! when, `work` holds the lists, `visitors` says what a phase does with an edge,
//! `parallel` shares a wide collection among threads, `cycle` collects the old
//! generation in slices on a heap with bounded pauses.
//!
//! Invariants:
//! - *suspects*: every unreachable object is reachable from an unreachable
//!   suspect, so the forward closure of the suspects contains all garbage.
//! - *no marks*: marks and copied counts are gone whenever user code runs; only
//!   the trash keeps one, [`Mark::Trash`], which hides it from every walk, and
//!   what an incremental cycle has met, [`Mark::Cycle`], which means nothing to
//!   any other phase.
//! - *no heap objects*: the collector allocates none.

pub(crate) mod bulk;
pub(crate) mod cycle;
#[cfg(feature = "parallel")]
pub(crate) mod parallel;
mod phases;
pub(crate) mod promote;
mod settle;
mod trash;
mod trigger;
pub(crate) mod visitors;
pub(crate) mod wide;
pub(crate) mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::death::message_of;
use super::header::{CLEAN, Header, Mark};
use crate::alloc::page::describe;
use crate::heap::clock::now_ns;
use crate::heap::core::HeapCore;
use crate::heap::errors::HeapError;
use crate::heap::records::{CollectionRecord, Info, Phase};
use settle::Settling;
use work::Work;

/// What one collection did.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) unreachable: usize,
    pub(crate) uncollectable: usize,
    pub(crate) finalized: usize,
    resurrected: usize,
    candidates: usize,
}

impl HeapCore {
    /// Collects a generation and all younger ones; 0 when a collection is
    /// already running. Does what CPython's `gc_collect_main` does.
    pub(crate) fn collect_quietly(&self, generation: usize) -> usize {
        if self.collecting.replace(true) {
            return 0;
        }
        if generation == 2 {
            self.give_up_cycle();
        }
        self.call_hooks(Phase::Start, Info::start(generation));
        self.tell_start(generation);
        let start = now_ns();
        let outcome = self.collect_generation(generation);
        let duration_ns = now_ns().wrapping_sub(start);
        self.remember(generation, &outcome, duration_ns);
        self.tell_stop(&outcome, duration_ns);
        // Still inside: a callback that collects must not call itself back.
        self.call_hooks(Phase::Stop, Info::stop(generation, &outcome));
        self.collecting.set(false);
        outcome.unreachable
    }

    /// The phases of a collection, in order.
    fn collect_generation(&self, generation: usize) -> Outcome {
        self.reset_counts(generation);
        let mut work = Work::new(self, generation as i32);
        work.wide = generation == 2 && self.suspects_are_incomplete();
        let mut outcome = Outcome::default();
        let found = self.find_unreachable(&mut work);
        outcome.candidates = work.examined;
        if found && self.frees_in_bulk(&work) {
            outcome.unreachable = work.examined - work.live;
            bulk::delete_garbage(self, &work, generation);
            self.note_long_lived(generation, 0);
            return outcome;
        }
        #[cfg_attr(not(feature = "testing"), expect(unused_mut))]
        let mut trash = if found {
            self.settle_survivors(&mut work, generation)
        } else {
            self.abandon(&mut work, generation)
        };
        #[cfg(feature = "testing")]
        self.reorder(&mut trash);
        let untracked = trash::untracked_before(&trash);
        self.promote(generation);
        self.note_long_lived(generation, trash.len());
        if !trash.is_empty() {
            self.dispose(trash, &untracked, generation, &mut outcome);
        }
        outcome
    }

    fn frees_in_bulk(&self, work: &Work) -> bool {
        work.wide && work.examined > work.live && bulk::may_free(self, work)
    }

    /// Trial deletion. False when it had to be given up: everything is kept.
    fn find_unreachable(&self, work: &mut Work) -> bool {
        let run = catch_unwind(AssertUnwindSafe(|| {
            phases::update_refs(self, work);
            phases::subtract_refs(work);
            if work.breach.is_none() {
                phases::move_unreachable(work);
            }
        }));
        self.was_sound(run, work)
    }

    /// Whether a pass came to its end without a breach; records why not.
    fn was_sound(&self, run: std::thread::Result<()>, work: &Work) -> bool {
        match (run, work.breach) {
            (Ok(()), None) => true,
            (Ok(()), Some(object)) => {
                self.record_error(HeapError::CountBelowZero {
                    // SAFETY: candidates are live objects.
                    type_name: unsafe { describe(object.as_ptr()) }.0.name(),
                });
                false
            }
            (Err(panic), _) => {
                self.record_error(HeapError::Panicked {
                    hook: "trace",
                    type_name: "an object under examination",
                    message: message_of(panic),
                });
                false
            }
        }
    }

    /// Takes all marks away and keeps every candidate a suspect. There is no
    /// trash.
    fn abandon(&self, work: &mut Work, generation: usize) -> Vec<NonNull<Header>> {
        work.each_candidate(|_, object| {
            // SAFETY: candidates are live objects.
            unsafe { keep_suspect(object) };
        });
        if work.wide {
            Settling::new(self, generation).settle(1); // Suspects that are no candidates.
        }
        Vec::new()
    }

    /// Separates the survivors, untracks what may be, and returns the trash
    /// with its marks still on. A full collection cleans the survivors.
    fn settle_survivors(&self, work: &mut Work, generation: usize) -> Vec<NonNull<Header>> {
        let mut settling = Settling::new(self, generation);
        let dead = work.examined - work.live;
        if settling.trash.try_reserve_exact(dead).is_err() {
            self.record_error(HeapError::NoMemory { list: "trash" });
            return self.abandon(work, generation);
        }
        for &object in &work.candidates {
            // SAFETY: candidates are live objects.
            unsafe {
                if object.as_ref().is_marked(Mark::Candidate) {
                    settling.trash.push(object);
                } else {
                    settling.settle_examined(object);
                }
            }
        }
        if work.wide {
            settling.settle(work.threads);
        }
        settling.trash
    }

    fn remember(&self, generation: usize, outcome: &Outcome, duration_ns: u64) {
        self.count_in_stats(generation, outcome);
        self.record_pause(generation, duration_ns, outcome.candidates);
        self.note_examined(generation, outcome.candidates);
        self.records.borrow_mut().push(CollectionRecord {
            generation,
            duration_ns,
            candidates: outcome.candidates,
            unreachable: outcome.unreachable,
            finalized: outcome.finalized,
            resurrected: outcome.resurrected,
        });
    }

    fn count_in_stats(&self, generation: usize, outcome: &Outcome) {
        let mut stats = self.stats.get();
        stats[generation].collections += 1;
        stats[generation].collected += outcome.unreachable as u64;
        stats[generation].uncollectable += outcome.uncollectable as u64;
        self.stats.set(stats);
    }
}

/// Unmarks an object and leaves it a suspect that its page knows of; an
/// immortal one (a finalizer may have made it so) is never a suspect.
///
/// # Safety
/// 1. `object` is live.
unsafe fn keep_suspect(object: NonNull<Header>) {
    // SAFETY: duty 1.
    unsafe {
        let header = object.as_ref();
        header.unmark();
        if header.is_immortal() {
            return; // A finalizer made it so.
        }
        header.word.set(header.word.get() & !CLEAN);
        super::death::note_suspect(header);
    }
}

impl Info {
    fn start(generation: usize) -> Info {
        Info {
            generation,
            collected: 0,
            uncollectable: 0,
        }
    }

    fn stop(generation: usize, outcome: &Outcome) -> Info {
        Info {
            generation,
            collected: outcome.unreachable,
            uncollectable: outcome.uncollectable,
        }
    }
}
