//! Finds leaks: runs a body of code many times, collects fully in between, and says what keeps growing, how fast and why.
//!
//! ```
//! use exuvia_harness::leak::{LeakCheck, Verdict};
//! use exuvia_harness::probe::{Counter, Probe};
//! use std::cell::Cell;
//!
//! /// Anything with exact counters can be checked: here, a pool that forgets every third object.
//! struct Pool(Cell<u64>);
//! impl Probe for Pool {
//!     fn counters(&self) -> Vec<Counter> {
//!         vec![Counter::new("live_objects", self.0.get() / 3, "objects")]
//!     }
//! }
//!
//! let pool = Pool(Cell::new(0));
//! let report = LeakCheck::new().run_probed(&pool, || pool.0.set(pool.0.get() + 1));
//! assert!(matches!(report.verdict(), Verdict::Leak { rate } if (rate - 1.0 / 3.0).abs() < 0.01));
//! ```
//!
//! Two instruments work together. The *growth test* ([`GrowthTest`]) asks of every count whether it grows at a constant
//! rate, and never takes a cache that fills for a leak. The *audit* (of a probe that has one) compares every reference
//! count with the references that exist; what it finds is counted too, so that a handle that native code legitimately
//! keeps does not alarm, and one more in each iteration does. Together they tell four classes apart ([`LeakClass`]).
//!
//! Read in this order: `verdict` (the rule), `growth` (the schedule), `check` (what runs the code), `finding` (the classes).
//! `simulations` holds the programs that the rule was tried on.
//!
//! A clean verdict is never "no leak" but "at most so many per iteration"; when the budget ends early it says so.

mod binomial;
mod budget;
mod check;
mod finding;
mod growth;
mod paths;
mod process;
mod report;
#[cfg(test)]
mod simulations;
pub(crate) mod sites;
mod still;
mod subject;
mod verdict;

pub use check::{DEFAULT_BUDGET, LeakCheck};
pub use finding::{LeakClass, LeakFinding};
pub use growth::{
    BLOCKS, BYTE_GRAIN, FIRST_BLOCK, Growth, GrowthTest, Plan, Series, Snapshot, Step,
};
pub use process::in_own_process;
pub use report::{LeakReport, MeasuredSeries};
#[cfg(feature = "cli")]
pub(crate) use subject::PLAIN_OFFSET;
pub use verdict::{
    CERTAIN_EVENTS, CERTAIN_FADING_PROBABILITY, CONSTANT_RATIO, FADING_PROBABILITY, JITTER_FACTOR,
    MIN_EVENTS, RULE_OF_THREE, Undecided, Verdict,
};
