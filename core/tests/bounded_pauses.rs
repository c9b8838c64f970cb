//! Bounded pauses: what the incremental cycle frees, what it never frees, and
//! what it counts.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{
    BoundedPauses, Callback, Ephemeron, Finalize, Gc, GcAny, Heap, HeapBuilder, Trace,
};

#[derive(Trace)]
struct Node {
    slots: RefCell<Vec<Option<GcAny>>>,
}

/// Sixteen to a page, so that a few of them need several slices.
#[derive(Trace)]
struct Slab {
    slots: RefCell<Vec<Option<GcAny>>>,
    bytes: [u8; 3900],
}

/// Counts its end.
struct Told(Rc<Cell<u32>>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn heap(most: usize) -> Heap {
    Heap::builder().bounded_pauses(most).enabled(false).build()
}

fn did(heap: &Heap) -> BoundedPauses {
    heap.bounded_pauses().expect("a heap with bounded pauses")
}

fn node(heap: &Heap) -> Gc<Node> {
    let slots = RefCell::default();
    heap.alloc(Node { slots })
}

fn slab(heap: &Heap) -> Gc<Slab> {
    heap.alloc(Slab {
        slots: RefCell::default(),
        bytes: [7; 3900],
    })
}

fn link(from: &Gc<Node>, to: GcAny) {
    from.slots.borrow_mut().push(Some(to));
}

/// A ring of `n` nodes; the handle on its first.
fn ring(heap: &Heap, n: usize) -> Gc<Node> {
    let first = node(heap);
    let mut last = first.clone();
    for _ in 1..n {
        let next = node(heap);
        link(&last, Gc::erase(next.clone()));
        last = next;
    }
    link(&last, Gc::erase(first.clone()));
    first
}

/// Runs the cycle under way, or a new one, to its end; the slices it took.
fn run_cycle(heap: &Heap) -> usize {
    let mut slices = 1;
    while !heap.collect_slice() {
        heap.verify().unwrap();
        slices += 1;
        assert!(slices < 100_000, "a cycle ends");
    }
    heap.verify().unwrap();
    slices
}

#[test]
fn old_rings_are_freed_in_slices() {
    let heap = heap(64);
    let rings: Vec<_> = (0..200).map(|_| ring(&heap, 5)).collect();
    heap.collect_all();
    drop(rings);
    let slices = run_cycle(&heap);
    assert_eq!(heap.live_objects(), 0);
    let did = did(&heap);
    assert_eq!((did.cycles, did.freed, did.oversized), (1, 1000, 0));
    assert!(slices > 20 && did.batches >= 1000 / 64, "{slices} {did:?}");
    assert!(did.largest <= 64, "{did:?}");
    assert_eq!(did.slices.collections, slices as u64);
}

#[test]
fn a_cycle_of_exactly_the_bound_is_one_pause_within_it_and_one_more_is_counted() {
    for (size, oversized) in [(64, 0), (65, 1)] {
        let heap = heap(64);
        // Garbage besides, so that the components must be found.
        let held = ring(&heap, size);
        let others: Vec<_> = (0..30).map(|_| ring(&heap, 7)).collect();
        heap.collect_all();
        drop((held, others));
        run_cycle(&heap);
        assert_eq!(heap.live_objects(), 0);
        let did = did(&heap);
        assert_eq!(did.oversized, oversized, "{did:?}");
        assert_eq!(did.largest.max(64), size.max(64), "{did:?}");
    }
}

#[test]
fn a_chain_of_components_is_freed_by_one_cycle_from_its_head_on() {
    let heap = heap(16);
    // Each ring refers to the one made before it, and they are old in that order.
    let mut head = ring(&heap, 6);
    for _ in 0..200 {
        let next = ring(&heap, 6);
        link(&next, Gc::erase(head));
        head = next;
    }
    heap.collect_all();
    drop(head);
    run_cycle(&heap);
    assert_eq!(heap.live_objects(), 0);
    assert_eq!(did(&heap).cycles, 1);
}

#[test]
fn a_child_that_is_moved_out_of_a_counted_object_is_never_freed() {
    // The move happens after every number of slices that a cycle can take.
    for moved_after in 0.. {
        let heap = heap(2);
        let holders: Vec<_> = (0..6).map(|_| slab(&heap)).collect();
        let child = ring(&heap, 3);
        let weak = Gc::downgrade(&child);
        holders[5].slots.borrow_mut().push(Some(Gc::erase(child)));
        holders[0].slots.borrow_mut().push(None);
        heap.collect_all();
        let mut slices = 0;
        let mut ended = false;
        while !ended && slices < moved_after {
            ended = heap.collect_slice();
            slices += 1;
        }
        // Out of a live object, hand to hand: no count moves.
        let child = holders[5].slots.borrow_mut()[0].take();
        if !ended {
            run_cycle(&heap);
        }
        assert!(!weak.is_dead(), "moved after {moved_after} slices");
        heap.verify().unwrap();
        // Into another object that was looked at before.
        assert!(!heap.collect_slice());
        holders[0].slots.borrow_mut()[0] = child;
        run_cycle(&heap);
        assert!(!weak.is_dead(), "moved after {moved_after} slices");
        holders[0].slots.borrow_mut()[0] = None;
        run_cycle(&heap);
        run_cycle(&heap);
        assert!(weak.is_dead(), "garbage is freed in the end");
        if ended {
            assert!(moved_after > 10, "several slices: {moved_after}");
            return;
        }
    }
}

#[test]
fn what_dies_by_its_count_between_slices_dies_at_once() {
    #[derive(Trace)]
    struct Loud {
        next: Option<Gc<Loud>>,
        #[trace(leaf)]
        _told: Told,
        bytes: [u8; 3900],
    }
    for after in 0..60 {
        let heap = heap(2);
        let deaths = Rc::new(Cell::new(0));
        let mut head = None;
        for _ in 0..20 {
            let _told = Told(deaths.clone());
            let bytes = [0; 3900];
            head = Some(heap.alloc(Loud {
                next: head,
                _told,
                bytes,
            }));
        }
        let garbage: Vec<_> = (0..3).map(|_| ring(&heap, 4)).collect();
        for first in &garbage {
            link(first, Gc::erase(head.clone().unwrap()));
        }
        heap.collect_all();
        drop(garbage);
        for _ in 0..after {
            if heap.collect_slice() {
                break;
            }
        }
        assert_eq!(deaths.get(), 0);
        drop(head);
        heap.verify().unwrap();
        assert!(deaths.get() == 0 || deaths.get() == 20);
        run_cycle(&heap);
        run_cycle(&heap);
        assert_eq!(
            (deaths.get(), heap.live_objects()),
            (20, 0),
            "after {after}"
        );
        assert_eq!(heap.memory().live_blocks, 0);
    }
}

#[derive(Trace)]
#[trace(finalize)]
struct Phoenix {
    itself: RefCell<Option<Gc<Phoenix>>>,
    #[trace(leaf)]
    nest: Rc<RefCell<Vec<Gc<Phoenix>>>>,
}

impl Finalize for Phoenix {
    fn finalize(this: &Gc<Self>) {
        this.nest.borrow_mut().push(this.clone());
    }
}

#[test]
fn finalizers_resurrect_once_and_the_next_cycles_free() {
    let heap = heap(4);
    let nest = Rc::new(RefCell::default());
    for _ in 0..10 {
        let itself = RefCell::default();
        let phoenix = heap.alloc(Phoenix {
            itself,
            nest: nest.clone(),
        });
        *phoenix.itself.borrow_mut() = Some(phoenix.clone());
    }
    heap.collect(0).unwrap();
    assert_eq!(
        nest.borrow().len(),
        10,
        "young ones are found by young collections"
    );
    heap.collect_all();
    assert_eq!(heap.live_objects(), 10);
    nest.take();
    run_cycle(&heap);
    assert_eq!((heap.live_objects(), nest.borrow().len()), (0, 0));

    let itself = RefCell::default();
    let old = heap.alloc(Phoenix {
        itself,
        nest: nest.clone(),
    });
    *old.itself.borrow_mut() = Some(old.clone());
    heap.collect_all();
    drop(old);
    run_cycle(&heap);
    assert_eq!(nest.borrow().len(), 1, "resurrected by a cycle");
    nest.take();
    run_cycle(&heap);
    assert_eq!((heap.live_objects(), nest.borrow().len()), (0, 0));
}

#[derive(Trace)]
struct Calls(#[trace(leaf)] Rc<Cell<u32>>);

impl Callback for Calls {
    fn call(&self, _: &Heap) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn callbacks_from_outside_run_and_those_inside_the_garbage_do_not() {
    let heap = heap(3);
    let calls = Rc::new(Cell::new(0));
    let watched = ring(&heap, 3);
    let kept = Gc::downgrade_with(&watched, heap.alloc(Calls(calls.clone())));
    // A ring that holds a reference with a callback to another ring.
    let holder = ring(&heap, 3);
    let inside = Gc::downgrade_with(&watched, heap.alloc(Calls(calls.clone())));
    link(&watched, inside.erase_self());
    let from_before = Gc::downgrade_with(&watched, heap.alloc(Calls(calls.clone())));
    link(&holder, from_before.erase_self());
    heap.collect_all();
    drop((watched, holder));
    run_cycle(&heap);
    assert!(kept.is_dead());
    assert_eq!(calls.get(), 1, "the one from outside");
}

trait Erase {
    fn erase_self(self) -> GcAny;
}

impl<T: Trace> Erase for exuvia_core::Weak<T> {
    fn erase_self(self) -> GcAny {
        exuvia_core::Weak::erase(self)
    }
}

#[test]
fn values_that_lead_back_to_their_keys_are_freed_with_them() {
    let heap = heap(2);
    let pairs: Vec<_> = (0..8)
        .map(|_| {
            let key = node(&heap);
            let value = node(&heap);
            link(&value, Gc::erase(key.clone()));
            (Ephemeron::new(&key, value), key)
        })
        .collect();
    let (held, mut keys): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    heap.collect_all();
    keys.truncate(3);
    run_cycle(&heap);
    let dead = held.iter().filter(|pair| pair.is_dead()).count();
    assert_eq!(dead, 5);
    for (pair, _) in held.iter().zip(&keys) {
        assert!(pair.value().is_some(), "the key lives");
    }
    drop(keys);
    drop(held);
    run_cycle(&heap);
    assert_eq!(heap.live_objects(), 0);
}

#[test]
fn a_full_collection_in_the_middle_of_a_cycle_frees_everything() {
    for after in 0..80 {
        let heap = heap(8);
        let rings: Vec<_> = (0..20).map(|_| ring(&heap, 5)).collect();
        let live = ring(&heap, 30);
        let slabs: Vec<_> = (0..40).map(|_| slab(&heap)).collect();
        heap.collect_all();
        drop(rings);
        for _ in 0..after {
            if heap.collect_slice() {
                break;
            }
        }
        // Garbage that fell when the cycle had made its members clean already.
        drop(live);
        heap.collect_all();
        heap.verify().unwrap();
        assert_eq!(heap.live_objects(), 40, "after {after} slices");
        drop(slabs);
    }
}

#[test]
fn young_and_middle_collections_run_in_the_middle_of_a_cycle() {
    let heap = heap(8);
    let rings: Vec<_> = (0..50).map(|_| ring(&heap, 5)).collect();
    let kept = ring(&heap, 20);
    heap.collect_all();
    drop(rings);
    let mut turn = 0;
    while !heap.collect_slice() {
        let young = ring(&heap, 3);
        link(&young, Gc::erase(kept.clone()));
        heap.examine_widely_above([Some(0), None][turn % 2]);
        heap.collect(turn % 2).unwrap();
        heap.verify().unwrap();
        drop(young);
        turn += 1;
    }
    heap.collect(1).unwrap();
    heap.collect(1).unwrap();
    drop(kept);
    run_cycle(&heap);
    run_cycle(&heap);
    assert_eq!(heap.live_objects(), 0);
}

#[test]
fn closing_the_heap_in_the_middle_of_a_cycle_frees_everything() {
    #[derive(Trace)]
    struct Ring {
        next: RefCell<Option<Gc<Ring>>>,
        #[trace(leaf)]
        _told: Told,
    }
    for after in 0..40 {
        let heap = heap(2);
        let gone = Rc::new(Cell::new(0));
        let make = || {
            let (next, _told) = (RefCell::default(), Told(gone.clone()));
            let ring = heap.alloc(Ring { next, _told });
            *ring.next.borrow_mut() = Some(ring.clone());
            ring
        };
        let rings: Vec<_> = (0..10).map(|_| make()).collect();
        let slabs: Vec<_> = (0..20).map(|_| slab(&heap)).collect();
        heap.collect_all();
        drop(rings);
        for _ in 0..after {
            if heap.collect_slice() {
                break;
            }
        }
        drop(heap);
        assert_eq!(gone.get(), 10, "after {after} slices");
        assert!(slabs.iter().all(|slab| slab.bytes[5] == 7));
    }
}

#[test]
fn frozen_objects_stay_and_thawed_ones_go() {
    for after in 0..30 {
        let heap = heap(2);
        let rings: Vec<_> = (0..10).map(|_| ring(&heap, 2)).collect();
        let slabs: Vec<_> = (0..20).map(|_| slab(&heap)).collect();
        heap.collect_all();
        drop((rings, slabs));
        for _ in 0..after {
            if heap.collect_slice() {
                break;
            }
        }
        let before = heap.live_objects();
        heap.freeze();
        run_cycle(&heap);
        assert_eq!(heap.live_objects(), before, "after {after} slices");
        heap.unfreeze();
        run_cycle(&heap);
        assert_eq!(heap.live_objects(), 0);
    }
}

#[test]
fn a_cycle_whose_lists_cannot_grow_is_given_up_and_frees_nothing() {
    let heap = heap(8);
    let rings: Vec<_> = (0..500).map(|_| ring(&heap, 2)).collect();
    heap.collect_all();
    drop(rings);
    heap.limit_collector_lists(Some(1));
    while !heap.collect_slice() {}
    heap.verify().unwrap();
    assert_eq!((did(&heap).abandoned, heap.live_objects()), (1, 1000));
    heap.limit_collector_lists(None);
    run_cycle(&heap);
    assert_eq!((did(&heap).abandoned, heap.live_objects()), (1, 0));
}

#[test]
fn a_heap_that_nobody_touches_begins_no_cycle() {
    let heap = Heap::builder()
        .bounded_pauses(1000)
        .thresholds(100, 10, 10)
        .build();
    let kept: Vec<_> = (0..2000).map(|_| ring(&heap, 1)).collect();
    let held = ring(&heap, 1);
    heap.collect_all();
    let cycles = did(&heap).cycles;
    for _ in 0..200_000 {
        drop(ring(&heap, 1));
    }
    let after = did(&heap);
    assert!(after.cycles <= cycles + 1, "{after:?}");
    drop((kept, held));
    for _ in 0..200_000 {
        drop(ring(&heap, 1));
    }
    assert!(heap.live_objects() < 1000, "{} live", heap.live_objects());
    assert!(
        did(&heap).cycles > cycles,
        "but one does when it is touched"
    );
}

#[test]
fn the_heap_paces_itself_and_keeps_floating_garbage_low() {
    const TABLE: usize = 300;
    let heap = Heap::builder()
        .bounded_pauses(1000)
        .thresholds(300, 10, 10)
        .build();
    let live: Vec<_> = (0..60_000).map(|_| node(&heap)).collect();
    heap.collect_all();
    let before = heap.live_objects();
    // Rings, most of which grow old before they become garbage.
    let mut table: Vec<Option<Gc<Node>>> = vec![None; TABLE];
    let mut random = fastrand::Rng::with_seed(5);
    let mut most = 0;
    for _ in 0..60_000 {
        table[random.usize(0..TABLE)] = Some(ring(&heap, 2));
        // What became of promoted objects is known after the first cycle.
        if did(&heap).cycles > 0 {
            most = most.max(heap.live_objects() - before);
        }
    }
    let did = heap.bounded_pauses().unwrap();
    assert_eq!(did.oversized, 0, "{did:?}");
    assert!(did.cycles > 1 && did.freed > 1000, "{did:?}");
    let floating = most - 2 * TABLE;
    assert!(
        floating < before / 10,
        "{floating} objects of garbage beside {before}, {did:?}"
    );
    drop(live);
}

#[test]
fn other_heaps_have_no_cycle() {
    let heap = HeapBuilder::default().build();
    assert!(heap.bounded_pauses().is_none());
    assert!(heap.collect_slice());
}
