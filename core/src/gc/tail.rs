//! Objects with a tail: one block that holds a head and a row of items.

use std::alloc::Layout;
use std::any::TypeId;
use std::marker::PhantomData;
use std::ops::Deref;

use super::collector::visitors::{Traced, Visits};
use super::handle::{Gc, GcAny, GcBox};
use super::header::Header;
use super::trace::{Trace, Visitor};
use super::type_info::{TypeInfo, line_of};
use crate::alloc::page::describe;
use crate::object::Kind;

/// A head followed by items in the same block, made by
/// [`Heap::alloc_with_tail`](crate::Heap::alloc_with_tail).
///
/// The number of items is the room of the block: blocks come in steps, and
/// places beyond the items given are filled with `E::default()`. A type that
/// needs its exact length stores it in the head.
///
/// ```
/// use std::cell::Cell;
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let row = heap.alloc_with_tail(3_usize, [10, 20, 30].into_iter().map(Cell::new));
/// assert_eq!(row.tail()[1].get(), 20);
/// assert!(row.tail().len() >= **row, "the head knows the exact number");
/// ```
#[repr(C)]
pub struct Tailed<H, E> {
    head: H,
    items: PhantomData<E>,
}

impl<H, E> Deref for Tailed<H, E> {
    type Target = H;
    #[inline]
    fn deref(&self) -> &H {
        &self.head
    }
}

impl<H: Trace, E: Trace> Gc<Tailed<H, E>> {
    /// The items: as many as the block has room for.
    #[inline]
    pub fn tail(&self) -> &[E] {
        // SAFETY: a handle keeps the block alive, all of it is initialised.
        unsafe {
            let (_, bytes) = describe(self.header());
            items::<H, E>(self.header(), bytes)
        }
    }
}

// SAFETY: never used for tracing: blocks with a tail have tables of their own
// (`TailInfo`), which trace head and items.
unsafe impl<H: Trace, E: Trace> Trace for Tailed<H, E> {
    const HOLDS: bool = H::HOLDS || E::HOLDS;
    const QUIET_DROP: bool = H::QUIET_DROP && E::QUIET_DROP;
    const TAILED: bool = true;
    const UNTRACKS_IN: Option<u32> = H::UNTRACKS_IN;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.head.trace(visitor);
    }
}

/// Where items begin, counted from the header.
const fn offset<H, E>() -> usize {
    size_of::<GcBox<Tailed<H, E>>>().next_multiple_of(align_of::<E>())
}

/// The block of a head with `items` items; `None` when it overflows.
pub(crate) fn layout<H, E>(items: usize) -> Option<Layout> {
    const { assert!(size_of::<E>() > 0, "items of no size") };
    let bytes = size_of::<E>()
        .checked_mul(items)?
        .checked_add(offset::<H, E>())?;
    let align = align_of::<GcBox<H>>().max(align_of::<E>());
    Layout::from_size_align(bytes, align).ok()
}

/// Places in a block of `bytes`.
#[inline]
pub(crate) const fn room<H, E>(bytes: usize) -> usize {
    (bytes - offset::<H, E>()) / size_of::<E>()
}

#[inline]
pub(crate) fn first<H, E>(header: *const Header) -> *mut E {
    header.cast_mut().wrapping_byte_add(offset::<H, E>()).cast()
}

/// # Safety
/// 1. `header` belongs to a live block of `Tailed<H, E>` with `bytes` bytes.
#[inline]
unsafe fn items<'a, H, E>(header: *const Header, bytes: usize) -> &'a [E] {
    // SAFETY: duty 1: every place of the block is initialised.
    unsafe { std::slice::from_raw_parts(first::<H, E>(header), room::<H, E>(bytes)) }
}

/// [`Traced`] for a whole block.
struct HeadAndItems<H, E>(PhantomData<(H, E)>);

// SAFETY: the head and every item are visited once.
unsafe impl<H: Trace, E: Trace> Traced for HeadAndItems<H, E> {
    const EDGES_ONLY: bool = H::EDGES_ONLY && E::EDGES_ONLY;
    unsafe fn trace<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V) {
        // SAFETY: the caller passes a live block of this type.
        unsafe {
            GcBox::<Tailed<H, E>>::value(header).head.trace(visitor);
            if E::HOLDS {
                for (index, item) in items::<H, E>(header, bytes).iter().enumerate() {
                    visitor.at_index(index);
                    item.trace(visitor);
                }
            }
        }
    }
}

unsafe fn drop_all<H: Trace, E: Trace>(header: *mut Header, bytes: usize) {
    // SAFETY: the caller drops a live block of this type, once. Items go
    // first, in order, like the fields of a tuple; then the head.
    unsafe {
        let row = std::ptr::slice_from_raw_parts_mut(first::<H, E>(header), room::<H, E>(bytes));
        row.drop_in_place();
        GcBox::<Tailed<H, E>>::value_ptr(header).drop_in_place();
    }
}

unsafe fn finalize_head<H: Trace>(header: *mut Header) {
    if let Some(hook) = H::FINALIZE_TAILED {
        // SAFETY: the collector passes a live block and owns a count of it,
        // which `ManuallyDrop` leaves alone.
        let handle = std::mem::ManuallyDrop::new(unsafe { GcAny::from_header(header) });
        hook(&handle);
    }
}

/// The tables of types with a tail.
pub(crate) trait TailInfo<E> {
    /// The table of `Tailed<Self, E>`.
    const INFO: TypeInfo;
}

impl<H: Trace, E: Trace> TailInfo<E> for H {
    const INFO: TypeInfo = TypeInfo {
        type_id: TypeId::of::<Tailed<H, E>>,
        name: std::any::type_name::<H>,
        holds: H::HOLDS || E::HOLDS,
        line: line_of::<H>(),
        value_kind: Kind::of_type(H::VALUE_KIND),
        weak: false,
        quiet_drop: H::QUIET_DROP && E::QUIET_DROP,
        trace: Visits::of::<HeadAndItems<H, E>>(),
        drop: if std::mem::needs_drop::<H>() || std::mem::needs_drop::<E>() {
            Some(drop_all::<H, E>)
        } else {
            None
        },
        finalize: match H::FINALIZE_TAILED {
            Some(_) => Some(finalize_head::<H>),
            None => None,
        },
        calls_back_first: false,
        untracks_in: H::UNTRACKS_IN,
    };
}

/// The table of `Tailed<H, E>`.
pub(crate) const fn info<H: Trace, E: Trace>() -> &'static TypeInfo {
    &<H as TailInfo<E>>::INFO
}
