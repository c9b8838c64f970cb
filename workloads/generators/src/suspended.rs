//! Many computations that wait for their next step.
//!
//! Stresses the size of a suspended frame and its close at death, against the alternative that needs no frame: an
//! iterator object with slots, whose program keeps its state in attributes. Bytes are those of the second half: the first
//! few objects of a type share a page with other types, and pay for it.

use std::cell::Cell;
use std::rc::Rc;

use exuvia_core::object::{Class, Generator, Instance, List, Str, Value};
use exuvia_core::{Gc, Heap, Root};
use exuvia_harness::{Better, Params, Rng, Workload};

use crate::frames::{Count, next_number};

/// Steps that each computation could make.
const STEPS: i64 = 10;

/// What both variants start from.
struct Waiting {
    heap: Heap,
    n: u64,
    class: Root<Class>,
    next: Root<Str>,
    end: Root<Str>,
}

impl Waiting {
    fn new(p: &Params, _: &mut Rng) -> Waiting {
        let heap = p.heap();
        let name = |text| heap.root(text, Str::intern(&heap, text));
        let (next, end) = (name("next"), name("end"));
        let class = Class::builder(&heap, "Counting")
            .slots(["next", "end"])
            .build();
        Waiting {
            n: p["n"],
            class: heap.root("class", class),
            next,
            end,
            heap,
        }
    }

    fn generator(&self, first: i64) -> Value {
        Value::from(Generator::new(
            &self.heap,
            Count {
                next: first,
                end: first + STEPS,
            },
        ))
    }

    fn iterator(&self, first: i64) -> Value {
        let iterator = Class::instantiate(&self.class, &self.heap);
        self.set(&iterator, &self.next, first);
        self.set(&iterator, &self.end, first + STEPS);
        Value::from(iterator)
    }

    fn set(&self, iterator: &Gc<Instance>, name: &Gc<Str>, number: i64) {
        let set = iterator.set_attr(&self.heap, name, Value::small(number));
        set.expect("the class has this slot");
    }

    fn step_generator(&self, generator: &Value) -> Option<i64> {
        next_number(&self.heap, &*generator.as_generator()?)
    }

    fn step_iterator(&self, iterator: &Value) -> Option<i64> {
        let iterator = iterator.as_instance()?;
        let next = iterator.get_attr(&self.next)?.as_int()?;
        let end = iterator.get_attr(&self.end)?.as_int()?;
        if next >= end {
            return None;
        }
        self.set(&iterator, &self.next, next + 1);
        Some(next)
    }
}

/// Computations that all wait after their first step, make a second one and are given up.
pub(crate) fn suspended(w: &mut Workload) {
    w.ask("What does a suspended generator hold, against a hand-written iterator object?");
    w.param("n", [1_000, 10_000, 100_000]).seed(3);
    w.count_at([("n", 10_000)])
        .leak_at([("n", 20)])
        .ops(|p| p["n"]);
    // the first step of computation i gives i, the second i + 1
    w.expect(|p| p["n"] * (p["n"] - 1) + p["n"]);
    let measured = Rc::new(Cell::new(0.0));
    let (of_generators, of_iterators, read) =
        (Rc::clone(&measured), Rc::clone(&measured), measured);
    w.metric_of("bytes_per_computation", "B", Better::Less, move |_| {
        read.get()
    });
    w.variant("generators", Waiting::new, move |waiting| {
        suspend(
            waiting,
            Waiting::generator,
            Waiting::step_generator,
            &of_generators,
        )
    });
    w.variant("iterators", Waiting::new, move |waiting| {
        suspend(
            waiting,
            Waiting::iterator,
            Waiting::step_iterator,
            &of_iterators,
        )
    });
}

#[inline]
fn suspend(
    waiting: &Waiting,
    make: impl Fn(&Waiting, i64) -> Value,
    step: impl Fn(&Waiting, &Value) -> Option<i64>,
    bytes_of_one: &Cell<f64>,
) -> u64 {
    let all = List::with_capacity(&waiting.heap, waiting.n as usize);
    let begin = |first: i64| {
        let computation = make(waiting, first);
        let number = step(waiting, &computation).unwrap_or(0);
        all.push(&waiting.heap, computation);
        number
    };
    let n = waiting.n.cast_signed();
    let half = n / 2;
    let mut sum: i64 = (0..half).map(begin).sum();
    let before = waiting.heap.memory().live_bytes;
    sum += (half..n).map(begin).sum::<i64>();
    let bytes = waiting.heap.memory().live_bytes - before;
    bytes_of_one.set(bytes as f64 / (n - half) as f64);
    sum += all
        .iter()
        .filter_map(|computation| step(waiting, &computation))
        .sum::<i64>();
    sum.cast_unsigned()
}
