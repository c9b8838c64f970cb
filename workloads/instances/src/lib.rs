//! Workloads on instances: what slots, inline values and dicts cost and save.
//!
//! - `access`: creating instances, reading and writing their attributes;
//! - `size`: bytes of an instance with 1, 2, 4 and 8 fields;
//! - `key_sharing`: the 31st name, which no longer fits into what the instances of a class share;
//! - `layout`: the three layouts; `population`: a class, its attribute names and its instances.
//!
//! A class changes the room of its inline values while it makes its first 30 instances, as in CPython 3.13; every
//! workload makes and drops those before it measures.
#![forbid(unsafe_code)]

mod access;
mod key_sharing;
mod layout;
mod population;
mod size;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("instances/create", access::create)
        .workload("instances/read", access::read)
        .workload("instances/write", access::write)
        .workload("instances/size", size::size)
        .workload("instances/key_sharing", key_sharing::key_sharing);
}
