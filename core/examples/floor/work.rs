//! The heap beside `Rc` on the same work, interleaved in one process.
//!
//! Each row runs both sides in turn and prints the median of each, the median
//! of the pairwise ratios and its quartiles. The payload is the same 24 bytes:
//! two optional references and a `u64`, in the cheapest cell.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use exuvia_core::{Gc, Heap, Trace};

const ROUNDS: usize = 21;

#[derive(Trace)]
struct Ours {
    a: Cell<Option<Gc<Ours>>>,
    b: Cell<Option<Gc<Ours>>>,
    value: u64,
}

#[expect(dead_code, reason = "the fields are the payload")]
struct Theirs {
    a: Cell<Option<Rc<Theirs>>>,
    b: Cell<Option<Rc<Theirs>>>,
    value: u64,
}

fn ours(heap: &Heap, a: Option<Gc<Ours>>, b: Option<Gc<Ours>>, value: u64) -> Gc<Ours> {
    heap.alloc(Ours {
        a: Cell::new(a),
        b: Cell::new(b),
        value,
    })
}

fn theirs(a: Option<Rc<Theirs>>, b: Option<Rc<Theirs>>, value: u64) -> Rc<Theirs> {
    Rc::new(Theirs {
        a: Cell::new(a),
        b: Cell::new(b),
        value,
    })
}

fn ns_per(operations: usize, run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64 / operations as f64
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [values[last / 4], values[last / 2], values[last * 3 / 4]]
}

/// One row: both sides in turn, a warm-up pair first.
fn pair(name: &str, floor: &str, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (ours, theirs) = (ours(), theirs());
        if round > 0 {
            left.push(ours);
            right.push(theirs);
        }
    }
    let ratios = left.iter().zip(&right).map(|(a, b)| a / b).collect();
    let [low, ratio, high] = quartiles(ratios);
    let ([_, left, _], [_, right, _]) = (quartiles(left), quartiles(right));
    println!(
        "{name:<34}{left:>9.2} ns{right:>9.2} ns  {floor:<12}{ratio:>6.2}x  [{low:.2} .. {high:.2}]"
    );
}

/// A row without a peer: `Rc` leaks it or dies of it.
fn alone(name: &str, mut run: impl FnMut() -> f64) {
    let values = (0..7).map(|_| run()).collect();
    let [low, median, high] = quartiles(values);
    println!("{name:<34}{median:>9.2} ns  [{low:.2} .. {high:.2}]");
}

/// One of many types, so that no row runs on a heap of one type.
#[derive(Trace)]
struct Other<const TYPE: usize, const WORDS: usize> {
    words: [u64; WORDS],
    link: Option<Gc<Ours>>,
}

fn crowd(heap: &Heap) -> Vec<exuvia_core::GcAny> {
    let mut all = Vec::new();
    macro_rules! types {
        ($($n:literal)*) => {$(
            all.extend((0..64).map(|_| {
                let words = [$n; $n % 5 + 1];
                Gc::erase(heap.alloc(Other::<$n, { $n % 5 + 1 }> { words, link: None }))
            }));
        )*};
    }
    types!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    types!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
        61 62 63);
    all
}

pub(crate) fn run(floor: &str) {
    println!(
        "{:<34}{:>12}{:>12}  {:<12}ratio   quartiles",
        "work", "exuvia", floor, ""
    );
    let heap = Heap::new();
    let others = crowd(&heap);
    handles(&heap, floor);
    allocation(&heap, floor);
    trees(&heap, floor);
    garbage(&heap);
    live_graph(&heap);
    deep_list(&heap);
    drop(others);
}

fn handles(heap: &Heap, floor: &str) {
    const N: usize = 1_000_000;
    let mine: Vec<_> = (0..1024).map(|i| ours(heap, None, None, i)).collect();
    let other: Vec<_> = (0..1024).map(|i| theirs(None, None, i)).collect();
    pair(
        "clone + drop of a handle",
        floor,
        || {
            ns_per(N, || {
                (0..N).for_each(|i| drop(black_box(mine[i % 1024].clone())))
            })
        },
        || {
            ns_per(N, || {
                (0..N).for_each(|i| drop(black_box(other[i % 1024].clone())))
            })
        },
    );
    pair(
        "read through a handle",
        floor,
        || {
            ns_per(N, || {
                (0..N).for_each(|i| {
                    black_box(black_box(&mine[i % 1024]).value);
                })
            })
        },
        || {
            ns_per(N, || {
                (0..N).for_each(|i| {
                    black_box(black_box(&other[i % 1024]).value);
                })
            })
        },
    );
}

