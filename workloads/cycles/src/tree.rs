//! A tree whose nodes know their parent: the cycle that most programs have, and the advice to make that link weak.
//!
//! Stresses weak references and counted death (weak) against trial deletion of a whole tree (strong).

use exuvia_core::{Gc, Heap, Trace};
use exuvia_harness::Workload;

use crate::links::{Back, Link, Pointer, StrongBack, WeakBack};
use crate::scene::{Scene, payload_sum};

/// Children of a node.
const FAN_OUT: usize = 4;

/// A node with its children as a chain of siblings.
#[derive(Trace)]
struct Branch<B: Back> {
    #[trace(leaf)]
    payload: u64,
    first_child: Link<Branch<B>>,
    sibling: Link<Branch<B>>,
    parent: B::To<Branch<B>>,
}

/// A tree that is built, walked through its parent links and given up.
pub(crate) fn tree(w: &mut Workload) {
    w.ask("Do weak parent links make a tree cheaper than leaving its cycles to the collector?");
    w.param("n", [1_000, 10_000, 100_000]).seed(5);
    w.leak_at([("n", 21)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("strong_parent", Scene::new, |scene| {
        scene.run(grow_and_walk::<StrongBack>)
    });
    w.variant("weak_parent", Scene::new, |scene| {
        scene.run(grow_and_walk::<WeakBack>)
    });
}

fn grow_and_walk<B: Back>(heap: &Heap, payloads: &[u64]) -> u64 {
    let sum = walk(&grow::<B>(heap, payloads));
    heap.collect_all();
    sum
}

/// Builds the tree level by level; node `i` hangs under node `(i - 1) / FAN_OUT`.
fn grow<B: Back>(heap: &Heap, payloads: &[u64]) -> Gc<Branch<B>> {
    let mut nodes: Vec<Gc<Branch<B>>> = Vec::with_capacity(payloads.len());
    for (index, payload) in payloads.iter().enumerate() {
        let node = heap.alloc(Branch {
            payload: *payload,
            first_child: Link::default(),
            sibling: Link::default(),
            parent: B::To::default(),
        });
        if index > 0 {
            adopt(&nodes[(index - 1) / FAN_OUT], &node);
        }
        nodes.push(node);
    }
    nodes.swap_remove(0)
}

fn adopt<B: Back>(parent: &Gc<Branch<B>>, child: &Gc<Branch<B>>) {
    if let Some(elder) = parent.first_child.follow() {
        child.sibling.lead_to(&elder);
    }
    parent.first_child.lead_to(child);
    child.parent.lead_to(parent);
}

/// The sum of all payloads: down to the first child, else to the next sibling, else up until there is one.
fn walk<B: Back>(root: &Gc<Branch<B>>) -> u64 {
    let mut sum = 0;
    let mut next = Some(root.clone());
    while let Some(node) = next {
        sum += node.payload;
        next = node.first_child.follow().or_else(|| sibling_above(node));
    }
    sum
}

fn sibling_above<B: Back>(node: Gc<Branch<B>>) -> Option<Gc<Branch<B>>> {
    let mut node = node;
    loop {
        if let Some(sibling) = node.sibling.follow() {
            return Some(sibling);
        }
        node = node.parent.follow()?;
    }
}
