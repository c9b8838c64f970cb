//! Measures one peer at one work, on mimalloc.
#![forbid(unsafe_code)]

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    exuvia_peers::main()
}
