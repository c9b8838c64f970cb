//! [`List`]: a growable row of values, 32 bytes with its header, growing and
//! shrinking by CPython's rule.

use std::fmt;

use super::section::Section;
use super::value::{Kind, Value};
use crate::alloc::HeapVec;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// A Python list.
///
/// Methods take `&self`; `get` returns a clone. What a method takes out is
/// dropped after the list is consistent again, so a finalizer may use the list.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value};
/// let heap = Heap::new();
/// let list = List::new(&heap);
/// list.push(&heap, Value::from(&list)); // contains itself
/// drop(list);
/// assert_eq!(heap.collect_all(), 1);
/// ```
pub struct List {
    items: Section<HeapVec<Value>>,
}

const _: () = assert!(size_of::<List>() == 24);

/// CPython's capacity for a list that must hold `wanted` items and held `len`:
/// an eighth more, in steps of 4, unless a bulk extension asks for more than
/// that itself.
pub(crate) fn grown_capacity(wanted: usize, len: usize) -> usize {
    if wanted == 0 {
        return 0;
    }
    let roomy = (wanted + (wanted >> 3) + 6) & !3;
    if wanted.saturating_sub(len) > roomy - wanted {
        (wanted + 3) & !3
    } else {
        roomy
    }
}

impl List {
    /// An empty list.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap) -> Gc<List> {
        List::around(heap, HeapVec::new())
    }

    /// An empty list with room for exactly `capacity` items.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn with_capacity(heap: &Heap, capacity: usize) -> Gc<List> {
        List::around(heap, HeapVec::with_capacity(heap, capacity))
    }

    /// A list of what `items` yields; exact when its size hint is.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn from_iter(heap: &Heap, items: impl IntoIterator<Item = Value>) -> Gc<List> {
        let items = items.into_iter();
        let list = List::with_capacity(heap, items.size_hint().0);
        for item in items {
            list.push(heap, item);
        }
        list
    }

    /// Python's `[value] * n`: exactly `n` places.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn repeat(heap: &Heap, value: &Value, n: usize) -> Gc<List> {
        let mut items = HeapVec::with_capacity(heap, n);
        for _ in 0..n {
            items.push_within_capacity(value.clone());
        }
        List::around(heap, items)
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn around(heap: &Heap, items: HeapVec<Value>) -> Gc<List> {
        heap.alloc(List {
            items: Section::new(items),
        })
    }

    /// Number of items.
    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.items.enter(|items| items.len()) }
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that fit without another buffer.
    pub fn capacity(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.items.enter(|items| items.capacity()) }
    }

    /// Appends a value.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn push(&self, heap: &Heap, value: Value) {
        if let Err(error) = self.try_push(heap, value) {
            no_room(&error);
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// When the heap has no room; the list is unchanged.
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_push(&self, heap: &Heap, value: Value) -> Result<(), AllocError> {
        if self.len() == self.capacity() {
            self.reserve_for_one_more(heap)?;
        }
        // SAFETY: short section: there is room, nothing is dropped.
        unsafe { self.items.enter(|items| items.push_within_capacity(value)) };
        Ok(())
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn reserve_for_one_more(&self, heap: &Heap) -> Result<(), AllocError> {
        let len = self.len();
        self.set_capacity(heap, grown_capacity(len + 1, len))
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn set_capacity(&self, heap: &Heap, capacity: usize) -> Result<(), AllocError> {
        if heap.core().tracer.is_on() {
            return self.set_capacity_traced(heap, capacity);
        }
        self.set_capacity_on_behalf(heap, capacity)
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn set_capacity_traced(&self, heap: &Heap, capacity: usize) -> Result<(), AllocError> {
        let _behalf = heap.core().tracer.on_behalf();
        self.set_capacity_on_behalf(heap, capacity)
    }

    #[inline]
    fn set_capacity_on_behalf(&self, heap: &Heap, capacity: usize) -> Result<(), AllocError> {
        // SAFETY: short section: buffers move, no value is touched.
        unsafe { self.items.enter(|items| items.resize(heap, capacity)) }
    }

    /// Appends what `values` yields, making room for its lower size hint first.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn extend(&self, heap: &Heap, values: impl IntoIterator<Item = Value>) {
        let values = values.into_iter();
        let len = self.len();
        let wanted = len + values.size_hint().0;
        if wanted > self.capacity()
            && let Err(error) = self.set_capacity(heap, grown_capacity(wanted, len))
        {
            no_room(&error);
        }
        for value in values {
            self.push(heap, value);
        }
    }

    /// A clone of the item at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Value> {
        // SAFETY: short section: a clone only counts.
        unsafe { self.items.enter(|items| items.get(index).cloned()) }
    }

    /// Stores `value` at `index`; the old item is dropped afterwards.
    ///
    /// # Panics
    /// When `index` is not below the length.
    #[inline]
    pub fn set(&self, index: usize, value: Value) {
        drop(self.replace(index, value));
    }

    /// Stores `value` at `index` and returns the old item.
    ///
    /// # Panics
    /// When `index` is not below the length.
    #[inline]
    pub fn replace(&self, index: usize, value: Value) -> Value {
        let len = self.len();
        assert!(index < len, "list index {index} out of range, length {len}");
        // SAFETY: short section: the values change places.
        unsafe {
            self.items
                .enter(|items| std::mem::replace(&mut items[index], value))
        }
    }

    /// Exchanges two items.
    ///
    /// # Panics
    /// When an index is not below the length.
    pub fn swap(&self, a: usize, b: usize) {
        let len = self.len();
        assert!(
            a < len && b < len,
            "list index {} out of range, length {len}",
            a.max(b)
        );
        // SAFETY: short section: the values change places.
        unsafe { self.items.enter(|items| items.swap(a, b)) }
    }

    /// Inserts `value` in front of `index` (behind the last item when larger).
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn insert(&self, heap: &Heap, index: usize, value: Value) {
        if self.len() == self.capacity()
            && let Err(error) = self.reserve_for_one_more(heap)
        {
            no_room(&error);
        }
        let index = index.min(self.len());
        // SAFETY: short section: there is room, values move, none is dropped.
        unsafe { self.items.enter(|items| items.insert(heap, index, value)) };
    }

    /// Drops every item, last first, and the buffer.
    pub fn clear(&self) {
        // SAFETY: short section: the items move out.
        let items = unsafe { self.items.enter(std::mem::take) };
        drop(items);
    }

    /// Clones of the items, looked up one by one: changes made meanwhile are
    /// seen, as with Python's list iterator.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            list: self,
            next: 0,
        }
    }

    /// Clones of the items as they are now.
    pub fn snapshot(&self) -> Vec<Value> {
        // SAFETY: short section: clones only count.
        unsafe { self.items.enter(|items| items.to_vec()) }
    }

    /// Bytes of the item buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.capacity() * size_of::<Value>()
    }
}

