//! What the heap promises whatever user code does meanwhile: moving handles, panicking, borrowing, collecting, dying early.
//!
//! Tests with `for_ever` in their names leak on purpose: a leak checker is run with `--skip for_ever`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{
    AllocError, Callback, Finalize, Gc, Heap, HeapError, Mode, Phase, Root, Trace, Visitor, Weak,
};

fn each_mode(run: impl Fn(&Heap)) {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        heap.disable();
        run(&heap);
        heap.verify().unwrap();
    }
}

/// What a hook does, exchangeable from outside.
type Action = Rc<RefCell<Box<dyn FnMut()>>>;

fn action(run: impl FnMut() + 'static) -> Action {
    Rc::new(RefCell::new(Box::new(run)))
}

/// A node whose every hook runs an action of the test's choice.
#[derive(Trace)]
#[trace(finalize)]
struct Node {
    edges: RefCell<Vec<Gc<Node>>>,
    #[trace(leaf)]
    finalizer: RefCell<Option<Action>>,
    #[trace(leaf)]
    dropped: Dropped,
}

impl Finalize for Node {
    fn finalize(this: &Gc<Self>) {
        let run = this.finalizer.borrow().clone();
        if let Some(run) = run {
            (run.borrow_mut())();
        }
    }
}

/// A field with a `Drop` of its own.
#[derive(Default)]
struct Dropped(RefCell<Option<Action>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            (run.borrow_mut())();
        }
    }
}

/// A weak callback that runs an action.
#[derive(Trace)]
struct Calls {
    #[trace(leaf)]
    run: Action,
}

impl Callback for Calls {
    fn call(&self, _: &Heap) {
        (self.run.borrow_mut())();
    }
}

fn node(heap: &Heap, edges: Vec<Gc<Node>>) -> Gc<Node> {
    heap.alloc(Node {
        edges: RefCell::new(edges),
        finalizer: RefCell::new(None),
        dropped: Dropped::default(),
    })
}

/// Nodes in a ring, each with an edge to the next.
fn ring(heap: &Heap, len: usize) -> Vec<Gc<Node>> {
    let nodes: Vec<Gc<Node>> = (0..len).map(|_| node(heap, Vec::new())).collect();
    for (index, node) in nodes.iter().enumerate() {
        node.edges
            .borrow_mut()
            .push(nodes[(index + 1) % len].clone());
    }
    nodes
}

fn set_finalizer(node: &Gc<Node>, run: impl FnMut() + 'static) {
    *node.finalizer.borrow_mut() = Some(action(run));
}

fn set_drop(node: &Gc<Node>, run: impl FnMut() + 'static) {
    *node.dropped.0.borrow_mut() = Some(action(run));
}

fn counter() -> (Rc<Cell<u32>>, impl Fn() -> Rc<Cell<u32>>) {
    let count = Rc::new(Cell::new(0));
    let again = count.clone();
    (count, move || again.clone())
}

