//! The four verdicts on a series of counts, and the rule that gives them.
//!
//! The rule sees only how much a count grew in each of the last three blocks, each twice as long as the one before, with a
//! full collection at every border:
//!
//! 1. no growth in the last block: **clean**, with the largest rate that could have hidden;
//! 2. too few events, or none in the middle block, or no more than the noise: **undecided**, measure on;
//! 3. the last block has its share of the growth: a constant rate, a **leak**;
//! 4. otherwise the growth is slowing down: **fading** (a cache or memo table that fills), which is no defect by itself.
//!
//! Three clauses use the budget for certainty (see [`GrowthTest`](super::GrowthTest)): a fading that a constant rate would show
//! once in 10,000 times is measured on, so is a last block that is silent after so few events that a constant rate would be
//! silent there once in 100 times, and a count with noise or few events must show its constant rate in two windows running.
//!
//! Why it cannot go wrong by looking too early: a bounded cache passes for a leak only while it is larger than all blocks
//! together, which is why the shortest plan that may say "leak" is stated ([`Plan`](super::Plan)).

use std::fmt;

use super::binomial::{as_f64, lower_tail};

/// Fewer events than this in the last three blocks decide nothing.
pub const MIN_EVENTS: u64 = 8;

/// With fewer events than this a constant rate must show in two windows running: one clump of objects can pass once.
pub const CERTAIN_EVENTS: u64 = 64;

/// Growth must exceed the noise of the count by this factor before it is judged.
pub const JITTER_FACTOR: u64 = 4;

/// A constant rate leaves the last block this little or less with this probability; below it the growth is slowing.
pub const FADING_PROBABILITY: f64 = 0.01;

/// Fading is certain below this probability; between the two the test measures on while there is budget.
pub const CERTAIN_FADING_PROBABILITY: f64 = 1e-4;

/// A last rate of at least this share of the first is constant whatever the probability says (events in clumps).
pub const CONSTANT_RATIO: f64 = 0.9;

/// The rule of three: no event in `L` iterations excludes, at 95 %, rates above `3 / L`.
pub const RULE_OF_THREE: f64 = 3.0;

/// What the growth of a count says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Grows at a constant rate, in counts per iteration.
    Leak {
        /// Counts per iteration over the last three blocks.
        rate: f64,
    },
    /// Still grows, but ever more slowly: a cache or memo table that fills.
    Fading,
    /// Grows, but the budget ended before the rule could say how.
    Undecided {
        /// Counts per iteration over the last three blocks.
        rate: f64,
        /// The largest rate that fits what was seen (95 %).
        bound: f64,
        /// What was missing.
        reason: Undecided,
    },
    /// Did not grow.
    Clean {
        /// The largest rate that could have gone unseen (95 %), in counts per iteration.
        bound: f64,
    },
}

/// Why no verdict was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// The time ended before the planned blocks were measured.
    PlanIncomplete,
    /// Fewer than [`MIN_EVENTS`] events, or none in the middle block.
    TooFewEvents,
    /// The growth is not [`JITTER_FACTOR`] times the noise of the count, or a count that also falls grew only once.
    WithinJitter,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlanIncomplete => "the time budget ended before the planned iterations",
            Self::TooFewEvents => "too few events to tell a leak from a cache",
            Self::WithinJitter => "the growth is within the noise of the count",
        })
    }
}

impl Verdict {
    /// One word: `leak`, `fading`, `undecided` or `clean`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Leak { .. } => "leak",
            Self::Fading => "fading",
            Self::Undecided { .. } => "undecided",
            Self::Clean { .. } => "clean",
        }
    }

    /// The growth per iteration, where one was measured.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        match *self {
            Self::Leak { rate } | Self::Undecided { rate, .. } => Some(rate),
            Self::Fading | Self::Clean { .. } => None,
        }
    }

    /// The largest rate that fits what was seen (95 %), where the verdict leaves one.
    #[must_use]
    pub fn bound(&self) -> Option<f64> {
        match *self {
            Self::Clean { bound } | Self::Undecided { bound, .. } => Some(bound),
            Self::Fading | Self::Leak { .. } => None,
        }
    }

    /// The same verdict with rates in single counts instead of grains of several.
    pub(crate) fn in_units_of(self, grain: u64) -> Self {
        let grain = as_f64(grain);
        match self {
            Self::Leak { rate } => Self::Leak { rate: rate * grain },
            Self::Fading => Self::Fading,
            Self::Undecided {
                rate,
                bound,
                reason,
            } => Self::Undecided {
                rate: rate * grain,
                bound: bound * grain,
                reason,
            },
            Self::Clean { bound } => Self::Clean {
                bound: bound * grain,
            },
        }
    }

    /// Orders verdicts from harmless to bad: the verdict on several counts is their worst.
    #[must_use]
    pub fn severity(&self) -> u8 {
        match self {
            Self::Clean { .. } => 0,
            Self::Fading => 1,
            Self::Undecided { .. } => 2,
            Self::Leak { .. } => 3,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leak { rate } => write!(f, "leak of {rate:.4} per iteration"),
            Self::Fading => write!(f, "fading: grows ever more slowly"),
            Self::Undecided {
                rate,
                bound,
                reason,
            } => {
                write!(
                    f,
                    "undecided at {rate:.6} per iteration (at most {bound:.6}, 95 %): {reason}"
                )
            }
            Self::Clean { bound } => write!(f, "clean (at most {bound:.6} per iteration, 95 %)"),
        }
    }
}

/// Growth of one count in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) iterations: u64,
    pub(crate) growth: i64,
}

impl Block {
    fn rate(self) -> f64 {
        let size = as_f64(self.growth.unsigned_abs()) / as_f64(self.iterations);
        if self.growth < 0 { -size } else { size }
    }

