//! [`BufferExport`]: a view's bytes in place, for native code.

use std::cell::Cell;

use super::BufferError;
use super::view::MemoryView;
use crate::gc::handle::Gc;

impl Gc<MemoryView> {
    /// A raw buffer got from this very view: while it exists the view cannot be
    /// released.
    ///
    /// # Errors
    /// When the view is released or has steps.
    pub fn export(&self) -> Result<BufferExport, BufferError> {
        self.usable()?;
        if !self.is_contiguous() {
            return Err(BufferError::NotContiguous);
        }
        self.exports.set(self.exports.get() + 1);
        Ok(BufferExport { view: self.clone() })
    }
}

/// A raw buffer on a contiguous view's bytes, for native code that reads or
/// writes them in place.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{BufferError, ByteArray, MemoryView, Value};
/// let heap = Heap::new();
/// let array = ByteArray::new(&heap, b"abc");
/// let view = MemoryView::new(&heap, &Value::from(&array)).unwrap();
/// let export = view.export().unwrap();
/// export.as_cells().unwrap()[0].set(b'A');
/// assert!(export.as_slice().is_none(), "anybody could write to it");
/// assert_eq!(view.release(), Err(BufferError::InUse(1)));
/// drop(export);
/// view.release().unwrap();
/// assert_eq!(array.to_vec(), b"Abc");
/// ```
pub struct BufferExport {
    view: Gc<MemoryView>,
}

impl BufferExport {
    fn len(&self) -> usize {
        self.view.len * self.view.format.size()
    }

    fn start(&self) -> *mut u8 {
        self.view.managed.start().wrapping_add(self.view.offset)
    }

    /// The bytes of immutable memory; `None` when anybody could write to it.
    pub fn as_slice(&self) -> Option<&[u8]> {
        if !self.view.managed.is_read_only() {
            return None;
        }
        // SAFETY: the export is held by the view, which cannot be released;
        // the exporter's bytes never change.
        Some(unsafe { std::slice::from_raw_parts(self.start(), self.len()) })
    }

    /// The bytes as cells, which others may write to as well; `None` when the
    /// view is read-only.
    pub fn as_cells(&self) -> Option<&[Cell<u8>]> {
        if self.view.read_only {
            return None;
        }
        // SAFETY: the export is held by the view, which cannot be released, so
        // the array's bytes stay in place; no plain reference to them lives
        // longer than a method of the array that runs no user code.
        Some(unsafe { std::slice::from_raw_parts(self.start().cast::<Cell<u8>>(), self.len()) })
    }
}

impl Drop for BufferExport {
    fn drop(&mut self) {
        self.view.exports.set(self.view.exports.get() - 1);
    }
}
