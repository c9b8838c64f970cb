//! Lists in a list against one list of the same items.
//!
//! Stresses allocation and death of many small containers with a buffer each, and the young collections they cause.

use exuvia_core::Heap;
use exuvia_core::object::{List, Value};
use exuvia_harness::Workload;

use crate::items::{immediate, number};

/// A square table of `n` rows that is built, read row by row and dropped.
pub(crate) fn nested(w: &mut Workload) {
    w.ask("What does a table cost as a list of rows, against one flat list?");
    w.param("rows", [30, 100, 300, 1_000]).seed(4);
    w.count_at([("rows", 100)]).leak_at([("rows", 8)]);
    w.ops(|p| p["rows"] * p["rows"]);
    w.expect(|p| p["rows"].pow(2) * (p["rows"].pow(2) - 1) / 2);
    w.variant(
        "nested",
        |p, _| (p.heap(), p["rows"]),
        |(heap, rows)| nested_sum(heap, *rows),
    );
    w.variant(
        "flat",
        |p, _| (p.heap(), p["rows"]),
        |(heap, rows)| flat_sum(heap, *rows),
    );
}

fn nested_sum(heap: &Heap, rows: u64) -> u64 {
    let row = |row: u64| {
        Value::from(List::from_iter(
            heap,
            (row * rows..(row + 1) * rows).map(immediate),
        ))
    };
    let table = List::from_iter(heap, (0..rows).map(row));
    let sum_of = |row: Value| -> u64 {
        let items = row.as_list();
        items.map_or(0, |row| row.iter().map(|item| number(&item)).sum())
    };
    table.iter().map(sum_of).sum()
}

fn flat_sum(heap: &Heap, rows: u64) -> u64 {
    let table = List::from_iter(heap, (0..rows * rows).map(immediate));
    table.iter().map(|item| number(&item)).sum()
}
