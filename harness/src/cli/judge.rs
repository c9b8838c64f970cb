//! `report`, `gate`, `compare` and `baseline`: everything that works on records alone.

use std::path::{Path, PathBuf};

use exuvia_reports::baseline::Baselines;
use exuvia_reports::compare::{Comparison, compare as compared};
use exuvia_reports::config::Config;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::{Depth, Record};
use exuvia_reports::{terminal_table, write_reports};

use super::args::{BaselineCommand, CompareArgs, GateArgs, JudgeArgs, ReportArgs, RunArgs};
use super::place::Place;
use super::{Status, UsageError, revision};

impl JudgeArgs {
    fn options(&self) -> GateOptions {
        GateOptions {
            allow_missing: self.allow_missing.clone(),
            allow_no_base: self.allow_no_base,
            strict: self.strict,
        }
    }
}

/// Writes the report of a record and says where; judging is the gate's.
pub(crate) fn report(place: &Place, args: &ReportArgs) -> anyhow::Result<Status> {
    let run = place.run(args.run.as_deref());
    let out = folder_of(place, &run, args.out.as_deref());
    report_on(place, &run, args.baseline.as_deref(), &out)?;
    if args.json {
        print!("{}", std::fs::read_to_string(out.join("report.json"))?);
    }
    Ok(Status::Pass)
}

/// The same for the end of a run.
pub(crate) fn report_on(
    place: &Place,
    run: &Path,
    baseline: Option<&Path>,
    out: &Path,
) -> anyhow::Result<()> {
    let head = load(run)?;
    let base = base_of(place, baseline, head.depth)?;
    let judged = compared(
        base.as_ref(),
        &head,
        &config(place)?,
        &GateOptions::default(),
    );
    write(place, out, &head, base.as_ref(), &judged)
}

/// Judges a record against a baseline, or against a revision that is built and measured now.
pub(crate) fn gate(place: &Place, args: &GateArgs) -> anyhow::Result<Status> {
    let run = place.run(args.run.as_deref());
    let out = folder_of(place, &run, args.out.as_deref());
    let head = load(&run)?;
    let base = match &args.against {
        Some(revision) => revision::measure(place, revision, &like(&head))?,
        None => base_of(place, args.baseline.as_deref(), head.depth)?,
    };
    let judged = compared(base.as_ref(), &head, &config(place)?, &args.judge.options());
    write(place, &out, &head, base.as_ref(), &judged)?;
    show(&judged, args.json.then(|| out.join("report.json")))
}

/// Compares two records, or two revisions that are built and measured now.
pub(crate) fn compare(place: &Place, args: &CompareArgs) -> anyhow::Result<Status> {
    let Some(head) = side(place, &args.head, &args.run)? else {
        return Err(UsageError::Other(format!("`{}` has no suite to measure", args.head)).into());
    };
    let base = side(place, &args.base, &args.run)?;
    let judged = compared(base.as_ref(), &head, &config(place)?, &args.judge.options());
    let out = place.out(args.run.out.as_deref());
    write(place, &out, &head, base.as_ref(), &judged)?;
    show(&judged, args.run.json.then(|| out.join("report.json")))
}

/// An existing `.json` file is a record, anything else a revision.
fn side(place: &Place, word: &str, run: &RunArgs) -> anyhow::Result<Option<Record>> {
    let file = place.given(Path::new(word));
    if file
        .extension()
        .is_some_and(|extension| extension == "json")
        && file.is_file()
    {
        return load(&file).map(Some);
    }
    revision::measure(place, word, run)
}

/// The arguments that measure what a record holds once more.
fn like(head: &Record) -> RunArgs {
    RunArgs {
        quick: head.depth == Depth::Quick,
        full: head.depth == Depth::Full,
        ..RunArgs::default()
    }
}

fn show(judged: &Comparison, json: Option<PathBuf>) -> anyhow::Result<Status> {
    match json {
        Some(file) => print!("{}", std::fs::read_to_string(file)?),
        None => println!("{}", terminal_table(judged, width())),
    }
    Ok(match judged.exit_code() {
        0 => Status::Pass,
        1 => Status::Regression,
        _ => Status::Unclear,
    })
}

