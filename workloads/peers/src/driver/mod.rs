//! The subcommand: every (work, peer) in a child of its own, interleaved, compared, printed and written down.
//!
//! - `options`: the words of the command line; `contestants`: the peers, and the CPythons that are installed;
//! - `build`: the measuring executables; `child`: one run of one of them;
//! - `statistics`: medians and their intervals; `table`: what was measured, as text and as JSON.

mod build;
mod child;
mod contestants;
mod options;
mod statistics;
mod table;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use self::build::Executables;
use self::contestants::Contestant;
use self::options::Options;
use self::table::{Cell, Table};
use crate::rows::{Kind, WORKS, Work};

/// The subcommand with its arguments (without its own name); returns the exit code: 0, 1 when peers disagree about a
/// result or this heap cannot do a work, 2 when the arguments are refused, 3 when nothing could be measured.
pub fn command(arguments: &[String]) -> ExitCode {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    if options.help {
        println!("{}", options::USAGE);
        return ExitCode::SUCCESS;
    }
    match compare(&options) {
        Ok(table) if table.complaints().is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn compare(options: &Options) -> anyhow::Result<Table> {
    let executables = build::build()?;
    let contestants = contestants::all(&executables, options)?;
    let mut table = Table::new(options.repetitions);
    for work in WORKS.iter().filter(|work| options.wants(work)) {
        measure(work, &contestants, options, &mut table);
    }
    let path = write_down(&table, &executables, options)?;
    if options.json {
        println!("{}", table.to_json()?);
    } else {
        print!("{table}");
        println!("written to {}", path.display());
    }
    for complaint in table.complaints() {
        eprintln!("error: {complaint}");
    }
    Ok(table)
}

/// All repetitions of one work. The peers take turns, and each repetition begins with another one.
fn measure(work: &Work, contestants: &[Contestant], options: &Options, table: &mut Table) {
    let able = |contestant: &&Contestant| work.kind == Kind::Nodes || contestant.has_objects;
    let contestants: Vec<_> = contestants.iter().filter(able).collect();
    let mut cells: Vec<Cell> = contestants.iter().map(|one| Cell::new(&one.name)).collect();
    for repetition in 0..options.repetitions {
        show(&format!(
            "{} {}/{}",
            work.name,
            repetition + 1,
            options.repetitions
        ));
        for turn in 0..contestants.len() {
            let index = (turn + repetition) % contestants.len();
            if cells[index].goes_on() {
                cells[index].add(contestants[index].run(work.name, options.limit));
            }
        }
    }
    show("");
    table.add(work, cells);
}

fn show(step: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        // Progress that cannot be shown is no failure.
        let _ = write!(out, "\r\x1b[K{step}");
        let _ = out.flush();
    }
}

/// Writes the table to a temporary file first, so that a reader never sees half of it.
fn write_down(
    table: &Table,
    executables: &Executables,
    options: &Options,
) -> anyhow::Result<PathBuf> {
    let default = || executables.target.join("exuvia").join("peers.json");
    let path = options.out.clone().unwrap_or_else(default);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let draft = path.with_extension("json.tmp");
    std::fs::write(&draft, table.to_json()?)
        .and_then(|()| std::fs::rename(&draft, &path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
