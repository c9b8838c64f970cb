//! A random mutator: nodes allocated, linked, cut and read at random places of a table.

use super::super::clock::Longest;
use super::resident_bytes;
use super::{Outcome, Peer, per_operation, trees};

/// Places in the table.
const PLACES: usize = 1024;
/// Old nodes that the mutator may refer to.
const OLD: usize = 256;
/// Depth of the tree of old nodes: 2^19 - 1 of them.
pub(super) const OLD_DEPTH: u32 = 18;
/// Operations in one call.
const STEP: usize = 64;
const STEPS: usize = 31_250;

/// The mutator, alone or beside a tree of old nodes.
pub(super) fn mutator<P: Peer>(old_depth: Option<u32>) -> Outcome {
    let mut run = Run::<P>::begin(P::new(), old_depth);
    let time = run.steps(STEPS);
    let outcome = match old_depth {
        None => Outcome::default().value("mutator", time),
        Some(_) => Outcome::default()
            .value("mutator_old", time)
            .value("mutator_old_longest", run.longest.microseconds()),
    };
    run.end(outcome)
}

/// The same beside old nodes, with what is held looked at many times: time, pauses and memory of one run.
pub(super) fn bounded<P: Peer>() -> Outcome {
    /// Steps between two looks, which are no part of the time.
    const STRIDE: usize = 125;
    const LOOKS: usize = STEPS / STRIDE;
    if !P::HAS_BOUND {
        return Outcome::refused("has no bound: see mutator_old");
    }
    let before = resident_bytes();
    let mut run = Run::<P>::begin(P::bounded(), Some(OLD_DEPTH));
    let (mut time, mut used, mut resident) = (0.0, 0_u64, 0.0_f64);
    for _ in 0..LOOKS {
        time += run.steps(STRIDE);
        used = used.max(run.peer.held_bytes().unwrap_or_default());
        resident = resident.max(resident_bytes() - before);
        run.longest.skip();
    }
    run.peer.collect();
    let live = run.peer.held_bytes().unwrap_or_default();
    let outcome = Outcome::default()
        .value("mutator_bounded", time / LOOKS as f64)
        .value("mutator_bounded_longest", run.longest.microseconds());
    let outcome = if live > 0 {
        let floating = used.saturating_sub(live) as f64 / live as f64;
        outcome
            .value("mutator_bounded_floating", 100.0 * floating)
            .value("mutator_bounded_held", 100.0 * resident / used as f64)
    } else {
        outcome
    };
    run.end(outcome)
}

/// A heap with a full table.
struct Run<P> {
    peer: P,
    random: fastrand::Rng,
    read: u64,
    longest: Longest,
}

impl<P: Peer> Run<P> {
    fn begin(mut peer: P, old_depth: Option<u32>) -> Run<P> {
        fill_table(&mut peer, old_depth);
        peer.collect();
        Run {
            peer,
            random: fastrand::Rng::with_seed(77),
            read: 0,
            longest: Longest::start(),
        }
    }

    /// So many steps; the time of one operation.
    fn steps(&mut self, steps: usize) -> f64 {
        let Run {
            peer,
            random,
            read,
            longest,
        } = self;
        per_operation(steps * STEP, || {
            for _ in 0..steps {
                let allocations = peer.enter(|heap, roots| step::<P>(heap, roots, random, read));
                peer.pace(allocations);
                longest.lap();
            }
        })
    }

    fn end(self, outcome: Outcome) -> Outcome {
        let outcome = if P::HAS_VALUE {
            outcome.check("read", self.read)
        } else {
            outcome
        };
        if P::FREES_CYCLES {
            outcome
        } else {
            outcome.note("leaks the rings")
        }
    }
}

/// The table's nodes first, then handles to some old ones.
fn fill_table<P: Peer>(peer: &mut P, old_depth: Option<u32>) {
    if let Some(depth) = old_depth {
        trees::plant(peer, depth);
    }
    peer.enter(|heap, roots| {
        let root = roots.pop();
        roots.extend((0..PLACES).map(|i| P::node(heap, None, None, i as u64)));
        let Some(root) = root else { return };
        let mut node = root;
        // Down the left side: nodes of every height. The root is held by itself below.
        let first = roots.len();
        roots.push(node.clone());
        while let Some(below) = P::a(&node) {
            roots.push(below.clone());
            node = below;
        }
        for index in roots.len()..first + OLD {
            let again = roots[first + index % OLD_DEPTH as usize].clone();
            roots.push(again);
        }
    });
}

/// Some operations; returns the nodes allocated.
#[inline]
fn step<'gc, P: Peer>(
    heap: P::Heap<'gc>,
    roots: &mut [P::Ref<'gc>],
    random: &mut fastrand::Rng,
    read: &mut u64,
) -> usize {
    let (table, old) = roots.split_at_mut(PLACES);
    let mut allocations = 0;
    for _ in 0..STEP {
        let (place, other) = (random.usize(0..PLACES), random.usize(0..PLACES));
        match random.u64(0..100) {
            kind @ 0..40 => {
                let next = (kind < 16).then(|| table[other].clone());
                let node = P::node(heap, next, None, kind);
                allocations += 1;
                if kind >= 20 {
                    let back = P::node(heap, Some(node.clone()), None, kind);
                    P::set_a(heap, &node, Some(back));
                    allocations += 1;
                }
                table[place] = node;
            }
            40..55 => P::set_b(heap, &table[place], Some(table[other].clone())),
            55..70 => P::set_b(heap, &table[place], None),
            70..90 => {
                if let Some(next) = P::a(&table[place]) {
                    *read = read.wrapping_add(P::value(&next));
                }
            }
            90..99 => P::set_a(heap, &table[place], None),
            _ if old.is_empty() => P::set_a(heap, &table[place], None),
            _ => {
                let to = old[random.usize(0..old.len())].clone();
                P::set_a(heap, &table[place], Some(to));
            }
        }
    }
    allocations
}
