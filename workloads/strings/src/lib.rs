//! Workloads on strings: what interning costs and saves, and what small values that are shared take.
//!
//! - `names`: making strings of few texts, anew or interned, and comparing long ones;
//! - `reuse`: a list of references to small ints, to one string each time, and to equal strings made anew.
//!
//! Each checksum is made of the characters that were read, minus the blocks that are left.
#![forbid(unsafe_code)]

mod names;
mod reuse;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("strings/create", names::create)
        .workload("strings/compare", names::compare)
        .workload("strings/reuse", reuse::reuse);
}