/// What may shrink the buffer: the heap is found through the handle.
impl Gc<List> {
    /// Takes the last item.
    #[inline]
    pub fn pop(&self) -> Option<Value> {
        // SAFETY: short section: the value moves out.
        let value = unsafe { self.items.enter(HeapVec::pop) }?;
        self.shrink_if_half_empty();
        Some(value)
    }

    /// Takes the item at `index`; later ones move up.
    pub fn remove(&self, index: usize) -> Option<Value> {
        if index >= self.len() {
            return None;
        }
        // SAFETY: short section: the value moves out.
        let value = unsafe { self.items.enter(|items| items.remove(index)) };
        self.shrink_if_half_empty();
        Some(value)
    }

    /// CPython's shrink rule: below half of the capacity, as if grown anew.
    #[inline]
    fn shrink_if_half_empty(&self) {
        if self.len() < self.capacity() / 2 {
            self.shrink();
        }
    }

    #[cold]
    #[inline(never)]
    fn shrink(&self) {
        let len = self.len();
        // A smaller buffer that cannot be had leaves the larger one.
        let _ = self.set_capacity(&Gc::heap(self), grown_capacity(len, len));
    }
}

#[cold]
#[inline(never)]
pub(crate) fn no_room(error: &AllocError) -> ! {
    panic!("{error}")
}

/// The iterator of [`List::iter`].
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value};
/// let heap = Heap::new();
/// let list = List::from_iter(&heap, [1, 2].map(Value::small));
/// let mut seen = 0;
/// for value in list.iter() {
///     if seen == 0 {
///         list.push(&heap, Value::small(3)); // Seen, as in Python.
///     }
///     seen += value.as_int().unwrap();
/// }
/// assert_eq!(seen, 6);
/// ```
pub struct Iter<'a> {
    list: &'a List,
    next: usize,
}

impl Iterator for Iter<'_> {
    type Item = Value;
    #[inline]
    fn next(&mut self) -> Option<Value> {
        let value = self.list.get(self.next)?;
        self.next += 1;
        Some(value)
    }
}

// SAFETY: the items are owned once and visited once.
unsafe impl Trace for List {
    const VALUE_KIND: u8 = Kind::List as u8;
    const QUIET_DROP: bool = true;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.items.trace(visitor);
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
