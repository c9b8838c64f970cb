//! Base against head: two executables, the same cases, measured here and now by the head's harness.
//!
//! Counts do not move with load, so that the sides are counted one after the other. Times are taken in pairs of
//! processes, cases in random order, the sides of a pair in random order (the rule is
//! [`exuvia_reports::stats::paired`]). A base needs to understand `exec --protocol 1` and nothing else; cases it does
//! not have are left out of its record.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use exuvia_reports::compare::paired::logs;
use exuvia_reports::record::{PairedTimes, Record};
use exuvia_reports::stats::paired::{Look, Rule, suspects};
use exuvia_reports::why::{CaseSites, Details, sites};

use super::assemble::{self, Answers};
use super::child::{self, Limits};
use super::plan::Plan;
use super::repeat;
use super::{Runner, Setup};
use crate::exec::Instrument;
use crate::leak::sites::is_foreign;
use crate::{CaseId, Suite};

/// The first look has at most so many pairs of each case.
const MOST_PAIRS: usize = 20;
/// The first look uses this part of the budget; the rest is for the second.
const FIRST_LOOK: f64 = 2.0 / 3.0;

/// Two sides and how long to time them.
pub(crate) struct Duel {
    pub(crate) base: Setup,
    pub(crate) head: Setup,
    /// For all pairs of all cases; nothing: times are not compared.
    pub(crate) time_budget: Option<Duration>,
}

/// One measured side.
pub(crate) struct Side {
    pub(crate) record: Record,
    pub(crate) details: Details,
}

/// Measures both sides: base, head.
pub(crate) fn run(suite: &Suite, duel: &Duel) -> anyhow::Result<(Side, Side)> {
    let mut plan = Plan::new(suite, &duel.head.selection);
    plan.keep(|instrument| instrument != Instrument::Time || duel.time_budget.is_some());
    let head = Runner::new(&duel.head, &plan)?;
    let base = Runner::new(&duel.base, &plan)?;
    let base_plan = known_to(&base, &plan);
    let sides = [(&base, &base_plan), (&head, &plan)];
    let mut answers = sides.map(|(runner, plan)| {
        let mut answers = Answers::default();
        runner.exact_stages(plan, &mut answers);
        answers
    });
    let differing = repeat::differing(&answers[0], &answers[1]);
    for ((runner, _), answers) in sides.into_iter().zip(&mut answers) {
        repeat::again(runner, answers, |case, _| {
            differing.contains(&case.to_string())
        });
    }
    let sites = sides.map(|(runner, plan)| sites_of(runner, plan, &differing));
    let pairs = duel
        .time_budget
        .map(|budget| timed(&base, &head, &base_plan, budget));
    for ((runner, plan), answers) in sides.into_iter().zip(&mut answers) {
        runner.stage("rss", plan, Instrument::Rss, answers, Runner::watched);
        runner.progress.finish();
    }
    let [base_answers, head_answers] = answers;
    let [base_sites, head_sites] = sites;
    let mut head_side = side(suite, &head, &plan, head_answers, head_sites);
    head_side.record.pairs = pairs.unwrap_or_default();
    Ok((
        side(suite, &base, &base_plan, base_answers, base_sites),
        head_side,
    ))
}

fn side(
    suite: &Suite,
    runner: &Runner<'_>,
    plan: &Plan,
    answers: Answers,
    sites: Vec<CaseSites>,
) -> Side {
    let environment = runner.environment.clone();
    let mut details = runner.details();
    details.sites = sites;
    Side {
        record: assemble::record(suite, runner.setup, plan, answers, environment),
        details,
    }
}

/// The part of the plan that this side's executable has: each case is run once without an instrument.
fn known_to(runner: &Runner<'_>, plan: &Plan) -> Plan {
    let cases: Vec<CaseId> = plan.jobs.iter().map(|(case, _)| case.clone()).collect();
    let lacks = |answer: &assemble::Answer| {
        answer
            .as_ref()
            .is_err_and(|reason| LACKING.iter().any(|words| reason.contains(words)))
    };
    let answers = runner.side_by_side(Instrument::Plain, &cases);
    let lacking: BTreeSet<String> = answers
        .iter()
        .filter(|(_, _, answer)| lacks(answer))
        .map(|(case, _, _)| case.to_string())
        .collect();
    let mut known = plan.clone();
    known
        .jobs
        .retain(|(case, _)| !lacking.contains(&case.to_string()));
    known
}

/// How `exec` says that it has no such case.
const LACKING: [&str; 4] = [
    "exuvia exec: no workload",
    "has no variant",
    "gives no value for",
    "names a parameter that the workload does not declare",
];

