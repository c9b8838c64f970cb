//! A list that contains itself: the one-object cycle that every Python tutorial shows.
//!
//! Stresses the young pass on containers with a buffer of their own: a dead list takes two blocks with it.

use exuvia_core::Heap;
use exuvia_core::object::{List, Value};
use exuvia_harness::Workload;

use crate::scene::{Scene, payload_sum};

/// Lists of a payload and either themselves or nothing.
pub(crate) fn self_list(w: &mut Workload) {
    w.ask("What does a list cost that contains itself, against one that does not?");
    w.param("n", [1_000, 10_000, 100_000]).seed(9);
    w.leak_at([("n", 16)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("contains_itself", Scene::new, |scene| {
        scene.run(|heap, payloads| lists(heap, payloads, contains_itself))
    });
    w.variant("contains_none", Scene::new, |scene| {
        scene.run(|heap, payloads| lists(heap, payloads, contains_none))
    });
}

fn lists(heap: &Heap, payloads: &[u64], one: impl Fn(&Heap, Value) -> u64) -> u64 {
    let value = |payload: &u64| Value::small(payload.cast_signed());
    let sum = payloads
        .iter()
        .map(|payload| one(heap, value(payload)))
        .sum();
    heap.collect_all();
    sum
}

fn contains_itself(heap: &Heap, payload: Value) -> u64 {
    let list = List::from_iter(heap, [payload]);
    list.push(heap, Value::from(&list));
    let inner = list.get(1).and_then(|inner| inner.into_list().ok());
    inner.map_or(0, |inner| first_of(&inner))
}

fn contains_none(heap: &Heap, payload: Value) -> u64 {
    let list = List::from_iter(heap, [payload]);
    list.push(heap, Value::NONE);
    let is_none = list.get(1).is_some_and(|inner| inner.is_none());
    if is_none { first_of(&list) } else { 0 }
}

fn first_of(list: &List) -> u64 {
    let first = list.get(0).and_then(|payload| payload.as_int());
    first.map_or(0, i64::cast_unsigned)
}
