//! The examples, as text.

use std::fmt::Write as _;

use exuvia_core::object::{Class, List, Str, Value, WeakRef, is_tracked, ref_count};
use exuvia_core::{Gc, Heap};

/// A title, and what writes the example's output.
type Example = (&'static str, fn(&mut String));

/// All examples, in the order of the tutorials.
pub(crate) fn everything() -> String {
    let mut out = String::new();
    let examples: [Example; 12] = [
        ("identity of shared objects", identity),
        ("reference counts", counts),
        ("is_tracked, and a death by count", tracked),
        ("a cycle cut by hand, and one collected", cycles),
        ("slots and inline values", sizes),
        ("a weak reference, alive then dead", weak),
        ("list1 = None", forgotten),
        ("a = b = 10, c = d = [1, 2, 3]", shared),
        ("42 is immortal", immortal),
        ("disable and enable", switches),
        (
            "a list that contains itself, and the thresholds",
            thresholds,
        ),
        (
            "memory of a list of 1,000,000 ints, before and after clear",
            memory,
        ),
    ];
    for (title, show) in examples {
        let _ = writeln!(out, "== {title}");
        show(&mut out);
    }
    out
}

fn identity(out: &mut String) {
    let heap = Heap::new();
    let a = Value::from(List::from_iter(&heap, [Value::small(1)]));
    let b = a.clone();
    let c = Value::from(List::from_iter(&heap, [Value::small(1)]));
    let _ = writeln!(out, "a is b: {}, a is c: {}", a.is(&b), a.is(&c));
    let ten = (Value::small(10), Value::small(10));
    let _ = writeln!(out, "10 is 10: {}", ten.0.is(&ten.1));
    let _ = writeln!(
        out,
        "(Addresses differ per run. In CPython only -5 .. 256 are shared.)"
    );
}

fn counts(out: &mut String) {
    let heap = Heap::new();
    let a = Value::from(List::new(&heap));
    let first = ref_count(&a) + 1;
    let others = (a.clone(), a.clone());
    let second = ref_count(&a) + 1;
    drop(others.1);
    let third = ref_count(&a) + 1;
    let _ = writeln!(
        out,
        "{first}, {second}, {third} as Python's getrefcount shows them"
    );
    let _ = writeln!(
        out,
        "(One is the argument's own. In a function 3.14 shows 1, 3, 2.)"
    );
}

fn tracked(out: &mut String) {
    let heap = Heap::new();
    let list = List::new(&heap);
    let _ = writeln!(out, "tracked: {}", is_tracked(&Value::from(&list)));
    drop(list);
    let _ = writeln!(
        out,
        "live: {}, collected: {}",
        heap.live_objects(),
        heap.collect_all()
    );
    let _ = writeln!(
        out,
        "(Its count freed it at once: the collector finds nothing of it.)"
    );
}

/// Two instances that refer to each other by `name`.
fn pair(heap: &Heap, class: &Gc<Class>, name: &Gc<Str>) -> [Value; 2] {
    let nodes = [(); 2].map(|()| Class::instantiate(class, heap));
    for (from, to) in [(0, 1), (1, 0)] {
        nodes[from]
            .set_attr(heap, name, Value::from(&nodes[to]))
            .expect("an open class");
    }
    nodes.map(Value::from)
}

fn cycles(out: &mut String) {
    let heap = Heap::new();
    let name = Str::intern(&heap, "other");
    let class = Class::builder(&heap, "Node").build();
    let cut = pair(&heap, &class, &name);
    for node in &cut {
        let node = node.as_instance().expect("an instance");
        node.del_attr(&name).expect("set before");
    }
    drop(cut);
    let by_hand = heap.collect_all();
    drop(pair(&heap, &class, &name));
    let _ = writeln!(
        out,
        "cut by hand: {by_hand}, left alone: {}",
        heap.collect_all()
    );
    let _ = writeln!(
        out,
        "(The collector needs no help; a cycle is freed later, not leaked.)"
    );
}

fn sizes(out: &mut String) {
    let heap = Heap::new();
    let slots = Class::builder(&heap, "S").slots(["a", "b"]).build();
    let open = Class::builder(&heap, "O").build();
    let names = ["a", "b"].map(|name| Str::intern(&heap, name));
    let size = |class: &Gc<Class>| {
        let make = || {
            let instance = Class::instantiate(class, &heap);
            for name in &names {
                instance
                    .set_attr(&heap, name, Value::NONE)
                    .expect("a place");
            }
            instance
        };
        let all: Vec<_> = (0..200).map(|_| make()).collect();
        all[199].size_bytes()
    };
    let _ = writeln!(
        out,
        "inline values: {}, slots: {}",
        size(&open),
        size(&slots)
    );
    let _ = writeln!(
        out,
        "(getsizeof leaves the dict and the collector's head out: 96 and 64.)"
    );
}

fn weak(out: &mut String) {
    let heap = Heap::new();
    let list = List::new(&heap);
    let weak = WeakRef::new(&list);
    let before = !weak.is_dead();
    drop(list);
    let _ = writeln!(out, "alive: {before}, then: {}", !weak.is_dead());
}

fn forgotten(out: &mut String) {
    let heap = Heap::new();
    let mut list1 = Value::from(List::from_iter(&heap, [1, 2, 3].map(Value::small)));
    let before = list1.as_object().map(|object| object.address());
    let live = heap.live_objects();
    list1 = match ref_count(&list1) {
        1 => Value::NONE,
        _ => list1, // Somebody else holds the list.
    };
    let after = heap.live_objects();
    let list2 = Value::from(List::new(&heap));
    let reused = list2.as_object().map(|object| object.address()) == before;
    let _ = writeln!(
        out,
        "list1 is None: {}, live: {live}, then {after}, address reused: {reused}",
        list1.is_none()
    );
    let _ = writeln!(
        out,
        "(Freed at once by its count; the collector has no part in it.)"
    );
}

fn shared(out: &mut String) {
    let heap = Heap::new();
    let (a, c) = (
        Value::small(10),
        Value::from(List::from_iter(&heap, [1, 2, 3].map(Value::small))),
    );
    let (b, d) = (a.clone(), c.clone());
    let count = ref_count(&c) + 1;
    let _ = writeln!(
        out,
        "a is b: {}, c is d: {}, the list's count: {count}",
        a.is(&b),
        c.is(&d)
    );
    let _ = writeln!(
        out,
        "(A count of 0 frees at once; it does not trigger the collector.)"
    );
}

fn immortal(out: &mut String) {
    let x = Value::small(42);
    let before = ref_count(&x);
    let y = x.clone();
    let with = ref_count(&x);
    drop(y);
    let _ = writeln!(out, "{before}, {with}, {}", ref_count(&x));
    let _ = writeln!(out, "(From 3.12 on the count of a small int never moves.)");
}

fn switches(out: &mut String) {
    let heap = Heap::new();
    heap.disable();
    let off = heap.is_enabled();
    heap.enable();
    let _ = writeln!(out, "{off}, {}", heap.is_enabled());
}

fn thresholds(out: &mut String) {
    let heap = Heap::new();
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    let count = Gc::ref_count(&list) + 1;
    drop(list);
    let found = heap.collect_all();
    let _ = writeln!(
        out,
        "count {count}, collected {found}, thresholds {:?}",
        heap.thresholds()
    );
    let _ = writeln!(
        out,
        "(700 was the first threshold before 3.13. The collector looks for objects"
    );
    let _ = writeln!(
        out,
        "whose count is explained by each other, not for a count of 0.)"
    );
}

fn memory(out: &mut String) {
    let heap = Heap::new();
    let sum: i64 = (1..=5).sum();
    let list = List::from_iter(&heap, (0..1_000_000).map(Value::small));
    let full = heap.memory().footprint_bytes >= 8_000_000;
    list.clear();
    let empty = heap.memory().footprint_bytes < 1_000_000;
    let _ = writeln!(
        out,
        "over 8 MB with items: {full}, under 1 MB after: {empty}"
    );
    let _ = writeln!(
        out,
        "(Clearing frees at once; CPython's 36 MB are mostly the ints.)"
    );
    let _ = writeln!(out, "The sum is: {sum}");
}
