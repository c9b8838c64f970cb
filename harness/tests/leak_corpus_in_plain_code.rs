//! The leak detector on plain Rust code: every leak at several rates with its line and bytes, and innocents that look alike.
//!
//! One test only: every block, open file and thread of the process is counted, so nothing may run beside it.
#![cfg(feature = "dhat")]

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use exuvia_harness::leak::{LeakCheck, LeakFinding, LeakReport, Verdict};
use exuvia_harness::{Alloc, Rng};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

/// Leaks once.
type Leaker = Box<dyn FnMut()>;

struct Leak {
    name: &'static str,
    make: fn() -> Leaker,
    /// What is counted: blocks, or a kind of thing that the process holds.
    counted: &'static str,
    /// One leak in so many iterations.
    periods: &'static [u64],
    /// Blocks (or files, or threads) of one leak, and bytes of its blocks where the line that allocates is asked for.
    count: f64,
    bytes: Option<f64>,
    /// Words of the line that allocates.
    line: &'static str,
}

const BLOCKS: &str = "(objects)";
const FILES: &str = "(open files)";
const THREADS: &str = "(threads)";
const OFTEN: &[u64] = &[1, 10, 100, 1_000];
/// What a process may have a few dozen of.
const SELDOM: &[u64] = &[1_000];

struct Widget {
    window: RefCell<Option<Rc<Widget>>>,
}

const LEAKS: &[Leak] = &[
    Leak {
        name: "leaked box",
        make: || Box::new(|| _ = black_box(Box::leak(Box::new([7_u64; 4])))),
        counted: BLOCKS,
        periods: OFTEN,
        count: 1.0,
        bytes: Some(32.0),
        line: "Box::leak(Box::new([7_u64; 4]))",
    },
    Leak {
        name: "forgotten string",
        make: || Box::new(|| std::mem::forget(black_box("a".repeat(48)))),
        counted: BLOCKS,
        periods: OFTEN,
        count: 1.0,
        bytes: Some(48.0),
        line: "\"a\".repeat(48)",
    },
    Leak {
        name: "cycle of Rc",
        make: || {
            Box::new(|| {
                let window = RefCell::default();
                let widget = Rc::new(Widget { window });
                *widget.window.borrow_mut() = Some(Rc::clone(&widget));
            })
        },
        counted: BLOCKS,
        periods: OFTEN,
        count: 1.0,
        // Two counts, a borrow flag, a reference.
        bytes: Some(32.0),
        line: "Rc::new(Widget { window })",
    },
    Leak {
        name: "channel that is never drained",
        make: || {
            let (jobs, worker) = mpsc::channel();
            Box::new(move || {
                _ = &worker;
                jobs.send(Box::new([7_u8; 100])).expect("the worker lives");
            })
        },
        counted: BLOCKS,
        periods: OFTEN,
        // The channel adds a block for 31 jobs.
        count: 1.0 + 1.0 / 31.0,
        bytes: Some(100.0),
        line: "Box::new([7_u8; 100])",
    },
    Leak {
        name: "cache without a limit",
        make: || {
            let (mut cache, mut key) = (HashMap::new(), 0_u64);
            Box::new(move || {
                key += 1;
                cache.insert(key, Box::new([key; 2]));
            })
        },
        counted: BLOCKS,
        periods: OFTEN,
        count: 1.0,
        bytes: Some(16.0),
        line: "Box::new([key; 2])",
    },
    Leak {
        name: "listener that is never taken off",
        make: || {
            let mut listeners: Vec<Box<dyn Fn() -> u64>> = Vec::new();
            Box::new(move || {
                let number = listeners.len() as u64;
                listeners.push(Box::new(move || number));
            })
        },
        counted: BLOCKS,
        periods: OFTEN,
        count: 1.0,
        bytes: Some(8.0),
        line: "Box::new(move || number)",
    },
    Leak {
        name: "file that is never closed",
        make: || {
            Box::new(|| std::mem::forget(File::open("/dev/null").expect("it is always there")))
        },
        counted: FILES,
        periods: SELDOM,
        count: 1.0,
        bytes: None,
        line: "",
    },
    Leak {
        name: "thread that never ends",
        make: || {
            Box::new(|| {
                let idle = || loop {
                    std::thread::park();
                };
                let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(idle);
                drop(thread.expect("a thread starts"));
            })
        },
        counted: THREADS,
        periods: SELDOM,
        count: 1.0,
        bytes: None,
        line: "",
    },
];

