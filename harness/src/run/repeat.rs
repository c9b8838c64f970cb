//! A second count: an exact number that does not repeat is an error of its own, whatever the gate would say of it.
//!
//! Counted again is every case with a number that differs from the base, because it may decide the gate, and a tenth
//! of the others, another tenth each day.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use exuvia_reports::record::{Measurement, Record};

use super::Runner;
use super::assemble::{Answer, Answers};
use crate::CaseId;
use crate::exec::{ChildReport, Instrument};

/// What gives exact numbers from one run in a fresh process.
pub(crate) const EXACT: [Instrument; 3] = [
    Instrument::Instructions,
    Instrument::Heap,
    Instrument::Footprint,
];

/// Counts again what `differs` or has its turn, and replaces what does not repeat by the reason.
pub(crate) fn again(
    runner: &Runner<'_>,
    answers: &mut Answers,
    differs: impl Fn(&CaseId, &ChildReport) -> bool,
) {
    for instrument in EXACT {
        let wanted = |(case, of, answer): &(CaseId, Instrument, Answer)| {
            let report = answer.as_ref().ok().filter(|_| *of == instrument)?;
            (has_its_turn(case) || differs(case, report)).then(|| case.clone())
        };
        let cases: Vec<CaseId> = answers.iter().filter_map(wanted).collect();
        if cases.is_empty() {
            continue;
        }
        let second = match instrument {
            Instrument::Instructions => runner.count_all(instrument, &cases),
            _ => runner.side_by_side(instrument, &cases),
        };
        for (case, _, second) in second {
            let first = answers
                .iter_mut()
                .find(|(c, of, _)| *c == case && *of == instrument);
            if let Some((case, _, first)) = first
                && let Some(reason) = unequal(runner, case, first, &second)
            {
                runner.progress.say(format!("{case}: {reason}"));
                *first = Err(reason);
            }
        }
    }
}

fn unequal(runner: &Runner<'_>, case: &CaseId, first: &Answer, second: &Answer) -> Option<String> {
    let first = first.as_ref().ok()?;
    let second = match second {
        Ok(second) => second,
        Err(reason) => return Some(format!("measured once, and not a second time: {reason}")),
    };
    let value = |rows: &[Measurement], metric: &str| {
        rows.iter()
            .find(|r| r.metric == metric)
            .and_then(|r| r.value)
    };
    let varying = first
        .measurements
        .iter()
        .filter(|row| row.exact)
        .find_map(|row| {
            let again = value(&second.measurements, &row.metric);
            (again != row.value).then_some((row, again))
        });
    let (row, again) = varying?;
    let [once, twice] =
        [row.value, again].map(|v| v.map_or("nothing".to_owned(), |v| v.to_string()));
    Some(format!(
        "not deterministic: {} was {once}, then {twice}{}; std's HashMap takes a new seed in each process, a fixed hasher does not (more causes: harness/docs/bias.md)",
        row.metric,
        runner.varying_function(case)
    ))
}

/// A tenth of all cases, another one each day.
fn has_its_turn(case: &CaseId) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    turn_of(case) == now.as_secs() / 86_400 % 10
}

fn turn_of(case: &CaseId) -> u64 {
    let hash = super::environment::hash(case.to_string().as_bytes());
    u64::from_str_radix(&hash, 16).unwrap_or(0) % 10
}

/// Whether an exact number of the case is another one than in `base`.
pub(crate) fn differs_from(base: &Record) -> impl Fn(&CaseId, &ChildReport) -> bool + '_ {
    let known: std::collections::HashMap<_, _> = base
        .measurements
        .iter()
        .map(|row| ((row.case().to_string(), row.metric.as_str()), row.value))
        .collect();
    move |case, report| {
        let name = exuvia_reports::record::CaseKey::new(
            &case.workload,
            &case.variant,
            &case.params.iter().cloned().collect(),
        )
        .to_string();
        report
            .measurements
            .iter()
            .filter(|row| row.exact)
            .any(|row| {
                let before = known.get(&(name.clone(), row.metric.as_str()));
                before.is_some_and(|before| *before != row.value)
            })
    }
}

/// Cases of which an exact number differs between two sets of answers.
pub(crate) fn differing(base: &Answers, head: &Answers) -> BTreeSet<String> {
    let mut differing = BTreeSet::new();
    for (case, instrument, answer) in head.iter().filter(|(_, of, _)| EXACT.contains(of)) {
        let other = base.iter().find(|(c, of, _)| c == case && of == instrument);
        let (Ok(head), Some((_, _, Ok(base)))) = (answer, other) else {
            continue;
        };
        let differs = head.measurements.iter().filter(|row| row.exact).any(|row| {
            let before = base.measurements.iter().find(|r| r.metric == row.metric);
            before.is_none_or(|before| before.value != row.value)
        });
        if differs {
            differing.insert(case.to_string());
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_has_its_turn_once_in_ten_days() {
        let turns: BTreeSet<u64> = (0..200)
            .map(|n| turn_of(&format!("a/b[c]{{n={n}}}").parse().expect("a case")))
            .collect();
        assert_eq!(
            turns.into_iter().collect::<Vec<_>>(),
            (0..10).collect::<Vec<_>>()
        );
    }
}
