//! The outputs agree with each other and with the record, and survive hostile names.

mod percentages;

use exuvia_reports::beside::Beside;
use exuvia_reports::compare::{Comparison, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture;
use exuvia_reports::format::MINUS;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::output::terminal::{Style, terminal};
use exuvia_reports::output::{json, markdown};
use exuvia_reports::record::{LeakVerdict, Record};
use exuvia_reports::{terminal_table, write_reports};
use proptest::prelude::*;

/// A run with one of everything: worse, better, leaking, missing, new and noisy rows.
fn changed() -> Record {
    let mut head = fixture::record();
    head.environment.commit = Some("fedcba987654".to_owned());
    head.environment.dirty = Some(true);
    let factors = [
        ("heap/total_blocks.system", "append", 1.001),
        ("instructions/ir", "slots", 0.98),
        ("instructions/ir.subtract_refs", "dict", 1.01),
        ("time/ns_per_op", "dict", 1.5),
        ("rss/peak_bytes", "append", 2.0),
    ];
    for m in &mut head.measurements {
        for (_, _, factor) in factors
            .iter()
            .filter(|(metric, v, _)| m.metric == *metric && m.variant == *v)
        {
            for number in [&mut m.value, &mut m.low, &mut m.high] {
                *number = number.map(|n| {
                    if m.exact {
                        (n * factor).round()
                    } else {
                        n * factor
                    }
                });
            }
        }
    }
    head.measurements
        .retain(|m| m.variant != "preallocated" || m.instrument != "heap");
    let leak = &mut head.leaks[1];
    leak.verdict = LeakVerdict::Leak;
    leak.class = Some("reachable growth".to_owned());
    leak.type_name = Some("Memo<Key>".to_owned());
    leak.rate = Some(0.25);
    leak.site = Some("workloads/instances/src/create.rs:41".to_owned());
    leak.holder = Some("root `cache` > Dict > Memo<Key>".to_owned());
    head
}

fn comparison(head: &Record) -> Comparison {
    compare(
        Some(&fixture::record()),
        head,
        &Config::default(),
        &GateOptions::default(),
    )
}

#[test]
fn the_terminal_table_of_a_failed_gate() {
    insta::assert_snapshot!(terminal_table(&comparison(&changed()), 80));
}

#[test]
fn the_terminal_table_of_a_passed_gate() {
    insta::assert_snapshot!(terminal_table(&comparison(&fixture::record()), 80));
}

#[test]
fn the_comment_of_a_failed_gate() {
    let (base, head) = (fixture::record(), changed());
    insta::assert_snapshot!(markdown::render(
        &head,
        Some(&base),
        &comparison(&head),
        &Beside::default()
    ));
}

#[test]
fn the_comment_of_a_first_run() {
    let head = fixture::record();
    let first = compare(None, &head, &Config::default(), &GateOptions::default());
    insta::assert_snapshot!(markdown::render(&head, None, &first, &Beside::default()));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [60_u16, 80, 120] {
        for line in terminal_table(&comparison(&changed()), width).lines() {
            assert!(
                line.chars().count() <= usize::from(width),
                "{width}: {line}"
            );
        }
    }
}

#[test]
fn colour_adds_escapes_and_nothing_else() {
    let comparison = comparison(&changed());
    let plain = terminal(
        &comparison,
        Style {
            width: 80,
            colour: false,
        },
    );
    let coloured = terminal(
        &comparison,
        Style {
            width: 80,
            colour: true,
        },
    );
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[31mregressed\u{1b}[0m"));
    let mut stripped = coloured;
    for code in [0, 31, 32, 33, 35] {
        stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(stripped, plain);
}

/// Reads `+1.23 %`, `−4 %` or `×12.3` back as head / base - 1.
fn read_change(text: &str) -> Option<f64> {
    let text = text.replace(MINUS, "-").replace(',', "");
    if let Some(factor) = text.strip_prefix('×') {
        return Some(factor.parse::<f64>().ok()? - 1.0);
    }
    Some(text.strip_suffix(" %")?.parse::<f64>().ok()? / 100.0)
}

fn value_of(record: &Record, case: &str, metric: &str) -> Option<f64> {
    let found = |m: &&exuvia_reports::record::Measurement| {
        m.case().to_string() == case && m.metric == metric
    };
    record.measurements.iter().find(found)?.value
}

#[test]
fn every_percentage_recomputes_from_the_records() {
    let (base, head) = (fixture::record(), changed());
    let text = json::render(&head, Some(&base), &comparison(&head), &Beside::default()).unwrap();
    let report: json::Report = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for row in &report.rows {
        let Some(shown) = read_change(&row.shown.change) else {
            continue;
        };
        let b = value_of(&base, &row.case, &row.row.metric).unwrap();
        let h = value_of(&head, &row.case, &row.row.metric).unwrap();
        let truth = if b == h { 0.0 } else { h / b - 1.0 };
        assert!(
            (shown - truth).abs() <= truth.abs() * 0.006,
            "{}: {shown} {truth}",
            row.case
        );
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn all_outputs_say_the_same() {
    let (base, head) = (fixture::record(), changed());
    let comparison = comparison(&head);
    let folder = tempfile::tempdir().unwrap();
    let written = write_reports(
        &folder.path().join("out"),
        &head,
        Some(&base),
        &comparison,
        &Beside::default(),
    )
    .unwrap();
    let json_text = std::fs::read_to_string(&written.json).unwrap();
    let report: json::Report = serde_json::from_str(&json_text).unwrap();
    let md = std::fs::read_to_string(&written.md).unwrap();
    let page = std::fs::read_to_string(&written.html).unwrap();
    assert!(page.contains(&format!("<h1>{}</h1>", report.sentence)));
    let table = terminal_table(&comparison, 200);
    assert_eq!(report.schema, "exuvia.report/1");
    assert_eq!(report.exit_code, comparison.exit_code());
    assert!(json_text.contains("\"verdict\": \"fail\""));
    assert_eq!(table.lines().last(), Some(report.sentence.as_str()));
    assert_eq!(
        md.lines().next(),
        Some(format!("# {}", report.sentence).as_str())
    );
    for row in report
        .rows
        .iter()
        .filter(|r| r.row.votes && r.row.change.is_some_and(|c| c.abs() > 0.0))
    {
        if row.row.verdict == exuvia_reports::compare::RowVerdict::Unchanged {
            continue;
        }
        let line = md
            .lines()
            .find(|l| l.contains(&row.case) && l.contains(&format!("`{}`", row.row.metric)));
        let cells = format!(
            "| {} | {} | {} |",
            row.shown.base, row.shown.head, row.shown.change
        );
        assert!(line.is_some_and(|l| l.contains(&cells)), "{cells} {line:?}");
        assert!(table.contains(&row.shown.change), "{}", row.shown.change);
        let glued = row.shown.change.replace(' ', "\u{a0}");
        assert!(page.contains(&glued), "{glued} is not on the page");
    }
}

#[test]
fn equal_input_gives_equal_bytes() {
    let (base, head) = (fixture::record(), changed());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let written = write_reports(
            &folder.path().join(name),
            &head,
            Some(&base),
            &comparison(&head),
            &Beside::default(),
        )
        .unwrap();
        [written.html, written.json, written.md].map(|path| std::fs::read(path).unwrap())
    };
    assert_eq!(write("a"), write("b"));
}

#[test]
fn a_long_report_is_cut_and_says_so() {
    let mut head = fixture::record();
    let mut base = fixture::record();
    for record in [&mut head, &mut base] {
        for index in 0..200 {
            let mut m = record.measurements[4].clone();
            m.metric = format!("heap/extra_{index}");
            record.measurements.push(m);
        }
    }
    for m in head
        .measurements
        .iter_mut()
        .filter(|m| m.metric.starts_with("heap/extra_"))
    {
        m.value = m.value.map(|v| v + 8.0);
    }
    let comparison = compare(
        Some(&base),
        &head,
        &Config::default(),
        &GateOptions::default(),
    );
    let md = markdown::render(&head, Some(&base), &comparison, &Beside::default());
    assert!(md.contains("and 150 more rows in `report.json`"));
    assert!(terminal_table(&comparison, 80).contains("and 170 more rows: see report.md"));
    assert!(
        md.len() < 65_536,
        "a comment of {} bytes would be refused",
        md.len()
    );
}

const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "100%/..|`|",
    "\"quotes' and ../../etc",
    "\u{1b}[31mred\u{7}",
    "\u{202e}gnp.exe",
    "👩‍👩‍👧 😀",
    "line\nbreak | cell",
    "[link](javascript:x) @everyone ![i](u)",
    "",
];

#[test]
fn hostile_names_stay_text() {
    for name in HOSTILE.iter().copied().chain([&*"long".repeat(50)]) {
        let (mut base, mut head) = (fixture::record(), changed());
        for record in [&mut base, &mut head] {
            record
                .measurements
                .iter_mut()
                .for_each(|m| m.variant.push_str(name));
            record
                .planned
                .iter_mut()
                .for_each(|m| m.variant.push_str(name));
            record
                .leaks
                .iter_mut()
                .for_each(|l| l.variant.push_str(name));
        }
        let comparison = compare(
            Some(&base),
            &head,
            &Config::default(),
            &GateOptions::default(),
        );
        let md = markdown::render(&head, Some(&base), &comparison, &Beside::default());
        for forbidden in ["<script", "\u{1b}", "\u{202e}", "](java", "@every"] {
            assert!(!md.contains(forbidden), "{name}: {forbidden}");
        }
        let widths = md
            .lines()
            .filter(|l| l.starts_with("| regressed"))
            .map(|l| l.matches('|').count());
        assert!(
            widths.clone().count() > 0 && widths.clone().all(|w| w == 8),
            "{name}"
        );
        let table = terminal_table(&comparison, 80);
        assert!(!table.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{name}");
        let text = json::render(&head, Some(&base), &comparison, &Beside::default()).unwrap();
        let report: json::Report = serde_json::from_str(&text).unwrap();
        assert!(report.rows[0].row.variant.ends_with(name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_name_keeps_every_table_row_whole(name in any::<String>()) {
        let mut head = changed();
        head.measurements.iter_mut().for_each(|m| m.workload.push_str(&name));
        let comparison = comparison(&head);
        let md = markdown::render(&head, None, &comparison, &Beside::default());
        for line in md.lines().filter(|l| l.starts_with("| missing") || l.starts_with("| regressed")) {
            prop_assert_eq!(line.matches('|').count(), 8, "{}", line);
        }
        prop_assert!(terminal_table(&comparison, 80).lines().count() > 3);
    }
}
