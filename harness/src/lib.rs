//! Measures a workload in time, instructions, heap bytes and leaks from one declaration.
