//! The end of a run on a terminal: what changed, what the reader must know, the verdict.
//!
//! One table, not one block per benchmark. Unchanged rows are counted, not listed. The last line
//! is the verdict.

use super::causes;
use super::lines::{self, Line};
use super::text::printable;
use crate::compare::Comparison;
use crate::format::plural;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, Table, TableComponent, presets,
};

/// Leaks told one by one; the report has all.
const LISTED_LEAKS: usize = 10;

/// Rows that are listed before the rest is counted.
const LISTED: usize = 30;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether verdict words are coloured; the caller knows `NO_COLOR` and whether it is a terminal.
    pub colour: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            width: 80,
            colour: false,
        }
    }
}

/// Table, notes and verdict without colour, at most `width` columns wide.
pub fn terminal_table(comparison: &Comparison, width: u16) -> String {
    terminal(
        comparison,
        Style {
            width,
            colour: false,
        },
    )
}

/// Table, notes and verdict.
pub fn terminal(comparison: &Comparison, style: Style) -> String {
    let mut out = String::new();
    let listed = lines::voting(comparison);
    if !listed.is_empty() {
        out.push_str(&table(&listed[..listed.len().min(LISTED)], style));
        out.push('\n');
    }
    if listed.len() > LISTED {
        let more = plural((listed.len() - LISTED) as u64, "more row");
        out.push_str(&format!("and {more}: see report.md\n"));
    }
    out.push_str(&wrapped(&tally(comparison), style.width));
    let silent = lines::silent(comparison).len() as u64;
    if silent > 0 {
        let rows = plural(silent, "row");
        let text = format!("{rows} without a vote moved too or are missing: see report.md");
        out.push_str(&wrapped(&text, style.width));
    }
    for (case, reason) in lines::leaks(comparison).iter().take(LISTED_LEAKS) {
        let text = format!(
            "leak: {}: {}",
            printable(&case.to_string()),
            printable(reason)
        );
        out.push_str(&wrapped(&text, style.width));
    }
    for cause in causes::told(comparison) {
        let text = format!(
            "why: {}: {}",
            printable(&cause.case),
            printable(&cause.headline)
        );
        out.push_str(&wrapped(&text, style.width));
        for (name, detail) in cause.parts {
            let text = format!("  {}: {}", printable(&name), printable(&detail));
            out.push_str(&wrapped(&text, style.width));
        }
    }
    for note in &comparison.notes {
        out.push_str(&wrapped(&format!("note: {}", printable(note)), style.width));
    }
    if let Some(worst) = comparison.worst_sentence() {
        out.push_str(&wrapped(
            &format!("worst: {}", printable(&worst)),
            style.width,
        ));
    }
    out.push_str(&wrapped(&comparison.sentence(), style.width));
    out
}

fn table(lines: &[Line], style: Style) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header([
            "verdict",
            "benchmark, metric",
            "base",
            "head",
            "change",
            "limit",
        ]);
    table
        .set_style(TableComponent::HeaderLines, '-')
        .set_style(TableComponent::MiddleHeaderIntersections, '-');
    for line in lines {
        let shown = &line.shown;
        table.add_row([
            line.verdict.to_string(),
            format!("{}\n{}", case(line, style.width), printable(&line.metric)),
            shown.base.clone(),
            shown.head.clone(),
            shown.change.clone(),
            shown.limit.clone(),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index != 1 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if index > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.trim_fmt();
    if style.colour {
        text.lines().map(coloured).collect::<Vec<_>>().join("\n")
    } else {
        text
    }
}

/// The case, broken before its parameters where the column is too narrow for both.
fn case(line: &Line, width: u16) -> String {
    const OTHER_COLUMNS: u16 = 51;
    let text = printable(&line.case.to_string());
    match text.rfind('{') {
        Some(at) if text.chars().count() > usize::from(width.saturating_sub(OTHER_COLUMNS)) => {
            format!("{}\n{}", &text[..at], &text[at..])
        }
        _ => text,
    }
}

/// Colours the verdict word at the start of a line.
fn coloured(line: &str) -> String {
    let colours = [
        ("regressed", 31),
        ("missing", 35),
        ("unclear", 33),
        ("improved", 32),
    ];
    let word = line.split(' ').next().unwrap_or_default();
    match colours.iter().find(|(verdict, _)| *verdict == word) {
        Some((verdict, colour)) => {
            line.replacen(verdict, &format!("\u{1b}[{colour}m{verdict}\u{1b}[0m"), 1)
        }
        None => line.to_owned(),
    }
}

/// `1 regressed, 0 improved, 7 unchanged, 0 unclear, 0 missing, 0 new; 0 leaks`.
pub(super) fn tally(comparison: &Comparison) -> String {
    let by = &comparison.counts.by_benchmark;
    format!(
        "{} regressed, {} improved, {} unchanged, {} unclear, {} missing, {} new; {}",
        by.regressed,
        by.improved,
        by.unchanged,
        by.unclear,
        by.missing,
        by.new,
        plural(comparison.counts.leaks, "leak"),
    )
}

/// Breaks a line at spaces; a word longer than the line is broken where it must be.
fn wrapped(text: &str, width: u16) -> String {
    let width = usize::from(width).max(20);
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push_str("\n  ");
            column = 2;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        for c in word.chars() {
            if column >= width {
                out.push_str("\n  ");
                column = 2;
            }
            out.push(c);
            column += 1;
        }
    }
    out.push('\n');
    out
}
