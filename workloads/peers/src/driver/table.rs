//! What was measured.

use std::fmt;

use anyhow::Context;
use serde::Serialize;

use super::statistics::{Estimate, estimate};
use crate::rows::{Answer, OURS, Row, Unit, Work};

/// All runs of one work by one peer; a repetition that failed is the last one.
pub(super) struct Cell {
    peer: String,
    answers: Vec<Answer>,
    failure: Option<String>,
}

impl Cell {
    pub(super) fn new(peer: &str) -> Cell {
        Cell {
            peer: peer.to_owned(),
            answers: Vec::new(),
            failure: None,
        }
    }

    /// Whether another repetition makes sense: not after a failure, nor where the peer gives no value.
    pub(super) fn goes_on(&self) -> bool {
        let refused = self
            .answers
            .last()
            .is_some_and(|answer| answer.values.is_empty());
        self.failure.is_none() && !refused
    }

    pub(super) fn add(&mut self, result: Result<Answer, String>) {
        match result {
            Ok(answer) => self.answers.push(answer),
            Err(reason) => self.failure = Some(reason),
        }
    }

    fn values(&self, row: &str) -> Vec<f64> {
        let of_answer = |answer: &Answer| {
            let found = answer.values.iter().find(|(id, _)| id == row);
            found.map(|(_, value)| *value)
        };
        self.answers.iter().filter_map(of_answer).collect()
    }

    fn note(&self) -> Option<String> {
        let noted = || self.answers.last().and_then(|answer| answer.note.clone());
        self.failure.clone().or_else(noted)
    }
}

/// One peer in one row.
#[derive(Debug, Serialize)]
struct Entry {
    peer: String,
    /// In the row's unit.
    value: Option<Estimate>,
    /// This heap's value over the peer's, repetition by repetition.
    ratio: Option<Estimate>,
    note: Option<String>,
    samples: Vec<f64>,
}

/// One row, its peers in their usual order.
#[derive(Debug, Serialize)]
struct Line {
    row: &'static str,
    unit: Unit,
    question: &'static str,
    /// The peer with the smallest median.
    best: Option<String>,
    entries: Vec<Entry>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    repetitions: usize,
    lines: Vec<Line>,
    complaints: Vec<String>,
}

impl Table {
    pub(super) fn new(repetitions: usize) -> Table {
        Table {
            repetitions,
            lines: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// Adds the rows of one work, and complains where results differ.
    pub(super) fn add(&mut self, work: &Work, cells: Vec<Cell>) {
        self.complaints.extend(disagreements(work, &cells));
        self.lines
            .extend(work.rows.iter().map(|row| line(row, &cells)));
    }

    /// Results that differ from this heap's, and works that this heap cannot do.
    pub(super) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        serde_json::to_string_pretty(self).context("cannot write the table as JSON")
    }
}

fn disagreements(work: &Work, cells: &[Cell]) -> Vec<String> {
    let Some(ours) = cells.iter().find(|cell| cell.peer == OURS) else {
        return vec![format!("{}: {OURS} was not measured", work.name)];
    };
    if let Some(reason) = &ours.failure {
        return vec![format!("{}: {OURS} {reason}", work.name)];
    }
    let expected = ours
        .answers
        .first()
        .map_or(&[][..], |answer| &answer.checks);
    let mut complaints = Vec::new();
    for cell in cells {
        let checks = cell.answers.iter().flat_map(|answer| &answer.checks);
        let wrong = checks.clone().find(|(name, value)| {
            expected
                .iter()
                .any(|(known, expected)| known == name && value != expected)
        });
        complaints.extend(wrong.map(|(name, value)| {
            format!(
                "{}: `{name}` of {} is {value}, and not that of {OURS}",
                work.name, cell.peer
            )
        }));
    }
    let missed = expected
        .iter()
        .find(|(name, value)| name == "all_freed" && *value == 0);
    complaints.extend(missed.map(|_| format!("{}: {OURS} leaves garbage", work.name)));
    complaints
}

fn line(row: &Row, cells: &[Cell]) -> Line {
    let ours = cells
        .iter()
        .find(|cell| cell.peer == OURS)
        .map_or(Vec::new(), |cell| cell.values(row.id));
    let entries: Vec<_> = cells.iter().map(|cell| entry(row, cell, &ours)).collect();
    let theirs = entries.iter().filter(|entry| entry.peer != OURS);
    let measured = theirs.filter_map(|entry| Some((entry.value?.median, &entry.peer)));
    let best = measured
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, peer)| peer.clone());
    Line {
        row: row.id,
        unit: row.unit,
        question: row.question,
        best,
        entries,
    }
}

