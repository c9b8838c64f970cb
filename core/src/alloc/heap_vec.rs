//! A growable array on a heap's private memory.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use super::buffer::RawBuffer;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// A growable array whose items stand on a [`Heap`]'s private memory and are
/// counted with it. 24 bytes; an empty one owns nothing.
///
/// Growing takes the heap as an argument (an empty array does not know one);
/// freeing finds it through the buffer's address. Growth never collects.
///
/// ```
/// use exuvia_core::{Heap, HeapVec};
/// let heap = Heap::new();
/// let mut items = HeapVec::new();
/// items.push(&heap, 1);
/// items.push(&heap, 2);
/// assert_eq!(*items, [1, 2]);
/// ```
pub struct HeapVec<T> {
    buffer: Option<RawBuffer>,
    len: usize,
    capacity: usize,
    items: PhantomData<T>,
}

impl<T> HeapVec<T> {
    const ITEM_BYTES: usize = {
        assert!(align_of::<T>() <= 16, "items aligned above 16 bytes");
        assert!(size_of::<T>() > 0, "items of no size");
        size_of::<T>()
    };

    /// An empty array without a buffer.
    pub const fn new() -> HeapVec<T> {
        HeapVec {
            buffer: None,
            len: 0,
            capacity: 0,
            items: PhantomData,
        }
    }

    /// An empty array with room for `capacity` items.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn with_capacity(heap: &Heap, capacity: usize) -> HeapVec<T> {
        let mut vec = HeapVec::new();
        expect_room(vec.try_set_capacity(heap, capacity));
        vec
    }

    /// Items that fit without another buffer.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    fn start(&self) -> NonNull<T> {
        match self.buffer {
            Some(buffer) => buffer.start().cast(),
            None => NonNull::dangling(),
        }
    }

    /// The first place, without a reference to any item.
    pub(crate) fn first_place(&self) -> *mut T {
        self.start().as_ptr()
    }

    /// Sets the capacity exactly (never below the length).
    ///
    /// # Errors
    /// When the heap has no room; the array is unchanged.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_set_capacity(&mut self, heap: &Heap, capacity: usize) -> Result<(), AllocError> {
        let _behalf = heap.core().tracer.on_behalf();
        self.resize(heap, capacity)
    }

    /// As [`try_set_capacity`](Self::try_set_capacity); who asks says on whose
    /// behalf.
    pub(crate) fn resize(&mut self, heap: &Heap, capacity: usize) -> Result<(), AllocError> {
        let capacity = capacity.max(self.len);
        if capacity == self.capacity {
            return Ok(());
        }
        let bytes = capacity
            .checked_mul(Self::ITEM_BYTES)
            .ok_or(AllocError::OutOfMemory { bytes: usize::MAX })?;
        self.buffer = match self.buffer {
            None => Some(RawBuffer::take(heap.core(), bytes)?),
            Some(buffer) if capacity == 0 => {
                // SAFETY: ours, and the array is empty.
                unsafe { buffer.give() };
                None
            }
            Some(buffer) => {
                let keep = self.len * Self::ITEM_BYTES;
                // SAFETY: ours, exclusively borrowed, holds `len` items.
                Some(unsafe { buffer.resize(keep, bytes) }?)
            }
        };
        self.capacity = capacity;
        Ok(())
    }

    /// Appends an item, growing by half when full.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn push(&mut self, heap: &Heap, item: T) {
        expect_room(self.try_push(heap, item));
    }

    /// Appends an item, growing by half when full.
    ///
    /// # Errors
    /// When the heap has no room; the item is dropped.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_push(&mut self, heap: &Heap, item: T) -> Result<(), AllocError> {
        if self.len == self.capacity {
            self.try_set_capacity(heap, self.grown())?;
        }
        self.push_within_capacity(item);
        Ok(())
    }

    #[cold]
    fn grown(&self) -> usize {
        (self.capacity + self.capacity / 2).max(4)
    }

    /// Appends an item to an array that has room.
    ///
    /// # Panics
    /// When it has none.
    #[inline]
    pub fn push_within_capacity(&mut self, item: T) {
        assert!(self.len < self.capacity, "no room for another item");
        // SAFETY: `len` is below the capacity, so the place is ours and free.
        unsafe { self.start().add(self.len).write(item) };
        self.len += 1;
    }

    /// Takes the last item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the item at the old last place is initialised and now ours.
        Some(unsafe { self.start().add(self.len).read() })
    }

    /// Inserts an item at `index`, moving the later ones.
    ///
    /// # Panics
    /// When `index` is beyond the length, or the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn insert(&mut self, heap: &Heap, index: usize, item: T) {
        assert!(index <= self.len, "index {index} beyond {}", self.len);
        if self.len == self.capacity {
            expect_room(self.try_set_capacity(heap, self.grown()));
        }
        // SAFETY: there is room for one more item behind the last.
        unsafe {
            let place = self.start().add(index);
            ptr::copy(place.as_ptr(), place.add(1).as_ptr(), self.len - index);
            place.write(item);
        }
        self.len += 1;
    }

    /// Takes the item at `index`, moving the later ones.
    ///
    /// # Panics
    /// When `index` is not below the length.
    pub fn remove(&mut self, index: usize) -> T {
        assert!(index < self.len, "index {index} not below {}", self.len);
        self.len -= 1;
        // SAFETY: the item is read once, and the gap closed.
        unsafe {
            let place = self.start().add(index);
            let item = place.read();
            ptr::copy(place.add(1).as_ptr(), place.as_ptr(), self.len - index);
            item
        }
    }

    /// Drops the items from `len` on, last first, as CPython's list does.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            drop(self.pop());
        }
    }

    /// Drops every item, last first, and keeps the buffer.
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

impl<T> Default for HeapVec<T> {
    fn default() -> HeapVec<T> {
        HeapVec::new()
    }
}

impl<T> Deref for HeapVec<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` items are initialised.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.len) }
    }
}

impl<T> DerefMut for HeapVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; exclusively borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.start().as_ptr(), self.len) }
    }
}

impl<T> Drop for HeapVec<T> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            self.clear();
        }
        if let Some(buffer) = self.buffer {
            // SAFETY: ours, and no item is left in it.
            unsafe { buffer.give() };
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for HeapVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

// SAFETY: the array owns its items and visits each once.
unsafe impl<T: Trace> Trace for HeapVec<T> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if T::HOLDS {
            for (index, item) in self.iter().enumerate() {
                visitor.at_index(index);
                item.trace(visitor);
            }
        }
    }
}

#[inline]
fn expect_room(result: Result<(), AllocError>) {
    if let Err(error) = result {
        no_room(&error);
    }
}

#[cold]
fn no_room(error: &AllocError) -> ! {
    panic!("{error}");
}
