use exuvia_core::object::{
    Class, Dict, Function, Generator, List, Tuple, Value, WeakRef, ref_count, size_of,
};
use exuvia_core::{Callback, Gc, GcAny, Heap, Trace};
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn a_value_is_8_bytes_and_so_is_an_optional_one() {
    assert_eq!(size_of::<Value>(), 8);
    assert_eq!(size_of::<Option<Value>>(), 8);
    assert_eq!(size_of::<Option<Gc<List>>>(), 8);

    const fn size_of<T>() -> usize {
        std::mem::size_of::<T>()
    }
}

#[test]
fn ints_are_immediate_up_to_61_bits_and_whole_beyond() {
    let heap = crate::heap();
    let edge = 1_i64 << 60;
    for int in [
        0,
        1,
        -1,
        edge - 1,
        -edge,
        edge,
        -edge - 1,
        i64::MAX,
        i64::MIN,
    ] {
        let value = Value::int(&heap, int);
        assert_eq!(value.as_int(), Some(int));
        assert_eq!(value.is_immediate(), (-edge..edge).contains(&int), "{int}");
        assert_eq!(value, Value::int(&heap, int));
        assert_eq!(value.type_name(), "int");
    }
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
#[should_panic(expected = "61 bits")]
fn a_large_int_is_refused_as_small() {
    Value::small(1 << 60);
}

#[test]
fn singletons_are_themselves_and_nothing_else() {
    let atoms = [
        Value::NONE,
        Value::TRUE,
        Value::FALSE,
        Value::small(0),
        Value::small(1),
    ];
    for (i, a) in atoms.iter().enumerate() {
        for (j, b) in atoms.iter().enumerate() {
            assert_eq!(a.is(b), i == j);
        }
        assert!(a.is_immediate() && a.as_object().is_none());
    }
    assert_eq!(Value::TRUE.as_bool(), Some(true));
    assert_eq!(Value::TRUE.as_int(), None);
    assert_eq!(Value::default(), Value::NONE);
}

#[test]
fn numbers_and_strings_compare_by_value_and_the_rest_by_identity() {
    let heap = crate::heap();
    assert_eq!(Value::TRUE, Value::small(1));
    assert_eq!(Value::float(&heap, 1.0), Value::small(1));
    assert_ne!(Value::float(&heap, 1.5), Value::small(1));
    assert_ne!(Value::float(&heap, f64::NAN), Value::float(&heap, f64::NAN));
    let odd = (1 << 53) + 1;
    assert_ne!(Value::small(odd), Value::float(&heap, odd as f64));
    assert_ne!(
        Value::int(&heap, i64::MAX),
        Value::float(&heap, i64::MAX as f64)
    );
    assert_eq!(Value::str(&heap, "a"), Value::str(&heap, "a"));
    assert_ne!(Value::str(&heap, "1"), Value::small(1));
    let list = Value::from(List::new(&heap));
    assert_eq!(list, list.clone());
    assert_ne!(list, Value::from(List::new(&heap)));
}

#[test]
fn every_type_of_object_makes_the_round_trip_through_a_value() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Point").slots(["x"]).build();
    let list = List::new(&heap);
    let weak = WeakRef::new(&list);
    let values = [
        (Value::str(&heap, "s"), "str"),
        (Value::from(&list), "list"),
        (Value::from(Tuple::new(&heap, std::iter::empty())), "tuple"),
        (Value::from(Dict::new(&heap)), "dict"),
        (Value::from(Class::instantiate(&class, &heap)), "Point"),
        (Value::from(&class), "type"),
        (Value::float(&heap, 0.5), "float"),
        (Value::int(&heap, i64::MAX), "int"),
        (
            Value::from(Generator::from_fn(&heap, (), |_, _| None)),
            "generator",
        ),
        (
            Value::from(Function::new(&heap, "f", |_| Value::NONE, [])),
            "function",
        ),
        (Value::from(weak), "weakref"),
        (Value::from(Gc::erase(heap.alloc(5_u64))), "object"),
    ];
    for (value, name) in &values {
        assert_eq!(value.type_name(), *name);
        assert!(!value.is_immediate());
        let before = ref_count(value);
        let any: GcAny = value.as_object().expect("an object").clone();
        let again = Value::from(any);
        assert!(again.is(value), "{name}");
        assert_eq!(ref_count(value), before + 1);
        assert_eq!(again.into_list().is_ok(), *name == "list");
        assert_eq!(ref_count(value), before);
        assert_eq!(value.as_dict().is_some(), *name == "dict");
        assert!(size_of(value) >= 16);
    }
}

#[test]
fn a_weak_value_upgrades_while_its_referent_lives() {
    let heap = crate::heap();
    let list = List::new(&heap);
    let weak = Value::from(Gc::downgrade(&list));
    let shared = WeakRef::new(&list);
    let reference = weak.as_weakref().expect("a weak reference");
    assert!(WeakRef::ptr_eq(&reference, &shared));
    assert!(
        reference
            .upgrade()
            .is_some_and(|value| value.is(&Value::from(&list)))
    );
    drop(list);
    assert!(reference.is_dead());
    assert_eq!(reference.upgrade(), None);
    assert!(Value::NONE.as_weakref().is_none());
}

#[derive(Trace)]
#[trace(leaf)]
struct Count(Rc<Cell<u32>>);

impl Callback for Count {
    fn call(&self, _: &Heap) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_weak_value_outside_the_trash_calls_back_once() {
    let heap = crate::heap();
    let calls = Rc::new(Cell::new(0));
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    let callback = heap.alloc(Count(calls.clone()));
    let outside = Value::from(WeakRef::with_callback(&list, callback.clone()));
    let inside = WeakRef::with_callback(&list, callback);
    list.push(&heap, Value::from(inside));
    drop(list);
    heap.collect_all();
    assert_eq!(calls.get(), 1, "the one inside never calls");
    assert!(outside.as_weakref().is_some_and(|weak| weak.is_dead()));
}
