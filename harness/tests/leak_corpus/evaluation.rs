//! The evaluation: rates of error on seeds that nothing was tuned on, as one table (`scripts/leak-evaluation`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use exuvia_core::Heap;
use exuvia_harness::leak::Verdict;

use super::innocents::innocents;
use super::leaks::{Rate, all, lost};
use super::{ALIKE, check, number};

/// Seeds are drawn from here on; tests use small numbers.
const FIRST_SEED: u64 = 1_000_000;

/// Every so many iterations one object, more often than the bound of a clean verdict (3 in 16,384) says is possible.
const ABOVE_BOUND: u64 = 5_400;

/// Iterations and time in which a slow leak is to be found.
const IN_TIME: (u64, Duration) = (33_000, Duration::from_secs(10));

fn row(goal: &str, what: &str, measured: &str, n: usize) {
    println!("| {goal} | {what} | {measured} | {n} |");
}

/// A share of n, or 3/n at most where it never happened.
fn share(events: usize, n: usize) -> String {
    match events {
        0 => format!("0 of {n} (at most {:.2} %)", 300.0 / n as f64),
        _ => format!(
            "{events} of {n} ({:.2} %)",
            100.0 * events as f64 / n as f64
        ),
    }
}

/// A share, with what it is about where there is anything.
fn named<T: std::fmt::Debug>(share: String, which: &[T]) -> String {
    match which {
        [] => share,
        which => format!("{share} {which:?}"),
    }
}

#[test]
#[ignore = "minutes in a release build: scripts/leak-evaluation runs it"]
fn evaluation() {
    let from = number("EXUVIA_CORPUS_FROM", FIRST_SEED);
    println!("| goal | what | measured | runs |\n|---|---|---|---|");
    power(from);
    alarms(from);
    holders_and_classes(from);
    coverage(from);
    cost();
}

/// L2: a vector that grows once in 1,000 iterations, regularly and by chance, and in every one.
fn power(from: u64) {
    const RUNS: u64 = 300;
    let leak = all().next().expect("there are leaks");
    for (rate, iterations, what) in [
        (
            Rate::Every(1_000),
            32_768,
            "1 object per 1,000 iterations, found",
        ),
        (
            Rate::Random(1_000),
            32_768,
            "the same at random (p = 0.001), found",
        ),
        (Rate::Every(3_000), 32_768, "1 per 3,000, found"),
        (Rate::Every(1), 2_048, "1 per iteration, found"),
    ] {
        let (mut found, mut in_time, mut slowest, mut most) = (0, 0, Duration::ZERO, 0);
        for seed in from..from + RUNS {
            let (heap, start) = (Heap::new(), Instant::now());
            let report = check(iterations, &heap, leak.program(&heap, rate, seed));
            let elapsed = start.elapsed();
            slowest = slowest.max(elapsed);
            most = most.max(report.iterations());
            let is_found = !report.findings.is_empty();
            found += usize::from(is_found);
            in_time +=
                usize::from(is_found && report.iterations() <= IN_TIME.0 && elapsed <= IN_TIME.1);
        }
        let runs = RUNS as usize;
        let text = format!(
            "{}, {in_time} of them within {} iterations and {} s; slowest {:.3} s, at most {most} iterations",
            share(found, runs),
            IN_TIME.0,
            IN_TIME.1.as_secs(),
            slowest.as_secs_f64()
        );
        row("L2", what, &text, runs);
    }
}

/// L2: the innocents.
fn alarms(from: u64) {
    const SEEDS: u64 = 125;
    let (mut runs, mut alarms, mut undecided) = (0, Vec::new(), 0);
    let kinds = innocents(&Heap::new(), 1).len();
    for seed in from..from + SEEDS {
        for index in 0..kinds {
            let heap = Heap::new();
            let (name, mut body) = innocents(&heap, seed).swap_remove(index);
            let report = check(32_768, &heap, &mut body);
            runs += 1;
            match report.verdict() {
                Verdict::Leak { .. } => alarms.push(name),
                Verdict::Undecided { .. } => undecided += 1,
                _ => {}
            }
        }
    }
    let what = format!("{kinds} innocent patterns, {SEEDS} runs each: called a leak");
    row(
        "L2",
        &what,
        &named(share(alarms.len(), runs), &alarms),
        runs,
    );
    row("L2", "the same: undecided", &share(undecided, runs), runs);
}

