//! Two records laid side by side: lookups by case and metric, and what differs around them.

use crate::config::Config;
use crate::gate::{Facts, GateOptions};
use crate::record::{CaseKey, Difference, Measurement, Record};
use std::collections::{BTreeMap, BTreeSet};

/// A metric of a case.
pub(super) type MetricKey<'a> = (CaseKey, &'a str);

/// Both records, the limits, and the indexes over them.
pub(super) struct Pairing<'a> {
    pub(super) base: Option<&'a Record>,
    pub(super) head: &'a Record,
    pub(super) config: &'a Config,
    pub(super) options: &'a GateOptions,
    pub(super) base_index: BTreeMap<MetricKey<'a>, &'a Measurement>,
    pub(super) head_index: BTreeMap<MetricKey<'a>, &'a Measurement>,
    /// Planned cases of the head and their instruments.
    pub(super) planned: BTreeMap<CaseKey, BTreeSet<&'a str>>,
    pub(super) differences: Vec<Difference>,
}

fn index(record: &Record) -> BTreeMap<MetricKey<'_>, &Measurement> {
    record
        .measurements
        .iter()
        .map(|m| ((m.case(), m.metric.as_str()), m))
        .collect()
}

fn planned(record: &Record) -> BTreeMap<CaseKey, BTreeSet<&str>> {
    let mut planned: BTreeMap<CaseKey, BTreeSet<&str>> = BTreeMap::new();
    for case in &record.planned {
        let instruments = case.instruments.iter().map(String::as_str);
        planned.entry(case.case()).or_default().extend(instruments);
    }
    planned
}

impl<'a> Pairing<'a> {
    pub(super) fn new(
        base: Option<&'a Record>,
        head: &'a Record,
        config: &'a Config,
        options: &'a GateOptions,
    ) -> Self {
        Self {
            base,
            head,
            config,
            options,
            base_index: base.map(index).unwrap_or_default(),
            head_index: index(head),
            planned: planned(head),
            differences: base
                .map(|base| head.environment.differences(&base.environment))
                .unwrap_or_default(),
        }
    }

    /// Why instruction counts of the two records cannot be compared, if they cannot.
    pub(super) fn instructions_differ_by(&self) -> Option<String> {
        let parts: Vec<String> = self
            .differences
            .iter()
            .filter(|d| d.moves_instructions)
            .map(describe)
            .collect();
        if parts.is_empty() {
            None
        } else {
            Some(parts.join("; "))
        }
    }

    /// Why times and resident memory cannot be compared, if they cannot.
    pub(super) fn machine_differs_by(&self) -> Option<String> {
        let machine = |d: &&Difference| matches!(d.name.as_str(), "CPU" | "cores");
        let parts: Vec<String> = self
            .differences
            .iter()
            .filter(machine)
            .map(describe)
            .collect();
        if parts.is_empty() {
            None
        } else {
            Some(parts.join("; "))
        }
    }

    /// Why an instrument gave nothing for a case, from a row that says so.
    pub(super) fn failure(&self, case: &CaseKey, instrument: &str) -> Option<&'a Measurement> {
        self.head_index
            .range((case.clone(), "")..)
            .take_while(|((other, _), _)| other == case)
            .map(|(_, m)| *m)
            .find(|m| m.instrument == instrument && m.measured().is_none())
    }

    /// What the gate must know besides the rows.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            has_base: self.base.is_some(),
            measured: self
                .head
                .measurements
                .iter()
                .any(|m| m.measured().is_some())
                || !self.head.leaks.is_empty()
                || !self.head.pairs.is_empty(),
            leaks_judged: !self.head.leaks.is_empty(),
        }
    }
}

fn describe(difference: &Difference) -> String {
    let Difference {
        name, base, head, ..
    } = difference;
    if name == "CPU features" {
        return format!("{name} ({})", feature_changes(base, head));
    }
    format!("{name} ({base} in the base, {head} here)")
}

/// A list of processor features is long; only what was gained and lost is named.
fn feature_changes(base: &str, head: &str) -> String {
    let set = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    let (base, head) = (set(base), set(head));
    let named = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        a.difference(b)
            .filter(|f| *f != "none")
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    match (named(&base, &head), named(&head, &base)) {
        (lost, gained) if lost.is_empty() => format!("{gained} only here"),
        (lost, gained) if gained.is_empty() => format!("{lost} only in the base"),
        (lost, gained) => format!("{lost} only in the base, {gained} only here"),
    }
}
