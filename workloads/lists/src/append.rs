//! Growing a list.
//!
//! Stresses the buffers of the private heap: an eighth more room each time the list is full, or all of it at once.

use exuvia_core::Heap;
use exuvia_core::object::List;
use exuvia_harness::Workload;

use crate::items::{immediate, sampled, sampled_of};

/// A list of immediates that is built in two ways and dropped.
pub(crate) fn append(w: &mut Workload) {
    w.ask("What does preallocating a list save against appending to it?");
    w.param("n", [1_000, 10_000, 100_000, 1_000_000]).seed(1);
    w.count_at([("n", 10_000)])
        .leak_at([("n", 100)])
        .ops(|p| p["n"]);
    w.expect(|p| sampled_of(p["n"]));
    w.variant(
        "append",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| appended(heap, *n),
    );
    w.variant(
        "preallocated",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| preallocated(heap, *n),
    );
}

fn appended(heap: &Heap, n: u64) -> u64 {
    let list = List::new(heap);
    for number in 0..n {
        list.push(heap, immediate(number));
    }
    sampled(&list)
}

fn preallocated(heap: &Heap, n: u64) -> u64 {
    let list = List::with_capacity(heap, n as usize);
    for number in 0..n {
        list.push(heap, immediate(number));
    }
    sampled(&list)
}
