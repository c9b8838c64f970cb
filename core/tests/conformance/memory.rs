//! Section 7: failing allocations and block counts (`test_mem`, `test_sys`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use exuvia_core::object::{
    BoundMethod, ByteArray, Class, ClosureCell, Dict, Function, Generator, List, MemoryView, Set,
    Str, Tuple, Value, WeakKeyDictionary, WeakRef,
};
use exuvia_core::{Gc, Heap, Mode};

/// Makes one object of about every type, with tables that grow and a cycle.
fn build(heap: &Heap) -> Vec<Value> {
    let class = Class::builder(heap, "C")
        .method("me", |call| call.this.clone())
        .attribute("word", Value::from(Str::new(heap, "a class attribute")))
        .build();
    let slots = Class::builder(heap, "S").slots(["x", "y"]).build();
    let instance = Class::instantiate(&class, heap);
    let slotted = Class::instantiate(&slots, heap);
    let list = List::new(heap);
    let dict = Dict::new(heap);
    let set = Set::new(heap);
    for number in 0..40 {
        let text = Str::new(heap, &format!("text number {number}"));
        list.push(heap, Value::from(&text));
        dict.insert(heap, Value::small(number), Value::from(&text));
        set.add(heap, Value::from(text));
    }
    let attribute = Str::intern(heap, "an_attribute");
    instance
        .set_attr(heap, &attribute, Value::from(&list))
        .expect("an open class");
    drop(instance.dict(heap));
    slotted
        .set_attr(heap, &Str::intern(heap, "x"), Value::from(&instance))
        .expect("a slot");
    list.push(heap, Value::from(&slotted));
    let function = Function::new(heap, "f", |_| Value::NONE, [Value::from(&dict)]);
    let notes = WeakKeyDictionary::new(heap);
    notes
        .insert(heap, &Value::from(&list), Value::from(&dict))
        .expect("an object");
    let array = Value::from(ByteArray::new(heap, b"0123456789"));
    vec![
        Value::from(Tuple::new(heap, [Value::from(&list)].into_iter())),
        Value::from(BoundMethod::new(heap, Value::from(&instance), function)),
        Value::from(ClosureCell::new(heap, Some(Value::from(set)))),
        Value::from(Generator::from_fn(heap, Value::from(dict), |_, _| None)),
        Value::from(MemoryView::new(heap, &array).expect("bytes")),
        Value::from(WeakRef::of(&Value::from(&list)).expect("an object")),
        Value::from(Gc::erase(notes)),
        Value::float(heap, 0.5),
        Value::int(heap, i64::MAX),
    ]
}

/// The n-th allocation fails, for every n: what was made is given up, nothing is
/// left, and the heap goes on.
#[test]
fn test_set_nomemory() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(fail_each_allocation);
    std::panic::set_hook(hook);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn fail_each_allocation() {
    for mode in [Mode::Pages, Mode::Debug] {
        let heap = Heap::builder().mode(mode).enabled(false).build();
        let mut failures = 0;
        for n in 0.. {
            heap.fail_allocations_after(Some(n));
            let built = catch_unwind(AssertUnwindSafe(|| build(&heap)));
            heap.fail_allocations_after(None);
            let whole = built.is_ok();
            drop(built);
            heap.collect_all();
            heap.verify().expect("sound");
            assert_eq!(heap.allocated_blocks(), 0, "{mode:?}, allocation {n}");
            assert_eq!(heap.memory().live_bytes, 0, "{mode:?}, allocation {n}");
            if whole {
                break;
            }
            failures += 1;
        }
        assert!(failures > 60, "{failures} allocations failed");
        assert!(heap.take_errors().is_empty());
    }
}

/// The number of blocks is back where it was when everything is given up, and
/// counts each object and buffer.
#[test]
fn test_sys_getallocatedblocks() {
    let heap = crate::quiet();
    assert_eq!(heap.allocated_blocks(), 0);
    let one = List::with_capacity(&heap, 4);
    assert_eq!(heap.allocated_blocks(), 2, "the list and its items");
    for _ in 0..3 {
        let before = heap.allocated_blocks();
        let built = build(&heap);
        let during = heap.allocated_blocks();
        assert!(during > before + 60, "{during} blocks");
        drop(built);
        heap.collect_all();
        assert_eq!(heap.allocated_blocks(), before);
    }
    drop(one);
    assert_eq!(heap.allocated_blocks(), 0);
}
