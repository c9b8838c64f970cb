//! Generated programs on the heap, compared with a naive graph model after
//! every operation: who is alive, counts, weak references, the order of deaths
//! and callbacks, finalizers, resurrections, what a collection returns.
//!
//! `EXUVIA_PROGRAMS` sets how many programs run, `EXUVIA_SEED` the first seed.
//! A failing program is shortened and printed with its seed.

mod generate;
mod kinds;
mod machine;
mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use fastrand::Rng;
use generate::{Op, Setting};
use machine::{Machine, Tally};

const OPERATIONS: usize = 200;
/// Allocations before the operations that count.
const PROLOGUE: usize = 34;
/// Programs tried to shorten a failing one.
const REPLAYS: usize = 2000;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number of programs or a seed"),
        Err(_) => default,
    }
}

/// Runs one generated program. The operations done, and how it went.
fn generated(seed: u64) -> (Setting, Vec<Op>, Result<Tally, String>) {
    let mut rng = Rng::with_seed(seed);
    let setting = Setting::of(seed, &mut rng);
    let mut done = Vec::new();
    let result = guarded(setting, |machine| {
        for _ in 0..PROLOGUE + OPERATIONS {
            let op = generate::next(&mut rng, setting, machine.model.live, done.last());
            done.push(op);
            machine.step(op)?;
        }
        machine.finish()
    });
    (setting, done, result)
}

/// Runs the given operations.
fn replayed(setting: Setting, ops: &[Op]) -> Result<Tally, String> {
    guarded(setting, |machine| {
        ops.iter().try_for_each(|op| machine.step(*op))?;
        machine.finish()
    })
}

/// Runs a program on a fresh heap; a panic is a failure too. A heap with
/// immortal objects, or one that failed, is kept.
fn guarded(
    setting: Setting,
    run: impl FnOnce(&mut Machine) -> Result<(), String>,
) -> Result<Tally, String> {
    let mut machine = Machine::new(setting);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut machine)));
    let outcome = outcome.unwrap_or_else(|_| Err("a panic".to_owned()));
    let tally = machine.tally;
    if outcome.is_err() || setting.immortals {
        machine.keep();
    } else if !machine.is_empty() {
        machine.keep();
        return Err("something is left when everything is given up".to_owned());
    }
    outcome.map(|()| tally)
}

/// Drops operations while the program still fails, in ever smaller pieces and
/// again from the start, as long as that helps and [`REPLAYS`] last.
fn shortened(setting: Setting, mut ops: Vec<Op>) -> Vec<Op> {
    let mut replays = REPLAYS;
    let mut before = usize::MAX;
    while ops.len() < before {
        before = ops.len();
        let mut chunk = (ops.len() / 2).max(1);
        while chunk > 0 {
            let mut start = 0;
            while start < ops.len() && replays > 0 {
                replays -= 1;
                let mut fewer = ops.clone();
                fewer.drain(start..(start + chunk).min(ops.len()));
                if replayed(setting, &fewer).is_err() {
                    ops = fewer;
                } else {
                    start += chunk;
                }
            }
            chunk /= 2;
        }
    }
    ops
}

#[derive(Default)]
struct Coverage {
    cycle: u64,
    resurrection: u64,
    callback: u64,
    ephemeron: u64,
    failure: u64,
    total: Tally,
}

impl Coverage {
    fn add(&mut self, tally: Tally) {
        self.cycle += u64::from(tally.cycles > 0);
        self.resurrection += u64::from(tally.resurrections > 0);
        self.callback += u64::from(tally.callbacks > 0);
        self.ephemeron += u64::from(tally.pairs > 0);
        self.failure += u64::from(tally.failures > 0);
        self.total.operations += tally.operations;
        self.total.live += tally.live;
        self.total.collections += tally.collections;
        self.total.deaths += tally.deaths;
        self.total.cycles += tally.cycles;
    }

    fn kinds(&self) -> [(&'static str, u64); 5] {
        [
            ("cycle", self.cycle),
            ("resurrection", self.resurrection),
            ("callback", self.callback),
            ("ephemeron let go by a collection", self.ephemeron),
            ("failure", self.failure),
        ]
    }
}

#[test]
fn generated_programs_agree_with_a_naive_model() {
    let programs = number("EXUVIA_PROGRAMS", 2000);
    let first = number("EXUVIA_SEED", 0);
    let start = Instant::now();
    let mut coverage = Coverage::default();
    for seed in first..first + programs {
        let (setting, ops, result) = generated(seed);
        match result {
            Ok(tally) => coverage.add(tally),
            Err(error) => {
                eprintln!("seed {seed}, {setting:?}, operation {}: {error}", ops.len());
                let ops = shortened(setting, ops);
                let error = replayed(setting, &ops).err();
                panic!("shortest program of seed {seed}: {ops:#?}\n{error:?}");
            }
        }
    }
    let total = coverage.total;
    println!(
        "{programs} programs, {} operations over {} live objects on average, {} collections, \
         {} objects found unreachable, {} deaths logged, {:.1} s",
        total.operations,
        total.live / total.operations.max(1),
        total.collections,
        total.cycles,
        total.deaths,
        start.elapsed().as_secs_f64()
    );
    for (kind, count) in coverage.kinds() {
        println!("{kind}: {count} of {programs} programs");
        assert!(count * 10 >= programs, "too few programs with a {kind}");
    }
    assert!(total.operations >= programs * OPERATIONS as u64);
    assert!(total.live >= total.operations * 30);
}
