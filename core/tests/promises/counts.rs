//! Leaked borrows, saturated counts, immortal objects.

use std::cell::RefCell;

use exuvia_core::{Finalize, Gc, Heap, Trace, Weak};

use crate::{Node, bump, counter, each_mode, node, ring, set_drop};

#[test]
fn a_leaked_mutable_borrow_keeps_what_it_hides_for_ever_and_nothing_else() {
    each_mode(|heap| {
        let hidden = node(heap, Vec::new());
        let weak = Gc::downgrade(&hidden);
        let nodes = ring(heap, 3);
        nodes[1].edges.borrow_mut().push(hidden);
        std::mem::forget(nodes[1].edges.borrow_mut());
        drop(nodes);
        assert_eq!(
            heap.collect_all(),
            0,
            "the edges behind the borrow count as held from outside"
        );
        assert!(weak.upgrade().is_some());
        heap.verify().unwrap();
        drop(ring(heap, 5));
        assert_eq!(heap.collect_all(), 5);
        // Death by count still drops what the cell holds.
        let alone = node(heap, vec![node(heap, Vec::new())]);
        let inner = Gc::downgrade(&alone.edges.borrow()[0]);
        std::mem::forget(alone.edges.borrow_mut());
        drop(alone);
        assert!(inner.is_dead());
    });
}

#[test]
fn a_finalizer_that_leaks_a_borrow_keeps_only_what_it_hides() {
    each_mode(|heap| {
        let nodes = ring(heap, 2);
        let child = node(heap, Vec::new());
        let weak = Gc::downgrade(&child);
        nodes[0].edges.borrow_mut().push(child);
        drop(weak);
        #[derive(Trace)]
        #[trace(finalize)]
        struct Leaker {
            me: RefCell<Option<Gc<Leaker>>>,
            child: RefCell<Option<Gc<Node>>>,
        }
        impl Finalize for Leaker {
            fn finalize(this: &Gc<Self>) {
                std::mem::forget(this.child.borrow_mut());
            }
        }
        let leaker = heap.alloc(Leaker {
            me: RefCell::new(None),
            child: RefCell::new(Some(nodes[0].clone())),
        });
        *leaker.me.borrow_mut() = Some(leaker.clone());
        drop((leaker, nodes));
        let freed = heap.collect_all();
        heap.verify().unwrap();
        // The leaker goes at once; what its last drop released goes by the next collection.
        assert_eq!(freed + heap.collect_all(), 4);
        assert_eq!(heap.live_objects(), 0);
        assert_eq!(heap.take_errors(), []);
    });
}

#[test]
fn a_count_that_saturates_stays_and_keeps_its_object_for_ever() {
    let heap = Heap::new();
    let (dropped, count) = counter();
    let nodes = ring(&heap, 2);
    let counted = count();
    set_drop(&nodes[0], move || bump(&counted));
    // 30 bits of count.
    for _ in 0..(1_u32 << 30) {
        std::mem::forget(nodes[0].clone());
    }
    assert_eq!(Gc::ref_count(&nodes[0]), u32::MAX as usize);
    for _ in 0..1_000 {
        drop(nodes[0].clone());
    }
    heap.verify().unwrap();
    drop(nodes);
    assert_eq!(heap.collect_all(), 0, "an immortal holds what it refers to");
    assert_eq!((dropped.get(), heap.live_objects()), (0, 2));
}

#[test]
fn an_immortal_object_lives_for_ever_with_all_it_refers_to() {
    each_mode(|heap| {
        let nodes = ring(heap, 3);
        Gc::make_immortal(&nodes[1]);
        let weak: Vec<Weak<Node>> = nodes.iter().map(Gc::downgrade).collect();
        drop(nodes);
        assert_eq!(heap.collect_all(), 0);
        assert!(weak.iter().all(|weak| weak.upgrade().is_some()));
        // Cut from the immortal, the rest goes.
        weak[1].upgrade().unwrap().edges.borrow_mut().clear();
        assert_eq!(heap.collect_all(), 0, "the chain dies by count");
        assert!(weak[0].is_dead() && !weak[1].is_dead() && weak[2].is_dead());
    });
}

/// Makes itself immortal when it is finalized.
#[derive(Trace)]
#[trace(finalize)]
struct Highlander {
    me: RefCell<Option<Gc<Highlander>>>,
    child: Gc<Node>,
}

impl Finalize for Highlander {
    fn finalize(this: &Gc<Self>) {
        Gc::make_immortal(this);
    }
}

#[test]
fn a_finalizer_may_make_its_object_live_for_ever() {
    each_mode(|heap| {
        for cyclic in [false, true] {
            let child = node(heap, Vec::new());
            let object = heap.alloc(Highlander {
                me: RefCell::new(None),
                child,
            });
            if cyclic {
                *object.me.borrow_mut() = Some(object.clone());
            }
            drop(object);
            assert_eq!(heap.collect_all(), 0);
            heap.verify().unwrap();
            let objects = heap.objects(None).unwrap();
            let immortal = objects
                .iter()
                .filter_map(|object| object.downcast_ref::<Highlander>());
            for immortal in immortal {
                drop(immortal.clone());
                assert_eq!(Gc::ref_count(immortal), u32::MAX as usize);
                assert_eq!(immortal.child.edges.borrow().len(), 0);
            }
            assert!(objects.iter().any(exuvia_core::GcAny::is::<Highlander>));
            drop(objects);
            assert_eq!(heap.collect_all(), 0);
            heap.verify().unwrap();
        }
    });
}
