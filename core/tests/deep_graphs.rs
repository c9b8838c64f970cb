//! Graphs of millions of objects die and are collected on an ordinary stack.

use std::cell::RefCell;

use exuvia_core::{Gc, Heap, Trace};

/// What a main thread has; the harness's own test threads have less.
const STACK_BYTES: usize = 8 << 20;

#[derive(Trace)]
struct Node {
    next: RefCell<Option<Gc<Node>>>,
    other: RefCell<Option<Gc<Node>>>,
}

fn node(heap: &Heap, next: Option<Gc<Node>>) -> Gc<Node> {
    heap.alloc(Node {
        next: RefCell::new(next),
        other: RefCell::new(None),
    })
}

fn on_an_ordinary_stack(run: fn(&Heap)) {
    let body = move || {
        let heap = Heap::builder().enabled(false).build();
        run(&heap);
        assert_eq!(heap.live_objects(), 0);
        heap.verify().unwrap();
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(body);
    thread.expect("a thread").join().expect("no panic");
}

fn list(heap: &Heap, nodes: usize) -> Gc<Node> {
    let mut first = node(heap, None);
    for _ in 1..nodes {
        first = node(heap, Some(first));
    }
    first
}

#[test]
fn a_list_of_ten_million_nodes_is_dropped() {
    on_an_ordinary_stack(|heap| drop(list(heap, 10_000_000)));
}

#[test]
fn a_dead_list_of_a_million_nodes_that_ends_in_a_ring_is_collected() {
    on_an_ordinary_stack(|heap| {
        let first = list(heap, 1_000_000);
        *first.other.borrow_mut() = Some(first.clone());
        drop(first);
        assert_eq!(heap.collect_all(), 1_000_000);
    });
}

#[test]
fn a_ring_of_a_million_nodes_is_collected() {
    on_an_ordinary_stack(|heap| {
        let last = node(heap, None);
        let mut first = last.clone();
        for _ in 1..1_000_000 {
            first = node(heap, Some(first));
        }
        *last.next.borrow_mut() = Some(first.clone());
        drop(last);
        assert_eq!(heap.collect_all(), 0, "still held");
        drop(first);
        assert_eq!(heap.collect_all(), 1_000_000);
    });
}

#[test]
fn a_live_graph_of_a_million_nodes_survives_and_is_then_collected() {
    on_an_ordinary_stack(|heap| {
        let nodes: Vec<Gc<Node>> = (0..1_000_000).map(|_| node(heap, None)).collect();
        let mut random = fastrand::Rng::with_seed(7);
        for (index, node) in nodes.iter().enumerate() {
            // One edge keeps it connected, the other leads anywhere.
            *node.next.borrow_mut() = Some(nodes[(index + 1) % nodes.len()].clone());
            *node.other.borrow_mut() = Some(nodes[random.usize(..nodes.len())].clone());
        }
        let root = nodes[0].clone();
        drop(nodes);
        for generation in [0, 1, 2, 2] {
            drop(root.clone());
            assert_eq!(heap.collect(generation), Ok(0));
        }
        assert_eq!(heap.live_objects(), 1_000_000);
        drop(root);
        assert_eq!(heap.collect_all(), 1_000_000);
    });
}
