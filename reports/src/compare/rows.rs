//! Rows from measurements: every metric that the head reports.

use super::judge::{self, Reading};
use super::pairing::Pairing;
use super::{Row, RowVerdict};
use crate::config::Applied;
use crate::record::{Better, Measurement, Status};

/// A metric of the reference audit: any finding is a leak, with or without a base.
const AUDIT: &str = "leaks/audit_findings";

/// One row for each measurement of the head.
pub(super) fn measured(pairing: &Pairing<'_>) -> Vec<Row> {
    pairing
        .head_index
        .iter()
        .map(|(key, head)| {
            let base = pairing.base_index.get(key).copied();
            match Reading::of(head) {
                Some(reading) => with_value(pairing, base, head, reading),
                None => without_value(pairing, base, head),
            }
        })
        .collect()
}

/// A row of this metric with values, limit and vote, and a verdict still to be given.
pub(super) fn blank(
    pairing: &Pairing<'_>,
    base: Option<&Measurement>,
    head: Option<&Measurement>,
) -> Option<Row> {
    let shape = head.or(base)?;
    let (base_reading, head_reading) = (base.and_then(Reading::of), head.and_then(Reading::of));
    let applied = pairing
        .config
        .limit(&shape.metric, &shape.workload, &shape.variant);
    let interval = |r: Reading| [r.low, r.high];
    Some(Row {
        workload: shape.workload.clone(),
        variant: shape.variant.clone(),
        params: shape.params.clone(),
        instrument: shape.instrument.clone(),
        metric: shape.metric.clone(),
        unit: shape.unit.clone(),
        better: shape.better,
        exact: shape.exact,
        base: base_reading.map(|r| r.value),
        base_interval: base_reading.map(interval),
        head: head_reading.map(|r| r.value),
        head_interval: head_reading.map(interval),
        change: match (base_reading, head_reading) {
            (Some(base), Some(head)) => relative(base.value, head.value),
            _ => None,
        },
        limit: base_reading.map(|r| applied.limit(r.value)),
        verdict: RowVerdict::Unclear,
        reason: String::new(),
        votes: votes(pairing, &applied, shape),
        failed: false,
        waived: false,
    })
}

fn relative(base: f64, head: f64) -> Option<f64> {
    if base == head {
        return Some(0.0);
    }
    Some(head / base - 1.0).filter(|change| change.is_finite())
}

/// Exact counts vote where the rules say so; anything else only when it was asked for.
fn votes(pairing: &Pairing<'_>, applied: &Applied, shape: &Measurement) -> bool {
    let judgeable = shape.exact && shape.better != Better::None;
    let strict_time = pairing.options.strict && shape.instrument == "time";
    applied.votes_by_request() || (applied.votes() && judgeable) || strict_time
}

fn with_value(
    pairing: &Pairing<'_>,
    base: Option<&Measurement>,
    head: &Measurement,
    reading: Reading,
) -> Row {
    let mut row = blank(pairing, base, Some(head)).expect("the head is there");
    let base_reading = base.and_then(Reading::of);
    (row.verdict, row.reason) = match (base, base_reading) {
        _ if head.metric == AUDIT && reading.value > 0.0 => {
            row.votes = true;
            (RowVerdict::Regressed, audit_reason(head, reading.value))
        }
        (None, _) => (RowVerdict::New, no_counterpart(pairing)),
        (Some(base), None) => {
            let why = base.reason.as_deref().unwrap_or("not measured");
            (RowVerdict::New, format!("the baseline has no value: {why}"))
        }
        (Some(base), Some(base_reading)) => judged(pairing, &row, base, [base_reading, reading]),
    };
    row
}

fn audit_reason(head: &Measurement, findings: f64) -> String {
    let found = crate::format::plural(findings as u64, "finding");
    let detail = head
        .reason
        .as_deref()
        .map(|r| format!(": {r}"))
        .unwrap_or_default();
    format!("{found} of the reference audit{detail}, limit 0")
}

fn no_counterpart(pairing: &Pairing<'_>) -> String {
    match pairing.base {
        Some(_) => "not in the baseline".to_owned(),
        None => "no baseline to compare with".to_owned(),
    }
}

fn judged(
    pairing: &Pairing<'_>,
    row: &Row,
    base: &Measurement,
    readings: [Reading; 2],
) -> (RowVerdict, String) {
    if base.unit != row.unit {
        let reason = format!(
            "the unit was `{}` in the base and is `{}`",
            base.unit, row.unit
        );
        return (RowVerdict::Unclear, reason);
    }
    let incomparable = match row.instrument.as_str() {
        "instructions" => pairing.instructions_differ_by(),
        "time" | "rss" => pairing.machine_differs_by(),
        _ => None,
    };
    if let Some(difference) = incomparable {
        return (
            RowVerdict::Unclear,
            format!("not comparable, these differ: {difference}"),
        );
    }
    let limit = row.limit.unwrap_or_default();
    let verdict = judge::judge(readings[0], readings[1], row.better, limit);
    (
        verdict,
        judge::reason(verdict, readings, row.better, limit, &row.unit),
    )
}

/// A row for a measurement that was tried or planned and has no value.
fn without_value(pairing: &Pairing<'_>, base: Option<&Measurement>, head: &Measurement) -> Row {
    let mut row = blank(pairing, base, Some(head)).expect("the head is there");
    let why = head.reason.as_deref().unwrap_or("no reason was recorded");
    row.verdict = RowVerdict::Missing;
    row.failed = failed(head);
    row.reason = if row.failed {
        format!("failed: {why}")
    } else {
        why.to_owned()
    };
    row.votes = row.failed || missing_votes(pairing, base, &row);
    row
}

/// Whether a row without a value in the head votes: the missing row itself cannot be trusted to
/// say that it is exact, so the base's row decides, else the rules.
pub(super) fn missing_votes(pairing: &Pairing<'_>, base: Option<&Measurement>, row: &Row) -> bool {
    let applied = pairing
        .config
        .limit(&row.metric, &row.workload, &row.variant);
    match base.filter(|b| b.measured().is_some()) {
        Some(base) => votes(pairing, &applied, base),
        None => applied.votes() || (pairing.options.strict && row.instrument == "time"),
    }
}

/// Whether the case crashed, timed out or returned a wrong checksum.
pub(super) fn failed(measurement: &Measurement) -> bool {
    measurement.status == Status::Failed
}
