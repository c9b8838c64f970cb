//! A linked list of objects, dropped by its head: a death as long as the list.
//!
//! Stresses the free of one object that frees the next: with recursion the stack would be gone after some ten thousand
//! nodes, which no other counting collector for Rust survives. The program can also take the list apart itself.

use std::cell::Cell;

use exuvia_core::{Gc, Heap, Trace};
use exuvia_harness::{Params, Rng, Workload};

#[derive(Trace)]
struct Cons {
    payload: u64,
    rest: Cell<Option<Gc<Cons>>>,
}

/// A list that was built before the run.
struct Prepared {
    heap: Heap,
    head: Gc<Cons>,
}

impl Prepared {
    fn new(p: &Params, _: &mut Rng) -> Prepared {
        let heap = p.heap();
        let cell = |payload, rest| {
            heap.alloc(Cons {
                payload,
                rest: Cell::new(rest),
            })
        };
        let last = cell(0, None);
        let head = (1..p["n"]).fold(last, |rest, payload| cell(payload, Some(rest)));
        Prepared { heap, head }
    }

    /// The blocks that `release` frees, plus what it returns.
    fn freed_by(self, release: impl FnOnce(Gc<Cons>) -> u64) -> u64 {
        let before = self.heap.allocated_blocks();
        let read = release(self.head);
        let freed = before - self.heap.allocated_blocks();
        read + freed as u64
    }
}

/// A list that is given up by its head.
pub(crate) fn linked(w: &mut Workload) {
    w.ask("What does it cost to drop a linked list of any length, and is it cheaper to take it apart?");
    w.param("n", [1_000, 10_000, 100_000, 1_000_000]).seed(6);
    w.full_at([("n", 10_000_000)]);
    w.count_at([("n", 10_000)])
        .leak_at([("n", 20)])
        .ops(|p| p["n"]);
    w.expect(|p| p["n"] - 1 + p["n"]);
    w.once("dropped", Prepared::new, |list| {
        list.freed_by(|head| head.payload)
    });
    w.once("taken_apart", Prepared::new, |list| {
        list.freed_by(take_apart)
    });
}

fn take_apart(head: Gc<Cons>) -> u64 {
    let first = head.payload;
    let mut rest = head.rest.take();
    drop(head);
    while let Some(cell) = rest {
        rest = cell.rest.take();
    }
    first
}
