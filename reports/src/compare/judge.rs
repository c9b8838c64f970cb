//! The rule that turns two intervals and a limit into a verdict.
//!
//! One rule serves exact counts (whose interval is a point) and estimates: the difference
//! lies somewhere between `head.low - base.high` and `head.high - base.low`. It is a
//! regression if all of that range is worse than the limit, an improvement if all of it is
//! better, unchanged if all of it is within, and unclear otherwise.

use super::{Limit, RowVerdict};
use crate::format;
use crate::record::{Better, Measurement};

/// A measured value with its interval.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Reading {
    pub(super) fn of(measurement: &Measurement) -> Option<Self> {
        let [low, high] = measurement.interval()?;
        Some(Self {
            value: measurement.measured()?,
            low,
            high,
        })
    }
}

/// Judges a metric with a direction.
pub(super) fn judge(base: Reading, head: Reading, better: Better, limit: Limit) -> RowVerdict {
    let (mildest, worst) = match better {
        Better::Less => (head.low - base.high, head.high - base.low),
        Better::More => (base.low - head.high, base.high - head.low),
        Better::None if base.value == head.value => return RowVerdict::Unchanged,
        Better::None => return RowVerdict::Unclear,
    };
    let allowed = limit.allowed(base.value);
    if mildest > allowed {
        RowVerdict::Regressed
    } else if worst < -allowed {
        RowVerdict::Improved
    } else if mildest >= -allowed && worst <= allowed {
        RowVerdict::Unchanged
    } else {
        RowVerdict::Unclear
    }
}

/// Why [`judge`] said what it said.
pub(super) fn reason(
    verdict: RowVerdict,
    [base, head]: [Reading; 2],
    better: Better,
    limit: Limit,
    unit: &str,
) -> String {
    let limit_text = limit.text(base.value, unit);
    let change = format::change(base.value, head.value, unit);
    match verdict {
        RowVerdict::Unchanged if base.value == head.value => "equal".to_owned(),
        RowVerdict::Unchanged => format!("{change} is within the limit of {limit_text}"),
        RowVerdict::Unclear if better == Better::None => {
            format!(
                "{}; no direction is declared better",
                against(base, head, unit)
            )
        }
        RowVerdict::Unclear => {
            format!(
                "{}; the ranges leave open whether that is beyond the limit of {limit_text}",
                ranges(base, head, unit)
            )
        }
        _ => format!("{}, limit {limit_text}", against(base, head, unit)),
    }
}

/// `1,001 blocks against 1,000 blocks: +1 block (+0.1 %)`.
pub(super) fn against(base: Reading, head: Reading, unit: &str) -> String {
    let [base_text, head_text] = format::pair(base.value, head.value, unit);
    let difference = format::difference(head.value - base.value, unit);
    if base.value == 0.0 {
        return format!("{head_text} against {base_text}: {difference}");
    }
    let change = format::change(base.value, head.value, unit);
    format!("{head_text} against {base_text}: {difference} ({change})")
}

fn ranges(base: Reading, head: Reading, unit: &str) -> String {
    let range = |r: Reading| {
        let [low, high] = format::pair(r.low, r.high, unit);
        if r.low == r.high {
            low
        } else {
            format!("{low} to {high}")
        }
    };
    format!("{} against {}", range(head), range(base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(value: f64) -> Reading {
        Reading {
            value,
            low: value,
            high: value,
        }
    }

    fn range(low: f64, value: f64, high: f64) -> Reading {
        Reading { value, low, high }
    }

    const NOTHING: Limit = Limit {
        relative: 0.0,
        absolute: 0.0,
    };
    const TEN_PERCENT: Limit = Limit {
        relative: 0.1,
        absolute: 0.0,
    };

    #[test]
    fn one_byte_more_regresses_and_one_less_improves() {
        let verdict = |head| judge(point(1e9), point(head), Better::Less, NOTHING);
        assert_eq!(verdict(1e9 + 1.0), RowVerdict::Regressed);
        assert_eq!(verdict(1e9 - 1.0), RowVerdict::Improved);
        assert_eq!(verdict(1e9), RowVerdict::Unchanged);
        let verdict = |head| judge(point(100.0), point(head), Better::More, NOTHING);
        assert_eq!(verdict(99.0), RowVerdict::Regressed);
        assert_eq!(verdict(101.0), RowVerdict::Improved);
    }

    #[test]
    fn a_change_of_exactly_the_limit_passes() {
        let limit = Limit {
            relative: 0.003,
            absolute: 0.0,
        };
        let verdict = |head| judge(point(1_000.0), point(head), Better::Less, limit);
        assert_eq!(verdict(1_003.0), RowVerdict::Unchanged);
        assert_eq!(verdict(1_004.0), RowVerdict::Regressed);
    }

    #[test]
    fn overlapping_intervals_are_unclear_and_never_red() {
        let base = range(9.0, 10.0, 11.0);
        let verdict = |head| judge(base, head, Better::Less, TEN_PERCENT);
        assert_eq!(verdict(range(11.0, 12.0, 13.0)), RowVerdict::Unclear);
        assert_eq!(verdict(range(13.0, 14.0, 15.0)), RowVerdict::Regressed);
        assert_eq!(verdict(range(6.0, 6.5, 7.0)), RowVerdict::Improved);
        let narrow = judge(
            range(9.9, 10.0, 10.1),
            range(9.9, 10.1, 10.2),
            Better::Less,
            TEN_PERCENT,
        );
        assert_eq!(narrow, RowVerdict::Unchanged);
    }

    #[test]
    fn a_count_that_does_not_repeat_is_unclear() {
        let head = range(100.0, 100.0, 101.0);
        assert_eq!(
            judge(point(100.0), head, Better::Less, NOTHING),
            RowVerdict::Unclear
        );
        let text = reason(
            RowVerdict::Unclear,
            [point(100.0), head],
            Better::Less,
            NOTHING,
            "B",
        );
        assert_eq!(
            text,
            "100 B to 101 B against 100 B; the ranges leave open whether that is beyond the limit of 0"
        );
    }

    #[test]
    fn a_metric_without_direction_is_never_red_or_green() {
        assert_eq!(
            judge(point(1.0), point(9.0), Better::None, NOTHING),
            RowVerdict::Unclear
        );
        assert_eq!(
            judge(point(1.0), point(1.0), Better::None, NOTHING),
            RowVerdict::Unchanged
        );
    }

    proptest! {
        #[test]
        fn swapping_the_sides_of_exact_counts_mirrors_the_verdict(a in 1u32..9_999, b in 1u32..9_999) {
            let (a, b) = (point(f64::from(a)), point(f64::from(b)));
            let mirrored = match judge(b, a, Better::Less, NOTHING) {
                RowVerdict::Regressed => RowVerdict::Improved,
                RowVerdict::Improved => RowVerdict::Regressed,
                same => same,
            };
            prop_assert_eq!(judge(a, b, Better::Less, NOTHING), mirrored);
            prop_assert_eq!(judge(b, a, Better::More, NOTHING), judge(a, b, Better::Less, NOTHING));
        }
    }
}
