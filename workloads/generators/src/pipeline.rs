//! Five stages: numbers, one more, the even ones, three times that, two less.
//!
//! Stresses generators that resume each other, five frames deep, against five lists that are alive together, as in a
//! program that gives each intermediate result a name.

use exuvia_core::object::{Frame, Generator, List, Step, Value};
use exuvia_core::{Gc, Heap, Trace};
use exuvia_harness::Workload;

use crate::frames::{Count, next_number, numbers};

/// Adds one to what comes from above.
#[derive(Trace)]
struct AddOne(Gc<Generator>);

/// Passes on what is even.
#[derive(Trace)]
struct Even(Gc<Generator>);

/// Multiplies by three.
#[derive(Trace)]
struct Triple(Gc<Generator>);

/// Subtracts two.
#[derive(Trace)]
struct SubtractTwo(Gc<Generator>);

impl Frame for AddOne {
    fn resume(&mut self, heap: &Heap, _: Value) -> Step {
        yielded(next_number(heap, &self.0).map(add_one))
    }
}

impl Frame for Even {
    fn resume(&mut self, heap: &Heap, _: Value) -> Step {
        yielded(numbers(heap, &self.0).find(is_even))
    }
}

impl Frame for Triple {
    fn resume(&mut self, heap: &Heap, _: Value) -> Step {
        yielded(next_number(heap, &self.0).map(triple))
    }
}

impl Frame for SubtractTwo {
    fn resume(&mut self, heap: &Heap, _: Value) -> Step {
        yielded(next_number(heap, &self.0).map(subtract_two))
    }
}

fn yielded(number: Option<i64>) -> Step {
    match number {
        Some(number) => Step::Yield(Value::small(number)),
        None => Step::Return(Value::NONE),
    }
}

fn add_one(number: i64) -> i64 {
    number + 1
}

fn is_even(number: &i64) -> bool {
    number % 2 == 0
}

fn triple(number: i64) -> i64 {
    number * 3
}

fn subtract_two(number: i64) -> i64 {
    number - 2
}

/// Numbers that go through all stages and are summed.
pub(crate) fn pipeline(w: &mut Workload) {
    w.ask("What does a pipeline of five stages cost as generators, and what as five lists?");
    w.param("n", [1_000, 10_000, 100_000]).seed(2);
    w.count_at([("n", 10_000)])
        .leak_at([("n", 20)])
        .ops(|p| p["n"]);
    w.expect(|p| {
        let evens = p["n"] / 2;
        3 * evens * (evens + 1) - 2 * evens
    });
    w.variant(
        "generators",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| by_generators(heap, *n),
    );
    w.variant(
        "lists",
        |p, _| (p.heap(), p["n"]),
        |(heap, n)| by_lists(heap, *n),
    );
}

fn by_generators(heap: &Heap, n: u64) -> u64 {
    let counted = Generator::new(
        heap,
        Count {
            next: 0,
            end: n.cast_signed(),
        },
    );
    let more = Generator::new(heap, AddOne(counted));
    let even = Generator::new(heap, Even(more));
    let tripled = Generator::new(heap, Triple(even));
    let less = Generator::new(heap, SubtractTwo(tripled));
    numbers(heap, &less).map(i64::cast_unsigned).sum()
}

fn by_lists(heap: &Heap, n: u64) -> u64 {
    let counted = listed(heap, 0..n.cast_signed());
    let more = listed(heap, ints(&counted).map(add_one));
    let even = listed(heap, ints(&more).filter(is_even));
    let tripled = listed(heap, ints(&even).map(triple));
    let less = listed(heap, ints(&tripled).map(subtract_two));
    ints(&less).map(i64::cast_unsigned).sum()
}

fn listed(heap: &Heap, numbers: impl Iterator<Item = i64>) -> Gc<List> {
    let list = List::new(heap);
    for number in numbers {
        list.push(heap, Value::small(number));
    }
    list
}

fn ints(list: &List) -> impl Iterator<Item = i64> {
    list.iter().filter_map(|item| item.as_int())
}
