//! A panic in every hook is recorded and stops nothing.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use exuvia_core::{Finalize, Gc, Heap, HeapError, Trace, Visitor};

use crate::{
    Action, Calls, Node, action, bump, counter, each_mode, node, ring, set_drop, set_finalizer,
};

fn hooks_that_panicked(heap: &Heap) -> Vec<&'static str> {
    let name = |error: HeapError| match error {
        HeapError::Panicked { hook, message, .. } => {
            assert_eq!(message, "meant");
            hook
        }
        other => panic!("{other}"),
    };
    heap.take_errors().into_iter().map(name).collect()
}

/// Runs code without printing the panics that it is meant to have.
fn quietly(run: impl FnOnce()) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_panicking_finalizer_is_recorded_and_stops_nothing() {
    each_mode(|heap| {
        let (runs, count) = counter();
        let nodes = ring(heap, 3);
        for node in &nodes {
            let counted = count();
            set_finalizer(node, move || {
                bump(&counted);
                panic!("meant");
            });
        }
        drop(nodes);
        quietly(|| assert_eq!(heap.collect_all(), 3));
        assert_eq!(
            (runs.get(), hooks_that_panicked(heap)),
            (3, vec!["finalizer"; 3])
        );
        let alone = node(heap, Vec::new());
        set_finalizer(&alone, || panic!("meant"));
        quietly(|| drop(alone));
        assert_eq!(hooks_that_panicked(heap), ["finalizer"]);
        assert_eq!(heap.live_objects(), 0);
    });
}

#[test]
fn a_panicking_weak_callback_is_recorded_and_stops_nothing() {
    each_mode(|heap| {
        let (runs, count) = counter();
        let watched = |target: &Gc<Node>| {
            let counted = count();
            let call = heap.alloc(Calls {
                run: action(move || {
                    bump(&counted);
                    panic!("meant");
                }),
            });
            Gc::downgrade_with(target, call)
        };
        let nodes = ring(heap, 3);
        let in_trash: Vec<_> = nodes
            .iter()
            .flat_map(|node| [watched(node), watched(node)])
            .collect();
        drop(nodes);
        quietly(|| assert_eq!(heap.collect_all(), 3));
        assert_eq!(
            (runs.get(), hooks_that_panicked(heap)),
            (6, vec!["weak callback"; 6])
        );
        let alone = node(heap, Vec::new());
        let by_count = watched(&alone);
        quietly(|| drop(alone));
        assert_eq!(hooks_that_panicked(heap), ["weak callback"]);
        drop((in_trash, by_count));
        assert_eq!(heap.live_objects(), 0);
    });
}

#[test]
fn a_panicking_drop_of_a_field_is_recorded_and_stops_nothing() {
    each_mode(|heap| {
        let nodes = ring(heap, 3);
        let child = node(heap, Vec::new());
        let freed = Gc::downgrade(&child);
        nodes[2].edges.borrow_mut().push(child);
        nodes
            .iter()
            .for_each(|node| set_drop(node, || panic!("meant")));
        drop(nodes);
        quietly(|| assert_eq!(heap.collect_all(), 4));
        assert_eq!(hooks_that_panicked(heap), ["drop"; 3]);
        assert!(freed.is_dead());

        // A chain dies by count, one inside the other, past the depth where deaths are queued.
        let mut chain = node(heap, Vec::new());
        for _ in 0..100 {
            set_drop(&chain, || panic!("meant"));
            chain = node(heap, vec![chain]);
        }
        quietly(|| drop(chain));
        assert_eq!(hooks_that_panicked(heap), ["drop"; 100]);
        drop(freed);
        assert_eq!(heap.live_objects(), 0);
    });
}

#[test]
fn a_panicking_collection_callback_is_recorded_and_stops_nothing() {
    each_mode(|heap| {
        let id = heap.add_callback(|_, _| panic!("meant"));
        let (runs, count) = counter();
        let counted = count();
        heap.add_callback(move |_, _| bump(&counted));
        drop(ring(heap, 3));
        quietly(|| assert_eq!(heap.collect_all(), 3));
        assert_eq!(
            (runs.get(), hooks_that_panicked(heap)),
            (2, vec!["collection callback"; 2])
        );
        heap.remove_callback(id);
        heap.collect_all();
        assert_eq!((runs.get(), heap.take_errors()), (4, Vec::new()));
    });
}

