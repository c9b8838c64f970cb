//! The one executable that measures the built-in suite, with every instrument.
use exuvia_harness::Alloc;

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

exuvia_harness::main!(suite = exuvia_suite::register);
