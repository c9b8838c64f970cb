//! The verdict in one sentence, the same in every output.

use crate::compare::{Comparison, RowVerdict, Verdict};
use crate::config::rules::LEAK_VERDICT;
use crate::format::plural;

/// `Gate failed: 2 of 200 benchmarks regressed`.
///
/// Says "no baseline" where there was none, and never "none leaks" where leaks were not judged:
/// that case is unclear.
pub(crate) fn sentence(comparison: &Comparison) -> String {
    match comparison.verdict {
        Verdict::Fail => failed(comparison),
        Verdict::Unclear => unclear(comparison),
        Verdict::Pass => passed(comparison),
    }
}

fn of_all(count: u64, comparison: &Comparison) -> String {
    format!(
        "{count} of {}",
        plural(comparison.counts.benchmarks, "benchmark")
    )
}

fn failed(comparison: &Comparison) -> String {
    let counts = &comparison.counts;
    let regressed = counts.by_benchmark.regressed;
    let what = match counts.leaks {
        0 => format!("{} regressed", of_all(regressed, comparison)),
        leaks if leaks == regressed => format!("{} leaked", of_all(leaks, comparison)),
        leaks => format!(
            "{} regressed, {leaks} of them leaked",
            of_all(regressed, comparison)
        ),
    };
    if comparison.has_base {
        format!("Gate failed: {what}")
    } else {
        format!("Gate failed: {what}; there is no baseline to compare with")
    }
}

fn unclear(comparison: &Comparison) -> String {
    let tally = &comparison.counts.by_benchmark;
    let open = tally.missing + tally.unclear;
    match (open, comparison.counts.benchmarks) {
        (_, 0) => "Gate unclear: nothing was measured".to_owned(),
        (0, _) => "Gate unclear: nothing that votes could be judged".to_owned(),
        (open, _) => format!(
            "Gate unclear: {} could not be judged",
            of_all(open, comparison)
        ),
    }
}

fn passed(comparison: &Comparison) -> String {
    let tally = &comparison.counts.by_benchmark;
    let all = plural(comparison.counts.benchmarks, "benchmark");
    let gaps = match tally.missing + tally.unclear {
        0 => String::new(),
        open => format!(", {open} with allowed gaps"),
    };
    if !comparison.has_base {
        let judged = plural(judged_for_leaks(comparison), "benchmark");
        return format!(
            "Gate passed: no leak in {judged}{gaps}; there is no baseline to compare with"
        );
    }
    let new = match tally.new {
        0 => String::new(),
        new => format!(", {new} new"),
    };
    format!("Gate passed: none of {all} regressed{new}{gaps}")
}

fn judged_for_leaks(comparison: &Comparison) -> u64 {
    let judged = |row: &&crate::compare::Row| {
        row.metric == LEAK_VERDICT && row.verdict != RowVerdict::Missing
    };
    comparison.rows.iter().filter(judged).count() as u64
}
