//! References by the object that they lead to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use super::arrays::{atomic_bytes, fetch, filled};

/// A count for each object: one byte, larger counts beside.
#[derive(Default)]
pub(super) struct Counts {
    small: Vec<u8>,
    large: HashMap<u32, u64>,
}

/// Takes references one by one.
pub(super) trait Count {
    fn add(&mut self, object: u32);

    /// Brings what `add` reads into the cache.
    fn fetch(&self, object: u32);
}

impl Counts {
    /// Nothing counted yet.
    pub(super) fn none(objects: usize) -> Counts {
        Counts {
            small: filled(objects, 0),
            large: HashMap::new(),
        }
    }

    pub(super) fn of(&self, object: u32) -> u64 {
        match self.small[object as usize] {
            u8::MAX => u64::from(u8::MAX) + self.large.get(&object).copied().unwrap_or(0),
            small => u64::from(small),
        }
    }
}

impl Count for Counts {
    #[inline]
    fn add(&mut self, object: u32) {
        let small = &mut self.small[object as usize];
        if *small < u8::MAX {
            *small += 1;
        } else {
            *self.large.entry(object).or_default() += 1;
        }
    }

    #[inline]
    fn fetch(&self, object: u32) {
        fetch(&self.small, object as usize);
    }
}

/// [`Counts`] that several threads add to.
pub(super) struct SharedCounts {
    small: Vec<AtomicU8>,
    large: Mutex<HashMap<u32, u64>>,
}

impl SharedCounts {
    pub(super) fn none(objects: usize) -> SharedCounts {
        SharedCounts {
            small: atomic_bytes(objects),
            large: Mutex::default(),
        }
    }

    pub(super) fn into_counts(self) -> Counts {
        Counts {
            // In place: an atomic byte is laid out as a byte.
            small: self.small.into_iter().map(AtomicU8::into_inner).collect(),
            large: self
                .large
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Count for &SharedCounts {
    #[inline]
    fn add(&mut self, object: u32) {
        let small = &self.small[object as usize];
        let more = |count: u8| count.checked_add(1);
        if small
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_err()
        {
            let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
            *large.entry(object).or_default() += 1;
        }
    }

    #[inline]
    fn fetch(&self, object: u32) {
        fetch(&self.small, object as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_a_byte_are_exact_alone_and_shared() {
        let mut alone = Counts::none(4);
        let shared = SharedCounts::none(4);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut mine = &shared;
                    (0..500).for_each(|_| mine.add(1));
                    (0..127).for_each(|_| mine.add(2));
                    mine.add(3);
                });
            }
        });
        (0..1000).for_each(|_| alone.add(1));
        (0..254).for_each(|_| alone.add(2));
        (0..2).for_each(|_| alone.add(3));
        let shared = shared.into_counts();
        for counts in [alone, shared] {
            assert_eq!(
                [0, 1, 2, 3].map(|object| counts.of(object)),
                [0, 1000, 254, 2]
            );
        }
    }
}
