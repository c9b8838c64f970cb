//! What the heap knows of a type: one constant table of functions per type,
//! found through the page of an object (or its prefix).

use std::any::TypeId;

use super::collector::visitors::{Visits, Whole};
use super::handle::{Gc, GcBox};
use super::header::Header;
use super::trace::Trace;
use crate::object::Kind;

/// The table of one type. Two tables of the same type may exist (constants
/// are not unique across codegen units); compare [`TypeInfo::type_id`].
///
/// ```
/// use exuvia_core::{Gc, Heap};
/// let heap = Heap::new();
/// let info = Gc::erase(heap.alloc(1_u32)).type_info();
/// assert_eq!(info.name(), "u32");
/// assert_eq!(info.type_id(), std::any::TypeId::of::<u32>());
/// ```
pub struct TypeInfo {
    pub(crate) type_id: fn() -> TypeId,
    pub(crate) name: fn() -> &'static str,
    /// Can an instance hold references at all?
    pub(crate) holds: bool,
    /// Where the type's lines of the allocator's page cache begin.
    pub(crate) line: u8,
    /// The value of the object model that an object makes.
    pub(crate) value_kind: Kind,
    /// Is it a weak reference?
    pub(crate) weak: bool,
    /// May user code run while a value is dropped?
    pub(crate) quiet_drop: bool,
    pub(crate) trace: Visits,
    /// `(header, bytes of its block from the header on)`.
    pub(crate) drop: Option<unsafe fn(*mut Header, usize)>,
    pub(crate) finalize: Option<unsafe fn(*mut Header)>,
    /// At a death by count, are weak references cleared and called back before
    /// the finalizer runs? CPython's generators alone do so.
    pub(crate) calls_back_first: bool,
    /// CPython's untracking of tuples and dicts; see [`Trace::UNTRACKS_IN`].
    pub(crate) untracks_in: Option<u32>,
}

impl TypeInfo {
    /// The Rust name of the type.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }

    /// The Rust identity of the type.
    pub fn type_id(&self) -> TypeId {
        (self.type_id)()
    }

    #[inline]
    pub(crate) const fn of<T: Trace>() -> &'static TypeInfo {
        &<T as HasInfo>::INFO
    }
}

trait HasInfo: Trace {
    const INFO: TypeInfo = TypeInfo {
        type_id: TypeId::of::<Self>,
        name: std::any::type_name::<Self>,
        holds: Self::HOLDS,
        line: line_of::<Self>(),
        value_kind: Kind::of_type(Self::VALUE_KIND),
        weak: Self::WEAK,
        quiet_drop: Self::QUIET_DROP,
        trace: Visits::of::<Whole<Self>>(),
        drop: if std::mem::needs_drop::<Self>() {
            Some(|header, _| {
                // SAFETY: the caller passes a `GcBox<Self>` whose value nobody
                // else can reach and that is dropped once.
                unsafe { GcBox::<Self>::value_ptr(header).drop_in_place() }
            })
        } else {
            None
        },
        finalize: match Self::FINALIZE {
            Some(_) => Some(finalize::<Self>),
            None => None,
        },
        calls_back_first: false,
        untracks_in: Self::UNTRACKS_IN,
    };
}

impl<T: Trace> HasInfo for T {}

/// Spreads types over the lines of the page cache by what is constant of them:
/// neither linker nor machine decide which types share one.
pub(crate) const fn line_of<T: Trace>() -> u8 {
    let promises = (T::HOLDS as u32) << 1 | T::QUIET_DROP as u32;
    let shape = (size_of::<T>() as u32) << 8 | (T::VALUE_KIND as u32) << 2 | promises;
    ((T::SPREAD ^ shape).wrapping_mul(0x9E37_79B9) >> 24) as u8
}

/// Calls the finalizer with a borrowed handle: the caller holds a count.
///
/// # Safety
/// 1. `header` belongs to a live `GcBox<T>`.
/// 2. The caller owns one count of it for the whole call.
pub(crate) unsafe fn finalize<T: Trace>(header: *mut Header) {
    if let Some(hook) = T::FINALIZE {
        // SAFETY: duty 1; `ManuallyDrop` leaves the caller's count (duty 2) alone.
        let handle = std::mem::ManuallyDrop::new(unsafe { Gc::<T>::from_header(header) });
        hook(&handle);
    }
}
