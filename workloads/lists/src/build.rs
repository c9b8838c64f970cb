//! Building a list and dropping it at once: what its items cost.
//!
//! Stresses small blocks (an object per item) against the count of one object (shared items) and against no object at
//! all (immediates).

use exuvia_core::object::List;
use exuvia_harness::Workload;

use crate::items::{immediate, int_object, number, sampled, sampled_of};

/// The one item of a list whose items are all equal.
const ITEM: u64 = 7;

/// Items without and with an object of their own.
pub(crate) fn build_and_drop(w: &mut Workload) {
    w.ask("What does an object per item cost when a list is built and dropped?");
    w.param("n", [10, 1_000, 100_000]).seed(2);
    w.count_at([("n", 1_000)])
        .leak_at([("n", 50)])
        .ops(|p| p["n"]);
    w.expect(|p| sampled_of(p["n"]));
    w.variant(
        "immediates",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| sampled(&List::from_iter(heap, (0..*n).map(immediate))),
    );
    w.variant(
        "int_objects",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| {
            sampled(&List::from_iter(
                heap,
                (0..*n).map(|number| int_object(heap, number)),
            ))
        },
    );
}

/// The same value in every place: one object or many equal ones.
pub(crate) fn shared(w: &mut Workload) {
    w.ask(
        "What does it save to share one object between all places of a list instead of copying it?",
    );
    w.param("n", [1_000, 10_000, 100_000]).seed(3);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| p["n"] * (ITEM + 1));
    w.variant(
        "shared",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| {
            let item = int_object(heap, ITEM);
            read(&List::repeat(heap, &item, *n as usize))
        },
    );
    w.variant(
        "copied",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| {
            let copies = (0..*n).map(|_| int_object(heap, ITEM));
            read(&List::from_iter(heap, copies))
        },
    );
}

/// The length of a list plus the numbers of its items.
fn read(list: &List) -> u64 {
    let sum: u64 = list.iter().map(|item| number(&item)).sum();
    sum + list.len() as u64
}
