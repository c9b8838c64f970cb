//! The proof of the gate: silent on re-runs, red for each of four defects, and it names what got worse.
//!
//! The same workload is built clean and with one defect each (`outside/benches/gate`). Needs valgrind.

mod support;

use exuvia_reports::record::Record;
use support::{call, code, executable, folder, run, text};
use tempfile::TempDir;

/// Measures the clean build, then another one, and asks the gate. Returns its exit code and words.
fn judge(folder: &TempDir, bench: &str, out: &str) -> (i32, String, Record) {
    let (_, record) = run(executable(bench), folder, out, &EXACT);
    let gate = call(
        executable(bench),
        folder.path(),
        &[
            "gate",
            &format!("{out}/run.json"),
            "--baseline",
            "base/run.json",
        ],
    );
    (code(&gate), text(&gate), record)
}

/// What votes; time does not.
const EXACT: [&str; 2] = ["--instrument", "instructions,heap,leaks"];

fn measured_base() -> TempDir {
    let folder = folder();
    let (output, _) = run(executable("gate_clean"), &folder, "base", &EXACT);
    assert_eq!(code(&output), 0, "{}", text(&output));
    folder
}

#[test]
fn five_runs_of_the_same_build_pass() {
    let folder = measured_base();
    for again in 0..5 {
        let (code, words, _) = judge(&folder, "gate_clean", &format!("again{again}"));
        assert_eq!(code, 0, "{words}");
    }
}

/// The gate is red, and its words and report hold each of `named`.
fn assert_red(bench: &str, named: &[&str]) {
    let folder = measured_base();
    let (code, words, _) = judge(&folder, bench, "head");
    assert_eq!(code, 1, "{words}");
    let report = std::fs::read_to_string(folder.path().join("head/report.md"));
    let words = words + &report.expect("the gate wrote its report");
    for name in named {
        assert!(words.contains(name), "{bench}: no `{name}` in\n{words}");
    }
}

#[test]
fn one_object_more_per_iteration_is_red() {
    assert_red(
        "gate_extra_object",
        &["proof/ring", "heap/total_blocks.system"],
    );
}

#[test]
fn one_per_cent_more_instructions_in_a_phase_is_red() {
    let folder = measured_base();
    let (code, words, head) = judge(&folder, "gate_slow_phase", "head");
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("instructions/ir.subtract_refs"), "{words}");
    let base = Record::load(&folder.path().join("base/run.json")).expect("the base was written");
    let phase = |record: &Record| {
        let row = record
            .measurements
            .iter()
            .find(|row| row.metric == "instructions/ir.subtract_refs");
        row.and_then(|row| row.value)
            .expect("the phase was counted")
    };
    let more = phase(&head) / phase(&base) - 1.0;
    assert!((0.003..0.03).contains(&more), "the defect costs {more}");
}

#[test]
fn one_lost_decrement_is_red_and_named_by_type_and_kind() {
    assert_red(
        "gate_lost_decrement",
        &["proof/ring", "Entry", "count leak"],
    );
}

#[test]
fn a_cache_without_a_limit_is_red_and_named_by_type_and_kind() {
    assert_red("gate_cache", &["proof/ring", "Entry", "reachable growth"]);
}