fn allocation(heap: &Heap, floor: &str) {
    const N: usize = 1_000_000;
    pair(
        "allocate + drop",
        floor,
        || {
            ns_per(N, || {
                (0..N).for_each(|i| drop(black_box(ours(heap, None, None, i as u64))))
            })
        },
        || {
            ns_per(N, || {
                (0..N).for_each(|i| drop(black_box(theirs(None, None, i as u64))))
            })
        },
    );
    const KEPT: usize = 100_000;
    let (mut mine, mut other) = (Vec::with_capacity(KEPT), Vec::with_capacity(KEPT));
    pair(
        "allocate 10^5 and keep",
        floor,
        || {
            mine.clear();
            ns_per(KEPT, || {
                mine.extend((0..KEPT).map(|i| ours(heap, None, None, i as u64)))
            })
        },
        || {
            other.clear();
            ns_per(KEPT, || {
                other.extend((0..KEPT).map(|i| theirs(None, None, i as u64)))
            })
        },
    );
    pair(
        "free 10^5",
        floor,
        || {
            let batch: Vec<_> = (0..KEPT)
                .map(|i| ours(heap, None, None, i as u64))
                .collect();
            ns_per(KEPT, || drop(batch))
        },
        || {
            let batch: Vec<_> = (0..KEPT).map(|i| theirs(None, None, i as u64)).collect();
            ns_per(KEPT, || drop(batch))
        },
    );
}

fn our_tree(heap: &Heap, depth: u32) -> Gc<Ours> {
    if depth == 0 {
        return ours(heap, None, None, 0);
    }
    let (a, b) = (our_tree(heap, depth - 1), our_tree(heap, depth - 1));
    ours(heap, Some(a), Some(b), u64::from(depth))
}

fn their_tree(depth: u32) -> Rc<Theirs> {
    if depth == 0 {
        return theirs(None, None, 0);
    }
    let (a, b) = (their_tree(depth - 1), their_tree(depth - 1));
    theirs(Some(a), Some(b), u64::from(depth))
}

fn trees(heap: &Heap, floor: &str) {
    const DEPTH: u32 = 16;
    const NODES: usize = (1 << (DEPTH + 1)) - 1;
    let mut mine = None;
    let mut other = None;
    pair(
        "tree of depth 16, build",
        floor,
        || {
            mine = None;
            ns_per(NODES, || mine = Some(our_tree(heap, DEPTH)))
        },
        || {
            other = None;
            ns_per(NODES, || other = Some(their_tree(DEPTH)))
        },
    );
    pair(
        "tree of depth 16, drop",
        floor,
        || {
            let tree = our_tree(heap, DEPTH);
            ns_per(NODES, || drop(tree))
        },
        || {
            let tree = their_tree(DEPTH);
            ns_per(NODES, || drop(tree))
        },
    );
}

fn garbage(heap: &Heap) {
    const NODES: usize = 1_000_000;
    for len in [2, 10, NODES] {
        alone(&format!("dead rings of {len}, collect / object"), || {
            heap.disable();
            for _ in 0..NODES / len {
                let first = ours(heap, None, None, 0);
                let mut last = first.clone();
                for _ in 1..len {
                    last = ours(heap, Some(last), None, 0);
                }
                first.a.set(Some(last));
            }
            let ns = ns_per(NODES, || assert_eq!(heap.collect_all(), NODES));
            heap.enable();
            ns
        });
    }
}

fn live_graph(heap: &Heap) {
    heap.disable();
    for nodes in [100_000, 1_000_000, 10_000_000] {
        let mut random = fastrand::Rng::with_seed(11);
        let all: Vec<_> = (0..nodes)
            .map(|i| ours(heap, None, None, i as u64))
            .collect();
        for (i, node) in all.iter().enumerate() {
            let chain = all.get(i + 1).cloned();
            node.a.set(chain);
            node.b.set(Some(all[random.usize(0..nodes)].clone()));
        }
        let bytes = heap.memory().live_bytes as f64 / nodes as f64;
        let root = all[0].clone();
        drop(all);
        heap.collect_all();
        alone(
            &format!("live graph {nodes}, root touched / object"),
            || {
                drop(black_box(root.clone()));
                ns_per(nodes, || assert_eq!(heap.collect_all(), 0))
            },
        );
        let start = Instant::now();
        heap.collect_all();
        let idle = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "{:<34}{idle:>9.4} ms   {bytes:.1} bytes per live node",
            "  nothing touched"
        );
        let start = Instant::now();
        drop(root);
        assert!(heap.collect_all() > 0 || heap.live_objects() < nodes);
        println!(
            "{:<34}{:>9.2} ns",
            "  dropped and collected / object",
            start.elapsed().as_nanos() as f64 / nodes as f64
        );
    }
    heap.enable();
}

fn deep_list(heap: &Heap) {
    const NODES: usize = 1_000_000;
    heap.disable();
    alone("list of 10^6 dropped / node", || {
        let mut list = ours(heap, None, None, 0);
        for _ in 1..NODES {
            list = ours(heap, Some(list), None, 0);
        }
        ns_per(NODES, || drop(list))
    });
    heap.enable();
}
