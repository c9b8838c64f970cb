//! The gate from records to exit code: each test is one thing that can happen to a suite.

use exuvia_reports::compare::{Comparison, Row, RowVerdict, Verdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture::{self, Fixture};
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::{Better, Depth, LeakVerdict, Record, Status};
use std::path::Path;

fn gate(base: &Record, head: &Record) -> Comparison {
    compare(
        Some(base),
        head,
        &Config::default(),
        &GateOptions::default(),
    )
}

fn allowing(base: Option<&Record>, head: &Record, instrument: &str) -> Comparison {
    let options = GateOptions {
        allow_missing: vec![instrument.to_owned()],
        ..GateOptions::default()
    };
    compare(base, head, &Config::default(), &options)
}

fn configured(base: &Record, head: &Record, config: &str) -> Comparison {
    let config = Config::parse(config, Path::new("exuvia.toml")).unwrap();
    compare(Some(base), head, &config, &GateOptions::default())
}

/// Changes the first measurement of `metric`.
fn with(metric: &str, change: impl Fn(f64) -> f64) -> Record {
    let mut head = fixture::record();
    let row = head
        .measurements
        .iter_mut()
        .find(|m| m.metric == metric)
        .expect("in the fixture");
    row.value = row.value.map(&change);
    row.low = row.low.map(&change);
    row.high = row.high.map(&change);
    head
}

fn without(instrument: &str) -> Record {
    let mut head = fixture::record();
    head.measurements.retain(|m| m.instrument != instrument);
    if instrument == "leaks" {
        head.leaks.clear();
    }
    head
}

fn only_voting(comparison: &Comparison, verdict: RowVerdict) -> Vec<&Row> {
    comparison
        .rows
        .iter()
        .filter(|r| r.votes && r.verdict == verdict)
        .collect()
}

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
fn a_leak_fails_with_and_without_a_base() {
    let mut head = fixture::record();
    let leak = &mut head.leaks[0];
    leak.verdict = LeakVerdict::Leak;
    leak.class = Some("count leak".to_owned());
    leak.type_name = Some("Node".to_owned());
    leak.rate = Some(1.0);
    let with_base = gate(&fixture::record(), &head);
    let alone = compare(None, &head, &Config::default(), &GateOptions::default());
    for comparison in [&with_base, &alone] {
        assert_eq!(comparison.exit_code(), 1);
        assert_eq!(comparison.worst_row().unwrap().metric, "leaks/verdict");
        let reason = &comparison.worst_row().unwrap().reason;
        assert_eq!(reason, "leak: count leak of Node, 1 objects per iteration");
    }
    assert_eq!(
        with_base.sentence(),
        "Gate failed: 1 of 8 benchmarks leaked"
    );
    let leaking_base = gate(&head, &head);
    assert_eq!(
        leaking_base.exit_code(),
        1,
        "a leak in the base excuses nothing"
    );
    assert_eq!(gate(&head, &fixture::record()).counts.voting.improved, 1);
}

#[test]
fn a_finding_of_the_audit_fails_without_a_base() {
    let head = with("leaks/audit_findings", |n| n + 1.0);
    let comparison = compare(None, &head, &Config::default(), &GateOptions::default());
    assert_eq!(comparison.exit_code(), 1);
    assert_eq!(
        comparison.worst_row().unwrap().reason,
        "1 finding of the reference audit, limit 0"
    );
}

#[test]
fn fading_growth_passes_and_is_named() {
    let mut head = fixture::record();
    head.leaks[0].verdict = LeakVerdict::Fading;
    head.leaks[0].holder = Some("root `memo`".to_owned());
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 0);
    assert!(
        comparison
            .notes
            .iter()
            .any(|n| n.contains("fading") && n.contains("instances/create[slots]{n=1000}"))
    );
    let row = comparison
        .rows
        .iter()
        .find(|r| r.reason.starts_with("fading"))
        .unwrap();
    assert!(row.reason.contains("held by root `memo`"), "{}", row.reason);
}

