//! What was not measured, or is not there any more, is never a pass.

use exuvia_reports::compare::{RowVerdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture::{self, Fixture};
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::{CaseKey, Depth, Status};

use super::{allowing, assert_noted, gate, only_voting, without};

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

/// The old name is missing and the new one is new: neither may hide the other.
#[test]
fn a_renamed_workload_variant_or_parameter_is_missing_and_new_and_exits_3() {
    let rename: [fn(&mut CaseKey); 3] = [
        |key| key.workload.push_str("_renamed"),
        |key| key.variant.push_str("_renamed"),
        |key| {
            *key = CaseKey {
                params: [("size".to_owned(), 1)].into(),
                ..key.clone()
            }
        },
    ];
    for rename in rename {
        let mut head = fixture::record();
        let old = head.planned[0].case();
        let mut new = old.clone();
        rename(&mut new);
        let renamed = |workload: &mut String, variant: &mut String, params: &mut _| {
            let key = CaseKey {
                workload: workload.clone(),
                variant: variant.clone(),
                params: std::mem::take(params),
            };
            let key = if key == old { new.clone() } else { key };
            (*workload, *variant, *params) = (key.workload, key.variant, key.params);
        };
        for row in &mut head.planned {
            renamed(&mut row.workload, &mut row.variant, &mut row.params);
        }
        for row in &mut head.measurements {
            renamed(&mut row.workload, &mut row.variant, &mut row.params);
        }
        for row in &mut head.leaks {
            renamed(&mut row.workload, &mut row.variant, &mut row.params);
        }
        let comparison = gate(&fixture::record(), &head);
        assert_eq!(comparison.exit_code(), 3, "{new}");
        let counts = &comparison.counts.by_benchmark;
        assert_eq!((counts.missing, counts.new), (1, 1), "{new}");
        assert_eq!(comparison.worst_row().unwrap().case(), old);
    }
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
    assert_noted(&comparison, |n| n.contains("outside of this run"));
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
    assert_noted(&comparison, |n| {
        n == "the baseline is a full run, this is a quick run"
    });
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
    assert_noted(&comparison, |n| n == note);
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
