//! The growth test: asks for blocks of iterations, takes the counts after each, and ends with a verdict on every count.
//!
//! It is pure: it knows no heap and no clock. Who drives it runs the iterations, collects fully, and feeds the counts;
//! simulations feed made-up ones.
//!
//! One block warms up, then at least [`BLOCKS`] blocks follow, each twice as long as the one before. While a count stays
//! undecided more blocks follow, until the driver's budget ends and it calls [`GrowthTest::finish`].

use std::collections::BTreeMap;
use std::fmt;

use super::verdict::{
    Block, CERTAIN_EVENTS, Undecided, Verdict, events, fading_is_doubtful, judge,
    silence_is_doubtful, undecided,
};

/// Length of the first measured block (and of the warm-up) of the standard plan.
pub const FIRST_BLOCK: u64 = 512;

/// Measured blocks of the standard plan: 512, 1,024, ... 16,384 iterations.
pub const BLOCKS: u32 = 6;

/// Blocks the rule looks at.
const JUDGED: usize = 3;

/// No plan goes on longer than this, however large the budget.
const MAX_BLOCK: u64 = 1 << 40;

/// Bytes smaller than this are no event of their own: growth in bytes is judged in grains.
pub const BYTE_GRAIN: u64 = 64;

/// What a count counts. The verdict is per series; the order is the order in which they are shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// All live objects (blocks, for code without our heap).
    Objects,
    /// All live bytes. Judged only when the objects do not grow: then a buffer inside one of them does.
    Bytes,
    /// Live objects of one type.
    Type(String),
    /// References of one type's objects that nothing known holds: stored counts minus references found.
    Surplus(String),
    /// Objects of one type that a full collection should have freed and did not.
    Cycle(String),
    /// References of one type's objects that declared native handles hold.
    Pinned(String),
    /// Live objects on one holder path.
    Path(String),
    /// Live objects from one allocation site.
    Site(String),
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objects => f.write_str("live_objects"),
            Self::Bytes => f.write_str("live_bytes"),
            Self::Type(name) => f.write_str(name),
            Self::Surplus(name) => write!(f, "surplus references to {name}"),
            Self::Cycle(name) => write!(f, "uncollected {name}"),
            Self::Pinned(name) => write!(f, "native handles to {name}"),
            Self::Path(path) => f.write_str(path),
            Self::Site(site) => write!(f, "allocated at {site}"),
        }
    }
}

/// All counts at one quiet moment; a series that is absent counts zero.
pub type Snapshot = BTreeMap<Series, u64>;

/// How long to look before a constant rate may be called a leak.
///
/// A bounded cache that fills during the whole test cannot be told from a leak, so a plan is a promise that nothing
/// bounded holds more than the plan's iterations can fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Iterations of the warm-up and of the first block; fewer for slow code, so that doubling begins in time.
    pub first_block: u64,
    /// Iterations, warm-up included, after which the test ends as soon as nothing is undecided.
    pub wanted: u64,
    /// Iterations, warm-up included, that convict when the budget ends before the wanted ones.
    pub at_least: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self::of(FIRST_BLOCK << BLOCKS)
    }
}

impl Plan {
    /// The plan of six doubling blocks with so many iterations in all (warm-up included), and of no fewer.
    #[must_use]
    pub fn of(iterations: u64) -> Self {
        Self {
            first_block: (iterations >> BLOCKS).max(1),
            wanted: iterations,
            at_least: iterations,
        }
    }
}

/// What the test wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Run this many iterations, collect fully, and feed the counts.
    Continue {
        /// Iterations of the next block.
        next_block_iterations: u64,
    },
    /// Every count has its verdict.
    Done(Growth),
}

/// The outcome: a verdict per count.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// The verdict on each count that was ever seen.
    pub verdicts: BTreeMap<Series, Verdict>,
    /// Iterations after the warm-up.
    pub iterations: u64,
}

