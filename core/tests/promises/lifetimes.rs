//! Heaps, roots, handles and callbacks that go in any order; two heaps; threads.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{AllocError, Gc, Heap, Mode, Root, Weak};

use crate::{Node, bump, counter, node, ring, set_drop, set_finalizer};

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
