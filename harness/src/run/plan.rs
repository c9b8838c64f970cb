//! Which case is measured by which instrument.

use exuvia_reports::record::{BlindSpot, Depth, PlannedCase, WorkloadInfo};

use super::filter::Filter;
use crate::exec::Instrument;
use crate::{CaseId, Suite, Workload};

/// What the user asked for.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// How thorough.
    pub(crate) depth: Depth,
    /// Instruments by name; nothing: all of them.
    pub(crate) instruments: Vec<String>,
    /// Which cases.
    pub(crate) filter: Filter,
    /// This part (from 1) of so many.
    pub(crate) shard: Option<(u64, u64)>,
    /// The longest one measured process may take, instead of the depth's own limit.
    pub(crate) timeout: Option<std::time::Duration>,
}

/// The instruments a user can name.
pub(crate) const INSTRUMENTS: [&str; 5] = ["time", "instructions", "heap", "leaks", "rss"];

/// Cases and instruments in the order of the suite.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<(CaseId, Vec<Instrument>)>,
}

impl Plan {
    /// Everything the selection asks for; empty when no case matches.
    pub(crate) fn new(suite: &Suite, selection: &Selection) -> Self {
        let workloads = suite
            .workloads()
            .iter()
            .filter(|workload| workload.ignored().is_none());
        let cases = workloads.flat_map(|workload| cases_of(workload, selection));
        let mine = |index: usize| {
            selection
                .shard
                .is_none_or(|(k, n)| index as u64 % n == k - 1)
        };
        Self {
            jobs: cases
                .enumerate()
                .filter(|(index, _)| mine(*index))
                .map(|(_, job)| job)
                .collect(),
        }
    }

    /// Drops instruments from the plan, and cases that lost their last one.
    pub(crate) fn keep(&mut self, wanted: impl Fn(Instrument) -> bool) {
        for (_, instruments) in &mut self.jobs {
            instruments.retain(|instrument| wanted(*instrument));
        }
        self.jobs.retain(|(_, instruments)| !instruments.is_empty());
    }

    /// The cases of one instrument.
    pub(crate) fn cases(&self, instrument: Instrument) -> impl Iterator<Item = &CaseId> {
        self.jobs
            .iter()
            .filter(move |(_, instruments)| instruments.contains(&instrument))
            .map(|(case, _)| case)
    }

    /// How many processes the plan is.
    pub(crate) fn processes(&self) -> usize {
        self.jobs
            .iter()
            .map(|(_, instruments)| instruments.len())
            .sum()
    }

    /// The plan as it stands in a record.
    pub(crate) fn planned(&self) -> Vec<PlannedCase> {
        let words = |instruments: &[Instrument]| {
            let mut words: Vec<_> = instruments
                .iter()
                .map(|instrument| instrument.row().to_owned())
                .collect();
            words.dedup();
            words
        };
        let planned = |(case, instruments): &(CaseId, Vec<Instrument>)| PlannedCase {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.iter().cloned().collect(),
            instruments: words(instruments),
        };
        self.jobs.iter().map(planned).collect()
    }
}

/// The workloads of a suite as they stand in a record.
pub(crate) fn workload_infos(suite: &Suite) -> Vec<WorkloadInfo> {
    let info = |workload: &Workload| WorkloadInfo {
        id: workload.id().to_owned(),
        question: workload.question().to_owned(),
        tags: workload.tag_list().to_vec(),
        variants: workload.variants().map(str::to_owned).collect(),
        params: workload.params().iter().cloned().collect(),
        blind: workload
            .blind_spots()
            .map(|(variant, instrument, reason)| BlindSpot {
                variant: variant.to_owned(),
                instrument: instrument.to_owned(),
                reason: reason.to_owned(),
            })
            .collect(),
    };
    suite.workloads().iter().map(info).collect()
}

/// Variants side by side at each point, so that what is compared is measured close together.
fn cases_of(workload: &Workload, selection: &Selection) -> Vec<(CaseId, Vec<Instrument>)> {
    let mut jobs = Vec::new();
    for point in points_of(workload, selection.depth) {
        for variant in workload.variants() {
            let case = workload.case(variant, point.clone());
            let instruments = instruments_of(workload, &case, selection);
            if !instruments.is_empty() && selection.filter.matches(&case, workload.tag_list()) {
                jobs.push((case, instruments));
            }
        }
    }
    jobs
}

fn points_of(workload: &Workload, depth: Depth) -> Vec<Vec<(String, u64)>> {
    let mut points = vec![workload.count_point()];
    if depth != Depth::Quick {
        points.extend(workload.points());
    }
    points.push(workload.leak_point());
    points.extend(rss_point(workload));
    points.extend(full_point(workload, depth));
    let mut seen = std::collections::HashSet::new();
    points.retain(|point| seen.insert(point.clone()));
    points
}

/// Resident memory moves in pages: only the largest size shows anything.
fn rss_point(workload: &Workload) -> Option<Vec<(String, u64)>> {
    let largest =
        |(name, values): &(String, Vec<u64>)| Some((name.clone(), values.iter().copied().max()?));
    workload
        .samples_rss()
        .then(|| workload.params().iter().filter_map(largest).collect())
}