#[test]
fn a_panic_whose_payload_panics_when_dropped_keeps_that_for_ever() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    each_mode(|heap| {
        let nodes = ring(heap, 3);
        set_finalizer(&nodes[0], || std::panic::panic_any(Payload));
        drop(nodes);
        quietly(|| assert_eq!(heap.collect_all(), 3));
        let errors = heap.take_errors();
        assert!(
            matches!(&errors[..], [HeapError::Panicked { message, .. }] if message.contains("not text")),
            "{errors:?}"
        );
    });
}

/// Panics in `trace` from a chosen call on.
struct Traced {
    next: RefCell<Option<Gc<Traced>>>,
    calls_left: Rc<Cell<u32>>,
    finalizer: Option<Action>,
}

// SAFETY: the one edge is visited once, unless the call panics, which abandons the collection.
unsafe impl Trace for Traced {
    const FINALIZE: Option<fn(&Gc<Self>)> = Some(<Self as Finalize>::finalize);
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        let left = self.calls_left.get();
        assert!(left != 0, "meant");
        self.calls_left.set(left - 1);
        self.next.trace(visitor);
    }
}

impl Finalize for Traced {
    fn finalize(this: &Gc<Self>) {
        if let Some(run) = &this.finalizer {
            (run.borrow_mut())();
        }
    }
}

#[test]
fn a_panicking_trace_abandons_the_collection_and_keeps_everything() {
    each_mode(|heap| {
        // Wherever in the passes it happens: subtracting, marking, and both again after the finalizers.
        for calls in 0..20 {
            let left = Rc::new(Cell::new(u32::MAX));
            let (runs, count) = counter();
            let traced = || {
                let counted = count();
                heap.alloc(Traced {
                    next: RefCell::new(None),
                    calls_left: left.clone(),
                    finalizer: Some(action(move || bump(&counted))),
                })
            };
            let nodes: Vec<_> = (0..4).map(|_| traced()).collect();
            for (index, node) in nodes.iter().enumerate() {
                *node.next.borrow_mut() = Some(nodes[(index + 1) % 4].clone());
            }
            let alive = traced();
            *alive.next.borrow_mut() = Some(alive.clone());
            drop(alive.clone());
            let weak = Gc::downgrade(&nodes[0]);
            drop(nodes);
            left.set(calls);
            let mut freed = 0;
            quietly(|| freed = heap.collect_all());
            let failed = hooks_that_panicked(heap);
            left.set(u32::MAX);
            heap.verify().unwrap();
            if failed.is_empty() {
                assert_eq!(freed, 4, "{calls} calls were enough");
            } else {
                assert_eq!(
                    (freed, &failed[..]),
                    (0, &["trace"][..]),
                    "after {calls} calls"
                );
                assert_eq!(
                    weak.is_dead(),
                    runs.get() > 0,
                    "cleared only when finalizers were about to run"
                );
                assert_eq!(heap.live_objects(), 6, "after {calls} calls");
                assert_eq!(heap.collect_all(), 4, "found again after {calls} calls");
            }
            assert_eq!(runs.get(), 4);
            *alive.next.borrow_mut() = None;
            drop((alive, weak));
            assert_eq!(heap.live_objects(), 0);
        }
    });
}

#[test]
fn a_value_that_finds_no_room_is_dropped_with_what_it_holds() {
    #[derive(Trace)]
    struct Pair {
        held: Gc<u64>,
        #[trace(leaf)]
        _dropped: Rc<()>,
    }
    let heap = Heap::builder().limit_bytes(1 << 20).build();
    let (held, witness) = (heap.alloc(7_u64), Rc::new(()));
    let mut kept = Vec::new();
    let fill = AssertUnwindSafe(|| {
        loop {
            let pair = Pair {
                held: held.clone(),
                _dropped: witness.clone(),
            };
            kept.push(heap.alloc(pair));
        }
    });
    catch_unwind(fill).expect_err("a megabyte has an end");
    assert!(kept.len() > 1_000);
    assert_eq!(Rc::strong_count(&witness), kept.len() + 1);
    assert_eq!(Gc::ref_count(&held), kept.len() + 1);
    drop(kept);
    assert_eq!((*held, heap.live_objects()), (7, 1));
    heap.verify().unwrap();
}
