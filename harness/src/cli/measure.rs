//! `run` and `check`: everything that starts measured processes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use exuvia_reports::record::{LeakVerdict, Record, Status as RowStatus};

use super::args::{DuelArgs, FilterArgs, RunArgs};
use super::claim::Claim;
#[cfg(feature = "history")]
use super::history;
use super::place::Place;
use super::{Program, Status, UsageError, judge, selftest};
use crate::Suite;
use crate::run::count::Target;
use crate::run::duel::Duel;
use crate::run::filter::Filter;
use crate::run::plan::{Plan, Selection};
use crate::run::{self, Setup};

/// Measures and writes `run.json`; failed rows are exit code 3.
fn run(program: Program, suite: &Suite, place: &Place, args: &RunArgs) -> anyhow::Result<Status> {
    let out = place.out(args.out.as_deref());
    let setup = setup(program, suite, place, args.selection()?, &out)?;
    let claim = Claim::new(&out)?;
    let reference = judge::saved_baseline(place, args.depth()).ok().flatten();
    let measured = timed(|| run::run(suite, &setup, reference.as_ref()))?;
    let mut record = measured.record;
    record.selftest = selftest::kept(place, record.environment.cpu_model.as_deref());
    let file = out.join("run.json");
    measured.details.save(&out.join("details.json"))?;
    record.save(&file)?;
    claim.finish()?;
    #[cfg(feature = "history")]
    history::keep(place, &record);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&record)?);
    }
    eprintln!("{}", summary(&record));
    eprintln!("wrote {}", place.shown(&file));
    Ok(status_of(&record))
}

/// What `run` and a plain `cargo bench` do: measure, then write the report and show what changed.
pub(crate) fn run_and_report(
    program: Program,
    suite: &Suite,
    place: &Place,
    args: &RunArgs,
) -> anyhow::Result<Status> {
    let measured = run(program, suite, place, args)?;
    let out = place.out(args.out.as_deref());
    judge::report_on(place, &out.join("run.json"), None, &out)?;
    Ok(measured)
}

/// Measures a selection; one that matches nothing is a usage error.
pub(crate) fn record(
    program: Program,
    suite: &Suite,
    place: &Place,
    selection: Selection,
    out: &Path,
) -> anyhow::Result<Record> {
    let setup = setup(program, suite, place, selection, out)?;
    Ok(timed(|| run::run(suite, &setup, None))?.record)
}

fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    let result = work()?;
    eprintln!("{:>13}  {:.1} s", "all", start.elapsed().as_secs_f64());
    Ok(result)
}

/// Measures this executable as the head and another one as the base: `base.json`, `run.json` and their details.
pub(crate) fn duel(
    program: Program,
    suite: &Suite,
    place: &Place,
    args: &DuelArgs,
) -> anyhow::Result<Status> {
    let out = place.out(args.run.out.as_deref());
    let claim = Claim::new(&out)?;
    let head = setup(
        program,
        suite,
        place,
        args.run.selection()?,
        &out.join("head"),
    )?;
    let base = Setup {
        target: Target {
            exe: args.base.clone(),
            manifest_dir: args.base_dir.clone(),
            counter: Some(Box::new(head.target.clone())),
        },
        out: out.join("base"),
        selection: head.selection.clone(),
    };
    let time_budget = args.time_budget.map(Duration::from_secs);
    let duel = Duel {
        base,
        head,
        time_budget,
    };
    let (mut base, mut head) = timed(|| run::duel::run(suite, &duel))?;
    for (side, commit) in [
        (&mut base, &args.base_commit),
        (&mut head, &args.head_commit),
    ] {
        side.record.environment.commit = Some(commit.clone());
        side.record.environment.dirty = Some(false);
    }
    base.details.save(&out.join("base.details.json"))?;
    base.record.save(&out.join("base.json"))?;
    head.details.save(&out.join("details.json"))?;
    head.record.save(&out.join("run.json"))?;
    claim.finish()?;
    eprintln!("{}", summary(&head.record));
    Ok(status_of(&head.record))
}

pub(crate) fn setup(
    program: Program,
    suite: &Suite,
    place: &Place,
    selection: Selection,
    out: &Path,
) -> anyhow::Result<Setup> {
    if Plan::new(suite, &selection).jobs.is_empty() {
        return Err(UsageError::no_match(&selection.filter).into());
    }
    Ok(Setup {
        target: target_of(program, place)?,
        out: out.to_owned(),
        selection,
    })
}

/// This executable in its package, or in the current folder where the package is not at hand.
pub(crate) fn target_of(program: Program, place: &Place) -> anyhow::Result<Target> {
    let exe = std::env::current_exe().context("cannot find the path of this executable")?;
    let manifest_dir = if Path::new(program.manifest_dir).is_dir() {
        place.manifest_dir.clone()
    } else {
        std::env::current_dir()?
    };
    Ok(Target {
        exe,
        manifest_dir,
        counter: None,
    })
}

/// Runs each case once: the answer of a test runner.
pub(crate) fn check(
    program: Program,
    suite: &Suite,
    place: &Place,
    args: &FilterArgs,
    exact: bool,
) -> anyhow::Result<Status> {
    let selection = Selection {
        depth: exuvia_reports::record::Depth::Quick,
        instruments: vec!["time".to_owned()],
        filter: Filter::new(args.filter.clone()),
        shard: None,
        timeout: None,
    };
    let setup = setup(
        program,
        suite,
        place,
        selection,
        &place.out(None).join("check"),
    )?;
    let mut results = run::check(suite, &setup)?;
    results.retain(|(case, _)| !exact || args.filter.contains(&case.to_string()));
    if results.is_empty() {
        return Err(UsageError::no_match(&setup.selection.filter).into());
    }
    let failed = results.iter().filter(|(_, result)| result.is_err()).count();
    eprintln!("{} cases, {failed} failed", results.len());
    Ok(if failed == 0 {
        Status::Pass
    } else {
        Status::Regression
    })
}

/// Failed rows could not be measured; missing ones were said and are the gate's business.
pub(crate) fn status_of(record: &Record) -> Status {
    let failed = record
        .measurements
        .iter()
        .any(|row| row.status == RowStatus::Failed);
    if failed {
        Status::Unclear
    } else {
        Status::Pass
    }
}

/// One line for the end of a run.
pub(crate) fn summary(record: &Record) -> String {
    let rows = |status| {
        record
            .measurements
            .iter()
            .filter(|row| row.status == status)
            .count()
    };
    let leaks = record
        .leaks
        .iter()
        .filter(|leak| leak.verdict == LeakVerdict::Leak)
        .count();
    format!(
        "{} cases: {} values measured, {} failed, {} missing; {leaks} leaks found",
        record.planned.len(),
        rows(RowStatus::Measured),
        rows(RowStatus::Failed),
        rows(RowStatus::Missing),
    )
}
