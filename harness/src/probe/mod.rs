//! Named exact counters of whatever the measured program keeps its objects in.
//!
//! The leak detector and the heap instrument read everything through [`Probe`]: our own heap (feature `heap`), the
//! counting global allocator ([`AllocProbe`]), and anything a user writes one for (a pool, a cache, open files).
//! A counter must be exact and must not change unless the program did something: no estimates, no clocks.

mod alloc;
#[cfg(feature = "heap")]
mod heap;

pub use alloc::AllocProbe;
#[cfg(feature = "heap")]
pub use heap::HeapProbe;

/// One exact number at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What is counted, e.g. `live_objects`.
    pub name: String,
    /// How many there are now.
    pub value: u64,
    /// The unit, e.g. `objects` or `B`.
    pub unit: &'static str,
}

impl Counter {
    /// A counter with this name, value and unit.
    #[must_use]
    pub fn new(name: impl Into<String>, value: u64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
        }
    }
}

/// An object whose stored reference count disagrees with the references that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFinding {
    /// The class in words, e.g. `count leak`.
    pub class: String,
    /// Name of the object's type.
    pub type_name: String,
    /// Where the object is, to tell findings of one type apart within one process.
    pub address: u64,
    /// The count the object stores.
    pub stored: u64,
    /// References from live objects and roots that were found.
    pub incoming: u64,
    /// Native handles that were declared.
    pub declared: u64,
    /// `stored - incoming - declared`: above zero a lost decrement, below zero a future use after free.
    pub surplus: i64,
}

/// Exact counters of one place where objects live.
pub trait Probe {
    /// The counters now.
    fn counters(&self) -> Vec<Counter>;

    /// Live objects by type: name, objects, bytes. Empty when types are not known.
    fn census(&self) -> Vec<(String, u64, u64)> {
        Vec::new()
    }

    /// Frees everything that can be freed (a full collection), so that what is counted afterwards is really held.
    fn quiesce(&self) {}

    /// Objects whose reference counts do not add up. Empty when there is nothing to audit.
    fn audit(&self) -> Vec<AuditFinding> {
        Vec::new()
    }

    /// References by holding and held type. Empty when references are not known.
    fn edges(&self) -> Vec<(String, String, u64)> {
        Vec::new()
    }
}
