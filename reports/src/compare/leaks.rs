//! Rows from the leak detector: one verdict per case, judged with or without a base.
//!
//! A leak regresses, whatever the base says. Fading growth does not: its holder is named in the
//! reason. An undecided case is unclear. Reachable growth can be allowed in `exuvia.toml`
//! with a note; a lost count, an uncollected cycle or a native pin cannot.

use super::pairing::Pairing;
use super::{Limit, Row, RowVerdict};
use crate::config::rules::LEAK_VERDICT;
use crate::format;
use crate::record::{Better, CaseKey, LeakFinding, LeakVerdict, Record};
use std::collections::BTreeMap;

/// The class of growth that can be allowed.
pub(super) const REACHABLE_GROWTH: &str = "reachable growth";

/// One row for each case with findings in the head.
pub(super) fn verdicts(pairing: &Pairing<'_>) -> Vec<Row> {
    let base = pairing.base.map(by_case).unwrap_or_default();
    by_case(pairing.head)
        .iter()
        .map(|(case, findings)| row(pairing, case, findings, base.get(case).map(Vec::as_slice)))
        .collect()
}

fn by_case(record: &Record) -> BTreeMap<CaseKey, Vec<&LeakFinding>> {
    let mut cases: BTreeMap<CaseKey, Vec<&LeakFinding>> = BTreeMap::new();
    for finding in &record.leaks {
        cases.entry(finding.case()).or_default().push(finding);
    }
    cases
}

fn row(
    pairing: &Pairing<'_>,
    case: &CaseKey,
    findings: &[&LeakFinding],
    base: Option<&[&LeakFinding]>,
) -> Row {
    let (verdict, reason) = judged(pairing, findings, base);
    Row {
        workload: case.workload.clone(),
        variant: case.variant.clone(),
        params: case.params.clone(),
        instrument: "leaks".to_owned(),
        metric: LEAK_VERDICT.to_owned(),
        unit: "objects/iteration".to_owned(),
        better: Better::Less,
        exact: true,
        base: base.and_then(largest_rate),
        base_interval: None,
        head: largest_rate(findings),
        head_interval: None,
        change: None,
        limit: Some(Limit::default()),
        verdict,
        reason,
        votes: pairing
            .config
            .limit(LEAK_VERDICT, &case.workload, &case.variant)
            .votes(),
        failed: false,
        waived: false,
    }
}

fn largest_rate(findings: &[&LeakFinding]) -> Option<f64> {
    findings
        .iter()
        .filter_map(|f| f.rate)
        .max_by(f64::total_cmp)
}

fn judged(
    pairing: &Pairing<'_>,
    findings: &[&LeakFinding],
    base: Option<&[&LeakFinding]>,
) -> (RowVerdict, String) {
    let with = |verdict: LeakVerdict, allowed: bool| -> Vec<&LeakFinding> {
        let matches =
            |f: &&&LeakFinding| f.verdict == verdict && allowance(pairing, f).is_some() == allowed;
        findings.iter().filter(matches).copied().collect()
    };
    let leaks = with(LeakVerdict::Leak, false);
    if !leaks.is_empty() {
        return (RowVerdict::Regressed, list("leak", &leaks));
    }
    let undecided = with(LeakVerdict::Undecided, false);
    if !undecided.is_empty() {
        return (RowVerdict::Unclear, list("undecided", &undecided));
    }
    let reason = match with(LeakVerdict::Fading, false) {
        fading if !fading.is_empty() => list("fading", &fading),
        _ => allowed_or_clean(pairing, findings),
    };
    (without_leak(base), reason)
}

/// The verdict of a case that does not leak, by what it was before.
fn without_leak(base: Option<&[&LeakFinding]>) -> RowVerdict {
    match base {
        None => RowVerdict::New,
        Some(before) if before.iter().any(|f| f.verdict == LeakVerdict::Leak) => {
            RowVerdict::Improved
        }
        Some(_) => RowVerdict::Unchanged,
    }
}

/// The note of the configuration that allows this finding.
pub(super) fn allowance<'a>(pairing: &Pairing<'a>, finding: &LeakFinding) -> Option<&'a str> {
    if finding.verdict == LeakVerdict::Clean || finding.class.as_deref() != Some(REACHABLE_GROWTH) {
        return None;
    }
    let type_name = finding.type_name.as_deref().unwrap_or("");
    let allowed = pairing
        .config
        .growth_allowed(&finding.workload, &finding.variant, type_name)?;
    Some(&allowed.note)
}

fn allowed_or_clean(pairing: &Pairing<'_>, findings: &[&LeakFinding]) -> String {
    let allowed = findings
        .iter()
        .find_map(|f| Some((f, allowance(pairing, f)?)));
    match allowed {
        Some((finding, note)) => format!("{}; allowed: {note}", describe(finding)),
        None => {
            let bound = findings
                .iter()
                .filter_map(|f| f.bound)
                .max_by(f64::total_cmp);
            match bound {
                Some(bound) => format!("clean: {} (95 %)", at_most(bound)),
                None => "clean".to_owned(),
            }
        }
    }
}

fn per_iteration(objects: f64) -> String {
    let plural = if objects == 1.0 { "" } else { "s" };
    format!(
        "{} object{plural} per iteration",
        format::value(objects, "")
    )
}

fn at_most(bound: f64) -> String {
    format!("at most {}", per_iteration(bound))
}

fn list(word: &str, findings: &[&LeakFinding]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = findings.iter().take(SHOWN).map(|f| describe(f)).collect();
    let more = match findings.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{word}: {}{more}", shown.join("; "))
}

/// `count leak of Node, 1 object per iteration, allocated at a.rs:1, held by x`.
fn describe(finding: &LeakFinding) -> String {
    let class = finding.class.as_deref().unwrap_or("growth");
    // the detector's own sentence says all of it
    if let Some(whole) = &finding.reason
        && whole.starts_with(class)
    {
        return whole.clone();
    }
    let mut text = match &finding.type_name {
        Some(type_name) => format!("{class} of {type_name}"),
        None => class.to_owned(),
    };
    let mut add = |part: Option<String>| {
        if let Some(part) = part {
            text.push_str(", ");
            text.push_str(&part);
        }
    };
    add(finding.rate.map(per_iteration));
    if finding.verdict == LeakVerdict::Undecided {
        add(finding.bound.map(at_most));
    }
    add(finding
        .site
        .as_ref()
        .map(|site| format!("allocated at {site}")));
    add(finding
        .holder
        .as_ref()
        .map(|holder| format!("held by {holder}")));
    add(finding.reason.clone());
    text
}
