//! The heap beside other managed heaps on the same work, each in a process of its own.
//!
//! - `rows`: what is measured: works, the rows of the table that each of them gives, and the peers;
//! - `driver`: the subcommand `peers`: builds the measuring executables, runs every (work, peer) in a child, interleaved,
//!   compares the results, and prints ratios with their intervals;
//! - `measured` (feature `measured`): what a child does: one trait for all peers, and the works, generic over it;
//! - `foreign` (feature `measured`): the only `unsafe` code: CPython's C API, loaded at run time, and what malloc holds.
//!
//! The peers are compiled into two executables that differ in their global allocator only: a choice at run time would
//! cost each call of it a branch, and the peers' calls most of all. Where the comparison is unfair all the same is
//! written down in `harness/docs/bias.md`.
#![deny(unsafe_code)]

mod driver;
#[cfg(feature = "measured")]
#[expect(unsafe_code, reason = "CPython's C API has no safe form")]
mod foreign;
#[cfg(feature = "measured")]
mod measured;
mod rows;

pub use driver::command;
#[cfg(feature = "measured")]
pub use measured::main;
