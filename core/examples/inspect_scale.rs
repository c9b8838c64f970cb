//! Time and memory of the inspections on a large heap: `cargo run --release --example inspect_scale [OBJECTS]`.
//!
//! Half of the objects hang in lists of a thousand, half in a random graph of four edges each. Memory is the peak of
//! the process above its peak before, so each inspection that needs less than an earlier one shows 0.

use std::cell::RefCell;
use std::time::Instant;

use exuvia_core::{Gc, Heap, Root, Trace};

#[derive(Trace)]
struct Node {
    edges: RefCell<Vec<Gc<Node>>>,
}

#[derive(Trace)]
struct Table {
    rows: RefCell<Vec<Gc<Node>>>,
}

fn node(heap: &Heap, edges: Vec<Gc<Node>>) -> Gc<Node> {
    let edges = RefCell::new(edges);
    heap.alloc(Node { edges })
}

fn populate(heap: &Heap, objects: usize, table: &Root<Table>) {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut rows = table.rows.borrow_mut();
    let mut list = node(heap, Vec::new());
    for index in 0..objects / 2 {
        if index % 1_000 == 0 {
            let full = std::mem::replace(&mut list, node(heap, Vec::new()));
            rows.push(full);
        }
        list = node(heap, vec![list]);
    }
    rows.push(list);
    for _ in 0..objects / 2 {
        let edges = (0..4).map(|_| rows[rng.usize(0..rows.len())].clone());
        let new = node(heap, edges.collect());
        let place = rng.usize(0..rows.len());
        if rows.len() < 1_000_000 {
            rows.push(new);
        } else {
            rows[place].edges.borrow_mut().push(new);
        }
    }
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Seconds that this process computed: on a shared machine the clock says something else.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS_PER_SECOND
}

fn measure<T>(name: &str, body: impl FnOnce() -> T) -> T {
    let (start, computed, before) = (Instant::now(), cpu_seconds(), peak_bytes());
    let result = body();
    println!(
        "{name:28} {:8.2} s  {:8.2} s computed  {:8.1} MB above",
        start.elapsed().as_secs_f64(),
        cpu_seconds() - computed,
        (peak_bytes() - before) as f64 / 1e6
    );
    result
}

fn main() {
    let objects: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let heap = Heap::new();
    heap.disable();
    let rows = RefCell::default();
    let table = heap.root("table", heap.alloc(Table { rows }));
    measure("populate", || populate(&heap, objects, &table));
    println!(
        "objects {}, heap {:.1} MB",
        heap.live_objects(),
        peak_bytes() as f64 / 1e6
    );
    let mark = measure("mark", || heap.mark());
    let audit = measure("audit", || heap.audit());
    assert_eq!(audit.findings, []);
    measure("survey", || heap.survey());
    measure("census since", || heap.census_since(&mark));
    let before_growth = table.rows.borrow().len();
    (0..1_000).for_each(|_| table.rows.borrow_mut().push(node(&heap, Vec::new())));
    let holders = measure("holders and retained bytes", || {
        heap.holders_since(&mark, &|_, _| true)
    });
    println!("{before_growth} rows, {holders:#?}");
}
