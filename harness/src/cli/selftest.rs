//! `selftest`: error rates of the gate on this machine, kept for every later report.

use std::path::PathBuf;
use std::time::Duration;

use exuvia_reports::format::percent;
use exuvia_reports::record::{Depth, SelfTest};

use super::args::SelftestArgs;
use super::claim::Claim;
use super::place::Place;
use super::{Program, Status, measure};
use crate::Suite;
use crate::run::filter::Filter;
use crate::run::plan::Selection;
use crate::run::selftest::{Size, Until};

/// Measures, prints and keeps the rates; an alarm on equal exact counts is exit code 3.
pub(crate) fn selftest(
    program: Program,
    suite: &Suite,
    place: &Place,
    args: &SelftestArgs,
) -> anyhow::Result<Status> {
    let selection = Selection {
        depth: Depth::Quick,
        instruments: Vec::new(),
        filter: Filter::new(args.filter.filter.clone()),
        shard: None,
        timeout: None,
    };
    let out = place.out(None).join("selftest");
    let setup = measure::setup(program, suite, place, selection, &out)?;
    let claim = Claim::new(&out)?;
    let size = Size {
        counted: args.counted,
        timed: args.timed,
        until: match args.pairs {
            Some(pairs) => Until::Pairs(usize::try_from(pairs)?),
            None => Until::Elapsed(Duration::from_secs(args.seconds)),
        },
    };
    let result = crate::run::selftest::run(suite, &setup, &size)?;
    std::fs::write(
        out.join("selftest.json.new"),
        serde_json::to_string_pretty(&result)?,
    )?;
    std::fs::rename(out.join("selftest.json.new"), file(place))?;
    claim.finish()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        result.metrics.iter().for_each(|metric| {
            let found = metric.found.map_or_else(
                || "finds nothing that was tried".to_owned(),
                |found| format!("finds {}", percent(found)),
            );
            println!(
                "{}: {} false alarms in {} comparisons; {found}",
                metric.metric, metric.alarms, metric.comparisons
            );
            println!("    {}", metric.note);
        });
        println!(
            "kept in {}: every later report prints it",
            place.shown(&file(place))
        );
    }
    let exact_alarm = result
        .metrics
        .iter()
        .any(|metric| metric.alarms > 0 && !metric.metric.starts_with("time/"));
    Ok(if exact_alarm {
        Status::Unclear
    } else {
        Status::Pass
    })
}

fn file(place: &Place) -> PathBuf {
    place.out(None).join("selftest.json")
}

/// What the last self test on this processor found.
pub(crate) fn kept(place: &Place, cpu_model: Option<&str>) -> Option<SelfTest> {
    let text = std::fs::read_to_string(file(place)).ok()?;
    let kept: SelfTest = serde_json::from_str(&text).ok()?;
    (kept.cpu_model.as_deref() == cpu_model).then_some(kept)
}
