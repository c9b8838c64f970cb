//! [`MemoryView`]: items of an exporter's memory, without a copy.

use std::cell::Cell;
use std::fmt;

use super::super::hash;
use super::super::value::Value;
use super::format::{Format, Raw};
use super::managed::Managed;
use super::shape::{Shape, slice_of};
use super::{BufferError, content};
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::heap::Heap;

/// Python's `memoryview`, of one dimension. Slices and casts are further views
/// of the same export; the export ends when the last of them is released.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{BufferError, ByteArray, Format, MemoryView, Value};
/// let heap = Heap::new();
/// let array = ByteArray::new(&heap, &[1, 0, 2, 0, 3, 0]);
/// let view = MemoryView::new(&heap, &Value::from(&array)).unwrap();
/// let evens = view.slice(&heap, None, None, 2).unwrap();
/// assert_eq!(evens.to_bytes().unwrap(), [1, 2, 3]);
/// evens.set_item(1, &Value::small(9)).unwrap();
/// assert_eq!(array.get(2), Some(9));
/// assert_eq!(array.exports(), 1);
/// drop((view, evens));
/// assert_eq!(array.exports(), 0);
/// ```
pub struct MemoryView {
    pub(super) managed: Gc<Managed>,
    released: Cell<bool>,
    pub(super) read_only: bool,
    pub(super) format: Format,
    /// Raw buffers that were got from this very view.
    pub(super) exports: Cell<usize>,
    hash: Cell<Option<u64>>,
    pub(super) offset: usize,
    pub(super) len: usize,
    /// Bytes from an item to the next one.
    stride: isize,
}

