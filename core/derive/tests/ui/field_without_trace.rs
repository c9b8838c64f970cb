use std::rc::Rc;

use exuvia_core::Trace;

#[derive(Trace)]
struct Shared {
    edge: Rc<u32>,
}

fn main() {}
