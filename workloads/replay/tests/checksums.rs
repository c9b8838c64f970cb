//! Every case returns what it must, and would not if its run did nothing.

use exuvia_harness::Suite;

fn suite() -> Suite {
    let mut suite = Suite::new();
    exuvia_replay::register(&mut suite);
    suite
}

#[test]
fn every_declaration_is_sound() {
    assert_eq!(suite().errors(), []);
}

#[test]
fn every_case_returns_its_checksum_run_after_run() {
    assert_eq!(suite().check(), []);
}

#[test]
fn an_emptied_run_fails_its_checksum() {
    let mut suite = suite();
    suite.empty_runs();
    assert_eq!(suite.check().len(), suite.checked_cases());
}
