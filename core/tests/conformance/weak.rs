//! Section 3: weak references (`test_weakref`).

use std::cell::RefCell;
use std::rc::Rc;

use exuvia_core::object::{Class, List, Value, weakref_count, weakrefs};
use exuvia_core::{Gc, Heap, Weak};

use crate::{Log, any, calls, link, node, on_death, quiet, ring};

#[test]
fn test_basic_ref_test_basic_callback() {
    let heap = quiet();
    let log = Log::default();
    let object = node(&heap);
    let called = log.clone();
    let weak = Gc::downgrade_with(&object, calls(&heap, move |_| called.note("called")));
    assert!(weak.upgrade().is_some_and(|it| Gc::ptr_eq(&it, &object)));
    drop(object);
    assert!(weak.upgrade().is_none());
    assert_eq!(log.take(), ["called"]);
}

#[test]
fn test_multiple_callbacks_test_multiple_selfref_callbacks() {
    let heap = quiet();
    let log = Log::default();
    for by_count in [true, false] {
        let trash = ring(&heap, 1);
        if by_count {
            let edges = trash[0].edges.take();
            drop(edges);
        }
        let all: Rc<RefCell<Vec<Weak<_>>>> = Rc::default();
        for number in 0..3 {
            let (log, seen) = (log.clone(), all.clone());
            let back = calls(&heap, move |_| {
                let alive = seen.borrow().iter().filter(|w| !w.is_dead()).count();
                log.note(format!("{number}: {alive} alive"));
            });
            let weak = Gc::downgrade_with(&trash[0], back);
            all.borrow_mut().push(weak);
        }
        drop(trash);
        heap.collect_all();
        assert_eq!(log.take(), ["2: 0 alive", "1: 0 alive", "0: 0 alive"]);
    }
}

#[test]
fn test_ref_reuse_test_shared_ref_without_callback() {
    let heap = quiet();
    let object = node(&heap);
    let first = Gc::downgrade(&object);
    let back = || calls(&heap, |_| {});
    let with = Gc::downgrade_with(&object, back());
    assert!(
        Weak::ptr_eq(&first, &Gc::downgrade(&object)),
        "still shared"
    );
    assert!(!Weak::ptr_eq(&with, &Gc::downgrade_with(&object, back())));
    assert_eq!(Gc::weak_count(&object), 2);
    drop(first);
    assert_eq!(Gc::weak_count(&object), 1);
    drop(Gc::downgrade(&object));
    assert_eq!(Gc::weak_count(&object), 1);
}

#[test]
fn test_getweakrefcount_test_getweakrefs() {
    let heap = quiet();
    let class = Class::builder(&heap, "C").build();
    let instance = Class::instantiate(&class, &heap);
    let value = Value::from(&instance);
    let plain = Gc::downgrade(&instance);
    let with = Gc::downgrade_with(&instance, calls(&heap, |_| {}));
    assert_eq!(weakref_count(&value), 2);
    assert_eq!(weakrefs(&value).len(), 2);
    drop(plain);
    assert_eq!(weakref_count(&value), 1);
    drop(with);
    assert_eq!(weakref_count(&value), 0);
    assert_eq!(weakref_count(&Value::small(1)), 0, "unsupported");
    assert!(weakrefs(&Value::small(1)).is_empty());
}

#[test]
fn test_sf_bug_840829() {
    let heap = quiet();
    let object = node(&heap);
    let address = Gc::address(&object);
    let log = Log::default();
    let seen = log.clone();
    let back = calls(&heap, move |heap| {
        heap.collect_all();
        let objects = heap.objects(None).expect("all");
        let shown = objects.iter().any(|o| o.address() == address);
        seen.note(format!("{shown}"));
    });
    let weak = Gc::downgrade_with(&object, back);
    drop(object);
    assert_eq!(log.take(), ["false"]);
    drop(weak);
}

#[test]
fn test_callback_in_cycle_reachable_one_way_resurrection() {
    let heap = quiet();
    let log = Log::default();
    let note = |text: &'static str| {
        let log = log.clone();
        move |_: &Heap| log.note(text)
    };
    let trash = ring(&heap, 2);
    let inside = Gc::downgrade_with(&trash[0], calls(&heap, note("inside")));
    link(&trash[1], &Weak::erase(inside));
    let outside = Gc::downgrade_with(&trash[0], calls(&heap, note("outside")));
    // A callback that refers to the trash is in it and cannot resurrect.
    let back = calls(&heap, note("holds the trash"));
    back.edges.borrow_mut().push(any(&trash[1]));
    let holding = Gc::downgrade_with(&trash[0], back);
    link(&trash[0], &Weak::erase(holding));
    drop(trash);
    heap.collect_all();
    assert_eq!(log.take(), ["outside"]);
    assert!(outside.is_dead());
}

