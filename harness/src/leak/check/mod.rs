//! Runs code under the growth test within a budget of iterations and time.
//!
//! Here is what a user says about a check; `run` is the check in progress.

mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use self::run::{Run, calibrate};
use super::budget::Budget;
use super::growth::Plan;
use super::report::LeakReport;
use super::subject::{Plain, Probed, Subject};
use crate::alloc::{self, AllocMode};
use crate::probe::Probe;

/// Time for one check unless told otherwise.
pub const DEFAULT_BUDGET: Duration = Duration::from_secs(10);

/// The share of the budget that a plan may fill, so that a slower block does not cut it short.
const PLANNED_SHARE: f64 = 0.8;

/// The share of the budget that this may take on top of it.
const SITE_SHARE: f64 = 0.25;

/// A leak check: how long to look, and what may grow.
#[derive(Clone, Debug)]
pub struct LeakCheck {
    iterations: u64,
    at_least: u64,
    budget: Duration,
    expected: BTreeSet<String>,
    sites: bool,
    watch_process: bool,
    heap_budget: Budget,
}

impl Default for LeakCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl LeakCheck {
    /// A check of 32,768 iterations within ten seconds, in which nothing may grow.
    #[must_use]
    pub fn new() -> Self {
        let iterations = Plan::default().wanted;
        Self {
            iterations,
            at_least: iterations,
            budget: DEFAULT_BUDGET,
            expected: BTreeSet::new(),
            sites: true,
            watch_process: false,
            heap_budget: Budget::default(),
        }
    }

    /// The most bytes that may be alive: at the peak of one run of plain code, at any quiet moment on a managed heap.
    #[must_use]
    pub fn max_live_bytes(mut self, bytes: u64) -> Self {
        self.heap_budget.max_live_bytes = Some(bytes);
        self
    }

    /// The most blocks: that one run of plain code may allocate, or objects that may be alive at any quiet moment on a
    /// managed heap.
    #[must_use]
    pub fn max_blocks(mut self, blocks: u64) -> Self {
        self.heap_budget.max_blocks = Some(blocks);
        self
    }

    /// How many iterations are planned, and needed before a constant rate is called a leak.
    ///
    /// This says that nothing bounded (a cache, a ring) takes longer than that to fill. While a count is undecided, more follow.
    #[must_use]
    pub fn iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self.at_least = iterations;
        self
    }

    /// The fewest iterations on which a constant rate may be called a leak, when the planned ones do not fit into the budget.
    #[must_use]
    pub fn at_least(mut self, iterations: u64) -> Self {
        self.at_least = iterations.min(self.iterations);
        self
    }

    /// How long the check may take.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// A type (by its path or the last part of it) or counter that may grow; it is left out of the totals too.
    #[must_use]
    pub fn expect_growth(mut self, name: impl Into<String>) -> Self {
        self.expected.insert(name.into());
        self
    }

    /// Whether a leak is followed by some more iterations that find out where it allocates (they are, unless told otherwise).
    #[must_use]
    pub fn sites(mut self, wanted: bool) -> Self {
        self.sites = wanted;
        self
    }

    /// Counts open files and threads of the process too (Linux). Off by default: other tests of the process have some.
    #[must_use]
    pub fn watch_process(mut self) -> Self {
        self.watch_process = true;
        self
    }

    /// Checks code with something prepared once, which is not part of what is counted.
    ///
    /// ```
    /// # use exuvia_harness::leak::LeakCheck;
    /// # use exuvia_core::object::{List, Value};
    /// LeakCheck::new()
    ///     .run_with(
    ///         |heap| heap.root("queue", List::new(heap)),
    ///         |heap, queue| {
    ///             queue.push(heap, Value::small(1));
    ///             queue.pop();
    ///         },
    ///     )
    ///     .assert_clean();
    /// ```
    #[cfg(feature = "heap")]
    #[must_use]
    pub fn run_with<S>(
        &self,
        prepare: impl FnOnce(&exuvia_core::Heap) -> S,
        mut body: impl FnMut(&exuvia_core::Heap, &mut S),
    ) -> LeakReport {
        let heap = exuvia_core::Heap::new();
        let mut prepared = prepare(&heap);
        let probe = crate::probe::HeapProbe::new(vec![heap.clone()]);
        self.run_probed(&probe, || body(&heap, &mut prepared))
    }

    /// Checks code on a managed heap of its own, which it is given in every iteration.
    ///
    /// Handles that the code keeps from one iteration to the next belong in declared roots
    /// ([`Heap::root`](exuvia_core::Heap::root)), so that the audit can explain them.
    ///
    /// ```
    /// # use exuvia_harness::leak::LeakCheck;
    /// LeakCheck::new().run(|heap| drop(heap.alloc(1_u64))).assert_clean();
    /// ```
    #[cfg(feature = "heap")]
    #[must_use]
    pub fn run(&self, mut body: impl FnMut(&exuvia_core::Heap)) -> LeakReport {
        let heap = exuvia_core::Heap::new();
        let probe = crate::probe::HeapProbe::new(vec![heap.clone()]);
        self.run_probed(&probe, || body(&heap))
    }

    /// Checks code whose objects a probe counts.
    #[must_use]
    pub fn run_probed(&self, probe: &dyn Probe, body: impl FnMut()) -> LeakReport {
        self.drive(&mut Probed::new(
            probe,
            body,
            &self.expected,
            self.watch_process,
        ))
    }

    /// Checks plain Rust code by the blocks and bytes it leaves in the global allocator.
    ///
    /// Everything in the process is counted, so nothing else may run at the same time: use a test binary of its own.
    ///
    /// # Panics
    ///
    /// When [`crate::Alloc`] is not the program's global allocator.
    #[must_use]
    pub fn run_plain(&self, body: impl FnMut()) -> LeakReport {
        assert!(
            alloc::is_installed(),
            "blocks cannot be counted: add `#[global_allocator] static ALLOC: exuvia_harness::Alloc = \
             exuvia_harness::Alloc::system();` to this program"
        );
        alloc::choose(AllocMode::Count);
        self.drive(&mut Plain::new(body, self.watch_process))
    }

    /// Calibrates, warms up, listens to the noise, then runs blocks until the test has its verdict or the time is over.
    fn drive(&self, subject: &mut dyn Subject) -> LeakReport {
        let start = Instant::now();
        let pace = calibrate(subject);
        let mut run = Run::new(self.plan(pace), pace, start + self.budget);
        let growth = run.judge(subject);
        let mut report = run.report(growth, subject, start);
        report.over_budget = self.heap_budget.exceeded(&report, subject);
        if self.sites {
            run.name_sites(&mut report, subject, self.budget.mul_f64(SITE_SHARE));
        }
        report
    }

    /// The plan whose six blocks fit into the budget, if the pace is right.
    fn plan(&self, pace: Duration) -> Plan {
        let fits = self.budget.mul_f64(PLANNED_SHARE).as_nanos() / pace.as_nanos().max(1);
        let fits = u64::try_from(fits).unwrap_or(u64::MAX);
        let plan = Plan::of(self.iterations.min(fits));
        // What grows slows its code down: where fewer iterations may convict, all blocks must fit into a quarter of them.
        let slowing = if self.at_least < self.iterations {
            4
        } else {
            1
        };
        Plan {
            first_block: (plan.first_block / slowing).max(1),
            wanted: self.iterations,
            at_least: self.at_least,
        }
    }
}
