//! Resident memory of one process, watched from outside: the watched process starts no thread and reads no clock.
//!
//! The kernel's own peak is reset at the first marker and read at the second, so a peak between two samples is not lost;
//! the samples in between draw the curve.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use exuvia_reports::record::{Better, Measurement, Series, Status};

use super::assemble::row_of;
use super::child::{self, End, Limits, Output};
use super::count::Target;
use crate::exec::{ChildReport, Marker, Request};

const SAMPLE_EVERY: Duration = Duration::from_millis(1);
const MAX_POINTS: usize = 512;

#[derive(Default)]
struct Watched {
    before_bytes: u64,
    peak_bytes: u64,
    after_bytes: u64,
    points: Vec<[f64; 2]>,
}

/// Runs the case once and adds what was seen to its report.
pub(crate) fn watch(
    target: &Target,
    request: &Request,
    limits: Limits,
) -> Result<ChildReport, String> {
    let cannot = |error: io::Error| format!("cannot be watched: {error}");
    // the shell that sets the limit would be sampled before it becomes the workload
    let unlimited = Limits {
        memory_bytes: None,
        ..limits
    };
    let mut command = child::command(&target.exe, request, unlimited, &[]);
    command
        .current_dir(&target.manifest_dir)
        .stdin(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(cannot)?;
    let stderr = child::drain(child.stderr.take());
    let lines = lines_of(&mut child);
    let stdin = child.stdin.take();
    let mut watched = Watched::default();
    let (stdout, end) = follow(&mut child, stdin, &lines, limits, &mut watched).map_err(cannot)?;
    let mut report = Output {
        stdout,
        stderr: child::joined(stderr),
        end,
    }
    .report()?;
    fill(&mut report, request, watched);
    Ok(report)
}

fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let stdout = child.stdout.take();
    std::thread::spawn(move || {
        let lines = stdout
            .into_iter()
            .flat_map(|stdout| BufReader::new(stdout).lines());
        lines
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    receiver
}

/// Answers the markers and samples between them until the process has ended.
fn follow(
    child: &mut Child,
    mut stdin: Option<ChildStdin>,
    lines: &Receiver<String>,
    limits: Limits,
    watched: &mut Watched,
) -> io::Result<(String, End)> {
    let start = Instant::now();
    let mut running_since = None;
    let mut stdout = String::new();
    loop {
        match lines.recv_timeout(SAMPLE_EVERY) {
            Ok(line) => match Marker::of_line(&line) {
                Some(Marker::Before) => {
                    reset_peak(child.id());
                    watched.before_bytes = resident(child.id()).unwrap_or(0);
                    running_since = Some(Instant::now());
                    go_on(&mut stdin)?;
                }
                Some(Marker::After) => {
                    running_since = None;
                    watched.after_bytes = resident(child.id()).unwrap_or(0);
                    let sampled = watched
                        .points
                        .iter()
                        .map(|point| point[1] as u64)
                        .max()
                        .unwrap_or(0);
                    let ends = watched.before_bytes.max(watched.after_bytes).max(sampled);
                    watched.peak_bytes = kernel_peak(child.id()).unwrap_or(0).max(ends);
                    go_on(&mut stdin)?;
                }
                None => stdout.extend([line.as_str(), "\n"]),
            },
            Err(RecvTimeoutError::Disconnected) => return Ok((stdout, End::Exited(child.wait()?))),
            Err(RecvTimeoutError::Timeout) if start.elapsed() > limits.timeout => {
                child::kill_group(child)?;
                return Ok((stdout, End::TimedOut(limits.timeout)));
            }
            Err(RecvTimeoutError::Timeout) => {
                if let (Some(since), Some(bytes)) = (running_since, resident(child.id())) {
                    watched
                        .points
                        .push([Instant::elapsed(&since).as_secs_f64() * 1e3, bytes as f64]);
                }
            }
        }
    }
}

fn go_on(stdin: &mut Option<ChildStdin>) -> io::Result<()> {
    stdin.as_mut().map_or(Ok(()), |stdin| {
        stdin.write_all(b"go\n").and_then(|()| stdin.flush())
    })
}

/// Resident bytes now, by the kernel's page accounting.
fn resident(pid: u32) -> Option<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The largest resident size since the last reset.
fn kernel_peak(pid: u32) -> Option<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}

fn reset_peak(pid: u32) {
    // refused on some systems: then the peak since the start, preparation included, is reported
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn fill(report: &mut ChildReport, request: &Request, watched: Watched) {
    let row = |metric: &str, bytes: u64| Measurement {
        metric: format!("rss/{metric}"),
        unit: "B".to_owned(),
        better: Better::Less,
        statistic: "single".to_owned(),
        value: Some(bytes as f64),
        n: 1,
        status: Status::Measured,
        ..row_of(&request.case, "rss")
    };
    report
        .measurements
        .push(row("before_bytes", watched.before_bytes));
    report
        .measurements
        .push(row("peak_bytes", watched.peak_bytes));
    report
        .measurements
        .push(row("after_bytes", watched.after_bytes));
    let step = watched.points.len().div_ceil(MAX_POINTS).max(1);
    let case = row_of(&request.case, "rss");
    report.series.push(Series {
        workload: case.workload,
        variant: case.variant,
        params: case.params,
        instrument: case.instrument,
        name: "resident_bytes".to_owned(),
        unit: "B".to_owned(),
        x_unit: "ms".to_owned(),
        points: watched.points.into_iter().step_by(step).collect(),
        note: None,
    });
}
