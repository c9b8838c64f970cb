//! The built-in suite: every workload crate under one command line.
