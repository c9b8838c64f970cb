//! The comparison of two records: one row per metric and case, each with a verdict.
//!
//! A [`Comparison`] holds everything that is shown or judged, so that the
//! terminal, `report.md`, `report.json`, `report.html` and the exit code cannot
//! disagree. Relative numbers always have the base as their base:
//! `change = head / base - 1`.

mod judge;
mod leaks;
mod notes;
pub mod paired;
mod pairing;
mod row;
mod rows;
mod scope;

pub use row::{Limit, Row, RowVerdict, Shown};

use crate::config::Config;
use crate::gate::{self, GateOptions};
use crate::record::{Difference, Record};
use crate::why::Cause;
use pairing::Pairing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Compares `head` with `base` under the limits of `config`.
///
/// Without a base every row is new; leaks are judged all the same. The order of work: rows
/// from the measurements, rows from the leak detector, planned cases that left no row,
/// allowances, then the gate's counts, order and verdict.
pub fn compare(
    base: Option<&Record>,
    head: &Record,
    config: &Config,
    options: &GateOptions,
) -> Comparison {
    let pairing = Pairing::new(base, head, config, options);
    let mut rows = rows::measured(&pairing);
    rows.extend(leaks::verdicts(&pairing));
    rows.extend(paired::rows(&pairing));
    let lost = scope::lost(&pairing, &rows);
    rows.extend(lost.rows);
    gate::waive(&mut rows, options);
    gate::order(&mut rows);
    let doubts = gate::doubts(&pairing.facts(), &rows, options);
    let verdict = gate::verdict(&rows, &doubts);
    let mut notes = doubts;
    notes.extend(notes::notes(&pairing, &rows, lost.out_of_scope));
    Comparison {
        verdict,
        has_base: base.is_some(),
        worst: gate::worst(&rows),
        counts: gate::counts(&rows),
        environment_differences: pairing.differences,
        rows,
        notes,
        causes: Vec::new(),
    }
}

/// What the gate says in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing that votes became worse, and all of it could be judged.
    Pass,
    /// Something that votes became worse, or leaks.
    Fail,
    /// Something that votes is missing or could not be judged.
    Unclear,
}

/// How often each verdict occurs among the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Worse beyond the limit.
    pub regressed: u64,
    /// Better beyond the limit.
    pub improved: u64,
    /// Within the limit.
    pub unchanged: u64,
    /// Cannot be told.
    pub unclear: u64,
    /// Expected and not measured.
    pub missing: u64,
    /// Without a counterpart in the base.
    pub new: u64,
}

/// Numbers for the sentence and the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Distinct cases (workload, variant, parameters) in the rows.
    pub benchmarks: u64,
    /// Benchmarks by the worst verdict of their voting rows.
    pub by_benchmark: Tally,
    /// Voting rows by verdict.
    pub voting: Tally,
    /// Rows that are shown and do not vote, by verdict.
    pub silent: Tally,
    /// Benchmarks with a leak.
    pub leaks: u64,
}

/// Two records side by side and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The gate's word.
    pub verdict: Verdict,
    /// Whether there was a base record at all.
    pub has_base: bool,
    /// All rows, worst first.
    pub rows: Vec<Row>,
    /// Index in `rows` of the row that decides a verdict other than pass.
    pub worst: Option<usize>,
    /// Counts by verdict.
    pub counts: Counts,
    /// Lines of the environment that differ.
    pub environment_differences: Vec<Difference>,
    /// What the reader must know besides the rows: what did not vote and why.
    pub notes: Vec<String>,
    /// What makes up the regressions, as far as it is known ([`crate::why::explain`]).
    #[serde(default)]
    pub causes: Vec<Cause>,
}

impl Comparison {
    /// The row that decides a verdict other than pass.
    pub fn worst_row(&self) -> Option<&Row> {
        self.worst.and_then(|index| self.rows.get(index))
    }

    /// The verdict in a sentence: `Gate failed: 2 of 200 benchmarks regressed`.
    pub fn sentence(&self) -> String {
        gate::sentence(self)
    }

    /// The deciding row in a sentence with its numbers and limit; `None` for a pass.
    pub fn worst_sentence(&self) -> Option<String> {
        let row = self.worst_row()?;
        Some(format!("{} {}: {}", row.case(), row.metric, row.reason))
    }

    /// 0 pass, 1 regression or leak, 3 could not measure or judge something that votes.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Pass => 0,
            Verdict::Fail => 1,
            Verdict::Unclear => 3,
        }
    }
}
