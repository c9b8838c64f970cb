//! What the object model promises, one file per type.
//!
//! `EXUVIA_TEST_MODE=system` or `debug` runs everything on heaps of that mode,
//! for a run under AddressSanitizer or memcheck.

use exuvia_core::{Heap, HeapBuilder, Mode};

mod buffer;
mod class;
mod deep;
mod dict;
mod generator;
mod inheritance;
mod list;
mod method;
mod set;
mod sizes;
mod text;
mod value;
mod weak;

fn builder() -> HeapBuilder {
    let mode = match std::env::var("EXUVIA_TEST_MODE").as_deref() {
        Ok("system") => Mode::System,
        Ok("debug") => Mode::Debug,
        Ok(other) => panic!("EXUVIA_TEST_MODE is {other:?}: system or debug, or unset"),
        Err(_) => Mode::Pages,
    };
    Heap::builder().mode(mode)
}

fn heap() -> Heap {
    builder().build()
}
