//! Every declaration is sound, every case returns its checksum, and would not
//! if its run did nothing.

#[test]
fn every_case_returns_its_checksum_and_an_emptied_run_does_not() {
    exuvia_harness::Suite::assert_checked(exuvia_instances::register);
}
