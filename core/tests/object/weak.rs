//! Weak references as values, proxies, weak collections, finalizers.

use std::cell::{Cell, RefCell};

use exuvia_core::object::{
    Class, Dict, Finalizer, Function, Instance, List, Str, Value, WeakError, WeakKeyDictionary,
    WeakProxy, WeakRef, WeakSet, WeakValueDictionary, weakref_count, weakrefs,
};
use exuvia_core::{Gc, Heap};

use super::heap;

fn list(heap: &Heap) -> Value {
    Value::from(List::new(heap))
}

/// A function that stores its first argument in a list.
fn noting(heap: &Heap, log: &Gc<List>) -> Gc<Function> {
    Function::new(
        heap,
        "note",
        |call| {
            let log = call.captured[0].as_list().unwrap().clone();
            log.push(call.heap, call.arguments[0].clone());
            Value::NONE
        },
        [Value::from(log)],
    )
}

#[test]
fn plain_references_and_plain_proxies_are_shared_apart() {
    let heap = heap();
    let object = list(&heap);
    let (a, b) = (WeakRef::of(&object).unwrap(), WeakRef::of(&object).unwrap());
    let (p, q) = (
        WeakProxy::of(&object).unwrap(),
        WeakProxy::of(&object).unwrap(),
    );
    assert!(WeakRef::ptr_eq(&a, &b) && WeakProxy::ptr_eq(&p, &q));
    let log = List::new(&heap);
    let c = WeakRef::of_with(&object, noting(&heap, &log)).unwrap();
    let d = WeakRef::of_with(&object, noting(&heap, &log)).unwrap();
    assert!(!WeakRef::ptr_eq(&c, &d) && !WeakRef::ptr_eq(&a, &c));
    assert_eq!(weakref_count(&object), 4);
    let order: Vec<Value> = weakrefs(&object);
    assert!(order[0].is(&Value::from(a.clone())) && order[1].is(&Value::from(p.clone())));
    assert!(order[2].is(&Value::from(d.clone())) && order[3].is(&Value::from(c.clone())));
    drop(order);
    drop((a, b, p));
    assert_eq!(weakref_count(&object), 3);
    // A reference made while only the proxy is left stands in front of it.
    let again = WeakRef::of(&object).unwrap();
    assert!(weakrefs(&object)[0].is(&Value::from(again)));
    assert_eq!(weakref_count(&Value::small(1)), 0);
    let error = WeakRef::of(&Value::small(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot create weak reference to 'int' object"
    );
    drop(object);
    assert!(q.is_dead() && c.is_dead());
    assert_eq!(log.len(), 2);
    assert!(log.get(0).unwrap().is(&Value::from(d)), "newest first");
}

#[test]
fn a_callback_is_readable_until_it_was_called() {
    let heap = heap();
    let object = list(&heap);
    let log = List::new(&heap);
    let note = noting(&heap, &log);
    let weak = WeakRef::of_with(&object, note.clone()).unwrap();
    assert!(weak.callback().unwrap().is(&Value::from(&note)));
    assert!(WeakRef::of(&object).unwrap().callback().is_none());
    drop(object);
    assert!(weak.callback().is_none());
}

#[test]
fn references_compare_by_referent_alive_and_by_identity_dead() {
    let heap = heap();
    let class = Class::builder(&heap, "K")
        .hash(|_| 7)
        .equality(|_, other| other.as_instance().is_some())
        .build();
    let make = || Value::from(Class::instantiate(&class, &heap));
    let (x, y) = (make(), make());
    let (a, b) = (WeakRef::of(&x).unwrap(), WeakRef::of(&y).unwrap());
    let unhashed = WeakRef::of_with(&y, noting(&heap, &List::new(&heap))).unwrap();
    assert!(a.equals(&b));
    assert_eq!((a.hash(), b.hash()), (Ok(7), Ok(7)));
    let keys = Dict::new(&heap);
    keys.insert(&heap, Value::from(a.clone()), Value::NONE);
    assert!(keys.contains(&Value::from(b.clone())));
    drop((x, y));
    assert!(!a.equals(&b) && a.equals(&a.clone()));
    assert_eq!(a.hash(), Ok(7));
    assert_eq!(unhashed.hash(), Err(WeakError::GoneAway));
    assert_eq!(WeakError::GoneAway.to_string(), "weak object has gone away");
    assert!(keys.contains(&Value::from(a)) && !keys.contains(&Value::from(b)));
}

/// All orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for code in 0..256 {
        let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        if (0..4).all(|thing| order.contains(&thing)) {
            all.push(order);
        }
    }
    all
}

