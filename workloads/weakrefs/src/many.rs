//! Many references to one object, which then dies: all of them must be cleared before anything else happens.

use std::cell::Cell;

use exuvia_core::{Callback, Gc, Heap, Trace, Weak};
use exuvia_harness::{Params, Rng, Workload};

#[derive(Trace)]
struct Counter {
    calls: Cell<u64>,
}

impl Callback for Counter {
    fn call(&self, _: &Heap) {
        self.calls.set(self.calls.get() + 1);
    }
}

/// References without a callback: handles on one that all share.
fn shared(heap: &Heap, n: u64) -> u64 {
    let object = heap.alloc(n);
    let weak: Vec<Weak<u64>> = (0..n).map(|_| Gc::downgrade(&object)).collect();
    drop(object);
    weak.iter().filter(|weak| weak.is_dead()).count() as u64
}

/// References with a callback: each is an object of its own.
fn own(heap: &Heap, n: u64) -> u64 {
    let counter = heap.alloc(Counter {
        calls: Cell::new(0),
    });
    let object = heap.alloc(n);
    let weak: Vec<Weak<u64>> = (0..n)
        .map(|_| Gc::downgrade_with(&object, counter.clone()))
        .collect();
    drop(object);
    drop(weak);
    counter.calls.get()
}

fn run(heap: &Heap, n: u64, work: fn(&Heap, u64) -> u64) -> u64 {
    let before = heap.allocated_blocks();
    let dead = work(heap, n);
    let left = heap.allocated_blocks() - before;
    dead - left as u64
}

/// Many weak references to one object.
pub(crate) fn many_to_one(w: &mut Workload) {
    w.ask(
        "What do n weak references to one object cost, shared and each with a callback of its own?",
    );
    w.param("n", [1_000, 100_000]).seed(33);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| p["n"]);
    let prepare = |p: &Params, _: &mut Rng| (p.heap(), p["n"]);
    w.variant("shared", prepare, |(heap, n)| run(heap, *n, shared));
    w.variant("with_callbacks", prepare, |(heap, n)| run(heap, *n, own));
}
