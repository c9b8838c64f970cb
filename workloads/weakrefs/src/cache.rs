//! A cache of objects of which one in ten stays in use.

use exuvia_core::Heap;
use exuvia_core::object::{Dict, List, Value, WeakValueDictionary};
use exuvia_harness::{Params, Workload};

/// One object in so many stays in use.
const KEPT: u64 = 10;

fn object(heap: &Heap, number: u64) -> Value {
    Value::from(List::from_iter(heap, [Value::small(number.cast_signed())]))
}

fn payload(object: &Value) -> u64 {
    let item = object.as_list().and_then(|list| list.get(0));
    item.and_then(|item| item.as_int())
        .unwrap_or(0)
        .cast_unsigned()
}

/// Fills a cache, drops most objects, reads the rest back through it.
fn fill(
    heap: &Heap,
    n: u64,
    insert: impl Fn(Value, &Value),
    get: impl Fn(&Value) -> Option<Value>,
) -> u64 {
    let mut used = Vec::new();
    for number in 0..n {
        let object = object(heap, number);
        insert(Value::small(number.cast_signed()), &object);
        if number.is_multiple_of(KEPT) {
            used.push(object);
        }
    }
    let keys = (0..n).step_by(KEPT as usize);
    let found = keys.filter_map(|key| get(&Value::small(key.cast_signed())));
    found.map(|object| payload(&object)).sum()
}

fn strong(heap: &Heap, n: u64) -> u64 {
    let cache = Dict::new(heap);
    let insert = |key, object: &Value| drop(cache.insert(heap, key, object.clone()));
    fill(heap, n, insert, |key| cache.get(key)) + cache.len() as u64
}

fn weak(heap: &Heap, n: u64) -> u64 {
    let cache = WeakValueDictionary::new(heap);
    let insert = |key, object: &Value| {
        let object = cache.insert(heap, key, object);
        object.expect("a list can be referred to");
    };
    let sum = fill(heap, n, insert, |key| cache.get(key));
    // What is not in use any more has left the cache: all of it by now.
    sum + n - cache.len() as u64
}

fn run(heap: &Heap, n: u64, work: fn(&Heap, u64) -> u64) -> u64 {
    let before = heap.allocated_blocks();
    let sum = work(heap, n);
    let left = heap.allocated_blocks() - before;
    sum - left as u64
}

/// A cache with strong values, and one with weak ones.
pub(crate) fn cache(w: &mut Workload) {
    w.ask("What does a cache with weak values cost, and what does it free that one with strong values keeps?");
    w.param("n", [1_000, 10_000]).seed(31);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| {
        let kept = p["n"].div_ceil(KEPT);
        KEPT * kept * (kept - 1) / 2 + p["n"]
    });
    let prepare = |p: &Params, _: &mut exuvia_harness::Rng| (p.heap(), p["n"]);
    w.variant("strong_values", prepare, |(heap, n)| run(heap, *n, strong));
    w.variant("weak_values", prepare, |(heap, n)| run(heap, *n, weak));
}
