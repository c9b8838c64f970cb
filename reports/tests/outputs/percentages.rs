//! Every signed percentage that is shown belongs to the row it stands in: it is that row's change, computed from both
//! records, or that row's limit. A text that names no row shows none.

use std::collections::BTreeMap;

use exuvia_reports::beside::Beside;
use exuvia_reports::compare::{Comparison, Row};
use exuvia_reports::fixture;
use exuvia_reports::format::{self, MINUS};
use exuvia_reports::output::{json, markdown};
use exuvia_reports::record::{CaseKey, Record};
use exuvia_reports::{html, terminal_table};

use super::{changed, comparison, value_of};

/// A stretch of an output, and the row it is about.
struct Place {
    text: String,
    row: Option<(String, String)>,
}

impl Place {
    /// A line that is about the row whose case and metric it names.
    fn line(line: &str, rows: &[Row]) -> Place {
        let named = |row: &&Row| {
            line.split(['`', ' ', ':']).any(|word| word == row.metric)
                && line.contains(&row.case().to_string())
        };
        Place {
            text: line.to_owned(),
            row: rows.iter().find(named).map(of_row),
        }
    }
}

fn of_row(row: &Row) -> (String, String) {
    (row.case().to_string(), row.metric.clone())
}

#[test]
fn every_signed_percentage_in_all_four_formats_belongs_to_its_row() {
    let (base, head) = (fixture::record(), changed());
    let comparison = comparison(&head);
    let beside = Beside::default();
    let markdown = markdown::render(&head, Some(&base), &comparison, &beside);
    let json = json::render(&head, Some(&base), &comparison, &beside).unwrap();
    let page = html::render(&head, Some(&base), &comparison, &beside);
    let lines = |text: &str| -> Vec<Place> {
        text.lines()
            .map(|line| Place::line(line, &comparison.rows))
            .collect()
    };
    let terminal = one_row_a_line(&terminal_table(&comparison, 200));
    for (format, places, least) in [
        ("terminal", lines(&terminal), 6),
        ("markdown", lines(&markdown), 10),
        ("json", in_json(&json), 15),
        ("html", in_page(&page, &comparison), 20),
    ] {
        let checked: usize = places
            .iter()
            .map(|place| check(format, place, &comparison, [&base, &head]))
            .sum();
        assert!(checked >= least, "{format}: {checked} percentages");
    }
}

/// Compares each percentage of a place with its row; how many there were.
fn check(
    format: &str,
    place: &Place,
    comparison: &Comparison,
    [base, head]: [&Record; 2],
) -> usize {
    let shown = percentages(&place.text);
    if shown.is_empty() {
        return 0;
    }
    let Some((case, metric)) = &place.row else {
        panic!("{format}: {shown:?} without a row: {}", place.text);
    };
    let row = comparison
        .rows
        .iter()
        .find(|row| row.case().to_string() == *case && row.metric == *metric)
        .unwrap();
    let before = value_of(base, case, metric);
    let change = before
        .zip(value_of(head, case, metric))
        .map(|(b, h)| if b == h { 0.0 } else { h / b - 1.0 });
    let allowed: Vec<f64> = change
        .into_iter()
        .chain(row.limit.map(|limit| limit.relative))
        .collect();
    for percentage in &shown {
        let known = |truth: &f64| (percentage - truth).abs() <= truth.abs() * 0.006 + 1e-9;
        assert!(
            allowed.iter().any(known),
            "{format}: {percentage} in {case} {metric}, whose change and limit are {allowed:?}"
        );
    }
    shown.len()
}

/// The terminal's table with the lines of a row joined.
fn one_row_a_line(table: &str) -> String {
    table.replace("\n           ", " ")
}

/// Each row with its words, and the rest, which belongs to the worst row.
fn in_json(text: &str) -> Vec<Place> {
    let report: json::Report = serde_json::from_str(text).unwrap();
    let rows = report.rows.iter().map(|row| Place {
        text: format!(
            "{} | {} | {}",
            row.shown.change, row.shown.limit, row.row.reason
        ),
        row: Some((row.case.clone(), row.row.metric.clone())),
    });
    let named: Vec<Row> = report.rows.iter().map(|row| row.row.clone()).collect();
    let sentences = report
        .notes
        .iter()
        .chain([&report.sentence])
        .chain(&report.worst)
        .map(|sentence| Place::line(sentence, &named));
    rows.chain(sentences).collect()
}

