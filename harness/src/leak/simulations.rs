//! The growth test against made-up programs: leaks that must be found and innocents that must not be accused.
//!
//! A program is a count of live objects that changes with each iteration, drawn from a generator with a fixed seed, so every
//! run of these tests sees the same trials. Rates are printed with their number of trials; no alarm in `n` trials is
//! reported as "at most 3/n" (95 %), never as zero.

use fastrand::Rng;

use super::growth::{Growth, GrowthTest, Plan, Series, Snapshot, Step};
use super::verdict::{RULE_OF_THREE, Verdict};

/// Stands for the time budget: a simulated test gives up after this many iterations.
const BUDGET: u64 = 1 << 19;

/// A made-up program: one iteration at a time, and its live objects when asked.
trait Program {
    fn iterate(&mut self, rng: &mut Rng);
    fn live(&self) -> u64;
}

/// Counts seen at a collection: the live objects, and up to `pending` more that the collection did not get to.
fn observe(program: &dyn Program, pending: u64, rng: &mut Rng) -> Snapshot {
    let count = 1_000 + program.live() + rng.u64(0..=pending);
    Snapshot::from([(Series::Objects, count)])
}

/// Runs the whole test on one program; `idle` is the number of idle collections that show the noise.
fn run(program: &mut dyn Program, pending: u64, idle: u32, rng: &mut Rng) -> Growth {
    let mut test = GrowthTest::new(Plan::default());
    let (mut next, mut iterations) = (test.warm_up_iterations(), 0);
    while iterations + next <= BUDGET {
        (0..next).for_each(|_| program.iterate(rng));
        let is_warm_up = iterations == 0;
        iterations += next;
        let step = test.feed(next, &observe(program, pending, rng));
        if is_warm_up {
            (0..idle).for_each(|_| test.idle(&observe(program, pending, rng)));
        }
        match step {
            Step::Done(growth) => return growth,
            Step::Continue {
                next_block_iterations,
            } => next = next_block_iterations,
        }
    }
    test.finish()
}

/// How often each verdict was given.
#[derive(Debug, Default)]
struct Tally {
    leak: u32,
    fading: u32,
    undecided: u32,
    clean: u32,
    trials: u32,
}

impl Tally {
    fn of<P: Program>(trials: u32, pending: u64, idle: u32, new: impl Fn(&mut Rng) -> P) -> Self {
        let mut tally = Self::default();
        for trial in 0..trials {
            let mut rng = Rng::with_seed(0x5eed_0000 + u64::from(trial));
            let mut program = new(&mut rng);
            tally.add(&run(&mut program, pending, idle, &mut rng).verdict());
        }
        tally
    }

    /// The usual trial: an exact heap, five idle collections.
    fn exact<P: Program>(trials: u32, new: impl Fn(&mut Rng) -> P) -> Self {
        Self::of(trials, 0, 5, new)
    }

    fn add(&mut self, verdict: &Verdict) {
        self.trials += 1;
        *match verdict {
            Verdict::Leak { .. } => &mut self.leak,
            Verdict::Fading => &mut self.fading,
            Verdict::Undecided { .. } => &mut self.undecided,
            Verdict::Clean { .. } => &mut self.clean,
        } += 1;
    }

    fn join(self, other: &Self) -> Self {
        Self {
            leak: self.leak + other.leak,
            fading: self.fading + other.fading,
            undecided: self.undecided + other.undecided,
            clean: self.clean + other.clean,
            trials: self.trials + other.trials,
        }
    }

    /// "3 of 200 (1.5 %)", or "0 of 200 (at most 1.5 %)".
    fn rate_text(count: u32, trials: u32) -> String {
        let share = |count: f64| 100.0 * count / f64::from(trials);
        if count == 0 {
            format!(
                "0 of {trials} (at most {:.2} %, 95 %)",
                share(RULE_OF_THREE)
            )
        } else {
            format!("{count} of {trials} ({:.2} %)", share(f64::from(count)))
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<34} leak {:<32} {self:?}",
            Self::rate_text(self.leak, self.trials)
        );
    }
}

/// A leak of one object in every `period` iterations.
struct EveryNth {
    period: u64,
    iterations: u64,
}

impl Program for EveryNth {
    fn iterate(&mut self, _: &mut Rng) {
        self.iterations += 1;
    }
    fn live(&self) -> u64 {
        self.iterations / self.period
    }
}

/// A leak of one object with a probability per iteration.
struct AtRandom {
    probability: f64,
    leaked: u64,
}

impl Program for AtRandom {
    fn iterate(&mut self, rng: &mut Rng) {
        self.leaked += u64::from(rng.f64() < self.probability);
    }
    fn live(&self) -> u64 {
        self.leaked
    }
}

