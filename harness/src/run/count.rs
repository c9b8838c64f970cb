//! Counted runs by iai-callgrind: this executable is benchmark, benchmark target and runner in one.
//!
//! [`count`] starts this executable again with a plan in the environment. That process ([`serve`]) hands one benchmark
//! per case to iai-callgrind's binary-benchmark interface, which looks for a program called `iai-callgrind-runner` first
//! in `PATH` and there finds a link to this executable once more; called by that name it is the runner, and starts
//! `valgrind EXE exec CASE`. Nothing has to be installed and no two versions can drift apart.
//!
//! Whatever an earlier run left in the folder is deleted first, because a run without results leaves old summaries in
//! place. A case without a summary afterwards is an error that names it. A crash ends the whole group: the caller
//! counts the rest again, one by one.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use exuvia_reports::why::CaseFunctions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::callgrind::Profile;
use super::child;
use super::phases::{self, PhaseCounts};
use crate::CaseId;
use crate::exec::{ChildReport, Request};

/// The name under which iai-callgrind looks for its runner.
pub(crate) const RUNNER_NAME: &str = "iai-callgrind-runner";
/// Names the plan of a counting process.
pub(crate) const PLAN_VARIABLE: &str = "EXUVIA_COUNT_PLAN";
/// glibc picks copy routines by what the processor offers, and their instruction counts differ tenfold: without these
/// features every x86-64 machine runs the same ones.
pub(crate) const PINNED_TUNABLES: &str =
    "glibc.cpu.hwcaps=-ERMS,-FSRM,-AVX_Fast_Unaligned_Load,-AVX2,-AVX512F,-AVX512VL";

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The executable that runs the cases.
    pub(crate) exe: PathBuf,
    /// The package of the bench target.
    pub(crate) manifest_dir: PathBuf,
    /// The bench target that drives callgrind, where it is another one: the head's counts the base too, so that both
    /// are counted in the same way and a base needs to understand `exec` only.
    pub(crate) counter: Option<Box<Target>>,
}

/// One benchmark of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlannedCount {
    /// `c0`, `c1`, ..: identifiers only, as iai-callgrind wants them.
    pub(crate) id: String,
    pub(crate) exe: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

/// What one counted run gave.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) report: ChildReport,
    pub(crate) instructions: u64,
    pub(crate) estimated_cycles: Option<u64>,
    pub(crate) phases: PhaseCounts,
    /// Callgrind's output files.
    pub(crate) files: Vec<PathBuf>,
    /// Instructions and calls per function.
    pub(crate) functions: CaseFunctions,
}

/// Why a case was not counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CountError {
    /// The case itself said that it went wrong: counting it again changes nothing.
    #[error("{0}")]
    Failed(String),
    /// There is no result; another case of the group may have ended it.
    #[error("{0}")]
    Lost(String),
}

/// Counts the requests in one group; `home` is emptied first. One result per request, in their order.
pub(crate) fn count(
    target: &Target,
    requests: &[Request],
    home: &Path,
    timeout: Duration,
) -> io::Result<Vec<Result<Counted, CountError>>> {
    remove_stale(home)?;
    let plan = write_plan(home, target, requests)?;
    let counter = target.counter.as_deref().unwrap_or(target);
    let bin = link_runner(home, &counter.exe)?;
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    )))
    .map_err(io::Error::other)?;
    let mut command = Command::new(&counter.exe);
    command
        .current_dir(&counter.manifest_dir)
        .env("PATH", path)
        .env(PLAN_VARIABLE, home.join("plan.json"));
    command
        .env("IAI_CALLGRIND_HOME", home.join("iai"))
        .env("IAI_CALLGRIND_SAVE_SUMMARY", "json");
    command
        .env("IAI_CALLGRIND_COLOR", "never")
        .env("CARGO_TERM_COLOR", "never");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = child::run(&mut command, timeout)?;
    let summaries = summaries_in(&home.join("iai"));
    let group = format!("callgrind gave no summary: {}", output.failure());
    Ok(plan
        .iter()
        .zip(requests)
        .map(|(planned, request)| {
            counted(planned, &request.case, summaries.get(&planned.id), &group)
        })
        .collect())
}

fn remove_stale(home: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(home) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(home),
    }
}

fn write_plan(home: &Path, target: &Target, requests: &[Request]) -> io::Result<Vec<PlannedCount>> {
    let plan: Vec<_> = requests
        .iter()
        .enumerate()
        .map(|(index, request)| PlannedCount {
            id: format!("c{index}"),
            exe: target.exe.clone(),
            args: request.to_args(),
            stdout: home.join(format!("c{index}.stdout")),
            stderr: home.join(format!("c{index}.stderr")),
        })
        .collect();
    std::fs::write(home.join("plan.json"), serde_json::to_vec(&plan)?)?;
    Ok(plan)
}

fn link_runner(home: &Path, exe: &Path) -> io::Result<PathBuf> {
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin)?;
    std::os::unix::fs::symlink(exe, bin.join(RUNNER_NAME))?;
    Ok(bin)
}

