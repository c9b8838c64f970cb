//! Results that users already have, as records: criterion's folder and iai-callgrind's summaries.
//!
//! What cannot be known (the machine, the toolchain) stays unknown, so that such a record is compared with its like only.

use crate::record::{Better, Measurement, Record, Status};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything found below `folder` (`target/criterion`, `target/iai`), newest state only.
///
/// # Errors
/// When the folder cannot be read. Files of other shapes are passed over.
pub fn read(folder: &Path) -> std::io::Result<Record> {
    let mut record = Record::default();
    let mut newest = 0;
    for file in files(folder)? {
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let rows = match name.as_deref() {
            Some("benchmark.json") if file.parent().is_some_and(|f| f.ends_with("new")) => {
                criterion(&file)
            }
            Some("summary.json") => iai(&file),
            _ => None,
        };
        let Some(rows) = rows else { continue };
        record.measurements.extend(rows);
        newest = newest.max(modified(&file));
    }
    record.environment.created_unix = Some(newest);
    let mut seen = std::collections::BTreeSet::new();
    record
        .measurements
        .retain(|row| seen.insert((row.case(), row.metric.clone())));
    Ok(record)
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files.sort();
    Ok(files)
}

fn modified(file: &Path) -> u64 {
    let time = std::fs::metadata(file)
        .and_then(|data| data.modified())
        .ok();
    time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |time| time.as_secs())
}

fn json(file: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

/// `new/benchmark.json` names the benchmark, `new/estimates.json` beside it has the numbers.
fn criterion(file: &Path) -> Option<Vec<Measurement>> {
    let (benchmark, estimates) = (json(file)?, json(&file.with_file_name("estimates.json"))?);
    let text = |name: &str| benchmark.get(name).and_then(Value::as_str);
    let value = text("value_str").unwrap_or_default();
    let params = value
        .parse()
        .map(|number: u64| BTreeMap::from([("value".to_owned(), number)]));
    let function = text("function_id").unwrap_or("benchmark");
    let number = |pointer: &str| estimates.pointer(pointer).and_then(Value::as_f64);
    let variant = if params.is_err() && !value.is_empty() {
        format!("{function}/{value}")
    } else {
        function.to_owned()
    };
    Some(vec![Measurement {
        workload: format!("criterion/{}", text("group_id")?),
        variant,
        params: params.unwrap_or_default(),
        instrument: "time".to_owned(),
        metric: "time/ns_per_op".to_owned(),
        unit: "ns".to_owned(),
        better: Better::Less,
        statistic: "median".to_owned(),
        value: Some(number("/median/point_estimate")?),
        low: number("/median/confidence_interval/lower_bound"),
        high: number("/median/confidence_interval/upper_bound"),
        level: number("/median/confidence_interval/confidence_level"),
        status: Status::Measured,
        ..Measurement::default()
    }])
}

/// A summary of iai-callgrind, schema 6: its own counts of instructions and estimated cycles.
fn iai(file: &Path) -> Option<Vec<Measurement>> {
    let summary = json(file)?;
    let text = |name: &str| summary.get(name).and_then(Value::as_str);
    let callgrind = summary
        .get("profiles")?
        .as_array()?
        .iter()
        .find_map(|profile| profile.pointer("/summaries/total/summary/Callgrind"))?;
    let count = |event: &str| {
        let metrics = callgrind.get(event)?.get("metrics")?;
        let new = metrics
            .pointer("/Left/Int")
            .or_else(|| metrics.pointer("/Both/0/Int"));
        new.and_then(Value::as_u64)
    };
    let row = |metric: &str, exact: bool, value: u64| Measurement {
        workload: format!(
            "iai/{}",
            text("module_path").unwrap_or("unknown").replace("::", "/")
        ),
        variant: text("id")
            .filter(|id| !id.is_empty())
            .unwrap_or("benchmark")
            .to_owned(),
        instrument: "instructions".to_owned(),
        metric: format!("instructions/{metric}"),
        unit: if exact { "instructions" } else { "cycles" }.to_owned(),
        better: Better::Less,
        statistic: "count".to_owned(),
        value: Some(value as f64),
        n: 1,
        exact,
        status: Status::Measured,
        ..Measurement::default()
    };
    let mut rows = vec![row("ir", true, count("Ir")?)];
    rows.extend(count("EstimatedCycles").map(|cycles| row("estimated_cycles", false, cycles)));
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_become_rows_of_one_valid_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("created");
            std::fs::write(file, text).expect("written");
        };
        write(
            "criterion/sum/10/new/benchmark.json",
            r#"{"group_id":"sum","function_id":"vec","value_str":"10"}"#,
        );
        let estimate = r#"{"median":{"point_estimate":5.5,"confidence_interval":{"confidence_level":0.95,"lower_bound":5.0,"upper_bound":6.0}}}"#;
        write("criterion/sum/10/new/estimates.json", estimate);
        write(
            "iai/x/summary.json",
            r#"{"module_path":"bench::group::sum","id":"ten","profiles":[{"summaries":{"total":{"summary":{"Callgrind":
            {"Ir":{"metrics":{"Both":[{"Int":42},{"Int":41}]}}}}}}}]}"#,
        );
        let record = read(folder.path()).expect("read");
        record.validate().expect("valid");
        let values: Vec<_> = record
            .measurements
            .iter()
            .map(|m| (m.case().to_string(), m.value))
            .collect();
        assert_eq!(
            values,
            [
                ("criterion/sum[vec]{value=10}".to_owned(), Some(5.5)),
                ("iai/bench/group/sum[ten]".to_owned(), Some(42.0)),
            ]
        );
    }
}
