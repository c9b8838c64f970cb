//! Objects whose block is more than their Rust type: strings with their bytes,
//! tuples and instances with their values, generators with their frame.
//!
//! The type that handles name (`Str`, `Tuple`, ...) is the *head*; the rest of
//! the block follows it and is reached from the header pointer, never from a
//! reference to the head. Each such type brings a table of its own
//! ([`TypeInfo`]) that knows the whole block, and says so to the death path by
//! [`Trace::TAILED`](crate::gc::trace::Trace::TAILED).

use std::alloc::Layout;
use std::any::TypeId;
use std::marker::PhantomData;

use super::value::Kind;
use crate::gc::collector::visitors::{Traced, Visits};
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::Header;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::type_info::{TypeInfo, line_of};
use crate::heap::Heap;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;

/// How a table treats the whole block of an object whose head is `Head`.
///
/// # Safety
/// 1. `trace` keeps the duties of [`Trace`] for everything in the block.
/// 2. `drop` drops everything in the block that needs it, once.
///    `EDGES_ONLY` is said only where that is true.
/// 3. Nothing is touched that [`alloc`]'s `fill` did not write. `bytes` is the
///    block's room from the header on, the same number in all three.
pub(crate) unsafe trait Block: 'static {
    /// The type that handles name.
    type Head: Trace;
    /// Shown in reports.
    const NAME: &'static str;
    /// Whether a block needs `drop` at all.
    const DROPS: bool;
    /// Whether `drop` runs no code that can panic.
    const QUIET: bool;
    /// Whether `drop` does nothing but give up the edges that `trace` visits.
    const EDGES_ONLY: bool = false;
    /// The finalizer of blocks with this table.
    const FINALIZE: Option<fn(&Gc<Self::Head>)> = None;
    /// See [`TypeInfo::calls_back_first`].
    const CALLS_BACK_FIRST: bool = false;

    /// The table of these blocks: one address per kind, so that all of them
    /// share their pages. A `static` where the kind is not generic.
    fn table() -> &'static TypeInfo;

    /// Visits every owned edge of the block (`bytes` from the header on) once.
    ///
    /// # Safety
    /// 1. `header` belongs to a live block with this table.
    unsafe fn trace<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V);

    /// Drops what the block holds.
    ///
    /// # Safety
    /// 1. `header` belongs to a block with this table; nobody else reaches its
    ///    content, which is dropped only here.
    unsafe fn drop(header: *mut Header, bytes: usize);
}

/// The table of a kind of block.
pub(crate) trait BlockTable: Block {
    /// One constant per kind.
    const TABLE: TypeInfo;
}

impl<B: Block> BlockTable for B {
    const TABLE: TypeInfo = TypeInfo {
        type_id: TypeId::of::<B::Head>,
        name: || B::NAME,
        holds: <B::Head as Trace>::HOLDS,
        line: line_of::<B::Head>(),
        value_kind: Kind::of_type(<B::Head as Trace>::VALUE_KIND),
        weak: <B::Head as Trace>::WEAK,
        quiet_drop: B::QUIET,
        trace: Visits::of::<Edges<B>>(),
        drop: if B::DROPS {
            Some(drop_block::<B>)
        } else {
            None
        },
        finalize: if B::FINALIZE.is_some() {
            Some(finalize::<B>)
        } else {
            None
        },
        calls_back_first: B::CALLS_BACK_FIRST,
        untracks_in: <B::Head as Trace>::UNTRACKS_IN,
    };
}

/// [`Traced`] for blocks of kind `B`.
struct Edges<B>(PhantomData<B>);

// SAFETY: both are what the kind says of itself.
unsafe impl<B: Block> Traced for Edges<B> {
    const EDGES_ONLY: bool = B::EDGES_ONLY;
    #[inline]
    unsafe fn trace<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V) {
        // SAFETY: the caller passes a live block of this kind.
        unsafe { B::trace(header, bytes, visitor) };
    }
}

unsafe fn drop_block<B: Block>(header: *mut Header, bytes: usize) {
    // SAFETY: the caller drops a block with this table, once.
    unsafe { B::drop(header, bytes) };
}

unsafe fn finalize<B: Block>(header: *mut Header) {
    if let Some(hook) = B::FINALIZE {
        // SAFETY: the caller passes a live block and owns a count of it, which
        // `ManuallyDrop` leaves alone.
        let handle = std::mem::ManuallyDrop::new(unsafe { Gc::from_header(header) });
        hook(&handle);
    }
}

/// The head behind a header.
///
/// # Safety
/// 1. `header` belongs to a live block whose head is `H`, for `'a`.
#[inline]
pub(crate) unsafe fn head<'a, H>(header: *const Header) -> &'a H {
    // SAFETY: duty 1.
    unsafe { GcBox::<H>::value(header) }
}

/// Bytes from the header to a tail of `E` behind a head `H`.
pub(crate) const fn tail_offset<H, E>() -> usize {
    size_of::<GcBox<H>>().next_multiple_of(align_of::<E>())
}

/// The first place of the tail.
#[inline]
pub(crate) fn tail<H, E>(header: *const Header) -> *mut E {
    header
        .cast_mut()
        .wrapping_byte_add(tail_offset::<H, E>())
        .cast()
}

/// Places of `E` behind a head `H` in a block of `bytes`.
#[inline]
pub(crate) const fn room<H, E>(bytes: usize) -> usize {
    (bytes - tail_offset::<H, E>()) / size_of::<E>()
}

/// The layout of a head with `len` places of `E` behind it.
///
/// # Errors
/// When it overflows.
#[inline]
pub(crate) fn layout<H, E>(len: usize) -> Result<Layout, AllocError> {
    let align = if align_of::<GcBox<H>>() > align_of::<E>() {
        align_of::<GcBox<H>>()
    } else {
        align_of::<E>()
    };
    size_of::<E>()
        .checked_mul(len)
        .and_then(|bytes| bytes.checked_add(tail_offset::<H, E>()))
        .and_then(|bytes| Layout::from_size_align(bytes, align).ok())
        .ok_or(AllocError::OutOfMemory { bytes: usize::MAX })
}

/// Makes an object of kind `B`. A collection that is due runs before.
///
/// # Errors
/// When the heap has no room.
///
/// # Safety
/// 1. `layout` fits what `fill` writes and what the table of `B` touches.
/// 2. `fill` writes the head and everything the table touches. It may run user
///    code: until it is done the block is vacant, invisible to everybody. When
///    it panics it has dropped what it wrote; the block is given back.
#[inline]
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(crate) unsafe fn alloc<B: Block>(
    heap: &Heap,
    layout: Layout,
    fill: impl FnOnce(*mut Header, usize),
) -> Result<Gc<B::Head>, AllocError> {
    // SAFETY: duties 1 and 2; the table's head is `B::Head`.
    unsafe {
        let header = heap.core().alloc_block(B::table(), layout, fill)?;
        Ok(Gc::from_header(header.as_ptr()))
    }
}

/// The same for an object that is made in the middle of something: no collection
/// runs, and `fill` runs no user code.
///
/// # Errors
/// When the heap has no room.
///
/// # Safety
/// 1. As of [`alloc`]; and `fill` does not panic.
#[inline]
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(crate) unsafe fn alloc_quietly<B: Block>(
    core: &HeapCore,
    layout: Layout,
    fill: impl FnOnce(*mut Header),
) -> Result<Gc<B::Head>, AllocError> {
    // SAFETY: duty 1; the table's head is `B::Head`.
    unsafe {
        let header = core.alloc_block_quietly(B::table(), layout, fill)?;
        Ok(Gc::from_header(header.as_ptr()))
    }
}
