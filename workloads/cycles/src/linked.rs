//! A doubly linked list: every neighbour pair is a cycle, unless the links back are weak.
//!
//! Stresses the collector on one large component of overlapping cycles (strong), or a weak reference per object and a
//! death that runs from node to node (weak).

use exuvia_core::Heap;
use exuvia_harness::Workload;

use crate::links::{Back, Linked, Pointer, StrongBack, WeakBack};
use crate::scene::{Scene, payload_sum};

/// A list that is built, walked to the end and back, and given up.
pub(crate) fn linked_list(w: &mut Workload) {
    w.ask("Do weak links back make a doubly linked list cheaper than leaving it to the collector?");
    w.param("n", [1_000, 10_000, 100_000]).seed(4);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| 2 * payload_sum(p["n"]) + p["n"]);
    w.variant("strong_back", Scene::new, |scene| {
        scene.run(list::<StrongBack>)
    });
    w.variant("weak_back", Scene::new, |scene| scene.run(list::<WeakBack>));
}

fn list<B: Back>(heap: &Heap, payloads: &[u64]) -> u64 {
    let sum = walk_both_ways::<B>(heap, payloads);
    heap.collect_all();
    sum
}

fn walk_both_ways<B: Back>(heap: &Heap, payloads: &[u64]) -> u64 {
    let head = heap.alloc(Linked::<B>::new(payloads[0]));
    let mut node = head.clone();
    for payload in &payloads[1..] {
        let next = heap.alloc(Linked::new(*payload));
        node.next.lead_to(&next);
        next.back.lead_to(&node);
        node = next;
    }
    let mut sum = 0;
    let mut forwards = Some(head.clone());
    while let Some(node) = forwards {
        sum += node.payload;
        forwards = node.next.follow();
    }
    let mut backwards = Some(node);
    while let Some(node) = backwards {
        sum += node.payload;
        backwards = node.back.follow();
    }
    sum
}
