//! Time per event and peak footprint of a trace on each backend.
//!
//! Time: the backends in turn, after one round that warms each up; the median of the rounds counts. What is live at
//! the end is freed outside the measurement.
//!
//! Footprint is resident memory: the largest growth over the moment before the first event, sampled at 512 places
//! and at the peak of live bytes, while every byte of every block is written to. One process can measure one backend
//! only: what an allocator keeps of freed memory is taken by the next, or given back while the next one grows (tried:
//! up to 18 % off), so the subcommand asks a child process for each.

use std::time::Instant;

use exuvia_core::Heap;
use serde::Serialize;

use super::Trace;
use super::backend::{self, Backend, Private};
use super::play::Player;

/// One allocator's part in a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackendSummary {
    /// `pages`, `system` or `mimalloc`.
    pub name: &'static str,
    /// Wall time per event in nanoseconds.
    pub ns_per_event: f64,
    /// Peak growth of resident memory in bytes; nothing where it was not measured.
    pub peak_footprint: Option<u64>,
    /// Peak of bytes asked for and not yet freed.
    pub peak_live: u64,
}

const ROUNDS: usize = 5;
const SAMPLES: usize = 512;

/// Times a trace on every backend. `progress` is told what is being done.
pub(crate) fn time(trace: &Trace, mut progress: impl FnMut(&str)) -> Vec<BackendSummary> {
    let mut pages = Timed::new(Private(Heap::new()), trace);
    let mut system = Timed::new(backend::system(), trace);
    let mut mimalloc = Timed::new(backend::mimalloc(), trace);
    for round in 0..=ROUNDS {
        progress(&format!("round {round} of {ROUNDS}"));
        pages.round(trace);
        system.round(trace);
        mimalloc.round(trace);
    }
    vec![
        pages.summary("pages", trace),
        system.summary("system", trace),
        mimalloc.summary("mimalloc", trace),
    ]
}

struct Timed<B: Backend> {
    player: Player<B>,
    rounds: Vec<f64>,
}

impl<B: Backend> Timed<B> {
    fn new(backend: B, trace: &Trace) -> Timed<B> {
        Timed {
            player: Player::new(backend, trace.ids()),
            rounds: Vec::with_capacity(ROUNDS + 1),
        }
    }

    fn round(&mut self, trace: &Trace) {
        let start = Instant::now();
        std::hint::black_box(self.player.play(trace.events()));
        let elapsed = start.elapsed();
        self.player.free_rest();
        let events = trace.events().len().max(1);
        self.rounds.push(elapsed.as_nanos() as f64 / events as f64);
    }

    fn summary(mut self, name: &'static str, trace: &Trace) -> BackendSummary {
        let after_warm_up = &mut self.rounds[1..];
        after_warm_up.sort_by(f64::total_cmp);
        BackendSummary {
            name,
            ns_per_event: after_warm_up[ROUNDS / 2],
            peak_footprint: None,
            peak_live: trace.peak_live_bytes(),
        }
    }
}

/// Peak footprint of a trace on the backend called `name`; nothing if there is no such backend, or where the system
/// does not tell resident memory. Right only in a process that played no trace before.
pub(crate) fn footprint(trace: &Trace, name: &str) -> Option<u64> {
    match name {
        "pages" => footprint_on(Private(Heap::new()), trace),
        "system" => footprint_on(backend::system(), trace),
        "mimalloc" => footprint_on(backend::mimalloc(), trace),
        _ => None,
    }
}

fn footprint_on<B: Backend>(backend: B, trace: &Trace) -> Option<u64> {
    let mut player = Player::new(backend, trace.ids());
    let before = resident_bytes()?;
    let mut peak = before;
    let step = trace.events().len().div_ceil(SAMPLES).max(1);
    for (chunk, events) in trace.events().chunks(step).enumerate() {
        let to_peak = (trace.peak_event() + 1).saturating_sub(chunk * step);
        let (first, rest) = events.split_at(to_peak.min(events.len()));
        for part in [first, rest] {
            player.play_touching(part);
            peak = peak.max(resident_bytes()?);
        }
    }
    Some(peak - before)
}

/// Resident memory of this process.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
