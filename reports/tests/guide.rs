//! Every figure of the guide is computed from a committed record.
//!
//! In `docs/what-python-memory-costs.md` a figure is bold and followed by a comment that says where it comes from:
//! `CASE METRIC`, optionally divided by another such value or by a number. The values stand in
//! `docs/what-python-memory-costs.json`, a part of one run's record. With `EXUVIA_WRITE_GUIDE=RUN.json` this test takes
//! them from that run and writes the figures anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use exuvia_reports::format;
use exuvia_reports::record::Record;

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name)
}

/// `**FIGURE**<!-- SOURCE -->` in pieces: text before, figure, source.
fn pieces(text: &str) -> (Vec<(&str, &str, &str)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("**") {
        let (figure, after) = after.split_once("**").expect("a figure ends in **");
        let after = after
            .strip_prefix("<!-- ")
            .unwrap_or_else(|| panic!("{figure}: no source"));
        let (source, after) = after.split_once(" -->").expect("a source ends in -->");
        found.push((before, figure, source));
        rest = after;
    }
    (found, rest)
}

fn value(record: &Record, source: &str) -> (f64, String) {
    let (case, metric) = source
        .split_once(' ')
        .unwrap_or_else(|| panic!("{source}: no metric"));
    let mut rows = record.measurements.iter();
    let row = rows.find(|m| m.metric == metric && m.case().to_string() == case);
    let row = row.unwrap_or_else(|| panic!("{source} is not in the record"));
    (row.measured().expect("a measured value"), row.unit.clone())
}

fn figure(record: &Record, source: &str) -> String {
    let Some((left, right)) = source.split_once(" / ") else {
        let (value, unit) = value(record, source);
        return format::value(value, &unit).replace(' ', "\u{a0}");
    };
    let (top, unit) = value(record, left);
    if let Ok(number) = right.parse::<f64>() {
        let rounded = if unit == "instructions" {
            (top / number).round()
        } else {
            top / number
        };
        return format::value(rounded, &unit).replace(' ', "\u{a0}");
    }
    format!("{}×", format::bare(top / value(record, right).0, ""))
}

/// The measurements that the guide cites, of one run.
fn cited(mut run: Record, text: &str) -> Record {
    let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
    for (_, _, source) in pieces(text).0 {
        for part in source.split(" / ").filter_map(|part| part.split_once(' ')) {
            wanted.insert((part.0.to_owned(), part.1.to_owned()));
        }
    }
    run.measurements
        .retain(|m| wanted.contains(&(m.case().to_string(), m.metric.clone())));
    let cases: BTreeSet<String> = wanted.into_iter().map(|(case, _)| case).collect();
    run.planned
        .retain(|p| cases.contains(&p.case().to_string()));
    for planned in &mut run.planned {
        let case = planned.case();
        let own = run.measurements.iter().filter(|m| m.case() == case);
        let measured: BTreeSet<&str> = own.map(|m| m.instrument.as_str()).collect();
        planned
            .instruments
            .retain(|i| measured.contains(i.as_str()));
    }
    run.workloads.retain(|w| {
        cases
            .iter()
            .any(|case| case.starts_with(&format!("{}[", w.id)))
    });
    (run.series, run.leaks, run.census) = (Vec::new(), Vec::new(), Vec::new());
    run.selection = Some("what the guide cites".to_owned());
    run
}

fn rewritten(record: &Record, text: &str) -> String {
    let (found, rest) = pieces(text);
    let mut out = String::new();
    for (before, _, source) in found {
        let figure = figure(record, source);
        out += &format!("{before}**{figure}**<!-- {source} -->");
    }
    out + rest
}

#[test]
fn every_figure_of_the_guide_comes_from_its_record() {
    let (guide, data) = (
        docs("what-python-memory-costs.md"),
        docs("what-python-memory-costs.json"),
    );
    let text = std::fs::read_to_string(&guide).unwrap();
    if let Some(run) = std::env::var_os("EXUVIA_WRITE_GUIDE") {
        let record = cited(Record::load(run.as_ref()).unwrap(), &text);
        record.save(&data).unwrap();
        std::fs::write(&guide, rewritten(&record, &text)).unwrap();
        return;
    }
    let record = Record::load(&data).unwrap();
    let (found, _) = pieces(&text);
    assert!(found.len() >= 30, "{} figures", found.len());
    for (_, shown, source) in found {
        assert_eq!(shown, figure(&record, source), "{source}");
    }
}

#[test]
fn no_number_stands_in_the_guide_without_its_source() {
    let text = std::fs::read_to_string(docs("what-python-memory-costs.md")).unwrap();
    let (found, rest) = pieces(&text);
    for prose in found.iter().map(|(before, ..)| *before).chain([rest]) {
        let outside_code = prose.split('`').step_by(2);
        for part in outside_code {
            assert!(!part.contains(|c: char| c.is_ascii_digit()), "{part}");
        }
    }
}
