//! What a run starts with and what it must leave behind.

use exuvia_core::Heap;
use exuvia_harness::{Params, Rng};

/// A heap and the payloads of the objects that one run builds on it.
pub(crate) struct Scene {
    heap: Heap,
    /// `0..n` in an order that depends on the seed.
    payloads: Vec<u64>,
}

impl Scene {
    /// A payload for each of the `n` objects of a run.
    pub(crate) fn new(p: &Params, rng: &mut Rng) -> Scene {
        let mut payloads: Vec<u64> = (0..p["n"]).collect();
        rng.shuffle(&mut payloads);
        Scene {
            heap: p.heap(),
            payloads,
        }
    }

    /// Lets `work` build an object for each payload, read it and give it up; returns the sum it read, plus the objects
    /// built, minus the blocks that are left.
    pub(crate) fn run(&self, work: impl FnOnce(&Heap, &[u64]) -> u64) -> u64 {
        let before = self.heap.allocated_blocks();
        let sum = work(&self.heap, &self.payloads);
        let left = self.heap.allocated_blocks() - before;
        sum + self.payloads.len() as u64 - left as u64
    }
}

/// The sum of the payloads of `n` objects.
pub(crate) fn payload_sum(n: u64) -> u64 {
    n * (n - 1) / 2
}
