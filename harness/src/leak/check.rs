//! Runs code under the growth test within a budget of iterations and time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::binomial::as_f64;
use super::budget::Budget;
use super::finding::{Evidence, classify};
use super::growth::{Growth, GrowthTest, Plan, Series, Step};
use super::report::{LeakReport, MeasuredSeries};
use super::subject::{Counted, Edges, Plain, Probed, Subject};
use super::verdict::Verdict;
use crate::alloc::{self, AllocMode};
use crate::probe::Probe;

/// Time for one check unless told otherwise.
pub const DEFAULT_BUDGET: Duration = Duration::from_secs(10);

/// Collections with nothing in between, to see how much the counts move by themselves.
const IDLE_COLLECTIONS: u32 = 5;

/// Iterations are timed until this long, to plan blocks that fit.
const CALIBRATION: Duration = Duration::from_millis(10);

/// At most so many iterations are spent on that.
const CALIBRATION_ITERATIONS: usize = 64;

/// The share of the budget that a plan may fill, so that a slower block does not cut it short.
const PLANNED_SHARE: f64 = 0.8;

/// Code faster than this is run several times between two looks at the clock.
const FAST: Duration = Duration::from_micros(20);

/// How many times.
const FAST_STRIDE: u64 = 64;

/// Leaked objects that say where they are allocated.
const SITE_EVENTS: f64 = 32.0;

/// Iterations spent on that at most.
const MAX_SITE_ITERATIONS: f64 = 16_384.0;

/// The share of the budget that this may take on top of it.
const SITE_SHARE: f64 = 0.25;

/// How much slower an iteration is at worst while its allocations are traced.
const SITE_SLOWDOWN: u128 = 16;

/// Places of plain code that are named at most.
const SITES_NAMED: usize = 3;

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
        self.drive(&mut Probed {
            probe,
            body,
            expected: &self.expected,
            watch_process: self.watch_process,
        })
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
        let mut run = Run {
            test: GrowthTest::new(self.plan(pace)),
            deadline: start + self.budget,
            pace,
            first: Counted::default(),
            last: Counted::default(),
            first_edges: Edges::new(),
        };
        let growth = run.judge_blocks(subject);
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

