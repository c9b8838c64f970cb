//! Bound methods, cells, and weak references to methods.

use exuvia_core::Gc;
use exuvia_core::object::{
    BoundMethod, Class, ClosureCell, Dict, Function, List, Str, Value, WeakMethod,
};

use super::heap;

#[test]
fn a_bound_method_in_its_own_instance_is_a_cycle() {
    let heap = heap();
    let class = Class::builder(&heap, "C")
        .method("me", |call| call.this.clone())
        .build();
    let (me, bound) = (Str::intern(&heap, "me"), Str::intern(&heap, "bound"));
    let object = Class::instantiate(&class, &heap);
    let method = object.bind(&heap, &me).unwrap();
    object.set_attr(&heap, &bound, Value::from(method)).unwrap();
    let watch = Gc::downgrade(&object);
    drop(object);
    assert!(!watch.is_dead());
    assert_eq!(heap.collect_all(), 2);
    assert!(watch.is_dead());
    let object = Class::instantiate(&class, &heap);
    assert!(object.bind(&heap, &bound).is_err());
}

#[test]
fn methods_are_equal_by_object_and_function() {
    let heap = heap();
    let class = Class::builder(&heap, "C")
        .method("a", |call| call.this.clone())
        .method("b", |call| call.this.clone())
        .build();
    let (a, b) = (Str::intern(&heap, "a"), Str::intern(&heap, "b"));
    let (one, two) = (
        Class::instantiate(&class, &heap),
        Class::instantiate(&class, &heap),
    );
    let bind = |object: &Gc<_>, name: &Gc<Str>| -> Value {
        let object: &Gc<exuvia_core::object::Instance> = object;
        object.bind(&heap, name).unwrap().into()
    };
    let keys = Dict::new(&heap);
    keys.insert(&heap, bind(&one, &a), Value::small(1));
    assert!(keys.contains(&bind(&one, &a)));
    assert!(!keys.contains(&bind(&one, &b)) && !keys.contains(&bind(&two, &a)));
    assert_eq!(bind(&one, &a), bind(&one, &a));
    assert_eq!(bind(&one, &a).type_name(), "method");
}

#[test]
fn closures_share_a_cell_and_see_later_assignments() {
    let heap = heap();
    let cell = ClosureCell::new(&heap, Some(Value::small(0)));
    let add = Function::new(
        &heap,
        "add",
        |call| {
            let cell = call.captured[0].as_cell().unwrap();
            let sum = cell.get().unwrap().as_int().unwrap() + call.arguments[0].as_int().unwrap();
            cell.set(Value::small(sum));
            Value::small(sum)
        },
        [Value::from(&cell)],
    );
    add.call(&heap, &Value::NONE, &[Value::small(2)]);
    add.call(&heap, &Value::NONE, &[Value::small(3)]);
    assert_eq!(cell.get(), Some(Value::small(5)));
    cell.clear();
    assert_eq!(cell.get(), None);
    cell.set(Value::from(&add));
    drop((cell, add));
    assert_eq!(heap.collect_all(), 2);
}

#[test]
fn a_weak_method_dies_with_its_object_and_calls_back_once() {
    let heap = heap();
    let class = Class::builder(&heap, "C")
        .method("me", |call| call.this.clone())
        .build();
    let me = Str::intern(&heap, "me");
    let log = List::new(&heap);
    let note = Function::new(
        &heap,
        "note",
        |call| {
            let log = call.captured[0].as_list().unwrap().clone();
            log.push(call.heap, call.arguments[0].clone());
            Value::NONE
        },
        [Value::from(&log)],
    );
    let object = Class::instantiate(&class, &heap);
    let method = object.bind(&heap, &me).unwrap();
    let weak = WeakMethod::with_callback(&method, note).unwrap();
    let same = WeakMethod::new(&object.bind(&heap, &me).unwrap()).unwrap();
    assert!(weak.equals(&same) && weak.hash() == same.hash());
    drop(method);
    let again: Gc<BoundMethod> = weak.upgrade(&heap).unwrap();
    assert!(again.call(&heap, &[]).is(&Value::from(&object)));
    drop((again, object));
    assert!(weak.is_dead() && weak.upgrade(&heap).is_none());
    assert!(!weak.equals(&same) && weak.equals(&weak.clone()));
    assert!(weak.hash().is_ok(), "kept from before");
    drop((class, weak));
    heap.collect_all();
    assert_eq!(log.len(), 1);
    assert!(log.get(0).unwrap().as_weakref().unwrap().is_dead());
}
