//! Workloads on cycles: garbage that counting alone cannot free, and what avoiding it costs.
//!
//! - `pairs`, `rings`, `complete`, `self_list`: shapes of cyclic garbage, from one object to everything with everything;
//! - `linked`, `tree`: structures that need a way back, by a strong link (a cycle) or a weak one (none);
//! - `schedule`: the same garbage under different collection schedules;
//! - `closures`: functions and bound methods in cycles with what they belong to;
//! - `finalizers`: finalizers that run inside a cycle, and one that resurrects it;
//! - `links`: the links that all of these are made of; `scene`: what one run starts with, and what it must leave behind.
//!
//! Each checksum is the sum of what was read through the links, plus the number of objects built, minus the blocks that
//! the heap still holds at the end: a run that builds nothing, reads nothing or frees nothing returns something else.
#![forbid(unsafe_code)]

mod closures;
mod complete;
mod finalizers;
mod linked;
mod links;
mod pairs;
mod rings;
mod scene;
mod schedule;
mod self_list;
mod tree;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("cycles/pair", pairs::pair)
        .workload("cycles/self_list", self_list::self_list)
        .workload("cycles/rings", rings::small)
        .workload("cycles/big_ring", rings::big)
        .workload("cycles/linked_list", linked::linked_list)
        .workload("cycles/tree", tree::tree)
        .workload("cycles/complete_graph", complete::complete_graph)
        .workload("cycles/schedule", schedule::schedule)
        .workload("cycles/finalizers", finalizers::finalizers)
        .workload("cycles/closures", closures::closures)
        .workload("cycles/methods", closures::methods);
}
