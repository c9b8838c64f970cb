//! Third phase: gathers what was not found reachable, and takes all other marks
//! away.
//!
//! Afterwards only the objects gathered are marked, and they are listed. An
//! object knows its rank among those of its page, the page the place of its
//! first: that is how an edge leads back to the list without a search.

use std::ptr::NonNull;

use super::super::work::grow;
use super::count::is_old;
use super::cursor::Met;
use super::{Budget, Cycle};
use crate::alloc::arena::page_of;
use crate::alloc::page::Page;
use crate::alloc::prefix::{IN_PAGE, Prefix};
use crate::gc::header::{
    COPY_SHIFT, FLAGS_MASK, Header, LISTED, Mark as State, NOTE_MASK, NOTE_MAX, PREFIXED, REACHED,
};
use crate::heap::core::HeapCore;

/// The objects that a cycle suspects to be garbage, in address order;
/// registered ones behind those in pages.
#[derive(Default)]
pub(super) struct Suspected {
    pub(super) members: Vec<NonNull<Header>>,
    /// Where the registered ones begin.
    pages_end: Option<usize>,
    /// A list could not grow.
    pub(super) overflow: bool,
}

/// Most members: their numbers have 31 bits.
const MOST: usize = (1 << 31) - 1;

impl Suspected {
    fn push(&mut self, object: NonNull<Header>, rank: usize, limit: usize) {
        let full = self.members.len() == self.members.capacity();
        let too_many = self.members.len() == MOST || rank > NOTE_MAX as usize;
        if too_many || full && !grow(&mut self.members, usize::MAX, limit) {
            self.overflow = true;
            return;
        }
        // SAFETY: the caller's object is live.
        let header = unsafe { object.as_ref() };
        let flags = header.scratch.get() & FLAGS_MASK;
        let rank = (rank as u32) << COPY_SHIFT;
        header
            .scratch
            .set(flags | State::Cycle as u32 | LISTED | rank);
        self.members.push(object);
    }

    /// The place of an object, if it is one of these.
    pub(super) fn place(&self, object: NonNull<Header>) -> Option<usize> {
        // SAFETY: the caller's object is live; prefixed ones have a prefix, and
        // what is not registered stands in a page.
        let first = unsafe {
            let header = object.as_ref();
            if !header.is_marked(State::Cycle) {
                return None;
            }
            if !header.has(PREFIXED) {
                (*page_of(object.as_ptr())).first_suspected.get() as usize
            } else if (*Prefix::of(header)).index.get() == IN_PAGE {
                (*page_of(Prefix::of(header))).first_suspected.get() as usize
            } else {
                self.pages_end?
            }
        };
        // SAFETY: as above.
        let note = unsafe { object.as_ref() }.scratch.get() & NOTE_MASK;
        let place = first + (note >> COPY_SHIFT) as usize;
        // Another heap's object may be marked too.
        (self.members.get(place) == Some(&object)).then_some(place)
    }
}

/// Goes on gathering; true when all is gathered.
pub(super) fn gather_suspected(core: &HeapCore, cycle: &mut Cycle, budget: &mut Budget) -> bool {
    while !budget.is_spent() {
        match cycle.cursor.next(core) {
            Some(Met::Page(page)) => gather_page(core, cycle, page, budget),
            Some(Met::Registered(object)) => {
                let suspected = &mut cycle.suspected;
                let members = suspected.members.len();
                let rank = members - *suspected.pages_end.get_or_insert(members);
                if is_suspected(core, object) {
                    suspected.push(object, rank, core.list_limit.get());
                }
                budget.look_at(1);
            }
            None => return true,
        }
    }
    false
}

fn gather_page(core: &HeapCore, cycle: &mut Cycle, page: &Page, budget: &mut Budget) {
    let first = cycle.suspected.members.len();
    page.first_suspected.set(first as u32);
    let mut looked_at = 0;
    for object in page.headers().filter_map(NonNull::new) {
        looked_at += 1;
        if is_suspected(core, object) {
            let rank = cycle.suspected.members.len() - first;
            cycle.suspected.push(object, rank, core.list_limit.get());
        }
    }
    budget.look_at(looked_at);
    budget.spend((cycle.suspected.members.len() - first) / 2);
}

/// Whether the cycle did not find a marked object reachable. Takes the mark of
/// others away.
#[inline]
fn is_suspected(core: &HeapCore, object: NonNull<Header>) -> bool {
    // SAFETY: headers of pages and registry are initialised.
    let header = unsafe { object.as_ref() };
    if !header.is_marked(State::Cycle) || header.has(LISTED) {
        return false;
    }
    if header.has(REACHED) || !is_old(core, header) {
        header.unmark();
        return false;
    }
    true
}

#[cfg(test)]
mod tests;
