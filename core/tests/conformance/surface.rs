//! Section 1: the collector's switches, numbers and lists (`test_gc`).

use std::cell::RefCell;
use std::rc::Rc;

use exuvia_core::object::{Dict, List, Tuple, Value};
use exuvia_core::{DebugFlags, Gc, Heap, Phase};

use crate::{Log, any, link, node, notes, on_death, quiet, ring};

#[test]
fn test_saveall() {
    let heap = quiet();
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    let address = Gc::address(&list);
    drop(list);
    heap.set_debug(DebugFlags::SAVEALL);
    assert_eq!(heap.collect_all(), 1);
    heap.set_debug(DebugFlags::NONE);
    let garbage = heap.take_garbage();
    assert_eq!(garbage.len(), 1);
    assert_eq!(garbage[0].address(), address, "the same object, not freed");
    drop(garbage);
    assert_eq!(heap.collect_all(), 1);
}

#[test]
fn test_get_count() {
    let heap = quiet();
    heap.collect_all();
    assert_eq!(heap.counts(), [0, 0, 0]);
    let list = List::new(&heap);
    assert!(heap.counts()[0] >= 1);
    assert_eq!(heap.counts()[1..], [0, 0]);
    drop(list);
}

#[test]
fn test_collect_generations() {
    let heap = quiet();
    heap.collect_all();
    let counts = |generation| {
        heap.collect(generation).expect("a generation");
        let [_, middle, old] = heap.counts();
        [middle, old]
    };
    assert_eq!(counts(0), [1, 0]);
    assert_eq!(counts(1), [0, 1]);
    assert_eq!(counts(2), [0, 0]);
    assert!(heap.collect(3).is_err(), "an invalid generation");
}

#[test]
fn test_get_referents() {
    let heap = quiet();
    let atom = Value::small(1);
    let inner = Value::from(List::new(&heap));
    let count = |value: Value| {
        let object = value.as_object().expect("an object");
        heap.referents(&object).len()
    };
    let items = || [inner.clone(), atom.clone(), inner.clone()];
    assert_eq!(count(Value::from(List::from_iter(&heap, items()))), 2);
    let tuple = Tuple::new(&heap, items().into_iter());
    assert_eq!(count(Value::from(tuple)), 2, "with repeats");
    let dict = Dict::new(&heap);
    dict.insert(&heap, Value::str(&heap, "key"), inner.clone());
    assert_eq!(count(Value::from(dict)), 2, "key and value");
    assert_eq!(count(Value::float(&heap, 1.5)), 0, "an atom");
}

#[test]
fn test_get_stats() {
    let heap = quiet();
    for generation in 0..3 {
        let before = heap.stats();
        drop(ring(&heap, 4));
        assert_eq!(heap.collect(generation), Ok(4));
        let after = heap.stats();
        for other in 0..3 {
            let by = u64::from(other == generation);
            assert_eq!(after[other].collections, before[other].collections + by);
            assert_eq!(after[other].collected, before[other].collected + 4 * by);
            assert_eq!(after[other].uncollectable, 0);
        }
    }
}

#[test]
fn test_freeze() {
    let heap = quiet();
    let kept = List::new(&heap);
    heap.freeze();
    assert!(heap.freeze_count() > 0);
    heap.unfreeze();
    assert_eq!(heap.freeze_count(), 0);
    drop(kept);
}

#[test]
fn test_traverse_frozen_objects_test_deferred_refcount_frozen() {
    let heap = quiet();
    let frozen = node(&heap);
    heap.freeze();
    let live = ring(&heap, 3);
    for member in &live {
        link(member, &any(&frozen));
        link(&frozen, &any(member));
    }
    let before = Gc::ref_count(&frozen);
    assert_eq!(heap.collect_all(), 0);
    assert_eq!(Gc::ref_count(&frozen), before);
    drop(live);
    assert_eq!(heap.collect_all(), 0, "held by what is frozen");
    heap.unfreeze();
    drop(frozen);
    assert_eq!(heap.collect_all(), 4);
}

#[test]
fn test_get_objects_generations_arguments() {
    let heap = quiet();
    let list = Gc::erase(List::new(&heap));
    let generation = || {
        let holds = |generation| {
            let objects = heap.objects(Some(generation)).expect("a generation");
            objects
                .iter()
                .any(|object| object.address() == list.address())
        };
        let found: Vec<usize> = (0..3).filter(|&g| holds(g)).collect();
        assert_eq!(found.len(), 1, "never in two");
        found[0]
    };
    assert_eq!(generation(), 0);
    for (collected, then) in [(0, 1), (1, 2), (2, 2)] {
        heap.collect(collected).expect("a generation");
        assert_eq!(generation(), then);
    }
    assert!(heap.objects(Some(3)).is_err());
}

#[test]
fn test_get_objects_during_gc() {
    let heap = quiet();
    let trash = ring(&heap, 3);
    let addresses: Vec<usize> = trash.iter().map(Gc::address).collect();
    let log = Log::default();
    let seen = log.clone();
    on_death(&trash[0], move |this| {
        let objects = Gc::heap(this).objects(None).expect("all");
        let shown = objects.iter().filter(|o| addresses.contains(&o.address()));
        seen.note(format!("{}", shown.count()));
    });
    drop(trash);
    heap.collect_all();
    assert_eq!(log.take(), ["0"]);
}

#[test]
fn test_heap_size() {
    let heap = quiet();
    let tracked = || heap.objects(None).expect("all").len();
    let before = tracked();
    let list = List::new(&heap);
    assert_eq!(tracked(), before + 1);
    drop(list);
    assert_eq!(tracked(), before);
}

