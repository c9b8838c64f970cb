//! What the gate is worth on this machine: how often it cries wolf, and the smallest change it finds.
//!
//! This executable is compared with itself (any difference is a false alarm) and with itself plus a defect of known size
//! (any miss is a miss). Exact metrics are counted three times. Times are taken in process pairs; the rates of a whole
//! suite are had by resampling the recorded pairs in blocks of neighbours, so that drift stays in them.

use std::time::{Duration, Instant};

use exuvia_reports::compare::paired::logs;
use exuvia_reports::record::{SelfTest, SelfTestMetric};
use exuvia_reports::stats::paired::{Look, PairVerdict, Rule, verdicts};
use fastrand::Rng;

use super::plan::Plan;
use super::{Runner, Setup, duel};
use crate::exec::{ChildReport, Inject, Instrument};
use crate::{CaseId, Suite};

/// Resampled suites.
const SUITES: usize = 300;
/// Pairs of a look, and neighbours that are resampled together.
const PAIRS: usize = 20;
/// See above.
const BLOCK: usize = 4;
/// Slow-downs that are tried, as fractions.
const SLOWER: [f64; 7] = [0.01, 0.02, 0.03, 0.05, 0.10, 0.20, 0.50];

/// How thorough the test is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Counted cases, spread over the suite.
    pub(crate) counted: usize,
    /// Timed cases.
    pub(crate) timed: usize,
    pub(crate) until: Until,
}

/// When there are enough process pairs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so long.
    Elapsed(Duration),
    /// When each case has so many.
    Pairs(usize),
}

impl Until {
    fn reached(self, start: Instant, pairs: &[Vec<[f64; 2]>]) -> bool {
        match self {
            Self::Elapsed(budget) => start.elapsed() >= budget,
            Self::Pairs(wanted) => pairs.iter().all(|pairs| pairs.len() >= wanted),
        }
    }
}

/// Runs the test.
pub(crate) fn run(suite: &Suite, setup: &Setup, size: &Size) -> anyhow::Result<SelfTest> {
    let plan = Plan::new(suite, &setup.selection);
    let runner = Runner::new(setup, &plan)?;
    let counted = spread(&plan, Instrument::Instructions, size.counted);
    let mut metrics = Vec::new();
    if runner.valgrind.is_ok() {
        metrics.push(instructions(setup, &plan, &counted)?);
    }
    metrics.push(blocks(
        setup,
        &plan,
        &spread(&plan, Instrument::Heap, size.counted),
    )?);
    metrics.push(times(
        setup,
        &plan,
        &spread(&plan, Instrument::Time, size.timed),
        size.until,
    )?);
    runner.progress.finish();
    Ok(SelfTest {
        created_unix: runner.environment.created_unix,
        cpu_model: runner.environment.cpu_model.clone(),
        metrics,
    })
}

/// So many cases of an instrument, evenly over the plan.
fn spread(plan: &Plan, instrument: Instrument, wanted: usize) -> Vec<CaseId> {
    let cases: Vec<&CaseId> = plan.cases(instrument).collect();
    let wanted = wanted.min(cases.len());
    (0..wanted)
        .map(|index| cases[index * cases.len() / wanted].clone())
        .collect()
}

/// One measurement of each case, with something added.
fn measured(
    setup: &Setup,
    plan: &Plan,
    instrument: Instrument,
    cases: &[(CaseId, Option<Inject>)],
) -> anyhow::Result<Vec<Option<ChildReport>>> {
    let mut runner = Runner::new(setup, plan)?;
    let measure = |runner: &Runner<'_>, cases: &[CaseId]| match instrument {
        Instrument::Instructions => runner.count_all(instrument, cases),
        _ => runner.side_by_side(instrument, cases),
    };
    let mut answers = Vec::new();
    // neighbours with the same addition are measured together
    for group in cases.chunk_by(|a, b| a.1 == b.1) {
        runner.inject = group[0].1;
        let ids: Vec<CaseId> = group.iter().map(|(case, _)| case.clone()).collect();
        answers.extend(measure(&runner, &ids));
    }
    runner.progress.finish();
    let report = |(case, _): &(CaseId, Option<Inject>)| {
        let answer = answers.iter().find(|(of, _, _)| of == case);
        answer
            .and_then(|(_, _, answer)| answer.as_ref().ok())
            .map(|report| (**report).clone())
    };
    Ok(cases.iter().map(report).collect())
}

fn value(report: Option<&ChildReport>, metric: &str) -> Option<f64> {
    report?
        .measurements
        .iter()
        .find(|row| row.metric == metric)?
        .value
}

