//! Worst first: the order of the rows, and the counts over them.

use crate::compare::{Counts, Row, RowVerdict, Tally};
use crate::config::rules::LEAK_VERDICT;
use crate::record::CaseKey;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Sorts the rows: what decides the gate first, then by how much, then by name.
pub(crate) fn order(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then_with(|| severity(b).total_cmp(&severity(a)))
            .then_with(|| name(a, b))
    });
}

fn rank(row: &Row) -> (u8, RowVerdict) {
    use RowVerdict::{Missing, Regressed, Unclear};
    let open = matches!(row.verdict, Regressed | Missing | Unclear);
    (u8::from(!(row.votes && open)), row.verdict)
}

/// What failed to run first, then leaks (the verdict, which names type and kind, before what it
/// was made from), then by the relative change.
fn severity(row: &Row) -> f64 {
    if row.failed {
        return f64::INFINITY;
    }
    if row.metric == LEAK_VERDICT {
        return f64::MAX;
    }
    if row.instrument == "leaks" {
        return f64::MAX * 0.75;
    }
    match (row.change, row.difference()) {
        (Some(change), _) => change.abs(),
        (None, Some(difference)) if difference != 0.0 => f64::MAX / 2.0,
        _ => 0.0,
    }
}

fn name(a: &Row, b: &Row) -> Ordering {
    (&a.workload, &a.variant, &a.params, &a.metric).cmp(&(
        &b.workload,
        &b.variant,
        &b.params,
        &b.metric,
    ))
}

/// Index of the row that decides a verdict other than pass; the rows are in order.
pub(crate) fn worst(rows: &[Row]) -> Option<usize> {
    use RowVerdict::{Missing, Regressed, Unclear};
    let decides = |row: &Row| row.votes && matches!(row.verdict, Regressed | Missing | Unclear);
    rows.first().filter(|row| decides(row)).map(|_| 0)
}

/// Counts over all rows and over the benchmarks they belong to.
pub(crate) fn counts(rows: &[Row]) -> Counts {
    let mut counts = Counts::default();
    let mut benchmarks: BTreeMap<CaseKey, RowVerdict> = BTreeMap::new();
    let mut leaking = BTreeSet::new();
    for row in rows {
        let tally = if row.votes {
            &mut counts.voting
        } else {
            &mut counts.silent
        };
        add(tally, row.verdict);
        let verdict = as_benchmark(row);
        benchmarks
            .entry(row.case())
            .and_modify(|v| *v = (*v).min(verdict))
            .or_insert(verdict);
        if row.votes && row.instrument == "leaks" && row.verdict == RowVerdict::Regressed {
            leaking.insert(row.case());
        }
    }
    benchmarks
        .values()
        .for_each(|verdict| add(&mut counts.by_benchmark, *verdict));
    counts.benchmarks = benchmarks.len() as u64;
    counts.leaks = leaking.len() as u64;
    counts
}

/// What a row says about its benchmark: without a vote it says at most that there is one.
fn as_benchmark(row: &Row) -> RowVerdict {
    match row.verdict {
        verdict if row.votes || row.waived => verdict,
        RowVerdict::New => RowVerdict::New,
        _ => RowVerdict::Unchanged,
    }
}

fn add(tally: &mut Tally, verdict: RowVerdict) {
    let count = match verdict {
        RowVerdict::Regressed => &mut tally.regressed,
        RowVerdict::Improved => &mut tally.improved,
        RowVerdict::Unchanged => &mut tally.unchanged,
        RowVerdict::Unclear => &mut tally.unclear,
        RowVerdict::Missing => &mut tally.missing,
        RowVerdict::New => &mut tally.new,
    };
    *count += 1;
}
