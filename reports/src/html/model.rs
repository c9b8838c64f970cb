//! The two records and their comparison, arranged the way the page reads them.
//!
//! Everything is ordered (by declaration where there is one, else by name), so that the
//! same input gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor;
use crate::beside::Beside;
use crate::chart::SERIES;
use crate::compare::{Comparison, Row, RowVerdict};
use crate::record::{
    CaseKey, CensusRow, LeakFinding, Measurement, PlannedCase, Record, Series, WorkloadInfo,
};

/// What the page is rendered from.
pub(super) struct Model<'a> {
    pub(super) head: &'a Record,
    pub(super) base: Option<&'a Record>,
    pub(super) cmp: &'a Comparison,
    pub(super) beside: &'a Beside,
    pub(super) workloads: Vec<Workload<'a>>,
    colours: BTreeMap<&'a str, usize>,
}

/// One workload with its cases.
pub(super) struct Workload<'a> {
    pub(super) id: &'a str,
    /// Id of its details on the page; links end in it.
    pub(super) anchor: String,
    pub(super) info: Option<&'a WorkloadInfo>,
    pub(super) variants: Vec<&'a str>,
    pub(super) cases: Vec<Case<'a>>,
}

/// Everything known about one case.
pub(super) struct Case<'a> {
    pub(super) key: CaseKey,
    pub(super) planned: Option<&'a PlannedCase>,
    pub(super) rows: Vec<&'a Row>,
    pub(super) head: BTreeMap<&'a str, &'a Measurement>,
    pub(super) base: BTreeMap<&'a str, &'a Measurement>,
    pub(super) leaks: Vec<&'a LeakFinding>,
    pub(super) base_leaks: Vec<&'a LeakFinding>,
    pub(super) series: Vec<&'a Series>,
    pub(super) base_series: Vec<&'a Series>,
    pub(super) census: Vec<&'a CensusRow>,
    pub(super) base_census: Vec<&'a CensusRow>,
}

impl<'a> Model<'a> {
    pub(super) fn new(
        head: &'a Record,
        base: Option<&'a Record>,
        cmp: &'a Comparison,
        beside: &'a Beside,
    ) -> Self {
        let mut cases = collect_cases(head, base, cmp);
        let mut anchors = BTreeSet::new();
        let mut workloads = Vec::new();
        for id in workload_ids(head, &cases) {
            let own: Vec<CaseKey> = cases.keys().filter(|k| k.workload == id).cloned().collect();
            let info = head.workloads.iter().find(|w| w.id == id);
            let own: Vec<Case<'a>> = own.iter().filter_map(|k| cases.remove(k)).collect();
            if own.is_empty() {
                continue; // declared, and not part of this run
            }
            workloads.push(Workload {
                id,
                anchor: anchor::unique(id, &mut anchors),
                info,
                variants: variant_names(head, info, id),
                cases: own,
            });
        }
        for workload in &mut workloads {
            workload.order_cases();
        }
        let colours = assign_colours(head, &workloads);
        Model {
            head,
            base,
            cmp,
            beside,
            workloads,
            colours,
        }
    }

    /// The colour number of a variant, the same everywhere in the report.
    pub(super) fn colour(&self, variant: &str) -> usize {
        self.colours.get(variant).copied().unwrap_or(0)
    }

    /// The workload of a case.
    pub(super) fn workload(&self, id: &str) -> Option<&Workload<'a>> {
        self.workloads.iter().find(|w| w.id == id)
    }
}

impl<'a> Workload<'a> {
    /// Why an instrument was left out for a variant on purpose.
    pub(super) fn blind(&self, variant: &str, instrument: &str) -> Option<&'a str> {
        let spots = self.info.map(|info| info.blind.as_slice());
        let spots = spots.unwrap_or_default().iter();
        let mut own = spots.filter(|b| b.variant == variant && b.instrument == instrument);
        own.next().map(|b| b.reason.as_str())
    }

    /// The part before the slash, by which workloads are grouped.
    pub(super) fn group(&self) -> &'a str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    /// The worst verdict of its cases.
    pub(super) fn verdict(&self) -> Option<RowVerdict> {
        self.cases.iter().map(Case::verdict).min()
    }

    fn order_cases(&mut self) {
        let variants = self.variants.clone();
        let place = |case: &Case<'_>| variants.iter().position(|v| *v == case.key.variant);
        self.cases.sort_by(|a, b| {
            (&a.key.params, place(a), &a.key.variant).cmp(&(
                &b.key.params,
                place(b),
                &b.key.variant,
            ))
        });
    }
}

impl<'a> Case<'a> {
    fn new(key: CaseKey) -> Self {
        Case {
            key,
            planned: None,
            rows: Vec::new(),
            head: BTreeMap::new(),
            base: BTreeMap::new(),
            leaks: Vec::new(),
            base_leaks: Vec::new(),
            series: Vec::new(),
            base_series: Vec::new(),
            census: Vec::new(),
            base_census: Vec::new(),
        }
    }

