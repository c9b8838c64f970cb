//! One workload on the heap, clean or with one defect compiled in, for the proof that the gate sees each.
use std::cell::RefCell;

use exuvia_core::{Gc, Heap, Root, Trace};
use exuvia_harness::{Params, Suite, Workload};

/// What is wrong with this build.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each build has one of them")]
pub enum Defect {
    None,
    /// One object more for each iteration.
    ExtraObject,
    /// One edge in forty more: about one per cent more work in a phase of the collector.
    SlowPhase,
    /// A handle forgotten in each iteration: its decrement is lost.
    LostDecrement,
    /// A cache without a limit.
    Cache,
}

#[derive(Trace)]
struct Node {
    next: RefCell<Option<Gc<Node>>>,
    other: RefCell<Option<Gc<Node>>>,
}

#[derive(Trace)]
struct Cache {
    entries: RefCell<Vec<Gc<Entry>>>,
}

#[derive(Trace)]
struct Entry {
    key: u64,
}

struct Scene {
    heap: Heap,
    cache: Root<Cache>,
    nodes: u64,
}

impl Scene {
    fn new(p: &Params) -> Scene {
        let heap = p.heap();
        let cache = heap.alloc(Cache { entries: RefCell::default() });
        Scene { cache: heap.root("cache", cache), heap, nodes: p["nodes"] }
    }

    fn node(&self) -> Gc<Node> {
        self.heap.alloc(Node { next: RefCell::default(), other: RefCell::default() })
    }

    /// Builds a ring, lets go of it and collects it: freed objects and the cache's answers.
    fn run(&mut self, defect: Defect) -> u64 {
        self.ring(defect);
        let freed = self.heap.collect_all() as u64;
        freed + self.look_up(defect)
    }

    fn ring(&self, defect: Defect) {
        let first = self.node();
        let mut last = first.clone();
        for i in 1..self.nodes {
            let next = self.node();
            *last.next.borrow_mut() = Some(next.clone());
            if defect == Defect::SlowPhase && i % 40 == 0 {
                *last.other.borrow_mut() = Some(first.clone());
            }
            last = next;
        }
        *last.next.borrow_mut() = Some(first);
    }

    fn look_up(&self, defect: Defect) -> u64 {
        let entry = self.heap.alloc(Entry { key: self.nodes });
        let key = entry.key;
        match defect {
            Defect::ExtraObject => drop(self.heap.alloc(Entry { key })),
            Defect::LostDecrement => std::mem::forget(entry.clone()),
            Defect::Cache => self.cache.entries.borrow_mut().push(entry.clone()),
            Defect::None | Defect::SlowPhase => {}
        }
        key
    }
}

pub fn register(suite: &mut Suite, defect: Defect) {
    suite.workload("proof/ring", move |w: &mut Workload| {
        w.ask("Does the gate see what got worse?");
        w.param("nodes", [500]).expect(|p| 2 * p["nodes"]);
        w.variant("heap", |p, _| Scene::new(p), move |scene| scene.run(defect));
    });
}
