//! A hand-written `Trace` carries duties, so it must say `unsafe`.

use exuvia_core::{Trace, Visitor};

struct Careless;

impl Trace for Careless {
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

fn main() {}
