//! Defects of known size for the self test: a measured process that is made slower on purpose.
//!
//! The work of the case is untouched; what is added comes after it and inside of what is measured.

use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use crate::workload::{Batch, Started};

/// What is added to each run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Inject {
    /// Time, in percent of the run's own.
    Slow(f64),
    /// Rounds of a loop that does nothing.
    Rounds(u64),
    /// Blocks of 16 bytes that are given back at once.
    Blocks(u64),
}

impl FromStr for Inject {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, amount) = text.split_once('=').ok_or(())?;
        match kind {
            "slow" => amount.parse().map(Self::Slow).map_err(drop),
            "rounds" => amount.parse().map(Self::Rounds).map_err(drop),
            "blocks" => amount.parse().map(Self::Blocks).map_err(drop),
            _ => Err(()),
        }
    }
}

impl std::fmt::Display for Inject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slow(percent) => write!(f, "slow={percent}"),
            Self::Rounds(rounds) => write!(f, "rounds={rounds}"),
            Self::Blocks(blocks) => write!(f, "blocks={blocks}"),
        }
    }
}

/// A case with something added.
pub(super) struct Injected<'a> {
    pub(super) inner: Box<dyn Started + 'a>,
    pub(super) inject: Inject,
}

impl Started for Injected<'_> {
    fn run_batch(&mut self, iterations: u64, expected: Option<u64>) -> Batch {
        let mut batch = self.inner.run_batch(iterations, expected);
        let start = Instant::now();
        match self.inject {
            Inject::Slow(percent) => {
                let more = batch.elapsed.mul_f64(percent / 100.0);
                while start.elapsed() < more {
                    std::hint::spin_loop();
                }
            }
            Inject::Rounds(rounds) => (0..iterations).for_each(|_| spin(rounds)),
            Inject::Blocks(blocks) => (0..iterations).for_each(|_| allocate(blocks)),
        }
        batch.elapsed += start.elapsed();
        batch
    }

    fn make_ready(&mut self) {
        self.inner.make_ready();
    }

    fn run_once(&mut self) -> u64 {
        let checksum = self.inner.run_once();
        match self.inject {
            Inject::Slow(_) => {}
            Inject::Rounds(rounds) => spin(rounds),
            Inject::Blocks(blocks) => allocate(blocks),
        }
        checksum
    }
}

#[inline(never)]
fn spin(rounds: u64) {
    for round in 0..rounds {
        black_box(round);
    }
}

#[inline(never)]
fn allocate(blocks: u64) {
    for block in 0..blocks {
        black_box(Box::new([block; 2]));
    }
}
