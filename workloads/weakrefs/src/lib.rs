//! Workloads on weak references: what a reference that keeps nothing alive costs, and what it saves.
//!
//! - `cache`: a cache with strong values that must be emptied, and one with weak values that empties itself;
//! - `deaths`: objects that die unwatched, with a weak reference, and with one that calls back;
//! - `many`: many references to one object, shared or each of its own.
//!
//! Each checksum counts what was found or noticed, minus the blocks that are left.
#![forbid(unsafe_code)]

mod cache;
mod deaths;
mod many;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("weakrefs/cache", cache::cache)
        .workload("weakrefs/deaths", deaths::deaths)
        .workload("weakrefs/many_to_one", many::many_to_one);
}