#[test]
fn test_callbacks_on_callback() {
    let heap = quiet();
    let log = Log::default();
    let note = |text: &'static str| {
        let log = log.clone();
        move |_: &Heap| log.note(text)
    };
    let trash = ring(&heap, 1);
    let back = calls(&heap, note("first"));
    let weak = Gc::downgrade_with(&trash[0], back.clone());
    link(&trash[0], &Weak::erase(weak));
    let inner = Gc::downgrade_with(&back, calls(&heap, note("inner")));
    link(&trash[0], &Weak::erase(inner));
    let outer = Gc::downgrade_with(&back, calls(&heap, note("outer")));
    drop((trash, back));
    heap.collect_all();
    assert_eq!(log.take(), ["outer"]);
    drop(outer);
}

#[test]
fn test_gc_during_ref_creation() {
    let heap = Heap::builder().thresholds(1, 1, 1).build();
    let object = node(&heap);
    for _ in 0..100 {
        drop(ring(&heap, 2));
        let first = Gc::downgrade(&object);
        drop(ring(&heap, 2));
        let second = Gc::downgrade(&object);
        assert!(Weak::ptr_eq(&first, &second));
        assert_eq!(Gc::weak_count(&object), 1);
    }
    heap.verify().expect("a sound heap");
}

#[test]
fn test_ref_created_during_del() {
    let heap = quiet();
    let made = Rc::new(RefCell::new(None));
    let object = node(&heap);
    let slot = made.clone();
    on_death(&object, move |this| {
        *slot.borrow_mut() = Some(Gc::downgrade(this))
    });
    drop(object);
    let weak = made.take().expect("made");
    assert!(weak.is_dead() && weak.upgrade().is_none());
    heap.verify().expect("a sound heap");
}

#[test]
fn test_callback_gcs() {
    let heap = quiet();
    let object = ring(&heap, 1);
    let weak = Gc::downgrade_with(
        &object[0],
        calls(&heap, |heap| {
            drop(List::new(heap));
            heap.collect_all();
        }),
    );
    let edges = object[0].edges.take();
    drop(edges);
    drop(object);
    assert!(weak.is_dead());
    heap.verify().expect("a sound heap");
}

#[test]
fn test_no_memory_when_clearing() {
    let heap = quiet();
    let called = Rc::new(std::cell::Cell::new(0));
    let object = node(&heap);
    let all: Vec<_> = (0..60)
        .map(|_| {
            let called = called.clone();
            Gc::downgrade_with(&object, calls(&heap, move |_| called.set(called.get() + 1)))
        })
        .collect();
    heap.fail_allocations_after(Some(0));
    drop(object);
    heap.fail_allocations_after(None);
    assert!(all.iter().all(Weak::is_dead));
    assert_eq!(called.get(), 60);
}

#[test]
fn test_clearing_weakrefs_in_gc() {
    let heap = quiet();
    let trash = ring(&heap, 1);
    let log = Log::default();
    let (plain, with) = (
        Gc::downgrade(&trash[0]),
        Gc::downgrade_with(&trash[0], calls(&heap, |_| {})),
    );
    let (seen, dead) = (log.clone(), (plain.clone(), with.clone()));
    on_death(&trash[0], move |_| {
        seen.note(format!("{} {}", dead.0.is_dead(), dead.1.is_dead()));
    });
    drop(trash);
    heap.collect_all();
    assert_eq!(
        log.take(),
        ["true true"],
        "3.13: both, before any finalizer"
    );
    drop((plain, with));
}

/// `gc_collect_main` adds the references that died after their call.
#[test]
fn test_called_references_that_die_count_as_collected() {
    let heap = quiet();
    for drops in [true, false] {
        let trash = ring(&heap, 1);
        let held: Rc<RefCell<Vec<Weak<_>>>> = Rc::default();
        for _ in 0..3 {
            let holder = held.clone();
            let back = calls(&heap, move |_| {
                let last = if drops {
                    holder.borrow_mut().pop()
                } else {
                    None
                };
                drop(last);
            });
            held.borrow_mut().push(Gc::downgrade_with(&trash[0], back));
        }
        drop(trash);
        // The newest is called first, and pops itself.
        assert_eq!(heap.collect_all(), if drops { 1 + 3 } else { 1 });
        held.take();
    }
}
