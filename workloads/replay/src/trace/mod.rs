//! Allocation traces: every allocation, resize and free of a real program, in order.
//!
//! The text is little-endian `u32` pairs `(id, word)`: word 0 frees `id`, bit 31 set resizes it, else it is
//! allocated with `word` bytes. Ids are dense slot numbers, reused after their free. `read` checks all that,
//! `backend` is an allocator to play it on, `play` plays it, `measure` takes time and footprint. A [`Trace`] that was read contradicts itself nowhere,
//! so playing it cannot fail but for memory. A trace ends where recording stopped: what is live then was never freed.

pub(crate) mod backend;
pub(crate) mod measure;
pub(crate) mod play;
mod read;

use std::path::Path;

use crate::fault::ReadError;
use crate::text::{Limits, Text};

/// A checked trace and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    events: Vec<Event>,
    ids: usize,
    peak_live_bytes: u64,
    peak_event: usize,
    live_blocks_at_end: usize,
}

/// One event as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    id: u32,
    word: u32,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The block goes back.
    Free,
    /// A block of so many bytes.
    Allocate(usize),
    /// The block has so many bytes from now on.
    Resize(usize),
}

impl Event {
    /// The slot that it concerns.
    pub fn id(self) -> usize {
        self.id as usize
    }

    /// What happens to the slot.
    pub fn action(self) -> Action {
        const RESIZE: u32 = 1 << 31;
        match self.word {
            0 => Action::Free,
            word if word & RESIZE != 0 => Action::Resize((word & !RESIZE) as usize),
            word => Action::Allocate(word as usize),
        }
    }
}

impl Trace {
    /// Reads a trace file, plain or zstd.
    ///
    /// # Errors
    /// A file that is unreadable, truncated, above its limits, or contradicts itself: the error names the event.
    pub fn open(path: &Path, limits: Limits) -> Result<Trace, ReadError> {
        Trace::read(&mut Text::open(path, limits)?)
    }

    /// Reads a trace that is in memory, plain or zstd; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As for [`Trace::open`].
    pub fn from_bytes(name: &str, bytes: &[u8], limits: Limits) -> Result<Trace, ReadError> {
        Trace::read(&mut Text::from_bytes(name, bytes, limits)?)
    }

    pub(crate) fn read(text: &mut Text<'_>) -> Result<Trace, ReadError> {
        read::read(text)
    }

    /// All events in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Ids in use are below this.
    pub fn ids(&self) -> usize {
        self.ids
    }

    /// The most bytes requested and not yet freed at any time.
    pub fn peak_live_bytes(&self) -> u64 {
        self.peak_live_bytes
    }

    /// The first event after which that many are live.
    pub fn peak_event(&self) -> usize {
        self.peak_event
    }

    /// Blocks that the trace never frees.
    pub fn live_blocks_at_end(&self) -> usize {
        self.live_blocks_at_end
    }
}