/// The rows of the table of results and of the tables of measurements, and what is left between them.
fn in_page(page: &str, comparison: &Comparison) -> Vec<Place> {
    let body = page.split_once("<body>").expect("a body").1;
    let body = body.split_once("<script>").expect("a script").0;
    let cases: BTreeMap<(String, String), CaseKey> = comparison
        .rows
        .iter()
        .map(Row::case)
        .map(|case| ((case.workload.clone(), words_of(&case)), case))
        .collect();
    let mut places = Vec::new();
    let mut rest = String::new();
    let (mut workload, mut of_case) = (String::new(), String::new());
    for (i, part) in body.split("<tr ").enumerate() {
        let (row, after) = part.split_once("</tr>").unwrap_or(("", part));
        if i > 0 {
            let cells: Vec<&str> = row.split("role=\"cell\"").collect();
            let first = said(cells[0]);
            match cells.len() {
                // a row of the results: benchmark, then verdict and five metrics
                7 if row.contains("data-g=") => {
                    let [id, case] = &isolated(cells[0])[..] else {
                        panic!("workload and case in {first}");
                    };
                    let case = &cases[&(id.clone(), case.clone())];
                    places.extend(
                        cells[2..6]
                            .iter()
                            .zip(IN_RESULTS)
                            .map(|(cell, metric)| Place {
                                text: said(cell),
                                row: Some((case.to_string(), metric.to_owned())),
                            }),
                    );
                    rest.push_str(&said(cells[1]));
                }
                // a row of the measurements: metric, then baseline, run, change, limit, verdict, reason
                7 => {
                    let case = &cases[&(workload.clone(), of_case.clone())];
                    let metric = metric_of(first.trim());
                    places.push(Place {
                        text: said(row),
                        row: Some((case.to_string(), metric)),
                    });
                }
                _ => rest.push_str(&said(row)),
            }
        }
        if let Some(id) = after_last(after, "<span class=\"name\">") {
            workload = id;
        }
        if let Some(case) = after_last(after, "<details class=\"case\"") {
            of_case = case;
        }
        rest.push_str(&said(after));
    }
    places.push(Place {
        text: rest,
        row: None,
    });
    places
}

/// Metrics of the columns of the table of results.
const IN_RESULTS: [&str; 4] = [
    "instructions/ir",
    "time/ns_per_op",
    "heap/peak_bytes.system",
    "heap/total_blocks.system",
];

/// The metric behind the words of the page.
fn metric_of(words: &str) -> String {
    let known = [
        ("Time per operation", "time/ns_per_op"),
        ("Instructions", "instructions/ir"),
        ("Estimated cycles", "instructions/estimated_cycles"),
        ("Blocks allocated", "heap/total_blocks.system"),
        ("Bytes allocated", "heap/total_bytes.system"),
        ("Peak heap", "heap/peak_bytes.system"),
        ("Peak footprint", "heap/peak_footprint_bytes.pages"),
        ("Objects left at the end", "heap/live_objects_end.pages"),
        ("Leak verdict", "leaks/verdict"),
        ("Growth per iteration", "leaks/growth_per_iteration"),
        ("Audit findings", "leaks/audit_findings"),
        ("Resident memory before", "rss/before_bytes"),
        ("Resident memory at peak", "rss/peak_bytes"),
        ("Resident memory after", "rss/after_bytes"),
    ];
    if let Some(phase) = words.strip_prefix("Instructions in ") {
        return format!("instructions/ir.{phase}");
    }
    let found = known.iter().find(|(said, _)| *said == words);
    found
        .unwrap_or_else(|| panic!("no metric is called {words:?}"))
        .1
        .to_owned()
}

/// `append · n = 1,000`, as the page names a case below its workload.
fn words_of(case: &CaseKey) -> String {
    let params: Vec<String> = case
        .params
        .iter()
        .map(|(name, value)| format!("{name} = {}", format::exact(*value as f64)))
        .collect();
    format!("{} · {}", case.variant, params.join(", "))
}

/// The first `<bdi>` text after the last place where `mark` stands.
fn after_last(html: &str, mark: &str) -> Option<String> {
    let (_, rest) = html.rsplit_once(mark)?;
    isolated(rest).into_iter().next()
}

/// The texts of the `<bdi>` elements.
fn isolated(html: &str) -> Vec<String> {
    let texts = html.split("<bdi>").skip(1);
    let text = |text: &str| text.split('<').next().map(|t| t.replace('\u{a0}', " "));
    texts.filter_map(text).collect()
}

/// What a piece of HTML says, without tags.
fn said(html: &str) -> String {
    let texts = html
        .split('<')
        .map(|part| part.split_once('>').map_or("", |(_, text)| text));
    let text = texts.collect::<Vec<_>>().join(" ");
    text.replace('\u{a0}', " ")
}

/// Every signed percentage in a text, as a fraction: `+6.8 %`, with a real minus sign.
fn percentages(text: &str) -> Vec<f64> {
    let text = text.replace(['\u{a0}', '\n'], " ");
    let mut found = Vec::new();
    for (end, _) in text.match_indices(" %") {
        let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
        let digits: String = text[..end]
            .chars()
            .rev()
            .take_while(|c| number(*c))
            .collect();
        let digits: String = digits.chars().rev().filter(|c| *c != ',').collect();
        let before = text[..end].chars().rev().find(|c| !number(*c));
        let sign = match before {
            Some('+') => 1.0,
            Some(c) if c == MINUS => -1.0,
            _ => continue, // an interval, a level, a share
        };
        if let Ok(number) = digits.parse::<f64>() {
            found.push(sign * number / 100.0);
        }
    }
    found
}
