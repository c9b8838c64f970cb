//! What a second thread saves in a full collection: `cargo run --release --example threads [NODES] [THREADS]`.
//!
//! Two heaps hold the same random graph, root touched before each collection: one collects alone, the other by all
//! threads, in turns. Beside them the ceiling of this machine: each thread adds up its half of the words of an array
//! that is as large as the graph, in random order of cache lines.

use std::cell::Cell;
use std::time::Instant;

use exuvia_core::{Gc, Heap, Trace};

const TURNS: usize = 11;

#[derive(Trace)]
struct Node {
    a: Cell<Option<Gc<Node>>>,
    b: Cell<Option<Gc<Node>>>,
    value: u64,
}

/// Every node is reachable: each is `a` of another one. `b` leads anywhere.
fn graph(threads: usize, nodes: usize) -> (Heap, Gc<Node>) {
    let heap = Heap::builder().threads(threads).enabled(false).build();
    let mut rng = fastrand::Rng::with_seed(5);
    let all: Vec<Gc<Node>> = (0..nodes)
        .map(|value| {
            heap.alloc(Node {
                a: Cell::new(None),
                b: Cell::new(None),
                value: value as u64,
            })
        })
        .collect();
    let mut order: Vec<usize> = (0..nodes).collect();
    rng.shuffle(&mut order);
    for (place, &index) in order.iter().enumerate() {
        let next = order[(place * 2 + 1) % nodes];
        let other = order[(place * 2 + 2) % nodes];
        all[index].a.set(Some(all[next].clone()));
        all[index].b.set(Some(all[other].clone()));
    }
    let root = all[order[0]].clone();
    drop(all);
    assert_eq!(heap.collect_all(), 0);
    (heap, root)
}

/// Nanoseconds per node of one full collection.
fn collect(heap: &Heap, root: &Gc<Node>, nodes: usize) -> f64 {
    drop(root.clone());
    let start = Instant::now();
    assert_eq!(heap.collect_all(), 0);
    assert!(root.value < nodes as u64);
    start.elapsed().as_nanos() as f64 / nodes as f64
}

/// Nanoseconds per node of a walk over as many cells by so many threads.
fn walk(cells: &[u64], threads: usize) -> f64 {
    let lines = cells.len() / 4;
    let start = Instant::now();
    let sums: u64 = std::thread::scope(|scope| {
        let part = |from: usize| {
            move || {
                let mut sum = 0_u64;
                let mut place = (from as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                for _ in 0..lines / threads {
                    place = place
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let line = (((place >> 32) * lines as u64) >> 32) as usize;
                    sum = sum.wrapping_add(cells[line * 4]);
                }
                sum
            }
        };
        let parts: Vec<_> = (0..threads).map(|from| scope.spawn(part(from))).collect();
        parts
            .into_iter()
            .filter_map(|part| part.join().ok())
            .fold(0, u64::wrapping_add)
    });
    std::hint::black_box(sums);
    start.elapsed().as_nanos() as f64 / lines as f64
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}

fn show(what: &str, alone: &[f64], shared: &[f64]) {
    let [_, one, _] = quartiles(alone.to_vec());
    let [_, many, _] = quartiles(shared.to_vec());
    let ratios = alone.iter().zip(shared).map(|(one, many)| one / many);
    let [low, middle, high] = quartiles(ratios.collect());
    println!(
        "{what}: {one:.1} and {many:.1} ns per node; {middle:.2} times faster [{low:.2}..{high:.2}]"
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: usize| {
        let given = arguments.next().and_then(|text| text.parse().ok());
        given.unwrap_or(otherwise)
    };
    let (nodes, threads) = (number(1_000_000), number(2));
    let (alone, shared) = (graph(1, nodes), graph(threads, nodes));
    let cells = vec![1_u64; nodes * 4];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..TURNS {
        times[0].push(collect(&alone.0, &alone.1, nodes));
        times[1].push(collect(&shared.0, &shared.1, nodes));
        times[2].push(walk(&cells, 1));
        times[3].push(walk(&cells, threads));
    }
    let [one, many, walk_one, walk_many] = times;
    println!("{nodes} nodes, {threads} threads, {TURNS} turns: median, quartiles of the ratio");
    show("full collection", &one, &many);
    show("plain walk of memory", &walk_one, &walk_many);
}