#[test]
fn a_list_stays_whole_in_whatever_order_references_come_and_go() {
    let heap = heap();
    let note = noting(&heap, &List::new(&heap));
    assert_eq!(orders().len(), 24);
    for (made, dropped) in orders()
        .into_iter()
        .flat_map(|made| orders().into_iter().map(move |dropped| (made, dropped)))
    {
        let object = list(&heap);
        let mut held: [Option<Value>; 4] = Default::default();
        for kind in made {
            held[kind] = Some(match kind {
                0 => WeakRef::of(&object).unwrap().into(),
                1 => WeakProxy::of(&object).unwrap().into(),
                2 => WeakRef::of_with(&object, note.clone()).unwrap().into(),
                _ => WeakProxy::of_with(&object, note.clone()).unwrap().into(),
            });
        }
        // The shared ones first, then the newest.
        let mut expected = vec![0, 1];
        expected.extend(made.into_iter().rev().filter(|&kind| kind > 1));
        for kind in dropped {
            let found = weakrefs(&object);
            assert_eq!(found.len(), expected.len());
            for (found, &kind) in found.iter().zip(&expected) {
                let wanted = held[kind].as_ref().unwrap();
                assert!(found.is(wanted), "{made:?} {dropped:?}");
            }
            drop(found);
            heap.verify().unwrap();
            held[kind] = None;
            expected.retain(|&left| left != kind);
        }
        assert_eq!(weakref_count(&object), 0);
    }
}

#[test]
fn every_reference_keeps_the_hash_that_it_was_asked_for() {
    let heap = heap();
    let before = heap.memory();
    let objects: Vec<Value> = (0..200).map(|_| list(&heap)).collect();
    let references: Vec<WeakRef> = (objects.iter())
        .map(|object| WeakRef::of(object).unwrap())
        .collect();
    let hashes: Vec<u64> = (references.iter().step_by(2))
        .map(|reference| reference.hash().unwrap())
        .collect();
    heap.verify().unwrap();
    drop(objects);
    for (index, reference) in references.iter().enumerate() {
        let expected = match index % 2 {
            0 => Ok(hashes[index / 2]),
            _ => Err(WeakError::GoneAway),
        };
        assert_eq!(reference.hash(), expected);
    }
    drop(references);
    // Where others were, nothing is remembered of them.
    let fresh: Vec<WeakRef> = (0..200)
        .map(|_| WeakRef::of(&list(&heap)).unwrap())
        .collect();
    assert!(fresh.iter().all(|it| it.hash() == Err(WeakError::GoneAway)));
    drop(fresh);
    heap.verify().unwrap();
    heap.collect_all();
    assert_eq!(heap.memory().live_blocks, before.live_blocks);
}

#[test]
fn a_hash_that_asks_for_itself_is_the_outer_one() {
    thread_local!(static DEPTH: Cell<u64> = const { Cell::new(0) });
    let heap = heap();
    let class = Class::builder(&heap, "Asks")
        .hash(|this| {
            let depth = DEPTH.replace(DEPTH.get() + 1);
            if depth == 0 {
                let reference = weakrefs(&Value::from(this.clone())).remove(0);
                assert_eq!(reference.as_weakref().unwrap().hash(), Ok(101));
            }
            100 + depth
        })
        .build();
    for others in [0, 3] {
        DEPTH.set(0);
        let objects: Vec<Value> = (0..others).map(|_| list(&heap)).collect();
        let hashed: Vec<WeakRef> = (objects.iter())
            .map(|object| WeakRef::of(object).unwrap())
            .inspect(|reference| drop(reference.hash()))
            .collect();
        let object = Value::from(Class::instantiate(&class, &heap));
        let reference = WeakRef::of(&object).unwrap();
        assert_eq!(reference.hash(), Ok(100));
        drop(object);
        assert_eq!(reference.hash(), Ok(100));
        drop((reference, hashed));
        heap.verify().unwrap();
    }
}