#[test]
fn an_undecided_leak_check_is_unclear() {
    let mut head = fixture::record();
    head.leaks[0].verdict = LeakVerdict::Undecided;
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(
        (comparison.exit_code(), comparison.verdict),
        (3, Verdict::Unclear)
    );
    assert_eq!(
        comparison.sentence(),
        "Gate unclear: 1 of 8 benchmarks could not be judged"
    );
    assert_eq!(
        allowing(Some(&fixture::record()), &head, "leaks").exit_code(),
        0
    );
}

#[test]
fn reachable_growth_can_be_allowed_with_a_note_and_nothing_else_can() {
    let config = "[[allow-growth]]\nworkload = \"instances/*\"\ntype = \"Memo\"\nnote = \"bounded by the keys\"\n";
    let mut head = fixture::record();
    let leak = &mut head.leaks[0];
    leak.verdict = LeakVerdict::Leak;
    leak.class = Some("reachable growth".to_owned());
    leak.type_name = Some("Memo".to_owned());
    let comparison = configured(&fixture::record(), &head, config);
    assert_eq!(comparison.exit_code(), 0);
    assert!(
        comparison
            .notes
            .iter()
            .any(|n| n.contains("bounded by the keys"))
    );
    head.leaks[0].class = Some("count leak".to_owned());
    assert_eq!(configured(&fixture::record(), &head, config).exit_code(), 1);
    let unused = configured(&fixture::record(), &fixture::record(), config);
    assert!(
        unused
            .notes
            .iter()
            .any(|n| n == "exuvia.toml:1: this allowance was not needed")
    );
}

#[test]
fn a_lost_instrument_is_missing_and_exits_3_unless_allowed() {
    let base = fixture::record();
    for instrument in ["instructions", "heap", "leaks"] {
        let head = without(instrument);
        let comparison = gate(&base, &head);
        assert_eq!(comparison.exit_code(), 3, "{instrument}");
        assert_eq!(comparison.counts.by_benchmark.missing, 8, "{instrument}");
        let allowed = allowing(Some(&base), &head, instrument);
        assert_eq!(allowed.exit_code(), 0, "{instrument}");
        assert!(
            allowed.sentence().ends_with("8 with allowed gaps"),
            "{}",
            allowed.sentence()
        );
        let other = if instrument == "heap" {
            "leaks"
        } else {
            "heap"
        };
        assert_eq!(allowing(Some(&base), &head, other).exit_code(), 3);
        let alone = compare(None, &head, &Config::default(), &GateOptions::default());
        assert_eq!(
            alone.exit_code(),
            3,
            "planned, so missing without a base too: {instrument}"
        );
    }
    assert_eq!(
        gate(&base, &without("time")).exit_code(),
        0,
        "time does not vote"
    );
}

#[test]
fn a_missing_valgrind_is_told_with_its_reason() {
    let mut head = fixture::record();
    head.environment.valgrind = None;
    for m in head
        .measurements
        .iter_mut()
        .filter(|m| m.instrument == "instructions")
    {
        m.status = Status::Missing;
        m.value = None;
        m.exact = false;
        m.reason = Some("valgrind is not installed: apt-get install valgrind".to_owned());
    }
    head.measurements
        .retain(|m| m.instrument != "instructions" || m.metric == "instructions/ir");
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 3);
    let note = "missing for 8 benchmarks (instructions): valgrind is not installed: apt-get install valgrind";
    assert!(
        comparison.notes.iter().any(|n| n == note),
        "{:#?}",
        comparison.notes
    );
    assert_eq!(
        allowing(Some(&fixture::record()), &head, "instructions").exit_code(),
        0
    );
}

