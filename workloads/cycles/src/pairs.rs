//! Two objects that refer to each other: the smallest cycle that counting cannot free.
//!
//! Stresses the collector's young pass (strong) or weak references (weak).

use exuvia_core::Heap;
use exuvia_harness::Workload;

use crate::links::{Back, Linked, Pointer, StrongBack, WeakBack};
use crate::scene::{Scene, payload_sum};

/// Pairs that are built, read in both directions and given up at once.
pub(crate) fn pair(w: &mut Workload) {
    w.ask("What does it cost when two objects refer to each other, and what when one of the links is weak?");
    w.param("n", [1_000, 10_000, 100_000]).seed(1);
    w.leak_at([("n", 16)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("strong", Scene::new, |scene| scene.run(pairs::<StrongBack>));
    w.variant("weak_back", Scene::new, |scene| {
        scene.run(pairs::<WeakBack>)
    });
}

fn pairs<B: Back>(heap: &Heap, payloads: &[u64]) -> u64 {
    let sum = payloads
        .chunks_exact(2)
        .map(|two| one_pair::<B>(heap, two[0], two[1]))
        .sum();
    heap.collect_all();
    sum
}

fn one_pair<B: Back>(heap: &Heap, first: u64, second: u64) -> u64 {
    let first = heap.alloc(Linked::<B>::new(first));
    let second = heap.alloc(Linked::<B>::new(second));
    first.next.lead_to(&second);
    second.back.lead_to(&first);
    let there = first.next.follow().map_or(0, |second| second.payload);
    let back = second.back.follow().map_or(0, |first| first.payload);
    there + back
}
