//! The workload of the gate's proof: extra object.
use exuvia_harness::Alloc;

mod suite;

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

exuvia_harness::main!(suite = |s: &mut exuvia_harness::Suite| suite::register(s, suite::Defect::ExtraObject));
