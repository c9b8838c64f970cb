//! Every metric of every case: against the baseline with verdict and reason, or, without a
//! baseline, the variants side by side.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::super::model::{Case, Model, Workload};
use super::super::words;
use crate::compare::{Row, RowVerdict};
use crate::config::rules::LEAK_VERDICT;
use crate::format;
use crate::record::{LeakFinding, Measurement, Status};

/// The tables of a workload.
pub(super) fn render(model: &Model<'_>, workload: &Workload<'_>) -> Markup {
    if model.cmp.has_base {
        return html! { @for case in &workload.cases { (against(case)) } };
    }
    let mut groups: BTreeMap<&BTreeMap<String, u64>, Vec<&Case<'_>>> = BTreeMap::new();
    for case in &workload.cases {
        groups.entry(&case.key.params).or_default().push(case);
    }
    html! { @for cases in groups.values() { (side_by_side(cases)) } }
}

/// One case against its baseline; folded when nothing in it moved.
fn against(case: &Case<'_>) -> Markup {
    let mut rows = case.rows.clone();
    rows.sort_by_key(|r| (weight(r), place(&r.metric), r.metric.as_str()));
    let (equal, moved): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| is_equal(r));
    let open = !matches!(case.verdict(), RowVerdict::Unchanged | RowVerdict::New);
    html! {
        details .case open[open] {
            summary { strong { bdi { (words::case(&case.key)) } } " " span .soft { (tally(&rows)) } }
            @if !moved.is_empty() { (moved_table(case, &moved)) }
            @if !equal.is_empty() { (equal_line(&equal)) }
        }
    }
}

/// Nothing to judge and nothing to say: the same count on both sides.
fn is_equal(row: &Row) -> bool {
    row.exact && row.verdict == RowVerdict::Unchanged && row.base.is_some() && row.base == row.head
}

/// The metrics that are the same to the last digit, in one paragraph.
fn equal_line(rows: &[&Row]) -> Markup {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| (place(&r.metric), r.metric.as_str()));
    html! {
        p .equal {
            "Equal to the baseline: "
            @for (i, row) in rows.iter().enumerate() {
                @if i > 0 { " · " }
                (words::metric(&row.metric)) "\u{a0}" (words::value(row.head.unwrap_or_default(), &row.unit, true))
            }
        }
    }
}

fn moved_table(case: &Case<'_>, rows: &[&Row]) -> Markup {
    html! {
            table .metrics .against role="table" aria-label={ "Measurements of " (words::case(&case.key)) } {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Metric" }
                        th .num scope="col" role="columnheader" { "Baseline" }
                        th .num scope="col" role="columnheader" { "This run" }
                        th .num scope="col" role="columnheader" { "Change" }
                        th .num scope="col" role="columnheader" { "Limit" }
                        th scope="col" role="columnheader" { "Verdict" }
                        th scope="col" role="columnheader" { "Why" }
                    }
                }
                tbody role="rowgroup" { @for row in rows { (compared(case, row)) } }
            }
    }
}

/// What votes and moved comes first.
fn weight(row: &Row) -> u8 {
    match row.verdict {
        _ if !row.votes => 4,
        RowVerdict::Regressed => 0,
        RowVerdict::Missing | RowVerdict::Unclear => 1,
        RowVerdict::Improved => 2,
        RowVerdict::Unchanged | RowVerdict::New => 3,
    }
}

/// The order in which people look at metrics.
fn place(metric: &str) -> usize {
    const ORDER: [&str; 11] = [
        "time/ns_per_op",
        "time/",
        "instructions/ir",
        "instructions/",
        "heap/peak_bytes",
        "heap/total",
        "heap/",
        "leaks/",
        "rss/before",
        "rss/peak",
        "rss/",
    ];
    ORDER
        .iter()
        .position(|p| metric.starts_with(p))
        .unwrap_or(ORDER.len())
}

/// `1 regressed, 17 unchanged`, over the rows that vote.
fn tally(rows: &[&Row]) -> String {
    let mut counts: BTreeMap<RowVerdict, u64> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.votes) {
        *counts.entry(row.verdict).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(v, n)| format!("{} {v}", words::count(*n)))
        .collect();
    parts.join(", ")
}

