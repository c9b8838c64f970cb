//! The rows that are listed, and their grouping into lines.
//!
//! A lost instrument takes all its metrics with it: that is one line, not ten.

use crate::compare::{Comparison, Row, RowVerdict, Shown};
use crate::config::rules::LEAK_VERDICT;
use crate::format::{NONE, plural};
use crate::record::CaseKey;
use std::collections::BTreeMap;

/// One line of a table of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) verdict: RowVerdict,
    pub(super) case: CaseKey,
    /// The metric, or the instrument and how many of its metrics.
    pub(super) metric: String,
    pub(super) shown: Shown,
}

/// Rows that vote and are neither unchanged nor merely new.
pub(super) fn voting(comparison: &Comparison) -> Vec<Line> {
    let listed =
        |row: &&Row| row.votes && !matches!(row.verdict, RowVerdict::Unchanged | RowVerdict::New);
    lines(comparison.rows.iter().filter(listed))
}

/// Rows without a vote that moved beyond their limit, are missing, or were allowed to be unclear.
pub(super) fn silent(comparison: &Comparison) -> Vec<Line> {
    let listed = |row: &&Row| match row.verdict {
        RowVerdict::Regressed | RowVerdict::Improved | RowVerdict::Missing => !row.votes,
        RowVerdict::Unclear => row.waived,
        RowVerdict::Unchanged | RowVerdict::New => false,
    };
    lines(comparison.rows.iter().filter(listed))
}

/// What leaks, where and how: a case and a sentence for each verdict that regressed.
pub(super) fn leaks(comparison: &Comparison) -> Vec<(CaseKey, &str)> {
    let rows = comparison.rows.iter();
    rows.filter(|row| row.metric == LEAK_VERDICT && row.verdict == RowVerdict::Regressed)
        .map(|row| (row.case(), &*row.reason))
        .collect()
}

fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut lost: BTreeMap<(CaseKey, &str), (usize, u64)> = BTreeMap::new();
    for row in rows {
        if row.verdict != RowVerdict::Missing {
            lines.push(line(row));
            continue;
        }
        let (at, count) = lost
            .entry((row.case(), &row.instrument))
            .or_insert((lines.len(), 0));
        *count += 1;
        match *count {
            1 => lines.push(line(row)),
            count => lines[*at] = lost_instrument(row, count),
        }
    }
    lines
}

fn line(row: &Row) -> Line {
    let (verdict, metric) = (row.verdict, row.metric.clone());
    Line {
        verdict,
        case: row.case(),
        metric,
        shown: row.shown(),
    }
}

fn lost_instrument(row: &Row, metrics: u64) -> Line {
    let none = || NONE.to_owned();
    Line {
        metric: format!("{}: {}", row.instrument, plural(metrics, "metric")),
        shown: Shown {
            base: none(),
            head: none(),
            change: none(),
            limit: none(),
        },
        ..line(row)
    }
}