/// The point that only the full depth reaches.
fn full_point(workload: &Workload, depth: Depth) -> Option<Vec<(String, u64)>> {
    (depth == Depth::Full)
        .then(|| workload.full_point())
        .flatten()
}

fn instruments_of(workload: &Workload, case: &CaseId, selection: &Selection) -> Vec<Instrument> {
    let small = case.params == workload.count_point();
    let counted =
        small || (selection.depth != Depth::Quick && workload.points().contains(&case.params));
    let at_speed =
        counted || full_point(workload, selection.depth).is_some_and(|point| point == case.params);
    let leaks = case.params == workload.leak_point();
    let rss = rss_point(workload).is_some_and(|point| point == case.params);
    let blind = |instrument: Instrument| {
        workload
            .blind_spots()
            .any(|(variant, word, _)| variant == case.variant && word == instrument.row())
    };
    let wanted = |instrument: Instrument| {
        selection.instruments.is_empty()
            || selection
                .instruments
                .iter()
                .any(|word| word == instrument.row())
    };
    [
        (Instrument::Time, at_speed),
        (Instrument::Instructions, counted),
        (Instrument::Heap, counted),
        (Instrument::Footprint, at_speed),
        (Instrument::Leaks, leaks),
        (Instrument::Rss, rss),
    ]
    .into_iter()
    .filter(|(instrument, planned)| *planned && wanted(*instrument) && !blind(*instrument))
    .map(|(instrument, _)| instrument)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite() -> Suite {
        let mut suite = Suite::new();
        suite.workload("a/b", |w| {
            w.param("n", [10, 1_000]).leak_at([("n", 3)]).rss();
            w.variant("x", |_, _| (), |()| 0)
                .variant("y", |_, _| (), |()| 0);
        });
        suite.workload("a/ignored", |w| {
            w.ignore("not today").variant("x", |_, _| (), |()| 0);
        });
        suite
    }

    fn plan(depth: Depth, instruments: &[&str]) -> Plan {
        let instruments = instruments.iter().map(|word| (*word).to_owned()).collect();
        Plan::new(
            &suite(),
            &Selection {
                depth,
                instruments,
                filter: Filter::default(),
                shard: None,
                timeout: None,
            },
        )
    }

    #[test]
    fn quick_measures_the_small_point_and_looks_for_leaks_where_it_was_told_to() {
        let plan = plan(Depth::Quick, &[]);
        let names = |instrument| {
            plan.cases(instrument)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(Instrument::Time), ["a/b[x]{n=10}", "a/b[y]{n=10}"]);
        assert_eq!(names(Instrument::Leaks), ["a/b[x]{n=3}", "a/b[y]{n=3}"]);
        assert_eq!(names(Instrument::Rss), ["a/b[x]{n=1000}", "a/b[y]{n=1000}"]);
    }

    #[test]
    fn the_default_depth_measures_every_point() {
        let plan = plan(Depth::Default, &["time"]);
        assert_eq!(plan.jobs.len(), 4);
        assert_eq!(plan.processes(), 4);
    }

    #[test]
    fn only_the_full_depth_goes_to_the_point_that_is_too_large_for_everyday() {
        let mut suite = suite();
        suite.workload("a/large", |w| {
            w.param("n", [1]).full_at([("n", 9)]);
            w.variant("x", |_, _| (), |()| 0);
        });
        let instruments_at_9 = |depth| {
            let selection = Selection {
                depth,
                instruments: vec![],
                filter: Filter::default(),
                shard: None,
                timeout: None,
            };
            let jobs = Plan::new(&suite, &selection).jobs;
            let found = jobs.into_iter().find(|(case, _)| case.params[0].1 == 9);
            found.map(|(_, instruments)| instruments)
        };
        assert_eq!(instruments_at_9(Depth::Default), None);
        assert_eq!(
            instruments_at_9(Depth::Full),
            Some(vec![Instrument::Time, Instrument::Footprint])
        );
    }

    #[test]
    fn an_instrument_that_is_blind_for_a_variant_is_not_planned_for_it() {
        let mut suite = Suite::new();
        suite.workload("a/b", |w| {
            w.variant("x", |_, _| (), |()| 0);
            w.variant("y", |_, _| (), |()| 0);
            w.blind("y", "heap", "it asks the kernel");
        });
        let selection = Selection {
            depth: Depth::Quick,
            instruments: vec!["heap".to_owned()],
            filter: Filter::default(),
            shard: None,
            timeout: None,
        };
        let plan = Plan::new(&suite, &selection);
        let cases: Vec<_> = plan.jobs.iter().map(|(case, _)| &case.variant).collect();
        assert_eq!(cases, ["x"]);
        assert_eq!(workload_infos(&suite)[0].blind[0].variant, "y");
    }

    #[test]
    fn shards_together_are_the_whole() {
        let selection = |shard| Selection {
            depth: Depth::Default,
            instruments: vec![],
            filter: Filter::default(),
            shard,
            timeout: None,
        };
        let whole = Plan::new(&suite(), &selection(None)).jobs.len();
        let parts: usize = (1..=3)
            .map(|k| Plan::new(&suite(), &selection(Some((k, 3)))).jobs.len())
            .sum();
        assert_eq!(parts, whole);
    }
}