fn instructions(setup: &Setup, plan: &Plan, cases: &[CaseId]) -> anyhow::Result<SelfTestMetric> {
    const IR: &str = "instructions/ir";
    let with = |inject: &dyn Fn(usize) -> Option<Inject>| -> Vec<(CaseId, Option<Inject>)> {
        cases
            .iter()
            .enumerate()
            .map(|(index, case)| (case.clone(), inject(index)))
            .collect()
    };
    let count = |inject: &dyn Fn(usize) -> Option<Inject>| -> anyhow::Result<Vec<Option<f64>>> {
        let reports = measured(setup, plan, Instrument::Instructions, &with(inject))?;
        Ok(reports
            .iter()
            .map(|report| value(report.as_ref(), IR))
            .collect())
    };
    let runs = [count(&|_| None)?, count(&|_| None)?, count(&|_| None)?];
    let comparisons = runs[1..].iter().flat_map(|again| runs[0].iter().zip(again));
    let comparisons: Vec<_> = comparisons
        .filter(|(a, b)| a.is_some() && b.is_some())
        .collect();
    let alarms = comparisons.iter().filter(|(a, b)| a != b).count();
    // instructions of one round of the loop
    let many = 100_000;
    let long = count(&|index| (index == 0).then_some(Inject::Rounds(many)))?;
    let round = long[0]
        .zip(runs[0][0])
        .map_or(4.0, |(long, plain)| (long - plain) / many as f64);
    let mut found = None;
    let mut notes = Vec::new();
    for percent in [0.1, 0.5] {
        let rounds = |index: usize| {
            Some(Inject::Rounds(
                (runs[0][index]? * percent / 100.0 / round).ceil() as u64,
            ))
        };
        let injected = count(&rounds)?;
        let pairs: Vec<_> = runs[0]
            .iter()
            .zip(&injected)
            .filter_map(|(a, b)| Some(((*a)?, (*b)?)))
            .collect();
        let changed = pairs.iter().filter(|(a, b)| b > a).count();
        let red = pairs.iter().filter(|(a, b)| b / a - 1.0 > 0.003).count();
        notes.push(format!(
            "+{percent} %: {changed} of {} listed as changed, {red} red",
            pairs.len()
        ));
        if found.is_none() && !pairs.is_empty() && red * 100 >= pairs.len() * 95 {
            found = Some(percent / 100.0);
        }
    }
    Ok(SelfTestMetric {
        metric: IR.to_owned(),
        comparisons: comparisons.len() as u64,
        alarms: alarms as u64,
        found,
        note: format!("limit 0.3 %; injected {}", notes.join("; ")),
    })
}

fn blocks(setup: &Setup, plan: &Plan, cases: &[CaseId]) -> anyhow::Result<SelfTestMetric> {
    const BLOCKS: &str = "heap/total_blocks.system";
    let count = |inject: Option<Inject>| {
        let cases: Vec<_> = cases.iter().map(|case| (case.clone(), inject)).collect();
        measured(setup, plan, Instrument::Heap, &cases)
    };
    let runs = [count(None)?, count(None)?, count(None)?];
    let exact = |report: &Option<ChildReport>| {
        report.as_ref().map(|report| {
            report
                .measurements
                .iter()
                .map(|row| (row.metric.clone(), row.value))
                .collect::<Vec<_>>()
        })
    };
    let comparisons = runs[1..].iter().flat_map(|again| runs[0].iter().zip(again));
    let comparisons: Vec<_> = comparisons
        .filter_map(|(a, b)| Some((exact(a)?, exact(b)?)))
        .collect();
    let rows: usize = comparisons.iter().map(|(a, _)| a.len()).sum();
    let alarms: usize = comparisons
        .iter()
        .map(|(a, b)| a.iter().zip(b).filter(|(a, b)| a != b).count())
        .sum();
    let injected = count(Some(Inject::Blocks(1)))?;
    let pairs = runs[0].iter().zip(&injected);
    let pairs: Vec<_> = pairs
        .filter_map(|(a, b)| Some((value(a.as_ref(), BLOCKS)?, value(b.as_ref(), BLOCKS)?)))
        .collect();
    let red = pairs.iter().filter(|(a, b)| *b == a + 1.0).count();
    let smallest = pairs
        .iter()
        .map(|(a, _)| 1.0 / a.max(1.0))
        .fold(f64::INFINITY, f64::min);
    Ok(SelfTestMetric {
        metric: "heap/*.system".to_owned(),
        comparisons: rows as u64,
        alarms: alarms as u64,
        found: (!pairs.is_empty() && red * 100 >= pairs.len() * 95).then_some(smallest),
        note: format!(
            "limit 0; one block more per run found in {red} of {}",
            pairs.len()
        ),
    })
}