/// L3 and L4: the rank of the true holder, classes, fingerprints.
fn holders_and_classes(from: u64) {
    const SEEDS: u64 = 6;
    let rates = [
        (Rate::Every(1), 2_048),
        (Rate::Every(10), 4_096),
        (Rate::Random(30), 8_192),
        (Rate::Every(1_000), 32_768),
        (Rate::Random(1_000), 32_768),
        (Rate::Every(3_000), 32_768),
    ];
    let (mut runs, mut missed, mut wrong_class) = (0, 0, Vec::new());
    let (mut held, mut first, mut first_three, mut unfounded) = (0, 0, 0, Vec::new());
    // By fingerprint, how often each defect gave it.
    let mut prints: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for leak in all() {
        for (rate, iterations) in rates {
            for seed in from..from + SEEDS {
                let heap = Heap::new();
                let report = check(iterations, &heap, leak.program(&heap, rate, seed));
                runs += 1;
                let Some(worst) = report.findings.first() else {
                    missed += 1;
                    continue;
                };
                if worst.class != leak.class {
                    wrong_class.push(format!("{} {rate:?}", leak.name));
                }
                let by_print = prints.entry(worst.fingerprint.clone()).or_default();
                *by_print.entry(leak.name).or_default() += 1;
                let holds = |f: &exuvia_harness::leak::LeakFinding| {
                    f.class == leak.class
                        && f.holder.as_deref().is_some_and(|h| h.contains(leak.edge))
                };
                if !leak.edge.is_empty() {
                    held += 1;
                    first += usize::from(holds(worst));
                    let is_near = report.findings.iter().take(3).any(holds);
                    first_three += usize::from(is_near);
                    if !is_near {
                        unfounded.push(format!("{} {rate:?}", leak.name));
                    }
                }
            }
        }
    }
    let kinds = all().count();
    row("L3", "true holder named first", &share(first, held), held);
    row(
        "L3",
        "true holder among the first three",
        &named(share(first_three, held), &unfounded),
        held,
    );
    let (precision, recall) = precision_and_recall(&prints);
    row(
        "L3",
        "fingerprints: precision, recall over pairs",
        &named(
            format!("{precision:.4}, {recall:.4}"),
            &of_several_prints(&prints),
        ),
        runs - missed,
    );
    let what = format!("{kinds} leaks at 6 rates: wrong class");
    row(
        "L4",
        &what,
        &named(share(wrong_class.len(), runs - missed), &wrong_class),
        runs - missed,
    );
    row("L4", "the same: not found", &share(missed, runs), runs);
}

/// What makes a defect: those that only the allocating line tells apart are one here, where no sites are traced.
fn defect(leak: &str) -> &str {
    // Whether a class has slots does not change where its attribute is.
    if leak.ends_with("of an instance") {
        return "attribute of an instance";
    }
    let group = ALIKE.iter().find(|group| group.contains(&leak));
    group.map_or(leak, |group| group[0])
}

/// Leaks that gave more than one fingerprint, and how often each.
fn of_several_prints<'a>(
    prints: &BTreeMap<String, BTreeMap<&'a str, u64>>,
) -> Vec<(&'a str, Vec<u64>)> {
    let mut by_leak: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (&leak, &count) in prints.values().flatten() {
        by_leak.entry(leak).or_default().push(count);
    }
    by_leak.retain(|_, counts| counts.len() > 1);
    by_leak.into_iter().collect()
}

/// Of pairs of findings with one fingerprint those of one defect, and of pairs from one leaking program those with one fingerprint.
fn precision_and_recall(prints: &BTreeMap<String, BTreeMap<&str, u64>>) -> (f64, f64) {
    let pairs = |n: u64| (n * n.saturating_sub(1) / 2) as f64;
    let mut by_leak: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut one_defect, mut one_leak, mut same_print) = (0.0, 0.0, 0.0);
    for leaks in prints.values() {
        same_print += pairs(leaks.values().sum());
        let mut by_defect: BTreeMap<&str, u64> = BTreeMap::new();
        for (&leak, &count) in leaks {
            one_leak += pairs(count);
            *by_leak.entry(leak).or_default() += count;
            *by_defect.entry(defect(leak)).or_default() += count;
        }
        one_defect += by_defect.values().map(|&count| pairs(count)).sum::<f64>();
    }
    let same_leak: f64 = by_leak.values().map(|&count| pairs(count)).sum();
    (one_defect / same_print, one_leak / same_leak)
}

/// L7: a leak just above the printed bound must not be called clean in more than 5 % of runs.
fn coverage(from: u64) {
    const RUNS: u64 = 400;
    let leak = all().next().expect("there are leaks");
    let clean = (from..from + RUNS).filter(|&seed| {
        let heap = Heap::new();
        let report = check(
            32_768,
            &heap,
            leak.program(&heap, Rate::Random(ABOVE_BOUND), seed),
        );
        matches!(report.verdict(), Verdict::Clean { .. })
    });
    let (clean, runs) = (clean.count(), RUNS as usize);
    row(
        "L7",
        "random leak at the printed bound: the bound covers it in",
        &share(runs - clean, runs),
        runs,
    );
}

