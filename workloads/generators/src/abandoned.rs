//! Generators that hold the list that holds them, and are given up before their end.
//!
//! Stresses the collector's finalizers: a suspended generator in the trash is closed first, on intact objects, and only
//! then cleared. A program that closes or exhausts its generators leaves nothing for the collector.

use std::cell::Cell;

use exuvia_core::object::{Frame, Generator, List, Step, Value};
use exuvia_core::{Gc, Heap, Trace};
use exuvia_harness::Workload;

use crate::frames::next_number;

/// Yields its number and ends at the next step; either way it notes that it is over.
#[derive(Trace)]
struct Noted {
    number: i64,
    has_yielded: bool,
    /// Holds the generator.
    list: Gc<List>,
    /// Generators that are over.
    ended: Gc<Cell<u64>>,
}

impl Noted {
    fn note(&self) -> Step {
        self.ended.set(self.ended.get() + self.list.len() as u64);
        Step::Return(Value::NONE)
    }
}

impl Frame for Noted {
    fn resume(&mut self, _: &Heap, _: Value) -> Step {
        if std::mem::replace(&mut self.has_yielded, true) {
            return self.note();
        }
        Step::Yield(Value::small(self.number))
    }

    fn exit(&mut self, _: &Heap) -> Step {
        self.note()
    }
}

/// Generators in cycles that end in three ways.
pub(crate) fn abandoned(w: &mut Workload) {
    w.ask("What does it cost to abandon a started generator in a cycle, against closing or exhausting it?");
    w.param("n", [1_000, 10_000, 100_000]).seed(4);
    w.leak_at([("n", 16)]).ops(|p| p["n"]);
    // what was yielded, and an end for each generator
    w.expect(|p| p["n"] * (p["n"] - 1) / 2 + p["n"]);
    w.variant(
        "abandoned",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| start_all(heap, *n, |_| ()),
    );
    w.variant(
        "closed",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| {
            start_all(heap, *n, |generator| {
                generator
                    .close(heap)
                    .expect("a waiting generator can be closed");
            })
        },
    );
    w.variant(
        "exhausted",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| {
            start_all(heap, *n, |generator| {
                let end = generator
                    .next(heap)
                    .expect("a waiting generator can be resumed");
                assert!(end.is_none(), "the second step is the last");
            })
        },
    );
}

/// Starts each generator, lets `finish` end it or not, and gives it up.
fn start_all(heap: &Heap, n: u64, finish: impl Fn(&Gc<Generator>)) -> u64 {
    let ended = heap.alloc(Cell::new(0));
    let mut sum = 0;
    for number in 0..n.cast_signed() {
        let generator = in_a_cycle(heap, number, &ended);
        sum += next_number(heap, &generator).unwrap_or(0);
        finish(&generator);
    }
    heap.collect_all();
    sum.cast_unsigned() + ended.get()
}

fn in_a_cycle(heap: &Heap, number: i64, ended: &Gc<Cell<u64>>) -> Gc<Generator> {
    let list = List::with_capacity(heap, 1);
    let frame = Noted {
        number,
        has_yielded: false,
        list: list.clone(),
        ended: ended.clone(),
    };
    let generator = Generator::new(heap, frame);
    list.push(heap, Value::from(&generator));
    generator
}
