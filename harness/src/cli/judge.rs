//! `report`, `gate`, `compare` and `baseline`: everything that works on records alone.

use std::path::{Path, PathBuf};

use exuvia_reports::baseline::Baselines;
use exuvia_reports::beside::Beside;
use exuvia_reports::compare::{Comparison, compare as compared};
use exuvia_reports::config::Config;
use exuvia_reports::gate::{BaseWanted, GateOptions};
use exuvia_reports::output::{Format, write_format};
use exuvia_reports::peers::{self, Peers};
use exuvia_reports::record::{Depth, Record};
use exuvia_reports::why::{Details, explain};
use exuvia_reports::{terminal_table, write_reports};

use super::args::{
    BaselineCommand, CompareArgs, DepthArgs, FilterArgs, FormatArg, GateArgs, JudgeArgs,
    ReportArgs, RunArgs,
};
use super::place::Place;
use super::revision::{self, Measured, Revision, Task};
use super::{Status, UsageError, claim, shell};

impl JudgeArgs {
    fn options(&self) -> GateOptions {
        GateOptions {
            allow_missing: self.allow_missing.clone(),
            allow_no_base: self.allow_no_base,
            strict: self.strict,
            base: BaseWanted::IfSaved,
        }
    }
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Junit => Self::Junit,
            FormatArg::Sarif => Self::Sarif,
            FormatArg::Bencher => Self::Bencher,
            FormatArg::GithubBenchmark => Self::GithubBenchmark,
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
    if args.open {
        shell::open(&out.join("report.html"))?;
    }
    Ok(Status::Pass)
}

/// The same for the end of a run, with the table of changes.
pub(crate) fn report_on(
    place: &Place,
    run: &Path,
    baseline: Option<&Path>,
    out: &Path,
) -> anyhow::Result<()> {
    let head = load_finished(run)?;
    let base = base_of(place, baseline, head.depth)?;
    let mut judged = compared(
        base.as_ref(),
        &head,
        &config(place)?,
        &GateOptions::default(),
    );
    let base_file = baseline.map(|file| place.given(file));
    explain(
        &mut judged,
        &details_beside(base_file.as_deref()),
        &details_beside(Some(run)),
    );
    write(place, out, &head, base.as_ref(), &judged)?;
    eprint!("{}", terminal_table(&judged, width()));
    Ok(())
}

/// Judges a record against a baseline, or the working tree against a revision that are both built and measured now.
pub(crate) fn gate(place: &Place, args: &GateArgs) -> anyhow::Result<Status> {
    let Some(revision) = &args.against else {
        if args.depth != DepthArgs::default() {
            return Err(UsageError::Other(
                "--quick, --full and --instrument say what to measure: they need --against"
                    .to_owned(),
            )
            .into());
        }
        let run = place.run(args.run.as_deref());
        let out = folder_of(place, &run, args.out.as_deref());
        let head = load_finished(&run)?;
        let base = base_of(place, args.baseline.as_deref(), head.depth)?;
        let base_file = args.baseline.as_deref().map(|file| place.given(file));
        let details = [
            details_beside(base_file.as_deref()),
            details_beside(Some(&run)),
        ];
        let sides = Sides {
            base,
            head,
            details,
            base_wanted: BaseWanted::IfSaved,
            notes: Vec::new(),
        };
        return judge(place, &out, &sides, &args.judge, args.json);
    };
    let measured_here = args.run.is_none();
    let out = match &args.run {
        Some(run) => folder_of(place, &place.given(run), args.out.as_deref()),
        None => place.out(args.out.as_deref()),
    };
    let run = RunArgs {
        filter: FilterArgs {
            filter: args.filters.clone(),
        },
        depth: args.depth.clone(),
        ..RunArgs::default()
    };
    let given = args
        .run
        .as_deref()
        .map(|run| load_finished(&place.given(run)))
        .transpose()?;
    let run = given.as_ref().map_or(run, like);
    let task = Task {
        run: &run,
        time_budget: args.judge.time_budget.filter(|_| measured_here),
        out: &out,
    };
    let tree = Revision::WorkingTree;
    let measured = revision::measure(place, revision, measured_here.then_some(&tree), &task)?;
    let sides = Sides::measured(measured, given, &out)?;
    judge(place, &out, &sides, &args.judge, args.json)
}

/// Compares two records, or two revisions that are built and measured now.
pub(crate) fn compare(place: &Place, args: &CompareArgs) -> anyhow::Result<Status> {
    let out = place.out(args.run.out.as_deref());
    let [base, head] = [&args.base, &args.head].map(|word| record_file(place, word));
    let task = Task {
        run: &args.run,
        time_budget: args.judge.time_budget,
        out: &out,
    };
    let sides = match (base, head) {
        (Some(base), Some(head)) => Sides {
            details: [details_beside(Some(&base)), details_beside(Some(&head))],
            base: Some(load(&base)?),
            head: load(&head)?,
            base_wanted: BaseWanted::IfSaved,
            notes: Vec::new(),
        },
        (Some(base), None) => {
            // what is missing on the left of a record: nothing is interleaved, the head alone is measured
            let measured = revision::measure(place, &args.head, None, &task)?;
            let head = measured
                .base
                .map_err(|why| UsageError::Other(format!("the head cannot be measured: {why}")))?;
            Sides {
                base: Some(load(&base)?),
                head,
                details: [details_beside(Some(&base)), Details::default()],
                base_wanted: BaseWanted::IfSaved,
                notes: measured.notes,
            }
        }
        (None, Some(head)) => {
            let given = load(&head)?;
            let run = like(&given);
            let task = Task {
                run: &run,
                time_budget: None,
                out: &out,
            };
            Sides::measured(
                revision::measure(place, &args.base, None, &task)?,
                Some(given),
                &out,
            )?
        }
        (None, None) => {
            let head = Revision::Named(&args.head);
            Sides::measured(
                revision::measure(place, &args.base, Some(&head), &task)?,
                None,
                &out,
            )?
        }
    };
    judge(place, &out, &sides, &args.judge, args.run.json)
}

