//! Trees and lists, which counting frees alone.

use super::{Outcome, Peer, black_box, per_operation, sweep};

fn grow<'gc, P: Peer>(heap: P::Heap<'gc>, depth: u32) -> P::Ref<'gc> {
    if depth == 0 {
        return P::node(heap, None, None, 0);
    }
    let a = grow::<P>(heap, depth - 1);
    let b = grow::<P>(heap, depth - 1);
    P::node(heap, Some(a), Some(b), u64::from(depth))
}

/// Puts a tree among the roots.
pub(super) fn plant<P: Peer>(peer: &mut P, depth: u32) {
    peer.enter(|heap, roots| {
        let tree = grow::<P>(heap, depth);
        roots.push(tree);
    });
}

/// A tree built and dropped.
pub(super) fn tree<P: Peer>() -> Outcome {
    const DEPTH: u32 = 20;
    const NODES: usize = (1 << (DEPTH + 1)) - 1;
    let mut peer = P::new();
    let build = per_operation(NODES, || plant(&mut peer, DEPTH));
    peer.pace(NODES);
    let counted = peer.enter(|_, roots| P::count(&roots[0]));
    let dropped = per_operation(NODES, || {
        peer.enter(|_, roots| roots.clear());
        sweep(&mut peer);
    });
    Outcome::default()
        .value("tree_build", build)
        .value("tree_drop", dropped)
        .check("nodes", counted)
}

/// A list whose head is dropped: the cascade that overflows a stack.
pub(super) fn list<P: Peer>() -> Outcome {
    const NODES: usize = 1_000_000;
    /// Bytes that they take at the very least.
    const LEAST: u64 = 20 * NODES as u64;
    let mut peer = P::new();
    peer.automatic(false);
    peer.enter(|heap, roots| {
        let mut head = P::node(heap, None, None, 0);
        for i in 1..NODES {
            head = P::node(heap, Some(head), None, i as u64);
        }
        roots.push(head);
    });
    let held = peer.held_bytes();
    let dropped = per_operation(NODES, || {
        peer.enter(|_, roots| roots.clear());
        sweep(&mut peer);
    });
    let outcome = Outcome::default().value("list_drop", dropped);
    match (held, peer.held_bytes()) {
        // Where less is told, the nodes lie where the question does not reach.
        (Some(held), Some(left)) if held > LEAST => {
            let freed = held - left.min(held) > LEAST;
            outcome.check("all_freed", u64::from(freed))
        }
        _ => outcome,
    }
}

/// The benchmarks game's trees: a long-lived one, and many short-lived ones.
pub(super) fn binary_trees<P: Peer>() -> Outcome {
    const DEEPEST: u32 = 16;
    let mut peer = P::new();
    plant(&mut peer, DEEPEST);
    let mut nodes = 0;
    let total = per_operation(1, || {
        for depth in (4..=DEEPEST).step_by(4) {
            for _ in 0..1_u64 << (DEEPEST - depth + 4) {
                nodes += peer.enter(|heap, _| P::count(black_box(&grow::<P>(heap, depth))));
                peer.pace((1 << (depth + 1)) - 1);
            }
        }
    });
    Outcome::default()
        .value("binary_trees", total / nodes as f64)
        .check("nodes", nodes)
}