#[test]
fn a_proxy_forwards_and_fails_after_death() {
    let heap = heap();
    let class = Class::builder(&heap, "C")
        .method("twice", |call| {
            Value::small(2 * call.arguments[0].as_int().unwrap())
        })
        .build();
    let (x, twice) = (Str::intern(&heap, "x"), Str::intern(&heap, "twice"));
    let object = Value::from(Class::instantiate(&class, &heap));
    let proxy = WeakProxy::of(&object).unwrap();
    proxy.set_attr(&heap, &x, Value::small(4)).unwrap();
    assert_eq!(proxy.get_attr(&x), Ok(Value::small(4)));
    assert_eq!(
        proxy.call(&heap, &twice, &[Value::small(4)]),
        Ok(Value::small(8))
    );
    proxy.del_attr(&x).unwrap();
    assert!(matches!(proxy.get_attr(&x), Err(WeakError::Attribute(_))));
    assert_eq!(proxy.is_true(), Ok(true));
    assert_eq!(proxy.hash(), Err(WeakError::Unhashable));
    assert_eq!(Value::from(proxy.clone()).type_name(), "weakproxy");
    assert!(Value::from(proxy.clone()).as_weakref().is_none());
    let empty = list(&heap);
    assert_eq!(WeakProxy::of(&empty).unwrap().is_true(), Ok(false));
    drop(object);
    let error = proxy.get_attr(&x).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weakly-referenced object no longer exists"
    );
    assert_eq!(proxy.is_true(), Err(WeakError::NoLongerExists));
    assert_eq!(
        proxy.set_attr(&heap, &x, Value::NONE),
        Err(WeakError::NoLongerExists)
    );
}

#[test]
fn entries_of_weak_dictionaries_go_with_value_or_key() {
    let heap = heap();
    let objects: Vec<Value> = (0..10).map(|_| list(&heap)).collect();
    let by_value = WeakValueDictionary::new(&heap);
    let by_key = WeakKeyDictionary::new(&heap);
    let set = WeakSet::new(&heap);
    for (index, object) in objects.iter().enumerate() {
        let number = Value::small(index as i64);
        by_value.insert(&heap, number.clone(), object).unwrap();
        by_key.insert(&heap, object, number).unwrap();
        assert_eq!(set.add(&heap, object), Ok(true));
        assert_eq!(set.add(&heap, object), Ok(false));
    }
    assert!(by_key.contains(&objects[3]) && set.contains(&objects[3]));
    assert_eq!(by_key.get(&objects[3]), Some(Value::small(3)));
    assert!(by_value.get(&Value::small(3)).unwrap().is(&objects[3]));
    let kept = objects[..4].to_vec();
    drop(objects);
    assert_eq!((by_value.len(), by_key.len(), set.len()), (4, 4, 4));
    assert_eq!(by_value.keys(), [0, 1, 2, 3].map(Value::small));
    assert_eq!(by_key.values(), [0, 1, 2, 3].map(Value::small));
    assert_eq!(
        (by_value.value_refs().len(), by_key.key_refs().len()),
        (4, 4)
    );
    let (copy, other) = (by_value.copy(&heap), by_key.copy(&heap));
    assert!(by_value.remove(&Value::small(0)).is_some());
    assert_eq!(by_key.remove(&kept[0]), Some(Value::small(0)));
    assert!(set.discard(&kept[0]) && !set.discard(&kept[0]));
    assert_eq!(by_value.pop_item().unwrap().0, Value::small(3));
    assert_eq!(by_key.pop_item().unwrap().1, Value::small(3));
    assert!(set.pop().unwrap().is(&kept[3]));
    assert_eq!((by_value.len(), by_key.len(), set.len()), (2, 2, 2));
    let known = by_value
        .set_default(&heap, Value::small(1), &kept[2])
        .unwrap();
    assert!(known.is(&kept[1]));
    assert_eq!(
        by_key.set_default(&heap, &kept[1], Value::NONE),
        Ok(Value::small(1))
    );
    drop((kept, known));
    assert!(by_value.is_empty() && by_key.is_empty() && set.is_empty());
    assert!(copy.is_empty() && other.is_empty());
    assert!(
        by_value
            .insert(&heap, Value::NONE, &Value::small(1))
            .is_err()
    );
    drop((by_value, by_key, set, copy, other));
    heap.collect_all();
    assert_eq!(heap.live_objects(), 0);
}

