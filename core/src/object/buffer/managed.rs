//! One export of an exporter, shared by every view that comes from it
//! (CPython's `_PyManagedBuffer`).

use std::cell::Cell;
use std::ptr;

use super::super::section::Section;
use super::super::value::Value;
use super::{BufferError, Bytes};
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::heap::Heap;

/// The export ends when the last view is released.
///
/// Invariant **held**: while `views` is not 0 the exporter is held and exported,
/// so `start` and `len` are its memory.
pub(super) struct Managed {
    /// Exporter, and whom it exports for if that is another object.
    owners: Section<Option<(Value, Value)>>,
    views: Cell<usize>,
    start: Cell<*mut u8>,
    len: usize,
    read_only: bool,
}

impl Managed {
    /// Exports the bytes of `exporter`, on behalf of `owner`.
    ///
    /// # Errors
    /// When the exporter has no bytes.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(super) fn export(
        heap: &Heap,
        exporter: &Value,
        owner: &Value,
    ) -> Result<Gc<Managed>, BufferError> {
        let (len, read_only) = if let Some(bytes) = exporter.as_bytes() {
            (bytes.len(), true)
        } else if let Some(array) = exporter.as_byte_array() {
            (array.len(), false)
        } else {
            let name = exporter.type_name().to_owned();
            return Err(BufferError::NotBytesLike(name));
        };
        let managed = heap.alloc(Managed {
            owners: Section::new(Some((exporter.clone(), owner.clone()))),
            views: Cell::new(0),
            start: Cell::new(ptr::null_mut()),
            len,
            read_only,
        });
        // The allocation may have collected, and finalizers changed the array.
        let start = match exporter.as_byte_array() {
            Some(array) if array.len() != len => return Err(BufferError::Exported),
            Some(array) => array.export(),
            None => exporter
                .as_bytes()
                .map_or(ptr::null_mut(), |bytes| Bytes::start(bytes.header())),
        };
        managed.start.set(start);
        Ok(managed)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The object that the views are of.
    pub(super) fn owner(&self) -> Option<Value> {
        // SAFETY: short section: a clone only counts.
        unsafe {
            self.owners
                .enter(|owners| owners.as_ref().map(|(_, owner)| owner.clone()))
        }
    }

    pub(super) fn add_view(&self) {
        self.views.set(self.views.get() + 1);
    }

    /// A view is released; the last one ends the export. What was held comes
    /// back, to be dropped when the caller is consistent.
    pub(super) fn end_view(&self) -> Option<(Value, Value)> {
        let views = self.views.get().saturating_sub(1);
        self.views.set(views);
        if views > 0 {
            return None;
        }
        self.end_export();
        // SAFETY: short section: the values move out.
        unsafe { self.owners.enter(Option::take) }
    }

    fn end_export(&self) {
        if self.start.replace(ptr::null_mut()).is_null() {
            return;
        }
        // SAFETY: short section: a count of the exporter changes.
        unsafe {
            self.owners.enter(|owners| {
                if let Some(array) = owners.as_ref().and_then(|(array, _)| array.as_byte_array()) {
                    array.end_export();
                }
            });
        }
    }

    /// The item of `size` bytes at `offset`.
    ///
    /// # Safety
    /// 1. A view holds the export (invariant *held*), and the item is inside.
    pub(super) unsafe fn read(&self, offset: usize, size: usize) -> [u8; 8] {
        let mut raw = [0; 8];
        // SAFETY: duty 1; no reference to the memory exists.
        unsafe {
            self.start
                .get()
                .add(offset)
                .copy_to_nonoverlapping(raw.as_mut_ptr(), size);
        }
        raw
    }

    /// Writes an item of `size` bytes at `offset`.
    ///
    /// # Safety
    /// 1. As [`read`](Self::read), and the memory is not read-only.
    pub(super) unsafe fn write(&self, offset: usize, size: usize, raw: [u8; 8]) {
        // SAFETY: duty 1.
        unsafe {
            self.start
                .get()
                .add(offset)
                .copy_from_nonoverlapping(raw.as_ptr(), size);
        }
    }

    /// The first byte; null when the export has ended.
    pub(super) fn start(&self) -> *mut u8 {
        self.start.get()
    }
}

impl Drop for Managed {
    /// Views of it hold it, so there is none; but in the trash one may be
    /// dropped later, and then finds the export ended.
    fn drop(&mut self) {
        self.end_export();
        // SAFETY: short section: the values move out, and are dropped behind it.
        drop(unsafe { self.owners.enter(Option::take) });
    }
}

// SAFETY: exporter and owner are owned and visited once. `drop` changes one
// counter of the exporter, whose block stays allocated until every value of the
// trash is dropped (`delete_garbage`), and which is a leaf with nothing dropped
// that the counter depends on.
unsafe impl Trace for Managed {
    const SPREAD: u32 = spread_of("Managed");
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.owners.trace(visitor);
    }
}
