//! The sum of many numbers.
//!
//! Stresses the resumption of one frame against one large buffer. The list grows to megabytes, the generator is one
//! block of the smallest kind however many numbers there are: `heap/peak_bytes` is the answer.

use exuvia_core::Heap;
use exuvia_core::object::{Generator, List, Value};
use exuvia_harness::Workload;

use crate::frames::{Count, numbers};

/// Numbers that are summed as they come, or put into a list first.
pub(crate) fn sum(w: &mut Workload) {
    w.ask("How much memory does a generator save against a list, and what does each number cost?");
    w.param("n", [1_000, 100_000, 1_000_000]).seed(1).rss();
    w.count_at([("n", 1_000_000)]).leak_at([("n", 50)]);
    w.ops(|p| p["n"]).expect(|p| p["n"] * (p["n"] - 1) / 2);
    w.variant(
        "generator",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| by_generator(heap, *n),
    );
    w.variant(
        "list",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| by_list(heap, *n),
    );
}

fn by_generator(heap: &Heap, n: u64) -> u64 {
    let counting = Generator::new(
        heap,
        Count {
            next: 0,
            end: n.cast_signed(),
        },
    );
    numbers(heap, &counting).map(i64::cast_unsigned).sum()
}

fn by_list(heap: &Heap, n: u64) -> u64 {
    let list = List::new(heap);
    for number in 0..n.cast_signed() {
        list.push(heap, Value::small(number));
    }
    let ints = list.iter().filter_map(|item| item.as_int());
    ints.map(i64::cast_unsigned).sum()
}