fn bump(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

// --- handles that move while their objects are examined -----------------------------

#[test]
fn a_finalizer_may_move_the_only_handle_of_an_unreachable_object_out() {
    each_mode(|heap| {
        let saved = node(heap, Vec::new());
        let nodes = ring(heap, 3);
        let child = node(heap, Vec::new());
        let child_address = Gc::address(&child);
        nodes[1].edges.borrow_mut().push(child);
        // By weak references, or the finalizers themselves would hold the ring.
        let (from, to) = (RefCell::new(Some(nodes[1].clone())), saved.clone());
        set_finalizer(&nodes[0], move || {
            let from = from.borrow_mut().take().expect("runs once");
            let moved = from.edges.borrow_mut().pop().expect("the child");
            to.edges.borrow_mut().push(moved);
        });
        // The closure holds node 1 from outside: it is no garbage before the handle inside is gone.
        drop(nodes);
        assert_eq!(heap.collect_all(), 0);
        let run = {
            let holder = heap.objects(None).unwrap();
            let holder = holder
                .iter()
                .filter_map(|object| object.downcast_ref::<Node>());
            let found = holder
                .into_iter()
                .find(|node| node.finalizer.borrow().is_some());
            let run = found.expect("the ring is alive").finalizer.borrow().clone();
            run.expect("set above")
        };
        (run.borrow_mut())();
        *run.borrow_mut() = Box::new(|| {});
        drop(run);
        assert_eq!(heap.collect_all(), 3, "the ring without the child");
        assert_eq!(Gc::address(&saved.edges.borrow()[0]), child_address);
    });
}

#[test]
fn finalizers_may_move_handles_between_trash_live_objects_and_newborns() {
    each_mode(|heap| {
        let live = node(heap, Vec::new());
        let nodes = ring(heap, 6);
        let weak: Vec<Weak<Node>> = nodes.iter().map(Gc::downgrade).collect();
        // Weak references are cleared before finalizers run, so the graph itself is walked.
        for (index, node) in nodes.iter().enumerate() {
            let (live, heap) = (live.clone(), heap.clone());
            let me: Rc<RefCell<Option<Weak<Node>>>> = Rc::default();
            *me.borrow_mut() = Some(Gc::downgrade(node));
            set_finalizer(node, move || {
                assert!(me.borrow().as_ref().is_some_and(Weak::is_dead));
                let newborn = self::node(&heap, Vec::new());
                if index == 2 {
                    live.edges.borrow_mut().push(newborn);
                } else {
                    drop(newborn);
                }
            });
        }
        drop(nodes);
        assert_eq!(heap.collect_all(), 6);
        assert!(weak.iter().all(Weak::is_dead));
        assert_eq!(live.edges.borrow().len(), 1);
        assert_eq!(heap.take_errors(), []);
    });
}

/// Gives its neighbour away when it is finalized.
#[derive(Trace)]
#[trace(finalize)]
struct Giver {
    next: RefCell<Option<Gc<Giver>>>,
    shelf: Gc<Shelf>,
    gives: Cell<bool>,
}

#[derive(Trace)]
struct Shelf {
    slot: RefCell<Vec<Gc<Giver>>>,
}

impl Finalize for Giver {
    fn finalize(this: &Gc<Self>) {
        if this.gives.get() {
            let moved = this.next.borrow_mut().take();
            this.shelf.slot.borrow_mut().extend(moved);
        }
    }
}

#[test]
fn a_moved_edge_saves_exactly_what_it_leads_to() {
    each_mode(|heap| {
        let shelf = heap.alloc(Shelf {
            slot: RefCell::new(Vec::new()),
        });
        let giver = |gives| {
            heap.alloc(Giver {
                next: RefCell::new(None),
                shelf: shelf.clone(),
                gives: Cell::new(gives),
            })
        };
        // a -> b -> c -> a; b gives c away, and with it a (through c), then b (through a).
        let (a, b, c) = (giver(false), giver(true), giver(false));
        *a.next.borrow_mut() = Some(b.clone());
        *b.next.borrow_mut() = Some(c.clone());
        *c.next.borrow_mut() = Some(a.clone());
        // d -> e -> d; e gives d away: e follows d to the shelf.
        let (d, e) = (giver(false), giver(true));
        *d.next.borrow_mut() = None;
        *e.next.borrow_mut() = Some(e.clone());
        drop((a, b, c));
        assert_eq!(heap.collect_all(), 0);
        assert_eq!(shelf.slot.borrow().len(), 1);
        heap.verify().unwrap();
        drop(e);
        assert_eq!(heap.collect_all(), 0, "it gave itself away");
        drop(d);
        let saved = std::mem::take(&mut *shelf.slot.borrow_mut());
        assert_eq!(saved.len(), 2);
        assert_eq!(
            saved
                .iter()
                .filter(|giver| giver.next.borrow().is_none())
                .count(),
            1
        );
        drop(saved);
        // The chain c -> a -> b dies by count, e has no edge left.
        assert_eq!(heap.collect_all(), 0);
        assert_eq!(heap.live_objects(), 1, "the shelf");
    });
}

#[test]
fn weak_callbacks_and_collection_callbacks_may_move_handles_of_live_objects() {
    each_mode(|heap| {
        let (left, right) = (node(heap, Vec::new()), node(heap, Vec::new()));
        let shuttle = ring(heap, 2);
        left.edges.borrow_mut().extend(shuttle);
        let moves = {
            let (left, right) = (left.clone(), right.clone());
            move || {
                let mut moved = std::mem::take(&mut *left.edges.borrow_mut());
                std::mem::swap(&mut moved, &mut *right.edges.borrow_mut());
                *left.edges.borrow_mut() = moved;
            }
        };
        let call = heap.alloc(Calls {
            run: action(moves.clone()),
        });
        let id = heap.add_callback(move |_, _| moves.clone()());
        let trash = ring(heap, 3);
        let watch: Vec<Weak<Node>> = trash
            .iter()
            .map(|t| Gc::downgrade_with(t, call.clone()))
            .collect();
        drop((trash, call));
        assert_eq!(heap.collect_all(), 3);
        assert!(watch.iter().all(Weak::is_dead));
        // Two collection callbacks and three weak ones: five moves.
        assert_eq!(
            (left.edges.borrow().len(), right.edges.borrow().len()),
            (0, 2)
        );
        assert!(heap.remove_callback(id));
        drop(watch);
        right.edges.borrow_mut().clear();
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(heap.live_objects(), 2);
    });
}

// --- lifetimes -------------------------------------------------------------------------

#[test]
fn a_heap_may_be_dropped_before_its_handles() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        let (dropped, count) = counter();
        let garbage = ring(&heap, 2);
        let counted = count();
        set_finalizer(&garbage[0], move || bump(&counted));
        drop(garbage);
        let held = ring(&heap, 3);
        let inside = node(&heap, vec![held[0].clone()]);
        let weak = Gc::downgrade(&inside);
        let text = heap.alloc("still here".to_owned());
        for node in &held {
            let counted = count();
            set_drop(node, move || bump(&counted));
        }
        drop(heap);
        assert_eq!(dropped.get(), 1, "the last collection ran the finalizer");

        assert_eq!(*text, "still here");
        assert!(
            weak.upgrade()
                .is_some_and(|again| Gc::ptr_eq(&again, &inside))
        );
        let late = Gc::heap(&text);
        assert_eq!(late.try_alloc(1).err(), Some(AllocError::Closed));
        assert_eq!(text.try_downgrade().err(), Some(AllocError::Closed));
        late.verify().unwrap();
        drop(late);

        drop(inside);
        assert!(weak.is_dead());
        // The ring dies by count once it is no ring any more.
        for node in &held {
            node.edges.borrow_mut().clear();
        }
        drop((weak, text));
        assert_eq!(dropped.get(), 1);
        drop(held);
        assert_eq!(dropped.get(), 4);
    }
}

