//! Collections: of rings that nothing refers to, and of a graph that is all alive.

use super::{Outcome, Peer, black_box, clock, per_operation};

const DEAD: usize = 1_000_000;
const LEAKS: &str = "frees no cycle";

/// Dead rings, all collected in one go.
pub(super) fn rings<P: Peer>(row: &str, ring: usize) -> Outcome {
    if !P::FREES_CYCLES {
        return Outcome::refused(LEAKS);
    }
    let mut peer = P::new();
    peer.automatic(false);
    peer.enter(|_, roots| roots.reserve(DEAD / ring));
    peer.collect();
    let before = peer.held_bytes();
    link_rings(&mut peer, ring);
    let built = peer.held_bytes();
    peer.enter(|_, roots| roots.clear());
    let mut freed = None;
    let collect = per_operation(DEAD, || freed = peer.collect());
    let outcome = Outcome::default().value(row, collect);
    let told = freed.map(|objects| objects == DEAD);
    match told.or_else(|| are_freed(&mut peer, ring, before?, built?)) {
        Some(all) => outcome.check("all_freed", u64::from(all)),
        None => outcome,
    }
}

fn link_rings<P: Peer>(peer: &mut P, ring: usize) {
    peer.enter(|heap, roots| {
        for _ in 0..DEAD / ring {
            let first = P::node(heap, None, None, 0);
            let mut last = first.clone();
            for i in 1..ring {
                last = P::node(heap, Some(last), None, i as u64);
            }
            P::set_a(heap, &first, Some(last));
            roots.push(first);
        }
    });
}

/// Whether the bytes that building took are back, to a hundredth. What a crate keeps for its next collection (a buffer of
/// candidates) is told from a leak by a second round, after which it must not be more.
fn are_freed<P: Peer>(peer: &mut P, ring: usize, before: u64, built: u64) -> Option<bool> {
    let taken = built.saturating_sub(before);
    if taken < 24 * DEAD as u64 {
        return Some(false);
    }
    let first = peer.held_bytes()?;
    if first <= before + taken / 100 {
        return Some(true);
    }
    link_rings(peer, ring);
    peer.enter(|_, roots| roots.clear());
    peer.collect();
    Some(peer.held_bytes()? <= first + taken / 100)
}

/// A full collection of a live graph that hangs off one root.
pub(super) fn live<P: Peer>(edges: &str, size: &str, nodes: usize) -> Outcome {
    if !P::FREES_CYCLES {
        return Outcome::refused(LEAKS);
    }
    let mut peer = P::new();
    peer.automatic(false);
    peer.enter(|heap, roots| {
        let mut all: Vec<_> = (0..nodes)
            .map(|i| P::node(heap, None, None, i as u64))
            .collect();
        match edges {
            "local" => link_neighbours::<P>(heap, &all),
            _ => link_at_random::<P>(heap, &all),
        }
        all.truncate(1);
        roots.append(&mut all);
    });
    // The first collection examines what building touched; the second finds nothing new.
    let mut found = peer.collect().unwrap_or(0) + peer.collect().unwrap_or(0);
    let untouched = per_operation(1, || found += peer.collect().unwrap_or(0)) / 1e3;
    let passes = if nodes > 1_000_000 { 2 } else { 3 };
    let touched = (0..passes).map(|_| {
        peer.enter(|_, roots| drop(black_box(roots[0].clone())));
        per_operation(nodes, || found += peer.collect().unwrap_or(0))
    });
    let touched = clock::middle(touched.collect());
    Outcome::default()
        .value(&format!("live_{edges}_{size}"), touched)
        .value(&format!("untouched_{edges}_{size}"), untouched)
        .check("collected_though_alive", found as u64)
}

/// Each node refers to the two after it, the last ones to the first.
fn link_neighbours<'gc, P: Peer>(heap: P::Heap<'gc>, all: &[P::Ref<'gc>]) {
    for (index, node) in all.iter().enumerate() {
        let after = |distance: usize| Some(all[(index + distance) % all.len()].clone());
        P::set_a(heap, node, after(1));
        P::set_b(heap, node, after(2));
    }
}

/// A random tree over all nodes, so that the root reaches them, and random edges in the places that are left.
fn link_at_random<'gc, P: Peer>(heap: P::Heap<'gc>, all: &[P::Ref<'gc>]) {
    let mut random = fastrand::Rng::with_seed(11);
    let mut free = vec![(0, false), (0, true)];
    let set = |(from, second): (usize, bool), to: usize| {
        let to = Some(all[to].clone());
        if second {
            P::set_b(heap, &all[from], to);
        } else {
            P::set_a(heap, &all[from], to);
        }
    };
    for child in 1..all.len() {
        let place = free.swap_remove(random.usize(0..free.len()));
        set(place, child);
        free.extend([(child, false), (child, true)]);
    }
    for place in free {
        set(place, random.usize(0..all.len()));
    }
}
