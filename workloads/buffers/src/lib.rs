//! Workloads on buffers: what a view saves that a copy costs.
//!
//! - `slice`: halves of a buffer, copied or viewed, from 1 KiB to 64 MiB;
//! - `parse`: records in a buffer, read through copies, through views, and in place.
//!
//! Each checksum is made of the bytes that were read and the lengths of what was made.
#![forbid(unsafe_code)]

mod parse;
mod slice;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("buffers/slice", slice::slice)
        .workload("buffers/parse", parse::parse);
}
