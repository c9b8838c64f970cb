//! `tracing-cost CASE`: work on a heap whose instructions are counted.

use std::cell::RefCell;
use std::hint::black_box;

use exuvia_core::object::{Class, Dict, List, Str, Tuple, Value};
use exuvia_core::{Gc, Heap, Trace};

const ROUNDS: i64 = 200_000;

#[derive(Trace)]
struct Node {
    next: RefCell<Option<Gc<Node>>>,
    number: i64,
}

fn nodes(heap: &Heap) {
    for number in 0..ROUNDS {
        let next = RefCell::new(None);
        black_box(heap.alloc(Node { next, number }).number);
    }
}

fn rings(heap: &Heap) {
    for number in 0..ROUNDS / 2 {
        let node = |next| heap.alloc(Node { next: RefCell::new(next), number });
        let first = node(None);
        *first.next.borrow_mut() = Some(node(Some(first.clone())));
    }
}

fn lists(heap: &Heap) {
    for _ in 0..ROUNDS / 100 {
        let list = List::new(heap);
        (0..100).for_each(|n| list.push(heap, Value::small(n)));
        black_box(list.len());
    }
}

fn dicts(heap: &Heap) {
    for _ in 0..ROUNDS / 20 {
        let dict = Dict::new(heap);
        for n in 0..20 {
            drop(dict.insert(heap, Value::small(n), Value::NONE));
        }
        black_box(dict.len());
    }
}

fn strings(heap: &Heap) {
    for _ in 0..ROUNDS {
        black_box(Str::new(heap, "thirteen char"));
    }
}

fn tuples(heap: &Heap) {
    for n in 0..ROUNDS {
        black_box(Tuple::new(heap, [Value::small(n), Value::NONE].into_iter()));
    }
}

fn instances(heap: &Heap) {
    let class = Class::builder(heap, "Point").slots(["x", "y"]).build();
    let (x, y) = (Str::intern(heap, "x"), Str::intern(heap, "y"));
    for n in 0..ROUNDS {
        let point = Class::instantiate(&class, heap);
        drop(point.set_attr(heap, &x, Value::small(n)));
        drop(point.set_attr(heap, &y, Value::small(n)));
        black_box(point.get_attr(&x));
    }
}

fn main() {
    let heap = Heap::new();
    let case = std::env::args().nth(1).unwrap_or_default();
    match case.as_str() {
        "nodes" => nodes(&heap),
        "rings" => rings(&heap),
        "lists" => lists(&heap),
        "dicts" => dicts(&heap),
        "strings" => strings(&heap),
        "tuples" => tuples(&heap),
        "instances" => instances(&heap),
        _ => {
            eprintln!("no case {case:?}: nodes rings lists dicts strings tuples instances");
            std::process::exit(2);
        }
    }
}
