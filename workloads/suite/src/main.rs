//! The command line of the built-in suite.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use exuvia_harness::cli::Frontend;

fn main() -> ExitCode {
    Frontend::new("exuvia-suite", env!("CARGO_MANIFEST_DIR"))
        .command(
            "replay",
            "a heap snapshot or an allocation trace through the heap",
            replay,
        )
        .command(
            "inspect",
            "what is alive in a heap snapshot, and what holds it",
            inspect,
        )
        .command(
            "peers",
            "this heap beside other managed heaps and CPython",
            peers,
        )
        .main()
}

fn replay(args: &[String]) -> ExitCode {
    exuvia_replay::command(args.iter().map(Into::into))
}

fn inspect(args: &[String]) -> ExitCode {
    exuvia_replay::inspect_command(args.iter().map(Into::into))
}

fn peers(args: &[String]) -> ExitCode {
    exuvia_peers::command(args)
}
