//! `cargo run --release -p exuvia-core --example scaling -- [LARGEST]`: how the
//! cost per object grows with the number of objects.
//!
//! Sizes go from 10^4 to LARGEST (default 10^7; 10^8 needs 8 GiB) in steps of
//! ten. Each row gives allocation, a young collection beside so many old
//! objects, a full collection with the root touched and with nothing touched,
//! bytes per object and the drop of everything. The last line fits the exponent
//! of each cost that is per object: the slope of the logarithm of the whole
//! cost over the logarithm of the size, by least squares.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use exuvia_core::{Gc, Heap, Trace};

#[derive(Trace)]
struct Node {
    next: Cell<Option<Gc<Node>>>,
    near: Cell<Option<Gc<Node>>>,
    value: u64,
}

fn node(heap: &Heap, next: Option<Gc<Node>>, value: usize) -> Gc<Node> {
    heap.alloc(Node {
        next: Cell::new(next),
        near: Cell::new(None),
        value: value as u64,
    })
}

/// Seconds of a run, and what it returned.
fn timed<R>(run: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = run();
    (start.elapsed().as_secs_f64(), result)
}

/// The best of a few runs: what the work costs when nothing disturbs it.
fn best(runs: usize, mut run: impl FnMut() -> f64) -> f64 {
    (0..runs).map(|_| run()).fold(f64::INFINITY, f64::min)
}

struct Row {
    objects: usize,
    allocate: f64,
    young: f64,
    touched: f64,
    untouched: f64,
    bytes: f64,
    drop: f64,
}

/// A chain with a second edge to a node at most a thousand places before.
fn graph(heap: &Heap, objects: usize) -> Gc<Node> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut recent: Vec<Gc<Node>> = Vec::with_capacity(1000);
    let mut last = None;
    for index in 0..objects {
        let new = node(heap, last.take(), index);
        if recent.len() < 1000 {
            recent.push(new.clone());
        } else {
            let place = random.usize(..1000);
            let near = std::mem::replace(&mut recent[place], new.clone());
            new.near.set(Some(near));
        }
        last = Some(new);
    }
    last.expect("at least one object")
}

fn measure(objects: usize) -> Row {
    let heap = Heap::new();
    heap.disable();
    let (allocate, root) = timed(|| graph(&heap, objects));
    heap.collect_all();
    let bytes = heap.memory().live_bytes as f64 / objects as f64;
    let touched = best(3, || {
        drop(black_box(root.clone()));
        timed(|| assert_eq!(heap.collect_all(), 0)).0
    });
    let untouched = best(5, || timed(|| heap.collect_all()).0);
    let young = best(20, || {
        let kept: Vec<_> = (0..1000).map(|n| node(&heap, None, n)).collect();
        for n in 0..500 {
            let one = node(&heap, None, n);
            let other = node(&heap, Some(one.clone()), n);
            one.next.set(Some(other));
        }
        let (seconds, found) = timed(|| heap.collect(0));
        assert_eq!(found, Ok(1000));
        assert_eq!(kept.iter().map(|n| n.value).sum::<u64>(), 499_500);
        seconds
    });
    let (drop, ()) = timed(|| {
        drop(root);
        heap.collect_all();
    });
    assert_eq!(heap.live_objects(), 0);
    Row {
        objects,
        allocate,
        young,
        touched,
        untouched,
        bytes,
        drop,
    }
}

/// The slope of log(cost) over log(objects).
fn exponent(rows: &[Row], cost: impl Fn(&Row) -> f64) -> f64 {
    let points: Vec<(f64, f64)> = rows
        .iter()
        .map(|row| ((row.objects as f64).ln(), cost(row).ln()))
        .collect();
    let count = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / count;
    let up: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    up / points.iter().map(|p| (p.0 - mean_x).powi(2)).sum::<f64>()
}

fn main() {
    let largest = std::env::args().nth(1).map_or(10_000_000, |text| {
        text.parse().expect("LARGEST: a number of objects")
    });
    println!(
        "{:>10}  {:>9} {:>9} {:>10} {:>12} {:>7} {:>9}",
        "objects", "alloc", "young", "touched", "untouched", "bytes", "drop"
    );
    let mut rows = Vec::new();
    let mut objects = 10_000;
    while objects <= largest {
        let row = measure(objects);
        let per = 1e9 / objects as f64;
        println!(
            "{objects:>10}  {:>6.1} ns {:>6.1} us {:>7.1} ns {:>9.4} ms {:>7.2} {:>6.1} ns",
            row.allocate * per,
            row.young * 1e6,
            row.touched * per,
            row.untouched * 1e3,
            row.bytes,
            row.drop * per
        );
        rows.push(row);
        objects *= 10;
    }
    if rows.len() > 1 {
        println!(
            "  exponent  {:>9.3} {:>9.3} {:>10.3} {:>12} {:>7} {:>9.3}",
            exponent(&rows, |row| row.allocate),
            exponent(&rows, |row| row.young),
            exponent(&rows, |row| row.touched),
            "",
            "",
            exponent(&rows, |row| row.drop)
        );
    }
}
