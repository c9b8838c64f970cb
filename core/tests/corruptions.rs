//! Each way to break a structure of the heap makes `verify` fail.

use std::cell::RefCell;

use exuvia_core::{Corruption, Gc, Heap, Mode, Trace, Weak};

#[derive(Trace)]
struct Node(RefCell<Option<Gc<Node>>>);

#[derive(Trace)]
struct Leaf(u64);

#[derive(Trace)]
struct Large([u64; 2000]);

/// Everything that a heap can have: pages of one type and mixed ones, free
/// blocks, registered objects, weak references, suspects, three generations.
struct Scene {
    heap: Heap,
    nodes: Vec<Gc<Node>>,
    leaves: Vec<Gc<Leaf>>,
    large: Vec<Gc<Large>>,
    weak: Vec<Weak<Node>>,
}

fn scene(mode: Mode) -> Scene {
    let heap = Heap::builder().mode(mode).enabled(false).build();
    let row = |n: usize| -> Vec<Gc<Node>> {
        let mut row: Vec<Gc<Node>> = Vec::new();
        for _ in 0..n {
            let before = row.last().cloned();
            row.push(heap.alloc(Node(RefCell::new(before))));
        }
        row
    };
    // More than a page of old objects that nobody suspects, then young ones.
    let mut nodes = row(9000);
    heap.collect_all();
    nodes.extend(row(300));
    nodes.truncate(9200);
    let weak = nodes.iter().step_by(500).map(Gc::downgrade).collect();
    Scene {
        leaves: (0..100).map(|n| heap.alloc(Leaf(n))).collect(),
        large: (0..3).map(|n| heap.alloc(Large([n; 2000]))).collect(),
        heap,
        nodes,
        weak,
    }
}

#[test]
fn every_corruption_is_noticed_and_nothing_is_once_it_is_undone() {
    let mut noticed = Vec::new();
    for how in Corruption::ALL {
        for mode in [Mode::Pages, Mode::System, Mode::Debug] {
            let scene = scene(mode);
            scene.heap.verify().unwrap();
            let Some(undo) = scene.heap.corrupt(how) else {
                continue;
            };
            let found = scene.heap.verify();
            undo.undo();
            let error = found.expect_err(&format!("{how:?} passes in mode {mode:?}"));
            println!("{how:?} in mode {mode:?}: {error}");
            scene.heap.verify().unwrap();
            noticed.push(how);
            assert!(scene.leaves.iter().zip(0..).all(|(leaf, n)| leaf.0 == n));
            assert!(
                scene
                    .large
                    .iter()
                    .zip(0..)
                    .all(|(large, n)| large.0[1999] == n)
            );
            assert!(scene.weak.iter().all(|weak| !weak.is_dead()));
            assert!(scene.nodes[1].0.borrow().is_some());
        }
    }
    noticed.dedup();
    assert_eq!(
        noticed,
        Corruption::ALL,
        "not every corruption was possible"
    );
    println!(
        "{} of {} corruptions noticed",
        noticed.len(),
        Corruption::ALL.len()
    );
}
