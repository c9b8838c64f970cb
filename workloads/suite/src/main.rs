//! The command line of the built-in suite.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use exuvia_harness::cli::Frontend;

fn main() -> ExitCode {
    Frontend::new("exuvia-suite", env!("CARGO_MANIFEST_DIR")).main()
}
