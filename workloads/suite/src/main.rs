//! The command line of the built-in suite.
fn main() {}
