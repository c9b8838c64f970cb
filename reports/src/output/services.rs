//! Numbers for services that keep a history: Bencher and github-action-benchmark.

use crate::record::{Better, Measurement, Record, to_pretty_json};
use serde_json::{Map, Value, json};

/// Bencher Metric Format: benchmark, measure, value with its interval.
///
/// # Errors
/// Never for a valid record.
pub fn bencher(head: &Record) -> std::io::Result<String> {
    let mut benchmarks: Map<String, Value> = Map::new();
    for row in measured(head) {
        let Some(value) = row.value else { continue };
        let mut metric = json!({"value": value});
        if let (Some(low), Some(high)) = (row.low, row.high) {
            metric["lower_value"] = json!(low);
            metric["upper_value"] = json!(high);
        }
        let measures = benchmarks
            .entry(row.case().to_string())
            .or_insert_with(|| json!({}));
        measures[slug(&row.metric)] = metric;
    }
    to_pretty_json(&benchmarks)
}

/// A measure's name as Bencher wants it: `heap-total-bytes-system`; its own name for time is `latency`.
fn slug(metric: &str) -> String {
    match metric {
        "time/ns_per_op" => "latency".to_owned(),
        "instructions/ir" => "instructions".to_owned(),
        other => {
            let plain = |c: char| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            };
            other.chars().map(plain).collect()
        }
    }
}

/// The array of github-action-benchmark's tool `customSmallerIsBetter`.
///
/// # Errors
/// Never for a valid record.
pub fn github_benchmark(head: &Record) -> std::io::Result<String> {
    let entry = |row: &Measurement| {
        let mut entry = json!({
            "name": format!("{} {}", row.case(), row.metric), "unit": row.unit, "value": row.value,
            "extra": format!("{} of {}", row.statistic, row.n),
        });
        if let (Some(low), Some(high)) = (row.low, row.high) {
            entry["range"] = json!(format!("± {}", (high - low) / 2.0));
        }
        entry
    };
    let smaller = measured(head).filter(|row| row.better == Better::Less);
    to_pretty_json(&smaller.map(entry).collect::<Vec<_>>())
}

fn measured(head: &Record) -> impl Iterator<Item = &Measurement> {
    head.measurements
        .iter()
        .filter(|row| row.measured().is_some() && row.better != Better::None)
}
