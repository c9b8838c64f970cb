//! A record of another machine or toolchain.

use exuvia_reports::compare::RowVerdict;
use exuvia_reports::fixture;

use super::{allowing, assert_noted, gate, with};

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
        assert_noted(&comparison, |n| n.contains(note));
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