impl Growth {
    /// Whether more than a total leaks: a type, a surplus, a cycle or a pin.
    fn leaks_by_name(&self) -> bool {
        self.verdicts.iter().any(|(series, verdict)| {
            let is_total = matches!(series, Series::Objects | Series::Bytes);
            let is_place = matches!(series, Series::Path(_) | Series::Site(_));
            !is_total && !is_place && matches!(verdict, Verdict::Leak { .. })
        })
    }

    /// Paths and sites say where objects are, not how many there are: objects that only move are no leak. They convict, and
    /// nothing else, when there are more objects too.
    fn votes(&self, series: &Series, verdict: &Verdict) -> bool {
        if !matches!(series, Series::Path(_) | Series::Site(_)) {
            return true;
        }
        let more = !matches!(
            self.verdicts.get(&Series::Objects),
            Some(Verdict::Clean { .. }) | None
        );
        more && matches!(verdict, Verdict::Leak { .. })
    }

    /// The worst of all verdicts; among clean ones the weakest bound, in objects where they are known.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let badness = |(series, verdict): &(&Series, &Verdict)| {
            let rate = verdict.rate().or(verdict.bound()).unwrap_or(0.0);
            (verdict.severity(), **series != Series::Bytes, rate)
        };
        self.verdicts
            .iter()
            .filter(|(series, verdict)| self.votes(series, verdict))
            .max_by(|a, b| {
                let order = badness(a).partial_cmp(&badness(b));
                order.expect("rates and bounds are never undefined")
            })
            .map_or(
                Verdict::Clean {
                    bound: f64::INFINITY,
                },
                |(_, verdict)| *verdict,
            )
    }
}

/// A growth test in progress.
#[derive(Clone, Debug)]
pub struct GrowthTest {
    plan: Plan,
    /// Iterations so far, warm-up included.
    total: u64,
    /// Length of each measured block; the warm-up is not among them.
    blocks: Vec<u64>,
    /// Counts after the warm-up and after each block; one longer than `blocks` once warm.
    counts: BTreeMap<Series, Vec<u64>>,
    samples: usize,
    /// Lowest and highest count seen between idle collections.
    idle: BTreeMap<Series, (u64, u64)>,
}

