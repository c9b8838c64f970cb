//! `history`: the runs that were kept, trends with their steps, results of other tools.

use exuvia_reports::beside::Beside;
use exuvia_reports::format::date_time;
use exuvia_reports::history::{self, Store, import, trend::Trend};
use exuvia_reports::record::Record;
use serde_json::json;

use super::args::HistoryArgs;
use super::place::Place;
use super::{Status, UsageError};

/// Names the database instead of `--db`.
const VARIABLE: &str = "EXUVIA_HISTORY";

/// Lists runs, draws trends, or imports.
pub(crate) fn history(place: &Place, args: &HistoryArgs) -> anyhow::Result<Status> {
    let mut store = open(place, args.db.as_deref())?;
    if let Some(folder) = &args.import {
        return imported(place, &mut *store, folder);
    }
    match &args.filter {
        Some(filter) => trends(&mut *store, filter, args)?,
        None => runs(&mut *store, args)?,
    }
    Ok(Status::Pass)
}

/// Keeps a run; a history that cannot be written is said and stops nothing.
pub(crate) fn keep(place: &Place, record: &Record) {
    let kept = open(place, None).and_then(|mut store| Ok(history::append(&mut *store, record)?));
    if let Err(error) = kept {
        eprintln!("exuvia: this run is not in the history: {error:#}");
    }
}

/// Adds the trends of what `head` measured; none where no history is kept or it cannot be read.
pub(crate) fn with_trends(place: &Place, head: &Record, beside: Beside) -> Beside {
    let read = open(place, None)
        .and_then(|mut store| Ok(beside.clone().with_history(head, &mut *store)?));
    read.unwrap_or_else(|error| {
        eprintln!("exuvia: no trends in this report: {error:#}");
        beside
    })
}

fn open(place: &Place, given: Option<&str>) -> anyhow::Result<Box<dyn Store>> {
    let variable = std::env::var(VARIABLE)
        .ok()
        .filter(|value| !value.is_empty());
    let file = || {
        place
            .out(None)
            .join("history.sqlite3")
            .display()
            .to_string()
    };
    let database = match given.map(str::to_owned).or(variable) {
        Some(url) if url.contains("://") => url,
        Some(path) => place.given(path.as_ref()).display().to_string(),
        None => file(),
    };
    history::open(&database).map_err(|error| UsageError::Other(error.to_string()).into())
}

fn runs(store: &mut dyn Store, args: &HistoryArgs) -> anyhow::Result<()> {
    let runs = store.runs(args.limit)?;
    if args.json {
        let row = |run: &history::Run| {
            json!({"created": run.created, "commit": run.commit, "dirty": run.dirty, "depth": run.depth,
                "selection": run.selection, "machine": run.machine, "measurements": run.points})
        };
        println!(
            "{}",
            serde_json::to_string_pretty(&runs.iter().map(row).collect::<Vec<_>>())?
        );
        return Ok(());
    }
    if runs.is_empty() {
        println!("no run is kept yet; `cargo exuvia run` keeps each");
    }
    for run in runs {
        let commit = run
            .commit
            .as_deref()
            .map_or("unknown commit", |commit| &commit[..commit.len().min(12)]);
        let dirty = if run.dirty { "+" } else { " " };
        let selection = run
            .selection
            .map(|words| format!("  ({words})"))
            .unwrap_or_default();
        println!(
            "{}  {commit}{dirty}  {:>7}  {:>7} measurements  {}{selection}",
            date_time(run.created.max(0) as u64),
            run.depth,
            run.points,
            run.machine
        );
    }
    Ok(())
}

fn trends(store: &mut dyn Store, filter: &str, args: &HistoryArgs) -> anyhow::Result<()> {
    let part = |text: &str| text.replace('*', "%");
    let tracks = store.tracks(&format!("%{}%", part(filter)), &part(&args.metric))?;
    if tracks.is_empty() {
        return Err(UsageError::Other(format!(
            "no kept run has a benchmark like `{filter}` with a metric like `{}`",
            args.metric
        ))
        .into());
    }
    let trends: Vec<Trend> = tracks.into_iter().map(Trend::new).collect();
    if args.json {
        let row = |trend: &Trend| {
            let points = trend
                .track
                .points
                .iter()
                .map(|p| json!({"created": p.created, "commit": p.commit, "value": p.value}));
            let steps = trend
                .steps
                .iter()
                .map(|s| json!({"index": s.index, "before": s.before, "after": s.after, "p": s.p}));
            json!({"benchmark": trend.track.benchmark, "metric": trend.track.metric, "unit": trend.track.unit,
                "points": points.collect::<Vec<_>>(), "steps": steps.collect::<Vec<_>>()})
        };
        println!(
            "{}",
            serde_json::to_string_pretty(&trends.iter().map(row).collect::<Vec<_>>())?
        );
    } else {
        trends
            .iter()
            .flat_map(Trend::lines)
            .for_each(|line| println!("{line}"));
    }
    Ok(())
}

fn imported(
    place: &Place,
    store: &mut dyn Store,
    folder: &std::path::Path,
) -> anyhow::Result<Status> {
    let folder = place.given(folder);
    let record = import::read(&folder)
        .map_err(|error| UsageError::Other(format!("cannot read {}: {error}", folder.display())))?;
    if record.measurements.is_empty() {
        return Err(UsageError::Other(format!(
            "no result of criterion (new/benchmark.json) or iai-callgrind (summary.json) below {}",
            folder.display()
        ))
        .into());
    }
    let new = history::append(store, &record)?;
    let file = place.out(None).join("imported.json");
    record.save(&file)?;
    println!(
        "{} numbers {}; as a record for `compare`: {}",
        record.measurements.len(),
        if new {
            "imported"
        } else {
            "were there already"
        },
        place.shown(&file)
    );
    Ok(Status::Pass)
}
