//! The leak detector on a corpus of programs: every leak at several rates, every innocent with several seeds.
//!
//! `EXUVIA_CORPUS_SEEDS=N` runs N seeds of each instead of the few of the quick test, and `EXUVIA_CORPUS_FROM=S` draws them
//! from S on; `scripts/leak-evaluation` does so and prints the rates of error.
#![cfg(feature = "heap")]

mod evaluation;
mod innocents;
mod leaks;
mod more;
mod rivals;

use std::time::{Duration, Instant};

use exuvia_core::object::{List, Value};
use exuvia_core::{Heap, Root};
use exuvia_harness::leak::{LeakCheck, LeakReport, Verdict};
use exuvia_harness::probe::HeapProbe;

use leaks::{Leak, Rate, all};

/// Long enough that no verdict hangs on the load of the machine.
const BUDGET: Duration = Duration::from_secs(120);

/// Groups alike in class, type and path: nothing tells these apart but the line that allocates.
const ALIKE: [&[&str]; 3] = [
    &[
        "forgotten handle",
        "forgotten value",
        "lost decrement on a shared object",
        "handles in leaked boxes",
        "handles in cycles of Rc",
        "handles in a channel that is not drained",
        "handles in a thread-local pool",
    ],
    &["frozen rings", "frozen pairs"],
    // One queue, filled by two programs.
    &["queue that is never drained", "queue drained half as fast"],
];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .map_or(default, |text| text.parse().expect("a number"))
}

fn seeds(quick: u64) -> std::ops::Range<u64> {
    let from = number("EXUVIA_CORPUS_FROM", 1);
    from..from + number("EXUVIA_CORPUS_SEEDS", quick)
}

fn check(iterations: u64, heap: &Heap, mut body: impl FnMut(&Heap)) -> LeakReport {
    let probe = HeapProbe::new(vec![heap.clone()]);
    let check = LeakCheck::new().iterations(iterations).budget(BUDGET);
    check.sites(false).run_probed(&probe, || body(heap))
}

/// What is wrong with a report on a leak, in words.
fn fault(leak: &Leak, rate: Rate, report: &LeakReport) -> Option<String> {
    let Some(first) = report.findings.first() else {
        return Some(format!("not found: {report}"));
    };
    let says = |what: &str| Some(format!("{what}: {report}"));
    if first.class != leak.class {
        return says("wrong class");
    }
    let holder = first.holder.as_deref().unwrap_or_default();
    if !holder.contains(leak.edge) {
        return says("wrong holder");
    }
    // Two objects each in the pairs, and in the growing edge's own type.
    let ratio = first.rate / rate.per_iteration();
    let tolerance = if matches!(rate, Rate::Random(_)) {
        0.5
    } else {
        0.1
    };
    let whole = [1.0, 2.0]
        .iter()
        .any(|times| (ratio - times).abs() < times * tolerance);
    if whole { None } else { says("wrong rate") }
}

