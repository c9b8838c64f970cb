//! Bytes and views on them: Python's buffer protocol.
//!
//! | file | what |
//! |---|---|
//! | `bytes`, `bytearray` | the exporters: one immutable, one that grows |
//! | `managed` | one export of an exporter, shared by all views on it |
//! | `view`, `shape` | [`MemoryView`]: slices, casts, items |
//! | `export` | a view's bytes in place |
//! | `format` | what an item of a view is |
//!
//! A bytearray counts its exports and refuses to change its length while there
//! is one, so its items stay where they are. They are read and written by
//! copying single items through the raw pointer; no reference to them is ever
//! made, so views of one buffer may overlap.

mod bytearray;
mod bytes;
mod export;
mod format;
mod managed;
mod shape;
mod view;

use std::error::Error;
use std::fmt;

pub use bytearray::ByteArray;
pub use bytes::Bytes;
pub use export::BufferExport;
pub use format::Format;
pub use view::MemoryView;

use super::value::Value;

/// Why a buffer cannot do what was asked; the names are Python's exceptions.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{BufferError, ByteArray, MemoryView, Value};
/// let heap = Heap::new();
/// let array = ByteArray::new(&heap, b"abc");
/// let view = MemoryView::new(&heap, &Value::from(&array)).unwrap();
/// assert_eq!(array.push(&heap, b'd'), Err(BufferError::Exported));
/// view.release().unwrap();
/// assert_eq!(view.len(), Err(BufferError::Released));
/// array.push(&heap, b'd').unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BufferError {
    /// A view was released (ValueError).
    Released,
    /// A bytearray's length cannot change while a view exists (BufferError).
    Exported,
    /// A view is still used by so many raw buffers (BufferError).
    InUse(usize),
    /// A write to memory that is read-only (TypeError).
    ReadOnly,
    /// Memory cannot be deleted (TypeError).
    Delete,
    /// An index beyond the length (IndexError).
    Index,
    /// A slice was assigned something of another length or format (ValueError).
    Structure,
    /// A step of 0 (ValueError).
    ZeroStep,
    /// A value that is no item of this format (TypeError).
    ItemType(Format),
    /// A number beyond the format's range (ValueError).
    ItemRange(Format),
    /// A cast of a view with steps (TypeError).
    NotContiguous,
    /// A cast between two formats of which none is bytes (TypeError).
    CastFormats,
    /// A length that is no multiple of the new item size (TypeError).
    CastLength,
    /// An object without bytes (TypeError).
    NotBytesLike(String),
    /// The hash of memory that can change (ValueError).
    HashWritable,
    /// The hash of items that are not bytes (ValueError).
    HashFormat,
}

impl fmt::Display for BufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BufferError::Released => {
                f.write_str("operation forbidden on released memoryview object")
            }
            BufferError::Exported => {
                f.write_str("Existing exports of data: object cannot be re-sized")
            }
            BufferError::InUse(count) => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(f, "memoryview has {count} exported buffer{plural}")
            }
            BufferError::ReadOnly => f.write_str("cannot modify read-only memory"),
            BufferError::Delete => f.write_str("cannot delete memory"),
            BufferError::Index => f.write_str("index out of bounds on dimension 1"),
            BufferError::Structure => {
                f.write_str("memoryview assignment: lvalue and rvalue have different structures")
            }
            BufferError::ZeroStep => f.write_str("slice step cannot be zero"),
            BufferError::ItemType(format) => {
                write!(f, "memoryview: invalid type for format '{}'", format.code())
            }
            BufferError::ItemRange(format) => {
                write!(
                    f,
                    "memoryview: invalid value for format '{}'",
                    format.code()
                )
            }
            BufferError::NotContiguous => {
                f.write_str("memoryview: casts are restricted to C-contiguous views")
            }
            BufferError::CastFormats => {
                f.write_str("memoryview: cannot cast between two non-byte formats")
            }
            BufferError::CastLength => {
                f.write_str("memoryview: length is not a multiple of itemsize")
            }
            BufferError::NotBytesLike(name) => {
                write!(
                    f,
                    "memoryview: a bytes-like object is required, not '{name}'"
                )
            }
            BufferError::HashWritable => f.write_str("cannot hash writable memoryview object"),
            BufferError::HashFormat => {
                f.write_str("memoryview: hashing is restricted to formats 'B', 'b' or 'c'")
            }
        }
    }
}

impl Error for BufferError {}

/// Equality of two exporters or views by content; `None` when one is neither.
pub(super) fn equal(a: &Value, b: &Value) -> Option<bool> {
    if let Some(view) = a.as_memory_view() {
        return Some(view.equals(b));
    }
    if let Some(view) = b.as_memory_view() {
        return Some(view.equals(a));
    }
    match (a.as_byte_array(), b.as_byte_array()) {
        (None, None) => None,
        _ => Some(content(a)? == content(b)?),
    }
}

/// A copy of an exporter's bytes.
fn content(value: &Value) -> Option<Vec<u8>> {
    if let Some(bytes) = value.as_bytes() {
        return Some(bytes.as_slice().to_vec());
    }
    value.as_byte_array().map(|array| array.to_vec())
}
