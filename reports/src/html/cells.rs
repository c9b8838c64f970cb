//! The cells of the results table: a change with its colour, a value, or a gap with its reason.

use maud::{Markup, html};

use super::figures::Figures;
use super::model::Case;
use super::words;
use crate::chart::{Delta, Paint};
use crate::compare::{Row, RowVerdict};
use crate::format;
use crate::record::{LeakVerdict, Status};

pub(super) const INSTRUCTIONS: &str = "instructions/ir";
pub(super) const PEAK: [&str; 2] = ["heap/peak_bytes.system", "heap/peak_footprint_bytes.pages"];
pub(super) const BLOCKS: [&str; 1] = ["heap/total_blocks.system"];
pub(super) const TIME: &str = "time/ns_per_op";

/// What a column is sorted by: the change where there is one, else the value.
pub(super) fn key(case: &Case<'_>, metrics: &[&str]) -> Option<String> {
    let row = metrics.iter().find_map(|m| case.row(m));
    let change = row.and_then(|r| r.change);
    let value = || metrics.iter().find_map(|m| case.head.get(m)?.measured());
    let against = case.rows.iter().any(|r| r.base.is_some());
    let number = if against { change } else { value() };
    number.map(|n| n.to_string())
}

/// Which metric decided, when the table has no column that shows it.
pub(super) fn because(case: &Case<'_>, verdict: RowVerdict) -> Markup {
    let shown = |m: &str| m == INSTRUCTIONS || PEAK.contains(&m) || BLOCKS.contains(&m);
    let row = case.deciding().filter(|r| !shown(&r.metric));
    html! {
        @if let Some(row) = row {
            @if !matches!(verdict, RowVerdict::Unchanged | RowVerdict::New) {
                span .sub { (words::metric(&row.metric)) }
            }
        }
    }
}

/// The change of the first of these metrics that the comparison has.
pub(super) fn against(case: &Case<'_>, metrics: &[&str]) -> Markup {
    let known = |m: &&str| case.row(m).filter(|r| r.head.is_some() || r.base.is_some());
    match metrics
        .iter()
        .find_map(known)
        .or_else(|| metrics.iter().find_map(|m| case.row(m)))
    {
        Some(row) => changed(row),
        None => absent(case, instrument(metrics), "no row in the comparison"),
    }
}

fn changed(row: &Row) -> Markup {
    let class = match row.verdict {
        RowVerdict::Regressed => "worse",
        RowVerdict::Improved => "better",
        _ => "same",
    };
    html! {
        @match row.verdict {
            RowVerdict::Missing => (gap(&row.reason)),
            RowVerdict::Unclear if row.change.is_none() => (gap(&row.reason)),
            RowVerdict::New => span .same { (words_value(row)) },
            _ => span class=(class) { (words::change(row)) },
        }
    }
}

fn words_value(row: &Row) -> String {
    row.head
        .map_or("–".to_owned(), |v| words::show(v, &row.unit))
}

/// The bar beside the change of instructions; `reach` is the largest change of the column.
pub(super) fn bar(figures: &Figures, case: &Case<'_>, reach: f64) -> Markup {
    let Some((row, change)) = case.row(INSTRUCTIONS).and_then(|r| Some((r, r.change?))) else {
        return html! { span .delta {} };
    };
    if reach <= 0.0 {
        return html! { span .delta {} };
    }
    let paint = match row.verdict {
        RowVerdict::Regressed => Paint::Worse,
        RowVerdict::Improved => Paint::Better,
        _ => Paint::Base,
    };
    let limit = row
        .limit
        .zip(row.base.filter(|b| *b != 0.0))
        .map(|(l, b)| l.allowed(b) / b.abs());
    figures.delta(&Delta {
        change,
        limit,
        reach,
        paint,
    })
}

/// The change of wall time with the spread of both sides.
pub(super) fn time_against(case: &Case<'_>) -> Markup {
    let Some(row) = case.row(TIME) else {
        return absent(case, "time", "no row in the comparison");
    };
    let spread = |v: Option<f64>, i| v.and_then(|v| words::spread(v, i)).unwrap_or(0.0);
    let (h, b) = (
        spread(row.head, row.head_interval),
        spread(row.base, row.base_interval),
    );
    html! {
        @if row.change.is_some() {
            (words::change(row))
            @if h.hypot(b) > 0.0 { span .sub { (words::beside(h.hypot(b))) } }
        } @else { (changed(row)) }
    }
}

/// Wall time with its spread.
pub(super) fn time_alone(case: &Case<'_>) -> Markup {
    let measured = case.head.get(TIME).and_then(|m| Some((m, m.measured()?)));
    let spread = measured.and_then(|(m, v)| words::spread(v, m.interval()));
    html! {
        (alone(case, &[TIME]))
        @if let Some(spread) = spread { span .sub { (words::beside(spread)) } }
    }
}

/// The first of these metrics that was measured.
pub(super) fn alone(case: &Case<'_>, metrics: &[&str]) -> Markup {
    if let Some(text) = metrics
        .iter()
        .find_map(|m| case.head.get(m).and_then(|m| words::short(m)))
    {
        return html! { (text) };
    }
    let reason = metrics
        .iter()
        .find_map(|m| case.head.get(m)?.reason.as_deref());
    let failed = metrics
        .iter()
        .any(|m| case.head.get(m).is_some_and(|m| m.status == Status::Failed));
    match (failed, reason) {
        (true, Some(reason)) => gap(&format!("failed: {reason}")),
        (_, Some(reason)) => gap(reason),
        (_, None) => absent(case, instrument(metrics), "not measured"),
    }
}

fn instrument<'m>(metrics: &[&'m str]) -> &'m str {
    metrics
        .first()
        .and_then(|m| m.split('/').next())
        .unwrap_or_default()
}

/// A value that should be there and is not.
fn gap(reason: &str) -> Markup {
    html! { span .gap title=(reason) { "not measured" } }
}

/// A missing value of an instrument: a gap if it was planned, a dash if it was not.
fn absent(case: &Case<'_>, instrument: &str, reason: &str) -> Markup {
    if case.asked(instrument) {
        return gap(reason);
    }
    html! { span .soft title="not planned for this case" { (format::NONE) } }
}

/// What the leak detector said.
pub(super) fn leak(case: &Case<'_>) -> Markup {
    let Some(finding) = case.worst_leak() else {
        return absent(case, "leaks", "the leak detector did not run");
    };
    let class = match finding.verdict {
        LeakVerdict::Leak => "worse",
        _ => "same",
    };
    html! {
        span class=(class) { (finding.verdict) }
        @if finding.verdict == LeakVerdict::Leak {
            @if let Some(type_name) = &finding.type_name { span .sub { bdi { (type_name) } } }
        }
    }
}