impl GrowthTest {
    /// A test that follows a plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            total: 0,
            blocks: Vec::new(),
            counts: BTreeMap::new(),
            samples: 0,
            idle: BTreeMap::new(),
        }
    }

    /// Iterations to run first, as a warm-up.
    #[must_use]
    pub fn warm_up_iterations(&self) -> u64 {
        self.plan.first_block
    }

    /// Takes the counts of one more collection with no iteration in between: their spread is noise.
    pub fn idle(&mut self, counts: &Snapshot) {
        for (series, &count) in counts {
            let range = self.idle.entry(series.clone()).or_insert((count, count));
            *range = (range.0.min(count), range.1.max(count));
        }
    }

    /// Takes the counts after a block of iterations; the first block fed is the warm-up.
    pub fn feed(&mut self, iterations: u64, counts: &Snapshot) -> Step {
        self.record(counts);
        self.total += iterations;
        if self.samples > 1 {
            self.blocks.push(iterations);
        }
        if self.measured() < BLOCKS || self.total < self.plan.wanted {
            return self.next_block();
        }
        let growth = self.finish();
        if !growth.leaks_by_name() && self.is_open(&growth) {
            return self.next_block();
        }
        Step::Done(growth)
    }

    /// Whether more blocks could change a verdict.
    fn is_open(&self, growth: &Growth) -> bool {
        growth
            .verdicts
            .iter()
            .filter(|(series, _)| !matches!(series, Series::Path(_) | Series::Site(_)))
            .any(|(series, verdict)| match verdict {
                Verdict::Undecided { .. } => true,
                Verdict::Fading => self
                    .window(series, 0)
                    .is_some_and(|blocks| fading_is_doubtful(blocks, self.jitter(series))),
                Verdict::Clean { .. } => self
                    .window(series, 0)
                    .is_some_and(|blocks| self.jitter(series) == 0 && silence_is_doubtful(blocks)),
                Verdict::Leak { .. } => false,
            })
    }

    /// The verdicts on what was fed so far, for when the budget has ended.
    #[must_use]
    pub fn finish(&self) -> Growth {
        let objects_grow = self.grew_last(&Series::Objects);
        let verdicts = self
            .counts
            .keys()
            .filter(|series| !(**series == Series::Bytes && objects_grow))
            .map(|series| (series.clone(), self.verdict(series)))
            .collect();
        Growth {
            verdicts,
            iterations: self.blocks.iter().sum(),
        }
    }

    /// The noise of a count: its spread between idle collections, or its largest fall from one block to the next.
    #[must_use]
    pub fn jitter(&self, series: &Series) -> u64 {
        let idle = self.idle.get(series).map_or(0, |(low, high)| high - low);
        let counts = self.counts.get(series).map_or(&[][..], Vec::as_slice);
        let fall = counts
            .windows(2)
            .map(|w| w[0].saturating_sub(w[1]))
            .max()
            .unwrap_or(0);
        idle.max(fall) / grain(series)
    }

    /// The points measured: iterations since the warm-up and the count then.
    #[must_use]
    pub fn points(&self, series: &Series) -> Vec<(u64, u64)> {
        let ends = std::iter::once(0).chain(self.blocks.iter().scan(0, |sum, block| {
            *sum += block;
            Some(*sum)
        }));
        ends.zip(self.counts.get(series).into_iter().flatten().copied())
            .collect()
    }

    fn record(&mut self, counts: &Snapshot) {
        for series in counts.keys() {
            if !self.counts.contains_key(series) {
                self.counts.insert(series.clone(), vec![0; self.samples]);
            }
        }
        for (series, values) in &mut self.counts {
            values.push(counts.get(series).copied().unwrap_or(0));
        }
        self.samples += 1;
    }

    fn measured(&self) -> u32 {
        u32::try_from(self.blocks.len()).expect("fewer than 2^32 doubling blocks")
    }

    fn next_block(&self) -> Step {
        let doubled = self
            .plan
            .first_block
            .saturating_mul(1_u64.checked_shl(self.measured()).unwrap_or(MAX_BLOCK));
        Step::Continue {
            next_block_iterations: doubled.min(MAX_BLOCK),
        }
    }

    fn verdict(&self, series: &Series) -> Verdict {
        let jitter = self.jitter(series);
        let Some(blocks) = self.window(series, 0) else {
            return self.too_early(series, jitter);
        };
        let verdict = judge(blocks, jitter);
        let doubt = match verdict {
            Verdict::Leak { .. } => self.doubt(series, blocks, jitter),
            _ => None,
        };
        doubt
            .map_or(verdict, |reason| undecided(blocks, jitter, reason))
            .in_units_of(grain(series))
    }

    /// Why a constant rate in the last three blocks is not yet called a leak.
    fn doubt(&self, series: &Series, blocks: [Block; JUDGED], jitter: u64) -> Option<Undecided> {
        if self.measured() < BLOCKS || self.total < self.plan.at_least {
            return Some(Undecided::PlanIncomplete);
        }
        let before = self.window(series, 1).map(|blocks| judge(blocks, jitter));
        if matches!(before, Some(Verdict::Leak { .. })) {
            return None;
        }
        if events(blocks) < CERTAIN_EVENTS {
            return Some(Undecided::TooFewEvents);
        }
        (jitter > 0).then_some(Undecided::WithinJitter)
    }

    /// The verdict with fewer than three blocks measured.
    fn too_early(&self, series: &Series, jitter: u64) -> Verdict {
        let counts = &self.counts[series];
        let growth = |from: u64, to: u64| to.cast_signed() - from.cast_signed();
        let whole = Block {
            iterations: self.blocks.iter().sum(),
            growth: growth(counts[0], counts[counts.len() - 1]),
        };
        let none = Block {
            iterations: 0,
            growth: 0,
        };
        undecided([none, none, whole], jitter, Undecided::PlanIncomplete)
    }

    /// Three blocks running, `back` blocks before the last three.
    fn window(&self, series: &Series, back: usize) -> Option<[Block; JUDGED]> {
        let counts = &self.counts[series];
        let first = self.blocks.len().checked_sub(JUDGED + back)?;
        let grain = grain(series);
        Some(std::array::from_fn(|i| Block {
            iterations: self.blocks[first + i],
            growth: in_grains(counts[first + i], counts[first + i + 1], grain),
        }))
    }

    fn grew_last(&self, series: &Series) -> bool {
        self.counts
            .get(series)
            .is_some_and(|counts| matches!(counts[..], [.., before, now] if now > before))
    }
}

