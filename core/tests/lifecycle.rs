//! The heap's first promises: counting, cycles, weak references, finalizers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use exuvia_core::{Callback, Ephemeron, Finalize, Gc, GcAny, Heap, Mode, Trace, Weak};

#[derive(Trace)]
struct Node {
    next: RefCell<Option<Gc<Node>>>,
}

fn node(heap: &Heap) -> Gc<Node> {
    heap.alloc(Node {
        next: RefCell::new(None),
    })
}

fn ring(heap: &Heap, len: usize) -> Gc<Node> {
    let first = node(heap);
    let mut last = first.clone();
    for _ in 1..len {
        let next = node(heap);
        *last.next.borrow_mut() = Some(next.clone());
        last = next;
    }
    *last.next.borrow_mut() = Some(first.clone());
    first
}

fn each_mode(run: impl Fn(Heap)) {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        run(Heap::builder().mode(mode).build());
    }
}

#[test]
fn a_ring_is_freed_by_a_collection_and_counted() {
    each_mode(|heap| {
        for len in [1, 2, 10, 10_000] {
            heap.disable();
            let first = ring(&heap, len);
            heap.verify().unwrap();
            assert_eq!(heap.collect_all(), 0);
            drop(first);
            heap.verify().unwrap();
            assert_eq!(heap.collect_all(), len);
            assert_eq!(heap.live_objects(), 0);
            heap.verify().unwrap();
        }
    });
}

#[test]
fn an_old_clean_ring_is_found_when_its_last_outside_handle_goes() {
    each_mode(|heap| {
        let first = ring(&heap, 3);
        for _ in 0..3 {
            assert_eq!(heap.collect_all(), 0);
        }
        drop(first);
        assert_eq!(heap.collect(0).unwrap(), 0);
        assert_eq!(heap.collect(1).unwrap(), 0);
        assert_eq!(heap.collect(2).unwrap(), 3);
    });
}

#[test]
fn a_long_list_dies_in_constant_stack() {
    each_mode(|heap| {
        heap.disable();
        let mut list = node(&heap);
        for _ in 0..300_000 {
            let next = node(&heap);
            *next.next.borrow_mut() = Some(list);
            list = next;
        }
        drop(list);
        assert_eq!(heap.live_objects(), 0);
        heap.verify().unwrap();
    });
}

#[test]
fn automatic_collection_bounds_what_dead_rings_hold() {
    each_mode(|heap| {
        for _ in 0..50_000 {
            drop(ring(&heap, 2));
        }
        assert!(heap.live_objects() < 2 * 2000 + 10);
        assert!(heap.stats()[0].collections > 10);
        heap.verify().unwrap();
    });
}

#[derive(Trace)]
struct Log {
    #[trace(leaf)]
    lines: Rc<RefCell<Vec<u32>>>,
    id: u32,
}

impl Callback for Log {
    fn call(&self, _: &Heap) {
        self.lines.borrow_mut().push(self.id);
    }
}

#[test]
fn callbacks_run_newest_first_after_every_reference_is_dead() {
    each_mode(|heap| {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let target = node(&heap);
        let weak: Vec<Weak<Node>> = (0..3)
            .map(|id| {
                let lines = lines.clone();
                Gc::downgrade_with(&target, heap.alloc(Log { lines, id }))
            })
            .collect();
        assert_eq!(Gc::weak_count(&target), 3);
        heap.verify().unwrap();
        drop(target);
        assert_eq!(*lines.borrow(), [2, 1, 0]);
        assert!(weak.iter().all(Weak::is_dead));
    });
}

#[derive(Trace)]
struct Holder {
    weak: RefCell<Option<Weak<Holder>>>,
    me: RefCell<Option<Gc<Holder>>>,
}

#[test]
fn a_callback_inside_the_trash_does_not_run() {
    each_mode(|heap| {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let log = |id| {
            let lines = lines.clone();
            heap.alloc(Log { lines, id })
        };
        let holder = heap.alloc(Holder {
            weak: RefCell::new(None),
            me: RefCell::new(None),
        });
        *holder.me.borrow_mut() = Some(holder.clone());
        *holder.weak.borrow_mut() = Some(Gc::downgrade_with(&holder, log(1)));
        let outside = Gc::downgrade_with(&holder, log(2));
        drop(holder);
        // The holder and its weak reference; the callback object is a leaf.
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(*lines.borrow(), [2]);
        assert!(outside.is_dead());
        heap.verify().unwrap();
    });
}

#[derive(Trace)]
#[trace(finalize)]
struct Phoenix {
    nest: Gc<Nest>,
    text: String,
    me: RefCell<Option<Gc<Phoenix>>>,
    #[trace(leaf)]
    calls: Rc<Cell<u32>>,
}