/// The time of a typical iteration, over a few of them: the median, because the first is cold and others are interrupted.
fn calibrate(subject: &mut dyn Subject) -> Duration {
    let start = Instant::now();
    let mut times = Vec::new();
    while times.is_empty()
        || (times.len() < CALIBRATION_ITERATIONS && start.elapsed() < CALIBRATION)
    {
        let before = Instant::now();
        subject.iterate();
        times.push(before.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Whether objects of the type, or on the path, leak in any way.
fn leaks(growth: &Growth, path: &str, name: &str) -> bool {
    let name = || name.to_owned();
    let series = [
        Series::Path(path.to_owned()),
        Series::Type(name()),
        Series::Surplus(name()),
        Series::Cycle(name()),
        Series::Pinned(name()),
    ];
    series
        .iter()
        .any(|series| matches!(growth.verdicts.get(series), Some(Verdict::Leak { .. })))
}

/// Whether two paths are the same up to the position in the edge that grows.
fn same_beginning(a: &str, b: &str) -> bool {
    let beginning = |path: &str| {
        let (holder, _) = path.split_once(" => ").unwrap_or((path, ""));
        holder
            .rsplit_once('[')
            .map_or(holder, |(start, _)| start)
            .to_owned()
    };
    beginning(a) == beginning(b)
}

/// A check in progress.
struct Run {
    test: GrowthTest,
    deadline: Instant,
    pace: Duration,
    first: Counted,
    last: Counted,
    first_edges: Edges,
}

impl Run {
    fn judge_blocks(&mut self, subject: &mut dyn Subject) -> Growth {
        let mut step = self.warm_up(subject);
        let (mut previous, mut took) = (0, Duration::ZERO);
        loop {
            let length = match step {
                Step::Done(growth) => return growth,
                Step::Continue {
                    next_block_iterations,
                } => next_block_iterations,
            };
            let start = Instant::now();
            let done = match self.deadline.saturating_duration_since(start) {
                // Even as long as the one before it would not become.
                left if left < took => 0,
                _ => self.block(subject, length),
            };
            // A cut block is worth feeding only when it still says more than the one before.
            if done < length && done <= previous {
                return self.test.finish();
            }
            self.last = subject.count();
            step = self.test.feed(done, &self.last.snapshot);
            if done < length {
                return self.test.finish();
            }
            (previous, took) = (done, start.elapsed());
        }
    }

    fn warm_up(&mut self, subject: &mut dyn Subject) -> Step {
        let done = self.block(subject, self.test.warm_up_iterations());
        self.first = subject.count();
        self.last = self.first.clone();
        self.first_edges = subject.edges();
        let step = self.test.feed(done, &self.first.snapshot);
        for _ in 0..IDLE_COLLECTIONS {
            subject.before_block();
            self.test.idle(&subject.count().snapshot);
        }
        subject.mark();
        step
    }

    /// Runs iterations until the block is full or the time is over; returns how many ran.
    fn block(&self, subject: &mut dyn Subject, length: u64) -> u64 {
        let stride = if self.pace < FAST { FAST_STRIDE } else { 1 };
        subject.before_block();
        let mut done = 0;
        while done < length && Instant::now() < self.deadline {
            let now = stride.min(length - done);
            (0..now).for_each(|_| subject.iterate());
            done += now;
        }
        done
    }

    fn report(&self, growth: Growth, subject: &dyn Subject, start: Instant) -> LeakReport {
        let edges = subject.edges();
        let held = match growth.verdict() {
            Verdict::Leak { .. } => subject.holders(&|path, name| leaks(&growth, path, name)),
            _ => Vec::new(),
        };
        let findings = classify(&Evidence {
            growth: &growth,
            bytes: &self.bytes_per_iteration(growth.iterations),
            underflows: &self.last.underflows,
            holder: &|name| self.holder(name, &edges),
            held: &held,
        });
        let measured = |series: &Series| MeasuredSeries {
            series: series.clone(),
            points: self.test.points(series),
            jitter: self.test.jitter(series),
        };
        let series = growth.verdicts.keys().map(measured).collect();
        LeakReport {
            growth,
            findings,
            series,
            elapsed: start.elapsed(),
            over_budget: Vec::new(),
        }
    }

    /// Runs some more iterations to see where what leaks is allocated.
    fn name_sites(&self, report: &mut LeakReport, subject: &mut dyn Subject, time: Duration) {
        let nameless = report
            .findings
            .iter()
            .filter(|f| f.site.is_none() && f.rate > 0.0);
        let Some(slowest) = nameless.map(|finding| finding.rate).reduce(f64::min) else {
            return;
        };
        let wanted = (SITE_EVENTS / slowest)
            .ceil()
            .clamp(1.0, MAX_SITE_ITERATIONS);
        let slowed = self.pace.as_nanos().max(1) * SITE_SLOWDOWN;
        let fits = u64::try_from(time.as_nanos() / slowed).unwrap_or(u64::MAX);
        // In range and whole, by the clamp.
        let iterations = (wanted as u64).min(fits).max(1);
        for plain in subject.sites_of(iterations).iter().take(SITES_NAMED) {
            super::report::name_plain_site(report, plain);
        }
        if !subject.trace_sites(true) {
            return;
        }
        subject.mark();
        (0..iterations).for_each(|_| subject.iterate());
        _ = subject.count();
        let held = subject.holders(&|_, name| report.findings.iter().any(|f| f.type_name == name));
        subject.trace_sites(false);
        for finding in &mut report.findings {
            let of_type = || {
                held.iter()
                    .filter(|held| held.type_name == finding.type_name)
            };
            let path = finding.holder.as_deref().unwrap_or_default();
            let same = of_type().find(|held| same_beginning(&held.path, path));
            let found = same.or_else(|| of_type().next());
            finding.site = found.and_then(|held| held.site.clone());
        }
    }

    /// The type whose references to a type grew most: not who holds most, but who holds the new ones.
    fn holder(&self, name: &str, edges: &Edges) -> Option<String> {
        let to_this = edges.iter().filter(|((held, _), _)| held == name);
        let grown = to_this.filter_map(|(pair, &now)| {
            let before = self.first_edges.get(pair).copied().unwrap_or(0);
            Some((now.checked_sub(before).filter(|grown| *grown > 0)?, &pair.1))
        });
        grown.max().map(|(_, holder)| holder.clone())
    }

    fn bytes_per_iteration(&self, iterations: u64) -> BTreeMap<String, f64> {
        let before = |name: &str| self.first.bytes_by_type.get(name).copied().unwrap_or(0);
        let grown = |name: &str, now: u64| as_f64(now.saturating_sub(before(name)));
        let all = self.last.bytes_by_type.iter();
        all.map(|(name, &now)| (name.clone(), grown(name, now) / as_f64(iterations.max(1))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leak::{LeakClass, Undecided};
    use crate::probe::{AuditFinding, Counter};
    use std::cell::{Cell, RefCell};

    /// A pretend heap: counts by type, and an audit.
    #[derive(Default)]
    struct Pretend {
        types: RefCell<BTreeMap<String, u64>>,
        forgotten: Cell<u64>,
        /// Freed at the next collection.
        pending: Cell<u64>,
    }

    impl Pretend {
        fn add(&self, name: &str, count: u64) {
            *self.types.borrow_mut().entry(name.to_owned()).or_default() += count;
        }
    }

    impl Probe for Pretend {
        fn counters(&self) -> Vec<Counter> {
            let objects = self.types.borrow().values().sum::<u64>() + self.pending.get();
            vec![
                Counter::new("live_objects", objects, "objects"),
                Counter::new("live_bytes", objects * 32, "B"),
                Counter::new("allocated_objects", 1_000 * objects, "objects"),
            ]
        }
        fn census(&self) -> Vec<(String, u64, u64)> {
            let types = self.types.borrow();
            types
                .iter()
                .map(|(name, &count)| (name.clone(), count, count * 32))
                .collect()
        }
        fn quiesce(&self) {
            self.pending.set(0);
        }
        fn audit(&self) -> Vec<AuditFinding> {
            let surplus = self.forgotten.get();
            let found = AuditFinding {
                class: "count leak".to_owned(),
                type_name: "Counted".to_owned(),
                address: 8,
                stored: surplus + 1,
                incoming: 1,
                declared: 0,
                surplus: surplus.cast_signed(),
            };
            if surplus == 0 {
                Vec::new()
            } else {
                vec![found]
            }
        }
        fn edges(&self) -> Vec<(String, String, u64)> {
            let nodes = self.types.borrow().get("Node").copied().unwrap_or(0);
            let edge = |holder: &str, count| (holder.to_owned(), "Node".to_owned(), count);
            // Most nodes are held by the archive, but the new ones by the registry.
            vec![edge("Archive", 1_000_000), edge("Registry", nodes)]
        }
    }

    #[test]
    fn garbage_that_a_collection_frees_is_clean() {
        let heap = Pretend::default();
        let report =
            LeakCheck::new().run_probed(&heap, || heap.pending.set(heap.pending.get() + 3));
        report.assert_clean();
        assert_eq!(
            report.verdict(),
            Verdict::Clean {
                bound: 3.0 / 16_384.0
            }
        );
    }

    #[test]
    fn a_growing_type_is_reported_with_rate_bytes_and_holder() {
        let heap = Pretend::default();
        let report = LeakCheck::new().run_probed(&heap, || heap.add("Node", 2));
        let [finding] = &report.findings[..] else {
            panic!("{report}")
        };
        assert_eq!(
            (finding.class, finding.type_name.as_str()),
            (LeakClass::ReachableGrowth, "Node")
        );
        assert!(
            (finding.rate - 2.0).abs() < 1e-9 && finding.bytes_per_iteration == Some(64.0),
            "{finding}"
        );
        let text = std::panic::catch_unwind(|| report.assert_clean()).expect_err("a leak fails");
        let text = text.downcast_ref::<String>().expect("a message");
        assert!(
            text.contains("reachable growth: 2.0000 Node per iteration (64.0 B), held by Registry"),
            "{text}"
        );
        assert!(text.lines().count() <= 4, "short: {text}");
    }

    #[test]
    fn a_lost_decrement_on_one_object_is_a_count_leak_although_no_object_is_added() {
        let heap = Pretend::default();
        let report =
            LeakCheck::new().run_probed(&heap, || heap.forgotten.set(heap.forgotten.get() + 1));
        let [finding] = &report.findings[..] else {
            panic!("{report}")
        };
        assert_eq!(
            (finding.class, finding.type_name.as_str()),
            (LeakClass::CountLeak, "Counted")
        );
        assert!(matches!(report.verdict(), Verdict::Leak { .. }));
    }

    #[test]
    fn a_handle_that_native_code_keeps_throughout_is_no_leak() {
        let heap = Pretend::default();
        heap.forgotten.set(3);
        LeakCheck::new().run_probed(&heap, || {}).assert_clean();
    }

    #[test]
    fn growth_that_is_expected_does_not_count_in_the_totals_either() {
        let heap = Pretend::default();
        let check = LeakCheck::new().expect_growth("Log");
        check
            .run_probed(&heap, || heap.add("Log", 1))
            .assert_clean();
    }

    #[test]
    fn slow_code_is_undecided_unless_fewer_iterations_are_allowed() {
        let heap = Pretend::default();
        let slow = || {
            std::thread::sleep(Duration::from_micros(100));
            heap.add("Node", 1);
        };
        let check = LeakCheck::new().budget(Duration::from_millis(200));
        let report = check.run_probed(&heap, slow);
        let Verdict::Undecided { rate, reason, .. } = report.verdict() else {
            panic!("{report}")
        };
        assert_eq!(reason, Undecided::PlanIncomplete);
        assert!((rate - 1.0).abs() < 0.01, "{rate}");
        assert!(
            report.elapsed < Duration::from_secs(2),
            "{:?}",
            report.elapsed
        );
        let check = check.at_least(64).budget(Duration::from_secs(5));
        let report = check.run_probed(&heap, slow);
        assert!(matches!(report.verdict(), Verdict::Leak { .. }), "{report}");
    }

    #[test]
    fn an_underflow_fails_at_once_whatever_grows() {
        struct Underflow;
        impl Probe for Underflow {
            fn counters(&self) -> Vec<Counter> {
                vec![Counter::new("live_objects", 1, "objects")]
            }
            fn audit(&self) -> Vec<AuditFinding> {
                vec![AuditFinding {
                    class: "count underflow".to_owned(),
                    type_name: "Freed".to_owned(),
                    address: 8,
                    stored: 1,
                    incoming: 2,
                    declared: 0,
                    surplus: -1,
                }]
            }
        }
        let report = LeakCheck::new().run_probed(&Underflow, || {});
        assert_eq!(report.findings[0].class, LeakClass::CountUnderflow);
        assert!(matches!(report.verdict(), Verdict::Leak { .. }));
    }
}
