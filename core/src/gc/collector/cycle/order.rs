//! Fourth phase: the strongly connected components of what is suspected, in an
//! order where predecessors come first (Tarjan, "Depth-first search and linear
//! graph algorithms", 1972; the two-ended array is Pearce's, "A space-efficient
//! algorithm for finding strongly connected components", 2016).
//!
//! Besides owned edges the search follows two that are not owned, so that what
//! belongs together is looked at together: from a weak reference with a callback
//! to its referent (the reference goes first, or both at once, so that it does
//! not call back), and from a key to its ephemerons, or to the value where the
//! ephemeron is not suspected.

use std::ptr::NonNull;

use super::super::visitors::each_edge;
use super::suspected::Suspected;
use super::{Budget, Cycle};
use crate::alloc::page::describe;
use crate::gc::header::{HAS_WEAK, Header};
use crate::gc::weak;

/// In [`Order::places`]: the first member of its component.
const FIRST: u32 = 1 << 31;
/// In [`Order::low`]: its component is known.
const ASSIGNED: u32 = u32::MAX;

/// The search, and its result.
#[derive(Default)]
pub(super) struct Order {
    /// By member: 0 before it is met, then the number of the earliest member
    /// known to be in its component, numbered as they were met.
    low: Vec<u32>,
    /// From the left the stack of members without a component, from the right
    /// those with one, the latest component leftmost.
    places: Vec<u32>,
    stack_end: usize,
    known_start: usize,
    steps: Vec<Step>,
    met: u32,
    /// The next member to begin a search at.
    next: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Enter(u32),
    /// A member with its number, when all that it refers to is met.
    Leave(u32, u32),
}

/// Goes on searching; true when every member has its component.
pub(super) fn order_suspected(cycle: &mut Cycle, budget: &mut Budget) -> bool {
    let (suspected, order) = (&cycle.suspected, &mut cycle.order);
    let members = suspected.members.len();
    if order.low.is_empty() && !order.begin(members) {
        cycle.suspected.overflow = true;
        return true;
    }
    while !budget.is_spent() {
        match order.steps.pop() {
            Some(Step::Enter(member)) => order.enter(suspected, member, budget),
            Some(Step::Leave(member, number)) => order.leave(suspected, member, number, budget),
            None if order.next < members => {
                order.steps.push(Step::Enter(order.next as u32));
                order.next += 1;
            }
            None => {
                order.low = Vec::new();
                order.steps = Vec::new();
                order.next = 0;
                return true;
            }
        }
    }
    false
}

impl Order {
    fn begin(&mut self, members: usize) -> bool {
        let room = self.low.try_reserve_exact(members).is_ok()
            && self.places.try_reserve_exact(members).is_ok();
        if room {
            self.low.resize(members, 0);
            self.places.resize(members, 0);
            self.known_start = members;
        }
        room
    }

    fn enter(&mut self, suspected: &Suspected, member: u32, budget: &mut Budget) {
        if self.low[member as usize] != 0 {
            return;
        }
        self.met += 1;
        self.low[member as usize] = self.met;
        self.places[self.stack_end] = member;
        self.stack_end += 1;
        self.steps.push(Step::Leave(member, self.met));
        let before = self.steps.len();
        each_successor(suspected, member, |successor| {
            if self.low[successor] == 0 {
                self.steps.push(Step::Enter(successor as u32));
            }
        });
        budget.spend(2 + (self.steps.len() - before) / 4);
    }

    fn leave(&mut self, suspected: &Suspected, member: u32, number: u32, budget: &mut Budget) {
        let mut low = number;
        each_successor(suspected, member, |successor| {
            if !matches!(self.low[successor], 0 | ASSIGNED) {
                low = low.min(self.low[successor]);
            }
        });
        budget.spend(2);
        self.low[member as usize] = low;
        if low < number {
            return;
        }
        loop {
            self.stack_end -= 1;
            let other = self.places[self.stack_end];
            self.low[other as usize] = ASSIGNED;
            self.known_start -= 1;
            self.places[self.known_start] = other;
            if other == member {
                self.places[self.known_start] = other | FIRST;
                return;
            }
        }
    }

    /// The members of the next components, at least one and as many as there
    /// are in `room` members; empty when all were handed out. Where nothing was
    /// ordered all members are one.
    pub(super) fn take(&mut self, members: usize, room: usize) -> Vec<usize> {
        let start = self.next;
        if self.places.is_empty() {
            self.next = members;
            return (start..members).collect();
        }
        let mut end = start;
        while end < members {
            let is_first = |place: &u32| place & FIRST != 0;
            let later = &self.places[end + 1..];
            let component = 1 + later.iter().position(is_first).unwrap_or(later.len());
            if end > start && end + component - start > room {
                break;
            }
            end += component;
        }
        self.next = end;
        let place = |place: &u32| (place & !FIRST) as usize;
        self.places[start..end].iter().map(place).collect()
    }

    /// Whether all members were handed out.
    pub(super) fn is_done(&self, members: usize) -> bool {
        self.next == members
    }
}

/// Hands the places of the suspected objects that a member refers to, or that
/// are not to be freed before it, to a function.
fn each_successor(suspected: &Suspected, member: u32, mut visit: impl FnMut(usize)) {
    let object = suspected.members[member as usize];
    // SAFETY: members are listed: their blocks are not freed. What is not vacant
    // is live, and so is what it refers to.
    unsafe {
        let header = object.as_ref();
        if header.is_vacant() {
            return;
        }
        let mut visit = |target: NonNull<Header>| {
            if let Some(place) = suspected.place(target) {
                visit(place);
            }
        };
        each_edge(header, &mut visit);
        if describe(header).0.weak {
            let reference = weak::box_of(header);
            let calls = reference.hook().is_some() && !reference.has_value();
            if calls && let Some(target) = reference.live_target() {
                visit(target);
            }
        }
        if header.has(HAS_WEAK) {
            weak::each_ephemeron(header, |ephemeron| {
                match (
                    suspected.place(ephemeron),
                    weak::box_of(ephemeron.as_ptr()).hook(),
                ) {
                    (None, Some(hook)) => visit(NonNull::from(hook.object.header_ref())),
                    _ => visit(ephemeron),
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