#[test]
fn a_replaced_value_does_not_remove_its_successor() {
    let heap = heap();
    let (old, new) = (list(&heap), list(&heap));
    let cache = WeakValueDictionary::new(&heap);
    cache.insert(&heap, Value::small(1), &old).unwrap();
    let reference = cache.value_refs().remove(0);
    cache.insert(&heap, Value::small(1), &new).unwrap();
    drop(old); // Its reference lives still, and calls back.
    assert!(reference.is_dead());
    assert!(cache.get(&Value::small(1)).unwrap().is(&new));
}

#[test]
fn removals_wait_while_somebody_iterates() {
    let heap = heap();
    for kind in 0..3 {
        let mut objects: Vec<Value> = (0..20).map(|_| list(&heap)).collect();
        let by_value = WeakValueDictionary::new(&heap);
        let by_key = WeakKeyDictionary::new(&heap);
        let set = WeakSet::new(&heap);
        for (index, object) in objects.iter().enumerate() {
            let number = Value::small(index as i64);
            by_value.insert(&heap, number.clone(), object).unwrap();
            by_key.insert(&heap, object, number).unwrap();
            set.add(&heap, object).unwrap();
        }
        let len = || match kind {
            0 => by_value.len(),
            1 => by_key.len(),
            _ => set.len(),
        };
        let mut items: Box<dyn Iterator<Item = Value>> = match kind {
            0 => Box::new(by_value.iter().map(|(_, value)| value)),
            1 => Box::new(by_key.iter().map(|(key, _)| key)),
            _ => Box::new(set.iter()),
        };
        let first = items.next().unwrap();
        assert!(first.is(&objects[0]));
        drop(first);
        objects.drain(..10);
        assert_eq!(len(), 10, "pending removals do not count");
        let rest: Vec<Value> = items.by_ref().collect();
        assert_eq!(rest.len(), 10, "each that lives, once");
        drop(rest);
        objects.drain(..5);
        drop(items);
        assert_eq!(len(), 5);
        // A member that is added meanwhile stays.
        let items = by_key.iter();
        let late = list(&heap);
        by_key.insert(&heap, &late, Value::NONE).unwrap();
        objects.clear();
        drop(items);
        assert_eq!(by_key.len(), 1);
        assert!(by_key.contains(&late));
    }
}

#[test]
fn lengths_are_right_when_members_die_in_cycles() {
    let heap = heap();
    let set = WeakSet::new(&heap);
    for _ in 0..20 {
        let list = List::new(&heap);
        list.push(&heap, Value::from(&list));
        set.add(&heap, &Value::from(&list)).unwrap();
    }
    assert_eq!(set.len(), 20);
    let items = set.iter();
    heap.collect_all();
    assert_eq!(set.len(), 0);
    drop(items);
    assert_eq!(set.len(), 0);
}

#[test]
fn a_value_that_refers_to_its_key_stays_as_in_cpython() {
    let heap = heap();
    let notes = WeakKeyDictionary::new(&heap);
    let key = List::new(&heap);
    notes
        .insert(&heap, &Value::from(&key), Value::from(&key))
        .unwrap();
    drop(key);
    heap.collect_all();
    assert_eq!(notes.len(), 1);
}