fn entry(row: &Row, cell: &Cell, ours: &[f64]) -> Entry {
    let samples = cell.values(row.id);
    let ratios: Vec<f64> = ours
        .iter()
        .zip(&samples)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    let is_peer = cell.peer != OURS;
    Entry {
        peer: cell.peer.clone(),
        value: estimate(&samples),
        ratio: estimate(&ratios).filter(|_| is_peer),
        note: cell.note(),
        samples,
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{}: {} ({})", line.row, line.question, line.unit.text())?;
            for entry in &line.entries {
                let best = line.best.as_ref() == Some(&entry.peer);
                write_entry(f, entry, best)?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "ratio: {OURS} / peer, median of {} repetitions [95 % interval]; * best peer",
            self.repetitions
        )
    }
}

fn write_entry(f: &mut fmt::Formatter<'_>, entry: &Entry, best: bool) -> fmt::Result {
    let mark = if best { '*' } else { ' ' };
    write!(f, "  {mark} {:<20}", entry.peer)?;
    match &entry.value {
        Some(value) => write!(f, "{:>12.2}", value.median)?,
        None => write!(f, "{:>12}", "-")?,
    }
    match &entry.ratio {
        Some(ratio) => {
            write!(f, "  x{:<8.3}", ratio.median)?;
            match ratio.interval {
                Some([low, high]) => write!(f, " [{low:.3} .. {high:.3}]")?,
                None => write!(f, " [too few]")?,
            }
            write!(f, " n={}", ratio.n)?;
        }
        None => write!(f, "{:>10}", "")?,
    }
    match &entry.note {
        Some(note) => writeln!(f, "  ({note})"),
        None => writeln!(f),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::WORKS;

    fn cell(peer: &str, values: &[f64], check: u64) -> Cell {
        let mut cell = Cell::new(peer);
        for value in values {
            cell.add(Ok(Answer {
                values: vec![("list_drop".to_owned(), *value)],
                checks: vec![("all_freed".to_owned(), check)],
                note: None,
            }));
        }
        cell
    }

    fn list() -> &'static Work {
        WORKS.iter().find(|work| work.name == "list").unwrap()
    }

    #[test]
    fn ratios_are_taken_repetition_by_repetition_and_the_best_peer_is_named() {
        let mut table = Table::new(3);
        let cells = vec![
            cell(OURS, &[1.0, 2.0, 3.0], 1),
            cell("slow", &[10.0, 10.0, 10.0], 1),
            cell("fast", &[2.0, 4.0, 6.0], 1),
        ];
        table.add(list(), cells);
        assert!(table.complaints().is_empty());
        let line = &table.lines[0];
        assert_eq!(line.best.as_deref(), Some("fast"));
        assert_eq!(line.entries[2].ratio.unwrap().median, 0.5);
        assert!(line.entries[0].ratio.is_none());
    }

    #[test]
    fn a_result_that_differs_or_a_failure_of_ours_is_a_complaint() {
        let mut table = Table::new(1);
        table.add(
            list(),
            vec![cell(OURS, &[1.0], 1), cell("wrong", &[1.0], 0)],
        );
        assert!(
            table.complaints()[0].contains("wrong"),
            "{:?}",
            table.complaints()
        );
        let mut table = Table::new(1);
        let mut failed = Cell::new(OURS);
        failed.add(Err("fails: out of luck".to_owned()));
        assert!(!failed.goes_on());
        table.add(list(), vec![failed]);
        assert!(table.complaints()[0].contains("out of luck"));
        let mut table = Table::new(1);
        table.add(list(), vec![cell(OURS, &[1.0], 0)]);
        assert!(table.complaints()[0].contains("garbage"));
    }
}
