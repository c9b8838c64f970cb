//! What a user declares: workloads, their variants and parameters, and what every run must return.
//!
//! - [`Suite`] collects workloads by id; [`crate::main!`] builds one and hands it to the command line.
//! - [`Workload`] is one question with variants that answer it differently on the same input.
//! - [`Params`] is one point of the parameter space, handed to `prepare`.
//! - [`CaseId`] names one workload, variant and point: `lists/append[append]{n=1000}`.
//! - [`Suite::check`] runs everything for its checksum alone.
//! - `body` turns a variant's closures into something that runs a whole batch without a dynamic call inside.
//!
//! A declaration that makes no sense (an id that is not `crate/name`, a second variant of one name, a `count_at` of an
//! unknown parameter) is collected as a [`DeclareError`] and stops the command line with exit code 2 before anything runs.

mod body;
mod case;
mod check;
mod declare;
mod metric;
mod params;

pub(crate) use body::{Batch, Started};
pub use case::{CaseId, CaseIdError};
pub use check::CheckError;
pub use declare::Workload;
pub(crate) use metric::Metric;
pub use metric::{Better, MetricValue};
pub(crate) use params::Context;
pub use params::Params;

/// A declaration that cannot be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("workload `{workload}`: {problem}")]
pub struct DeclareError {
    /// The workload's id as it was given.
    pub workload: String,
    /// What is wrong and what it should be.
    pub problem: String,
}

/// Every workload of one program, in the order of registration.
#[derive(Default)]
pub struct Suite {
    workloads: Vec<Workload>,
}

impl Suite {
    /// A suite without workloads.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a workload under `id` (`crate/name`, each of `a-z`, `0-9` and `_`) and lets `declare` describe it.
    pub fn workload(&mut self, id: &str, declare: impl FnOnce(&mut Workload)) -> &mut Self {
        let mut workload = Workload::new(id);
        declare(&mut workload);
        self.workloads.push(workload);
        self
    }

    /// The workloads in the order of registration.
    #[must_use]
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Workload> {
        self.workloads
            .iter_mut()
            .find(|workload| workload.id() == id)
    }

    /// Every mistake in the declarations.
    #[must_use]
    pub fn errors(&self) -> Vec<DeclareError> {
        let mut seen = std::collections::BTreeSet::new();
        let mut errors = Vec::new();
        for workload in &self.workloads {
            errors.extend(workload.errors());
            if !seen.insert(workload.id()) {
                errors.push(workload.error("is registered twice; ids must differ".to_owned()));
            }
        }
        errors
    }
}