#[test]
fn a_finalizer_runs_once_and_can_be_detached() {
    let heap = heap();
    let log = List::new(&heap);
    let note = noting(&heap, &log);
    let object = list(&heap);
    let one = Finalizer::new(&heap, &object, note.clone(), [Value::small(1)]).unwrap();
    let two = Finalizer::new(&heap, &object, note.clone(), [Value::small(2)]).unwrap();
    let three = Finalizer::new(&heap, &object, note.clone(), [Value::small(3)]).unwrap();
    assert!(one.is_alive() && one.at_exit());
    let peeked = one.peek().unwrap();
    assert!(peeked.object.is(&object) && peeked.arguments == [Value::small(1)]);
    drop(peeked);
    assert_eq!(three.call(&heap), Some(Value::NONE));
    assert_eq!((three.call(&heap), three.is_alive()), (None, false));
    let detached = two.detach(&heap).unwrap();
    assert!(Gc::ptr_eq(&detached.function, &note));
    drop(detached);
    assert!(two.detach(&heap).is_none() && two.peek().is_none());
    drop(one); // It keeps itself alive.
    drop(object);
    assert_eq!(log.snapshot(), [3, 1].map(Value::small));
    assert!(Finalizer::new(&heap, &Value::NONE, note, []).is_err());
}

thread_local! {
    static EXITS: RefCell<Vec<i64>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn finalizers_run_newest_first_when_the_heap_is_given_up() {
    let heap = heap();
    let note = Function::new(
        &heap,
        "note",
        |call| {
            EXITS.with_borrow_mut(|log| log.push(call.arguments[0].as_int().unwrap()));
            Value::NONE
        },
        [],
    );
    let object = list(&heap);
    let cycle = List::new(&heap);
    cycle.push(&heap, Value::from(&cycle));
    for number in 0..4 {
        let finalizer =
            Finalizer::new(&heap, &object, note.clone(), [Value::small(number)]).unwrap();
        finalizer.set_at_exit(number != 2);
    }
    Finalizer::new(&heap, &Value::from(cycle), note, [Value::small(9)]).unwrap();
    drop(heap);
    assert_eq!(EXITS.take(), [9, 3, 1, 0]);
    drop(object);
    assert!(EXITS.take().is_empty());
}

#[test]
fn callbacks_that_delete_other_entries_are_safe() {
    let heap = heap();
    let notes = WeakKeyDictionary::new(&heap);
    let keys: Vec<Value> = (0..10).map(|_| list(&heap)).collect();
    for pair in keys.windows(2) {
        // Each entry holds the next key: one death takes the rest along.
        notes.insert(&heap, &pair[0], pair[1].clone()).unwrap();
    }
    let first = keys[0].clone();
    drop(keys);
    assert_eq!(notes.len(), 9);
    drop(first);
    assert_eq!(notes.len(), 0);
    heap.verify().unwrap();
}

#[test]
fn a_key_whose_equality_collects_is_safe() {
    let heap = heap();
    let class = Class::builder(&heap, "K")
        .hash(|_| 3)
        .equality(|this: &Gc<Instance>, other| {
            Gc::heap(this).collect_all();
            Value::from(this).is(other)
        })
        .build();
    let notes = WeakKeyDictionary::new(&heap);
    let kept: Vec<Value> = (0..6)
        .map(|_| Value::from(Class::instantiate(&class, &heap)))
        .collect();
    for (index, key) in kept.iter().enumerate() {
        notes
            .insert(&heap, key, Value::small(index as i64))
            .unwrap();
        let ring = Class::instantiate(&class, &heap);
        ring.set_attr(&heap, &Str::intern(&heap, "me"), Value::from(&ring))
            .unwrap();
        notes
            .insert(&heap, &Value::from(&ring), Value::NONE)
            .unwrap();
    }
    heap.collect_all();
    assert_eq!(notes.len(), 6);
    assert_eq!(notes.get(&kept[4]), Some(Value::small(4)));
}