/// A table of random keys out of `keys`, which keeps at most `capacity` of them (a memo table when that is all).
struct Cache {
    seen: Vec<bool>,
    capacity: u64,
    live: u64,
}

impl Cache {
    fn new(capacity: usize, keys: usize) -> Self {
        Self {
            seen: vec![false; keys],
            capacity: capacity as u64,
            live: 0,
        }
    }
}

impl Program for Cache {
    fn iterate(&mut self, rng: &mut Rng) {
        let key = rng.usize(..self.seen.len());
        if !std::mem::replace(&mut self.seen[key], true) {
            self.live = (self.live + 1).min(self.capacity);
        }
    }
    fn live(&self) -> u64 {
        self.live
    }
}

/// The live objects as a function of the iterations done.
struct Curve<F> {
    iterations: u64,
    at: F,
}

impl<F: Fn(u64) -> u64> Curve<F> {
    fn new(at: F) -> Self {
        Self { iterations: 0, at }
    }
}

impl<F: Fn(u64) -> u64> Program for Curve<F> {
    fn iterate(&mut self, _: &mut Rng) {
        self.iterations += 1;
    }
    fn live(&self) -> u64 {
        (self.at)(self.iterations)
    }
}

/// Objects wait in a pool until it is swept, with a probability per iteration.
struct Lazy {
    sweep: f64,
    waiting: u64,
}

impl Program for Lazy {
    fn iterate(&mut self, rng: &mut Rng) {
        self.waiting = if rng.f64() < self.sweep {
            0
        } else {
            self.waiting + 3
        };
    }
    fn live(&self) -> u64 {
        self.waiting
    }
}

/// A pool whose occupancy is drawn anew in each iteration.
struct Occupancy {
    most: u64,
    now: u64,
}

impl Program for Occupancy {
    fn iterate(&mut self, rng: &mut Rng) {
        self.now = rng.u64(0..=self.most);
    }
    fn live(&self) -> u64 {
        self.now
    }
}

/// The most that was ever needed at once stays allocated.
struct HighWater {
    now: u64,
    most: u64,
}

impl Program for HighWater {
    fn iterate(&mut self, rng: &mut Rng) {
        self.now = if rng.bool() { self.now + 1 } else { 0 };
        self.most = self.most.max(self.now);
    }
    fn live(&self) -> u64 {
        self.most
    }
}

#[test]
fn every_steady_leak_is_found() {
    for period in [1, 10, 100, 1_000, 3_000] {
        // The start within a period is the only thing left to chance.
        let tally = Tally::exact(100, |rng| EveryNth {
            period,
            iterations: rng.u64(0..period),
        });
        tally.print(&format!("leak 1 per {period}"));
        assert_eq!(tally.leak, tally.trials, "1 per {period}");
    }
}

#[test]
fn random_leaks_are_found() {
    for (probability, least_percent) in [(0.01, 99), (0.001, 99), (0.0005, 95)] {
        let tally = Tally::exact(1_000, |_| AtRandom {
            probability,
            leaked: 0,
        });
        tally.print(&format!("random leak {probability}"));
        assert!(
            tally.leak * 100 >= tally.trials * least_percent,
            "{probability}: {tally:?}"
        );
    }
}

#[test]
fn the_rate_of_a_leak_is_reported() {
    let mut rng = Rng::with_seed(1);
    let growth = run(
        &mut EveryNth {
            period: 10,
            iterations: 0,
        },
        0,
        5,
        &mut rng,
    );
    let Verdict::Leak { rate } = growth.verdict() else {
        panic!("{growth:?}")
    };
    assert!((rate - 0.1).abs() < 0.001, "{rate}");
}

#[test]
fn bounded_tables_are_clean() {
    for (name, capacity, keys) in [
        ("cache 500 of 800", 500, 800),
        ("cache 5000 of 8000", 5_000, 8_000),
    ] {
        let tally = Tally::exact(200, |_| Cache::new(capacity, keys));
        tally.print(name);
        assert_eq!(tally.clean, tally.trials, "{name}");
    }
    for size in [300, 3_000] {
        let tally = Tally::exact(200, |rng| {
            let phase = rng.u64(0..size);
            Curve::new(move |i| (i + phase).min(size))
        });
        tally.print(&format!("ring of {size}"));
        assert_eq!(tally.clean, tally.trials, "ring of {size}");
    }
    let tally = Tally::exact(200, |rng| {
        let most = rng.u64(1..4_000);
        Curve::new(move |i| i.min(most).next_power_of_two())
    });
    tally.print("power-of-two table");
    assert_eq!(tally.clean, tally.trials);
}

