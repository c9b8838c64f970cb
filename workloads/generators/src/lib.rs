//! Workloads on generators: what it saves to make values one at a time, and what a suspended computation holds.
//!
//! - `sum`: a million numbers one by one or as a list; the peak of memory is the point;
//! - `pipeline`: five stages that hand on one value, or five lists;
//! - `suspended`: many computations that wait, as generators or as hand-written iterator objects;
//! - `abandoned`: generators that are given up in a cycle and must be closed all the same;
//! - `frames`: the frames of the generators.
#![forbid(unsafe_code)]

mod abandoned;
mod frames;
mod pipeline;
mod sum;
mod suspended;

use exuvia_harness::Suite;

/// Registers every workload of this crate.
pub fn register(suite: &mut Suite) {
    suite
        .workload("generators/sum", sum::sum)
        .workload("generators/pipeline", pipeline::pipeline)
        .workload("generators/suspended", suspended::suspended)
        .workload("generators/abandoned", abandoned::abandoned);
}
