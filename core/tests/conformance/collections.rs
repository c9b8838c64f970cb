//! Section 3: weak dictionaries, weak sets and finalizers (`test_weakref`,
//! `test_weakset`).

use exuvia_core::object::{
    Class, Finalizer, Function, Instance, List, Str, Value, WeakKeyDictionary, WeakRef, WeakSet,
    WeakValueDictionary,
};
use exuvia_core::{Gc, Heap};

use crate::quiet;

/// A list that holds itself, so that only a collection frees it.
fn cycle(heap: &Heap) -> Value {
    let list = List::new(heap);
    list.push(heap, Value::from(&list));
    Value::from(list)
}

/// Both dictionaries with `n` entries whose weak side is a cycle, and the set.
fn filled(heap: &Heap, n: i64) -> (Gc<WeakValueDictionary>, Gc<WeakKeyDictionary>, Gc<WeakSet>) {
    let by_value = WeakValueDictionary::new(heap);
    let by_key = WeakKeyDictionary::new(heap);
    let set = WeakSet::new(heap);
    for number in 0..n {
        by_value
            .insert(heap, Value::small(number), &cycle(heap))
            .expect("an object");
        by_key
            .insert(heap, &cycle(heap), Value::small(number))
            .expect("an object");
        set.add(heap, &cycle(heap)).expect("an object");
    }
    (by_value, by_key, set)
}

/// Members that die in a collection while somebody iterates: they do not count at
/// once, nor when the iterator is gone.
#[test]
fn test_len_cycles() {
    let heap = quiet();
    let n = 20;
    let (by_value, by_key, set) = filled(&heap, n);
    let lens = || (by_value.len(), by_key.len(), set.len());
    assert_eq!(lens(), (20, 20, 20));
    let mut iterators = (by_value.iter(), by_key.iter(), set.iter());
    let held = (iterators.0.next(), iterators.1.next(), iterators.2.next());
    assert!(held.0.is_some() && held.1.is_some() && held.2.is_some());
    heap.collect_all();
    assert_eq!(lens(), (1, 1, 1), "what was handed out is held");
    assert!(iterators.0.next().is_none() && iterators.1.next().is_none());
    drop((held, iterators));
    heap.collect_all();
    assert_eq!(lens(), (0, 0, 0));
}

/// Collections at any moment of the iteration: a length is never wrong.
#[test]
fn test_len_race() {
    for threshold in 1..40 {
        let heap = Heap::builder()
            .thresholds(threshold, threshold, threshold)
            .build();
        let n = 20;
        let (by_value, by_key, set) = filled(&heap, n);
        let iterators = (by_value.iter(), by_key.iter(), set.iter());
        let first = (by_value.len(), by_key.len(), set.len());
        drop(iterators);
        let second = (by_value.len(), by_key.len(), set.len());
        for (first, second) in [
            (first.0, second.0),
            (first.1, second.1),
            (first.2, second.2),
        ] {
            assert!(second <= first && first <= 20, "{second} after {first}");
        }
        heap.verify().expect("sound");
    }
}

/// One of the entries dies, one is added and one taken out while somebody iterates.
#[test]
fn test_weak_destroy_and_mutate_while_iterating() {
    let heap = quiet();
    let mut kept: Vec<Value> = (0..10).map(|_| Value::from(List::new(&heap))).collect();
    let set = WeakSet::new(&heap);
    let by_key = WeakKeyDictionary::new(&heap);
    for value in &kept {
        set.add(&heap, value).expect("an object");
        by_key.insert(&heap, value, Value::NONE).expect("an object");
    }
    let (of_set, of_dict) = (set.iter(), by_key.iter());
    // The order of members is that of insertion: the last ones are to come.
    drop(kept.pop());
    let late = Value::from(List::new(&heap));
    assert_eq!(set.add(&heap, &late), Ok(true));
    by_key.insert(&heap, &late, Value::NONE).expect("an object");
    assert!(set.discard(&kept[0]));
    assert_eq!(by_key.remove(&kept[0]), Some(Value::NONE));
    assert!(!set.contains(&kept[0]) && set.contains(&late));
    let seen = of_set.count();
    assert!(seen >= 8, "{seen} of the members that live were seen");
    let seen = of_dict.count();
    assert!(seen >= 8, "{seen} of the entries that live were seen");
    assert_eq!((set.len(), by_key.len()), (9, 9));
    // Everything goes while somebody iterates.
    let iterator = set.iter();
    set.clear();
    assert_eq!(set.len(), 0);
    drop(iterator);
    assert_eq!(set.len(), 0);
    assert_eq!(set.add(&heap, &late), Ok(true));
}

/// Members update their own set; a set is a subset of itself and of nothing less.
#[test]
fn test_inplace_on_self() {
    let heap = quiet();
    let kept: Vec<Value> = (0..5).map(|_| Value::from(List::new(&heap))).collect();
    let set = WeakSet::new(&heap);
    set.update(&heap, kept.clone()).expect("objects");
    set.update(&heap, set.values()).expect("objects");
    assert_eq!(set.len(), 5);
    let less = WeakSet::new(&heap);
    less.update(&heap, kept[1..].to_vec()).expect("objects");
    assert!(less.is_subset(&set) && !set.is_subset(&less) && set.equals(&set));
    assert!(!set.equals(&less));
    set.retain(|value| less.contains(value));
    assert!(set.equals(&less));
    set.retain(|value| !set.contains(value));
    assert!(set.is_empty());
}

