//! Boxed numbers: ints beyond 61 bits, and floats. 16 bytes each, leaves.

use super::value::Kind;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;

/// An int that does not fit into an immediate [`Value`](super::Value).
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Int, Value};
/// let heap = Heap::new();
/// assert_eq!(Int::new(&heap, i64::MAX).get(), i64::MAX);
/// assert_eq!(Value::int(&heap, i64::MAX).as_int(), Some(i64::MAX));
/// assert_eq!(heap.live_objects(), 0, "both are gone");
/// ```
#[derive(Debug)]
pub struct Int(i64);

impl Int {
    /// A new int object.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, value: i64) -> Gc<Int> {
        heap.alloc(Int(value))
    }

    /// The number.
    #[inline]
    pub fn get(&self) -> i64 {
        self.0
    }
}

/// A float object.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::Float;
/// let heap = Heap::new();
/// assert_eq!(Float::new(&heap, 0.5).get(), 0.5);
/// ```
#[derive(Debug)]
pub struct Float(f64);

impl Float {
    /// A new float object.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, value: f64) -> Gc<Float> {
        heap.alloc(Float(value))
    }

    /// The number.
    #[inline]
    pub fn get(&self) -> f64 {
        self.0
    }
}

// SAFETY: holds no reference.
unsafe impl Trace for Int {
    const VALUE_KIND: u8 = Kind::Int as u8;
    const HOLDS: bool = false;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

// SAFETY: holds no reference.
unsafe impl Trace for Float {
    const VALUE_KIND: u8 = Kind::Float as u8;
    const HOLDS: bool = false;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}
