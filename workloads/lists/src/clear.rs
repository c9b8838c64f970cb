//! Clearing a large list: does the memory go back?
//!
//! Stresses bulk death and the way of empty pages, arenas and one very large buffer back to the system. The list stays
//! alive and empty until the run ends, as a cache would.

use exuvia_core::Heap;
use exuvia_core::object::{List, Value};
use exuvia_harness::Workload;

use crate::items::{immediate, int_object, sampled, sampled_of};

/// What is left after the clearing: the list itself.
const EMPTY_LIST_BLOCKS: u64 = 1;

/// A list of ints that is filled and cleared.
pub(crate) fn clear(w: &mut Workload) {
    w.ask("How much of its memory does the system get back when a list of ints is cleared?");
    w.param("n", [1_000, 100_000, 1_000_000]).seed(5).rss();
    w.count_at([("n", 10_000)])
        .leak_at([("n", 50)])
        .ops(|p| p["n"]);
    w.expect(|p| sampled_of(p["n"]) + EMPTY_LIST_BLOCKS);
    w.variant(
        "int_objects",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| fill_and_clear(heap, (0..*n).map(|number| int_object(heap, number))),
    );
    w.variant(
        "immediates",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| fill_and_clear(heap, (0..*n).map(immediate)),
    );
}

fn fill_and_clear(heap: &Heap, items: impl Iterator<Item = Value>) -> u64 {
    let before = heap.allocated_blocks();
    let list = List::new(heap);
    for item in items {
        list.push(heap, item);
    }
    let read = sampled(&list);
    list.clear();
    let left = heap.allocated_blocks() - before;
    read + left as u64 + list.len() as u64
}
