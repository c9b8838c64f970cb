//! [`Set`]: distinct values in order of insertion, on a dict's table.

use std::fmt;

use super::dict::Dict;
use super::list::no_room;
use super::value::Value;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// A Python set. Members are what dict keys are; iteration follows insertion.
///
/// Operations that make a set take what they need before they begin, so the
/// hash and equality of members may change either set meanwhile.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Set, Value};
/// let heap = Heap::new();
/// let odd = Set::from_iter(&heap, [1, 3, 5].map(Value::small));
/// let low = Set::from_iter(&heap, [1, 2, 3].map(Value::small));
/// assert!(!odd.add(&heap, Value::small(3)));
/// assert_eq!(odd.intersection(&heap, &low).values(), [1, 3].map(Value::small));
/// odd.add(&heap, Value::from(&odd)); // contains itself
/// drop(odd);
/// assert_eq!(heap.collect_all(), 1);
/// ```
pub struct Set {
    members: Dict,
}

impl Set {
    /// An empty set.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap) -> Gc<Set> {
        heap.alloc(Set {
            members: Dict::embedded(),
        })
    }

    /// A set of what `values` yields.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn from_iter(heap: &Heap, values: impl IntoIterator<Item = Value>) -> Gc<Set> {
        let set = Set::new(heap);
        set.update(heap, values);
        set
    }

    /// Adds a value; false when an equal one is there already.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn add(&self, heap: &Heap, value: Value) -> bool {
        self.try_add(heap, value)
            .unwrap_or_else(|error| no_room(&error))
    }

    /// Fallible [`add`](Self::add).
    ///
    /// # Errors
    /// When the heap has no room; the set is unchanged.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_add(&self, heap: &Heap, value: Value) -> Result<bool, AllocError> {
        Ok(self.members.put(heap, value, Value::TRUE)?.is_none())
    }

    /// Adds what `values` yields.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn update(&self, heap: &Heap, values: impl IntoIterator<Item = Value>) {
        for value in values {
            self.add(heap, value);
        }
    }

    /// Takes a value out; false when it is not there. May run hooks.
    pub fn discard(&self, value: &Value) -> bool {
        self.members.remove(value).is_some()
    }

    /// Whether an equal value is there. May run hooks.
    pub fn contains(&self, value: &Value) -> bool {
        self.members.contains(value)
    }

    /// Takes a value out: the newest (any, in Python).
    pub fn pop(&self) -> Option<Value> {
        self.members.pop_item().map(|(value, _)| value)
    }

    /// Drops every value.
    pub fn clear(&self) {
        self.members.clear();
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as they are now, in order of insertion.
    pub fn values(&self) -> Vec<Value> {
        self.members.keys()
    }

    /// A set of the values of both.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn union(&self, heap: &Heap, other: &Set) -> Gc<Set> {
        let set = Set::from_iter(heap, self.values());
        set.update(heap, other.values());
        set
    }

    /// A set of the values that are in both.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn intersection(&self, heap: &Heap, other: &Set) -> Gc<Set> {
        Set::from_iter(
            heap,
            self.values().into_iter().filter(|v| other.contains(v)),
        )
    }

    /// A set of the values that are not in `other`.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn difference(&self, heap: &Heap, other: &Set) -> Gc<Set> {
        Set::from_iter(
            heap,
            self.values().into_iter().filter(|v| !other.contains(v)),
        )
    }

    /// A set of the values that are in one of both.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn symmetric_difference(&self, heap: &Heap, other: &Set) -> Gc<Set> {
        let set = self.difference(heap, other);
        let theirs = other.values().into_iter();
        set.update(heap, theirs.filter(|v| !self.contains(v)));
        set
    }

    /// Whether every value is in `other`. May run hooks.
    pub fn is_subset(&self, other: &Set) -> bool {
        self.len() <= other.len() && self.values().iter().all(|value| other.contains(value))
    }

    /// Whether no value is in `other`. May run hooks.
    pub fn is_disjoint(&self, other: &Set) -> bool {
        !self.values().iter().any(|value| other.contains(value))
    }

    /// Whether both have the same values. May run hooks.
    pub fn equals(&self, other: &Set) -> bool {
        self.len() == other.len() && self.is_subset(other)
    }

    /// Bytes of the table's buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.members.buffer_bytes()
    }
}

// SAFETY: the table is owned and visited once.
unsafe impl Trace for Set {
    const SPREAD: u32 = spread_of("Set");
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.members.trace(visitor);
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values()).finish()
    }
}
