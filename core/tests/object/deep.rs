//! Chains of 10^5 objects die on a stack of 512 KiB.

use exuvia_core::Heap;
use exuvia_core::object::{Class, Dict, Generator, List, Str, Tuple, Value};

const LENGTH: usize = 100_000;
const STACK_BYTES: usize = 512 << 10;

/// Builds a chain by wrapping, drops it, builds it again as garbage that only
/// a collection finds, and collects it.
fn chain_dies(wrap: fn(&Heap, Value) -> Value) {
    let work = move || {
        let heap = crate::builder().enabled(false).build();
        let mut top = wrap(&heap, Value::NONE);
        for _ in 1..LENGTH {
            top = wrap(&heap, top);
        }
        drop(top);
        heap.collect_all();
        assert_eq!(heap.memory().live_blocks, 0);

        let list = List::new(&heap);
        list.push(&heap, Value::from(&list));
        let mut top = Value::from(list.clone());
        for _ in 0..LENGTH {
            top = wrap(&heap, top);
        }
        list.push(&heap, top);
        drop(list);
        assert!(heap.memory().live_blocks > LENGTH as _);
        assert!(heap.collect_all() > LENGTH);
        assert_eq!(heap.memory().live_blocks, 0);
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(work);
    thread.expect("a thread").join().expect("no overflow");
}

#[test]
fn a_deep_list_dies_in_constant_stack() {
    chain_dies(|heap, inner| Value::from(List::from_iter(heap, [inner])));
}

#[test]
fn a_deep_tuple_dies_in_constant_stack() {
    chain_dies(|heap, inner| Value::from(Tuple::new(heap, [inner].into_iter())));
}

#[test]
fn a_deep_dict_dies_in_constant_stack() {
    chain_dies(|heap, inner| {
        let dict = Dict::new(heap);
        dict.insert(heap, Value::small(1), inner);
        Value::from(dict)
    });
}

fn instance(heap: &Heap, inner: Value, slots: bool) -> Value {
    // One class per chain; the chain's first instance brings it.
    let (class, name) = match inner.as_instance() {
        Some(inner) => (inner.class().clone(), Str::intern(heap, "next")),
        None => {
            let builder = Class::builder(heap, "Node");
            let builder = if slots {
                builder.slots(["next"])
            } else {
                builder.dict()
            };
            (builder.build(), Str::intern(heap, "next"))
        }
    };
    let node = Class::instantiate(&class, heap);
    node.set_attr(heap, &name, inner).expect("an attribute");
    Value::from(node)
}

#[test]
fn a_deep_chain_of_slots_dies_in_constant_stack() {
    chain_dies(|heap, inner| instance(heap, inner, true));
}

#[test]
fn a_deep_chain_of_inline_values_dies_in_constant_stack() {
    chain_dies(|heap, inner| instance(heap, inner, false));
}

#[test]
fn a_deep_chain_of_generators_dies_in_constant_stack() {
    chain_dies(|heap, inner| {
        let generator = Generator::from_fn(heap, inner, |inner, _| Some(inner.clone()));
        Value::from(generator)
    });
}
