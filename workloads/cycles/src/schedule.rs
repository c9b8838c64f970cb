//! The same cyclic garbage under four collection schedules.
//!
//! Rings of two live for a while and are then given up beside an old structure that nobody touches. With the collector
//! off they pile up; a low threshold frees them early and looks at the survivors more often; young-only collections
//! leave behind whatever was promoted before it died. All schedules end with one full collection, so that each has
//! freed everything; the peak footprint shows what waiting costs.

use std::collections::VecDeque;

use exuvia_core::{Gc, Heap, Root};
use exuvia_harness::{Params, Rng, Workload};

use crate::links::{Node, Pointer};
use crate::scene::{Scene, payload_sum};

/// Rings that are alive at any moment.
const WINDOW: usize = 100;

/// So many collections of a generation never happen: the next older one is left alone.
const NEVER: usize = usize::MAX;

/// A scene beside a structure as large as the garbage of one run.
struct BesideOld {
    scene: Scene,
    /// Kept alive, never read.
    _old: Option<Root<Node>>,
}

impl BesideOld {
    fn new(p: &Params, rng: &mut Rng) -> BesideOld {
        let heap = p.heap();
        let mut first: Option<Gc<Node>> = None;
        for payload in 0..p["n"] {
            let node = heap.alloc(Node::new(payload));
            if let Some(next) = &first {
                node.next.lead_to(next);
            }
            first = Some(node);
        }
        heap.collect_all();
        BesideOld {
            scene: Scene::new(p, rng),
            _old: first.map(|first| heap.root("old structure", first)),
        }
    }
}

/// Garbage that is made while a schedule is in force.
pub(crate) fn schedule(w: &mut Workload) {
    w.ask("What do the collection thresholds cost or save when the garbage is cyclic?");
    w.param("n", [50_000, 200_000]).seed(7);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("off", BesideOld::new, |beside| {
        beside.scene.run(|heap, payloads| {
            heap.disable();
            let sum = make_garbage(heap, payloads);
            heap.enable();
            sum
        })
    });
    w.variant("threshold_700", BesideOld::new, |beside| {
        beside.scene.run(under::<700, 10>)
    });
    w.variant("threshold_2000", BesideOld::new, |beside| {
        beside.scene.run(under::<2_000, 10>)
    });
    w.variant("young_only", BesideOld::new, |beside| {
        beside.scene.run(under::<2_000, NEVER>)
    });
}

/// Makes garbage while `YOUNG` objects cause a young collection and `OLDER` collections one of the next generation.
fn under<const YOUNG: usize, const OLDER: usize>(heap: &Heap, payloads: &[u64]) -> u64 {
    let (young, middle, old) = heap.thresholds();
    heap.set_thresholds(YOUNG, OLDER, OLDER);
    let sum = make_garbage(heap, payloads);
    heap.set_thresholds(young, middle, old);
    sum
}

fn make_garbage(heap: &Heap, payloads: &[u64]) -> u64 {
    let mut sum = 0;
    let mut alive = VecDeque::with_capacity(WINDOW + 1);
    for two in payloads.chunks_exact(2) {
        alive.push_back(ring_of_two(heap, two[0], two[1]));
        if alive.len() > WINDOW {
            sum += alive.pop_front().map_or(0, read);
        }
    }
    sum += alive.into_iter().map(read).sum::<u64>();
    heap.collect_all();
    sum
}

fn ring_of_two(heap: &Heap, first: u64, second: u64) -> Gc<Node> {
    let first = heap.alloc(Node::new(first));
    let second = heap.alloc(Node::new(second));
    first.next.lead_to(&second);
    second.next.lead_to(&first);
    first
}

/// Both payloads; the ring is given up.
fn read(first: Gc<Node>) -> u64 {
    first.payload + first.next.follow().map_or(0, |second| second.payload)
}
