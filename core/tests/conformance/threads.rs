//! CPython's rows on threads. A heap belongs to one thread, so each thread has
//! one of its own; what one thread does to another's objects in CPython, user
//! code in the middle of an operation does here.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use exuvia_core::object::{
    Class, Instance, List, Str, Tuple, Value, WeakKeyDictionary, WeakValueDictionary,
};
use exuvia_core::{Gc, Heap};

use crate::quiet;

const THREADS: usize = 2;
const CHAINS: usize = 20;
const DEPTH: usize = 2000;

#[test]
fn test_trashcan_threads() {
    static FINALIZED: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static HERE: Cell<usize> = const { Cell::new(0) };
    }
    fn one_thread() {
        let heap = quiet();
        let class = Class::builder(&heap, "Ouch")
            .finalizer(|_| {
                FINALIZED.fetch_add(1, Ordering::Relaxed);
                HERE.set(HERE.get() + 1);
            })
            .build();
        for _ in 0..CHAINS {
            let mut chain = Value::NONE;
            for at in 0..DEPTH {
                let member = Value::from(Class::instantiate(&class, &heap));
                chain = if at % 2 == 0 {
                    Value::from(List::from_iter(&heap, [chain, member]))
                } else {
                    Value::from(Tuple::new(&heap, [chain, member].into_iter()))
                };
            }
            drop(chain);
        }
        assert_eq!(HERE.get(), CHAINS * DEPTH);
        assert_eq!(heap.collect_all(), 0, "nothing waits for its death");
        heap.verify().expect("a sound heap");
    }
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(one_thread)).collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(FINALIZED.load(Ordering::Relaxed), THREADS * CHAINS * DEPTH);
}

thread_local! {
    /// What dies in the middle of an operation: the next key that is compared
    /// or hashed lets one go and collects.
    static VICTIMS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

fn let_one_go(heap: &Heap) {
    let victim = VICTIMS.with_borrow_mut(Vec::pop);
    if victim.is_some() {
        drop(victim);
        heap.collect_all();
    }
}

/// A class whose hash and equality run user code that lets keys die.
fn mortal(heap: &Heap) -> Gc<Class> {
    Class::builder(heap, "K")
        .hash(|this: &Gc<Instance>| {
            let_one_go(&Gc::heap(this));
            3
        })
        .equality(|this: &Gc<Instance>, other| {
            let_one_go(&Gc::heap(this));
            Value::from(this).is(other)
        })
        .build()
}

/// An instance that only a collection frees.
fn ring(heap: &Heap, class: &Gc<Class>) -> Value {
    let instance = Class::instantiate(class, heap);
    let me = Str::intern(heap, "me");
    let itself = Value::from(&instance);
    instance.set_attr(heap, &me, itself).expect("an open class");
    Value::from(instance)
}

const PAIRS: usize = 12;

fn weak_keys_while_they_die() {
    let heap = quiet();
    let class = mortal(&heap);
    let notes = WeakKeyDictionary::new(&heap);
    let kept: Vec<Value> = (0..PAIRS).map(|_| ring(&heap, &class)).collect();
    for (at, key) in kept.iter().enumerate() {
        let value = Value::small(at as i64);
        notes.insert(&heap, key, value).expect("an object");
        let victim = ring(&heap, &class);
        notes
            .insert(&heap, &victim, Value::NONE)
            .expect("an object");
        VICTIMS.with_borrow_mut(|victims| victims.push(victim));
    }
    let copy = notes.copy(&heap);
    for (at, key) in kept.iter().enumerate() {
        let value = Value::small(at as i64);
        assert_eq!(copy.get(key), Some(value.clone()), "an entry that lives");
        let found = notes.set_default(&heap, key, Value::NONE);
        assert_eq!(found.expect("an object"), value);
    }
    drop(VICTIMS.take());
    heap.collect_all();
    assert_eq!((notes.len(), copy.len()), (PAIRS, PAIRS));
    heap.verify().expect("a sound heap");
}

fn weak_values_while_they_die() {
    let heap = quiet();
    let class = mortal(&heap);
    let cache = WeakValueDictionary::new(&heap);
    let keys: Vec<Value> = (0..2 * PAIRS).map(|_| ring(&heap, &class)).collect();
    let mut kept = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let value = ring(&heap, &class);
        cache.insert(&heap, key.clone(), &value).expect("an object");
        if at % 2 == 0 {
            kept.push((key.clone(), value));
        } else {
            VICTIMS.with_borrow_mut(|victims| victims.push(value));
        }
    }
    let copy = cache.copy(&heap);
    for (key, value) in &kept {
        let fresh = ring(&heap, &class);
        let found = cache.set_default(&heap, key.clone(), &fresh);
        assert!(found.expect("an object").is(value), "not a new one");
        assert!(copy.get(key).is_some_and(|copied| copied.is(value)));
    }
    drop(VICTIMS.take());
    heap.collect_all();
    assert_eq!((cache.len(), copy.len()), (PAIRS, PAIRS));
    heap.verify().expect("a sound heap");
}

#[test]
fn test_threaded_weak_dict_copy_and_setdefault() {
    let run = || {
        for _ in 0..3 {
            weak_keys_while_they_die();
            weak_values_while_they_die();
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(run)).collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
}
