//! The counting global allocator as a probe, for code without a managed heap.

use super::{Counter, Probe};
use crate::alloc;

/// Live blocks and bytes of the global allocator, relative to a moment.
///
/// Counts only when [`crate::Alloc`] is installed and was told to count; otherwise every value stays the same.
#[derive(Debug)]
pub struct AllocProbe {
    // Live counts go below the start when older blocks are freed; an offset keeps them unsigned.
    offset: i64,
}

impl AllocProbe {
    /// A probe of the process's global allocator.
    #[must_use]
    pub fn new() -> Self {
        Self { offset: 1 << 40 }
    }

    fn shifted(&self, live: i64) -> u64 {
        (live + self.offset).cast_unsigned()
    }
}

impl Default for AllocProbe {
    fn default() -> Self {
        Self::new()
    }
}

impl Probe for AllocProbe {
    fn counters(&self) -> Vec<Counter> {
        let now = alloc::counts();
        vec![
            Counter::new("live_blocks", self.shifted(now.live_blocks), "blocks"),
            Counter::new("live_bytes", self.shifted(now.live_bytes), "B"),
        ]
    }
}
