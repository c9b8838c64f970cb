//! The command line, the same for the built-in suite and for a user's own.
//!
//! Two executables share it. The bench target ([`run`], through [`crate::main!`]) holds the workloads and does everything.
//! A front end ([`Frontend`]) is a small program that knows no workload: it works on records itself and builds and calls
//! the bench target for everything that measures, so that what is measured is always one canonical build.
//!
//! - `args`: the words; `place`: folders; `list`, `measure`, `judge`, `leaks`, ..: a file per group of subcommands.
//!
//! Exit codes: 0 pass, 1 regression or leak, 2 usage or configuration, 3 something that votes could not be measured or
//! judged.

mod args;
mod build;
mod claim;
mod doctor;
mod front;
#[cfg(feature = "history")]
mod history;
mod init;
mod judge;
mod leaks;
mod list;
mod measure;
mod merge;
mod place;
mod profile;
mod revision;
mod selftest;
mod shard;
mod shell;
mod worktrees;

use std::process::ExitCode;

use clap::Parser;

use crate::Suite;
use crate::run::filter::Filter;
use args::{Cli, Command, FilterArgs, RunArgs};
pub use front::Frontend;
use place::Place;

/// What [`crate::main!`] knows about the bench target it is expanded in.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Name of its package.
    pub package: &'static str,
    /// Folder of its package.
    pub manifest_dir: &'static str,
    /// Runs the group that iai-callgrind's macro expanded there; nothing without the feature `instructions`.
    pub count: Option<fn()>,
}

/// How a command ended; the number is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pass = 0,
    Regression = 1,
    Usage = 2,
    Unclear = 3,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// A command that cannot be followed: exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// A filter that matches nothing would otherwise pass silently.
    #[error("no case matches `{0}`; `list` prints the names")]
    NoMatch(String),
    /// The suite itself is wrong.
    #[error("{0}")]
    Declaration(String),
    /// Anything else that the user can correct.
    #[error("{0}")]
    Other(String),
}

impl UsageError {
    pub(crate) fn no_match(filter: &Filter) -> Self {
        Self::NoMatch(filter.words().join(" "))
    }
}

/// The bench target's `main`: does what the command line says.
pub fn run(program: Program, register: impl FnOnce(&mut Suite)) -> ExitCode {
    let mut args = std::env::args();
    let called = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    if let Some(code) = count_if_asked(program, &called) {
        return code;
    }
    let executes = args.first().is_some_and(|word| word == "exec");
    if executes {
        crate::exec::end_with_parent();
    }
    let mut suite = Suite::new();
    register(&mut suite);
    if executes {
        return crate::exec::exec(&mut suite, &args[1..]).into();
    }
    told(checked(&suite).and_then(|()| command(program, &suite, args)))
}

/// This executable is also iai-callgrind's runner and the bench target that runner serves.
fn count_if_asked(program: Program, called: &str) -> Option<ExitCode> {
    #[cfg(feature = "instructions")]
    if std::path::Path::new(called)
        .file_name()
        .is_some_and(|name| name == crate::run::count::RUNNER_NAME)
    {
        crate::exec::end_with_parent();
        return Some(crate::run::count::serve_as_runner().into());
    }
    #[cfg(not(feature = "instructions"))]
    let _ = called;
    let count = program.count?;
    std::env::var_os(crate::run::count::PLAN_VARIABLE)?;
    crate::exec::end_with_parent();
    count();
    Some(ExitCode::SUCCESS)
}

fn checked(suite: &Suite) -> anyhow::Result<()> {
    let errors: Vec<_> = suite.errors().iter().map(ToString::to_string).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(UsageError::Declaration(errors.join("\n")).into())
    }
}

/// Prints an error and gives the exit code.
fn told(result: anyhow::Result<Status>) -> ExitCode {
    let error = match result {
        Ok(status) => return status.into(),
        Err(error) => error,
    };
    if let Some(clap) = error.downcast_ref::<clap::Error>() {
        let _ = clap.print(); // nothing is left to say it to
        return ExitCode::from(u8::try_from(clap.exit_code()).unwrap_or(2));
    }
    eprintln!("exuvia: {error:#}");
    if error.is::<UsageError>() {
        Status::Usage.into()
    } else {
        Status::Unclear.into()
    }
}

