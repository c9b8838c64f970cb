//! Wall time by criterion: batches of runs, their median with its interval, and every sample.
//!
//! One case per process and no thread in it: one spawned thread makes glibc's malloc slower for good. criterion writes
//! into the folder the runner names in `CRITERION_HOME`; what it saved there is read back rather than its printed text.

use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::Criterion;
use exuvia_reports::record::{Better, Depth, Measurement, Series, Status};
use serde::Deserialize;

use super::ChildReport;
use super::session::Session;
use crate::workload::{Batch, Started};

const BENCHMARK: &str = "case";
const CONFIDENCE: f64 = 0.95;

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Samples {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Times the case and reads back what criterion saved.
pub(super) fn run(
    session: &Session<'_>,
    mut started: Box<dyn Started + '_>,
) -> Result<ChildReport, String> {
    let home = std::env::var_os("CRITERION_HOME")
        .map(PathBuf::from)
        .ok_or("CRITERION_HOME is not set")?;
    let mut last = Batch::default();
    let mut wrong = None;
    criterion_of(session.request.depth, &home).bench_function(BENCHMARK, |bencher| {
        bencher.iter_custom(|iterations| {
            last = started.run_batch(iterations, session.expected);
            if last.wrong_runs > 0 {
                wrong.get_or_insert(last.checksum);
            }
            // criterion divides by it: a run that the clock cannot see still took some time
            last.elapsed.max(Duration::from_nanos(1))
        });
    });
    let mut report = session.report(wrong.unwrap_or(last.checksum));
    let saved = home.join(BENCHMARK).join("new");
    let (estimates, samples) = (
        load(&saved, "estimates.json")?,
        load(&saved, "sample.json")?,
    );
    fill(&mut report, session, &estimates, &samples);
    Ok(report)
}

/// `(warm-up, measuring, samples)` of each depth; the quick one takes well below a second for a small case.
fn criterion_of(depth: Depth, home: &Path) -> Criterion {
    let (warm_up_ms, measure_ms, samples) = match depth {
        Depth::Quick => (60, 300, 20),
        Depth::Default => (300, 1_500, 40),
        Depth::Full => (1_000, 5_000, 100),
    };
    Criterion::default()
        .output_directory(home)
        .without_plots()
        .confidence_level(CONFIDENCE)
        .warm_up_time(Duration::from_millis(warm_up_ms))
        .measurement_time(Duration::from_millis(measure_ms))
        .nresamples(10_000)
        .sample_size(samples)
}

fn load<T: for<'de> Deserialize<'de>>(folder: &Path, file: &str) -> Result<T, String> {
    let text = std::fs::read_to_string(folder.join(file))
        .map_err(|error| format!("criterion saved no {file}: {error}"))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("criterion's {file} cannot be read: {error}"))
}

fn fill(report: &mut ChildReport, session: &Session<'_>, estimates: &Estimates, samples: &Samples) {
    let ops = session.ops as f64;
    let n = samples.iters.len() as u64;
    let interval = &estimates.median.confidence_interval;
    let median = estimates.median.point_estimate;
    let time = Measurement {
        metric: "time/ns_per_op".to_owned(),
        unit: "ns".to_owned(),
        better: Better::Less,
        statistic: "median".to_owned(),
        value: Some(median / ops),
        low: Some(interval.lower_bound.min(median) / ops),
        high: Some(interval.upper_bound.max(median) / ops),
        level: Some(CONFIDENCE),
        n,
        status: Status::Measured,
        ..session.row()
    };
    for (name, handled) in session
        .handled
        .into_iter()
        .filter_map(|(name, count)| Some((name, count?)))
    {
        report
            .measurements
            .push(throughput(&time, name, handled as f64 / ops));
    }
    report.measurements.push(time);
    report.series.push(Series {
        name: "ns_per_op".to_owned(),
        unit: "ns".to_owned(),
        x_unit: "sample".to_owned(),
        points: points(samples, ops),
        note: Some("one point per sample, in the order of measuring".to_owned()),
        ..session.series()
    });
}

/// Handled things per second from the time of one operation; the ends of the interval change places.
fn throughput(time: &Measurement, name: &str, per_op: f64) -> Measurement {
    let per_second = |ns: Option<f64>| ns.filter(|ns| *ns > 0.0).map(|ns| per_op * 1e9 / ns);
    Measurement {
        metric: format!("time/{name}_per_second"),
        unit: if name == "bytes" { "B/s" } else { "1/s" }.to_owned(),
        better: Better::More,
        value: per_second(time.value),
        low: per_second(time.high),
        high: per_second(time.low),
        ..time.clone()
    }
}

fn points(samples: &Samples, ops: f64) -> Vec<[f64; 2]> {
    let pairs = samples.iters.iter().zip(&samples.times).enumerate();
    pairs
        .map(|(index, (iterations, ns))| [index as f64, ns / iterations / ops])
        .collect()
}