/// Allocation sites by dhat, of the cases in which anything exact differs.
fn sites_of(runner: &Runner<'_>, plan: &Plan, differing: &BTreeSet<String>) -> Vec<CaseSites> {
    let cases = plan
        .cases(Instrument::Heap)
        .filter(|case| differing.contains(&case.to_string()));
    cases.filter_map(|case| profiled(runner, case)).collect()
}

fn profiled(runner: &Runner<'_>, case: &CaseId) -> Option<CaseSites> {
    let file = runner.home("dhat", case).with_extension("json");
    std::fs::create_dir_all(file.parent()?).ok()?;
    let mut request = runner.request(case, Instrument::Heap);
    request.raw = Some(file.clone());
    let limits = Limits {
        timeout: runner.timeout(),
        memory_bytes: runner.memory_bytes,
    };
    let mut command = child::command(&runner.setup.target.exe, &request, limits, &[]);
    command.current_dir(&runner.setup.target.manifest_dir);
    child::run(&mut command, limits.timeout)
        .ok()?
        .report()
        .ok()?;
    let footprint = runner.measure(Instrument::Footprint, case).ok();
    let own = &runner.setup.target.manifest_dir;
    let is_foreign = |name: &str, place: &str| is_foreign(name, place, own);
    Some(CaseSites {
        workload: case.workload.clone(),
        variant: case.variant.clone(),
        params: case.params.iter().cloned().collect(),
        sites: sites::parse(&std::fs::read_to_string(file).ok()?, is_foreign).ok()?,
        types: footprint
            .into_iter()
            .flat_map(|report| report.census)
            .map(|row| (row.type_name, (row.objects, row.bytes)))
            .collect(),
    })
}

/// Process pairs of every timed case: the first look, and fresh pairs of what it suspects.
fn timed(base: &Runner<'_>, head: &Runner<'_>, plan: &Plan, budget: Duration) -> Vec<PairedTimes> {
    let cases: Vec<CaseId> = plan.cases(Instrument::Time).cloned().collect();
    let start = Instant::now();
    head.progress.begin("time, in pairs");
    let mut rng = fastrand::Rng::new();
    let first_budget = budget.mul_f64(FIRST_LOOK);
    let all: Vec<usize> = (0..cases.len()).collect();
    let first = look(base, head, &cases, &all, MOST_PAIRS, first_budget, &mut rng);
    let looks: Vec<_> = first.iter().map(|pairs| Look::of(&logs(pairs))).collect();
    let again = suspects(&looks, &Rule::default());
    let rest = budget.saturating_sub(start.elapsed());
    let second = look(base, head, &cases, &again, MOST_PAIRS, rest, &mut rng);
    head.progress
        .end("time, in pairs", cases.len(), start.elapsed());
    let pairs = cases.iter().zip(first.into_iter().zip(second));
    pairs
        .map(|(case, (first, second))| PairedTimes {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.iter().cloned().collect(),
            first,
            second,
        })
        .collect()
}

/// Rounds over the chosen cases until the budget ends; a case that fails to run has no pairs.
fn look(
    base: &Runner<'_>,
    head: &Runner<'_>,
    cases: &[CaseId],
    chosen: &[usize],
    rounds: usize,
    budget: Duration,
    rng: &mut fastrand::Rng,
) -> Vec<Vec<[f64; 2]>> {
    let start = Instant::now();
    let mut pairs = vec![Vec::new(); cases.len()];
    let mut order = chosen.to_vec();
    for round in 0..rounds {
        // a round that cannot end in time is not begun
        let a_round = start
            .elapsed()
            .div_f64(f64::from(u32::try_from(round.max(1)).unwrap_or(1)));
        if order.is_empty() || (round > 0 && start.elapsed() + a_round > budget) {
            break;
        }
        rng.shuffle(&mut order);
        for &case in &order {
            pairs[case].extend(pair(base, head, &cases[case], rng.bool()));
        }
    }
    pairs
}

/// One process of each side, one after the other.
pub(crate) fn pair(
    base: &Runner<'_>,
    head: &Runner<'_>,
    case: &CaseId,
    head_first: bool,
) -> Option<[f64; 2]> {
    let sides = if head_first {
        [head, base]
    } else {
        [base, head]
    };
    let [one, other] = sides.map(|runner| process_time(runner, case));
    let (one, other) = (one?, other?);
    Some(if head_first {
        [other, one]
    } else {
        [one, other]
    })
}

/// The lower quartile of one process's samples, in ns per operation: what disturbs a sample makes it longer.
fn process_time(runner: &Runner<'_>, case: &CaseId) -> Option<f64> {
    let report = runner.measure(Instrument::Time, case).ok()?;
    let mut samples: Vec<f64> = report
        .series
        .first()?
        .points
        .iter()
        .map(|point| point[1])
        .collect();
    samples.sort_by(f64::total_cmp);
    samples
        .get(samples.len() / 4)
        .copied()
        .filter(|ns| *ns > 0.0)
}