fn times(
    setup: &Setup,
    plan: &Plan,
    cases: &[CaseId],
    until: Until,
) -> anyhow::Result<SelfTestMetric> {
    let plain = Runner::new(setup, plan)?;
    let mut slowed = Runner::new(setup, plan)?;
    slowed.inject = Some(Inject::Slow(5.0));
    let mut rng = Rng::new();
    let start = Instant::now();
    let mut equal: Vec<Vec<[f64; 2]>> = vec![Vec::new(); cases.len()];
    let mut slower = equal.clone();
    let mut failed = 0;
    while !until.reached(start, &equal) && failed <= cases.len() {
        for (index, case) in cases.iter().enumerate() {
            let pair = duel::pair(&plain, &plain, case, rng.bool());
            failed += usize::from(pair.is_none());
            equal[index].extend(pair);
            if slower[index].len() < PAIRS {
                slower[index].extend(duel::pair(&plain, &slowed, case, rng.bool()));
            }
        }
    }
    plain.progress.finish();
    slowed.progress.finish();
    let recorded: Vec<Vec<f64>> = equal
        .iter()
        .map(|pairs| logs(pairs))
        .filter(|logs| logs.len() >= PAIRS)
        .collect();
    let real = slower
        .iter()
        .filter(|pairs| {
            Look::of(&logs(pairs)).is_some_and(|look| look.p_above(Rule::default().margin) <= 0.05)
        })
        .count();
    let pairs: usize = recorded.iter().map(Vec::len).sum();
    let blind = format!(
        "{real} of {} cases slowed by 5 % look slower at one look",
        cases.len()
    );
    if recorded.is_empty() {
        return Ok(SelfTestMetric {
            metric: "time/ns_per_op.paired".to_owned(),
            note: format!("too few pairs in the budget; {blind}"),
            ..SelfTestMetric::default()
        });
    }
    let alarms = (0..SUITES)
        .filter(|_| suite(&recorded, 0.0, &mut rng).contains(&PairVerdict::Worse))
        .count();
    let power = |slower: f64, rng: &mut Rng| {
        let found = (0..SUITES)
            .filter(|_| suite(&recorded, slower, rng)[0] == PairVerdict::Worse)
            .count();
        found as f64 / SUITES as f64
    };
    let curve: Vec<(f64, f64)> = SLOWER
        .iter()
        .map(|&slower| (slower, power(slower, &mut rng)))
        .collect();
    let told: Vec<String> = curve
        .iter()
        .map(|(slower, power)| format!("{:.0} %: {power:.2}", slower * 100.0))
        .collect();
    Ok(SelfTestMetric {
        metric: "time/ns_per_op.paired".to_owned(),
        comparisons: SUITES as u64,
        alarms: alarms as u64,
        found: curve
            .iter()
            .find(|(_, power)| *power >= 0.95)
            .map(|(slower, _)| *slower),
        note: format!(
            "{SUITES} suites resampled from {pairs} recorded pairs of {} cases; power by slow-down {}; {blind}",
            recorded.len(),
            told.join(", ")
        ),
    })
}

/// One suite of two looks, resampled; its first case is slowed down.
fn suite(recorded: &[Vec<f64>], slower: f64, rng: &mut Rng) -> Vec<PairVerdict> {
    let mut looks = || -> Vec<Option<Look>> {
        let cases = recorded.iter().enumerate();
        cases
            .map(|(index, logs)| {
                let change = if index == 0 { slower.ln_1p() } else { 0.0 };
                let sample: Vec<f64> = resampled(logs, rng)
                    .into_iter()
                    .map(|log| log + change)
                    .collect();
                Look::of(&sample)
            })
            .collect()
    };
    let (first, second) = (looks(), looks());
    verdicts(&first, &second, &Rule::default())
}

/// A look's worth of pairs in blocks of neighbours, each block with a random sign: base and head are the same.
fn resampled(logs: &[f64], rng: &mut Rng) -> Vec<f64> {
    let mut sample = Vec::with_capacity(PAIRS);
    while sample.len() < PAIRS {
        let from = rng.usize(0..=logs.len() - BLOCK);
        let sign = if rng.bool() { 1.0 } else { -1.0 };
        sample.extend(logs[from..from + BLOCK].iter().map(|log| sign * log));
    }
    sample.truncate(PAIRS);
    sample
}
