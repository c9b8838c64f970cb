//! `report.md`: the verdict as a comment on a change.
//!
//! The sentence, the worst row, the changes that vote as a table; what does not vote, the notes
//! and the environment folded. Long tables are cut, because a comment that is refused for its
//! length says nothing.

use super::causes;
use super::lines::{self, Line};
use super::terminal::tally;
use super::text::{code, markdown};
use crate::beside::Beside;
use crate::compare::Comparison;
use crate::format::{NONE, bare, date_time, plural};
use crate::peers::{Estimate, OURS};
use crate::record::{Environment, Record};
use std::fmt::Write;

/// Rows of a table before the rest is counted.
const LISTED: usize = 50;

/// The whole comment.
pub fn render(
    head: &Record,
    base: Option<&Record>,
    comparison: &Comparison,
    beside: &Beside,
) -> String {
    let mut out = format!("# {}\n\n", markdown(&comparison.sentence()));
    if let Some(row) = comparison.worst_row() {
        let (case, metric) = (code(&row.case().to_string()), code(&row.metric));
        push(
            &mut out,
            format_args!("**Worst:** {case} {metric}: {}\n", markdown(&row.reason)),
        );
    }
    push(&mut out, format_args!("{}\n", tally(comparison)));
    push(&mut out, format_args!("{}\n", compared(head, base)));
    leaks(&mut out, comparison);
    section(&mut out, "Changes that vote", &lines::voting(comparison));
    why(&mut out, comparison);
    folded(
        &mut out,
        "Changes without a vote",
        &lines::silent(comparison),
    );
    steps(&mut out, beside);
    peers(&mut out, beside);
    notes(&mut out, comparison);
    selftest(&mut out, head);
    environment(&mut out, head, comparison);
    out
}

fn leaks(out: &mut String, comparison: &Comparison) {
    let leaks = lines::leaks(comparison);
    if leaks.is_empty() {
        return;
    }
    push(out, format_args!("## Leaks\n"));
    for (case, reason) in leaks.iter().take(LISTED) {
        push(
            out,
            format_args!("- {}: {}", code(&case.to_string()), markdown(reason)),
        );
    }
    push(out, format_args!(""));
}

/// The functions and sites that make up each regression.
fn why(out: &mut String, comparison: &Comparison) {
    let causes = causes::told(comparison);
    if causes.is_empty() {
        return;
    }
    push(out, format_args!("## Why\n"));
    for cause in causes {
        push(
            out,
            format_args!("- {}: {}", code(&cause.case), markdown(&cause.headline)),
        );
        for (name, detail) in cause.parts {
            push(
                out,
                format_args!("  - {}: {}", code(&name), markdown(&detail)),
            );
        }
    }
    push(out, format_args!(""));
}

/// Where a benchmark of this run changed its level for good.
fn steps(out: &mut String, beside: &Beside) {
    let stepped: Vec<_> = beside
        .trends
        .iter()
        .filter(|trend| !trend.steps.is_empty())
        .collect();
    if stepped.is_empty() {
        return;
    }
    let title = plural(stepped.len() as u64, "benchmark");
    push(
        out,
        format_args!("<details><summary>Steps in the history of {title}</summary>\n"),
    );
    for trend in stepped.iter().take(LISTED) {
        let mut lines = trend.step_lines().into_iter();
        let first = lines.next().unwrap_or_default();
        let more = lines.map(|line| format!("; {line}")).collect::<String>();
        let track = &trend.track;
        push(
            out,
            format_args!(
                "- {} {}: {}",
                code(&track.benchmark),
                code(&track.metric),
                markdown(&format!("{first}{more}"))
            ),
        );
    }
    push(out, format_args!("\n</details>\n"));
}

/// This heap beside the best of its peers.
fn peers(out: &mut String, beside: &Beside) {
    let Some(peers) = &beside.peers else {
        return;
    };
    push(
        out,
        format_args!(
            "<details><summary>Beside other heaps, {} interleaved repetitions</summary>\n",
            peers.repetitions
        ),
    );
    push(
        out,
        format_args!(
            "| work | this heap | best peer | its value | ratio | 95 % interval |\n| --- | ---: | --- | ---: | ---: | ---: |"
        ),
    );
    for line in &peers.lines {
        let (unit, _) = line.units();
        let shown = |value: Option<Estimate>| {
            value.map_or(NONE.to_owned(), |value| bare(value.median, unit))
        };
        let best = line.best_entry();
        let ratio = best.and_then(|entry| entry.ratio);
        let interval = ratio.and_then(|ratio| ratio.interval);
        push(
            out,
            format_args!(
                "| {} | {} | {} | {} | {} | {} |",
                markdown(&line.question),
                shown(line.entry(OURS).and_then(|entry| entry.value)),
                best.map_or(NONE.to_owned(), |entry| code(&entry.peer)),
                shown(best.and_then(|entry| entry.value)),
                ratio.map_or(NONE.to_owned(), |ratio| bare(ratio.median, "")),
                interval.map_or(NONE.to_owned(), |[low, high]| format!(
                    "{} to {}",
                    bare(low, ""),
                    bare(high, "")
                )),
            ),
        );
    }
    push(out, format_args!("\n</details>\n"));
}