/// Live objects beside those of an iteration, by case of L5.
const LIVE: [usize; 3] = [0, 10_000, 1_000_000];

/// The programs of L5: some live objects, and 100 more in each iteration.
fn churn(live: usize) -> (Heap, impl FnMut(&Heap)) {
    let heap = Heap::new();
    let rows: Vec<_> = (0..live).map(|_| heap.root("row", lost(&heap))).collect();
    (heap, move |heap: &Heap| {
        let made: Vec<_> = (0..100).map(|_| lost(heap)).collect();
        drop(made);
        assert_eq!(rows.len(), live);
    })
}

/// L5: a check beside its iterations without one, in turns; and the run as a whole, each in a process of its own.
fn cost() {
    const TURNS: usize = 25;
    const PLANNED: u64 = 32_768;
    for live in LIVE {
        let mut ratios = Vec::new();
        for turn in 0..TURNS {
            let (heap, mut work) = churn(live);
            // The same compiled iterations for both.
            let work: &mut dyn FnMut(&Heap) = std::hint::black_box(&mut work);
            let (mut bare, mut checked) = (Duration::ZERO, Duration::ZERO);
            // Whoever is first finds a cold heap.
            for is_checked in [turn % 2 == 0, turn % 2 == 1] {
                let start = computed();
                if is_checked {
                    check(PLANNED, &heap, &mut *work).assert_clean();
                    checked = computed() - start;
                } else {
                    (0..PLANNED).for_each(|_| work(&heap));
                    bare = computed() - start;
                }
            }
            ratios.push(checked.as_secs_f64() / bare.as_secs_f64());
        }
        ratios.sort_by(f64::total_cmp);
        let text = format!(
            "time {:.2} (from {:.2} to {:.2})",
            ratios[TURNS / 2],
            ratios[0],
            ratios[TURNS - 1],
        );
        let what =
            format!("a check over its bare iterations, 100 objects each beside {live} live ones");
        row("L5", &what, &text, TURNS);
        cost_of_run(live);
    }
}

/// L5 of a program as a whole: it builds what lives, runs its iterations, bare or checked, and takes everything down.
fn cost_of_run(live: usize) {
    const TURNS: usize = 15;
    let turns: Vec<_> = (0..TURNS)
        .map(|_| ["bare", "checked"].map(|how| in_own_process(how, live)))
        .collect();
    let middle = |value: &dyn Fn(&[Used; 2]) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        (values[TURNS / 2], values[0], values[TURNS - 1])
    };
    let (time, low, high) = middle(&|[bare, checked]| checked.seconds / bare.seconds);
    let peak = |which: usize| middle(&|used| used[which].peak_bytes).0;
    let text = format!(
        "time {time:.2} (from {low:.2} to {high:.2}), memory {:.3} (peaks of {:.1} and {:.1} MB)",
        peak(1) / peak(0),
        peak(1) / 1e6,
        peak(0) / 1e6,
    );
    let what = format!("the whole run with a check over that without, beside {live} live ones");
    row("L5", &what, &text, TURNS);
}

/// What one program of L5 used.
struct Used {
    /// Of resident memory. The median over some processes says more: how much of a program's file is resident differs.
    peak_bytes: f64,
    /// Of processor time.
    seconds: f64,
}

/// Processor time of this thread: other programs on the machine do not count.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("time does not run backwards")
}

fn in_own_process(how: &str, live: usize) -> Used {
    let this = std::env::current_exe().expect("this test is a file");
    let output = std::process::Command::new(this)
        .args([
            "--ignored",
            "--exact",
            "evaluation::use_of_one",
            "--nocapture",
        ])
        .env("EXUVIA_USE_OF", how)
        .env("EXUVIA_USE_LIVE", live.to_string())
        .output()
        .expect("the process starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("used: "));
    let numbers = line.unwrap_or_else(|| panic!("no figures in {text}"));
    let mut numbers = numbers.split(' ').filter_map(|n| n.parse::<f64>().ok());
    let mut next = || numbers.next().expect("two figures");
    Used {
        peak_bytes: next() * 1024.0,
        seconds: next() * 1e-9,
    }
}

#[test]
#[ignore = "a process of the evaluation"]
fn use_of_one() {
    let Ok(how) = std::env::var("EXUVIA_USE_OF") else {
        return;
    };
    let start = computed();
    let (heap, mut work) = churn(number("EXUVIA_USE_LIVE", 0) as usize);
    if how == "checked" {
        check(32_768, &heap, work).assert_clean();
    } else {
        (0..32_768).for_each(|_| work(&heap));
        heap.collect_all();
        drop(work);
    }
    drop(heap);
    let nanoseconds = (computed() - start).as_nanos();
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    println!("\nused: {} {nanoseconds}", kib.expect("a peak"));
}
