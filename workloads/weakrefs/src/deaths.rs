//! Objects that die: unwatched, with a weak reference to each, with a callback for each.

use std::cell::Cell;

use exuvia_core::{Callback, Gc, Heap, Trace};
use exuvia_harness::{Params, Rng, Workload};

#[derive(Trace)]
struct Object {
    payload: u64,
}

/// Counts the deaths it is told of.
#[derive(Trace)]
struct Counter {
    deaths: Cell<u64>,
}

impl Callback for Counter {
    fn call(&self, _: &Heap) {
        self.deaths.set(self.deaths.get() + 1);
    }
}

fn unwatched(heap: &Heap, n: u64) -> u64 {
    (0..n)
        .map(|payload| u64::from(heap.alloc(Object { payload }).payload == payload))
        .sum()
}

fn watched(heap: &Heap, n: u64) -> u64 {
    let dead = |payload| {
        let object = heap.alloc(Object { payload });
        let weak = Gc::downgrade(&object);
        drop(object);
        u64::from(weak.is_dead())
    };
    (0..n).map(dead).sum()
}

fn told(heap: &Heap, n: u64) -> u64 {
    let counter = heap.alloc(Counter {
        deaths: Cell::new(0),
    });
    for payload in 0..n {
        let object = heap.alloc(Object { payload });
        let weak = Gc::downgrade_with(&object, counter.clone());
        drop(object);
        drop(weak);
    }
    counter.deaths.get()
}

fn run(heap: &Heap, n: u64, work: fn(&Heap, u64) -> u64) -> u64 {
    let before = heap.allocated_blocks();
    let noticed = work(heap, n);
    let left = heap.allocated_blocks() - before;
    noticed - left as u64
}

/// Objects that die one after the other.
pub(crate) fn deaths(w: &mut Workload) {
    w.ask("What does a weak reference add to the life of an object, and what a callback?");
    w.param("n", [1_000, 100_000]).seed(32);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| p["n"]);
    let prepare = |p: &Params, _: &mut Rng| (p.heap(), p["n"]);
    w.variant("unwatched", prepare, |(heap, n)| run(heap, *n, unwatched));
    w.variant("weak_reference", prepare, |(heap, n)| {
        run(heap, *n, watched)
    });
    w.variant("callback", prepare, |(heap, n)| run(heap, *n, told));
}
