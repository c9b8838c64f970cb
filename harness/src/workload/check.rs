//! Runs every case once for its checksum, in this process and without an instrument: what a workload crate's own tests call.

use std::rc::Rc;

use fastrand::Rng;

use super::body::Repeat;
use super::{CaseId, Context, Params, Suite, Workload};

/// Each case runs so often on one heap, so that a run that only works the first time is found.
const RUNS: u64 = 2;

/// A case whose checksum does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// A run returned something else than the workload expects.
    #[error(
        "{case}: a run returned {checksum}, expected {expected}; the variant computes something else, or nothing"
    )]
    Wrong {
        /// The case.
        case: CaseId,
        /// What the last wrong run returned.
        checksum: u64,
        /// What every run must return.
        expected: u64,
    },
    /// Nothing is expected, or 0, which is what a run that does nothing returns.
    #[error(
        "{case}: a run that does nothing would pass; give `w.expect(..)` a value that only the work can produce"
    )]
    Unguarded {
        /// The case.
        case: CaseId,
    },
}

impl Suite {
    /// Runs every variant where the counted and the leak runs are planned, and returns what is wrong.
    pub fn check(&mut self) -> Vec<CheckError> {
        self.workloads
            .iter_mut()
            .flat_map(Workload::check)
            .collect()
    }

    /// What a workload crate's test proves of its registration: every
    /// declaration is sound, every case returns its checksum run after run, and
    /// a run that does nothing does not.
    ///
    /// # Panics
    /// With everything that does not hold.
    pub fn assert_checked(register: impl Fn(&mut Suite)) {
        let fresh = || {
            let mut suite = Suite::new();
            register(&mut suite);
            suite
        };
        let errors = fresh().errors();
        assert!(errors.is_empty(), "unsound declarations: {errors:#?}");
        let wrong = fresh().check();
        assert!(wrong.is_empty(), "wrong checksums: {wrong:#?}");
        let mut emptied = fresh();
        emptied.empty_runs();
        let (noticed, cases) = (emptied.check().len(), emptied.checked_cases());
        assert!(cases > 0, "no workload is registered");
        assert_eq!(noticed, cases, "cases whose emptied run passes");
    }

    /// Replaces every run by one that does nothing and returns 0: a later [`Suite::check`] must then name every case.
    pub fn empty_runs(&mut self) -> &mut Self {
        let variants = self
            .workloads
            .iter_mut()
            .flat_map(|workload| workload.variants.iter_mut());
        for variant in variants {
            let emptied = Repeat {
                prepare: |_: &Params, _: &mut Rng| (),
                run: |(): &mut ()| 0,
            };
            variant.body = Box::new(emptied);
        }
        self
    }

    /// Variants at the points that [`Suite::check`] runs.
    #[must_use]
    pub fn checked_cases(&self) -> usize {
        let cases = |workload: &Workload| workload.variants.len() * workload.checked_points().len();
        self.workloads.iter().map(cases).sum()
    }
}

impl Workload {
    fn checked_points(&self) -> Vec<Vec<(String, u64)>> {
        let mut points = vec![self.count_point(), self.leak_point()];
        points.dedup();
        points
    }

    fn check(&mut self) -> Vec<CheckError> {
        let mut errors = Vec::new();
        for point in self.checked_points() {
            for variant in 0..self.variants.len() {
                errors.extend(self.check_case(variant, &point).err());
            }
        }
        errors
    }

    fn check_case(&mut self, variant: usize, point: &[(String, u64)]) -> Result<(), CheckError> {
        let case = self.case(&self.variants[variant].name, point.to_vec());
        let params = Params::new(point.to_vec(), Rc::new(Context::new(false)));
        let expected = self.expected_of(&params).filter(|&expected| expected != 0);
        let Some(expected) = expected else {
            return Err(CheckError::Unguarded { case });
        };
        let rng = Rng::with_seed(params.seed(self.seed_value()));
        let mut started = self.variants[variant].body.start(&params, rng);
        let batch = started.run_batch(RUNS, Some(expected));
        if batch.wrong_runs == 0 {
            return Ok(());
        }
        let checksum = batch.checksum;
        Err(CheckError::Wrong {
            case,
            checksum,
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite() -> Suite {
        let mut suite = Suite::new();
        suite.workload("check/sum", |w| {
            w.param("n", [10, 100]).leak_at([("n", 5)]);
            w.expect(|p| p["n"] * 2);
            w.variant("right", |p, _| p["n"], |n| *n * 2);
            w.once("also_right", |p, _| p["n"], |n| n + n);
        });
        suite
    }

    #[test]
    fn right_checksums_pass_at_every_point_that_is_planned() {
        assert_eq!(suite().check(), []);
        assert_eq!(suite().checked_cases(), 4);
    }

    #[test]
    fn a_wrong_checksum_names_case_value_and_expectation() {
        let mut suite = Suite::new();
        suite.workload("check/late", |w| {
            w.expect(|_| 1);
            // right the first time only
            w.variant("spent", |_, _| 1, |left| std::mem::replace(left, 7));
        });
        let errors = suite.check();
        assert_eq!(errors.len(), 1);
        let text = errors[0].to_string();
        assert!(
            text.contains("check/late[spent]") && text.contains("7, expected 1"),
            "{text}"
        );
    }

    #[test]
    fn an_emptied_run_fails_in_every_case() {
        let mut suite = suite();
        suite.empty_runs();
        assert_eq!(suite.check().len(), suite.checked_cases());
    }

    #[test]
    fn an_expectation_that_doing_nothing_meets_is_an_error_of_its_own() {
        let mut suite = Suite::new();
        suite.workload("check/none", |w| {
            w.variant("v", |_, _| (), |()| 3);
        });
        suite.workload("check/zero", |w| {
            w.expect(|_| 0).variant("v", |_, _| (), |()| 0);
        });
        let errors = suite.check();
        assert!(
            errors
                .iter()
                .all(|error| matches!(error, CheckError::Unguarded { .. }))
        );
        assert_eq!(errors.len(), 2);
    }
}
