//! A check in progress: calibration, blocks, the evidence for the findings, and the pass that names sites.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::leak::binomial::as_f64;
use crate::leak::finding::{Evidence, LeakFinding, classify};
use crate::leak::growth::{Growth, GrowthTest, Plan, Series, Step};
use crate::leak::report::{LeakReport, MeasuredSeries, name_plain_site};
use crate::leak::subject::{Counted, Edges, Subject};
use crate::leak::verdict::Verdict;

/// Collections with nothing in between, to see how much the counts move by themselves.
const IDLE_COLLECTIONS: u32 = 5;

/// Iterations are timed until this long, to plan blocks that fit.
const CALIBRATION: Duration = Duration::from_millis(10);

/// At most so many iterations are spent on that.
const CALIBRATION_ITERATIONS: usize = 64;

/// Code faster than this is run several times between two looks at the clock.
const FAST: Duration = Duration::from_micros(20);

/// How many times.
const FAST_STRIDE: u64 = 64;

/// Leaked objects that say where they are allocated.
const SITE_EVENTS: f64 = 32.0;

/// Iterations spent on that at most.
const MAX_SITE_ITERATIONS: f64 = 16_384.0;

/// How much slower an iteration is at worst while its allocations are traced.
const SITE_SLOWDOWN: u128 = 16;

/// Places of plain code that are named at most.
const SITES_NAMED: usize = 3;

/// The time of a typical iteration, over a few of them: the median, because the first is cold and others are interrupted.
pub(super) fn calibrate(subject: &mut dyn Subject) -> Duration {
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

/// About what counting an object takes, with all that it holds, in nanoseconds.
const COUNTING_NS: u128 = 100;

/// A heap is looked at in glances where counting it twice would take more than the time of all iterations over this.
const COUNTING_SHARE: u128 = 25;

/// But never one with fewer objects than this: what a check does to small heaps does not depend on the clock.
const SMALL: u64 = 5_000;

/// How a heap is looked at after a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Whether anything moved.
    Glance,
    /// Everything, where anything moved.
    Count,
}

impl Look {
    /// What there is; nothing when a glance gives up.
    fn at(self, subject: &mut dyn Subject) -> Option<Counted> {
        match self {
            Look::Glance => subject.glance(),
            Look::Count => Some(subject.recount()),
        }
    }
}

/// A check in progress.
pub(super) struct Run {
    plan: Plan,
    test: GrowthTest,
    deadline: Instant,
    pace: Duration,
    first: Counted,
    last: Counted,
    /// From the moment that is compared with.
    first_edges: Option<Edges>,
}

impl Run {
    pub(super) fn new(plan: Plan, pace: Duration, deadline: Instant) -> Run {
        Run {
            plan,
            test: GrowthTest::new(plan),
            deadline,
            pace,
            first: Counted::default(),
            last: Counted::default(),
            first_edges: None,
        }
    }

    /// Runs the test with glances at a heap that costs much to count, and else, or once anything moved, with counts.
    pub(super) fn judge(&mut self, subject: &mut dyn Subject) -> Growth {
        if self.is_slow_to_count(subject)
            && let Some(growth) = self.judge_blocks(subject, Look::Glance)
            && subject.has_stood_still()
        {
            return growth;
        }
        *self = Run::new(self.plan, self.pace, self.deadline);
        let growth = self.judge_blocks(subject, Look::Count);
        growth.expect("only a glance gives up")
    }

    /// Whether counting before and after would take more than a small part of the time of all iterations.
    fn is_slow_to_count(&self, subject: &dyn Subject) -> bool {
        let objects = subject.live_objects();
        let counting = 2 * COUNTING_NS * u128::from(objects);
        let running = self.pace.as_nanos() * u128::from(self.plan.wanted);
        objects >= SMALL && counting * COUNTING_SHARE > running
    }

    /// Warms up, listens to the noise, and runs blocks until the test has its verdict, the time is over or a glance gives up.
    fn judge_blocks(&mut self, subject: &mut dyn Subject, look: Look) -> Option<Growth> {
        let mut step = self.warm_up(subject, look)?;
        let (mut previous, mut took) = (0, Duration::ZERO);
        loop {
            let length = match step {
                Step::Done(growth) => return Some(growth),
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
                return Some(self.test.finish());
            }
            self.last = look.at(subject)?;
            step = self.test.feed(done, &self.last.snapshot);
            if done < length {
                return Some(self.test.finish());
            }
            (previous, took) = (done, start.elapsed());
        }
    }

    fn warm_up(&mut self, subject: &mut dyn Subject, look: Look) -> Option<Step> {
        let done = self.block(subject, self.test.warm_up_iterations());
        self.first = look.at(subject)?;
        self.last = self.first.clone();
        if look == Look::Count {
            self.first_edges = Some(subject.edges());
            subject.mark();
        }
        let step = self.test.feed(done, &self.first.snapshot);
        for _ in 0..IDLE_COLLECTIONS {
            subject.before_block();
            if let Some(counted) = subject.count_if_moved() {
                self.test.idle(&counted.snapshot);
            }
        }
        Some(step)
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

    pub(super) fn report(
        &self,
        growth: Growth,
        subject: &dyn Subject,
        start: Instant,
    ) -> LeakReport {
        let edges = OnceCell::new();
        let held = match growth.verdict() {
            Verdict::Leak { .. } => subject.holders(&|path, name| leaks(&growth, path, name)),
            _ => Vec::new(),
        };
        let mut findings = classify(&Evidence {
            growth: &growth,
            bytes: &self.bytes_per_iteration(growth.iterations),
            underflows: &self.last.underflows,
            holder: &|name| self.holder(name, edges.get_or_init(|| subject.edges())),
            held: &held,
        });
        let is_nameless =
            |finding: &&mut LeakFinding| finding.is_bytes() && finding.holder.is_none();
        if let Some(bytes) = findings.iter_mut().find(is_nameless)
            && let Some((path, gained)) = subject.grown_buffers().first()
        {
            bytes.grows_in(path, *gained);
        }
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
    pub(super) fn name_sites(
        &self,
        report: &mut LeakReport,
        subject: &mut dyn Subject,
        time: Duration,
    ) {
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
            name_plain_site(report, plain);
        }
        if report.has_nameless_bytes() {
            // A buffer grows each time it is full: once while as many iterations run as have run so far.
            let until_full = (report.iterations() * 2).min(fits).max(1);
            for plain in subject.sites_of(until_full).iter().take(SITES_NAMED) {
                name_plain_site(report, plain);
            }
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
            let first = self.first_edges.as_ref();
            let before = first
                .and_then(|edges| edges.get(pair))
                .copied()
                .unwrap_or(0);
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