/// What the gate is worth on this machine, where that was measured.
fn selftest(out: &mut String, head: &Record) {
    let Some(selftest) = &head.selftest else {
        return;
    };
    let when = selftest.created_unix.map(date_time).unwrap_or_default();
    push(
        out,
        format_args!("<details><summary>Error rates on this machine, measured {when}</summary>\n"),
    );
    push(
        out,
        format_args!("| metric | false alarms | finds | how |\n| --- | --- | --- | --- |"),
    );
    for metric in &selftest.metrics {
        let found = metric.found.map_or_else(
            || "nothing that was tried".to_owned(),
            crate::format::percent,
        );
        push(
            out,
            format_args!(
                "| {} | {} of {} | {found} | {} |",
                code(&metric.metric),
                metric.alarms,
                metric.comparisons,
                markdown(&metric.note)
            ),
        );
    }
    push(out, format_args!("\n</details>\n"));
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

fn compared(head: &Record, base: Option<&Record>) -> String {
    match base {
        Some(base) => format!(
            "Base {}, head {}.",
            source(&base.environment),
            source(&head.environment)
        ),
        None => format!("Head {}, without a base.", source(&head.environment)),
    }
}

/// Commit, changes on top of it, and time of a run.
fn source(environment: &Environment) -> String {
    let commit = match &environment.commit {
        Some(commit) => code(commit),
        None => "of unknown commit".to_owned(),
    };
    let dirty = if environment.dirty == Some(true) {
        " with uncommitted changes"
    } else {
        ""
    };
    let time = environment
        .created_unix
        .map(|t| format!(" ({})", date_time(t)))
        .unwrap_or_default();
    format!("{commit}{dirty}{time}")
}

fn section(out: &mut String, title: &str, rows: &[Line]) {
    if !rows.is_empty() {
        push(out, format_args!("## {title}\n"));
        table(out, rows);
    }
}

fn folded(out: &mut String, title: &str, rows: &[Line]) {
    if !rows.is_empty() {
        push(
            out,
            format_args!("<details><summary>{title}: {}</summary>\n", rows.len()),
        );
        table(out, rows);
        push(out, format_args!("</details>\n"));
    }
}

fn table(out: &mut String, rows: &[Line]) {
    push(
        out,
        format_args!("| verdict | benchmark | metric | base | head | change | limit |"),
    );
    push(
        out,
        format_args!("| --- | --- | --- | ---: | ---: | ---: | ---: |"),
    );
    for row in rows.iter().take(LISTED) {
        let shown = &row.shown;
        push(
            out,
            format_args!(
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.verdict,
                code(&row.case.to_string()),
                code(&row.metric),
                markdown(&shown.base),
                markdown(&shown.head),
                markdown(&shown.change),
                markdown(&shown.limit),
            ),
        );
    }
    out.push('\n');
    if rows.len() > LISTED {
        let more = plural((rows.len() - LISTED) as u64, "more row");
        push(out, format_args!("and {more} in `report.json`\n"));
    }
}

fn notes(out: &mut String, comparison: &Comparison) {
    if comparison.notes.is_empty() {
        return;
    }
    push(out, format_args!("## Notes\n"));
    for note in &comparison.notes {
        push(out, format_args!("- {}", markdown(note)));
    }
    out.push('\n');
}

fn environment(out: &mut String, head: &Record, comparison: &Comparison) {
    push(
        out,
        format_args!("<details><summary>Environment</summary>\n"),
    );
    if !comparison.environment_differences.is_empty() {
        push(
            out,
            format_args!("| differs | base | head |\n| --- | --- | --- |"),
        );
        for d in &comparison.environment_differences {
            let (base, head) = (markdown(&d.base), markdown(&d.head));
            push(
                out,
                format_args!("| {} | {base} | {head} |", markdown(&d.name)),
            );
        }
        out.push('\n');
    }
    push(out, format_args!("| of the head | |\n| --- | --- |"));
    for (name, value) in head.environment.describe() {
        push(
            out,
            format_args!("| {} | {} |", markdown(name), markdown(&value)),
        );
    }
    push(out, format_args!("\n</details>"));
}
