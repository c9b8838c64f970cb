//! The words of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use exuvia_reports::record::Depth;

use crate::run::filter::Filter;
use crate::run::plan::{INSTRUMENTS, Selection};

/// Measures workloads in time, instructions, heap bytes and leaks; reports; judges.
#[derive(Debug, Parser)]
#[command(name = "exuvia", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One subcommand.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Workloads, variants and parameters.
    List(ListArgs),
    /// Measures, writes run.json and the report, shows what changed.
    Run(RunArgs),
    /// Runs each case once with its checksum and no instrument.
    Check(FilterArgs),
    /// Writes report.html, report.md and report.json from a record.
    Report(ReportArgs),
    /// Compares two records, or two git revisions built and measured here.
    Compare(CompareArgs),
    /// Judges a record: exit code 0 pass, 1 regression or leak, 3 not measured or not comparable.
    Gate(GateArgs),
    /// Kept runs, trends with their steps, results of criterion and iai-callgrind.
    #[cfg(feature = "history")]
    History(HistoryArgs),
    /// How often the gate cries wolf on this machine, and the smallest change it finds.
    Selftest(SelftestArgs),
    /// Joins the records of the shards of one run.
    Merge(MergeArgs),
    /// Measures this executable and another one side by side; `compare` and `gate --against` call it.
    #[command(hide = true)]
    Duel(DuelArgs),
    /// Records that later runs are compared with.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// The leak detector alone, with long budgets and every finding in full.
    Leaks(LeaksArgs),
    /// What is installed, and how noisy this machine is.
    Doctor,
    /// Writes a bench target, an alias, exuvia.toml and a workflow into a crate.
    Init(InitArgs),
    /// Callgrind's or dhat's own output of one case.
    Profile(ProfileArgs),
    /// The completion script of a shell; `exuvia completions bash > FILE`.
    Completions(CompletionsArgs),
    /// The manual page; `exuvia man > exuvia.1`.
    Man,
    /// The JSON Schema of run.json or report.json.
    Schema(SchemaArgs),
}

/// Which cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct FilterArgs {
    /// A part of a case's name, a pattern with * and ?, or a tag; several: any of them.
    pub(crate) filter: Vec<String>,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How thorough, and by which instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct DepthArgs {
    /// Small parameters, short budgets.
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Full parameters, long budgets.
    #[arg(long)]
    pub(crate) full: bool,
    /// Only these: time, instructions, heap, leaks, rss.
    #[arg(long = "instrument", value_delimiter = ',', value_parser = INSTRUMENTS)]
    pub(crate) instruments: Vec<String>,
}

/// Files for other programs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FormatArgs {
    /// Writes files for other programs beside the report; several separated by commas.
    #[arg(
        long = "format",
        value_name = "FORMAT",
        value_delimiter = ',',
        value_enum
    )]
    pub(crate) formats: Vec<FormatArg>,
}

/// Arguments of `run`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) depth: DepthArgs,
    /// Folder for run.json and everything in between [default: target/exuvia].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Part K of N of all cases; `auto` reads the usual variables of CI matrices and job arrays.
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<String>,
    /// Stops a measured process after so many seconds [default: 60 with --quick, else 300, with --full 900; longer while
    /// more processes want to run than there are cores].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Prints the record.
    #[arg(long)]
    pub(crate) json: bool,
}

impl RunArgs {
    /// How thorough.
    pub(crate) fn depth(&self) -> Depth {
        match (self.depth.quick, self.depth.full) {
            (true, _) => Depth::Quick,
            (_, true) => Depth::Full,
            _ => Depth::Default,
        }
    }

    /// The selection that these arguments mean.
    pub(crate) fn selection(&self) -> anyhow::Result<Selection> {
        Ok(Selection {
            depth: self.depth(),
            instruments: self.depth.instruments.clone(),
            filter: Filter::new(self.filter.filter.clone()),
            timeout: self.timeout.map(Duration::from_secs),
            shard: self
                .shard
                .as_deref()
                .map(super::shard::parse)
                .transpose()?
                .flatten(),
        })
    }
}

