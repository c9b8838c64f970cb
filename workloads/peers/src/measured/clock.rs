//! CPU time: the machine may be shared, and what others do is not to be counted.

use rustix::time::{ClockId, clock_gettime};

fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Nanoseconds of all threads of this process while `run` runs, for each of `operations`.
pub(super) fn per_operation(operations: usize, run: impl FnOnce()) -> f64 {
    let start = nanoseconds(ClockId::ProcessCPUTime);
    run();
    (nanoseconds(ClockId::ProcessCPUTime) - start) as f64 / operations as f64
}

/// The smallest number of passes that gives a middle one worth having.
const PASSES: usize = 7;

/// The median of some passes, after one to warm up.
pub(super) fn median(mut pass: impl FnMut() -> f64) -> f64 {
    pass();
    middle((0..PASSES).map(|_| pass()).collect())
}

/// The middle of some values.
pub(super) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The longest of consecutive calls, in CPU time of this thread.
pub(super) struct Longest {
    last: u64,
    longest: u64,
}

impl Longest {
    pub(super) fn start() -> Longest {
        Longest {
            last: nanoseconds(ClockId::ThreadCPUTime),
            longest: 0,
        }
    }

    /// A call ends, and the next one begins.
    pub(super) fn lap(&mut self) {
        let now = nanoseconds(ClockId::ThreadCPUTime);
        self.longest = self.longest.max(now - self.last);
        self.last = now;
    }

    /// What was done since the last call ended is none.
    pub(super) fn skip(&mut self) {
        self.last = nanoseconds(ClockId::ThreadCPUTime);
    }

    pub(super) fn microseconds(&self) -> f64 {
        self.longest as f64 / 1e3
    }
}