impl MemoryView {
    /// A view of the bytes of a [`Bytes`](super::Bytes), a
    /// [`ByteArray`](super::ByteArray) or another view.
    ///
    /// # Errors
    /// When the object has no bytes, or is a released view.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, exporter: &Value) -> Result<Gc<MemoryView>, BufferError> {
        if let Some(view) = exporter.as_memory_view() {
            return view.derive(heap, view.shape());
        }
        MemoryView::on_behalf(heap, exporter, exporter)
    }

    /// A view of `exporter`'s bytes for an object that owns them: what `obj`
    /// gives, and what the view keeps alive (PEP 688's `__buffer__`).
    ///
    /// # Errors
    /// When the exporter has no bytes.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn on_behalf(
        heap: &Heap,
        exporter: &Value,
        owner: &Value,
    ) -> Result<Gc<MemoryView>, BufferError> {
        let managed = Managed::export(heap, exporter, owner)?;
        let shape = Shape {
            read_only: managed.is_read_only(),
            format: Format::U8,
            offset: 0,
            len: managed.len(),
            stride: 1,
        };
        Ok(MemoryView::make(heap, managed, shape))
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn make(heap: &Heap, managed: Gc<Managed>, shape: Shape) -> Gc<MemoryView> {
        managed.add_view();
        heap.alloc(MemoryView {
            managed,
            released: Cell::new(false),
            read_only: shape.read_only,
            format: shape.format,
            exports: Cell::new(0),
            hash: Cell::new(None),
            offset: shape.offset,
            len: shape.len,
            stride: shape.stride,
        })
    }

    fn shape(&self) -> Shape {
        Shape {
            read_only: self.read_only,
            format: self.format,
            offset: self.offset,
            len: self.len,
            stride: self.stride,
        }
    }

    /// Another view of the same export.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn derive(&self, heap: &Heap, shape: Shape) -> Result<Gc<MemoryView>, BufferError> {
        self.usable()?;
        Ok(MemoryView::make(heap, self.managed.clone(), shape))
    }

    pub(super) fn usable(&self) -> Result<(), BufferError> {
        if self.released.get() {
            return Err(BufferError::Released);
        }
        Ok(())
    }

    /// A view of the items from `start` to `stop`, each `step`th one: indexes
    /// and defaults as in a Python slice, negative ones from the end.
    ///
    /// # Errors
    /// When the view is released, or the step is 0.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn slice(
        &self,
        heap: &Heap,
        start: Option<isize>,
        stop: Option<isize>,
        step: isize,
    ) -> Result<Gc<MemoryView>, BufferError> {
        if step == 0 {
            return Err(BufferError::ZeroStep);
        }
        let (start, len) = slice_of(self.len, start, stop, step);
        let offset = self.offset.cast_signed() + start.cast_signed() * self.stride;
        self.derive(
            heap,
            Shape {
                offset: if len == 0 { 0 } else { offset.cast_unsigned() },
                len,
                stride: self.stride * step,
                ..self.shape()
            },
        )
    }

    /// A view of the same bytes in another format.
    ///
    /// # Errors
    /// When the view is released or has steps, when neither format is one of
    /// bytes, or the length is no multiple of the item size.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn cast(&self, heap: &Heap, format: Format) -> Result<Gc<MemoryView>, BufferError> {
        self.usable()?;
        if !self.is_contiguous() {
            return Err(BufferError::NotContiguous);
        }
        if !self.format.is_bytes() && !format.is_bytes() {
            return Err(BufferError::CastFormats);
        }
        let bytes = self.len * self.format.size();
        if !bytes.is_multiple_of(format.size()) {
            return Err(BufferError::CastLength);
        }
        self.derive(
            heap,
            Shape {
                format,
                len: bytes / format.size(),
                stride: format.size().cast_signed(),
                ..self.shape()
            },
        )
    }

    /// The same view without leave to write (Python's `toreadonly`).
    ///
    /// # Errors
    /// When the view is released.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn to_read_only(&self, heap: &Heap) -> Result<Gc<MemoryView>, BufferError> {
        self.derive(
            heap,
            Shape {
                read_only: true,
                ..self.shape()
            },
        )
    }

    /// Gives the view up; nothing but this and `is_released` works afterwards.
    /// A second time does nothing.
    ///
    /// # Errors
    /// While a raw buffer from this very view exists.
    pub fn release(&self) -> Result<(), BufferError> {
        if self.exports.get() > 0 {
            return Err(BufferError::InUse(self.exports.get()));
        }
        drop(self.end());
        Ok(())
    }

    fn end(&self) -> Option<(Value, Value)> {
        if self.released.replace(true) {
            return None;
        }
        self.managed.end_view()
    }

    /// Whether the view was released.
    pub fn is_released(&self) -> bool {
        self.released.get()
    }

    /// The object that the view is of.
    ///
    /// # Errors
    /// When the view is released.
    pub fn obj(&self) -> Result<Value, BufferError> {
        self.usable()?;
        self.managed.owner().ok_or(BufferError::Released)
    }

    /// Number of items.
    ///
    /// # Errors
    /// When the view is released.
    pub fn len(&self) -> Result<usize, BufferError> {
        self.usable()?;
        Ok(self.len)
    }

    /// Whether there is no item.
    ///
    /// # Errors
    /// When the view is released.
    pub fn is_empty(&self) -> Result<bool, BufferError> {
        Ok(self.len()? == 0)
    }

    /// Bytes of the items together.
    ///
    /// # Errors
    /// When the view is released.
    pub fn nbytes(&self) -> Result<usize, BufferError> {
        Ok(self.len()? * self.format.size())
    }

    /// Bytes from an item to the next one.
    ///
    /// # Errors
    /// When the view is released.
    pub fn stride(&self) -> Result<isize, BufferError> {
        self.usable()?;
        Ok(self.stride)
    }

    /// What an item is.
    ///
    /// # Errors
    /// When the view is released.
    pub fn format(&self) -> Result<Format, BufferError> {
        self.usable()?;
        Ok(self.format)
    }

    /// Whether writes are refused.
    ///
    /// # Errors
    /// When the view is released.
    pub fn read_only(&self) -> Result<bool, BufferError> {
        self.usable()?;
        Ok(self.read_only)
    }

    /// Whether the items stand one behind the other.
    ///
    /// # Errors
    /// When the view is released.
    pub fn contiguous(&self) -> Result<bool, BufferError> {
        self.usable()?;
        Ok(self.is_contiguous())
    }

    pub(super) fn is_contiguous(&self) -> bool {
        self.len <= 1 || self.stride == self.format.size().cast_signed()
    }

    fn place(&self, index: isize) -> Result<usize, BufferError> {
        let index = if index < 0 {
            index + self.len.cast_signed()
        } else {
            index
        };
        match usize::try_from(index) {
            Ok(index) if index < self.len => Ok(self.offset_of(index)),
            _ => Err(BufferError::Index),
        }
    }

    fn offset_of(&self, index: usize) -> usize {
        (self.offset.cast_signed() + index.cast_signed() * self.stride).cast_unsigned()
    }

    /// The raw item at an offset.
    fn raw(&self, offset: usize) -> Result<Raw, BufferError> {
        self.usable()?;
        // SAFETY: not released, so the export is held; offsets of items of a
        // view are inside of it.
        Ok(unsafe { self.managed.read(offset, self.format.size()) })
    }

    /// The item at `index`, from the end when negative.
    ///
    /// # Errors
    /// When the view is released, or there is no such item.
    ///
    /// # Panics
    /// When the item needs an object and the heap has no room.
    pub fn item(&self, heap: &Heap, index: isize) -> Result<Value, BufferError> {
        self.usable()?;
        let raw = self.raw(self.place(index)?)?;
        Ok(self.format.unpack(heap, raw))
    }

    /// The byte at `index` of a view of bytes.
    ///
    /// # Errors
    /// When the view is released or has another format, or there is no such
    /// item.
    #[inline]
    pub fn byte(&self, index: usize) -> Result<u8, BufferError> {
        self.usable()?;
        if !self.format.is_bytes() {
            return Err(BufferError::ItemType(self.format));
        }
        if index >= self.len {
            return Err(BufferError::Index);
        }
        Ok(self.raw(self.offset_of(index))?[0])
    }

    /// Writes the item at `index`, from the end when negative.
    ///
    /// # Errors
    /// When the view is released or read-only, there is no such item, or the
    /// value is none of this format.
    pub fn set_item(&self, index: isize, value: &Value) -> Result<(), BufferError> {
        self.usable()?;
        self.writable()?;
        let place = self.place(index)?;
        let raw = self.format.pack(value)?;
        // SAFETY: not released, not read-only, and the item is inside.
        unsafe { self.managed.write(place, self.format.size(), raw) };
        Ok(())
    }

    fn writable(&self) -> Result<(), BufferError> {
        if self.read_only {
            return Err(BufferError::ReadOnly);
        }
        Ok(())
    }

    /// Writes the items of another view over those of this one, as if through a
    /// copy: both may overlap.
    ///
    /// # Errors
    /// When one is released, this one is read-only, or length or format differ.
    pub fn assign(&self, from: &MemoryView) -> Result<(), BufferError> {
        self.usable()?;
        self.writable()?;
        from.usable()?;
        if from.len != self.len || from.format != self.format {
            return Err(BufferError::Structure);
        }
        let items: Vec<Raw> = from.raws()?.collect();
        for (index, raw) in items.into_iter().enumerate() {
            // SAFETY: as in `set_item`; nothing runs in between.
            unsafe {
                self.managed
                    .write(self.offset_of(index), self.format.size(), raw);
            }
        }
        Ok(())
    }

    /// Deleting an item is never allowed.
    ///
    /// # Errors
    /// Always.
    pub fn del_item(&self, _: isize) -> Result<(), BufferError> {
        self.usable()?;
        Err(if self.read_only {
            BufferError::ReadOnly
        } else {
            BufferError::Delete
        })
    }

    /// The items as they are while the iterator runs; nothing else may.
    fn raws(&self) -> Result<impl Iterator<Item = Raw> + '_, BufferError> {
        self.usable()?;
        let size = self.format.size();
        // SAFETY: not released; callers run nothing in between.
        Ok((0..self.len).map(move |i| unsafe { self.managed.read(self.offset_of(i), size) }))
    }

    /// A copy of the items' bytes.
    ///
    /// # Errors
    /// When the view is released.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BufferError> {
        self.usable()?;
        let size = self.format.size();
        let bytes = self.len * size;
        if self.is_contiguous() && bytes > 0 {
            let mut copy = Vec::with_capacity(bytes);
            // SAFETY: not released; the items are one piece inside of the export.
            unsafe {
                let start = self.managed.start().add(self.offset);
                start.copy_to_nonoverlapping(copy.as_mut_ptr(), bytes);
                copy.set_len(bytes);
            }
            return Ok(copy);
        }
        Ok(self
            .raws()?
            .flat_map(|raw| raw.into_iter().take(size))
            .collect())
    }

    /// The items as values. They may need objects, hence collections: a
    /// finalizer that releases the view meanwhile ends in an error.
    ///
    /// # Errors
    /// When the view is released, at the beginning or meanwhile.
    ///
    /// # Panics
    /// When the heap has no room.
    pub fn to_list(&self, heap: &Heap) -> Result<Vec<Value>, BufferError> {
        self.usable()?;
        (0..self.len)
            .map(|index| Ok(self.format.unpack(heap, self.raw(self.offset_of(index))?)))
            .collect()
    }

    /// Items equal to a value (Python's `count`).
    ///
    /// # Errors
    /// As [`to_list`](Self::to_list).
    ///
    /// # Panics
    /// When the heap has no room.
    pub fn count(&self, heap: &Heap, value: &Value) -> Result<usize, BufferError> {
        let items = self.to_list(heap)?;
        Ok(items.iter().filter(|item| *item == value).count())
    }

    /// The first index of a value (Python's `index`).
    ///
    /// # Errors
    /// As [`to_list`](Self::to_list).
    ///
    /// # Panics
    /// When the heap has no room.
    pub fn index(&self, heap: &Heap, value: &Value) -> Result<Option<usize>, BufferError> {
        Ok(self.to_list(heap)?.iter().position(|item| item == value))
    }

    /// The bytes as hexadecimal digits.
    ///
    /// # Errors
    /// When the view is released.
    pub fn hex(&self) -> Result<String, BufferError> {
        let bytes = self.to_bytes()?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether the content is that of another view or exporter, item by item; a
    /// released view equals itself alone.
    pub fn equals(&self, other: &Value) -> bool {
        let Some(view) = other.as_memory_view() else {
            let bytes = content(other);
            let own = self.raws().ok();
            return match (bytes, own) {
                (Some(bytes), Some(own)) if bytes.len() == self.len => own
                    .zip(bytes)
                    .all(|(raw, byte)| self.format.same(raw, Format::U8, [byte; 8])),
                _ => false,
            };
        };
        let other: &MemoryView = &view;
        if std::ptr::eq(other, self) {
            return true;
        }
        match (self.raws(), view.raws()) {
            (Ok(a), Ok(b)) if self.len == view.len => {
                a.zip(b).all(|(a, b)| self.format.same(a, view.format, b))
            }
            _ => false,
        }
    }

    /// The hash of the bytes, kept from the first time, also over a release.
    ///
    /// # Errors
    /// When the view was never hashed and is released, is writable, or its
    /// items are not bytes.
    pub fn hash(&self) -> Result<u64, BufferError> {
        if let Some(hash) = self.hash.get() {
            return Ok(hash);
        }
        self.usable()?;
        if !self.read_only {
            return Err(BufferError::HashWritable);
        }
        if !self.format.is_bytes() {
            return Err(BufferError::HashFormat);
        }
        let hash = hash::of_bytes(&self.to_bytes()?);
        self.hash.set(Some(hash));
        Ok(hash)
    }
}

impl Drop for MemoryView {
    fn drop(&mut self) {
        // What was held is dropped with the field that held it in the trash.
        drop(self.end());
    }
}

// SAFETY: the managed buffer is owned and visited once. `drop` changes counters
// of the managed buffer and of its exporter, whose blocks stay allocated until
// every value of the trash is dropped (`delete_garbage`); a managed buffer that
// was dropped first has ended its export and holds nothing any more.
unsafe impl Trace for MemoryView {
    const SPREAD: u32 = spread_of("MemoryView");
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.managed.trace(visitor);
    }
}

impl fmt::Debug for MemoryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_released() {
            true => f.write_str("<released memory>"),
            false => write!(f, "<memory of {} '{}'>", self.len, self.format.code()),
        }
    }
}
