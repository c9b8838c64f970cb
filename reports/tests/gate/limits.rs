//! What crosses a limit and what does not.

use exuvia_reports::compare::{RowVerdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::{Better, Record};

use super::{assert_noted, configured, gate, only_voting, with};

#[test]
fn an_equal_rerun_passes() {
    let base = fixture::record();
    let comparison = gate(&base, &base);
    assert_eq!(comparison.exit_code(), 0);
    assert_eq!(
        comparison.sentence(),
        "Gate passed: none of 8 benchmarks regressed"
    );
    assert_eq!(comparison.worst, None);
    assert!(
        comparison
            .rows
            .iter()
            .all(|r| r.change.unwrap_or(0.0) == 0.0)
    );
    assert_eq!(comparison.counts.by_benchmark.unchanged, 8);
}

#[test]
fn noisier_times_and_memory_never_fail_or_pass_for_something_else() {
    let mut head = fixture::record();
    for m in head
        .measurements
        .iter_mut()
        .filter(|m| !m.exact || m.instrument == "rss")
    {
        for number in [&mut m.value, &mut m.low, &mut m.high] {
            *number = number.map(|n| n * 3.0);
        }
    }
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 0);
    assert_eq!(comparison.counts.silent.regressed, 16);
    assert_eq!(comparison.counts.by_benchmark.unchanged, 8);
}

#[test]
fn one_more_object_fails_and_is_named() {
    let comparison = gate(
        &fixture::record(),
        &with("heap/total_blocks.system", |n| n + 1.0),
    );
    assert_eq!(comparison.exit_code(), 1);
    assert_eq!(
        comparison.sentence(),
        "Gate failed: 1 of 8 benchmarks regressed"
    );
    assert_eq!(
        comparison.worst_sentence().unwrap(),
        "instances/create[slots]{n=1000} heap/total_blocks.system: \
         1,001 blocks against 1,000 blocks: +1 block (+0.1 %), limit 0"
    );
}

#[test]
fn one_object_less_is_an_improvement() {
    let comparison = gate(
        &fixture::record(),
        &with("heap/total_blocks.system", |n| n - 1.0),
    );
    assert_eq!(comparison.exit_code(), 0);
    assert_eq!(only_voting(&comparison, RowVerdict::Improved).len(), 1);
}

#[test]
fn one_percent_more_instructions_in_a_phase_fails() {
    let head = with("instructions/ir.subtract_refs", |n| n * 1.01);
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 1);
    let worst = comparison.worst_row().unwrap();
    assert_eq!(worst.metric, "instructions/ir.subtract_refs");
    assert!(
        worst.reason.ends_with("(+1 %), limit 0.3 %"),
        "{}",
        worst.reason
    );
}

#[test]
fn a_fifth_of_a_percent_is_within_the_limit_for_instructions() {
    let comparison = gate(&fixture::record(), &with("instructions/ir", |n| n * 1.002));
    assert_eq!(comparison.exit_code(), 0);
    let row = comparison
        .rows
        .iter()
        .find(|r| r.change.is_some_and(|c| c > 0.0))
        .unwrap();
    assert_eq!(
        (row.verdict, row.reason.as_str()),
        (RowVerdict::Unchanged, "+0.2 % is within the limit of 0.3 %")
    );
}

#[test]
fn simulated_cycles_are_shown_and_do_not_vote() {
    let comparison = gate(
        &fixture::record(),
        &with("instructions/estimated_cycles", |n| n * 2.0),
    );
    assert_eq!(comparison.exit_code(), 0);
    assert_eq!(comparison.counts.silent.regressed, 1);
}

#[test]
fn a_heap_metric_that_is_no_exact_count_or_has_no_direction_does_not_vote() {
    let record = |scale: f64| {
        let mut record = fixture::record();
        let mut pause = record.measurements[4].clone();
        pause.metric = "heap/pause_ns".to_owned();
        pause.value = Some(100.0 * scale);
        pause.exact = false;
        let mut shape = pause.clone();
        shape.metric = "heap/shape".to_owned();
        shape.exact = true;
        shape.better = Better::None;
        record.measurements.extend([pause, shape]);
        record
    };
    let comparison = gate(&record(1.0), &record(5.0));
    assert_eq!(comparison.exit_code(), 0);
    let verdict = |metric: &str| {
        let row = comparison.rows.iter().find(|r| r.metric == metric).unwrap();
        (row.verdict, row.votes)
    };
    assert_eq!(verdict("heap/pause_ns"), (RowVerdict::Regressed, false));
    assert_eq!(verdict("heap/shape"), (RowVerdict::Unclear, false));
    let asked = "[[limit]]\nmetric = \"heap/pause_ns\"\nvotes = true\n";
    assert_eq!(configured(&record(1.0), &record(5.0), asked).exit_code(), 1);
}

#[test]
fn strict_lets_time_vote_with_its_intervals() {
    let options = GateOptions {
        strict: true,
        ..GateOptions::default()
    };
    let strict = |head: &Record| {
        compare(Some(&fixture::record()), head, &Config::default(), &options).exit_code()
    };
    assert_eq!(strict(&with("time/ns_per_op", |n| n * 2.0)), 1);
    assert_eq!(strict(&with("time/ns_per_op", |n| n * 1.05)), 3);
}

#[test]
fn a_limit_in_the_configuration_widens_one_workload_only() {
    let config = "[[limit]]\nmetric = \"heap/*\"\nworkload = \"instances/*\"\npercent = 1\n";
    let instances = with("heap/total_blocks.system", |n| n + 1.0);
    assert_eq!(
        configured(&fixture::record(), &instances, config).exit_code(),
        0
    );
    let mut lists = fixture::record();
    let row = lists
        .measurements
        .iter_mut()
        .find(|m| m.metric == "heap/total_blocks.system" && m.workload == "lists/append")
        .unwrap();
    row.value = row.value.map(|n| n + 1.0);
    assert_eq!(
        configured(&fixture::record(), &lists, config).exit_code(),
        1
    );
}

#[test]
fn a_limit_that_matches_nothing_is_reported() {
    let config = "[[limit]]\nmetric = \"heap/totl_*\"\npercent = 1\n";
    let comparison = configured(&fixture::record(), &fixture::record(), config);
    let note = "exuvia.toml:1: this limit matches no metric that was measured";
    assert_noted(&comparison, |n| n == note);
}

#[test]
fn the_worst_row_comes_first() {
    let mut head = with("heap/total_blocks.system", |n| n * 1.5);
    let last = head
        .measurements
        .iter_mut()
        .rfind(|m| m.metric == "heap/total_bytes.system")
        .unwrap();
    last.value = last.value.map(|n| n * 4.0);
    let comparison = gate(&fixture::record(), &head);
    let changes: Vec<f64> = comparison
        .rows
        .iter()
        .take(2)
        .filter_map(|r| r.change)
        .collect();
    assert_eq!(changes, [3.0, 0.5]);
}
