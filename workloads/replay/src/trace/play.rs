//! Plays a trace on a backend, event for event.

use super::backend::Backend;
use super::{Action, Event};

/// Blocks of a trace that is being played, by id.
pub(crate) struct Player<B: Backend> {
    backend: B,
    slots: Vec<B::Block>,
}

impl<B: Backend> Player<B> {
    /// A player with room for ids below `ids`; nothing is allocated on the backend yet.
    pub(crate) fn new(backend: B, ids: usize) -> Player<B> {
        let slots = std::iter::repeat_with(|| backend.vacant()).take(ids);
        Player {
            slots: slots.collect(),
            backend,
        }
    }

    /// Plays events and returns the sum of the tags of the blocks that they free.
    ///
    /// # Panics
    /// When memory is out, or an id is beyond the player's room.
    pub(crate) fn play(&mut self, events: &[Event]) -> u64 {
        let mut checksum = 0;
        for event in events {
            checksum += self.play_one(*event);
        }
        checksum
    }

    #[inline]
    fn play_one(&mut self, event: Event) -> u64 {
        let slot = &mut self.slots[event.id()];
        match event.action() {
            Action::Allocate(bytes) => *slot = self.backend.allocate(bytes, tag_of(event)),
            // As in CPython, a block of no bytes is one of 1 byte.
            Action::Resize(bytes) => self.backend.resize(slot, bytes.max(1)),
            Action::Free => {
                let block = std::mem::replace(slot, self.backend.vacant());
                return u64::from(B::tag(&block));
            }
        }
        0
    }

    /// Like [`Player::play`], and writes to every byte of every block.
    pub(crate) fn play_touching(&mut self, events: &[Event]) {
        for event in events {
            self.play_one(*event);
            if event.action() != Action::Free {
                self.backend.touch(&mut self.slots[event.id()]);
            }
        }
    }

    /// Frees what the trace left, in the order of ids, and returns the sum of the tags.
    pub(crate) fn free_rest(&mut self) -> u64 {
        let mut checksum = 0;
        for slot in &mut self.slots {
            checksum += u64::from(B::tag(slot));
            *slot = self.backend.vacant();
        }
        checksum
    }
}

fn tag_of(event: Event) -> u8 {
    event.id() as u8
}

/// What [`Player::play`] and [`Player::free_rest`] return together: each block is freed once with its tag.
pub(crate) fn expected_checksum(events: &[Event]) -> u64 {
    let allocations = events
        .iter()
        .filter(|event| matches!(event.action(), Action::Allocate(_)));
    allocations.map(|&event| u64::from(tag_of(event))).sum()
}

#[cfg(test)]
mod tests {
    use exuvia_core::Heap;

    use super::super::backend::{self, Private};
    use super::*;
    use crate::{Limits, Trace};

    fn random_trace(seed: u64) -> Trace {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut live = [false; 64];
        let mut used = 0;
        let mut bytes = Vec::new();
        for _ in 0..20_000 {
            let id = rng.usize(..(used + 1).min(live.len()));
            used = used.max(id + 1);
            let size = 1 + (rng.u32(..3000) >> rng.u32(..10));
            let word = match (live[id], rng.bool()) {
                (false, _) => size,
                (true, true) => 0,
                (true, false) => 1 << 31 | (size - 1),
            };
            live[id] = word != 0;
            bytes.extend((id as u32).to_le_bytes());
            bytes.extend(word.to_le_bytes());
        }
        Trace::from_bytes("random", &bytes, Limits::default()).unwrap()
    }

    fn checksum_on<B: Backend>(backend: B, trace: &Trace) -> u64 {
        let mut player = Player::new(backend, trace.ids());
        let first = player.play(trace.events()) + player.free_rest();
        player.play_touching(trace.events());
        player.free_rest();
        let again = player.play(trace.events()) + player.free_rest();
        assert_eq!(first, again);
        first
    }

    #[test]
    fn every_backend_returns_every_tag_and_keeps_nothing() {
        for seed in 0..3 {
            let trace = random_trace(seed);
            let expected = expected_checksum(trace.events());
            assert!(expected > 0);
            assert_eq!(checksum_on(backend::system(), &trace), expected);
            assert_eq!(checksum_on(backend::mimalloc(), &trace), expected);
            let heap = Heap::new();
            assert_eq!(checksum_on(Private(heap.clone()), &trace), expected);
            assert_eq!(heap.memory().live_blocks, 0);
            assert!(heap.verify().is_ok());
        }
    }
}
