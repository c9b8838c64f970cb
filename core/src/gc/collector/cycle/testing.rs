//! What the tests of a cycle's parts are made of.

use std::cell::RefCell;
use std::ptr::NonNull;

use super::*;
use crate::Heap;
use crate::alloc::arena::page_of;
use crate::alloc::page::Page;
use crate::gc::header::Header;
use crate::{Gc, GcAny, Trace};

/// An object of a page of its type, with edges.
#[derive(Trace)]
pub(super) struct Node {
    pub(super) slots: RefCell<Vec<GcAny>>,
}

/// One that stands outside of pages, in the registry.
#[derive(Trace)]
pub(super) struct Large {
    pub(super) slots: RefCell<Vec<GcAny>>,
    #[trace(leaf)]
    _bytes: [u8; 10_000],
}

pub(super) fn heap(most: usize) -> Heap {
    Heap::builder().bounded_pauses(most).enabled(false).build()
}

pub(super) fn bounded(heap: &Heap) -> &Bounded {
    heap.core().bounded.as_ref().expect("bounded pauses")
}

pub(super) fn node(heap: &Heap) -> Gc<Node> {
    let slots = RefCell::default();
    heap.alloc(Node { slots })
}

pub(super) fn nodes(heap: &Heap, count: usize) -> Vec<Gc<Node>> {
    (0..count).map(|_| node(heap)).collect()
}

pub(super) fn large(heap: &Heap) -> Gc<Large> {
    heap.alloc(Large {
        slots: RefCell::default(),
        _bytes: [0; 10_000],
    })
}

pub(super) fn link(from: &Gc<Node>, to: &Gc<Node>) {
    from.slots.borrow_mut().push(Gc::erase(to.clone()));
}

pub(super) fn object<T: Trace>(handle: &Gc<T>) -> NonNull<Header> {
    NonNull::from(handle.header_ref())
}

pub(super) fn page<T: Trace>(handle: &Gc<T>) -> &Page {
    // SAFETY: the caller's object stands in a page.
    unsafe { &*page_of(object(handle).as_ptr()) }
}

/// Ages everything that is there until it is old.
pub(super) fn make_old(heap: &Heap) {
    heap.collect_all();
}

/// A cycle by hand, up to a phase, in slices of so many units.
pub(super) fn cycle_at(heap: &Heap, phase: Phase, mut units: impl FnMut() -> usize) -> Cycle {
    bounded(heap).cleaned.set(true);
    let mut cycle = Cycle::new(heap.core());
    while cycle.phase != phase {
        let mut budget = Budget::new(units());
        let done = step(heap, &mut cycle, &mut budget);
        assert!(!cycle.suspected.overflow && !cycle.work.grey_lost);
        if done {
            cycle.begin_next(0); // Everything is to be ordered.
        }
    }
    cycle
}

/// Goes on with the phase at hand; true at its end.
pub(super) fn step(heap: &Heap, cycle: &mut Cycle, budget: &mut Budget) -> bool {
    let core = heap.core();
    match cycle.phase {
        Phase::Count => count::count_edges(core, cycle, budget),
        Phase::Mark => reach::mark_reachable(core, cycle, budget),
        Phase::Gather => suspected::gather_suspected(core, cycle, budget),
        Phase::Order | Phase::Free => order::order_suspected(cycle, budget),
    }
}
