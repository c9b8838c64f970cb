//! [`Str`]: immutable text in one block, with its hash cached, and interning.
//!
//! ```text
//!   header 8 | hash 4 | length and interned bit 4 | UTF-8 bytes
//! ```
//!
//! An interned string is mortal: the heap's table does not count it, and its
//! entry goes when the string dies.

use std::cell::Cell;
use std::fmt;

use super::block::{self, Block, BlockTable};
use super::hash;
use super::list::no_room;
use super::value::Kind;
use crate::alloc::page::core_of;
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::Header;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::type_info::TypeInfo;
use crate::heap::Heap;
use crate::heap::errors::AllocError;

const INTERNED: u32 = 1 << 31;
/// Longest string in bytes.
const MAX_BYTES: usize = (INTERNED - 1) as usize;

/// A Python string: the head of the block that holds its text.
///
/// ```
/// use exuvia_core::{Gc, Heap};
/// use exuvia_core::object::Str;
/// let heap = Heap::new();
/// let a = Str::intern(&heap, "name");
/// let b = Str::intern(&heap, "name");
/// assert!(Gc::ptr_eq(&a, &b));
/// assert_eq!(a.as_str(), "name");
/// ```
pub struct Str {
    /// 0 until it is asked for.
    hash: Cell<u32>,
    /// Bytes, and `INTERNED`.
    length: Cell<u32>,
}

const _: () = assert!(size_of::<Str>() == 8);

impl Str {
    /// A new string object.
    ///
    /// # Panics
    /// When the heap has no room, or `text` has 2 GiB or more.
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, text: &str) -> Gc<Str> {
        Str::try_new(heap, text).unwrap_or_else(|error| no_room(&error))
    }

    /// A new string object.
    ///
    /// # Errors
    /// When the heap has no room, or `text` has 2 GiB or more.
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new(heap: &Heap, text: &str) -> Result<Gc<Str>, AllocError> {
        let bytes = text.len();
        if bytes > MAX_BYTES {
            return Err(AllocError::OutOfMemory { bytes });
        }
        let layout = block::layout::<Str, u8>(bytes)?;
        // SAFETY: the layout has room for head and text, and both are written.
        unsafe {
            block::alloc::<Str>(heap, layout, |header, _| {
                GcBox::<Str>::value_ptr(header).write(Str {
                    hash: Cell::new(0),
                    length: Cell::new(bytes as u32),
                });
                text.as_ptr()
                    .copy_to_nonoverlapping(block::tail::<Str, u8>(header), bytes);
            })
        }
    }

    /// The heap's one string of this text (Python's `sys.intern`).
    ///
    /// # Panics
    /// As [`Str::new`].
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn intern(heap: &Heap, text: &str) -> Gc<Str> {
        let hash = hash::of_text(text);
        let table = &heap.core().objects.interned;
        // SAFETY: members of the table are this heap's strings, not yet freed.
        if let Some(known) = unsafe { table.find(hash, text) } {
            return known;
        }
        let string = Str::new(heap, text);
        string.enter_table(heap, hash);
        string
    }

    pub(crate) fn is_interned(&self) -> bool {
        self.length.get() & INTERNED != 0
    }

    #[inline]
    pub(crate) fn byte_len(&self) -> usize {
        (self.length.get() & !INTERNED) as usize
    }

    /// The text behind a header.
    ///
    /// # Safety
    /// 1. `header` belongs to a string that is not freed during `'a`.
    #[inline]
    pub(crate) unsafe fn text_of<'a>(header: std::ptr::NonNull<Header>) -> &'a str {
        let header = header.as_ptr();
        // SAFETY: duty 1; the tail holds the bytes of a `&str`.
        unsafe {
            let len = block::head::<Str>(header).byte_len();
            let bytes = std::slice::from_raw_parts(block::tail::<Str, u8>(header), len);
            std::str::from_utf8_unchecked(bytes)
        }
    }

    /// The hash of the text behind a header, cached.
    ///
    /// # Safety
    /// 1. As [`Str::text_of`].
    #[inline]
    pub(crate) unsafe fn hash_of(header: std::ptr::NonNull<Header>) -> u32 {
        // SAFETY: duty 1.
        let head = unsafe { block::head::<Str>(header.as_ptr()) };
        match head.hash.get() {
            // SAFETY: duty 1.
            0 => unsafe { Str::compute_hash(head, header) },
            known => known,
        }
    }

    #[cold]
    unsafe fn compute_hash(head: &Str, header: std::ptr::NonNull<Header>) -> u32 {
        // SAFETY: the caller's duty.
        let hash = hash::of_text(unsafe { Str::text_of(header) });
        head.hash.set(hash);
        hash
    }
}

impl Gc<Str> {
    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: the handle keeps the string for the result's life.
        unsafe { Str::text_of(self.header_non_null()) }
    }

    /// Whether this is the heap's one interned string of its text.
    pub fn is_interned(this: &Self) -> bool {
        Str::is_interned(this)
    }

    #[inline]
    pub(crate) fn text_hash(&self) -> u32 {
        // SAFETY: the handle keeps the string.
        unsafe { Str::hash_of(self.header_non_null()) }
    }

    #[inline]
    fn header_non_null(&self) -> std::ptr::NonNull<Header> {
        // SAFETY: never null; not by way of a reference, which would reach no
        // further than the header.
        unsafe { std::ptr::NonNull::new_unchecked(self.header().cast_mut()) }
    }

    /// This string if it is interned, else the interned one of its text; the
    /// string itself becomes that when there is none yet.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn interned(&self, heap: &Heap) -> Gc<Str> {
        if Str::is_interned(self) {
            return self.clone();
        }
        let hash = self.text_hash();
        // SAFETY: members of the table are this heap's strings, not yet freed.
        let known = unsafe { heap.core().objects.interned.find(hash, self.as_str()) };
        known.unwrap_or_else(|| {
            self.enter_table(heap, hash);
            self.clone()
        })
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn enter_table(&self, heap: &Heap, hash: u32) {
        self.hash.set(hash);
        self.length.set(self.length.get() | INTERNED);
        heap.core().objects.interned.insert(hash, self.header());
    }
}

// SAFETY: a string holds no reference; dropping one only removes its entry.
unsafe impl Block for Str {
    type Head = Str;
    const NAME: &'static str = "exuvia_core::object::Str";
    const DROPS: bool = true;
    const QUIET: bool = true;

    #[inline]
    fn table() -> &'static TypeInfo {
        static TABLE: TypeInfo = <Str as BlockTable>::TABLE;
        &TABLE
    }

    unsafe fn trace<V: Visitor>(_: *const Header, _: usize, _: &mut V) {}

    #[inline]
    unsafe fn drop(header: *mut Header, _: usize) {
        // SAFETY: the caller passes a dying string; its core is alive.
        unsafe {
            let head = block::head::<Str>(header);
            if head.is_interned() {
                let core = &*core_of(header);
                core.objects.interned.remove(head.hash.get(), header);
            }
        }
    }
}

// SAFETY: holds no reference.
unsafe impl Trace for Str {
    const VALUE_KIND: u8 = Kind::Str as u8;
    const HOLDS: bool = false;
    const QUIET_DROP: bool = true;
    const TAILED: bool = true;
    const DROP_BLOCK: Option<unsafe fn(*mut u8, usize)> = Some(|header, bytes| {
        // SAFETY: the caller drops a block of this type, once.
        unsafe { <Str as Block>::drop(header.cast(), bytes) };
    });
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<str of {} bytes>", self.byte_len())
    }
}
