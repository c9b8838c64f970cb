//! A leak test in a process of its own: libtest runs tests on several threads of one process, and what the others allocate
//! would be counted too.
//!
//! The test calls its own executable again with its own name and a mark in the environment. Only there the check runs; the
//! test itself waits, and fails with the report. It works alike under `cargo test` and `cargo nextest`.

use std::path::PathBuf;
use std::process::Command;

use super::report::LeakReport;

/// Names the test that is to be run in this process.
const VARIABLE: &str = "EXUVIA_LEAK_TEST";

/// Where that process writes its report.
const REPORT: &str = "EXUVIA_LEAK_REPORT";

/// Runs a check in a child of this test executable and fails with its report; `test` is the full path of the test function.
///
/// For `#[leak_test]`, which writes the call.
///
/// # Panics
/// When the check is not clean, or the child could not be run or did not end well.
pub fn in_own_process(test: &str, check: impl FnOnce() -> LeakReport) {
    let name = test.split_once("::").map_or(test, |(_, name)| name);
    if std::env::var(VARIABLE).as_deref() == Ok(name) {
        return run_here(check);
    }
    match run_in_child(name) {
        Ok(()) => {}
        Err(words) => panic!("{words}"),
    }
}

/// In the child: runs the check and leaves its report where the parent looks.
fn run_here(check: impl FnOnce() -> LeakReport) {
    let report = check();
    if let Some(path) = std::env::var_os(REPORT) {
        let words = if report.is_acceptable() {
            String::new()
        } else {
            report.to_string()
        };
        std::fs::write(&path, words).expect("the test that started this process made the folder");
    }
    report.assert_clean();
}

fn run_in_child(name: &str) -> Result<(), String> {
    let path = report_path(name);
    let exe = std::env::current_exe()
        .map_err(|error| format!("no path of the test executable: {error}"))?;
    let output = Command::new(exe)
        .args([
            name,
            "--exact",
            "--nocapture",
            "--test-threads=1",
            "--include-ignored",
        ])
        .env(VARIABLE, name)
        .env(REPORT, &path)
        .output()
        .map_err(|error| format!("the leak test could not start a process of its own: {error}"))?;
    let words = std::fs::read_to_string(&path).ok();
    _ = std::fs::remove_file(&path);
    match words {
        Some(words) if words.is_empty() && output.status.success() => Ok(()),
        Some(words) if !words.is_empty() => Err(words),
        // It never came to the report: it panicked, crashed, or did not know the test.
        _ => Err(format!(
            "the leak test's process ended with {} and no report\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        )),
    }
}

fn report_path(name: &str) -> PathBuf {
    let file = name.replace("::", "-");
    std::env::temp_dir().join(format!("exuvia-leak-{}-{file}.txt", std::process::id()))
}