/// Columns of the terminal, as far as it says so.
fn width() -> u16 {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(120)
}

/// Saves, lists and replaces baselines; without a name a record belongs to the one of its depth.
pub(crate) fn baseline(place: &Place, command: &BaselineCommand) -> anyhow::Result<Status> {
    let baselines = Baselines::new(place.baselines());
    match command {
        BaselineCommand::Save { name, run } => {
            let record = load(&place.run(run.as_deref()))?;
            let saved = baselines.save(name_of(name.as_deref(), record.depth), &record)?;
            println!("saved {}", place.shown(&saved.path));
            saved.gaps.iter().for_each(|gap| println!("  gap: {gap}"));
        }
        BaselineCommand::Accept { name, run } => {
            let record = load(&place.run(run.as_deref()))?;
            let accepted = baselines.accept(
                name_of(name.as_deref(), record.depth),
                &record,
                &config(place)?,
            )?;
            println!("{}", terminal_table(&accepted.comparison, width()));
            println!("accepted into {}", place.shown(&accepted.saved.path));
        }
        BaselineCommand::List { json } => list(place, &baselines, *json)?,
    }
    Ok(Status::Pass)
}

fn list(place: &Place, baselines: &Baselines, json: bool) -> anyhow::Result<()> {
    let entries = baselines.list()?;
    if json {
        let row = |entry: &exuvia_reports::baseline::Entry| {
            serde_json::json!({
                "name": entry.name,
                "bytes": entry.bytes,
                "depth": entry.depth,
                "cases": entry.cases,
                "instruments": entry.instruments,
                "commit": entry.environment.commit,
            })
        };
        println!(
            "{}",
            serde_json::to_string_pretty(&entries.iter().map(row).collect::<Vec<_>>())?
        );
        return Ok(());
    }
    if entries.is_empty() {
        println!(
            "no baseline in {}; `baseline save` makes one of the last run",
            place.shown(&baselines.dir)
        );
    }
    for entry in entries {
        let commit = entry
            .environment
            .commit
            .as_deref()
            .map_or("unknown commit", |commit| &commit[..commit.len().min(12)]);
        println!(
            "{}  {} cases  {}  {}  {commit}",
            entry.name,
            entry.cases,
            entry.depth,
            entry.instruments.join(",")
        );
    }
    Ok(())
}

fn name_of(given: Option<&str>, depth: Depth) -> &str {
    given.unwrap_or(match depth {
        Depth::Quick => "quick",
        Depth::Default => "main",
        Depth::Full => "full",
    })
}

/// The given baseline, or the saved one of this depth, or none.
fn base_of(place: &Place, given: Option<&Path>, depth: Depth) -> anyhow::Result<Option<Record>> {
    if let Some(file) = given {
        return load(&place.given(file)).map(Some);
    }
    let file = Baselines::new(place.baselines()).path(name_of(None, depth))?;
    if file.is_file() {
        load(&file).map(Some)
    } else {
        Ok(None)
    }
}

fn load(file: &Path) -> anyhow::Result<Record> {
    Record::load(file).map_err(|error| UsageError::Other(error.to_string()).into())
}

fn config(place: &Place) -> anyhow::Result<Config> {
    let file = place.config();
    if !file.is_file() {
        return Ok(Config::default());
    }
    Config::load(&file).map_err(|error| UsageError::Other(error.to_string()).into())
}

fn folder_of(place: &Place, run: &Path, given: Option<&Path>) -> PathBuf {
    match (given, run.parent()) {
        (Some(out), _) => place.given(out),
        (None, Some(folder)) => folder.to_owned(),
        (None, None) => place.out(None),
    }
}

fn write(
    place: &Place,
    out: &Path,
    head: &Record,
    base: Option<&Record>,
    judged: &Comparison,
) -> anyhow::Result<()> {
    write_reports(out, head, base, judged)?;
    for file in ["report.html", "report.md", "report.json"].map(|name| out.join(name)) {
        if file.is_file() {
            eprintln!("wrote {}", place.shown(&file));
        }
    }
    Ok(())
}