#[test]
fn every_leak_is_found_with_its_class_holder_and_rate() {
    let quick = [
        (Rate::Every(1), 2_048),
        (Rate::Every(10), 4_096),
        (Rate::Random(30), 8_192),
    ];
    let slow = [(Rate::Every(1_000), 32_768), (Rate::Random(1_000), 32_768)];
    let full = std::env::var_os("EXUVIA_CORPUS_SEEDS").is_some();
    let (mut runs, mut faults, mut slowest) = (0, Vec::new(), Duration::ZERO);
    for leak in all() {
        for (index, (rate, iterations)) in quick.iter().chain(&slow).enumerate() {
            // The slow ones on a few places only, unless all is asked for.
            if index >= quick.len() && !full && leak.name != "vector field" {
                continue;
            }
            for seed in seeds(1) {
                let (heap, start) = (Heap::new(), Instant::now());
                let report = check(*iterations, &heap, leak.program(&heap, *rate, seed));
                slowest = slowest.max(start.elapsed());
                runs += 1;
                faults.extend(
                    fault(leak, *rate, &report)
                        .map(|f| format!("{} {rate:?} seed {seed}: {f}", leak.name)),
                );
            }
        }
    }
    println!(
        "leaks: {runs} runs, {} faults, slowest {slowest:?}",
        faults.len()
    );
    assert!(
        faults.is_empty(),
        "{} of {runs} runs\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(runs >= 40);
}

#[test]
fn no_innocent_is_called_a_leak() {
    let (mut runs, mut alarms) = (0, Vec::new());
    for seed in seeds(1) {
        let count = innocents::innocents(&Heap::new(), seed).len();
        for index in 0..count {
            let heap = Heap::new();
            let (name, mut body) = innocents::innocents(&heap, seed).swap_remove(index);
            let report = check(32_768, &heap, &mut body);
            runs += 1;
            if matches!(report.verdict(), Verdict::Leak { .. }) {
                alarms.push(format!("{name} seed {seed}: {report}"));
            }
        }
    }
    println!(
        "innocents: {runs} runs, {} alarms (at most {:.4} each, 95 %)",
        alarms.len(),
        3.0 / runs as f64
    );
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
    assert!(runs >= 20);
}

/// So many live objects that a check of short iterations does not count them before something moves.
fn rows(heap: &Heap) -> Root<List> {
    let rows = heap.root("rows", List::new(heap));
    (0..20_000).for_each(|_| rows.push(heap, Value::from(List::new(heap))));
    rows
}

#[test]
fn leaks_are_found_and_innocents_left_alone_beside_a_large_heap() {
    let mut faults = Vec::new();
    for (leak, rate) in all().zip(
        [Rate::Every(1), Rate::Every(300), Rate::Random(100)]
            .iter()
            .cycle(),
    ) {
        let heap = Heap::new();
        let _rows = rows(&heap);
        let report = check(8_192, &heap, leak.program(&heap, *rate, 1));
        let fault = fault(leak, *rate, &report);
        faults.extend(fault.map(|fault| format!("{} {rate:?}: {fault}", leak.name)));
    }
    for index in 0..innocents::innocents(&Heap::new(), 1).len() {
        let heap = Heap::new();
        let _rows = rows(&heap);
        let (name, mut body) = innocents::innocents(&heap, 1).swap_remove(index);
        let report = check(8_192, &heap, &mut body);
        if matches!(report.verdict(), Verdict::Leak { .. }) {
            faults.push(format!("{name}: {report}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_same_leak_has_one_fingerprint_and_no_two_leaks_share_one() {
    let mut found: Vec<(&str, String)> = Vec::new();
    for leak in all() {
        let prints: Vec<String> = (0..3)
            .map(|seed| {
                let heap = Heap::new();
                let report = check(2_048, &heap, leak.program(&heap, Rate::Random(10), seed));
                report.findings[0].fingerprint.clone()
            })
            .collect();
        assert!(
            prints.iter().all(|print| *print == prints[0]),
            "{}",
            leak.name
        );
        found.push((leak.name, prints[0].clone()));
    }
    for (index, (name, print)) in found.iter().enumerate() {
        let same = found[..index].iter().find(|(_, other)| other == print);
        if let Some((other, _)) = same {
            let both_attributes =
                name.contains("of an instance") && other.contains("of an instance");
            let alike = ALIKE
                .iter()
                .any(|group| group.contains(name) && group.contains(other));
            assert!(both_attributes || alike, "{name} and {other}");
        }
    }
}

/// The rules of other tools on the same programs: what each calls a leak, in per cent.
#[test]
fn rivals_miss_slow_leaks_or_take_caches_for_leaks() {
    let slow = all().next().expect("there are leaks");
    let mut rows = Vec::new();
    for rival in rivals::RIVALS {
        let called = |body: &mut dyn FnMut(&Heap), heap: &Heap| {
            (rival.judge)(&mut |iterations| {
                (0..iterations).for_each(|_| body(heap));
                heap.collect_all();
                heap.live_objects() as i64
            })
        };
        let heap = Heap::new();
        let finds =
            [1, 100, 1_000].map(|n| called(&mut slow.program(&heap, Rate::Every(n), 1), &heap));
        let count = innocents::innocents(&Heap::new(), 1).len();
        let alarms = (0..count).filter(|&index| {
            let heap = Heap::new();
            let (_, mut body) = innocents::innocents(&heap, 1).swap_remove(index);
            called(&mut body, &heap)
        });
        rows.push((rival.name, finds, alarms.count(), count));
    }
    println!("| rule | 1 per iteration | 1 per 100 | 1 per 1,000 | innocents called leaks |");
    println!("|---|---|---|---|---|");
    for (name, finds, alarms, of) in &rows {
        let words = finds.map(|found| if found { "found" } else { "missed" });
        println!("| {name} | {} | {alarms} of {of} |", words.join(" | "));
    }
    let fault = |row: &&(&str, [bool; 3], usize, usize)| row.2 > 0 || row.1.contains(&false);
    assert_eq!(
        rows.iter().filter(fault).count(),
        rows.len(),
        "a rival without a fault: adopt it"
    );
}
