//! Section 1: the cycle collector (`test_gc`).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::object::{Class, Dict, List, Str, Tuple, Value, is_tracked};
use exuvia_core::{Gc, Heap};

use crate::{Log, Saved, any, calls, link, node, on_death, quiet, resurrects, ring};

#[test]
fn test_list_test_dict() {
    let heap = quiet();
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    drop(list);
    assert_eq!(heap.collect_all(), 1);
    let dict = Dict::new(&heap);
    dict.insert(&heap, Value::small(1), Value::from(&dict));
    drop(dict);
    assert_eq!(heap.collect_all(), 1);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn test_tuple() {
    let heap = quiet();
    let list = List::new(&heap);
    let tuple = Tuple::new(&heap, [Value::from(&list)].into_iter());
    list.push(&heap, Value::from(tuple));
    drop(list);
    assert_eq!(heap.collect_all(), 2);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn test_instance_test_newinstance() {
    let heap = quiet();
    let class = Class::builder(&heap, "A").build();
    let name = Str::intern(&heap, "a");
    let instance = Class::instantiate(&class, &heap);
    instance
        .set_attr(&heap, &name, Value::from(&instance))
        .expect("an open class");
    drop(instance);
    assert_eq!(heap.collect_all(), 1);
    assert_eq!(heap.collect_all(), 0);
}

#[test]
fn test_del_test_del_newclass() {
    let heap = Heap::builder().thresholds(1, 10, 10).build();
    let ran = Rc::new(Cell::new(0));
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.push(List::new(&heap));
        let dying = node(&heap);
        let ran = ran.clone();
        on_death(&dying, move |this| {
            let heap = Gc::heap(this);
            drop((0..20).map(|_| List::new(&heap)).collect::<Vec<_>>());
            ran.set(ran.get() + 1);
        });
        drop(dying);
    }
    assert_eq!(ran.get(), 10);
    assert!(heap.stats()[0].collections > 0, "collections did happen");
}

#[test]
fn test_trashcan() {
    let heap = quiet();
    let ran = Rc::new(Cell::new(0));
    let mut chain = Value::NONE;
    for depth in 0..150 {
        let dying = node(&heap);
        let ran = ran.clone();
        on_death(&dying, move |this| {
            ran.set(ran.get() + 1);
            Gc::heap(this).collect_all();
        });
        let items = [Value::from(any(&dying)), chain];
        chain = match depth % 3 {
            0 => Value::from(List::from_iter(&heap, items)),
            1 => Value::from(Tuple::new(&heap, items.into_iter())),
            _ => {
                let dict = Dict::new(&heap);
                for (key, item) in items.into_iter().enumerate() {
                    dict.insert(&heap, Value::small(key as i64), item);
                }
                Value::from(dict)
            }
        };
    }
    drop(chain);
    assert_eq!(ran.get(), 150);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn test_boom_test_boom2() {
    let heap = quiet();
    let asked = Rc::new(Cell::new(false));
    let class = Class::builder(&heap, "Boom")
        .equality(|_, _| panic!("examining trash runs no user code"))
        .hash(|_| panic!("examining trash runs no user code"))
        .build();
    let name = Str::intern(&heap, "attr");
    let (a, b) = (
        Class::instantiate(&class, &heap),
        Class::instantiate(&class, &heap),
    );
    a.set_attr(&heap, &name, Value::from(&b)).expect("open");
    b.set_attr(&heap, &name, Value::from(&a)).expect("open");
    drop((a, b));
    assert_eq!(heap.collect_all(), 2);
    assert!(heap.garbage().is_empty() && !asked.get());
    assert_eq!(heap.take_errors(), []);
}

#[test]
fn test_is_tracked() {
    let heap = quiet();
    assert!(!is_tracked(&Value::small(1)));
    assert!(!is_tracked(&Value::NONE));
    assert!(!is_tracked(&Value::float(&heap, 1.0)));
    assert!(!is_tracked(&Value::str(&heap, "a")));
    assert!(is_tracked(&Value::from(List::new(&heap))));
    let class = Class::builder(&heap, "C").slots(["a"]).build();
    let empty = Class::builder(&heap, "E")
        .slots(Vec::<String>::new())
        .build();
    for class in [&class, &empty] {
        assert!(is_tracked(&Value::from(Class::instantiate(class, &heap))));
    }
    assert!(is_tracked(&Value::from(&class)));
    assert!(!is_tracked(&Value::from(Dict::new(&heap))), "3.13");
}

#[test]
fn test_tuple_is_untracked_by_the_first_collection() {
    let heap = quiet();
    let atoms = Tuple::new(&heap, [Value::small(1), Value::NONE].into_iter());
    let holds = Tuple::new(&heap, [Value::from(List::new(&heap))].into_iter());
    assert!(Gc::is_tracked(&atoms) && Gc::is_tracked(&holds));
    heap.collect(0).expect("a generation");
    assert!(!Gc::is_tracked(&atoms));
    assert!(Gc::is_tracked(&holds));
}

#[test]
fn test_is_finalized() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    let lazarus = node(&heap);
    resurrects(&lazarus, &log, &saved);
    assert!(!Gc::is_finalized(&lazarus));
    drop(lazarus);
    let risen = saved.borrow_mut().pop().expect("resurrected");
    assert!(Gc::is_finalized(&risen));
    let float = Value::float(&heap, 3.0);
    assert!(!float.as_object().expect("an object").is_finalized());
}

/// The referent is alive or not in each callback and finalizer of a collection.
#[test]
fn test_bug1055820b_c_d() {
    let heap = quiet();
    let trash = ring(&heap, 3);
    let weak = Rc::new(trash.iter().map(Gc::downgrade).collect::<Vec<_>>());
    let log = Log::default();
    let seen = {
        let (log, weak) = (log.clone(), weak.clone());
        move |who: &str| {
            let alive = weak.iter().filter(|w| w.upgrade().is_some()).count();
            log.note(format!("{who}: {alive}"));
        }
    };
    let call = seen.clone();
    // The reference lives outside, in an older generation.
    let outside = Gc::downgrade_with(&trash[0], calls(&heap, move |_| call("callback")));
    heap.collect(1).expect("a generation");
    let del = seen.clone();
    on_death(&trash[1], move |_| del("finalizer"));
    drop(trash);
    assert_eq!(heap.collect_all(), 3);
    assert_eq!(log.take(), ["callback: 0", "finalizer: 0"]);
    drop(outside);
}

#[test]
fn test_bug21435() {
    let heap = quiet();
    let trash = ring(&heap, 2);
    for member in &trash {
        on_death(member, |this| {
            let heap = Gc::heap(this);
            link(this, &Gc::erase(List::new(&heap)));
        });
    }
    drop(trash);
    assert_eq!(heap.collect_all(), 2);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn test_function_tp_clear_leaves_consistent_state() {
    let heap = quiet();
    let trash = ring(&heap, 2);
    let made = Rc::new(RefCell::new(None));
    let (slot, log) = (made.clone(), Log::default());
    let called = log.clone();
    on_death(&trash[0], move |this| {
        let called = called.clone();
        let back = calls(&Gc::heap(this), move |_| called.note("called"));
        *slot.borrow_mut() = Some(Gc::downgrade_with(this, back));
    });
    drop(trash);
    assert_eq!(heap.collect_all(), 2);
    let weak = made.take().expect("made by the finalizer");
    assert!(weak.is_dead());
    assert!(log.take().is_empty(), "no half-cleared object was shown");
}

#[test]
fn test_resurrection_only_happens_once_per_object() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    let lazarus = ring(&heap, 1);
    resurrects(&lazarus[0], &log, &saved);
    drop(lazarus);
    heap.collect_all();
    assert_eq!((log.take().len(), saved.borrow().len()), (1, 1));
    saved.borrow_mut().clear();
    assert_eq!(heap.collect_all(), 1);
    assert!(log.take().is_empty() && saved.borrow().is_empty());
}

#[test]
fn test_resurrection_is_transitive() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    let trash = ring(&heap, 3);
    let payload = List::from_iter(&heap, [Value::small(7)]);
    link(&trash[2], &Gc::erase(payload));
    resurrects(&trash[0], &log, &saved);
    drop(trash);
    assert_eq!(heap.collect_all(), 0);
    let risen = saved.borrow()[0].clone();
    let second = risen.edges.borrow()[0].clone();
    let second = second.downcast::<crate::Node>().expect("a node");
    let third = second.edges.borrow()[0].clone();
    let third = third.downcast::<crate::Node>().expect("a node");
    let payload = third.edges.borrow()[1].clone();
    assert_eq!(
        Value::from(payload).as_list().expect("a list").get(0),
        Some(Value::small(7))
    );
    drop((risen, second, third));
    saved.borrow_mut().clear();
    assert_eq!(heap.collect_all(), 4);
}

#[test]
fn test_resurrection_does_not_block_cleanup_of_other_objects() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    for _ in 0..100 {
        drop(ring(&heap, 1));
    }
    assert_eq!(heap.collect_all(), 100);
    for _ in 0..100 {
        drop(ring(&heap, 1));
    }
    let lazarus = ring(&heap, 2);
    resurrects(&lazarus[0], &log, &saved);
    drop(lazarus);
    let before = heap.stats()[2].collected;
    assert_eq!(heap.collect_all(), 100);
    assert_eq!(heap.stats()[2].collected, before + 100);
    assert_eq!(saved.borrow().len(), 1);
    saved.borrow_mut().clear();
    assert_eq!(heap.collect_all(), 2);
}

#[test]
fn test_trash_weakref_clear() {
    let heap = quiet();
    let log = Log::default();
    let trash = ring(&heap, 2);
    let called = log.clone();
    let weak = Gc::downgrade_with(&trash[0], calls(&heap, move |_| called.note("called")));
    // The reference is in the trash, behind an object of it.
    link(&trash[1], &exuvia_core::Weak::erase(weak.clone()));
    drop((trash, weak));
    assert_eq!(heap.collect_all(), 4, "two nodes, reference, callback");
    assert!(log.take().is_empty());
}