fn grain(series: &Series) -> u64 {
    if *series == Series::Bytes {
        BYTE_GRAIN
    } else {
        1
    }
}

/// The growth from one count to the next in whole grains, towards zero.
fn in_grains(from: u64, to: u64, grain: u64) -> i64 {
    (to.cast_signed() - from.cast_signed()) / grain.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed_all(test: &mut GrowthTest, count: impl Fn(u64) -> Snapshot) -> Growth {
        let mut iterations = test.warm_up_iterations();
        let mut step = test.feed(iterations, &count(iterations));
        loop {
            match step {
                Step::Continue {
                    next_block_iterations,
                } => {
                    iterations += next_block_iterations;
                    step = test.feed(next_block_iterations, &count(iterations));
                }
                Step::Done(growth) => return growth,
            }
        }
    }

    fn objects(count: u64) -> Snapshot {
        Snapshot::from([(Series::Objects, count)])
    }

    #[test]
    fn the_standard_plan_is_the_documented_one() {
        let mut test = GrowthTest::new(Plan::default());
        let mut lengths = Vec::new();
        lengths.push(test.warm_up_iterations());
        let mut step = test.feed(lengths[0], &objects(7));
        while let Step::Continue {
            next_block_iterations,
        } = step
        {
            lengths.push(next_block_iterations);
            step = test.feed(next_block_iterations, &objects(7));
        }
        assert_eq!(lengths, [512, 512, 1_024, 2_048, 4_096, 8_192, 16_384]);
        assert_eq!(lengths.iter().sum::<u64>(), Plan::default().wanted);
        assert_eq!(Plan::of(32_768), Plan::default());
    }

    #[test]
    fn an_undecided_count_is_measured_on_until_it_is_decided() {
        // Four events in the standard plan, eight in twice its length.
        let growth = feed_all(&mut GrowthTest::new(Plan::default()), |i| {
            objects(i / 6_000)
        });
        assert!(
            matches!(growth.verdict(), Verdict::Leak { .. }),
            "{growth:?}"
        );
        assert!(
            growth.iterations > 32_768,
            "decided after {}",
            growth.iterations
        );
    }

    #[test]
    fn a_budget_that_ends_early_never_says_leak() {
        let mut test = GrowthTest::new(Plan::default());
        for block in 1..=5 {
            test.feed(512, &objects(block * 512));
            let verdict = test.finish().verdict();
            assert!(
                matches!(
                    verdict,
                    Verdict::Undecided {
                        reason: Undecided::PlanIncomplete,
                        ..
                    }
                ),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn a_total_that_leaks_is_measured_on_until_a_type_does() {
        let two_types = |i: u64| {
            let each = i / 3_000;
            let of = |name: &str| Series::Type(name.to_owned());
            Snapshot::from([
                (Series::Objects, 2 * each),
                (of("A"), each),
                (of("B"), each),
            ])
        };
        let growth = feed_all(&mut GrowthTest::new(Plan::default()), two_types);
        let verdict = &growth.verdicts[&Series::Type("A".to_owned())];
        assert!(matches!(verdict, Verdict::Leak { .. }), "{verdict:?}");
        assert!(
            growth.iterations > Plan::default().wanted,
            "decided too early to be tested"
        );
    }

    #[test]
    fn a_short_first_block_only_means_more_blocks() {
        let plan = Plan {
            first_block: 2,
            ..Plan::default()
        };
        let growth = feed_all(&mut GrowthTest::new(plan), objects);
        assert!(
            matches!(growth.verdict(), Verdict::Leak { .. }),
            "{growth:?}"
        );
        assert!(growth.iterations >= 32_000, "{}", growth.iterations);
    }

    #[test]
    fn a_budget_that_ends_between_enough_and_wanted_may_convict() {
        for (at_least, word) in [(64, "leak"), (65, "undecided")] {
            let plan = Plan {
                first_block: 1,
                wanted: 1_000,
                at_least,
            };
            let mut test = GrowthTest::new(plan);
            let mut sum = 0;
            for block in [1, 1, 2, 4, 8, 16, 32] {
                sum += block;
                test.feed(block, &objects(sum));
            }
            assert_eq!(test.finish().verdict().word(), word, "at least {at_least}");
        }
    }

    #[test]
    fn a_growing_type_is_named_even_when_the_total_is_steady() {
        let growth = feed_all(&mut GrowthTest::new(Plan::default()), |i| {
            let mut counts = objects(1_000_000);
            counts.insert(Series::Type("Node".into()), i / 10);
            counts.insert(Series::Type("Leaf".into()), 1_000_000 - i / 10);
            counts
        });
        assert!(matches!(
            growth.verdicts[&Series::Type("Node".into())],
            Verdict::Leak { .. }
        ));
        assert!(matches!(
            growth.verdicts[&Series::Objects],
            Verdict::Clean { .. }
        ));
        assert!(
            matches!(growth.verdict(), Verdict::Leak { .. }),
            "the worst verdict is the verdict"
        );
    }

    #[test]
    fn bytes_are_judged_only_when_objects_do_not_grow() {
        let both = feed_all(&mut GrowthTest::new(Plan::default()), |i| {
            Snapshot::from([(Series::Objects, i), (Series::Bytes, i * 48)])
        });
        assert!(!both.verdicts.contains_key(&Series::Bytes));
        let buffer = feed_all(&mut GrowthTest::new(Plan::default()), |i| {
            Snapshot::from([
                (Series::Objects, 5),
                (Series::Bytes, (i * 8).next_power_of_two()),
            ])
        });
        let Verdict::Leak { rate } = buffer.verdicts[&Series::Bytes] else {
            panic!("{buffer:?}")
        };
        assert!((rate - 8.0).abs() < 0.01, "{rate} bytes per iteration");
    }

    #[test]
    fn a_type_first_seen_later_counted_zero_before() {
        let mut test = GrowthTest::new(Plan::default());
        test.feed(512, &objects(1));
        test.feed(512, &Snapshot::from([(Series::Type("Late".into()), 3)]));
        assert_eq!(
            test.points(&Series::Type("Late".into())),
            [(0, 0), (512, 3)]
        );
        assert_eq!(test.points(&Series::Objects), [(0, 1), (512, 0)]);
    }

    #[test]
    fn noise_is_the_idle_spread_or_the_largest_fall() {
        let mut test = GrowthTest::new(Plan::default());
        [5, 9, 6]
            .iter()
            .for_each(|&count| test.idle(&objects(count)));
        assert_eq!(test.jitter(&Series::Objects), 4);
        for count in [100, 110, 90, 120] {
            test.feed(512, &objects(count));
        }
        assert_eq!(test.jitter(&Series::Objects), 20);
    }
}
