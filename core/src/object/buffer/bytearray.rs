//! [`ByteArray`]: bytes that change, with a count of exports.

use std::cell::Cell;
use std::fmt;

use super::super::list::no_room;
use super::super::section::Section;
use super::BufferError;
use crate::alloc::HeapVec;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::heap::Heap;

/// Python's `bytearray`. While a [`MemoryView`](super::MemoryView) on it
/// exists, whatever would change its length is a [`BufferError::Exported`] and
/// changes nothing. Grows by an eighth, shrinks below half.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{BufferError, ByteArray, MemoryView, Value};
/// let heap = Heap::new();
/// let array = ByteArray::new(&heap, b"abc");
/// let view = MemoryView::new(&heap, &Value::from(&array)).unwrap();
/// assert_eq!(array.push(&heap, b'd'), Err(BufferError::Exported));
/// array.set(0, b'A').unwrap(); // the length stays
/// view.release().unwrap();
/// array.push(&heap, b'd').unwrap();
/// assert_eq!(array.to_vec(), b"Abcd");
/// ```
pub struct ByteArray {
    bytes: Section<HeapVec<u8>>,
    exports: Cell<usize>,
}

const _: () = assert!(size_of::<ByteArray>() == 32);

impl ByteArray {
    /// A bytearray.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, bytes: &[u8]) -> Gc<ByteArray> {
        let array = heap.alloc(ByteArray {
            bytes: Section::new(HeapVec::new()),
            exports: Cell::new(0),
        });
        if !bytes.is_empty() {
            array.set_capacity(heap, bytes.len());
            // SAFETY: short section: there is room, nothing is dropped.
            unsafe {
                array
                    .bytes
                    .enter(|own| bytes.iter().for_each(|&b| own.push_within_capacity(b)));
            }
        }
        array
    }

    /// A bytearray of `len` zeros.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn zeroed(heap: &Heap, len: usize) -> Gc<ByteArray> {
        ByteArray::new(heap, &vec![0; len])
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.bytes.enter(|bytes| bytes.len()) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that fit without another buffer.
    pub fn capacity(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.bytes.enter(|bytes| bytes.capacity()) }
    }

    /// Exports that exist now: one for each view made from the array itself,
    /// whatever slices and casts were made of that.
    pub fn exports(&self) -> usize {
        self.exports.get()
    }

    /// The byte at `index`.
    pub fn get(&self, index: usize) -> Option<u8> {
        let place = self.place(index)?;
        // SAFETY: inside of the bytes.
        Some(unsafe { place.read() })
    }

    /// Writes the byte at `index`.
    ///
    /// # Errors
    /// When `index` is not below the length.
    pub fn set(&self, index: usize, byte: u8) -> Result<(), BufferError> {
        let place = self.place(index).ok_or(BufferError::Index)?;
        // SAFETY: inside of the bytes.
        unsafe { place.write(byte) };
        Ok(())
    }

    /// A byte's place. No reference to it is made: views may look at it too.
    fn place(&self, index: usize) -> Option<*mut u8> {
        // SAFETY: short section: reads a pointer.
        let start = unsafe { self.bytes.enter(|bytes| bytes.first_place()) };
        (index < self.len()).then(|| start.wrapping_add(index))
    }

    /// A copy of the bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let places = (0..self.len()).filter_map(|index| self.get(index));
        places.collect()
    }

    /// Appends a byte.
    ///
    /// # Errors
    /// While a view exists.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn push(&self, heap: &Heap, byte: u8) -> Result<(), BufferError> {
        self.extend(heap, &[byte])
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// While a view exists.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn extend(&self, heap: &Heap, bytes: &[u8]) -> Result<(), BufferError> {
        self.may_resize()?;
        let len = self.len() + bytes.len();
        if len > self.capacity() {
            self.set_capacity(heap, grown(len, self.capacity()));
        }
        // SAFETY: short section: there is room, nothing is dropped.
        unsafe {
            self.bytes
                .enter(|own| bytes.iter().for_each(|&b| own.push_within_capacity(b)));
        }
        Ok(())
    }

    /// Shortens the array, or fills it up with zeros.
    ///
    /// # Errors
    /// While a view exists.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn resize(&self, heap: &Heap, len: usize) -> Result<(), BufferError> {
        let old = self.len();
        if len == old {
            return Ok(());
        }
        if len > old {
            return self.extend(heap, &vec![0; len - old]);
        }
        self.may_resize()?;
        // SAFETY: short section: bytes need no drop.
        unsafe { self.bytes.enter(|bytes| bytes.truncate(len)) };
        if len < self.capacity() / 2 {
            self.set_capacity(heap, grown(len, len));
        }
        Ok(())
    }

    /// Takes the byte at `index` out.
    ///
    /// # Errors
    /// While a view exists, and when `index` is not below the length.
    pub fn remove(&self, index: usize) -> Result<u8, BufferError> {
        self.may_resize()?;
        if index >= self.len() {
            return Err(BufferError::Index);
        }
        // SAFETY: short section: bytes move.
        Ok(unsafe { self.bytes.enter(|bytes| bytes.remove(index)) })
    }

    /// Empties the array and gives its buffer back.
    ///
    /// # Errors
    /// While a view exists.
    pub fn clear(&self) -> Result<(), BufferError> {
        self.may_resize()?;
        // SAFETY: short section: the bytes move out.
        drop(unsafe { self.bytes.enter(std::mem::take) });
        Ok(())
    }

    fn may_resize(&self) -> Result<(), BufferError> {
        if self.exports.get() > 0 {
            return Err(BufferError::Exported);
        }
        Ok(())
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn set_capacity(&self, heap: &Heap, capacity: usize) {
        let _behalf = heap.core().tracer.on_behalf();
        // SAFETY: short section: a buffer may be taken, which never collects.
        let done = unsafe { self.bytes.enter(|bytes| bytes.resize(heap, capacity)) };
        if let Err(error) = done {
            no_room(&error);
        }
    }

    /// Begins an export: from here on the bytes stay where they are.
    pub(super) fn export(&self) -> *mut u8 {
        self.exports.set(self.exports.get() + 1);
        // SAFETY: short section: reads a pointer.
        unsafe { self.bytes.enter(|bytes| bytes.first_place()) }
    }

    pub(super) fn end_export(&self) {
        self.exports.set(self.exports.get().saturating_sub(1));
    }

    /// Bytes of the buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.capacity()
    }
}

/// CPython's rule: an eighth more for a small step, exact for a large one.
fn grown(len: usize, capacity: usize) -> usize {
    if len <= capacity + capacity / 8 {
        len + len / 8 + if len < 9 { 3 } else { 6 }
    } else {
        len
    }
}

// SAFETY: holds no reference.
unsafe impl Trace for ByteArray {
    const SPREAD: u32 = spread_of("ByteArray");
    const HOLDS: bool = false;
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

impl fmt::Debug for ByteArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytearray({:?})", self.to_vec())
    }
}