fn command(program: Program, suite: &Suite, args: Vec<String>) -> anyhow::Result<Status> {
    let place = Place::new(program.package, program.manifest_dir);
    match Invocation::of(args) {
        Invocation::ListTests => {
            list::list_as_tests(suite);
            Ok(Status::Pass)
        }
        Invocation::ListNothing => Ok(Status::Pass),
        Invocation::Check(filter, exact) => measure::check(program, suite, &place, &filter, exact),
        Invocation::Everything(words) => {
            let words = std::iter::once("exuvia-run".to_owned()).chain(words);
            let run = RunCommand::try_parse_from(words)?;
            measure::run_and_report(program, suite, &place, &run.run)
        }
        Invocation::Subcommand(words) => {
            let words = std::iter::once("exuvia".to_owned()).chain(words);
            subcommand(program, suite, &place, Cli::try_parse_from(words)?.command)
        }
    }
}

/// `run` without its name, for `cargo bench -- FILTER --quick`.
#[derive(Parser)]
struct RunCommand {
    #[command(flatten)]
    run: RunArgs,
}

fn subcommand(
    program: Program,
    suite: &Suite,
    place: &Place,
    command: Command,
) -> anyhow::Result<Status> {
    match command {
        Command::List(args) => list::list(suite, &args),
        Command::Run(args) => measure::run_and_report(program, suite, place, &args),
        Command::Check(args) => measure::check(program, suite, place, &args, false),
        Command::Selftest(args) => selftest::selftest(program, suite, place, &args),
        Command::Duel(args) => measure::duel(program, suite, place, &args),
        Command::Leaks(args) => leaks::leaks(program, suite, place, &args),
        Command::Profile(args) => profile::profile(program, suite, place, &args),
        other => front::on_records(place, other),
    }
}

/// What kind of command line this is: ours, cargo's, or a test runner's.
#[derive(Debug, PartialEq, Eq)]
enum Invocation {
    /// A subcommand and its arguments.
    Subcommand(Vec<String>),
    /// `cargo bench` without a subcommand: measure with these arguments, then report.
    Everything(Vec<String>),
    /// `cargo test --benches`, or a test runner that wants one test.
    Check(FilterArgs, bool),
    /// A test runner asks for the tests.
    ListTests,
    /// A test runner asks for the ignored tests.
    ListNothing,
}

impl Invocation {
    fn of(mut args: Vec<String>) -> Self {
        let from_cargo_bench = args.last().is_some_and(|word| word == "--bench");
        args.retain(|word| word != "--bench");
        let has = |flag: &str| args.iter().any(|word| word == flag);
        if has("--list") {
            return if has("--ignored") {
                Self::ListNothing
            } else {
                Self::ListTests
            };
        }
        if has("--test") || has("--exact") || (args.is_empty() && !from_cargo_bench) {
            let exact = has("--exact");
            let words = args
                .into_iter()
                .filter(|word| !word.starts_with("--"))
                .collect();
            return Self::Check(FilterArgs { filter: words }, exact);
        }
        match args.first() {
            Some(word) if is_subcommand(word) => Self::Subcommand(args),
            _ => Self::Everything(args),
        }
    }
}

fn is_subcommand(word: &str) -> bool {
    use clap::CommandFactory;
    matches!(word, "-h" | "--help" | "-V" | "--version")
        || Cli::command().find_subcommand(word).is_some()
}

/// The id of a workload that was registered as a plain function: its package and its own name.
#[must_use]
pub fn id_of(package: &str, function: &str) -> String {
    let name = function.rsplit("::").next().unwrap_or(function).trim();
    format!(
        "{}/{}",
        package.to_lowercase().replace('-', "_"),
        name.to_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(words: &str) -> Invocation {
        Invocation::of(words.split_whitespace().map(str::to_owned).collect())
    }

    fn words_of(words: &[&str]) -> FilterArgs {
        FilterArgs {
            filter: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    #[test]
    fn cargo_bench_measures_everything_and_cargo_test_checks() {
        assert_eq!(invocation("--bench"), Invocation::Everything(vec![]));
        assert_eq!(
            invocation("append --bench"),
            Invocation::Everything(vec!["append".to_owned()])
        );
        assert_eq!(invocation(""), Invocation::Check(words_of(&[]), false));
        assert_eq!(
            invocation("a/b[c] --exact --nocapture"),
            Invocation::Check(words_of(&["a/b[c]"]), true)
        );
    }

    #[test]
    fn a_subcommand_is_one_with_and_without_cargo() {
        let words = vec!["run".to_owned(), "--quick".to_owned()];
        assert_eq!(
            invocation("run --quick --bench"),
            Invocation::Subcommand(words.clone())
        );
        assert_eq!(invocation("run --quick"), Invocation::Subcommand(words));
        assert_eq!(invocation("--list --format terse"), Invocation::ListTests);
    }

    #[test]
    fn plain_functions_are_called_after_their_package() {
        assert_eq!(id_of("my-crate", "benches::lookup"), "my_crate/lookup");
    }
}
