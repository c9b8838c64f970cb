//! Second phase: marks what is held from outside of the old objects, and what
//! that reaches.
//!
//! Between slices the mark stack holds only listed objects, each once: a listed
//! object that dies keeps its block until it comes off the stack. Its first
//! `pinned` entries are such.

use std::ptr::NonNull;

use super::super::visitors::Mark;
use super::super::work::prefetch;
use super::count::is_old;
use super::cursor::Met;
use super::{Budget, Cycle};
use crate::alloc::page::{describe, owner_of};
use crate::gc::header::{
    COPY_SHIFT, HAS_WEAK, Header, LISTED, Mark as State, NOTE_MASK, NOTE_MAX, REACHED,
};
use crate::gc::weak;
use crate::heap::core::HeapCore;

/// Goes on marking; true when all is marked.
pub(super) fn mark_reachable(core: &HeapCore, cycle: &mut Cycle, budget: &mut Budget) -> bool {
    loop {
        drain(core, cycle, budget);
        if budget.is_spent() {
            pin(core, cycle);
            return false;
        }
        match cycle.cursor.next(core) {
            Some(Met::Page(page)) => {
                let mut looked_at = 0;
                for object in page.headers().filter_map(NonNull::new) {
                    looked_at += 1;
                    push_if_held(cycle, object);
                }
                budget.look_at(looked_at);
            }
            Some(Met::Registered(object)) => {
                push_if_held(cycle, object);
                budget.look_at(1);
            }
            None => return true,
        }
    }
}

/// Queues an object with more references than edges were met.
#[inline]
fn push_if_held(cycle: &mut Cycle, object: NonNull<Header>) {
    // SAFETY: headers of pages and registry are initialised.
    let header = unsafe { object.as_ref() };
    if !header.is_marked(State::Cycle) || header.has(REACHED) {
        return;
    }
    let edges = (header.scratch.get() & NOTE_MASK) >> COPY_SHIFT;
    let held = header.is_immortal() || edges == NOTE_MAX || header.count() > edges;
    if held {
        cycle.work.push_grey(object);
    }
}

fn drain(core: &HeapCore, cycle: &mut Cycle, budget: &mut Budget) {
    while !budget.is_spent() {
        if let Some(object) = cycle.work.next_grey_above(cycle.pinned) {
            follow(core, cycle, object, budget);
        } else if let Some(object) = next_pinned(core, cycle) {
            follow(core, cycle, object, budget);
        } else {
            return;
        }
    }
}

/// The last listed object of the stack that is alive; it is listed no more.
fn next_pinned(core: &HeapCore, cycle: &mut Cycle) -> Option<NonNull<Header>> {
    loop {
        let object = cycle.work.grey.pop()?;
        cycle.pinned = cycle.work.grey.len();
        if let Some(&ahead) = cycle.work.grey.get(cycle.pinned.wrapping_sub(8)) {
            prefetch(ahead);
        }
        // SAFETY: a listed object's block is not freed.
        if unsafe { unlist(core, object) } {
            // SAFETY: alive, as that says.
            let header = unsafe { object.as_ref() };
            if is_old(core, header) {
                return Some(object);
            }
            header.unmark(); // It left the old generation while it was listed.
        }
    }
}

/// Takes an object off its list; false when it died meanwhile: its block is
/// freed.
///
/// # Safety
/// 1. `object` is listed, and the caller has its only entry.
pub(super) unsafe fn unlist(core: &HeapCore, object: NonNull<Header>) -> bool {
    // SAFETY: duty 1: the block is still there.
    unsafe {
        let header = object.as_ref();
        if header.is_vacant() {
            core.give_left(object.as_ptr());
            return false;
        }
        header.clear(LISTED);
    }
    true
}

/// Lists what is on the stack, so that it may stay there while the mutator runs.
fn pin(core: &HeapCore, cycle: &mut Cycle) {
    cycle.work.return_ahead();
    let mut kept = cycle.pinned;
    for index in cycle.pinned..cycle.work.grey.len() {
        let object = cycle.work.grey[index];
        // SAFETY: no user code ran since the edge to it was met.
        let header = unsafe { object.as_ref() };
        if is_unreached(core, header) && !header.has(LISTED) {
            header.set(LISTED);
            cycle.work.grey[kept] = object;
            kept += 1;
        }
    }
    cycle.work.grey.truncate(kept);
    cycle.pinned = kept;
}

fn is_unreached(core: &HeapCore, header: &Header) -> bool {
    header.is_marked(State::Cycle)
        && !header.has(REACHED)
        // SAFETY: the caller's object is live.
        && std::ptr::eq(unsafe { owner_of(header) }.0, core)
}

/// Marks an object that comes out of the stack, unless it is marked or none of
/// the cycle's, and queues what it refers to.
#[inline]
fn follow(core: &HeapCore, cycle: &mut Cycle, object: NonNull<Header>, budget: &mut Budget) {
    // SAFETY: met in this slice, or listed: live.
    let header = unsafe { object.as_ref() };
    if !is_unreached(core, header) {
        return;
    }
    header.set(REACHED);
    let before = cycle.work.grey.len();
    // SAFETY: as above.
    unsafe {
        let (info, bytes) = describe(header);
        if info.weak {
            follow_reference(cycle, header);
        } else {
            let work = &mut cycle.work;
            (info.trace.mark)(header, bytes, &mut Mark { work });
        }
        if header.has(HAS_WEAK) {
            follow_key(cycle, object);
        }
    }
    budget.spend(1 + (cycle.work.grey.len() - before) / 4);
}

/// Whether an object is reachable as far as the cycle knows.
fn is_reached(header: &Header) -> bool {
    !header.is_marked(State::Cycle) || header.has(REACHED)
}

/// A weak reference holds its callback; an ephemeron its value while the key is
/// reachable. A key that is found later comes back to its ephemerons.
unsafe fn follow_reference(cycle: &mut Cycle, header: &Header) {
    // SAFETY: a live weak reference; a set target is valid.
    unsafe {
        let reference = weak::box_of(header);
        let key = reference.target().as_ref();
        let waits = reference.has_value() && key.is_some_and(|key| !is_reached(key));
        if let Some(hook) = reference.hook()
            && !waits
        {
            cycle
                .work
                .push_grey(NonNull::from(hook.object.header_ref()));
        }
    }
}

#[cold]
unsafe fn follow_key(cycle: &mut Cycle, key: NonNull<Header>) {
    // SAFETY: the key is live and has weak references; so are ephemerons.
    unsafe {
        weak::each_ephemeron(key.as_ptr(), |ephemeron| {
            if is_reached(ephemeron.as_ref())
                && let Some(hook) = weak::box_of(ephemeron.as_ptr()).hook()
            {
                cycle
                    .work
                    .push_grey(NonNull::from(hook.object.header_ref()));
            }
        });
    }
}

#[cfg(test)]
mod tests;
