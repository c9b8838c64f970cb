//! `docs/conformance.md`, written from `rows.txt` and the tests that exist. It
//! is committed, and CI is red unless every test passes: what it calls held is.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const SECTIONS: [&str; 7] = [
    "Cycle collector (test_gc)",
    "Finalization (test_finalization)",
    "Weak references (test_weakref, test_weakset)",
    "Slots and instance dictionaries (test_descr, test_dict, test_class)",
    "Generators (test_generators)",
    "Buffers (test_memoryview, test_buffer, test_bytes)",
    "Allocator, debug mode, tracing (test_mem, test_tracemalloc, test_sys)",
];

struct Row<'a> {
    section: usize,
    priority: u8,
    theirs: &'a str,
    ours: Vec<&'a str>,
    note: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    include_str!("rows.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let parts: Vec<&str> = line.split('|').collect();
            let [section, priority, theirs, ours, note] = parts[..] else {
                panic!("a row has five parts: {line}");
            };
            Row {
                section: section.parse().expect("a section"),
                priority: priority.parse().expect("a priority"),
                theirs,
                ours: ours.split(',').filter(|test| !test.is_empty()).collect(),
                note,
            }
        })
        .collect()
}

fn core_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Whether `file::test` is a test of this crate.
fn exists(test: &str) -> bool {
    let (file, name) = test.split_once("::").expect("file::test");
    let path = core_folder().join("tests").join(format!("{file}.rs"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.contains(&format!("#[test]\nfn {name}()"))
}

fn rendered(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Conformance with CPython's own tests\n\n\
         Written by `UPDATE_CONFORMANCE=1 cargo test -p exuvia-core --test conformance` from `tests/conformance/rows.txt`; do not edit.\n\
         A row is held when the tests named in it exist and pass. V: what depends on CPython's version is held to 3.13.\n",
    );
    for priority in [1, 2] {
        let of: Vec<&Row> = rows.iter().filter(|row| row.priority == priority).collect();
        let held = of.iter().filter(|row| !row.ours.is_empty()).count();
        let _ = write!(
            text,
            "\nPriority {priority}: {held} of {} rows held.\n",
            of.len()
        );
    }
    for (index, title) in SECTIONS.iter().enumerate() {
        let _ = write!(
            text,
            "\n## {title}\n\n| CPython's test | priority | held | by | note |\n|---|---|---|---|---|\n"
        );
        for row in rows.iter().filter(|row| row.section == index + 1) {
            let by: Vec<String> = row.ours.iter().map(|test| format!("`{test}`")).collect();
            let priority = match row.priority {
                0 => "own".to_owned(),
                priority => priority.to_string(),
            };
            let held = if row.ours.is_empty() {
                "**not held**"
            } else {
                "yes"
            };
            let _ = writeln!(
                text,
                "| {} | {priority} | {held} | {} | {} |",
                row.theirs,
                by.join("<br>"),
                row.note
            );
        }
    }
    text
}

#[test]
fn every_row_names_tests_that_exist() {
    for row in rows() {
        for test in &row.ours {
            assert!(exists(test), "{test}, of the row {}", row.theirs);
        }
        let reason = !row.ours.is_empty() || !row.note.is_empty();
        assert!(reason, "{} is not held, and no reason given", row.theirs);
    }
}

#[test]
fn the_committed_table_is_current() {
    let path = core_folder().join("docs").join("conformance.md");
    let text = rendered(&rows());
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        let new = path.with_extension("md.new");
        std::fs::write(&new, &text).expect("a writable folder");
        std::fs::rename(&new, &path).expect("a writable folder");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is not current; run with UPDATE_CONFORMANCE=1",
        path.display()
    );
}