#[test]
fn a_case_that_crashed_exits_3_even_under_an_instrument_without_a_vote() {
    let mut head = fixture::record();
    let row = head
        .measurements
        .iter_mut()
        .find(|m| m.instrument == "time")
        .unwrap();
    row.status = Status::Failed;
    row.value = None;
    row.reason = Some("signal 11".to_owned());
    head.leaks.remove(0); // a lost verdict is bad, a crash comes first
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 3);
    assert_eq!(comparison.worst_row().unwrap().reason, "failed: signal 11");
}

#[test]
fn another_processor_is_unclear_and_never_red() {
    for change in [1.0, 2.0] {
        let mut head = with("instructions/ir", |n| n * change);
        head.environment.cpu_model = Some("Other CPU".to_owned());
        head.environment.cpu_features = vec!["sse4_2".to_owned()];
        let comparison = gate(&fixture::record(), &head);
        assert_eq!(comparison.exit_code(), 3);
        assert_eq!(comparison.counts.voting.regressed, 0);
        let note = "CPU features (avx only in the base)";
        assert!(
            comparison.notes.iter().any(|n| n.contains(note)),
            "{:#?}",
            comparison.notes
        );
        assert_eq!(
            allowing(Some(&fixture::record()), &head, "instructions").exit_code(),
            0
        );
    }
}

#[test]
fn heap_and_leaks_still_vote_on_another_processor() {
    let mut head = with("heap/total_bytes.system", |n| n + 16.0);
    head.environment.cpu_features.clear();
    assert_eq!(gate(&fixture::record(), &head).exit_code(), 1);
}

#[test]
fn the_model_name_of_an_equally_featured_processor_moves_no_count() {
    let mut head = fixture::record();
    head.environment.cpu_model = Some("Other CPU".to_owned());
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 0);
    let time = comparison
        .rows
        .iter()
        .find(|r| r.instrument == "time")
        .unwrap();
    assert_eq!((time.verdict, time.votes), (RowVerdict::Unclear, false));
    assert!(
        time.reason.contains("CPU (Example CPU 9000 in the base"),
        "{}",
        time.reason
    );
}

#[test]
fn every_part_of_the_instruction_key_makes_instructions_unclear() {
    let edits: [fn(&mut exuvia_reports::record::Environment); 8] = [
        |e| e.rustc = Some("1.96.0".to_owned()),
        |e| e.target = None,
        |e| e.features = vec![],
        |e| e.profile = Some("release".to_owned()),
        |e| e.dependency_hash = Some("other".to_owned()),
        |e| e.glibc = Some("2.41".to_owned()),
        |e| e.valgrind = Some("3.25.0".to_owned()),
        |e| e.cpu_features.push("avx2".to_owned()),
    ];
    for edit in edits {
        let mut head = fixture::record();
        edit(&mut head.environment);
        assert_ne!(
            head.environment.instruction_key(),
            fixture::environment().instruction_key()
        );
        assert_eq!(gate(&fixture::record(), &head).exit_code(), 3);
    }
}

#[test]
fn a_new_workload_passes_as_new_and_a_removed_one_is_missing() {
    let base = fixture::record();
    let mut head = fixture::record();
    let extra = Fixture::new()
        .case("trees/walk", "deep", &[("n", 10)])
        .all_instruments(10.0)
        .build();
    head.planned.extend(extra.planned);
    head.measurements.extend(extra.measurements);
    head.leaks.extend(extra.leaks);
    let grown = gate(&base, &head);
    assert_eq!(grown.exit_code(), 0);
    assert_eq!(
        grown.sentence(),
        "Gate passed: none of 9 benchmarks regressed, 1 new"
    );
    let shrunk = gate(&head, &base);
    assert_eq!(shrunk.exit_code(), 3);
    assert!(
        shrunk
            .worst_row()
            .unwrap()
            .reason
            .contains("baseline accept")
    );
}

#[test]
fn a_single_lost_row_shows() {
    let mut head = fixture::record();
    let at = head
        .measurements
        .iter()
        .position(|m| m.metric == "heap/total_blocks.system")
        .unwrap();
    head.measurements.remove(at);
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 3);
    assert_eq!(only_voting(&comparison, RowVerdict::Missing).len(), 1);
}

