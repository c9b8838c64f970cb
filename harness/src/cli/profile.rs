//! `profile`: callgrind's or dhat's own output of one case.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use exuvia_reports::record::Depth;

use super::args::{ProfileArgs, ProfileTool};
use super::measure::target_of;
use super::place::Place;
use super::{Program, Status, UsageError};
use crate::exec::{Instrument, Request};
use crate::run::child::{self, Limits};
use crate::run::count;
use crate::{CaseId, Suite};

const TIMEOUT: Duration = Duration::from_secs(900);

/// Runs the case under the tool, says where its output is, and prints the head of it.
pub(crate) fn profile(
    program: Program,
    suite: &Suite,
    place: &Place,
    args: &ProfileArgs,
) -> anyhow::Result<Status> {
    let case: CaseId = args
        .case
        .parse()
        .map_err(|error: crate::CaseIdError| UsageError::Other(error.to_string()))?;
    if !suite
        .workloads()
        .iter()
        .any(|workload| workload.id() == case.workload)
    {
        return Err(UsageError::NoMatch(args.case.clone()).into());
    }
    let home = place
        .out(args.out.as_deref())
        .join("profile")
        .join(case.file_name());
    std::fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    match args.tool {
        ProfileTool::Callgrind => callgrind(program, place, &case, &home),
        ProfileTool::Dhat => dhat(program, place, &case, &home),
    }
}

fn callgrind(
    program: Program,
    place: &Place,
    case: &CaseId,
    home: &std::path::Path,
) -> anyhow::Result<Status> {
    let request = Request {
        case: case.clone(),
        instrument: Instrument::Instructions,
        depth: Depth::Quick,
        raw: None,
        inject: None,
    };
    let target = target_of(program, place)?;
    let counted = count::count(&target, std::slice::from_ref(&request), home, TIMEOUT)?;
    let counted = counted
        .into_iter()
        .next()
        .context("nothing was counted")?
        .map_err(anyhow::Error::msg)?;
    println!("{case}: {} instructions", counted.instructions);
    for file in counted.files {
        println!("wrote {}", place.shown(&file));
        // without the annotator (it comes with valgrind) the file still opens in KCachegrind
        let _ = Command::new("callgrind_annotate")
            .arg(&file)
            .stderr(Stdio::null())
            .status();
    }
    Ok(Status::Pass)
}

fn dhat(
    program: Program,
    place: &Place,
    case: &CaseId,
    home: &std::path::Path,
) -> anyhow::Result<Status> {
    let file = home.join("dhat-heap.json");
    let raw = Some(file.clone());
    let request = Request {
        case: case.clone(),
        instrument: Instrument::Heap,
        depth: Depth::Quick,
        raw,
        inject: None,
    };
    let limits = Limits {
        timeout: TIMEOUT,
        memory_bytes: None,
    };
    let mut command = child::command(&target_of(program, place)?.exe, &request, limits, &[]);
    let output = child::run(&mut command, TIMEOUT)?;
    if let Err(reason) = output.report() {
        bail!("{case}: {reason}");
    }
    print!("{}", output.stderr);
    println!(
        "wrote {}; open it in dh_view.html, which comes with valgrind",
        place.shown(&file)
    );
    Ok(Status::Pass)
}
