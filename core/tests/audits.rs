//! An audit by several threads finds what one alone finds, and another thread may hold it up or give it up.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use exuvia_core::{Audit, AuditControl, Gc, Heap, NativeHandle, Root, Trace};
use fastrand::Rng;

#[derive(Trace)]
struct Node {
    edges: RefCell<Vec<Gc<Node>>>,
}

/// Stands outside of pages.
#[derive(Trace)]
struct Large {
    #[trace(leaf)]
    _bytes: [u8; 10_000],
    edge: Gc<Node>,
}

fn node(heap: &Heap) -> Gc<Node> {
    heap.alloc(Node {
        edges: RefCell::default(),
    })
}

/// A heap with everything that an audit tells apart.
struct Scene {
    heap: Heap,
    roots: Vec<Root<Node>>,
    _large: Vec<Root<Large>>,
    _natives: Vec<NativeHandle<Node>>,
    /// Handles that nobody declared.
    _lost: Vec<Gc<Node>>,
}

impl Scene {
    fn new(seed: u64, nodes: usize, threads: usize) -> Scene {
        let mut rng = Rng::with_seed(seed);
        let heap = Heap::builder().threads(threads).enabled(false).build();
        let all: Vec<Gc<Node>> = (0..nodes).map(|_| node(&heap)).collect();
        for from in &all {
            for _ in 0..rng.usize(0..4) {
                from.edges
                    .borrow_mut()
                    .push(all[rng.usize(0..nodes)].clone());
            }
        }
        // More references than a byte counts.
        for _ in 0..700 {
            all[0].edges.borrow_mut().push(all[1].clone());
        }
        // A chain: waves of one object.
        for pair in all[nodes / 2..].windows(2).step_by(2) {
            pair[0].edges.borrow_mut().push(pair[1].clone());
        }
        let mut some = |count: usize| -> Vec<Gc<Node>> {
            (0..count)
                .map(|_| all[rng.usize(0..nodes)].clone())
                .collect()
        };
        let roots = some(3)
            .into_iter()
            .map(|held| heap.root("known", held))
            .collect();
        let large = some(5).into_iter().map(|edge| {
            let large = Large {
                _bytes: [0; 10_000],
                edge,
            };
            heap.root("large", heap.alloc(large))
        });
        let large = large.collect();
        let natives = some(4)
            .into_iter()
            .map(|held| heap.native("library", held))
            .collect();
        let lost = some(6);
        Scene {
            heap,
            roots,
            _large: large,
            _natives: natives,
            _lost: lost,
        }
    }

    fn audit(&self, in_parallel: bool) -> Audit {
        let above = if in_parallel { 0 } else { usize::MAX };
        self.heap.examine_in_parallel_above(Some(above));
        self.heap.audit()
    }
}

#[test]
fn several_threads_find_what_one_alone_finds() {
    for (seed, nodes) in [(1, 2), (2, 300), (3, 40_000), (4, 120_000)] {
        for threads in [2, 3, 7] {
            let scene = Scene::new(seed, nodes, threads);
            let alone = scene.audit(false);
            assert!(alone.objects > 5);
            assert!(!alone.findings.is_empty() && alone.pins.len() == 4);
            let together = scene.audit(true);
            assert!(together == alone, "seed {seed}, {threads} threads");
        }
    }
}

#[test]
fn edges_to_another_heap_are_left_out_by_all_threads() {
    let scene = Scene::new(5, 60_000, 3);
    let other = Heap::new();
    for (number, root) in scene.roots.iter().enumerate() {
        for _ in 0..=number {
            root.edges.borrow_mut().push(node(&other));
        }
    }
    let alone = scene.audit(false);
    assert!(scene.audit(true) == alone);
}

#[test]
fn a_paused_audit_goes_on_where_it_was_and_finds_the_same() {
    let scene = Scene::new(6, 120_000, 2);
    let expected = scene.audit(false);
    for above in [0, usize::MAX] {
        scene.heap.examine_in_parallel_above(Some(above));
        let control = AuditControl::new();
        control.pause();
        let other = control.clone();
        let watcher = std::thread::spawn(move || {
            while other.progress().done == 0 {
                std::thread::yield_now();
            }
            let held_at = other.progress();
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(other.progress(), held_at, "it stood still");
            assert!(held_at.done < held_at.total);
            let resumed = Instant::now();
            other.resume();
            resumed
        });
        let audit = scene.heap.audit_under(&control);
        let ended = Instant::now();
        assert!(ended > watcher.join().expect("it stood still"));
        assert!(audit.as_ref() == Some(&expected));
        assert_eq!(control.progress().done, control.progress().total);
    }
}

#[test]
fn a_cancelled_audit_finds_nothing_and_leaves_the_heap_alone() {
    let scene = Scene::new(7, 120_000, 2);
    let expected = scene.audit(false);
    for above in [0, usize::MAX] {
        scene.heap.examine_in_parallel_above(Some(above));
        let control = AuditControl::new();
        let other = control.clone();
        let canceller = std::thread::spawn(move || {
            while other.progress().done < 20_000 {
                std::thread::yield_now();
            }
            other.cancel();
        });
        // The other thread may be late: the whole audit may be over.
        while scene.heap.audit_under(&control).is_some() {}
        canceller.join().unwrap();
        assert!(control.progress().done < control.progress().total);
        scene.heap.verify().unwrap();
    }
    assert!(scene.audit(true) == expected);
}

/// Nothing but an edge: such garbage goes with its page.
#[derive(Trace)]
struct Ring {
    next: RefCell<Option<Gc<Ring>>>,
}

/// A wide collection that frees the whole of a current page leaves it without a block.
#[test]
fn a_page_from_which_nothing_is_cut_holds_nothing() {
    let heap = Heap::builder().enabled(false).build();
    heap.examine_widely_above(Some(0));
    for _ in 0..100 {
        let ring = heap.alloc(Ring {
            next: RefCell::new(None),
        });
        *ring.next.borrow_mut() = Some(ring.clone());
    }
    assert_eq!(heap.collect_all(), 100);
    assert_eq!(heap.audit(), Audit::default());
    let kept = heap.root("kept", node(&heap));
    assert_eq!(heap.audit().objects, 1);
    drop(kept);
}
