//! What a reader must know besides the rows: what did not vote, what was allowed, and why.

use super::pairing::Pairing;
use super::{Row, RowVerdict, leaks};
use crate::format::plural;
use crate::record::{CaseKey, LeakVerdict};
use std::collections::{BTreeMap, BTreeSet};

/// All notes, the most important first.
pub(super) fn notes(pairing: &Pairing<'_>, rows: &[Row], out_of_scope: u64) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(no_base(pairing));
    notes.extend(different_environment(pairing, rows));
    notes.extend(missing_rows(rows));
    notes.extend(partial_run(pairing, out_of_scope));
    notes.extend(fading(pairing));
    notes.extend(allowed_growth(pairing));
    notes.extend(without_vote(rows));
    notes.extend(unused_rules(pairing, rows));
    notes
}

fn no_base(pairing: &Pairing<'_>) -> Option<String> {
    pairing.base.is_none().then(|| {
        "no baseline to compare with: every row is new, leaks are judged all the same; \
         `cargo exuvia baseline save` makes this run the baseline"
            .to_owned()
    })
}

fn different_environment(pairing: &Pairing<'_>, rows: &[Row]) -> Option<String> {
    let difference = pairing.instructions_differ_by()?;
    let counted = rows
        .iter()
        .any(|r| r.instrument == "instructions" && r.base.is_some());
    counted.then(|| {
        format!(
            "instruction counts cannot be compared, these differ: {difference}; \
             measure the base here (`cargo exuvia gate --against GITREF`)"
        )
    })
}

/// One line per reason instead of one per row; beyond [`REASONS`] they are counted.
fn missing_rows(rows: &[Row]) -> Vec<String> {
    let mut found: BTreeMap<&str, Gap<'_>> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.verdict == RowVerdict::Missing) {
        let gap = found.entry(&row.reason).or_default();
        gap.instruments.insert(&row.instrument);
        gap.cases.insert(row.case());
    }
    let mut gaps: Vec<(&str, Gap<'_>)> = found.into_iter().collect();
    gaps.sort_by_key(|(_, gap)| std::cmp::Reverse(gap.cases.len()));
    let more = gaps.len().saturating_sub(REASONS) as u64;
    let mut notes: Vec<String> = gaps
        .iter()
        .take(REASONS)
        .map(|(reason, gap)| gap.note(reason))
        .collect();
    if more > 0 {
        notes.push(format!(
            "missing for {} besides",
            plural(more, "other reason")
        ));
    }
    notes
}

/// Reasons for missing rows that are written out.
const REASONS: usize = 8;

/// What is missing for one reason.
#[derive(Default)]
struct Gap<'a> {
    instruments: BTreeSet<&'a str>,
    cases: BTreeSet<CaseKey>,
}

impl Gap<'_> {
    fn note(&self, reason: &str) -> String {
        let instruments: Vec<&str> = self.instruments.iter().copied().collect();
        let cases = match self.cases.first() {
            Some(only) if self.cases.len() == 1 => only.to_string(),
            _ => plural(self.cases.len() as u64, "benchmark"),
        };
        format!("missing for {cases} ({}): {reason}", instruments.join(", "))
    }
}

fn partial_run(pairing: &Pairing<'_>, out_of_scope: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(selection) = &pairing.head.selection {
        notes.push(format!("this run is a selection: {selection}"));
    }
    if out_of_scope > 0 {
        let rows = plural(out_of_scope, "row");
        notes.push(format!(
            "{rows} of the baseline are outside of this run and were not judged"
        ));
    }
    if let Some(base) = pairing.base
        && base.depth != pairing.head.depth
    {
        let (base, head) = (base.depth, pairing.head.depth);
        notes.push(format!(
            "the baseline is a {base} run, this is a {head} run"
        ));
    }
    notes
}

fn fading(pairing: &Pairing<'_>) -> Option<String> {
    let fading = |l: &&crate::record::LeakFinding| l.verdict == LeakVerdict::Fading;
    let cases: BTreeSet<_> = pairing
        .head
        .leaks
        .iter()
        .filter(fading)
        .map(|l| l.case())
        .collect();
    let first = cases.first()?;
    let count = plural(cases.len() as u64, "benchmark");
    Some(format!(
        "{count} still grow and slow down (fading, no failure), first: {first}"
    ))
}

fn allowed_growth(pairing: &Pairing<'_>) -> Vec<String> {
    let allowed = pairing.head.leaks.iter().filter_map(|finding| {
        let note = leaks::allowance(pairing, finding)?;
        Some(format!("growth in {} is allowed: {note}", finding.case()))
    });
    allowed.collect::<BTreeSet<_>>().into_iter().collect()
}

fn without_vote(rows: &[Row]) -> Option<String> {
    let silent: BTreeSet<&str> = rows
        .iter()
        .filter(|r| !r.votes)
        .map(|r| r.metric.as_str())
        .collect();
    let voting: BTreeSet<&str> = rows
        .iter()
        .filter(|r| r.votes)
        .map(|r| r.metric.as_str())
        .collect();
    let only_silent: Vec<&str> = silent.difference(&voting).copied().collect();
    if only_silent.is_empty() {
        return None;
    }
    Some(format!("shown without a vote: {}", only_silent.join(", ")))
}

/// Rules of the file that no row of either record is about: probably misspelt.
fn unused_rules(pairing: &Pairing<'_>, rows: &[Row]) -> Vec<String> {
    let file = pairing.config.file.as_deref().unwrap_or("exuvia.toml");
    let used = |row: &Row, rule: &crate::config::LimitRule| {
        rule.applies_to(&row.metric, &row.workload, &row.variant)
    };
    let limits = pairing
        .config
        .limits
        .iter()
        .filter(|rule| !rows.iter().any(|row| used(row, rule)))
        .map(|rule| {
            format!(
                "{file}:{}: this limit matches no metric that was measured",
                rule.line
            )
        });
    let allowances = pairing
        .config
        .allowed_growth
        .iter()
        .filter(|rule| {
            let applied = |l: &crate::record::LeakFinding| {
                let type_name = l.type_name.as_deref().unwrap_or("");
                let found = pairing
                    .config
                    .growth_allowed(&l.workload, &l.variant, type_name);
                leaks::allowance(pairing, l).is_some() && found.is_some_and(|f| f.line == rule.line)
            };
            !pairing.head.leaks.iter().any(applied)
        })
        .map(|rule| format!("{file}:{}: this allowance was not needed", rule.line));
    if pairing.head.selection.is_some() {
        return Vec::new();
    }
    limits.chain(allowances).collect()
}
