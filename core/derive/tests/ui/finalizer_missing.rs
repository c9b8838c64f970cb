use exuvia_core::Trace;

#[derive(Trace)]
#[trace(finalize)]
struct Unfinished;

fn main() {}
