//! A variant's closures, with their input type erased once per batch and not once per operation.
//!
//! A [`Body`] belongs to the declaration; [`Body::start`] prepares an input and gives a [`Started`] for one process.
//! Inside [`Started::run_batch`] everything is monomorphic, so that an operation of one nanosecond is not hidden behind
//! a dynamic call.

use std::hint::black_box;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::Params;

/// What a batch of runs gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Time inside the measured closure.
    pub(crate) elapsed: Duration,
    /// Runs that returned something else than expected.
    pub(crate) wrong_runs: u64,
    /// What the last wrong run returned, or else the last run.
    pub(crate) checksum: u64,
}

pub(crate) trait Body {
    /// Prepares the input; nothing of this is measured.
    fn start<'a>(&'a mut self, params: &Params, rng: Rng) -> Box<dyn Started + 'a>;
}

pub(crate) trait Started {
    /// Runs `iterations` times and times the runs alone; preparation between runs is outside.
    fn run_batch(&mut self, iterations: u64, expected: Option<u64>) -> Batch;

    /// Makes sure that the next [`Started::run_once`] prepares nothing.
    fn make_ready(&mut self);

    /// One run; [`Started::make_ready`] was called before.
    fn run_once(&mut self) -> u64;
}

/// Runs again and again on one input that stays alive.
pub(super) struct Repeat<P, R> {
    pub(super) prepare: P,
    pub(super) run: R,
}

struct StartedRepeat<'a, T, R> {
    input: T,
    run: &'a mut R,
}

impl<T: 'static, P, R> Body for Repeat<P, R>
where
    P: FnMut(&Params, &mut Rng) -> T,
    R: FnMut(&mut T) -> u64,
{
    fn start<'a>(&'a mut self, params: &Params, mut rng: Rng) -> Box<dyn Started + 'a> {
        let input = (self.prepare)(params, &mut rng);
        Box::new(StartedRepeat {
            input,
            run: &mut self.run,
        })
    }
}

impl<T, R: FnMut(&mut T) -> u64> Started for StartedRepeat<'_, T, R> {
    fn run_batch(&mut self, iterations: u64, expected: Option<u64>) -> Batch {
        let mut check = Check::new(expected);
        let start = Instant::now();
        for _ in 0..iterations {
            check.run(black_box((self.run)(black_box(&mut self.input))));
        }
        check.batch(start.elapsed())
    }

    fn make_ready(&mut self) {}

    fn run_once(&mut self) -> u64 {
        black_box((self.run)(black_box(&mut self.input)))
    }
}

/// Consumes a fresh input on every run; whatever the closure drops is measured.
pub(super) struct Consume<P, R> {
    pub(super) prepare: P,
    pub(super) run: R,
}

struct StartedConsume<'a, T, P, R> {
    params: Params,
    rng: Rng,
    ready: Vec<T>,
    chunk: Option<usize>,
    prepare: &'a mut P,
    run: &'a mut R,
}

/// A run above this is timed alone; shorter ones share one pair of clock reads (about 50 ns).
const TIMED_ALONE: Duration = Duration::from_micros(5);
/// So many prepared inputs wait side by side when runs are short.
const CHUNK: usize = 64;

impl<T: 'static, P, R> Body for Consume<P, R>
where
    P: FnMut(&Params, &mut Rng) -> T,
    R: FnMut(T) -> u64,
{
    fn start<'a>(&'a mut self, params: &Params, rng: Rng) -> Box<dyn Started + 'a> {
        let mut started = StartedConsume {
            params: params.clone(),
            rng,
            ready: Vec::with_capacity(CHUNK),
            chunk: None,
            prepare: &mut self.prepare,
            run: &mut self.run,
        };
        started.make_ready();
        Box::new(started)
    }
}

impl<T, P, R> StartedConsume<'_, T, P, R>
where
    P: FnMut(&Params, &mut Rng) -> T,
    R: FnMut(T) -> u64,
{
    fn fill(&mut self, inputs: usize) {
        while self.ready.len() < inputs {
            // Every run gets the same input, so that every run returns the same checksum.
            let mut rng = self.rng.clone();
            self.ready.push((self.prepare)(&self.params, &mut rng));
        }
    }

    fn run_ready(&mut self, runs: usize, check: &mut Check) -> Duration {
        let from = self.ready.len() - runs;
        let start = Instant::now();
        for input in self.ready.drain(from..) {
            check.run(black_box((self.run)(black_box(input))));
        }
        start.elapsed()
    }
}

impl<T, P, R> Started for StartedConsume<'_, T, P, R>
where
    P: FnMut(&Params, &mut Rng) -> T,
    R: FnMut(T) -> u64,
{
    fn run_batch(&mut self, iterations: u64, expected: Option<u64>) -> Batch {
        let mut check = Check::new(expected);
        let mut elapsed = Duration::ZERO;
        let mut left = iterations;
        while left > 0 {
            let runs = left.min(self.chunk.unwrap_or(1) as u64) as usize;
            self.fill(runs);
            let spent = self.run_ready(runs, &mut check);
            self.chunk
                .get_or_insert(if spent < TIMED_ALONE { CHUNK } else { 1 });
            elapsed += spent;
            left -= runs as u64;
        }
        check.batch(elapsed)
    }

    fn make_ready(&mut self) {
        self.fill(1);
    }

    fn run_once(&mut self) -> u64 {
        let input = self.ready.pop().expect("an input was made ready");
        black_box((self.run)(black_box(input)))
    }
}

/// Compares every checksum; without an expectation every value passes.
struct Check {
    expected: Option<u64>,
    wrong_runs: u64,
    wrong: u64,
    last: u64,
}

impl Check {
    fn new(expected: Option<u64>) -> Self {
        Self {
            expected,
            wrong_runs: 0,
            wrong: 0,
            last: 0,
        }
    }

    #[inline(always)]
    fn run(&mut self, checksum: u64) {
        self.last = checksum;
        if self.expected.is_some_and(|expected| expected != checksum) {
            self.wrong_runs += 1;
            self.wrong = checksum;
        }
    }

    fn batch(&self, elapsed: Duration) -> Batch {
        let checksum = if self.wrong_runs > 0 {
            self.wrong
        } else {
            self.last
        };
        Batch {
            elapsed,
            wrong_runs: self.wrong_runs,
            checksum,
        }
    }
}