/// Popping and clearing take the newest first; what a value does when it goes finds
/// the older entries.
#[test]
fn test_weak_keyed_dict_popitem_and_clear() {
    let heap = quiet();
    let kept: Vec<Value> = (0..4).map(|_| Value::from(List::new(&heap))).collect();
    let notes = WeakKeyDictionary::new(&heap);
    let lens = List::new(&heap);
    for key in &kept {
        // Each value counts what is left when it dies.
        let value = Value::from(List::new(&heap));
        let counted = Function::new(
            &heap,
            "count",
            |call| {
                let [notes, lens] = call.captured else {
                    return Value::NONE;
                };
                let notes = notes.as_object().and_then(|notes| {
                    let notes = notes.downcast_ref::<WeakKeyDictionary>();
                    notes.map(|notes| notes.len() as i64)
                });
                if let Some((lens, len)) = lens.as_list().zip(notes) {
                    lens.push(call.heap, Value::small(len));
                }
                Value::NONE
            },
            [Value::from(Gc::erase(notes.clone())), Value::from(&lens)],
        );
        let finalizer = Finalizer::new(&heap, &value, counted, []).expect("an object");
        finalizer.set_at_exit(false);
        notes.insert(&heap, key, value).expect("an object");
    }
    let (key, value) = notes.pop_item().expect("an entry");
    assert!(key.is(&kept[3]) && value.as_list().is_some());
    drop(value);
    assert_eq!(lens.snapshot(), [3].map(Value::small));
    notes.clear();
    assert_eq!(lens.snapshot(), [3, 2, 1, 0].map(Value::small));
    assert!(notes.pop_item().is_none());
}

/// By identity, but it takes away what the search is about to look at.
fn equal_and_destroy(this: &Gc<Instance>, other: &Value) -> bool {
    let name = Str::intern(&Gc::heap(this), "victims");
    let other_one = other.as_instance().map(|other| (*other).clone());
    for instance in [Some(this.clone()), other_one].into_iter().flatten() {
        if let Some(victims) = instance.get_attr(&name)
            && let Some(victims) = victims.as_list()
        {
            victims.clear();
        }
    }
    Value::from(this).is(other)
}

/// Keys die while a key is looked for, by what its equality does.
#[test]
fn test_weak_keyed_cascading_deletes() {
    let heap = quiet();
    let class = Class::builder(&heap, "C")
        .hash(|_| 1)
        .equality(equal_and_destroy)
        .build();
    let victims = List::new(&heap);
    let notes = WeakKeyDictionary::new(&heap);
    for number in 0..5 {
        let key = Value::from(Class::instantiate(&class, &heap));
        notes
            .insert(&heap, &key, Value::small(number))
            .expect("an object");
        victims.push(&heap, key);
    }
    let key = Class::instantiate(&class, &heap);
    let name = Str::intern(&heap, "victims");
    notes
        .insert(&heap, &Value::from(&key), Value::small(9))
        .expect("an object");
    key.set_attr(&heap, &name, Value::from(&victims))
        .expect("an open class");
    assert_eq!(notes.len(), 6);
    let removed = notes.remove(&Value::from(&key));
    assert_eq!(removed, Some(Value::small(9)));
    assert_eq!((victims.len(), notes.len()), (0, 0));
    heap.verify().expect("sound");
}

/// What is not there is told, and nothing else goes.
#[test]
fn test_weak_keyed_bad_delitem() {
    let heap = quiet();
    let notes = WeakKeyDictionary::new(&heap);
    let (key, other) = (List::new(&heap), List::new(&heap));
    assert_eq!(notes.remove(&Value::from(&key)), None);
    assert_eq!(notes.remove(&Value::small(13)), None, "no object");
    assert!(notes.insert(&heap, &Value::small(13), Value::NONE).is_err());
    notes
        .insert(&heap, &Value::from(&key), Value::TRUE)
        .expect("an object");
    assert_eq!(notes.remove(&Value::from(&other)), None);
    assert_eq!(notes.len(), 1);
}

/// A finalizer that never ran keeps nothing of its object, and goes with it.
#[test]
fn finalize_test_case_test_all_freed() {
    let heap = quiet();
    let nothing = Function::new(&heap, "nothing", |_| Value::NONE, []);
    let argument = Value::from(List::new(&heap));
    let object = Value::from(List::new(&heap));
    let watches = [&object, &argument].map(|value| WeakRef::of(value).expect("an object"));
    let finalizer = Finalizer::new(&heap, &object, nothing, [argument]).expect("an object");
    drop(object);
    heap.collect_all();
    assert!(!finalizer.is_alive());
    assert!(watches.iter().all(|watch| watch.is_dead()));
    assert_eq!(finalizer.call(&heap), None);
    drop((finalizer, watches));
    heap.collect_all();
    assert_eq!(heap.live_objects(), 0);
}
