//! Rows that ought to be there and are not: lost on the way, or gone from the suite.
//!
//! A metric of the base that the head does not report is missing, unless the head was never
//! meant to measure it: a run of a selection, or a run of another depth that planned the same
//! variant with other parameters. Those are counted and said in a note.

use super::pairing::Pairing;
use super::rows::{blank, missing_votes};
use super::{Row, RowVerdict};
use crate::config::rules::LEAK_VERDICT;
use crate::record::{CaseKey, Measurement};
use std::collections::BTreeSet;

/// Rows for what was lost, and how many rows of the base were outside of this run.
pub(super) struct Lost {
    pub(super) rows: Vec<Row>,
    pub(super) out_of_scope: u64,
}

/// Finds everything that `reported` (the rows built so far) lacks.
pub(super) fn lost(pairing: &Pairing<'_>, reported: &[Row]) -> Lost {
    let mut lost = lost_metrics(pairing);
    lost_verdicts(pairing, &mut lost);
    let seen: BTreeSet<(CaseKey, String)> = reported
        .iter()
        .chain(&lost.rows)
        .filter(|row| row.instrument != "leaks" || row.metric == LEAK_VERDICT)
        .map(|row| (row.case(), row.instrument.clone()))
        .collect();
    lost.rows.extend(silent_instruments(pairing, &seen));
    lost
}

/// Measured metrics of the base that the head does not mention.
fn lost_metrics(pairing: &Pairing<'_>) -> Lost {
    let mut lost = Lost {
        rows: Vec::new(),
        out_of_scope: 0,
    };
    for (key, base) in &pairing.base_index {
        if pairing.head_index.contains_key(key) || base.measured().is_none() {
            continue;
        }
        if out_of_scope(pairing, &key.0, &base.instrument) {
            lost.out_of_scope += 1;
            continue;
        }
        let mut row = blank(pairing, Some(base), None).expect("the base is there");
        row.verdict = RowVerdict::Missing;
        row.reason = why_missing(pairing, &key.0, &base.instrument);
        row.votes = missing_votes(pairing, Some(base), &row);
        lost.rows.push(row);
    }
    lost
}

/// Leak verdicts of the base for cases that the head did not judge.
fn lost_verdicts(pairing: &Pairing<'_>, lost: &mut Lost) {
    let judged: BTreeSet<CaseKey> = pairing.head.leaks.iter().map(|l| l.case()).collect();
    let before: BTreeSet<CaseKey> = pairing
        .base
        .iter()
        .flat_map(|base| &base.leaks)
        .map(|l| l.case())
        .collect();
    for case in before.difference(&judged) {
        if out_of_scope(pairing, case, "leaks") {
            lost.out_of_scope += 1;
        } else {
            lost.rows.push(silent_row(pairing, case, "leaks"));
        }
    }
}

/// Instruments that were planned for a case and left no row at all.
fn silent_instruments(pairing: &Pairing<'_>, seen: &BTreeSet<(CaseKey, String)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (case, instruments) in &pairing.planned {
        for instrument in instruments {
            if !seen.contains(&(case.clone(), (*instrument).to_owned())) {
                rows.push(silent_row(pairing, case, instrument));
            }
        }
    }
    rows
}

fn silent_row(pairing: &Pairing<'_>, case: &CaseKey, instrument: &str) -> Row {
    let shape = Measurement {
        workload: case.workload.clone(),
        variant: case.variant.clone(),
        params: case.params.clone(),
        instrument: instrument.to_owned(),
        metric: principal_metric(instrument),
        ..Measurement::default()
    };
    let mut row = blank(pairing, None, Some(&shape)).expect("a shape is there");
    row.verdict = RowVerdict::Missing;
    row.reason = why_missing(pairing, case, instrument);
    row.failed = pairing
        .failure(case, instrument)
        .is_some_and(super::rows::failed);
    row.votes = row.failed || missing_votes(pairing, None, &row);
    row
}

/// The metric that stands for an instrument that reported none.
fn principal_metric(instrument: &str) -> String {
    match instrument {
        "instructions" => "instructions/ir".to_owned(),
        "heap" => "heap/total_bytes.system".to_owned(),
        "leaks" => LEAK_VERDICT.to_owned(),
        "time" => "time/ns_per_op".to_owned(),
        "rss" => "rss/peak_bytes".to_owned(),
        other => format!("{other}/value"),
    }
}

fn out_of_scope(pairing: &Pairing<'_>, case: &CaseKey, instrument: &str) -> bool {
    if pairing
        .planned
        .get(case)
        .is_some_and(|planned| planned.contains(instrument))
    {
        return false;
    }
    let other_depth = pairing
        .base
        .is_some_and(|base| base.depth != pairing.head.depth)
        && !pairing.planned.contains_key(case)
        && pairing
            .planned
            .iter()
            .any(|(c, i)| same_variant(c, case) && i.contains(instrument));
    pairing.head.selection.is_some() || other_depth
}

fn same_variant(a: &CaseKey, b: &CaseKey) -> bool {
    a.workload == b.workload && a.variant == b.variant
}

fn why_missing(pairing: &Pairing<'_>, case: &CaseKey, instrument: &str) -> String {
    let planned = pairing
        .planned
        .get(case)
        .is_some_and(|planned| planned.contains(instrument));
    let told = pairing
        .failure(case, instrument)
        .and_then(|m| m.reason.clone());
    match told {
        Some(reason) => reason,
        None if planned => "planned, and no result came back".to_owned(),
        None => "in the baseline and no longer part of the run: \
                 `cargo exuvia baseline accept` if that is intended"
            .to_owned(),
    }
}
