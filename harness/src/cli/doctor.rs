//! `doctor`: what is installed, and how noisy this machine is.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Status;
use super::place::Place;
use crate::run::environment;

/// Prints one line per finding; a missing tool that votes is exit code 3.
pub(crate) fn doctor(place: &Place) -> anyhow::Result<Status> {
    let valgrind = environment::valgrind();
    let environment = environment::gather(&place.manifest_dir, valgrind.clone().ok());
    for (name, value) in environment.describe() {
        println!("{name:>16}  {value}");
    }
    println!("{:>16}  {}", "git", version_of("git"));
    println!("{:>16}  {}", "load", load());
    println!("{:>16}  {}", "noise", noise());
    println!("{:>16}  {}", "instruments", instruments());
    match valgrind {
        Ok(_) => Ok(Status::Pass),
        Err(reason) => {
            println!("\nwithout instructions: {reason}");
            Ok(Status::Unclear)
        }
    }
}

fn instruments() -> &'static str {
    if cfg!(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )) {
        "time, instructions, heap, leaks, rss"
    } else {
        "time, heap, leaks (instructions and rss need Linux on x86-64 or aarch64)"
    }
}

fn version_of(tool: &str) -> String {
    let output = Command::new(tool)
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    output.map_or_else(
        |_| "not installed".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn load() -> String {
    environment::load().map_or_else(
        || "unknown".to_owned(),
        |load| format!("{load} over the last minute"),
    )
}

/// How much longer than its fastest the same work takes here: what a time has to exceed to mean anything.
fn noise() -> String {
    const ROUNDS: usize = 300;
    let mut times: Vec<_> = (0..ROUNDS).map(|_| spin()).collect();
    times.sort_unstable();
    let percent = |time: Duration| (time.as_secs_f64() / times[0].as_secs_f64() - 1.0) * 100.0;
    let (median, worst) = (
        percent(times[ROUNDS / 2]),
        percent(times[ROUNDS * 95 / 100]),
    );
    format!(
        "median {median:.1} %, 95th percentile {worst:.1} % above the fastest of {ROUNDS} equal rounds"
    )
}

fn spin() -> Duration {
    let start = Instant::now();
    let mut sum = 0_u64;
    for i in 0..100_000_u64 {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(i));
    }
    black_box(sum);
    start.elapsed()
}
