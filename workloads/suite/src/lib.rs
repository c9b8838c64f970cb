//! The built-in suite: every workload crate, in the order of the report.
#![forbid(unsafe_code)]

use exuvia_harness::Suite;

/// Registers every workload.
pub fn register(suite: &mut Suite) {
    exuvia_lists::register(suite);
    exuvia_cycles::register(suite);
    exuvia_instances::register(suite);
    exuvia_generators::register(suite);
    exuvia_strings::register(suite);
    exuvia_weakrefs::register(suite);
    exuvia_buffers::register(suite);
    exuvia_replay::register(suite);
}

#[cfg(test)]
mod tests {
    use exuvia_harness::Suite;

    #[test]
    fn every_workload_is_declared_in_a_way_that_can_be_measured() {
        let mut suite = Suite::new();
        super::register(&mut suite);
        let errors: Vec<_> = suite.errors().iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        assert!(!suite.workloads().is_empty());
    }

    #[test]
    fn every_workload_asks_a_question_and_knows_its_checksum() {
        let mut suite = Suite::new();
        super::register(&mut suite);
        for workload in suite.workloads() {
            assert!(
                !workload.question().is_empty(),
                "{} asks nothing",
                workload.id()
            );
            assert!(workload.expects(), "{} expects no checksum", workload.id());
        }
    }
}
