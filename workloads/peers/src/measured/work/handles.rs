//! Handles and single nodes: what every program does all the time.

use super::{Outcome, Peer, black_box, clock, per_operation, resident_bytes, resident_vec, sweep};

/// Nodes whose handles are cloned and read.
const HELD: usize = 1024;
const ROUNDS: usize = 1000;

/// A handle cloned and dropped; an integer read through one.
pub(super) fn handles<P: Peer>() -> Outcome {
    let mut peer = P::new();
    let mut order = fastrand::Rng::with_seed(3);
    peer.enter(|heap, roots| {
        roots.extend((0..HELD).map(|i| P::node(heap, None, None, i as u64)));
        order.shuffle(roots);
    });
    peer.collect();
    let clone_drop = clock::median(|| {
        peer.enter(|_, roots| {
            per_operation(ROUNDS * HELD, || {
                for _ in 0..ROUNDS {
                    for node in &*roots {
                        drop(black_box(node.clone()));
                    }
                }
            })
        })
    });
    let outcome = Outcome::default().value("clone_drop", clone_drop);
    if !P::HAS_VALUE {
        return outcome;
    }
    let mut sum = 0;
    let read = clock::median(|| {
        sum = 0;
        peer.enter(|_, roots| {
            per_operation(ROUNDS * HELD, || {
                for _ in 0..ROUNDS {
                    for node in &*roots {
                        sum += P::value(black_box(node));
                    }
                }
            })
        })
    });
    outcome.value("read", read).check("sum", sum)
}

/// Nodes between two looks of the peer after itself.
const CHUNK: usize = 1000;

/// A node that dies at once.
pub(super) fn alloc_drop<P: Peer>() -> Outcome {
    const CHUNKS: usize = 500;
    let mut peer = P::new();
    let pass = clock::median(|| {
        per_operation(CHUNKS * CHUNK, || {
            for chunk in 0..CHUNKS {
                peer.enter(|heap, _| {
                    for i in 0..CHUNK {
                        drop(black_box(P::node(heap, None, None, (chunk + i) as u64)));
                    }
                });
                peer.pace(CHUNK);
            }
        })
    });
    Outcome::default().value("alloc_drop", pass)
}

/// Nodes that are kept, and what it takes to free them.
pub(super) fn kept<P: Peer>() -> Outcome {
    const KEPT: usize = 100_000;
    let mut peer = P::new();
    peer.enter(|_, roots| roots.reserve(KEPT));
    let (mut frees, mut sum) = (Vec::new(), 0);
    let alloc = clock::median(|| {
        let alloc = per_operation(KEPT, || {
            for chunk in 0..KEPT / CHUNK {
                peer.enter(|heap, roots| {
                    let first = chunk * CHUNK;
                    roots.extend(
                        (first..first + CHUNK).map(|i| P::node(heap, None, None, i as u64)),
                    );
                });
                peer.pace(CHUNK);
            }
        });
        sum = peer.enter(|_, roots| roots.iter().map(P::value).sum());
        frees.push(per_operation(KEPT, || {
            peer.enter(|_, roots| roots.clear());
            sweep(&mut peer);
        }));
        alloc
    });
    let outcome = Outcome::default()
        .value("alloc_keep", alloc)
        .value("free_kept", clock::middle(frees));
    if P::HAS_VALUE {
        outcome.check("sum", sum)
    } else {
        outcome
    }
}

/// Resident memory that a live node takes.
pub(super) fn footprint<P: Peer>() -> Outcome {
    const NODES: usize = 1_000_000;
    let mut peer = P::new();
    peer.automatic(false);
    peer.enter(|heap, roots| {
        // Some crates count no further than some thousands.
        let fillers: Vec<_> = (0..HELD).map(|_| P::node(heap, None, None, 0)).collect();
        let mut filler = fillers.iter().cycle();
        *roots = resident_vec(NODES, || filler.next().expect("it goes round").clone());
    });
    peer.collect();
    let before = resident_bytes();
    peer.enter(|heap, roots| {
        for i in 0..NODES {
            roots.push(P::node(heap, None, None, i as u64));
        }
    });
    let bytes = (resident_bytes() - before) / NODES as f64;
    Outcome::default().value("node_bytes", bytes)
}