/// An iteration of an innocent program.
type Innocent = (&'static str, Box<dyn FnMut()>);

fn innocents(seed: u64) -> Vec<Innocent> {
    thread_local! {
        static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
        static SINGLE: OnceCell<Box<u64>> = const { OnceCell::new() };
    }
    let mut rng = Rng::with_seed(seed);
    let mut keys = Rng::with_seed(seed + 1);
    let mut words = Rng::with_seed(seed + 2);
    let (mut ring, mut cache, mut names) = (VecDeque::new(), HashMap::new(), HashSet::new());
    let (jobs, worker) = mpsc::channel();
    let (mut turn, mut buffer) = (0_u64, Vec::new());
    vec![
        (
            "thread-local pool",
            Box::new(move || {
                let taken: Vec<_> = (0..rng.usize(1..40))
                    .map(|_| POOL.with_borrow_mut(Vec::pop))
                    .map(|block| block.unwrap_or_else(|| vec![0; 64]))
                    .collect();
                POOL.with_borrow_mut(|pool| pool.extend(taken));
            }),
        ),
        (
            "lazy singleton",
            Box::new(|| _ = black_box(SINGLE.with(|single| **single.get_or_init(|| Box::new(7))))),
        ),
        (
            "ring of 3,000",
            Box::new(move || {
                ring.push_back(Box::new(7_u64));
                if ring.len() > 3_000 {
                    ring.pop_front();
                }
            }),
        ),
        (
            "cache of 500 keys",
            Box::new(move || {
                cache
                    .entry(keys.u32(0..500))
                    .or_insert_with(|| Box::new(7_u64));
            }),
        ),
        (
            "intern table of 900 words",
            Box::new(move || {
                let word = format!("word {}", words.u32(0..900));
                if !names.contains(&word) {
                    names.insert(word);
                }
            }),
        ),
        (
            "channel that is drained late",
            Box::new(move || {
                turn += 1;
                jobs.send(Box::new(turn)).expect("the worker lives");
                if turn.is_multiple_of(64) {
                    black_box(worker.try_iter().count());
                }
            }),
        ),
        (
            "buffer that is used again",
            Box::new(move || {
                buffer.clear();
                buffer.extend_from_slice(&[7_u8; 300]);
            }),
        ),
        (
            "file that is closed",
            Box::new(|| drop(File::open("/dev/null").expect("it is always there"))),
        ),
    ]
}

fn check(body: impl FnMut()) -> LeakReport {
    LeakCheck::new()
        .budget(Duration::from_secs(60))
        .watch_process()
        .run_plain(body)
}

/// Where the line with these words stands in this file.
fn line_of(words: &str) -> String {
    let source = include_str!("leak_corpus_in_plain_code.rs");
    let line = source.lines().position(|line| line.contains(words));
    format!(
        "leak_corpus_in_plain_code.rs:{}:",
        line.expect("the line is here") + 1
    )
}

/// What is wrong with a report, in words.
fn fault(leak: &Leak, period: u64, report: &LeakReport) -> Option<String> {
    let says = |what: &str| Some(format!("{} 1 per {period}: {what}: {report}", leak.name));
    let of_kind = |f: &&LeakFinding| f.type_name == leak.counted;
    let Some(found) = report.findings.iter().find(of_kind) else {
        return says("not found");
    };
    let near = |value: f64, expected: f64| (value * period as f64 / expected - 1.0).abs() < 0.1;
    let Some(bytes) = leak.bytes else {
        return if near(found.rate, leak.count) {
            None
        } else {
            says("wrong rate")
        };
    };
    let line = line_of(leak.line);
    let at_line = |f: &&LeakFinding| f.site.as_deref().is_some_and(|site| site.contains(&line));
    let Some(found) = report.findings.iter().filter(of_kind).find(at_line) else {
        return says("its line is not named");
    };
    // A structure around it may add blocks from lines of its own.
    if !near(found.rate, 1.0) && !near(found.rate, leak.count) {
        return says("wrong rate");
    }
    let sized = found
        .bytes_per_iteration
        .is_some_and(|found| near(found, bytes));
    if sized { None } else { says("wrong bytes") }
}

#[test]
fn leaks_of_plain_code_are_found_with_line_and_bytes_and_innocents_are_not_accused() {
    let (mut faults, mut runs) = (Vec::new(), 0);
    for (leak, &period) in LEAKS
        .iter()
        .flat_map(|leak| leak.periods.iter().map(move |period| (leak, period)))
    {
        let (mut leaker, mut turn) = ((leak.make)(), 0_u64);
        let report = check(|| {
            turn += 1;
            drop(black_box(vec![turn; 3]));
            if turn.is_multiple_of(period) {
                leaker();
            }
        });
        // What it holds is needed for the passes above only.
        std::mem::forget(leaker);
        runs += 1;
        faults.extend(fault(leak, period, &report));
    }
    let mut alarms = Vec::new();
    for seed in 1..4 {
        for (name, body) in innocents(seed) {
            let report = check(body);
            if matches!(report.verdict(), Verdict::Leak { .. }) {
                alarms.push(format!("{name}: {report}"));
            }
        }
    }
    assert!(faults.is_empty(), "of {runs}:\n{}", faults.join("\n"));
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}