/// Everything a judgement is made of.
struct Sides {
    base: Option<Record>,
    head: Record,
    /// Of base and head.
    details: [Details; 2],
    base_wanted: BaseWanted,
    notes: Vec<String>,
}

impl Sides {
    fn measured(measured: Measured, given: Option<Record>, out: &Path) -> anyhow::Result<Self> {
        let files = ["base.details.json", "details.json"];
        let details = files.map(|name| Details::load(&out.join(name)).unwrap_or_default());
        let head = measured.head.or(given);
        let head =
            head.ok_or_else(|| UsageError::Other("the head has no suite to measure".to_owned()))?;
        let (base, base_wanted) = match measured.base {
            Ok(base) => (Some(base), BaseWanted::Measured),
            Err(why) => (None, BaseWanted::Impossible(why)),
        };
        Ok(Self {
            base,
            head,
            details,
            base_wanted,
            notes: measured.notes,
        })
    }
}

/// Compares, explains, writes and shows: the exit code.
fn judge(
    place: &Place,
    out: &Path,
    sides: &Sides,
    args: &JudgeArgs,
    json: bool,
) -> anyhow::Result<Status> {
    let options = GateOptions {
        base: sides.base_wanted.clone(),
        ..args.options()
    };
    let (base, head) = (sides.base.as_ref(), &sides.head);
    let mut judged = compared(base, head, &config(place)?, &options);
    judged.notes.extend(sides.notes.iter().cloned());
    explain(&mut judged, &sides.details[0], &sides.details[1]);
    write(place, out, head, base, &judged)?;
    for format in &args.formats.formats {
        let file = write_format(out, (*format).into(), head, &judged)?;
        eprintln!("wrote {}", place.shown(&file));
    }
    show(&judged, json.then(|| out.join("report.json")))
}

/// An existing `.json` file is a record, anything else a revision.
fn record_file(place: &Place, word: &str) -> Option<PathBuf> {
    let file = place.given(Path::new(word));
    let is_json = file
        .extension()
        .is_some_and(|extension| extension == "json");
    (is_json && file.is_file()).then_some(file)
}

/// The details that a run wrote beside its record.
fn details_beside(record: Option<&Path>) -> Details {
    let name = |record: &Path| match record.file_name().is_some_and(|name| name == "base.json") {
        true => record.with_file_name("base.details.json"),
        false => record.with_file_name("details.json"),
    };
    record
        .and_then(|record| Details::load(&name(record)))
        .unwrap_or_default()
}

/// A record whose run has finished: after a killed one the file is of an earlier run.
fn load_finished(run: &Path) -> anyhow::Result<Record> {
    if let Some(folder) = run.parent() {
        claim::refuse_unfinished(folder)?;
    }
    load(run)
}

/// The arguments that measure what a record holds once more.
fn like(head: &Record) -> RunArgs {
    let planned = head
        .planned
        .iter()
        .flat_map(|case| case.instruments.iter().cloned());
    let instruments: std::collections::BTreeSet<String> = planned.collect();
    RunArgs {
        depth: DepthArgs {
            quick: head.depth == Depth::Quick,
            full: head.depth == Depth::Full,
            instruments: instruments.into_iter().collect(),
        },
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
    saved_baseline(place, depth)
}

/// The saved baseline of this depth, if there is one.
pub(crate) fn saved_baseline(place: &Place, depth: Depth) -> anyhow::Result<Option<Record>> {
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

pub(super) fn config(place: &Place) -> anyhow::Result<Config> {
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

/// The history of what was measured, and the comparison with peers, where they are at hand.
fn beside(place: &Place, out: &Path, head: &Record) -> Beside {
    // measured by hand into the default folder, for whatever folder the report is written into
    let files = [out.join(peers::FILE), place.out(None).join(peers::FILE)];
    let peers = files.iter().find(|file| file.is_file()).and_then(|file| {
        Peers::load(file).unwrap_or_else(|error| {
            eprintln!("exuvia: no peers in this report: {error}");
            None
        })
    });
    let beside = Beside {
        peers,
        ..Beside::default()
    };
    #[cfg(feature = "history")]
    let beside = super::history::with_trends(place, head, beside);
    #[cfg(not(feature = "history"))]
    let _ = head;
    beside
}

fn write(
    place: &Place,
    out: &Path,
    head: &Record,
    base: Option<&Record>,
    judged: &Comparison,
) -> anyhow::Result<()> {
    write_reports(out, head, base, judged, &beside(place, out, head))?;
    for file in ["report.html", "report.md", "report.json"].map(|name| out.join(name)) {
        if file.is_file() {
            eprintln!("wrote {}", place.shown(&file));
        }
    }
    Ok(())
}