#[derive(Trace)]
struct Nest {
    slot: RefCell<Option<Gc<Phoenix>>>,
}

impl Finalize for Phoenix {
    fn finalize(this: &Gc<Self>) {
        this.calls.set(this.calls.get() + 1);
        *this.nest.slot.borrow_mut() = Some(this.clone());
    }
}

#[test]
fn a_finalizer_resurrects_once_and_the_object_is_intact() {
    each_mode(|heap| {
        let calls = Rc::new(Cell::new(0));
        let nest = heap.alloc(Nest {
            slot: RefCell::new(None),
        });
        for cyclic in [false, true] {
            let bird = heap.alloc(Phoenix {
                nest: nest.clone(),
                text: "ash".repeat(10),
                me: RefCell::new(None),
                calls: calls.clone(),
            });
            if cyclic {
                *bird.me.borrow_mut() = Some(bird.clone());
            }
            calls.set(0);
            drop(bird);
            assert_eq!(heap.collect_all(), 0);
            assert_eq!(calls.get(), 1);
            let text = nest.slot.borrow().as_ref().unwrap().text.clone();
            assert_eq!(text, "ash".repeat(10));
            heap.verify().unwrap();
            let bird = nest.slot.borrow_mut().take();
            drop(bird);
            assert_eq!(heap.collect_all(), usize::from(cyclic));
            assert_eq!(calls.get(), 1);
            heap.verify().unwrap();
        }
    });
}

#[test]
fn the_heap_outlives_its_last_handle_while_an_object_is_held() {
    each_mode(|heap| {
        let held = ring(&heap, 3);
        drop(heap);
        assert!(held.next.borrow().is_some());
        let late = Gc::heap(&held);
        assert!(late.try_alloc(1).is_err());
        drop(late);
        *held.next.borrow_mut() = None;
    });
}

#[test]
fn an_audit_explains_every_count_or_names_the_object() {
    let heap = Heap::new();
    let root = heap.root("ring", ring(&heap, 3));
    assert_eq!(heap.audit().findings, []);
    let lost = root.clone();
    let audit = heap.audit();
    assert_eq!(audit.findings.len(), 1);
    assert_eq!(audit.findings[0].surplus, 1);
    drop(lost);
    drop(root);
    assert_eq!(heap.audit().findings.len(), 3);
    heap.collect_all();
    assert_eq!(heap.audit().objects, 0);
}

#[test]
fn a_collector_without_room_for_its_lists_finishes_by_rescanning() {
    let heap = Heap::new();
    heap.disable();
    for limit in [0, 600] {
        let live = ring(&heap, 5_000);
        drop(ring(&heap, 3_000));
        heap.limit_collector_lists(Some(limit));
        assert_eq!(heap.collect_all(), 3_000);
        heap.limit_collector_lists(None);
        heap.verify().unwrap();
        drop(live);
        assert_eq!(heap.collect_all(), 5_000);
    }
}

#[test]
fn an_allocation_that_fails_is_not_counted() {
    let heap = Heap::new();
    heap.disable();
    let keep = node(&heap);
    let before = heap.counts();
    heap.fail_allocations_after(Some(0));
    assert!(
        heap.try_alloc(Holder {
            weak: RefCell::default(),
            me: RefCell::default()
        })
        .is_err()
    );
    assert!(heap.try_new_cyclic::<Node>(|_| unreachable!()).is_err());
    let items = std::iter::repeat_n(Some(keep.clone()), 3);
    assert!(heap.try_alloc_with_tail(0_u64, items).is_err());
    heap.fail_allocations_after(None);
    assert_eq!(heap.counts(), before);
}

#[derive(Trace)]
struct Around<T: Trace>(RefCell<Option<T>>);

/// A key by identity.
#[derive(Trace)]
struct Key(GcAny);

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        GcAny::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.address().hash(hasher);
    }
}

/// A cycle through a container is found: its edges are looked at.
fn closes<T: Trace>(name: &str, wrap: impl Fn(GcAny) -> T) {
    each_mode(|heap| {
        for wide in [None, Some(0)] {
            heap.examine_widely_above(wide);
            let holder = heap.alloc(Around(RefCell::new(None)));
            let inside = wrap(Gc::erase(holder.clone()));
            *holder.0.borrow_mut() = Some(inside);
            assert_eq!(heap.collect_all(), 0, "{name}: held from outside");
            drop(holder);
            assert_eq!(heap.collect_all(), 1, "{name}");
        }
    });
}

