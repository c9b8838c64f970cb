//! `report.junit.xml`: the verdicts as tests, in the union of the lenient and the strict dialect.
//!
//! A suite for each instrument, a test for each row that votes. Regressed is a failure, missing an error, unclear a
//! skipped test with its reason. The text stands inside of the element, because some readers drop its attributes.

use crate::compare::{Comparison, Row, RowVerdict};
use crate::output::text::xml_escape;
use crate::record::Record;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The whole file.
pub fn render(head: &Record, comparison: &Comparison) -> String {
    let mut suites: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in comparison.rows.iter().filter(|row| row.votes || row.waived) {
        suites.entry(&row.instrument).or_default().push(row);
    }
    let count = |rows: &[&Row], verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let all: Vec<&Row> = suites.values().flatten().copied().collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    push(
        &mut out,
        format_args!("<testsuites name=\"exuvia\" {}>", counts(&all, &count)),
    );
    for (index, (instrument, rows)) in suites.iter().enumerate() {
        push(
            &mut out,
            format_args!(
                "  <testsuite name=\"{}\" package=\"exuvia\" id=\"{index}\" {} timestamp=\"{}\" hostname=\"localhost\">",
                xml(instrument),
                counts(rows, &count),
                timestamp(head),
            ),
        );
        push(&mut out, format_args!("    <properties/>"));
        rows.iter().for_each(|row| test(&mut out, row));
        push(
            &mut out,
            format_args!("    <system-out/>\n    <system-err/>\n  </testsuite>"),
        );
    }
    out.push_str("</testsuites>\n");
    out
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

fn counts(rows: &[&Row], count: &impl Fn(&[&Row], RowVerdict) -> usize) -> String {
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
        rows.len(),
        count(rows, RowVerdict::Regressed),
        count(rows, RowVerdict::Missing),
        count(rows, RowVerdict::Unclear),
    )
}

/// ISO 8601 without a zone, as the strict dialect wants it.
fn timestamp(head: &Record) -> String {
    let text = crate::format::date_time(head.environment.created_unix.unwrap_or(0));
    let text = text.trim_end_matches(" UTC").replace(' ', "T");
    if text.matches(':').count() == 1 {
        format!("{text}:00")
    } else {
        text
    }
}

fn test(out: &mut String, row: &Row) {
    let name = format!(
        "classname=\"{}\" name=\"{} {}\" time=\"0\"",
        xml(&row.workload),
        xml(&row.case().to_string()),
        xml(&row.metric)
    );
    let reason = xml(&row.reason);
    let outcome = match row.verdict {
        RowVerdict::Regressed => Some(format!(
            "<failure type=\"regressed\" message=\"{reason}\">{reason}</failure>"
        )),
        RowVerdict::Missing => Some(format!(
            "<error type=\"missing\" message=\"{reason}\">{reason}</error>"
        )),
        RowVerdict::Unclear => Some(format!("<skipped message=\"{reason}\"/>")),
        RowVerdict::New | RowVerdict::Improved | RowVerdict::Unchanged => None,
    };
    match outcome {
        Some(outcome) => push(
            out,
            format_args!("    <testcase {name}>{outcome}</testcase>"),
        ),
        None => push(out, format_args!("    <testcase {name}/>")),
    }
}

/// Escaped for XML, on one line.
fn xml(text: &str) -> String {
    xml_escape(&text.replace(['\n', '\t', '\r'], " "))
}
