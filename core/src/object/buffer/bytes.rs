//! [`Bytes`]: immutable bytes in one block.
//!
//! ```text
//!   header 8 | length 8 | bytes
//! ```

use std::fmt;

use super::super::block::{self, Block, BlockTable};
use super::super::list::no_room;
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::Header;
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::gc::type_info::TypeInfo;
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// Python's `bytes`: the head of the block that holds them. As dict keys they
/// compare by content.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::Bytes;
/// let heap = Heap::new();
/// let bytes = Bytes::new(&heap, b"spam");
/// assert_eq!(bytes.as_slice(), b"spam");
/// drop(bytes);
/// assert_eq!(heap.live_objects(), 0);
/// ```
pub struct Bytes {
    len: usize,
}

impl Bytes {
    /// A bytes object.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, bytes: &[u8]) -> Gc<Bytes> {
        Bytes::try_new(heap, bytes).unwrap_or_else(|error| no_room(&error))
    }

    /// Fallible [`Bytes::new`].
    ///
    /// # Errors
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new(heap: &Heap, bytes: &[u8]) -> Result<Gc<Bytes>, AllocError> {
        let len = bytes.len();
        let layout = block::layout::<Bytes, u8>(len)?;
        // SAFETY: the layout has room for head and bytes, and both are written.
        unsafe {
            block::alloc::<Bytes>(heap, layout, |header, _| {
                GcBox::<Bytes>::value_ptr(header).write(Bytes { len });
                bytes
                    .as_ptr()
                    .copy_to_nonoverlapping(block::tail::<Bytes, u8>(header), len);
            })
        }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first byte behind a header.
    pub(super) fn start(header: *const Header) -> *mut u8 {
        block::tail::<Bytes, u8>(header)
    }
}

impl Gc<Bytes> {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the handle keeps the block; its bytes never change.
        unsafe { std::slice::from_raw_parts(Bytes::start(self.header()), self.len) }
    }
}

// SAFETY: bytes hold no reference and need no drop.
unsafe impl Block for Bytes {
    type Head = Bytes;
    const NAME: &'static str = "exuvia_core::object::Bytes";
    const DROPS: bool = false;
    const QUIET: bool = true;

    #[inline]
    fn table() -> &'static TypeInfo {
        static TABLE: TypeInfo = <Bytes as BlockTable>::TABLE;
        &TABLE
    }

    unsafe fn trace<V: Visitor>(_: *const Header, _: usize, _: &mut V) {}

    unsafe fn drop(_: *mut Header, _: usize) {}
}

// SAFETY: holds no reference.
unsafe impl Trace for Bytes {
    const SPREAD: u32 = spread_of("Bytes");
    const HOLDS: bool = false;
    const QUIET_DROP: bool = true;
    const TAILED: bool = true;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<bytes of {}>", self.len)
    }
}
