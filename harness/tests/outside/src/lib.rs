//! What a user might want to measure.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// A hasher without a random seed: counts repeat to the digit.
#[derive(Default)]
pub struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Keys looked up by hash.
pub struct Hashed {
    table: HashMap<String, u64, BuildHasherDefault<Fnv>>,
    keys: Vec<String>,
}

/// `keys` random keys, each with the value 3.
pub fn hashed(keys: u64, rng: &mut fastrand::Rng) -> Hashed {
    let keys: Vec<String> = (0..keys).map(|i| format!("{i}-{}", rng.u64(..))).collect();
    Hashed { table: keys.iter().map(|key| (key.clone(), 3)).collect(), keys }
}

impl Hashed {
    /// Looks every key up.
    pub fn sum(&mut self) -> u64 {
        self.keys.iter().map(|key| self.table[key]).sum()
    }
}

/// Keys replaced by numbers once.
pub struct Interned {
    values: Vec<u64>,
    keys: Vec<usize>,
}

/// `keys` keys in random order.
pub fn interned(keys: u64, rng: &mut fastrand::Rng) -> Interned {
    let mut order: Vec<usize> = (0..keys as usize).collect();
    rng.shuffle(&mut order);
    Interned { values: vec![3; order.len()], keys: order }
}

impl Interned {
    /// Looks every key up.
    pub fn sum(&mut self) -> u64 {
        self.keys.iter().map(|key| self.values[*key]).sum()
    }
}

static HITS: AtomicU64 = AtomicU64::new(0);

/// Requests that the cache answered.
pub fn hits() -> u64 {
    HITS.load(Ordering::Relaxed)
}

/// A server with a cache of one answer.
pub struct Server {
    answer: Option<String>,
}

impl Server {
    /// A server with an empty cache.
    #[expect(clippy::new_without_default, reason = "a user's code")]
    pub fn new() -> Self {
        Self { answer: None }
    }

    /// Answers the same question twice.
    pub fn serve_one(mut self) -> u64 {
        (0..2).map(|_| self.answer().len() as u64).sum()
    }

    fn answer(&mut self) -> &str {
        if self.answer.is_some() {
            HITS.fetch_add(1, Ordering::Relaxed);
        }
        self.answer.get_or_insert_with(|| "forty-two".repeat(10))
    }
}
