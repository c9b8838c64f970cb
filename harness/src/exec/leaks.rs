//! The leak detector on one case: blocks of runs with a full collection and exact counts between them.
//!
//! A workload on our heap is counted by its objects and audited; any other by the blocks it leaves in the global
//! allocator. A fresh input of every run is part of what is counted: preparing must not leak either.

use exuvia_reports::record::{Better, LeakFinding, LeakVerdict, Measurement, Series, Status};

use super::ChildReport;
use super::session::Session;
use crate::leak::{self, LeakCheck, LeakClass, LeakReport, MeasuredSeries, PLAIN_OFFSET, Verdict};
use crate::workload::Started;

/// A constant rate over fewer runs than this convicts nobody: a cache may still be filling.
const AT_LEAST: u64 = 256;

/// Runs the case until every count has its verdict or the budget of the depth is used up.
pub(super) fn run(session: &Session<'_>, mut started: Box<dyn Started + '_>) -> ChildReport {
    let mut checksum = None;
    let body = || {
        started.make_ready();
        let returned = started.run_once();
        let is_wrong = session
            .expected
            .is_some_and(|expected| expected != returned);
        if is_wrong || checksum.is_none() {
            checksum = Some(returned);
        }
    };
    let check = LeakCheck::new()
        .at_least(AT_LEAST)
        .watch_process()
        .budget(session.request.leak_budget());
    let found = match session.probe() {
        Some(probe) => check.run_probed(&*probe, body),
        None => check.run_plain(body),
    };
    let mut report = session.report(checksum.unwrap_or(0));
    report.measurements = rows(session, &found);
    report.leaks = findings(session, &found);
    report.series = found
        .series
        .iter()
        .filter(|series| is_shown(series, &found))
        .map(|s| curve(session, s))
        .collect();
    report
}

fn rows(session: &Session<'_>, found: &LeakReport) -> Vec<Measurement> {
    let rate = found
        .findings
        .iter()
        .map(|finding| finding.rate)
        .fold(found.verdict().rate().unwrap_or(0.0), f64::max);
    let audited = found
        .findings
        .iter()
        .filter(|finding| finding.class != LeakClass::ReachableGrowth)
        .count();
    let growth = Measurement {
        metric: "leaks/growth_per_iteration".to_owned(),
        unit: "objects".to_owned(),
        better: Better::Less,
        statistic: "rate".to_owned(),
        value: Some(rate),
        n: found.iterations(),
        status: Status::Measured,
        ..session.row()
    };
    vec![
        growth,
        session.count("leaks/audit_findings", "findings", audited as f64),
    ]
}

/// Every leak, or else the one verdict that there is none.
fn findings(session: &Session<'_>, found: &LeakReport) -> Vec<LeakFinding> {
    if found.findings.is_empty() {
        let verdict = found.verdict();
        return vec![LeakFinding {
            verdict: verdict_of(&verdict),
            rate: verdict.rate(),
            bound: verdict.bound().filter(|bound| bound.is_finite()),
            reason: Some(found.to_string()),
            ..session.leak()
        }];
    }
    found
        .findings
        .iter()
        .map(|finding| of_finding(session, finding))
        .collect()
}

fn of_finding(session: &Session<'_>, finding: &leak::LeakFinding) -> LeakFinding {
    LeakFinding {
        verdict: verdict_of(&finding.verdict),
        class: Some(finding.class.as_str().to_owned()),
        type_name: Some(finding.type_name.clone()),
        rate: Some(finding.rate),
        bound: finding.verdict.bound().filter(|bound| bound.is_finite()),
        holder: finding.holder.clone(),
        site: finding.site.as_deref().map(relative),
        fingerprint: Some(finding.fingerprint.clone()),
        reason: Some(finding.to_string()),
        ..session.leak()
    }
}

/// The site without what stands in front of a package's folder: a record names no place of a machine.
fn relative(site: &str) -> String {
    const KEPT: usize = 3;
    if !site.starts_with('/') {
        return site.to_owned();
    }
    let parts: Vec<&str> = site.split('/').collect();
    parts[parts.len().saturating_sub(KEPT)..].join("/")
}

fn verdict_of(verdict: &Verdict) -> LeakVerdict {
    match verdict {
        Verdict::Leak { .. } => LeakVerdict::Leak,
        Verdict::Fading => LeakVerdict::Fading,
        Verdict::Undecided { .. } => LeakVerdict::Undecided,
        Verdict::Clean { .. } => LeakVerdict::Clean,
    }
}

/// The totals always; a type or an audited count only when it is not clean.
fn is_shown(measured: &MeasuredSeries, found: &LeakReport) -> bool {
    let is_total = matches!(measured.series, leak::Series::Objects | leak::Series::Bytes);
    is_total
        || found
            .growth
            .verdicts
            .get(&measured.series)
            .is_some_and(|verdict| verdict.severity() > 0)
}

fn curve(session: &Session<'_>, measured: &MeasuredSeries) -> Series {
    // what plain code leaves behind is counted from an offset
    let is_plain = session.probe().is_none();
    let (name, unit, offset) = match measured.series {
        leak::Series::Objects if is_plain => ("blocks_left".to_owned(), "blocks", PLAIN_OFFSET),
        leak::Series::Bytes if is_plain => ("bytes_left".to_owned(), "B", PLAIN_OFFSET),
        leak::Series::Bytes => (measured.series.to_string(), "B", 0),
        _ => (measured.series.to_string(), "objects", 0),
    };
    let note = if is_plain {
        "what the iterations left behind; the warm-up is left out"
    } else {
        "counted after a full collection; the warm-up is left out"
    };
    Series {
        name,
        unit: unit.to_owned(),
        x_unit: "iterations".to_owned(),
        points: measured
            .points
            .iter()
            .map(|(x, y)| [*x as f64, (y.cast_signed() - offset) as f64])
            .collect(),
        note: Some(note.to_owned()),
        ..session.series()
    }
}
