//! What the leak detector says is judged with and without a baseline.

use exuvia_reports::compare::{Verdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::{LeakVerdict, Record};

use super::{allowing, assert_noted, configured, gate, with};

fn leaking() -> Record {
    let mut record = fixture::record();
    record.leaks[0].verdict = LeakVerdict::Leak;
    record.leaks[0].class = Some("count leak".to_owned());
    record
}

#[test]
fn the_detectors_sentence_is_not_said_twice() {
    let mut head = leaking();
    let leak = &mut head.leaks[0];
    leak.holder = Some("x".to_owned());
    let sentence = "count leak: 1.0000 Node per iteration, held by x";
    leak.reason = Some(sentence.to_owned());
    let comparison = gate(&fixture::record(), &head);
    let row = comparison.worst_row().expect("a leak");
    assert_eq!(row.reason, format!("leak: {sentence}"));
}

#[test]
fn a_leak_fails_with_and_without_a_base() {
    let mut head = leaking();
    let leak = &mut head.leaks[0];
    leak.type_name = Some("Node".to_owned());
    leak.rate = Some(1.0);
    let with_base = gate(&fixture::record(), &head);
    let alone = compare(None, &head, &Config::default(), &GateOptions::default());
    for comparison in [&with_base, &alone] {
        assert_eq!(comparison.exit_code(), 1);
        assert_eq!(comparison.worst_row().unwrap().metric, "leaks/verdict");
        let reason = &comparison.worst_row().unwrap().reason;
        assert_eq!(reason, "leak: count leak of Node, 1 object per iteration");
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
    assert_noted(&comparison, |n| {
        n.contains("fading") && n.contains("instances/create[slots]{n=1000}")
    });
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
    assert_noted(&comparison, |n| n.contains("bounded by the keys"));
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
