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
/// A test that runs its body again and again under the leak detector, in a process of its own.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_harness::{Alloc, leak_test};
///
/// // Only plain code needs the counting allocator.
/// #[global_allocator]
/// static ALLOC: Alloc = Alloc::system();
///
/// #[leak_test]
/// fn objects_die_with_their_handles(heap: &Heap) {
///     drop(heap.alloc(1_u64));
/// }
///
/// #[leak_test(iterations = 4096, budget_ms = 5000)]
/// fn plain_code_is_counted_by_its_blocks() {
///     drop(vec![1, 2, 3]);
/// }
/// # fn main() {}
/// ```
///
/// | the function takes | what is checked |
/// |---|---|
/// | nothing | plain Rust code, by blocks and bytes of [`Alloc`], which must be the global allocator |
/// | `heap: &Heap` | code on a managed heap of its own |
/// | `heap: &Heap, state: &mut S` | the same; `setup = path` names the `fn(&Heap) -> S` that prepares once |
///
/// Options: `iterations`, `budget_ms`, `expect_growth = "Type"` (may be repeated), `max_live_bytes`, `max_blocks`; what they
/// mean is told by [`LeakCheck`](leak::LeakCheck). `#[should_panic]` and `#[ignore]` work as on any test.
#[cfg(feature = "leak-test")]
pub use exuvia_leak_test::leak_test;
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
