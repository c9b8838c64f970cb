//! [`Tuple`]: an immutable row of values in one block.
//!
//! ```text
//!   header 8 | length 8 | values
//! ```
//!
//! Tracked from its creation and untracked by the first collection that finds
//! nothing tracked in it, as in CPython 3.13; the empty one is never tracked.

use std::fmt;

use super::block::{self, Block, BlockTable};
use super::list::no_room;
use super::value::{Kind, Value};
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::Header;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::type_info::TypeInfo;
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// A Python tuple: the head of the block that holds its values.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Tuple, Value};
/// let heap = Heap::new();
/// let pair = Tuple::new(&heap, [Value::small(1), Value::NONE].into_iter());
/// assert_eq!(pair.len(), 2);
/// assert_eq!(pair.get(0), Some(Value::small(1)));
/// ```
pub struct Tuple {
    len: usize,
}

impl Tuple {
    /// A tuple of what `items` yields.
    ///
    /// # Panics
    /// When the heap has no room; when `items` yields another number of values
    /// than it says.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, items: impl ExactSizeIterator<Item = Value>) -> Gc<Tuple> {
        Tuple::try_new(heap, items).unwrap_or_else(|error| no_room(&error))
    }

    /// A tuple of what `items` yields.
    ///
    /// # Errors
    /// When the heap has no room.
    ///
    /// # Panics
    /// When `items` yields another number of values than it says.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new(
        heap: &Heap,
        items: impl ExactSizeIterator<Item = Value>,
    ) -> Result<Gc<Tuple>, AllocError> {
        let len = items.len();
        let layout = block::layout::<Tuple, Value>(len)?;
        // SAFETY: `fill` writes the head and every place, or drops what it wrote.
        let tuple = unsafe {
            block::alloc::<Tuple>(heap, layout, |header, _| {
                fill(block::tail::<Tuple, Value>(header), len, items);
                GcBox::<Tuple>::value_ptr(header).write(Tuple { len });
            })
        }?;
        if len == 0 {
            Gc::set_tracked(&tuple, false);
        }
        Ok(tuple)
    }

    /// Number of values.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// # Safety
    /// 1. `header` belongs to a tuple whose values are not dropped in `'a`.
    #[inline]
    unsafe fn items_of<'a>(header: *const Header) -> &'a [Value] {
        // SAFETY: duty 1; all places are initialised from the beginning.
        unsafe {
            let len = block::head::<Tuple>(header).len;
            std::slice::from_raw_parts(block::tail::<Tuple, Value>(header), len)
        }
    }
}

impl Gc<Tuple> {
    /// The values.
    #[inline]
    pub fn as_slice(&self) -> &[Value] {
        // SAFETY: the handle keeps the tuple, whose values never change.
        unsafe { Tuple::items_of(self.header()) }
    }

    /// A clone of the value at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Value> {
        self.as_slice().get(index).cloned()
    }
}

/// Values written so far; drops them when the items panic or run short.
struct Filled {
    first: *mut Value,
    len: usize,
}

impl Drop for Filled {
    fn drop(&mut self) {
        // SAFETY: the first `len` places are initialised and ours.
        unsafe { std::ptr::slice_from_raw_parts_mut(self.first, self.len).drop_in_place() };
    }
}

/// Writes `len` values from `first` on.
///
/// # Safety
/// 1. There is room for `len` values, which nobody else reaches.
unsafe fn fill(first: *mut Value, len: usize, items: impl Iterator<Item = Value>) {
    let mut filled = Filled { first, len: 0 };
    for item in items.take(len) {
        // SAFETY: duty 1; `take` stops at the length.
        unsafe { first.add(filled.len).write(item) };
        filled.len += 1;
    }
    assert_eq!(filled.len, len, "an exact iterator yields what it says");
    std::mem::forget(filled);
}

// SAFETY: each value is visited and dropped once.
unsafe impl Block for Tuple {
    type Head = Tuple;
    const NAME: &'static str = "exuvia_core::object::Tuple";
    const DROPS: bool = true;
    const QUIET: bool = true;
    const EDGES_ONLY: bool = true;

    #[inline]
    fn table() -> &'static TypeInfo {
        static TABLE: TypeInfo = <Tuple as BlockTable>::TABLE;
        &TABLE
    }

    #[inline]
    unsafe fn trace<V: Visitor>(header: *const Header, _: usize, visitor: &mut V) {
        // SAFETY: the caller's duty.
        for (index, item) in unsafe { Tuple::items_of(header) }.iter().enumerate() {
            visitor.at_index(index);
            item.trace(visitor);
        }
    }

    unsafe fn drop(header: *mut Header, _: usize) {
        // SAFETY: the caller drops the block once; last value first, as CPython.
        unsafe {
            let len = block::head::<Tuple>(header).len;
            let first = block::tail::<Tuple, Value>(header);
            for index in (0..len).rev() {
                first.add(index).drop_in_place();
            }
        }
    }
}

// SAFETY: only the table of the whole block traces a tuple; the head alone
// holds no reference.
unsafe impl Trace for Tuple {
    const VALUE_KIND: u8 = Kind::Tuple as u8;
    const QUIET_DROP: bool = true;
    const TAILED: bool = true;
    const DROP_BLOCK: Option<unsafe fn(*mut u8, usize)> = Some(|header, bytes| {
        // SAFETY: the caller drops a block of this type, once.
        unsafe { <Tuple as Block>::drop(header.cast(), bytes) };
    });
    const UNTRACKS_IN: Option<u32> = Some(0);
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<tuple of {}>", self.len)
    }
}