#[test]
fn unbounded_but_slowing_growth_is_fading() {
    for keys in [8_000, 100_000] {
        let tally = Tally::exact(100, |_| Cache::new(keys, keys));
        tally.print(&format!("memo table of {keys} keys"));
        assert_eq!(tally.fading, tally.trials, "{keys} keys");
    }
    let tally = Tally::exact(100, |rng| {
        let factor = rng.u64(1..20);
        Curve::new(move |i| (i * factor).isqrt())
    });
    tally.print("square-root growth");
    assert_eq!(tally.fading, tally.trials);
}

#[test]
fn nothing_innocent_is_called_a_leak() {
    let mut innocents = Tally::default();
    let mut add = |name: &str, tally: Tally| {
        tally.print(name);
        assert_eq!(tally.leak, 0, "{name}: {tally:?}");
        innocents = std::mem::take(&mut innocents).join(&tally);
    };
    add("steady", Tally::exact(300, |_| Curve::new(|_| 5)));
    add(
        "cache 500 of 800",
        Tally::exact(300, |_| Cache::new(500, 800)),
    );
    add(
        "cache 5000 of 8000",
        Tally::exact(300, |_| Cache::new(5_000, 8_000)),
    );
    add(
        "memo of 8000",
        Tally::exact(300, |_| Cache::new(8_000, 8_000)),
    );
    add(
        "memo of 100000",
        Tally::exact(100, |_| Cache::new(100_000, 100_000)),
    );
    add(
        "logarithm",
        Tally::exact(100, |_| Curve::new(|i| u64::from(i.max(1).ilog2()))),
    );
    add(
        "high water",
        Tally::exact(300, |_| HighWater { now: 0, most: 0 }),
    );
    add(
        "one-time set-up",
        Tally::exact(300, |rng| {
            let (at, size) = (rng.u64(0..40_000), rng.u64(1..5_000));
            Curve::new(move |i| if i < at { 0 } else { size })
        }),
    );
    innocents.print("all innocents");
}

#[test]
fn counts_that_go_up_and_down_are_hardly_ever_called_a_leak() {
    let mut swinging = Tally::exact(2_000, |_| Occupancy { most: 100, now: 0 });
    swinging.print("occupancy 0..100");
    let lazy = Tally::exact(2_000, |_| Lazy {
        sweep: 0.1,
        waiting: 0,
    });
    lazy.print("lazy sweep 10 %");
    swinging = swinging.join(&lazy);
    let sawtooth = Tally::exact(500, |rng| {
        let period = rng.u64(2..20_000);
        Curve::new(move |i| i % period)
    });
    sawtooth.print("log flushed every 2..20000");
    swinging = swinging.join(&sawtooth);
    swinging.print("all swinging");
    assert!(
        swinging.leak * 100 <= swinging.trials,
        "more than 1 %: {swinging:?}"
    );
}

#[test]
fn a_leak_among_counts_that_go_up_and_down_is_found() {
    struct Both(Occupancy, EveryNth);
    impl Program for Both {
        fn iterate(&mut self, rng: &mut Rng) {
            self.0.iterate(rng);
            self.1.iterate(rng);
        }
        fn live(&self) -> u64 {
            self.0.live() + self.1.live()
        }
    }
    let tally = Tally::exact(300, |_| {
        Both(
            Occupancy { most: 50, now: 0 },
            EveryNth {
                period: 100,
                iterations: 0,
            },
        )
    });
    tally.print("occupancy 0..50, leak 1 per 100");
    assert!(tally.leak * 100 >= tally.trials * 98, "{tally:?}");
}

#[test]
fn the_jitter_clause_silences_a_heap_that_collects_late() {
    let with = Tally::of(3_000, 20, 5, |_| Curve::new(|_| 0));
    let without = Tally::of(3_000, 20, 0, |_| Curve::new(|_| 0));
    with.print("0..20 pending, idle collections");
    without.print("0..20 pending, no idle collections");
    assert_eq!(with.leak, 0, "{with:?}");
    let leaking = Tally::of(200, 20, 5, |_| EveryNth {
        period: 100,
        iterations: 0,
    });
    leaking.print("0..20 pending, leak 1 per 100");
    assert_eq!(
        leaking.leak, leaking.trials,
        "a real leak stands out of the noise: {leaking:?}"
    );
}

#[test]
fn the_bound_of_a_clean_verdict_holds_at_the_bound_itself() {
    let longest = 16_384.0;
    let tally = Tally::exact(2_000, |_| AtRandom {
        probability: RULE_OF_THREE / longest,
        leaked: 0,
    });
    tally.print("leak exactly at the bound 3/L");
    // Silence in the last block alone has a chance of 5 %; a block before it that grew is measured on.
    assert!(
        f64::from(tally.clean) <= 0.025 * f64::from(tally.trials),
        "{tally:?}"
    );
}
