//! First phase: how many references each old object has from old objects.
//!
//! After this every old object that was there is marked [`State::Cycle`] with the
//! number of edges met, and clean. An edge that changes hands meanwhile may be
//! counted twice or not at all: the numbers are an estimate.

use std::ptr::NonNull;

use super::super::promote::generation_of;
use super::super::visitors::Mark;
use super::super::wide;
use super::super::work::Work;
use super::cursor::Met;
use super::{Budget, Cycle};
use crate::alloc::page::{Page, PageKind, core_of, describe};
use crate::gc::header::{
    CLEAN, COPY_ONE, FLAGS_MASK, GENERATION_MASK, Header, IMMORTAL, MARK_MASK, Mark as State,
    NOTE_MASK, UNTRACKED,
};
use crate::gc::type_info::TypeInfo;
use crate::heap::core::HeapCore;

const NONE: u32 = State::None as u32;
const CYCLE: u32 = State::Cycle as u32;

/// Goes on counting; true when all is counted.
pub(super) fn count_edges(core: &HeapCore, cycle: &mut Cycle, budget: &mut Budget) -> bool {
    let mut done = false;
    while !done && !budget.is_spent() {
        match cycle.cursor.next(core) {
            Some(Met::Page(page)) => count_page(core, cycle, page, budget),
            Some(Met::Registered(object)) => {
                // SAFETY: registered objects have a type.
                let (info, bytes) = unsafe { describe(object.as_ptr()) };
                count_object(core, cycle, object, 0, info, bytes);
                budget.spend(1);
            }
            None => done = true,
        }
    }
    for arrived in cycle.work.ahead.drain() {
        note_edge(core, arrived);
    }
    done
}

/// Counts the edges of a page's old objects and makes these clean. The page is
/// taken off the list of those with suspects when it has none left.
fn count_page(core: &HeapCore, cycle: &mut Cycle, page: &Page, budget: &mut Budget) {
    let floor = u32::from(page.floor.get());
    let mut suspect_left = false;
    let (mut looked_at, before) = (0, cycle.counted);
    let typed = page.kind.get() == PageKind::Typed;
    for object in page.headers().filter_map(NonNull::new) {
        looked_at += 1;
        // SAFETY: headers of carved blocks are initialised.
        if unsafe { object.as_ref() }.is_vacant() {
            continue;
        }
        // SAFETY: a typed page has a type, and what is not vacant is live.
        let (info, bytes) = unsafe {
            if typed {
                (&*page.info.get(), page.block_bytes.get() as usize)
            } else {
                describe(object.as_ptr())
            }
        };
        suspect_left |= count_object(core, cycle, object, floor, info, bytes);
    }
    if !suspect_left {
        core.unlist_suspect(page);
    }
    budget.look_at(looked_at);
    budget.spend(cycle.counted - before);
}

/// Counts the edges of an object if it is old. True when it is left a suspect.
#[inline]
fn count_object(
    core: &HeapCore,
    cycle: &mut Cycle,
    object: NonNull<Header>,
    floor: u32,
    info: &'static TypeInfo,
    bytes: usize,
) -> bool {
    // SAFETY: the caller's object is live, or dying and vacant.
    let header = unsafe { object.as_ref() };
    let (word, scratch) = (header.word.get(), header.scratch.get());
    if word == 0 || word & IMMORTAL != 0 {
        return false;
    }
    let is_old = (scratch & GENERATION_MASK).max(floor) == 2 && scratch & UNTRACKED == 0;
    if !is_old {
        // SAFETY: as above.
        return word & CLEAN == 0 && unsafe { wide::holds(header) };
    }
    cycle.counted += 1;
    cycle.met_suspect |= word & CLEAN == 0;
    header.word.set(word | CLEAN);
    if scratch & MARK_MASK == NONE {
        header.scratch.set(scratch & FLAGS_MASK | CYCLE);
    }
    let work = &mut cycle.work;
    // SAFETY: a live object of this type.
    unsafe { (info.trace.mark)(object.as_ptr(), bytes, &mut Mark { work }) };
    note_edges(core, work);
    false
}

/// Notes the edges that a trace put onto the stack, each some edges later.
#[inline]
fn note_edges(core: &HeapCore, work: &mut Work) {
    while let Some(target) = work.grey.pop() {
        if let Some(arrived) = work.ahead.exchange(target) {
            note_edge(core, arrived);
        }
    }
}

#[inline]
fn note_edge(core: &HeapCore, target: NonNull<Header>) {
    // SAFETY: an owned edge leads to a live object.
    let header = unsafe { target.as_ref() };
    let scratch = header.scratch.get();
    match scratch & MARK_MASK {
        CYCLE if scratch & NOTE_MASK != NOTE_MASK => header.scratch.set(scratch + COPY_ONE),
        NONE if is_old(core, header) => header.scratch.set(scratch | CYCLE | COPY_ONE),
        _ => {}
    }
}

/// Whether an object is one that a cycle of this heap may free.
pub(super) fn is_old(core: &HeapCore, header: &Header) -> bool {
    let counted = header.word.get() & IMMORTAL == 0 && !header.has(UNTRACKED);
    // SAFETY: the caller's object is live.
    counted && unsafe { generation_of(header) == 2 && std::ptr::eq(core_of(header), core) }
}

#[cfg(test)]
mod tests;