/// Fields are dropped in the order of their declaration.
#[expect(dead_code, reason = "only dropped")]
struct HeapFirst(Heap, Root<Node>, Gc<Node>);
#[expect(dead_code, reason = "only dropped")]
struct HeapLast(Gc<Node>, Root<Node>, Heap);

#[test]
fn heap_roots_and_handles_may_be_dropped_in_any_order() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let (dropped, count) = counter();
        let parts = |cyclic| {
            let heap = Heap::builder().mode(mode).build();
            let first = match cyclic {
                true => ring(&heap, 2).swap_remove(0),
                false => node(&heap, Vec::new()),
            };
            let counted = count();
            set_drop(&first, move || bump(&counted));
            let root = heap.root("first", first.clone());
            (heap, root, first)
        };
        // The heap closes while the handle is held; its object then dies by count.
        let (heap, root, handle) = parts(false);
        drop(HeapFirst(heap, root, handle));
        assert_eq!(dropped.get(), 1, "{mode:?}");
        // What is dropped before the heap is collected when it closes; a root holds its heap.
        let (heap, root, handle) = parts(true);
        drop(HeapLast(handle, root, heap));
        assert_eq!(dropped.get(), 2, "{mode:?}");
        let (heap, root, handle) = parts(true);
        drop(handle);
        drop(heap);
        assert_eq!(dropped.get(), 2, "{mode:?}");
        drop(root);
        assert_eq!(dropped.get(), 3, "{mode:?}");
    }
}

#[test]
fn a_finalizer_may_keep_a_closing_heap_open() {
    let kept: Rc<RefCell<Option<Heap>>> = Rc::default();
    let heap = Heap::new();
    let nodes = ring(&heap, 2);
    let (keep, again) = (kept.clone(), RefCell::new(Some(Gc::downgrade(&nodes[0]))));
    set_finalizer(&nodes[0], move || {
        let weak = again.borrow_mut().take();
        drop(weak);
    });
    let keeper = nodes[1].clone();
    set_finalizer(&nodes[1], {
        let keeper = RefCell::new(Some(Gc::downgrade(&keeper)));
        let heap = heap.clone();
        move || {
            drop(keeper.borrow_mut().take());
            *keep.borrow_mut() = Some(heap.clone());
        }
    });
    drop((nodes, keeper));
    // The closure's own handle keeps the heap open until the ring is collected.
    assert_eq!(heap.collect_all(), 2);
    drop(heap);
    let heap = kept.borrow_mut().take().expect("kept by the finalizer");
    assert_eq!(*heap.alloc(5), 5);
    heap.verify().unwrap();
}