/// Every summary below `folder` by the id of its benchmark.
fn summaries_in(folder: &Path) -> HashMap<String, Value> {
    let mut found = HashMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "summary.json") {
                found.extend(summary(&path));
            }
        }
    }
    found
}

fn summary(path: &Path) -> Option<(String, Value)> {
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    Some((value.get("id")?.as_str()?.to_owned(), value))
}

fn counted(
    planned: &PlannedCount,
    case: &CaseId,
    summary: Option<&Value>,
    group_failure: &str,
) -> Result<Counted, CountError> {
    let stdout = std::fs::read_to_string(&planned.stdout).unwrap_or_default();
    let report = ChildReport::find(&stdout);
    if let Some(failure) = report.as_ref().and_then(|report| report.failure.clone()) {
        return Err(CountError::Failed(failure));
    }
    let profile = summary.and_then(|summary| summary.pointer("/profiles/0"));
    let profile =
        profile.ok_or_else(|| CountError::Lost(with_last_words(group_failure, &planned.stderr)))?;
    let lost = |message: &str| CountError::Lost(message.to_owned());
    let report = report.ok_or_else(|| lost("the counted process ended without a report"))?;
    let number = |name: &str| {
        let pointer = format!("/summaries/total/summary/Callgrind/{name}/metrics/Left/Int");
        profile.pointer(&pointer).and_then(Value::as_u64)
    };
    let instructions =
        number("Ir").ok_or_else(|| lost("the summary of the counted run holds no `Ir`"))?;
    if instructions == 0 {
        return Err(CountError::Failed(NOTHING_COUNTED.to_owned()));
    }
    let files = files_of(profile);
    let profile = profile_of(&files)
        .map_err(|error| lost(&format!("callgrind's output cannot be read: {error}")))?;
    Ok(Counted {
        report,
        instructions,
        estimated_cycles: number("EstimatedCycles"),
        phases: phases::counts(&profile),
        functions: profile.of_case(case),
        files,
    })
}

const NOTHING_COUNTED: &str = "nothing was counted: was the executable built without symbols? `debug = true` in [profile.bench]";

fn with_last_words(failure: &str, stderr: &Path) -> String {
    let own = std::fs::read_to_string(stderr).unwrap_or_default();
    let own = own
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .map(|line| format!(" | {line}"));
    format!("{failure}{}", own.unwrap_or_default())
}

/// Callgrind's output files, one per thread that was counted.
fn files_of(profile: &Value) -> Vec<PathBuf> {
    let paths = profile
        .get("out_paths")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    paths.filter_map(Value::as_str).map(PathBuf::from).collect()
}

fn profile_of(files: &[PathBuf]) -> io::Result<Profile> {
    let mut profile = Profile::default();
    files.iter().try_for_each(|file| profile.read(file))?;
    Ok(profile)
}

/// The plan of this process, when it was started to count.
pub(crate) fn plan_of_this_process() -> Option<io::Result<Vec<PlannedCount>>> {
    let path = std::env::var_os(PLAN_VARIABLE)?;
    Some(std::fs::read(path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)))
}

/// Adds one benchmark per planned case; called by the group that [`crate::main!`] expands in the bench target.
#[cfg(feature = "instructions")]
pub(crate) fn add_benchmarks(group: &mut iai_callgrind::BinaryBenchmarkGroup) -> io::Result<()> {
    use iai_callgrind::{Bench, BinaryBenchmark, Command as Counted, Stdio as Stream};
    let mut benchmark = BinaryBenchmark::new("case");
    for planned in plan_of_this_process().ok_or_else(|| io::Error::other("no plan"))?? {
        let mut command = Counted::new(&planned.exe);
        command
            .args(&planned.args)
            .env("GLIBC_TUNABLES", PINNED_TUNABLES)
            .env("LC_ALL", "C");
        command
            .stdout(Stream::File(planned.stdout))
            .stderr(Stream::File(planned.stderr));
        benchmark.bench(Bench::new(planned.id.as_str()).command(command.build()));
    }
    group.binary_benchmark(benchmark);
    Ok(())
}

/// Counting starts and stops at the one function that runs a prepared case.
#[cfg(feature = "instructions")]
pub(crate) fn config() -> iai_callgrind::BinaryBenchmarkConfig {
    use iai_callgrind::{BinaryBenchmarkConfig, Callgrind, EntryPoint};
    let entry = EntryPoint::Custom(crate::exec::ENTRY_POINT.to_owned());
    let mut config = BinaryBenchmarkConfig::default();
    config.tool(Callgrind::default().entry_point(entry));
    config
}

/// Runs as iai-callgrind's runner: what a process called by [`RUNNER_NAME`] does. The result is the exit code.
#[cfg(feature = "instructions")]
pub(crate) fn serve_as_runner() -> u8 {
    match iai_callgrind_runner::runner::run() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error:#}");
            1
        }
    }
}