#[test]
fn gc_callback_tests_test_collect_generation() {
    let heap = quiet();
    let log = Log::default();
    let ids: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|who| {
            let log = log.clone();
            heap.add_callback(move |phase, info| {
                let phase = match phase {
                    Phase::Start => "start",
                    Phase::Stop => "stop",
                };
                let (g, found) = (info.generation, info.collected);
                log.note(format!("{who} {phase} {g} {found} {}", info.uncollectable));
            })
        })
        .collect();
    for generation in 0..3 {
        drop(ring(&heap, 1));
        heap.collect(generation).expect("a generation");
        let lines = [("start", 0), ("stop", 1)].map(|(phase, found)| {
            ["a", "b"].map(|who| format!("{who} {phase} {generation} {found} 0"))
        });
        assert_eq!(log.take(), lines.concat());
    }
    assert!(ids.iter().all(|id| heap.remove_callback(*id)));
    heap.collect_all();
    assert!(log.take().is_empty());
}

#[test]
fn test_indirect_calls_with_gc_disabled() {
    let heap = Heap::builder().thresholds(1, 1, 1).build();
    heap.disable();
    let kept: Vec<_> = (0..10_000).map(|_| List::new(&heap)).collect();
    assert_eq!(heap.stats().map(|s| s.collections), [0, 0, 0]);
    heap.enable();
    drop(List::new(&heap));
    assert_eq!(heap.stats()[0].collections, 1);
    drop(kept);
}

#[test]
fn test_get_count_nonnegative_does_not_prevent_collection() {
    let heap = Heap::builder().thresholds(50, 10, 10).build();
    let kept: Vec<_> = (0..40).map(|_| List::new(&heap)).collect();
    heap.collect_all();
    drop(kept);
    assert_eq!(heap.counts()[0], 0, "deaths of counted objects floor at 0");
    let kept: Vec<_> = (0..50)
        .map(|_| {
            heap.counts();
            List::new(&heap)
        })
        .collect();
    assert_eq!(heap.stats()[0].collections, 0);
    drop(List::new(&heap));
    assert_eq!(heap.stats()[0].collections, 1, "reading has no side effect");
    drop(kept);
}

#[test]
fn test_threshold_zero() {
    let heap = Heap::builder().thresholds(0, 10, 10).build();
    let kept: Vec<_> = (0..50_000).map(|_| List::new(&heap)).collect();
    assert_eq!(heap.stats().map(|s| s.collections), [0, 0, 0]);
    drop(kept);
}

#[test]
fn the_threshold_is_passed_by_strictly_more() {
    let heap = Heap::builder().thresholds(10, 10, 10).build();
    let mut kept: Vec<_> = (0..10).map(|_| List::new(&heap)).collect();
    assert_eq!(heap.counts()[0], 10);
    assert_eq!(heap.stats()[0].collections, 0, "10 is not more than 10");
    kept.push(List::new(&heap));
    assert_eq!(heap.stats()[0].collections, 1);
    assert_eq!(heap.counts()[0], 0);
}

#[test]
fn eleven_young_collections_then_one_middle() {
    let heap = Heap::builder().thresholds(10, 10, 10).build();
    let order = Rc::new(RefCell::new(Vec::new()));
    let seen = order.clone();
    heap.add_callback(move |phase, info| {
        if phase == Phase::Start {
            seen.borrow_mut().push(info.generation);
        }
    });
    let mut kept = Vec::new();
    while order.borrow().len() < 25 {
        kept.push(List::new(&heap));
    }
    let mut expected = vec![0; 11];
    expected.push(1);
    let expected: Vec<usize> = expected.iter().copied().cycle().take(25).collect();
    assert_eq!(*order.borrow(), expected);
}

/// A full collection waits until the survivors of middle collections are a
/// quarter of what survived the last full one.
#[test]
fn the_25_percent_rule() {
    let heap = Heap::builder().thresholds(0, 1, 1).build();
    let long_lived: Vec<_> = (0..4000).map(|_| List::new(&heap)).collect();
    heap.collect_all();
    heap.set_thresholds(10, 1, 1);
    let mut kept = Vec::new();
    while heap.stats()[2].collections == 1 {
        kept.push(List::new(&heap));
        assert!(kept.len() < 3000, "no full collection at all");
    }
    assert!(kept.len() >= 1000, "{} new ones were enough", kept.len());
    assert!(kept.len() < 1200, "{} new ones were needed", kept.len());
    drop(long_lived);
}

#[test]
fn a_full_collection_asked_for_ignores_the_25_percent_rule() {
    let heap = quiet();
    let kept: Vec<_> = (0..1000).map(|_| List::new(&heap)).collect();
    heap.collect_all();
    drop(ring(&heap, 2));
    assert_eq!(heap.collect_all(), 2);
    assert_eq!(heap.stats()[2].collections, 2);
    drop(kept);
}

#[test]
fn test_tuple_untrack_counts() {
    let heap = quiet();
    let tuples: Vec<_> = (0..100)
        .map(|n| Tuple::new(&heap, [Value::small(n)].into_iter()))
        .collect();
    assert!(heap.counts()[0] >= 100, "untracked later, they count now");
    heap.collect_all();
    assert!(tuples.iter().all(|tuple| !Gc::is_tracked(tuple)));
}

#[test]
fn test_garbage_at_shutdown() {
    let log = Log::default();
    let heap = quiet();
    let trash = ring(&heap, 2);
    trash.iter().for_each(|member| notes(member, &log));
    drop((trash, heap));
    assert_eq!(log.take(), ["del", "del"]);
}