    /// The row of a metric in the comparison.
    pub(super) fn row(&self, metric: &str) -> Option<&'a Row> {
        self.rows.iter().find(|r| r.metric == metric).copied()
    }

    /// The row that decides about this case: the worst, then the largest change.
    pub(super) fn deciding(&self) -> Option<&'a Row> {
        let size = |row: &Row| row.change.map_or(0.0, f64::abs);
        let decides = self.rows.iter().filter(|r| r.votes || r.waived);
        decides
            .min_by(|a, b| a.verdict.cmp(&b.verdict).then(size(b).total_cmp(&size(a))))
            .copied()
    }

    /// The verdict of the case, by the rule with which the gate counts benchmarks.
    pub(super) fn verdict(&self) -> RowVerdict {
        let voice = |row: &&Row| match row.verdict {
            verdict if row.votes || row.waived => verdict,
            RowVerdict::New => RowVerdict::New,
            _ => RowVerdict::Unchanged,
        };
        self.rows
            .iter()
            .map(voice)
            .min()
            .unwrap_or(RowVerdict::Missing)
    }

    /// Whether the plan asked this instrument for this case; unknown plans ask for everything.
    pub(super) fn asked(&self, instrument: &str) -> bool {
        self.planned
            .is_none_or(|p| p.instruments.iter().any(|i| i == instrument))
    }

    /// The worst finding of the leak detector.
    pub(super) fn worst_leak(&self) -> Option<&'a LeakFinding> {
        worst(&self.leaks)
    }

    /// The same in the baseline.
    pub(super) fn worst_base_leak(&self) -> Option<&'a LeakFinding> {
        worst(&self.base_leaks)
    }

    /// Whether the gate counts the case as leaking.
    pub(super) fn leaks(&self) -> bool {
        let leaks =
            |r: &&Row| r.votes && r.instrument == "leaks" && r.verdict == RowVerdict::Regressed;
        self.rows.iter().any(leaks)
    }
}

fn worst<'a>(findings: &[&'a LeakFinding]) -> Option<&'a LeakFinding> {
    let findings = findings.iter().copied();
    findings.reduce(|a, b| if b.verdict > a.verdict { b } else { a })
}

fn collect_cases<'a>(
    head: &'a Record,
    base: Option<&'a Record>,
    cmp: &'a Comparison,
) -> BTreeMap<CaseKey, Case<'a>> {
    let mut cases: BTreeMap<CaseKey, Case<'a>> = BTreeMap::new();
    for planned in &head.planned {
        at(&mut cases, planned.case()).planned = Some(planned);
    }
    for row in &cmp.rows {
        at(&mut cases, row.case()).rows.push(row);
    }
    for m in &head.measurements {
        at(&mut cases, m.case()).head.insert(&m.metric, m);
    }
    for leak in &head.leaks {
        at(&mut cases, leak.case()).leaks.push(leak);
    }
    for series in &head.series {
        at(&mut cases, series.case()).series.push(series);
    }
    for row in &head.census {
        at(&mut cases, row.case()).census.push(row);
    }
    if let Some(base) = base {
        for m in &base.measurements {
            at(&mut cases, m.case()).base.insert(&m.metric, m);
        }
        for leak in &base.leaks {
            at(&mut cases, leak.case()).base_leaks.push(leak);
        }
        for series in &base.series {
            at(&mut cases, series.case()).base_series.push(series);
        }
        for row in &base.census {
            at(&mut cases, row.case()).base_census.push(row);
        }
    }
    cases
}

fn at<'m, 'a>(cases: &'m mut BTreeMap<CaseKey, Case<'a>>, key: CaseKey) -> &'m mut Case<'a> {
    cases.entry(key.clone()).or_insert_with(|| Case::new(key))
}

/// Declared workloads in their order, then the others by name.
fn workload_ids<'a>(head: &'a Record, cases: &BTreeMap<CaseKey, Case<'a>>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = head.workloads.iter().map(|w| w.id.as_str()).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    ids.retain(|id| seen.insert(id));
    let mut rest: BTreeSet<&'a str> = BTreeSet::new();
    for case in cases.values() {
        let from_rows = case.rows.iter().map(|r| r.workload.as_str());
        let from_head = case.head.values().map(|m| m.workload.as_str());
        let from_leaks = case.leaks.iter().map(|l| l.workload.as_str());
        let from_base = case.base.values().map(|m| m.workload.as_str());
        rest.extend(
            from_rows
                .chain(from_head)
                .chain(from_leaks)
                .chain(from_base),
        );
    }
    rest.extend(head.planned.iter().map(|p| p.workload.as_str()));
    ids.extend(rest.into_iter().filter(|id| !seen.contains(id)));
    ids
}

/// Declared variants in their order, then those that were measured all the same.
fn variant_names<'a>(head: &'a Record, info: Option<&'a WorkloadInfo>, id: &str) -> Vec<&'a str> {
    let mut names: Vec<&str> = info
        .map(|i| i.variants.iter().map(String::as_str).collect())
        .unwrap_or_default();
    let measured = head
        .measurements
        .iter()
        .filter(|m| m.workload == id)
        .map(|m| m.variant.as_str());
    let rest: BTreeSet<&str> = measured.filter(|v| !names.contains(v)).collect();
    names.extend(rest);
    names
}

/// One colour per variant name. A name wishes for its place among the variants of the first workload (by
/// name) that declares it, so that it keeps its colour from run to run and whatever part of the suite is
/// measured, and moves on only when a variant of the same workload has it.
fn assign_colours<'a>(head: &'a Record, workloads: &[Workload<'a>]) -> BTreeMap<&'a str, usize> {
    let mut groups: BTreeMap<&'a str, Vec<&'a str>> = head
        .workloads
        .iter()
        .map(|w| {
            (
                w.id.as_str(),
                w.variants.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    for workload in workloads {
        groups.insert(workload.id, workload.variants.clone());
    }
    let mut colours: BTreeMap<&'a str, usize> = BTreeMap::new();
    for variants in groups.values() {
        for (place, name) in variants.iter().enumerate() {
            if colours.contains_key(name) {
                continue;
            }
            let mates = groups.values().filter(|g| g.contains(name)).flatten();
            let taken: BTreeSet<usize> = mates.filter_map(|v| colours.get(v).copied()).collect();
            let mut wishes = (0..SERIES).map(|i| (place + i) % SERIES);
            let colour = wishes.find(|c| !taken.contains(c));
            colours.insert(name, colour.unwrap_or(place % SERIES));
        }
    }
    colours
}
