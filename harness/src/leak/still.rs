//! A heap on which nothing seems to move.
//!
//! To count a million objects takes longer than thousands of short iterations. What stands still need not be counted: the
//! pulse is looked at after each block, and a sketch of all counts and references at both ends, and in between where it
//! takes little of the time.

use std::time::{Duration, Instant};

use crate::probe::{Probe, Sketch};

/// A sketch is taken when so many times its own time has gone by.
const SKETCH_SHARE: u32 = 32;

/// What a heap was like at the first glance.
pub(crate) struct Still {
    pulse: Vec<u64>,
    sketch: Sketch,
    /// How long the sketch took, and when the last one was taken.
    took: Duration,
    last: Instant,
}

impl Still {
    /// Remembers this moment; nothing for a heap that cannot be sketched.
    pub(crate) fn begin(pulse: Vec<u64>, probe: &dyn Probe) -> Option<Still> {
        let start = Instant::now();
        let sketch = probe.sketch()?;
        Some(Still {
            pulse,
            sketch,
            took: start.elapsed(),
            last: Instant::now(),
        })
    }

    /// What was alive: name, objects, bytes.
    pub(crate) fn census(&self) -> Vec<(String, u64, u64)> {
        self.sketch.census.clone()
    }

    /// Whether the pulse is the same, and the sketch where it is time for one.
    pub(crate) fn seems_so(&mut self, pulse: &[u64], probe: &dyn Probe) -> bool {
        if self.pulse != pulse {
            return false;
        }
        if self.last.elapsed() < self.took * SKETCH_SHARE {
            return true;
        }
        let is_so = self.is_so(probe);
        self.last = Instant::now();
        is_so
    }

    /// Whether everything is the same.
    pub(crate) fn is_so(&self, probe: &dyn Probe) -> bool {
        probe.sketch().as_ref() == Some(&self.sketch)
    }
}
