//! `leaks`: the detector alone, every finding in full.

use exuvia_reports::compare::compare;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::output::write_format;
use exuvia_reports::record::{Depth, LeakFinding, LeakVerdict, Record};
use serde_json::{Value, json};

use super::args::LeaksArgs;
use super::judge::config;
use super::place::Place;
use super::{Program, Status, measure};
use crate::Suite;
use crate::run::filter::Filter;
use crate::run::plan::Selection;

/// Looks for leaks with long budgets; a leak is exit code 1, a case that could not be judged 3.
pub(crate) fn leaks(
    program: Program,
    suite: &Suite,
    place: &Place,
    args: &LeaksArgs,
) -> anyhow::Result<Status> {
    let selection = Selection {
        depth: if args.quick {
            Depth::Quick
        } else {
            Depth::Full
        },
        instruments: vec!["leaks".to_owned()],
        filter: Filter::new(args.filter.filter.clone()),
        shard: None,
        timeout: None,
    };
    // a folder of its own: the record of the last run is not to be replaced by a part of it
    let out = args
        .out
        .as_deref()
        .map_or_else(|| place.out(None).join("leaks"), |out| place.given(out));
    let record = measure::record(program, suite, place, selection, &out)?;
    record.save(&out.join("run.json"))?;
    if !args.formats.formats.is_empty() {
        let judged = compare(None, &record, &config(place)?, &GateOptions::default());
        for format in &args.formats.formats {
            let file = write_format(&out, (*format).into(), &record, &judged)?;
            eprintln!("wrote {}", place.shown(&file));
        }
    }
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&record.leaks.iter().map(as_json).collect::<Vec<_>>())?
        );
    } else {
        record.leaks.iter().for_each(print);
    }
    Ok(status_of(&record))
}

fn status_of(record: &Record) -> Status {
    if record
        .leaks
        .iter()
        .any(|leak| leak.verdict == LeakVerdict::Leak)
    {
        return Status::Regression;
    }
    measure::status_of(record)
}

fn as_json(leak: &LeakFinding) -> Value {
    json!({
        "workload": leak.workload,
        "variant": leak.variant,
        "verdict": leak.verdict,
        "class": leak.class,
        "type": leak.type_name,
        "site": leak.site,
        "rate": leak.rate,
        "bound": leak.bound,
        "holder": leak.holder,
        "fingerprint": leak.fingerprint,
    })
}

fn print(leak: &LeakFinding) {
    println!("{}  {}", leak.case(), leak.verdict);
    for line in leak.reason.iter().flat_map(|reason| reason.lines()) {
        println!("    {}", line.trim());
    }
}
