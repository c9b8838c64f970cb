//! Rings of objects: cyclic garbage in portions of 2, of 10 and in one piece.
//!
//! Stresses subtraction and clearing: the size of a ring should hardly matter to the collector, and does not in CPython
//! (63 to 155 ns per dead object at every size). A program that cuts its rings open needs no collector at all.

use exuvia_core::{Gc, Heap};
use exuvia_harness::Workload;

use crate::links::{Node, Pointer};
use crate::scene::{Scene, payload_sum};

/// Many small rings, all garbage before the collection begins.
pub(crate) fn small(w: &mut Workload) {
    w.ask(
        "What does a dead object cost in small rings, and what if the program cuts each ring open?",
    );
    w.param("ring", [2, 10])
        .param("n", [1_000, 10_000, 100_000])
        .seed(2);
    w.leak_at([("ring", 10), ("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant(
        "collected",
        |p, rng| (Scene::new(p, rng), p["ring"] as usize),
        |(scene, ring)| scene.run(|heap, payloads| rings_collected(heap, payloads, *ring)),
    );
    w.variant(
        "cut",
        |p, rng| (Scene::new(p, rng), p["ring"] as usize),
        |(scene, ring)| scene.run(|heap, payloads| rings_cut(heap, payloads, *ring)),
    );
}

/// All objects in a single ring.
pub(crate) fn big(w: &mut Workload) {
    w.ask("Does one ring of everything cost more than many small ones?");
    w.param("n", [1_000, 10_000, 100_000]).seed(3);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("collected", Scene::new, |scene| {
        scene.run(|heap, payloads| rings_collected(heap, payloads, payloads.len()))
    });
    w.variant("cut", Scene::new, |scene| {
        scene.run(|heap, payloads| rings_cut(heap, payloads, payloads.len()))
    });
}

fn rings_collected(heap: &Heap, payloads: &[u64], ring: usize) -> u64 {
    let sum = payloads
        .chunks_exact(ring)
        .map(|ring| walk(&build(heap, ring)))
        .sum();
    heap.collect_all();
    sum
}

fn rings_cut(heap: &Heap, payloads: &[u64], ring: usize) -> u64 {
    let read_and_cut = |payloads: &[u64]| {
        let entry = build(heap, payloads);
        let sum = walk(&entry);
        entry.next.cut();
        sum
    };
    let sum = payloads.chunks_exact(ring).map(read_and_cut).sum();
    heap.collect_all();
    sum
}

/// A ring of one object per payload; returns where it was closed.
fn build(heap: &Heap, payloads: &[u64]) -> Gc<Node> {
    let last = heap.alloc(Node::new(payloads[0]));
    let mut first = last.clone();
    for payload in &payloads[1..] {
        let node = heap.alloc(Node::new(*payload));
        node.next.lead_to(&first);
        first = node;
    }
    last.next.lead_to(&first);
    last
}

/// The sum of a ring's payloads, once around.
fn walk(entry: &Gc<Node>) -> u64 {
    let mut sum = entry.payload;
    let mut next = entry.next.follow();
    while let Some(node) = next.filter(|node| !Gc::ptr_eq(node, entry)) {
        sum += node.payload;
        next = node.next.follow();
    }
    sum
}
