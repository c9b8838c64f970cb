//! The gate from records to exit code: each test is one thing that can happen to a suite.

mod elsewhere;
mod leaks;
mod limits;
mod silence;

use exuvia_reports::compare::{Comparison, Row, RowVerdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::Record;
use std::path::Path;

fn gate(base: &Record, head: &Record) -> Comparison {
    compare(
        Some(base),
        head,
        &Config::default(),
        &GateOptions::default(),
    )
}

fn allowing(base: Option<&Record>, head: &Record, instrument: &str) -> Comparison {
    let options = GateOptions {
        allow_missing: vec![instrument.to_owned()],
        ..GateOptions::default()
    };
    compare(base, head, &Config::default(), &options)
}

fn configured(base: &Record, head: &Record, config: &str) -> Comparison {
    let config = Config::parse(config, Path::new("exuvia.toml")).unwrap();
    compare(Some(base), head, &config, &GateOptions::default())
}

/// Changes the first measurement of `metric`.
fn with(metric: &str, change: impl Fn(f64) -> f64) -> Record {
    let mut head = fixture::record();
    let row = head
        .measurements
        .iter_mut()
        .find(|m| m.metric == metric)
        .expect("in the fixture");
    row.value = row.value.map(&change);
    row.low = row.low.map(&change);
    row.high = row.high.map(&change);
    head
}

fn without(instrument: &str) -> Record {
    let mut head = fixture::record();
    head.measurements.retain(|m| m.instrument != instrument);
    if instrument == "leaks" {
        head.leaks.clear();
    }
    head
}

/// One of the notes is the one that is meant.
fn assert_noted(comparison: &Comparison, is_meant: impl Fn(&str) -> bool) {
    let notes = &comparison.notes;
    assert!(notes.iter().any(|note| is_meant(note)), "{notes:#?}");
}

fn only_voting(comparison: &Comparison, verdict: RowVerdict) -> Vec<&Row> {
    comparison
        .rows
        .iter()
        .filter(|r| r.votes && r.verdict == verdict)
        .collect()
}
