//! Workloads on lists: what growing, nesting, sharing and letting go of them costs.
//!
//! - `append`: growing one by one or in one go;
//! - `build`: immediates or objects as items, shared or copied;
//! - `nested`: lists in a list;
//! - `clear`: resident memory before, at the peak of and after a large list;
//! - `linked`: a linked list, as long as recursion would not survive;
//! - `items`: the values in the lists, and what a run reads of them for its checksum.
#![forbid(unsafe_code)]

mod append;
mod build;
mod clear;
mod items;
mod linked;
mod nested;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("lists/append", append::append)
        .workload("lists/build_and_drop", build::build_and_drop)
        .workload("lists/shared", build::shared)
        .workload("lists/nested", nested::nested)
        .workload("lists/clear", clear::clear)
        .workload("lists/linked", linked::linked);
}
