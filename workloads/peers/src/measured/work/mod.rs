//! The works on nodes, each generic over the peer.
//!
//! A work is run once per process, so that no work finds what another one left. Those that take less than some
//! milliseconds are repeated inside and give the median of their passes.

mod collect;
mod handles;
mod mutate;
mod trees;

use std::hint::black_box;

use super::clock::{self, per_operation};
use super::memory::{resident_bytes, resident_vec};
use super::outcome::Outcome;
use super::peer::Peer;

/// The work of that name.
pub(super) fn run<P: Peer>(work: &str) -> Option<Outcome> {
    let outcome = match work {
        "handles" => handles::handles::<P>(),
        "alloc_drop" => handles::alloc_drop::<P>(),
        "kept" => handles::kept::<P>(),
        "footprint" => handles::footprint::<P>(),
        "tree" => trees::tree::<P>(),
        "list" => trees::list::<P>(),
        "binary_trees" => trees::binary_trees::<P>(),
        "rings_2" => collect::rings::<P>("rings_2", 2),
        "rings_10" => collect::rings::<P>("rings_10", 10),
        "rings_1e6" => collect::rings::<P>("rings_1e6", 1_000_000),
        "mutator" => mutate::mutator::<P>(None),
        "mutator_old" => mutate::mutator::<P>(Some(mutate::OLD_DEPTH)),
        "mutator_bounded" => mutate::bounded::<P>(),
        _ => return live::<P>(work),
    };
    Some(outcome)
}

fn live<P: Peer>(work: &str) -> Option<Outcome> {
    let (edges, size) = work.strip_prefix("live_")?.split_once('_')?;
    let nodes = match size {
        "1e5" => 100_000,
        "1e6" => 1_000_000,
        "1e7" => 10_000_000,
        _ => return None,
    };
    Some(collect::live::<P>(edges, size, nodes))
}

/// Frees what has no root any more, as far as the peer leaves that to a collection.
fn sweep<P: Peer>(peer: &mut P) {
    if P::TRACES {
        peer.collect();
    }
}
