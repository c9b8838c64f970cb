//! The front end: a small program that knows no workload.
//!
//! What works on records it does itself; for what measures it builds the bench target and becomes it.

use std::os::unix::process::CommandExt;
use std::process::{Command as Process, ExitCode};

use anyhow::Context;
use clap::Parser;

use super::args::{Cli, Command};
use super::place::{CALLER_VARIABLE, Place};
use super::{Status, build, doctor, init, judge, merge, shell, told};

/// A subcommand that a suite adds, `replay` for example.
#[derive(Clone, Copy)]
struct Extra {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> ExitCode,
}

/// A command line for the bench target of one package.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     exuvia_harness::cli::Frontend::new("my-crate", env!("CARGO_MANIFEST_DIR"))
///         .command("hello", "says hello", |_args| {
///             println!("hello");
///             ExitCode::SUCCESS
///         })
///         .main()
/// }
/// ```
pub struct Frontend {
    place: Place,
    extras: Vec<Extra>,
}

impl Frontend {
    /// A front end to the bench target `exuvia` of `package`, whose folder is `manifest_dir`.
    #[must_use]
    pub fn new(package: &str, manifest_dir: &str) -> Self {
        Self {
            place: Place::new(package, manifest_dir),
            extras: Vec::new(),
        }
    }

    /// Adds a subcommand. It gets the arguments after its name and returns its exit code.
    #[must_use]
    pub fn command(
        mut self,
        name: &'static str,
        about: &'static str,
        run: fn(&[String]) -> ExitCode,
    ) -> Self {
        self.extras.push(Extra { name, about, run });
        self
    }

    /// Does what the command line says.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let Some(word) = args.first() else {
            print!("{}", self.welcome());
            return Status::Pass.into();
        };
        if let Some(extra) = self.extras.iter().find(|extra| extra.name == word) {
            return (extra.run)(&args[1..]);
        }
        told(self.follow(&args))
    }

    fn follow(&self, args: &[String]) -> anyhow::Result<Status> {
        if matches!(args[0].as_str(), "-h" | "--help") {
            use clap::CommandFactory;
            let extras = self
                .extras
                .iter()
                .map(|extra| clap::Command::new(extra.name).about(extra.about));
            Cli::command().subcommands(extras).print_help()?;
            return Ok(Status::Pass);
        }
        if args[0] == "exec" {
            return self.become_bench(args);
        }
        let words = std::iter::once("exuvia".to_owned()).chain(args.iter().cloned());
        match Cli::try_parse_from(words)?.command {
            Command::List(_)
            | Command::Run(_)
            | Command::Check(_)
            | Command::Leaks(_)
            | Command::Duel(_)
            | Command::Selftest(_)
            | Command::Profile(_) => self.become_bench(args),
            command => on_records(&self.place, command),
        }
    }

    /// Replaces this process by the bench target; returns only when that fails.
    fn become_bench(&self, args: &[String]) -> anyhow::Result<Status> {
        let executable = build::bench(&self.place.root, &self.place.package, &[])?;
        let caller = std::env::current_dir().context("cannot find the current folder")?;
        let mut bench = Process::new(&executable);
        bench
            .args(args)
            .current_dir(&self.place.manifest_dir)
            .env(CALLER_VARIABLE, caller);
        Err(bench.exec()).with_context(|| format!("cannot start {}", executable.display()))
    }

    fn welcome(&self) -> String {
        let mut text = String::from(
            "exuvia measures workloads in time, instructions, heap bytes and leaks.\n\n\
             \x20 exuvia list                 what there is to measure\n\
             \x20 exuvia run --quick          measure all of it, in a few minutes\n\
             \x20 exuvia report --open        look at target/exuvia/report.html\n\
             \x20 exuvia gate                 is it worse than the baseline?\n\
             \x20 exuvia baseline save        keep this run as the baseline\n\
             \x20 exuvia doctor               what is installed, how noisy this machine is\n",
        );
        for extra in &self.extras {
            text.push_str(&format!("  exuvia {:<21}{}\n", extra.name, extra.about));
        }
        text.push_str("\nexuvia --help has the rest.\n");
        text
    }
}

/// The subcommands that need no workload.
pub(super) fn on_records(place: &Place, command: Command) -> anyhow::Result<Status> {
    match command {
        Command::Report(args) => judge::report(place, &args),
        Command::Compare(args) => judge::compare(place, &args),
        Command::Gate(args) => judge::gate(place, &args),
        #[cfg(feature = "history")]
        Command::History(args) => super::history::history(place, &args),
        Command::Merge(args) => merge::merge(place, &args),
        Command::Baseline(command) => judge::baseline(place, &command),
        Command::Init(args) => init::init(place, &args),
        Command::Doctor => doctor::doctor(place),
        Command::Completions(args) => shell::completions(&args),
        Command::Man => shell::man(),
        Command::Schema(args) => shell::schema(&args),
        Command::List(_)
        | Command::Run(_)
        | Command::Check(_)
        | Command::Leaks(_)
        | Command::Duel(_)
        | Command::Selftest(_)
        | Command::Profile(_) => {
            anyhow::bail!("this command needs the bench target")
        }
    }
}
