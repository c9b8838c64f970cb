//! Rows of wall time from process pairs: the rule is in [`crate::stats::paired`].

use super::pairing::Pairing;
use super::{Limit, Row, RowVerdict};
use crate::format::percent;
use crate::record::{Better, PairedTimes};
use crate::stats::paired::{Look, PairVerdict, Rule, verdicts};

/// The metric of the rows; its limit is the margin.
pub const PAIRED_TIME: &str = "time/ns_per_op.paired";

/// Confidence of the interval that is shown.
const LEVEL: f64 = 0.95;

/// One row per case that was timed in pairs.
pub(super) fn rows(pairing: &Pairing<'_>) -> Vec<Row> {
    let pairs = &pairing.head.pairs;
    let first: Vec<_> = pairs.iter().map(|p| Look::of(&logs(&p.first))).collect();
    let second: Vec<_> = pairs.iter().map(|p| Look::of(&logs(&p.second))).collect();
    let judged = verdicts(&first, &second, &rule(pairing));
    let looks = first.iter().zip(&second);
    let rows = pairs.iter().zip(looks).zip(judged);
    rows.map(|((pair, (first, second)), verdict)| row(pairing, pair, [first, second], verdict))
        .collect()
}

/// Logarithms of head / base.
pub fn logs(pairs: &[[f64; 2]]) -> Vec<f64> {
    pairs
        .iter()
        .map(|[base, head]| (head / base).ln())
        .collect()
}

/// One margin for the suite, because the correction is over the suite.
fn rule(pairing: &Pairing<'_>) -> Rule {
    let limit = pairing.config.limit(PAIRED_TIME, "*", "*").limit(1.0);
    Rule {
        margin: limit.relative.ln_1p(),
        ..Rule::default()
    }
}

fn row(
    pairing: &Pairing<'_>,
    pair: &PairedTimes,
    looks: [&Option<Look>; 2],
    verdict: PairVerdict,
) -> Row {
    let applied = pairing
        .config
        .limit(PAIRED_TIME, &pair.workload, &pair.variant);
    let limit = Limit {
        relative: rule(pairing).margin.exp_m1(),
        absolute: 0.0,
    };
    let side = |index: usize| {
        median(
            pair.first
                .iter()
                .chain(&pair.second)
                .map(|p| p[index])
                .collect(),
        )
    };
    let row_verdict = row_verdict(verdict);
    Row {
        workload: pair.workload.clone(),
        variant: pair.variant.clone(),
        params: pair.params.clone(),
        instrument: "time".to_owned(),
        metric: PAIRED_TIME.to_owned(),
        unit: "ns".to_owned(),
        better: Better::Less,
        exact: false,
        base: side(0),
        base_interval: None,
        head: side(1),
        head_interval: None,
        change: looks[0].map(|look| look.mean.exp_m1()),
        limit: Some(limit),
        verdict: row_verdict,
        reason: reason(looks, verdict, limit),
        // most honest answers about time are "not shown": they stop a change only where that was asked for
        votes: applied.votes()
            && (pairing.options.strict || !matches!(row_verdict, RowVerdict::Unclear)),
        failed: false,
        waived: false,
    }
}

fn row_verdict(verdict: PairVerdict) -> RowVerdict {
    match verdict {
        PairVerdict::Worse => RowVerdict::Regressed,
        PairVerdict::Better => RowVerdict::Improved,
        PairVerdict::NotWorse => RowVerdict::Unchanged,
        PairVerdict::Suspected
        | PairVerdict::NotConfirmed
        | PairVerdict::Open
        | PairVerdict::TooFew => RowVerdict::Unclear,
    }
}

fn reason([first, second]: [&Option<Look>; 2], verdict: PairVerdict, limit: Limit) -> String {
    let told = |look: &Look| {
        let [low, high] = look.interval(LEVEL).map(|end| percent(end.exp_m1()));
        format!(
            "{} [{low} to {high}] over {} pairs",
            percent(look.mean.exp_m1()),
            look.n
        )
    };
    let Some(first) = first else {
        return "fewer than two process pairs were measured".to_owned();
    };
    let margin = limit.text(1.0, "ns");
    let again = second
        .as_ref()
        .map(|look| format!(", {} at the second look", told(look)))
        .unwrap_or_default();
    let what = match verdict {
        PairVerdict::Worse => "slower at both looks",
        PairVerdict::Better => "faster",
        PairVerdict::NotWorse => "shown not to be slower by more than the margin",
        PairVerdict::Suspected => "slower at one look; the second was not taken",
        PairVerdict::NotConfirmed => "slower at the first look, not confirmed",
        PairVerdict::Open => {
            "the interval leaves open whether it is beyond the margin; more pairs would tell"
        }
        PairVerdict::TooFew => "too few pairs for a verdict; a larger --time-budget takes more",
    };
    format!("{}{again}: {what}; margin {margin}", told(first))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (n > 0).then(|| f64::midpoint(values[(n - 1) / 2], values[n / 2]))
}