// --- two heaps ----------------------------------------------------------------------------

#[test]
fn two_heaps_may_collect_in_each_others_finalizers() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let build = || Heap::builder().mode(mode).enabled(false).build();
        let (left, right) = (build(), build());
        let (runs, count) = counter();
        // Each ring has an edge into the other heap, and collects it when it dies.
        let (on_left, on_right) = (ring(&left, 4), ring(&right, 4));
        on_left[0].edges.borrow_mut().push(node(&right, Vec::new()));
        on_right[0].edges.borrow_mut().push(node(&left, Vec::new()));
        for (nodes, other) in [(&on_left, &right), (&on_right, &left)] {
            for node in nodes {
                let (other, counted) = (other.clone(), count());
                set_finalizer(node, move || {
                    bump(&counted);
                    other.collect_all();
                    other.verify().unwrap();
                });
            }
        }
        drop((on_left, on_right));
        assert_eq!(left.collect_all(), 4);
        assert_eq!(
            runs.get(),
            8,
            "the other heap's ring was finalized in between"
        );
        assert_eq!((left.live_objects(), right.live_objects()), (0, 0));
        left.verify().unwrap();
        right.verify().unwrap();
        assert_eq!(
            (left.take_errors(), right.take_errors()),
            (Vec::new(), Vec::new())
        );
    }
}

// --- panics in hooks ------------------------------------------------------------------------

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
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
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

// --- borrows and counts --------------------------------------------------------------------

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

// --- collections inside collections -------------------------------------------------------------

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

// --- user code in what the heap lets go -----------------------------------------------------------

#[test]
fn what_is_dropped_with_a_callback_may_use_the_heap() {
    let heap = Heap::new();
    struct Captured(Heap, Rc<Cell<u32>>);
    impl Drop for Captured {
        fn drop(&mut self) {
            let id = self.0.add_callback(|_, _| {});
            assert!(self.0.remove_callback(id));
            bump(&self.1);
        }
    }
    let (dropped, count) = counter();
    let captured = Captured(heap.clone(), count());
    let id = heap.add_callback(move |_, _| _ = &captured);
    assert!(heap.remove_callback(id));
    assert_eq!(dropped.get(), 1);

    // The closing heap drops its callbacks and its garbage list itself.
    let node = node(&heap, Vec::new());
    let (watched, counted) = (Gc::downgrade(&node), count());
    set_finalizer(&node, {
        let weak = RefCell::new(Some(watched));
        move || {
            drop(weak.borrow_mut().take());
            bump(&counted);
        }
    });
    let (late, counted) = (node.clone(), count());
    struct Late(Gc<Node>, Rc<Cell<u32>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let heap = Gc::heap(&self.0);
            let id = heap.add_callback(|_, _| {});
            heap.remove_callback(id);
            assert!(heap.garbage().is_empty());
            bump(&self.1);
        }
    }
    let late = Late(late, counted);
    heap.add_callback(move |_, _| _ = &late);
    drop(node);
    drop(heap);
    assert_eq!(dropped.get(), 3, "callback dropped, node finalized");
}

// --- threads ------------------------------------------------------------------------------------------

/// Compiles only if the type does not implement the marker: otherwise `_` is ambiguous.
macro_rules! assert_not_impl {
    ($type:ty: $marker:ident) => {{
        trait Ambiguous<Choice> {
            fn only_choice() {}
        }
        struct Implements;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $marker> Ambiguous<Implements> for T {}
        <$type as Ambiguous<_>>::only_choice();
    }};
}

#[test]
fn nothing_of_a_heap_leaves_its_thread() {
    assert_not_impl!(Heap: Send);
    assert_not_impl!(Heap: Sync);
    assert_not_impl!(Gc<u32>: Send);
    assert_not_impl!(Gc<u32>: Sync);
    assert_not_impl!(Weak<u32>: Send);
    assert_not_impl!(Weak<u32>: Sync);
    assert_not_impl!(Root<u32>: Send);
    assert_not_impl!(exuvia_core::GcAny: Send);
}