#[test]
fn a_filtered_run_is_judged_on_its_selection_and_says_so() {
    let mut head = fixture::record();
    head.selection = Some("lists".to_owned());
    head.planned.retain(|c| c.workload.starts_with("lists/"));
    head.measurements
        .retain(|c| c.workload.starts_with("lists/"));
    head.leaks.retain(|c| c.workload.starts_with("lists/"));
    let comparison = gate(&fixture::record(), &head);
    assert_eq!(comparison.exit_code(), 0);
    assert!(
        comparison
            .notes
            .iter()
            .any(|n| n.contains("outside of this run"))
    );
    head.measurements.clear();
    head.leaks.clear();
    assert_eq!(
        gate(&fixture::record(), &head).exit_code(),
        3,
        "an empty run proves nothing"
    );
}

#[test]
fn a_quick_run_against_a_full_baseline_judges_what_both_have() {
    let mut base = fixture::record();
    base.depth = Depth::Full;
    let mut head = fixture::record();
    let small = |n: Option<&u64>| n == Some(&1_000);
    head.planned.retain(|c| small(c.params.get("n")));
    head.measurements.retain(|c| small(c.params.get("n")));
    head.leaks.retain(|c| small(c.params.get("n")));
    let comparison = gate(&base, &head);
    assert_eq!(comparison.exit_code(), 0);
    assert!(
        comparison
            .notes
            .iter()
            .any(|n| n == "the baseline is a full run, this is a quick run")
    );
    base.depth = Depth::Quick;
    assert_eq!(
        gate(&base, &head).exit_code(),
        3,
        "at equal depth a lost parameter is missing"
    );
}

#[test]
fn an_instrument_that_another_depth_left_out_of_a_case_is_missing() {
    let mut base = fixture::record();
    base.depth = Depth::Full;
    let mut head = fixture::record();
    head.planned[0].instruments.retain(|i| i != "heap");
    let case = head.planned[0].case();
    head.measurements
        .retain(|m| m.case() != case || m.instrument != "heap");
    let comparison = gate(&base, &head);
    assert_eq!(comparison.exit_code(), 3);
    assert_eq!(comparison.worst_row().unwrap().case(), case);
}

#[test]
fn without_a_baseline_everything_is_new_and_clean_leaks_pass() {
    let head = fixture::record();
    let comparison = compare(None, &head, &Config::default(), &GateOptions::default());
    assert_eq!(comparison.exit_code(), 0);
    assert!(comparison.rows.iter().all(|r| r.verdict == RowVerdict::New));
    assert_eq!(
        comparison.sentence(),
        "Gate passed: no leak in 8 benchmarks; there is no baseline to compare with"
    );
}

#[test]
fn a_baseline_without_a_common_row_passes_only_when_allowed() {
    let base = Fixture::new().build();
    let head = fixture::record();
    let comparison = gate(&base, &head);
    assert_eq!(comparison.exit_code(), 3);
    assert_eq!(
        comparison.sentence(),
        "Gate unclear: nothing that votes could be judged"
    );
    let options = GateOptions {
        allow_no_base: true,
        ..GateOptions::default()
    };
    assert_eq!(
        compare(Some(&base), &head, &Config::default(), &options).exit_code(),
        0
    );
}

#[test]
fn an_empty_run_is_unclear() {
    let head = Fixture::new().build();
    for base in [None, Some(&head)] {
        let comparison = compare(base, &head, &Config::default(), &GateOptions::default());
        assert_eq!(comparison.exit_code(), 3);
        assert_eq!(comparison.sentence(), "Gate unclear: nothing was measured");
    }
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
    assert!(
        comparison.notes.iter().any(|n| n == note),
        "{:#?}",
        comparison.notes
    );
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
