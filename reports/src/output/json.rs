//! `report.json`: the comparison for machines, schema `exuvia.report/1`.
//!
//! Carries the verdict and the exit code, so that nobody has to search for the word "regressed" in
//! a text, and for each row both the numbers and the words that the other outputs print.

use crate::beside::Beside;
use crate::compare::{Comparison, Counts, Row, Shown, Verdict};
use crate::history::trend::Trend;
use crate::peers::Peers;
use crate::record::{Depth, Difference, Environment, Record, SelfTest, to_pretty_json};
use crate::why::Cause;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema of `report.json`.
pub const SCHEMA: &str = "exuvia.report/1";

/// One side of the comparison, without its measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// How thorough the run was.
    pub depth: Depth,
    /// The filter or shard, `None` for the whole suite.
    pub selection: Option<String>,
    /// Where it was measured.
    pub environment: Environment,
}

/// A row with its case as one text and its numbers as they are printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportRow {
    /// `lists/append[append]{n=1000}`.
    pub case: String,
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// The numbers in words.
    pub shown: Shown,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The gate's word.
    pub verdict: Verdict,
    /// Exit code of the gate.
    pub exit_code: u8,
    /// The verdict in a sentence.
    pub sentence: String,
    /// The deciding row in a sentence.
    pub worst: Option<String>,
    /// Counts by verdict.
    pub counts: Counts,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// The run that was judged.
    pub head: Side,
    /// The run it was compared with.
    pub base: Option<Side>,
    /// Lines of the environment that differ.
    pub environment_differences: Vec<Difference>,
    /// Functions and allocation sites that make up the regressions.
    #[serde(default)]
    pub causes: Vec<Cause>,
    /// Error rates of the gate on this machine, if they were measured.
    #[serde(default)]
    pub selftest: Option<SelfTest>,
    /// The run's benchmarks over all kept runs, where a history is kept.
    #[serde(default)]
    pub trends: Vec<Trend>,
    /// Other heaps on the same work, where they were measured.
    #[serde(default)]
    pub peers: Option<Peers>,
    /// One row per metric and case, worst first.
    pub rows: Vec<ReportRow>,
}

fn side(record: &Record) -> Side {
    Side {
        depth: record.depth,
        selection: record.selection.clone(),
        environment: record.environment.clone(),
    }
}

impl Report {
    /// The report of a comparison.
    pub fn new(
        head: &Record,
        base: Option<&Record>,
        comparison: &Comparison,
        beside: &Beside,
    ) -> Self {
        let row = |row: &Row| ReportRow {
            case: row.case().to_string(),
            shown: row.shown(),
            row: row.clone(),
        };
        Self {
            schema: SCHEMA.to_owned(),
            verdict: comparison.verdict,
            exit_code: comparison.exit_code(),
            sentence: comparison.sentence(),
            worst: comparison.worst_sentence(),
            counts: comparison.counts,
            notes: comparison.notes.clone(),
            head: side(head),
            base: base.map(side),
            environment_differences: comparison.environment_differences.clone(),
            causes: comparison.causes.clone(),
            selftest: head.selftest.clone(),
            trends: beside.trends.clone(),
            peers: beside.peers.clone(),
            rows: comparison.rows.iter().map(row).collect(),
        }
    }
}

/// The file as text.
///
/// # Errors
/// When a value cannot be written as JSON; that takes a map whose keys are no texts, and there
/// is none.
pub fn render(
    head: &Record,
    base: Option<&Record>,
    comparison: &Comparison,
    beside: &Beside,
) -> std::io::Result<String> {
    to_pretty_json(&Report::new(head, base, comparison, beside))
}