/// Arguments of `report`.
#[derive(Debug, Default, Args)]
pub(crate) struct ReportArgs {
    /// The record [default: target/exuvia/run.json].
    pub(crate) run: Option<PathBuf>,
    /// A record to compare with [default: the saved baseline, if there is one].
    #[arg(long)]
    pub(crate) baseline: Option<PathBuf>,
    /// Folder of the report [default: the record's].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Prints report.json.
    #[arg(long)]
    pub(crate) json: bool,
    /// Opens the page in the browser.
    #[arg(long)]
    pub(crate) open: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The file.
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

/// A file with a published schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// What was measured.
    Run,
    /// What was judged.
    Report,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// A record (an existing .json file) or a git revision.
    pub(crate) base: String,
    /// A record or a git revision.
    pub(crate) head: String,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Restricts what is measured for revisions.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Arguments of `history`.
#[cfg(feature = "history")]
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Draws the trends of benchmarks with this in their name, instead of listing runs; * is any text.
    pub(crate) filter: Option<String>,
    /// The metric of the trends; * is any text.
    #[arg(long, default_value = "instructions/ir")]
    pub(crate) metric: String,
    /// A SQLite file or postgres:// URL [default: EXUVIA_HISTORY, else target/exuvia/history.sqlite3].
    #[arg(long, value_name = "PLACE")]
    pub(crate) db: Option<String>,
    /// Adds the results below target/criterion or target/iai.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) import: Option<PathBuf>,
    /// So many runs.
    #[arg(long, default_value_t = 30)]
    pub(crate) limit: i64,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `selftest`.
#[derive(Debug, Args)]
pub(crate) struct SelftestArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Times process pairs for so long.
    #[arg(long, default_value_t = 240)]
    pub(crate) seconds: u64,
    /// Times until each case has so many pairs, however long that takes; at least 20.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(20..))]
    pub(crate) pairs: Option<u64>,
    /// Counts so many cases, spread over the suite, with and without a defect of known size.
    #[arg(long, value_name = "CASES", default_value_t = 12)]
    pub(crate) counted: usize,
    /// Times so many cases.
    #[arg(long, value_name = "CASES", default_value_t = 4)]
    pub(crate) timed: usize,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The records of all shards, in any order.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of the joined run.json [default: target/exuvia].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `duel`.
#[derive(Debug, Args)]
pub(crate) struct DuelArgs {
    /// The other executable.
    #[arg(long)]
    pub(crate) base: PathBuf,
    /// Folder of its package.
    #[arg(long)]
    pub(crate) base_dir: PathBuf,
    /// What the base was built from.
    #[arg(long)]
    pub(crate) base_commit: String,
    /// What this executable was built from.
    #[arg(long)]
    pub(crate) head_commit: String,
    /// Seconds for all process pairs.
    #[arg(long)]
    pub(crate) time_budget: Option<u64>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// A file for another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// report.junit.xml
    Junit,
    /// report.sarif: leaks as alerts
    Sarif,
    /// report.bencher.json
    Bencher,
    /// report.benchmark.json, for github-action-benchmark
    GithubBenchmark,
}

/// How strictly to judge.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JudgeArgs {
    /// An instrument whose rows may be missing; the only way round exit code 3.
    #[arg(long, value_name = "INSTRUMENT", value_delimiter = ',', value_parser = INSTRUMENTS)]
    pub(crate) allow_missing: Vec<String>,
    /// Passes without a baseline.
    #[arg(long)]
    pub(crate) allow_no_base: bool,
    /// Wall time votes too.
    #[arg(long)]
    pub(crate) strict: bool,
    /// With revisions: times process pairs of base and head for so many seconds in all.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) time_budget: Option<u64>,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
}

/// Arguments of `gate`.
#[derive(Debug, Default, Args)]
pub(crate) struct GateArgs {
    /// The record to judge [default: target/exuvia/run.json; with --against the working tree is measured].
    pub(crate) run: Option<PathBuf>,
    /// The record to compare with [default: the saved baseline].
    #[arg(long, value_name = "RECORD", conflicts_with = "against")]
    pub(crate) baseline: Option<PathBuf>,
    /// A git revision to build and measure here, now, side by side with the working tree.
    #[arg(long, value_name = "GITREF")]
    pub(crate) against: Option<String>,
    /// With --against only, as what is measured then.
    #[command(flatten)]
    pub(crate) depth: DepthArgs,
    /// With --against: only cases that match.
    #[arg(long = "filter", requires = "against", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Folder of the report [default: the record's].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Prints the comparison.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Saves a record under a name.
    Save {
        /// The name [default: that of the record's depth, quick, main or full].
        name: Option<String>,
        /// The record [default: target/exuvia/run.json].
        #[arg(long)]
        run: Option<PathBuf>,
    },
    /// Lists the saved ones.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Takes the values of a record for the saved baseline, because its changes are meant.
    Accept {
        /// The name [default: that of the record's depth, quick, main or full].
        name: Option<String>,
        /// The record [default: target/exuvia/run.json].
        #[arg(long)]
        run: Option<PathBuf>,
    },
}

/// Arguments of `leaks`.
#[derive(Debug, Args)]
pub(crate) struct LeaksArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Short budgets.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Folder for everything in between [default: target/exuvia/leaks].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder of the crate [default: the current one].
    pub(crate) folder: Option<PathBuf>,
}

/// Whose output to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileTool {
    /// Instructions per function.
    #[default]
    Callgrind,
    /// Blocks and bytes per site.
    Dhat,
}

/// Arguments of `profile`.
#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// The case, as `list` prints it.
    pub(crate) case: String,
    /// Whose output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) tool: ProfileTool,
    /// Folder for the output [default: target/exuvia].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}
