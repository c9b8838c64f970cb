//! Collections asked for inside collections.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{Gc, Heap, Phase};

use crate::{Calls, action, bump, counter, each_mode, ring, set_drop, set_finalizer};

#[test]
fn a_collection_asked_for_inside_a_collection_returns_0() {
    each_mode(|heap| {
        let (asked, count) = counter();
        let ask = {
            let heap = heap.clone();
            move |counted: &Cell<u32>| {
                drop(ring(&heap, 2));
                assert_eq!(heap.collect_all(), 0, "nested");
                assert_eq!(heap.collect(0), Ok(0), "nested");
                bump(counted);
            }
        };
        let nodes = ring(heap, 2);
        let (run, counted) = (ask.clone(), count());
        set_finalizer(&nodes[0], move || run(&counted));
        let (run, counted) = (ask.clone(), count());
        set_drop(&nodes[1], move || run(&counted));
        let (run, counted) = (ask.clone(), count());
        let call = heap.alloc(Calls {
            run: action(move || run(&counted)),
        });
        let weak = Gc::downgrade_with(&nodes[0], call);
        drop(nodes);
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(asked.get(), 3);
        assert_eq!(heap.take_errors(), []);
        drop(weak);
        assert_eq!(heap.collect_all(), 6, "what the hooks left behind");
    });
}

#[test]
fn a_collection_callback_is_inside_the_collection_at_start_and_stop() {
    each_mode(|heap| {
        let phases: Rc<RefCell<Vec<Phase>>> = Rc::default();
        let (seen, inner) = (phases.clone(), heap.clone());
        let id = heap.add_callback(move |phase, _| {
            // Without the guard a nested collection would call back for ever.
            if seen.borrow().len() < 10 {
                seen.borrow_mut().push(phase);
                drop(ring(&inner, 2));
                assert_eq!(inner.collect_all(), 0, "nested at {phase:?}");
            }
        });
        heap.collect_all();
        heap.remove_callback(id);
        assert_eq!(*phases.borrow(), [Phase::Start, Phase::Stop]);
        assert_eq!(heap.take_errors(), []);
    });
}

#[test]
fn automatic_collections_do_not_start_inside_a_hook() {
    let heap = Heap::builder().thresholds(10, 10, 10).build();
    let nodes = ring(&heap, 2);
    let inner = heap.clone();
    set_finalizer(&nodes[0], move || {
        (0..1_000).for_each(|_| drop(ring(&inner, 2)));
    });
    heap.disable();
    drop(nodes);
    heap.take_collections();
    heap.enable();
    assert!(heap.collect_all() >= 2);
    assert_eq!(heap.take_collections().len(), 1);
    heap.verify().unwrap();
}
