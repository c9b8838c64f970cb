//! Time and memory of the inspections on a large heap: `cargo run --release --example inspect_scale [OBJECTS]`; with
//! `--features parallel`, the audit also on all cores, in turns.
//!
//! Half of the objects hang in lists of a thousand, half in a random graph of four edges each. For each inspection: time by
//! the clock and as computed (a shared machine's clock counts what others do), both also in passes over all edges that do
//! nothing else (`mark`, of the same run), and the peak of resident memory above the heap's own bytes.

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

fn status_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Makes the peak of resident memory what is resident now.
fn reset_peak() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        eprintln!("peaks are those of the whole run: {error}");
    }
}

/// Seconds that this process computed.
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

/// What a pass over all edges took, and the bytes of the heap.
struct Anchor {
    seconds: f64,
    computed: f64,
    heap_bytes: u64,
}

/// Runs an inspection and prints what it cost; returns the seconds by the clock.
fn measure<T>(name: &str, anchor: &Anchor, body: impl FnOnce() -> T) -> (T, f64) {
    reset_peak();
    let (start, computed) = (Instant::now(), cpu_seconds());
    let result = body();
    let (seconds, computed) = (start.elapsed().as_secs_f64(), cpu_seconds() - computed);
    let above = status_bytes("VmHWM:").saturating_sub(anchor.heap_bytes);
    println!(
        "{name:26} {seconds:7.2} s ({:5.1} passes) {computed:7.2} s computed ({:5.1} passes) {:8.1} MB above ({:.2} of the heap)",
        seconds / anchor.seconds,
        computed / anchor.computed,
        above as f64 / 1e6,
        above as f64 / anchor.heap_bytes as f64,
    );
    (result, seconds)
}

#[cfg(feature = "parallel")]
fn heap() -> Heap {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Heap::builder().threads(cores).build()
}

#[cfg(not(feature = "parallel"))]
fn heap() -> Heap {
    Heap::new()
}

#[cfg(feature = "parallel")]
fn audits(heap: &Heap, anchor: &Anchor) {
    let mut ratios = Vec::new();
    for _ in 0..5 {
        heap.examine_in_parallel_above(Some(usize::MAX));
        let (alone, slow) = measure("audit, one thread", anchor, || heap.audit());
        heap.examine_in_parallel_above(None);
        let (together, fast) = measure("audit, all cores", anchor, || heap.audit());
        assert_eq!(alone.findings, []);
        assert_eq!(alone, together);
        ratios.push(slow / fast);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "all cores are {:.2} times as fast [{:.2}..{:.2}]",
        ratios[2], ratios[0], ratios[4]
    );
}

#[cfg(not(feature = "parallel"))]
fn audits(heap: &Heap, anchor: &Anchor) {
    let (audit, _) = measure("audit", anchor, || heap.audit());
    assert_eq!(audit.findings, []);
}

fn main() {
    let objects: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let heap = heap();
    heap.disable();
    let rows = RefCell::default();
    let table = heap.root("table", heap.alloc(Table { rows }));
    let outside = status_bytes("VmRSS:");
    populate(&heap, objects, &table);
    let mut anchor = Anchor {
        seconds: 1.0,
        computed: 1.0,
        heap_bytes: status_bytes("VmRSS:") - outside,
    };
    println!(
        "{} objects, {:.1} MB with their buffers",
        heap.live_objects(),
        anchor.heap_bytes as f64 / 1e6
    );
    let (start, computed) = (Instant::now(), cpu_seconds());
    let mark = heap.mark();
    anchor.seconds = start.elapsed().as_secs_f64();
    anchor.computed = cpu_seconds() - computed;
    measure("mark", &anchor, || heap.mark());
    audits(&heap, &anchor);
    measure("survey", &anchor, || heap.survey());
    (0..1_000).for_each(|_| table.rows.borrow_mut().push(node(&heap, Vec::new())));
    let (changes, census) = measure("census since the mark", &anchor, || {
        heap.census_since(&mark)
    });
    let (holders, held) = measure("holders and dominators", &anchor, || {
        heap.holders_since(&mark, &|_, _| true)
    });
    println!(
        "census, holders and dominators together {:.2} s",
        census + held
    );
    println!("{changes:#?}\n{holders:#?}");
}
