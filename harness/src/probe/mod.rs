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

impl AuditFinding {
    pub(crate) fn counted(&self) -> AuditCount {
        let count = match self.class.as_str() {
            "uncollected cycle" => 1,
            "native pin" => self.declared + self.surplus.max(0).unsigned_abs(),
            _ => self.surplus.max(0).unsigned_abs(),
        };
        AuditCount {
            class: self.class.clone(),
            type_name: self.type_name.clone(),
            count,
        }
    }
}

/// How a holder path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldFrom {
    /// At a root that was there at the mark, or at something that never dies.
    Root,
    /// At a root that is new.
    NewRoot,
    /// At an object whose references are not all known.
    Unknown,
    /// At an unreachable object that was not collected.
    Unreachable,
}

/// Objects that are new since [`Probe::mark`] and who holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The type of the objects that the growing edge leads to.
    pub type_name: String,
    /// Types asked for that hang there.
    pub types: Vec<String>,
    /// The shortest path to one of them, in words.
    pub path: String,
    /// The path without what differs from run to run.
    pub stable_path: String,
    /// Their paths as [`Probe::tally`] names them.
    pub general_paths: Vec<String>,
    /// How many of those, from the first on, lead to parts of one structure: their growth adds up.
    pub alike: usize,
    /// How the path begins.
    pub from: HeldFrom,
    /// Objects gained.
    pub gained: u64,
    /// Bytes that only they keep alive.
    pub retained_bytes: u64,
    /// Where they were allocated, as `file:line:column`, while sites are traced.
    pub site: Option<String>,
}

/// Objects of one type with the same trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCount {
    /// The class in words, as in [`AuditFinding::class`].
    pub class: String,
    /// Name of the objects' type.
    pub type_name: String,
    /// References for a count leak or native pin, objects for an uncollected cycle; 0 counts as one more fault each.
    pub count: u64,
}

/// Whether anything moved between two quiet moments: equal, nothing did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Live objects by type: name, objects, bytes.
    pub census: Vec<(String, u64, u64)>,
    /// Numbers that move with any count, reference, root or handle that stays.
    pub accounts: Vec<u64>,
}

/// Everything that the leak detector counts at one quiet moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Live objects by type: name, objects, bytes.
    pub census: Vec<(String, u64, u64)>,
    /// What an audit found, by class and type.
    pub audit: Vec<AuditCount>,
    /// Live objects by holder path: path, type, objects.
    pub paths: Vec<(String, String, u64)>,
    /// Live objects by allocation site: site, type, objects. Empty unless sites are traced.
    pub sites: Vec<(String, String, u64)>,
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

    /// A few numbers that stay equal while nothing is allocated or freed, and cost next to nothing. Empty when there are none.
    fn pulse(&self) -> Vec<u64> {
        Vec::new()
    }

    /// The census, and numbers that move when an audit would find anything else, where that costs much less than a tally.
    ///
    /// Where sketch and pulse are equal at two moments the detector takes the tally of the one for that of the other.
    fn sketch(&self) -> Option<Sketch> {
        None
    }

    /// Objects whose reference counts do not add up. Empty when there is nothing to audit.
    fn audit(&self) -> Vec<AuditFinding> {
        Vec::new()
    }

    /// All of it at once, for a probe that can count in one walk.
    fn tally(&self) -> Tally {
        Tally {
            census: self.census(),
            audit: self.audit().iter().map(AuditFinding::counted).collect(),
            ..Tally::default()
        }
    }

    /// Remembers this moment, for [`Probe::holders`].
    fn mark(&self) {}

    /// Who holds what is new since the mark, of the paths and types that are `chosen`. Empty when holders are not known.
    fn holders(&self, _chosen: &dyn Fn(&str, &str) -> bool) -> Vec<Held> {
        Vec::new()
    }

    /// Objects whose own buffers grew since the mark: path and bytes gained, most first. Empty when that is not known.
    fn grown_buffers(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// Wall time in nanoseconds of each collection so far, oldest first. Empty when nothing is collected.
    fn pauses(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Turns the tracing of allocation sites on or off; returns whether it is on now.
    fn trace_sites(&self, _on: bool) -> bool {
        false
    }

    /// References by holding and held type. Empty when references are not known.
    fn edges(&self) -> Vec<(String, String, u64)> {
        Vec::new()
    }
}
