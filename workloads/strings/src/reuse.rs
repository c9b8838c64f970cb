//! The reuse that tutorials show with `a = b = 10`: what is shared takes no memory of its own.

use exuvia_core::Heap;
use exuvia_core::object::{List, Str, Value};
use exuvia_harness::{Params, Workload};

/// What each reference is worth when it is read.
const WORTH: i64 = 8;
const TEXT: &str = "eight ch";

/// A list of `n` references that `make` yields, read and dropped.
fn references(heap: &Heap, n: u64, make: impl Fn(&Heap) -> Value) -> u64 {
    let before = heap.allocated_blocks();
    let list = List::from_iter(heap, (0..n).map(|_| make(heap)));
    let worth = |value: Value| match value.as_str() {
        Some(text) => text.len() as i64,
        None => value.as_int().unwrap_or(0),
    };
    let read: i64 = list.iter().map(worth).sum();
    drop(list);
    let left = heap.allocated_blocks() - before;
    read.cast_unsigned() - left as u64
}

/// References to values that are one and the same, or equal.
pub(crate) fn reuse(w: &mut Workload) {
    w.ask("What do n references take to a small int, to one interned string, and to equal strings made anew?");
    w.param("n", [1_000, 100_000]).seed(23);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| p["n"] * WORTH.cast_unsigned());
    let prepare = |p: &Params, _: &mut exuvia_harness::Rng| (p.heap(), p["n"]);
    w.variant("small_int", prepare, |(heap, n)| {
        references(heap, *n, |_| Value::small(WORTH))
    });
    w.variant("interned_string", prepare, |(heap, n)| {
        let text = Str::intern(heap, TEXT);
        references(heap, *n, |_| Value::from(&text))
    });
    w.variant("equal_strings", prepare, |(heap, n)| {
        references(heap, *n, |heap| Value::str(heap, TEXT))
    });
}
