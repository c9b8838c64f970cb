//! Measures one peer at one work, on the system's allocator.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    exuvia_peers::main()
}
