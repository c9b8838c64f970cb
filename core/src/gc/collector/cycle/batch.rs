//! Last phase: frees what is garbage, a batch at a time.
//!
//! What the phases before found is an estimate, because the mutator ran between
//! their slices and nothing told of the references that it moved. So each batch
//! goes through trial deletion once more, in one step in which no user code
//! runs: what nothing outside of the batch leads to is unreachable, whatever
//! happened before. A wrong estimate costs time, or leaves garbage to the next
//! cycle; it frees nothing that is reachable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::super::work::Work;
use super::super::{Outcome, keep_suspect, phases, trash};
use super::count::is_old;
use super::reach::unlist;
use super::{Budget, Cycle};
use crate::gc::header::{HAS_WEAK, Header, IMMORTAL, LISTED, Mark as State, UNTRACKED};
use crate::gc::weak;
use crate::heap::core::HeapCore;

/// What a freed object costs beside one that is looked at.
pub(super) const COST: usize = 4;

/// Frees the next batches; true when there are no more. Runs user code.
pub(super) fn free_batches(
    core: &HeapCore,
    cycle: &mut Cycle,
    most: usize,
    budget: &mut Budget,
) -> bool {
    let members = cycle.suspected.members.len();
    let room = (budget.left() / COST).max(1);
    let places = cycle.order.take(members, room);
    let batch = take_off_list(core, cycle, &places);
    if batch.len() > most {
        cycle.oversized += 1;
    }
    cycle.largest = cycle.largest.max(batch.len());
    budget.spend(COST * places.len().max(1));
    if !batch.is_empty() {
        cycle.batches += 1;
        free_batch(core, cycle, batch);
    }
    cycle.order.is_done(members)
}

/// The members that are still there and old. Their marks are gone.
fn take_off_list(core: &HeapCore, cycle: &mut Cycle, places: &[usize]) -> Vec<NonNull<Header>> {
    let mut batch = Vec::with_capacity(places.len());
    for &place in places {
        let object = cycle.suspected.members[place];
        // SAFETY: listed until here, and live if that says so.
        unsafe {
            if unlist(core, object) {
                object.as_ref().unmark();
                if is_old(core, object.as_ref()) {
                    batch.push(object);
                }
            }
        }
    }
    batch
}

fn free_batch(core: &HeapCore, cycle: &mut Cycle, batch: Vec<NonNull<Header>>) {
    let mut work = Work::over(core, batch);
    let sound = find_unreachable(core, &mut work);
    let is_trash = |object: &NonNull<Header>| {
        // SAFETY: candidates are live.
        sound && unsafe { object.as_ref() }.is_marked(State::Candidate)
    };
    let (mut trash, survivors): (Vec<_>, Vec<_>) = std::mem::take(&mut work.candidates)
        .into_iter()
        .partition(is_trash);
    for object in survivors {
        // SAFETY: candidates are live. Nothing proved it reachable, so that it
        // may be garbage of the next cycle.
        unsafe { keep_suspect(object) };
        cycle.left_over = true;
    }
    trash.shrink_to_fit();
    #[cfg(feature = "testing")]
    core.reorder(&mut trash);
    let untracked = trash::untracked_before(&trash);
    let mut outcome = Outcome::default();
    if !trash.is_empty() {
        core.dispose(trash, &untracked, 2, &mut outcome);
    }
    cycle.left_over |= outcome.resurrected > 0;
    cycle.outcome.unreachable += outcome.unreachable;
    cycle.outcome.finalized += outcome.finalized;
    cycle.outcome.resurrected += outcome.resurrected;
}

/// Trial deletion among the batch and the ephemerons on its keys, which may be
/// what holds a value that leads back to its key.
fn find_unreachable(core: &HeapCore, work: &mut Work) -> bool {
    for index in 0..work.candidates.len() {
        work.mark_candidate(work.candidates[index]);
    }
    let mut index = 0;
    while let Some(&object) = work.candidates.get(index) {
        index += 1;
        // SAFETY: candidates are live, and so are references to them.
        unsafe {
            if object.as_ref().has(HAS_WEAK) {
                weak::each_ephemeron(object.as_ptr(), |ephemeron| {
                    if may_join(ephemeron.as_ref()) {
                        work.mark_candidate(ephemeron);
                        work.candidates.push(ephemeron);
                    }
                });
            }
        }
    }
    let run = catch_unwind(AssertUnwindSafe(|| {
        phases::subtract_refs(work);
        if work.breach.is_none() {
            phases::move_unreachable(work);
        }
    }));
    core.was_sound(run, work)
}

fn may_join(ephemeron: &Header) -> bool {
    let free = ephemeron.is_marked(State::None) || ephemeron.is_marked(State::Cycle);
    free && !ephemeron.has(LISTED | UNTRACKED) && ephemeron.word.get() & IMMORTAL == 0
}

#[cfg(test)]
mod tests;
