//! Measures a workload in time, instructions, heap bytes and leaks from one declaration.
//!
//! Read in this order: [`Workload`] (what is declared), [`Alloc`] (what counts blocks), [`probe`] (what counts objects),
//! `exec` (what one measured process does), `run` (which processes are started, and what becomes of their answers),
//! `cli` (the command line), and [`main!`] (what ties them to one executable).
#![deny(unsafe_code)]

pub mod alloc;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod exec;
pub mod leak;
mod macros;
pub mod probe;
#[cfg(feature = "cli")]
mod run;
#[cfg_attr(
    not(feature = "cli"),
    allow(
        dead_code,
        unused_imports,
        reason = "only the command line runs what is declared"
    )
)]
mod workload;

pub use alloc::Alloc;
pub use fastrand::Rng;
pub use workload::{
    Better, CaseId, CaseIdError, CheckError, DeclareError, MetricValue, Params, Suite, Workload,
};

#[cfg(feature = "instructions")]
#[doc(hidden)]
pub use iai_callgrind;

/// Adds the planned cases to iai-callgrind's group; only for [`main!`].
#[cfg(all(feature = "cli", feature = "instructions"))]
#[doc(hidden)]
pub fn __add_benchmarks(group: &mut iai_callgrind::BinaryBenchmarkGroup) {
    run::count::add_benchmarks(group).expect("the runner wrote a plan that this process can read");
}

/// The configuration of the counted group; only for [`main!`].
#[cfg(all(feature = "cli", feature = "instructions"))]
#[doc(hidden)]
pub fn __counting_config() -> iai_callgrind::BinaryBenchmarkConfig {
    run::count::config()
}