    fn joined(self, next: Self) -> Self {
        Self {
            iterations: self.iterations + next.iterations,
            growth: self.growth + next.growth,
        }
    }
}

/// Applies the rule to the last three blocks of a count whose noise is `jitter`.
pub(crate) fn judge(blocks: [Block; 3], jitter: u64) -> Verdict {
    let [_, middle, last] = blocks;
    if last.growth <= 0 {
        return Verdict::Clean {
            bound: (RULE_OF_THREE + as_f64(jitter)) / as_f64(last.iterations),
        };
    }
    let events = events(blocks);
    if events < MIN_EVENTS || middle.growth < 1 {
        return undecided(blocks, jitter, Undecided::TooFewEvents);
    }
    if events < JITTER_FACTOR * jitter {
        return undecided(blocks, jitter, Undecided::WithinJitter);
    }
    if is_constant(blocks, events) {
        return Verdict::Leak {
            rate: as_f64(events) / as_f64(iterations(blocks)),
        };
    }
    Verdict::Fading
}

fn is_constant(blocks: [Block; 3], events: u64) -> bool {
    if probability_of_constant(blocks, events) >= FADING_PROBABILITY {
        return true;
    }
    let [first, middle, last] = blocks;
    // The first block alone would make any rate look constant after a silent start.
    let before = first.rate().max(first.joined(middle).rate());
    last.rate() >= CONSTANT_RATIO * before
}

/// How likely the last block has so few of the events, or fewer, at a constant rate.
fn probability_of_constant(blocks: [Block; 3], events: u64) -> f64 {
    let last = blocks[2];
    let share = as_f64(last.iterations) / as_f64(iterations(blocks));
    lower_tail(events, share, last.growth.unsigned_abs())
}

/// Whether a fading verdict on these blocks could still be a constant rate with bad luck: chance, or noise that hid as
/// much of the last block's growth as it can (the noise at both its ends).
pub(crate) fn fading_is_doubtful(mut blocks: [Block; 3], jitter: u64) -> bool {
    blocks[2].growth = blocks[2].growth.saturating_add_unsigned(2 * jitter);
    probability_of_constant(blocks, events(blocks)) >= CERTAIN_FADING_PROBABILITY
}

/// Whether the silence of the last block could still be a slow constant rate with bad luck: the block before it grew, and the
/// events are few. A silent block before it is evidence enough.
pub(crate) fn silence_is_doubtful(blocks: [Block; 3]) -> bool {
    let [_, middle, last] = blocks;
    last.growth == 0
        && middle.growth > 0
        && probability_of_constant(blocks, events(blocks)) >= FADING_PROBABILITY
}

/// Growth in all three blocks together; a fall is none.
pub(crate) fn events(blocks: [Block; 3]) -> u64 {
    let total: i64 = blocks.iter().map(|block| block.growth).sum();
    u64::try_from(total).unwrap_or(0)
}

/// An undecided verdict with the rate seen and the bound it allows (two standard deviations of a Poisson count and the rule of three).
pub(crate) fn undecided(blocks: [Block; 3], jitter: u64, reason: Undecided) -> Verdict {
    let events = as_f64(events(blocks));
    let iterations = as_f64(iterations(blocks));
    Verdict::Undecided {
        rate: events / iterations,
        bound: (events + 2.0 * events.sqrt() + RULE_OF_THREE + as_f64(jitter)) / iterations,
        reason,
    }
}

fn iterations(blocks: [Block; 3]) -> u64 {
    blocks.iter().map(|block| block.iterations).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(growth: [i64; 3]) -> [Block; 3] {
        let [a, b, c] = growth;
        [
            Block {
                iterations: 4_096,
                growth: a,
            },
            Block {
                iterations: 8_192,
                growth: b,
            },
            Block {
                iterations: 16_384,
                growth: c,
            },
        ]
    }

    fn word(growth: [i64; 3], jitter: u64) -> &'static str {
        judge(blocks(growth), jitter).word()
    }

    #[test]
    fn no_growth_in_the_last_block_is_clean_with_the_bound_of_three() {
        let Verdict::Clean { bound } = judge(blocks([900, 40, 0]), 0) else {
            panic!("not clean")
        };
        assert!((bound - 3.0 / 16_384.0).abs() < 1e-15);
        assert_eq!(word([0, 0, -3], 0), "clean");
    }

    #[test]
    fn a_constant_rate_is_a_leak_and_reports_it() {
        assert_eq!(
            judge(blocks([4_096, 8_192, 16_384]), 0),
            Verdict::Leak { rate: 1.0 }
        );
        assert_eq!(word([1, 3, 5], 0), "leak");
    }

    #[test]
    fn few_events_or_a_silent_middle_block_decide_nothing() {
        assert_eq!(word([1, 2, 4], 0), "undecided");
        assert_eq!(word([50, 0, 100], 0), "undecided");
    }

    #[test]
    fn a_slowing_growth_is_fading() {
        assert_eq!(word([100, 90, 80], 0), "fading");
        assert_eq!(
            word([0, 1_000, 10], 0),
            "fading",
            "after a silent first block"
        );
    }

    #[test]
    fn silence_after_one_to_five_events_is_doubtful() {
        for (growth, doubtful) in [
            ([0, 1, 0], true),
            ([2, 3, 0], true),
            ([3, 3, 0], false),
            ([5, 0, 0], false),
            ([0, 0, 0], false),
            ([0, 2, -1], false),
        ] {
            assert_eq!(silence_is_doubtful(blocks(growth)), doubtful, "{growth:?}");
        }
    }

    #[test]
    fn growth_within_the_noise_decides_nothing() {
        assert_eq!(word([10, 20, 40], 20), "undecided");
        assert_eq!(word([10, 20, 40], 17), "leak");
    }
}