#[test]
fn cycles_are_found_through_every_container() {
    closes("handle", |edge| edge);
    closes("option", Some);
    closes("array", |edge| [edge]);
    closes("box", Box::new);
    closes("vector", |edge| vec![edge]);
    closes("result", Ok::<GcAny, u64>);
    closes("error", Err::<u64, GcAny>);
    closes("cell", |edge| Cell::new(Some(edge)));
    closes("value", |edge| HashMap::from([(1_u64, edge)]));
    closes("key", |edge| HashMap::from([(Key(edge), 1_u64)]));
    closes("ordered value", |edge| BTreeMap::from([(1_u64, edge)]));
    closes("member", |edge| HashSet::from([Key(edge)]));
}

#[test]
fn handles_tell_what_they_lead_to() {
    let heap = Heap::new();
    let (one, other) = (node(&heap), node(&heap));
    assert!(Gc::ptr_eq(&one, &one.clone()) && !Gc::ptr_eq(&one, &other));
    assert_ne!(Gc::address(&one), Gc::address(&other));
    assert_eq!(Gc::ref_count(&one), 1);
    let (any, alike) = (Gc::erase(one.clone()), Gc::erase(other.clone()));
    assert!(GcAny::ptr_eq(&any, &any.clone()) && !GcAny::ptr_eq(&any, &alike));
    assert_eq!((any.address(), any.ref_count()), (Gc::address(&one), 2));
    assert!(any.type_name().ends_with("lifecycle::Node"));
    assert!(any.is::<Node>() && !any.is::<u64>() && !any.is::<Around<GcAny>>());
    assert!(
        any.downcast_ref::<Node>()
            .is_some_and(|it| Gc::ptr_eq(it, &one))
    );
    assert!(any.downcast_ref::<u64>().is_none());
    assert!(Heap::ptr_eq(&any.heap(), &heap) && Heap::ptr_eq(&Gc::heap(&one), &heap));
    // A header, the cell and its flag.
    assert_eq!(any.size(), 32);
    assert_eq!(Gc::erase(heap.alloc([0_u64; 9])).size(), 80);

    let (plain, same) = (Gc::downgrade(&one), Gc::downgrade(&one));
    let callback = heap.alloc(Silent);
    let called = Gc::downgrade_with(&one, callback);
    assert!(Weak::ptr_eq(&plain, &same) && !Weak::ptr_eq(&plain, &called));
    assert!(called.has_callback() && !plain.has_callback());
    assert_eq!(Gc::weak_count(&one), 2);
    let pair = Ephemeron::new(&one, other.clone());
    let another = Ephemeron::new(&one, other.clone());
    assert!(Ephemeron::ptr_eq(&pair, &pair) && !Ephemeron::ptr_eq(&pair, &another));
    assert!(pair.value().is_some_and(|it| Gc::ptr_eq(&it, &other)));
}

#[derive(Trace)]
struct Silent;

impl Callback for Silent {
    fn call(&self, _: &Heap) {}
}

/// Holds edges alone, which a wide collection gives up page by page where it
/// may.
#[derive(Trace)]
#[trace(finalize)]
struct Last {
    me: RefCell<Option<Gc<Last>>>,
    log: Gc<Log>,
}

#[derive(Trace)]
struct Edges(RefCell<Option<Gc<Edges>>>);

impl Finalize for Last {
    fn finalize(this: &Gc<Self>) {
        this.log.lines.borrow_mut().push(this.log.id);
    }
}

#[test]
fn a_wide_collection_leaves_finalizers_and_callbacks_their_say() {
    each_mode(|heap| {
        heap.disable();
        heap.examine_widely_above(Some(0));
        // The first objects of a type stand in shared pages.
        for count in [5, 500] {
            let lines = Rc::new(RefCell::new(Vec::new()));
            let log = |id| {
                let lines = lines.clone();
                heap.alloc(Log { lines, id })
            };
            for id in 0..count {
                let (me, log) = (RefCell::new(None), log(id));
                let last = heap.alloc(Last { me, log });
                *last.me.borrow_mut() = Some(last.clone());
            }
            // The logs die by their counts when the cycles are gone.
            assert_eq!(heap.collect_all(), count as usize);
            let called = lines.take().into_iter().collect::<HashSet<u32>>();
            assert_eq!(called.len(), count as usize, "each finalizer once");
            // Nothing but edges: their pages would be freed without a look at them,
            // but for the shared ones, which unwatched objects fill.
            let edges = || heap.alloc(Edges(RefCell::new(None)));
            let _filling: Vec<_> = (0..count).map(|_| edges()).collect();
            let watched = |id| {
                let edges = edges();
                *edges.0.borrow_mut() = Some(edges.clone());
                Gc::downgrade_with(&edges, log(id))
            };
            let weak: Vec<_> = (0..count).map(watched).collect();
            heap.collect_all();
            let called = lines.take().into_iter().collect::<HashSet<u32>>();
            assert_eq!(called.len(), count as usize, "each callback");
            assert!(weak.iter().all(Weak::is_dead));
            heap.verify().unwrap();
        }
    });
}
