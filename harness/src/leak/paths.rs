//! Findings by holder path: one for each edge that grows, so that two leaks of one type are two findings.

use std::collections::BTreeSet;

use super::binomial::as_f64;
use super::finding::{Evidence, LeakClass, LeakFinding, fingerprint};
use super::growth::Series;
use super::verdict::Verdict;
use crate::probe::{Held, HeldFrom};

/// The findings, and the types whose growth they explain.
pub(super) fn by_path(evidence: &Evidence<'_>) -> (Vec<LeakFinding>, BTreeSet<String>) {
    let judged: Vec<(&Held, Series, LeakClass, f64)> = evidence
        .held
        .iter()
        .filter_map(|held| {
            let (series, class, rate) = judge(evidence, held)?;
            Some((held, series, class, rate))
        })
        .collect();
    let gained_under = |series: &Series| -> u64 {
        let alike = judged.iter().filter(|(_, other, ..)| other == series);
        alike.map(|(held, ..)| held.gained).sum()
    };
    let mut findings: Vec<LeakFinding> = judged
        .iter()
        .map(|(held, series, class, rate)| {
            let share = as_f64(held.gained) / as_f64(gained_under(series).max(1));
            finding(evidence, held, *class, rate * share)
        })
        .collect();
    findings.sort_by(|a, b| {
        (a.class, b.rate)
            .partial_cmp(&(b.class, a.rate))
            .expect("rates are numbers")
    });
    let explained = judged
        .iter()
        .flat_map(|(held, ..)| held.types.iter().chain([&held.type_name]))
        .cloned()
        .collect();
    (findings, explained)
}

/// The series that convicts what is held, with its class and rate; `None` when none does.
///
/// How the path begins says which class it can be. A handle that is kept throughout and that nobody declared begins paths
/// too: what grows below it is held by a live object, and only a growing surplus is a count leak.
fn judge(evidence: &Evidence<'_>, held: &Held) -> Option<(Series, LeakClass, f64)> {
    let leak = |series: &Series| match evidence.growth.verdicts.get(series) {
        Some(Verdict::Leak { rate }) => Some(*rate),
        _ => None,
    };
    let name = || held.type_name.clone();
    let audited = match held.from {
        HeldFrom::Root => None,
        HeldFrom::NewRoot => Some((Series::Pinned(name()), LeakClass::NativePin)),
        HeldFrom::Unknown => Some((Series::Surplus(name()), LeakClass::CountLeak)),
        HeldFrom::Unreachable => Some((Series::Cycle(name()), LeakClass::UncollectedCycle)),
    };
    if let Some((series, class)) = audited
        && let Some(rate) = leak(&series)
    {
        return Some((series, class, rate));
    }
    let class = match held.from {
        HeldFrom::Unreachable => LeakClass::UncollectedCycle,
        HeldFrom::NewRoot => LeakClass::NativePin,
        HeldFrom::Root | HeldFrom::Unknown => LeakClass::ReachableGrowth,
    };
    let path_verdicts = || {
        let series = held.general_paths.iter().cloned().map(Series::Path);
        series.filter_map(|series| Some((evidence.growth.verdicts.get(&series)?, series)))
    };
    let leaking = |(verdict, series): (&Verdict, Series)| match verdict {
        Verdict::Leak { rate } => Some((series, *rate)),
        _ => None,
    };
    let parts = path_verdicts().take(held.alike).filter_map(leaking);
    let whole: f64 = parts.map(|(_, rate)| rate).sum();
    if let Some((series, rate)) = path_verdicts().find_map(leaking) {
        return Some((series, class, rate.max(whole)));
    }
    // Its path was judged and does not leak: a cache that fills beside the leak of the same type. One part of a structure
    // that grows in many places says nothing of the whole.
    let is_harmless =
        |verdict: &Verdict| matches!(verdict, Verdict::Clean { .. } | Verdict::Fading);
    if held.alike == 1 && path_verdicts().any(|(verdict, _)| is_harmless(verdict)) {
        return None;
    }
    let series = Series::Type(name());
    leak(&series).map(|rate| (series, class, rate))
}

fn finding(evidence: &Evidence<'_>, held: &Held, class: LeakClass, rate: f64) -> LeakFinding {
    let bytes = evidence.bytes.get(&held.type_name).copied();
    LeakFinding {
        class,
        type_name: held.type_name.clone(),
        verdict: Verdict::Leak { rate },
        rate,
        bytes_per_iteration: bytes.filter(|bytes| *bytes > 0.0),
        holder: Some(held.path.clone()),
        site: held.site.clone(),
        retained_bytes: Some(held.retained_bytes),
        fingerprint: fingerprint(class, &held.type_name, Some(&held.stable_path)),
    }
}