fn compared(case: &Case<'_>, row: &Row) -> Markup {
    let is_verdict = row.metric == LEAK_VERDICT;
    let show = |v: Option<f64>, interval: Option<[f64; 2]>, leak: Option<&LeakFinding>| {
        // a verdict is a word: only a leak has a rate to show
        if let Some(leak) = leak.filter(|_| is_verdict && v.is_none()) {
            return html! { (leak.verdict) };
        }
        let text = v.map_or("–".to_owned(), |v| words::value(v, &row.unit, row.exact));
        let spread = v
            .filter(|_| !row.exact)
            .and_then(|v| words::spread(v, interval));
        html! { (text) @if let Some(s) = spread { span .sub { (words::beside(s)) } } }
    };
    let class = match row.verdict {
        RowVerdict::Regressed if row.votes => "num worse",
        RowVerdict::Improved if row.votes => "num better",
        _ => "num",
    };
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { (words::metric(&row.metric)) }
            td .num role="cell" { (show(row.base, row.base_interval, case.worst_base_leak())) }
            td .num role="cell" { (show(row.head, row.head_interval, case.worst_leak())) }
            td class=(class) role="cell" { (words::change(row)) }
            td .num role="cell" { @if row.votes { (words::limit(row.limit, &row.unit)) } @else { span .soft { "no vote" } } }
            td .judged role="cell" { @if row.votes { (words::badge(row.verdict)) } @else { span .soft { (row.verdict) } } }
            td .why role="cell" { (row.reason) }
        }
    }
}

/// The variants of one set of parameters as columns.
fn side_by_side(cases: &[&Case<'_>]) -> Markup {
    let metrics: BTreeSet<(usize, &str)> = cases
        .iter()
        .flat_map(|c| c.head.keys())
        .map(|m| (place(m), *m))
        .collect();
    let (phases, metrics): (Vec<_>, Vec<_>) = metrics
        .into_iter()
        .map(|(_, metric)| metric)
        .partition(|metric| is_unused_phase(cases, metric));
    let params = cases
        .first()
        .map(|c| words::params(&c.key))
        .unwrap_or_default();
    html! {
        div .scroll tabindex="0" role="group" aria-label={ "Measurements " (params) } {
            table .metrics .alone {
                @if !params.is_empty() { caption { (params) } }
                thead {
                    tr {
                        th scope="col" { "Metric" }
                        @for case in cases { th .num scope="col" { bdi { (case.key.variant) } } }
                    }
                }
                tbody {
                    @for metric in metrics {
                        tr {
                            th scope="row" { (words::metric(metric)) }
                            @for case in cases { td .num { (single(case.head.get(metric).copied())) } }
                        }
                    }
                }
            }
        }
        @if !phases.is_empty() {
            p .equal {
                "Nothing spent in these phases of the collector: "
                @for (i, phase) in phases.iter().enumerate() {
                    @if i > 0 { ", " }
                    (phase.rsplit('.').next().unwrap_or(phase))
                }
                "."
            }
        }
    }
}

/// A phase of the collector in which no variant executed an instruction.
fn is_unused_phase(cases: &[&Case<'_>], metric: &str) -> bool {
    let value = |case: &&Case<'_>| case.head.get(metric).map(|m| m.measured());
    metric.starts_with(words::PHASE)
        && cases
            .iter()
            .filter_map(value)
            .all(|value| value == Some(0.0))
}

fn single(m: Option<&Measurement>) -> Markup {
    let Some(m) = m else {
        return html! { span .soft { (format::NONE) } };
    };
    let spread = m
        .measured()
        .filter(|_| !m.exact)
        .and_then(|v| words::spread(v, m.interval()));
    html! {
        @match m.measured() {
            Some(v) => (words::value(v, &m.unit, m.exact)),
            None => span .gap { (status_word(m)) },
        }
        @if let Some(spread) = spread { span .sub { (words::beside(spread)) } }
    }
}

fn status_word(m: &Measurement) -> &'static str {
    match m.status {
        Status::Failed => "failed",
        Status::Measured | Status::Missing => "not measured",
    }
}
