//! Finalizers in a cycle: cleaning up by hand, by a finalizer, and by one that brings its ring back once.
//!
//! Stresses the order of PEP 442: finalizers on an intact ring, reachability again, then clearing; a resurrected ring is
//! collected a second time without a second call. Each variant cleans up every object exactly once.

use std::cell::{Cell, RefCell};

use exuvia_core::{Finalize, Gc, Heap, Trace};
use exuvia_harness::Workload;

use crate::links::{Link, Pointer};
use crate::scene::{Scene, payload_sum};

/// Objects of a ring.
const RING: usize = 10;

/// What cleaning up has done so far, and which rings it brought back.
#[derive(Trace)]
struct Journal {
    /// Sum of the payloads that were cleaned up.
    cleaned: Cell<u64>,
    saved: RefCell<Vec<Gc<Member<Resurrect>>>>,
}

/// How a member of a ring is cleaned up.
trait CleanUp: Trace {
    /// Runs in the finalizer.
    fn finalize(member: &Gc<Member<Self>>);
}

/// By the finalizer.
#[derive(Trace)]
struct InFinalizer;

/// By the finalizer, which then keeps the member.
#[derive(Trace)]
struct Resurrect;

/// A member of a ring, with a finalizer.
#[derive(Trace)]
#[trace(finalize)]
struct Member<C: CleanUp> {
    #[trace(leaf)]
    payload: u64,
    next: Link<Member<C>>,
    journal: Gc<Journal>,
    /// Whether this is the member of its ring that may come back.
    #[trace(leaf)]
    is_first: bool,
}

/// The same member without a finalizer.
#[derive(Trace)]
struct Plain {
    payload: u64,
    next: Link<Plain>,
    journal: Gc<Journal>,
    #[trace(leaf)]
    _is_first: bool,
}

impl Journal {
    fn clean(&self, payload: u64) {
        self.cleaned.set(self.cleaned.get() + payload);
    }
}

impl<C: CleanUp> Finalize for Member<C> {
    fn finalize(this: &Gc<Self>) {
        C::finalize(this);
    }
}

impl CleanUp for InFinalizer {
    fn finalize(member: &Gc<Member<Self>>) {
        member.journal.clean(member.payload);
    }
}

impl CleanUp for Resurrect {
    fn finalize(member: &Gc<Member<Self>>) {
        member.journal.clean(member.payload);
        if member.is_first {
            member.journal.saved.borrow_mut().push(member.clone());
        }
    }
}

/// Rings whose objects must be cleaned up before they die.
pub(crate) fn finalizers(w: &mut Workload) {
    w.ask("What does a finalizer in a cycle cost, and what one that resurrects its ring?");
    w.param("n", [1_000, 10_000, 100_000]).seed(8);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("closed_by_hand", Scene::new, |scene| scene.run(by_hand));
    w.variant("finalizer", Scene::new, |scene| scene.run(by_finalizer));
    w.variant("resurrected_once", Scene::new, |scene| {
        scene.run(resurrected)
    });
}

fn by_hand(heap: &Heap, payloads: &[u64]) -> u64 {
    let journal = new_journal(heap);
    for payloads in payloads.chunks_exact(RING) {
        let first = plain_ring(heap, &journal, payloads);
        let mut next = Some(first.clone());
        while let Some(member) = next {
            member.journal.clean(member.payload);
            next = member
                .next
                .follow()
                .filter(|next| !Gc::ptr_eq(next, &first));
        }
    }
    heap.collect_all();
    journal.cleaned.get()
}

fn by_finalizer(heap: &Heap, payloads: &[u64]) -> u64 {
    let journal = new_journal(heap);
    for payloads in payloads.chunks_exact(RING) {
        finalized_ring::<InFinalizer>(heap, &journal, payloads);
    }
    heap.collect_all();
    journal.cleaned.get()
}

fn resurrected(heap: &Heap, payloads: &[u64]) -> u64 {
    let journal = new_journal(heap);
    for payloads in payloads.chunks_exact(RING) {
        finalized_ring::<Resurrect>(heap, &journal, payloads);
    }
    heap.collect_all();
    drop(journal.saved.take());
    heap.collect_all();
    journal.cleaned.get()
}

fn new_journal(heap: &Heap) -> Gc<Journal> {
    heap.alloc(Journal {
        cleaned: Cell::new(0),
        saved: RefCell::new(Vec::new()),
    })
}

fn finalized_ring<C: CleanUp>(heap: &Heap, journal: &Gc<Journal>, payloads: &[u64]) {
    let member = |(index, payload): (usize, &u64)| {
        heap.alloc(Member::<C> {
            payload: *payload,
            next: Link::default(),
            journal: journal.clone(),
            is_first: index == 0,
        })
    };
    let members: Vec<_> = payloads.iter().enumerate().map(member).collect();
    for (member, next) in members.iter().zip(members.iter().cycle().skip(1)) {
        member.next.lead_to(next);
    }
}

fn plain_ring(heap: &Heap, journal: &Gc<Journal>, payloads: &[u64]) -> Gc<Plain> {
    let member = |(index, payload): (usize, &u64)| {
        heap.alloc(Plain {
            payload: *payload,
            next: Link::default(),
            journal: journal.clone(),
            _is_first: index == 0,
        })
    };
    let mut members: Vec<_> = payloads.iter().enumerate().map(member).collect();
    for (member, next) in members.iter().zip(members.iter().cycle().skip(1)) {
        member.next.lead_to(next);
    }
    members.swap_remove(0)
}
