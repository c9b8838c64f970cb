//! Measures a workload in time, instructions, heap bytes and leaks from one declaration.
//!
//! Read in this order: [`Workload`] (what is declared), [`Alloc`] (what counts blocks), [`probe`] (what counts objects),
//! `exec` (what one measured process does).
#![deny(unsafe_code)]

pub mod alloc;
pub mod probe;
mod workload;

pub use alloc::Alloc;
pub use fastrand::Rng;
pub use workload::{
    Better, CaseId, CaseIdError, DeclareError, MetricValue, Params, Suite, Workload,
};
pub mod leak;
