//! The frames of the generators, and how they are driven.

use exuvia_core::object::{Frame, Generator, Step, Value};
use exuvia_core::{Gc, Heap, Trace};

/// Yields `next`, `next + 1` and so on below `end`.
#[derive(Trace)]
pub(crate) struct Count {
    pub(crate) next: i64,
    pub(crate) end: i64,
}

impl Frame for Count {
    fn resume(&mut self, _: &Heap, _: Value) -> Step {
        if self.next >= self.end {
            return Step::Return(Value::NONE);
        }
        let value = Value::small(self.next);
        self.next += 1;
        Step::Yield(value)
    }
}

/// The numbers that a generator still yields.
pub(crate) fn numbers<'a>(
    heap: &'a Heap,
    generator: &'a Gc<Generator>,
) -> impl Iterator<Item = i64> + 'a {
    std::iter::from_fn(move || next_number(heap, generator))
}

/// The next number, unless the generator has ended.
#[inline]
pub(crate) fn next_number(heap: &Heap, generator: &Gc<Generator>) -> Option<i64> {
    generator.next(heap).ok().flatten()?.as_int()
}
