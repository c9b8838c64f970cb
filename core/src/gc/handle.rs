//! Counted handles: `Gc<T>` and the untyped `GcAny`.
//!
//! All arithmetic between a value and its header is here. Invariant *counted*:
//! every live handle is one unit of its object's count, and no reference to a
//! value is given out for longer than a handle is held.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use super::death;
use super::header::{COUNT_MASK, FINALIZED, Header, IMMORTAL, IMMORTAL_WORD, UNTRACKED};
use super::trace::{Edge, Trace, Visitor};
use super::type_info::TypeInfo;
use crate::alloc::page::{core_of, describe};
use crate::heap::Heap;

/// An object in memory.
#[repr(C)]
pub(crate) struct GcBox<T> {
    pub(crate) header: Header,
    pub(crate) value: T,
}

impl<T> GcBox<T> {
    /// # Safety
    /// 1. `header` is the header of a `GcBox<T>` whose value is initialised,
    ///    stays so and is not mutably borrowed for `'a`.
    #[inline]
    pub(crate) unsafe fn value<'a>(header: *const Header) -> &'a T {
        // SAFETY: duty 1.
        unsafe { &(*header.cast::<GcBox<T>>()).value }
    }

    #[inline]
    pub(crate) fn value_ptr(header: *mut Header) -> *mut T {
        header
            .wrapping_byte_add(std::mem::offset_of!(GcBox<T>, value))
            .cast()
    }
}

/// A counted handle on an object of a managed heap.
///
/// One non-null pointer: `Option<Gc<T>>` is 8 bytes too. Cloning is one
/// increment, dropping one decrement; when the last handle goes the object
/// dies at once, objects in unreachable cycles die in a collection.
///
/// ```
/// # use exuvia_core::{Gc, Heap};
/// let heap = Heap::new();
/// let a = heap.alloc(5);
/// let b = a.clone();
/// assert_eq!(*b, 5);
/// assert_eq!(Gc::ref_count(&a), 2);
/// ```
#[repr(transparent)]
pub struct Gc<T: Trace> {
    pointer: NonNull<GcBox<T>>,
    owns: PhantomData<GcBox<T>>,
}

const _: () = assert!(size_of::<Option<Gc<u64>>>() == 8);

/// One more reference.
///
/// # Safety
/// 1. `header` belongs to a live object.
#[inline]
#[cfg_attr(feature = "mutation", track_caller)]
pub(crate) unsafe fn retain(header: *const Header) {
    #[cfg(feature = "mutation")]
    // SAFETY: duty 1.
    if unsafe { super::mutation::loses(super::mutation::Change::Increment, header) } {
        return;
    }
    // SAFETY: duty 1.
    unsafe { retain_exactly(header) };
}

/// One more reference, whatever mutation is wanted.
///
/// # Safety
/// 1. `header` belongs to a live object.
#[inline]
pub(crate) unsafe fn retain_exactly(header: *const Header) {
    // SAFETY: duty 1.
    let word = unsafe { &(*header).word };
    let more = word.get().wrapping_add(1);
    word.set(more);
    if more & IMMORTAL != 0 {
        saturate(word);
    }
}

/// The count reached its end, or was there already: it stays.
#[cold]
fn saturate(word: &std::cell::Cell<u32>) {
    word.set(IMMORTAL_WORD);
}

impl<T: Trace> Gc<T> {
    /// Takes over one count.
    ///
    /// # Safety
    /// 1. `header` belongs to a live `GcBox<T>`.
    /// 2. The caller gives up one count of it.
    #[inline]
    pub(crate) unsafe fn from_header(header: *const Header) -> Gc<T> {
        // SAFETY: duty 1: not null.
        let pointer = unsafe { NonNull::new_unchecked(header.cast_mut().cast()) };
        Gc {
            pointer,
            owns: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn header(&self) -> *const Header {
        self.pointer.as_ptr().cast()
    }

    #[inline]
    pub(crate) fn header_ref(&self) -> &Header {
        // SAFETY: invariant *counted*: the object is alive.
        unsafe { self.pointer.cast().as_ref() }
    }

    /// Whether two handles are on the same object.
    #[inline]
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        a.pointer == b.pointer
    }

    /// References counted now; `u32::MAX` for an immortal object.
    pub fn ref_count(this: &Self) -> usize {
        count_shown(this.header_ref())
    }

    /// The object's address.
    pub fn address(this: &Self) -> usize {
        this.pointer.addr().get()
    }

    /// A handle on the heap that the object lives on.
    pub fn heap(this: &Self) -> Heap {
        heap_of(this.header())
    }

    /// The same reference without its type. No count moves.
    #[inline]
    pub fn erase(this: Self) -> GcAny {
        GcAny {
            pointer: ManuallyDrop::new(this).pointer.cast(),
            owns: PhantomData,
        }
    }

    /// Whether the finalizer was called already.
    pub fn is_finalized(this: &Self) -> bool {
        is_finalized(this.header_ref())
    }

    /// Makes the object immortal: its count never moves again, it is never
    /// freed, and what it refers to counts as held from outside.
    pub fn make_immortal(this: &Self) {
        this.header_ref().word.set(IMMORTAL_WORD);
    }

    /// Sets whether the collector examines the object (tuples and dicts).
    pub(crate) fn set_tracked(this: &Self, tracked: bool) {
        if tracked {
            this.header_ref().clear(UNTRACKED);
            // SAFETY: a handle keeps object and core alive.
            unsafe { (*core_of(this.header())).rejuvenate(NonNull::from(this.header_ref())) };
        } else {
            this.header_ref().set(UNTRACKED);
        }
    }
}

fn count_shown(header: &Header) -> usize {
    if header.is_immortal() {
        u32::MAX as usize
    } else {
        (header.word.get() & COUNT_MASK) as usize
    }
}

pub(crate) fn heap_of(header: *const Header) -> Heap {
    // SAFETY: the caller holds a handle, so object and core are alive.
    let core = unsafe { NonNull::new_unchecked(core_of(header)) };
    Heap::from_core(core)
}

impl<T: Trace> Deref for Gc<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: invariant *counted*.
        unsafe { &self.pointer.as_ref().value }
    }
}

impl<T: Trace> Clone for Gc<T> {
    #[inline]
    #[cfg_attr(feature = "mutation", track_caller)]
    fn clone(&self) -> Gc<T> {
        // SAFETY: invariant *counted*; the new handle owns the new count.
        unsafe {
            retain(self.header());
            Gc::from_header(self.header())
        }
    }
}

impl<T: Trace> Drop for Gc<T> {
    #[inline]
    fn drop(&mut self) {
        let header = self.header();
        #[cfg(feature = "mutation")]
        // SAFETY: invariant *counted*.
        if unsafe { super::mutation::loses(super::mutation::Change::Decrement, header) } {
            return;
        }
        let word = self.header_ref().word.get();
        let less = word.wrapping_sub(1);
        if less.cast_signed() > 0 {
            self.header_ref().word.set(less);
        } else {
            // SAFETY: this handle's count is given up here.
            unsafe { death::release_slow::<T>(header.cast_mut(), word) };
        }
    }
}

// SAFETY: a handle is one owned edge.
unsafe impl<T: Trace> Trace for Gc<T> {
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        visitor.edge(Edge(self.pointer.cast()));
    }
}

impl<T: Trace + fmt::Debug> fmt::Debug for Gc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A counted handle on an object of any type.
///
/// ```
/// use exuvia_core::{Gc, GcAny, Heap};
/// let heap = Heap::new();
/// let all: Vec<GcAny> = vec![Gc::erase(heap.alloc(1_u32)), Gc::erase(heap.alloc('a'))];
/// assert_eq!(all[0].downcast_ref::<u32>().map(|number| **number), Some(1));
/// assert!(all[1].is::<char>() && !all[1].is::<u32>());
/// assert_eq!(all[1].ref_count(), 1);
/// ```
#[repr(transparent)]
pub struct GcAny {
    pointer: NonNull<Header>,
    owns: PhantomData<*const ()>,
}

const _: () = assert!(size_of::<Option<GcAny>>() == 8);

impl GcAny {
    /// Takes over one count.
    ///
    /// # Safety
    /// 1. `header` belongs to a live object.
    /// 2. The caller gives up one count of it.
    #[inline]
    pub(crate) unsafe fn from_header(header: *const Header) -> GcAny {
        GcAny {
            // SAFETY: duty 1: not null.
            pointer: unsafe { NonNull::new_unchecked(header.cast_mut()) },
            owns: PhantomData,
        }
    }

    /// A new handle on a live object.
    ///
    /// # Safety
    /// 1. `header` belongs to a live object.
    #[cfg_attr(feature = "mutation", track_caller)]
    pub(crate) unsafe fn share(header: *const Header) -> GcAny {
        // SAFETY: duty 1; the handle owns the count just taken.
        unsafe {
            retain(header);
            GcAny::from_header(header)
        }
    }

    #[inline]
    pub(crate) fn header(&self) -> *const Header {
        self.pointer.as_ptr()
    }

    #[inline]
    pub(crate) fn header_ref(&self) -> &Header {
        // SAFETY: invariant *counted*.
        unsafe { self.pointer.as_ref() }
    }

    /// The table of the object's type.
    #[inline]
    pub fn type_info(&self) -> &'static TypeInfo {
        // SAFETY: invariant *counted*.
        unsafe { describe(self.header()) }.0
    }

    /// The Rust name of the object's type.
    pub fn type_name(&self) -> &'static str {
        self.type_info().name()
    }

    /// Bytes of the object's block from its header on.
    pub fn size(&self) -> usize {
        // SAFETY: invariant *counted*.
        unsafe { describe(self.header()) }.1
    }

    /// Whether the object is a `T`.
    #[inline]
    pub fn is<T: Trace>(&self) -> bool {
        let info = self.type_info();
        ptr::eq(info, TypeInfo::of::<T>()) || info.type_id() == TypeId::of::<T>()
    }

    /// The handle with its type.
    ///
    /// # Errors
    /// The handle itself, when the object is not a `T`.
    pub fn downcast<T: Trace>(self) -> Result<Gc<T>, GcAny> {
        if self.is::<T>() {
            // SAFETY: the type was checked; the count moves over.
            Ok(unsafe { Gc::from_header(ManuallyDrop::new(self).header()) })
        } else {
            Err(self)
        }
    }

    /// The handle with its type, borrowed.
    #[inline]
    pub fn downcast_ref<T: Trace>(&self) -> Option<&Gc<T>> {
        if self.is::<T>() {
            // SAFETY: the type was checked; both handles are one pointer.
            Some(unsafe { &*ptr::from_ref(self).cast::<Gc<T>>() })
        } else {
            None
        }
    }

    /// Whether two handles are on the same object.
    #[inline]
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        a.pointer == b.pointer
    }

    /// References counted now; `u32::MAX` for an immortal object.
    pub fn ref_count(&self) -> usize {
        count_shown(self.header_ref())
    }

    /// The object's address.
    pub fn address(&self) -> usize {
        self.pointer.addr().get()
    }

    /// A handle on the heap that the object lives on.
    pub fn heap(&self) -> Heap {
        heap_of(self.header())
    }

    /// Whether the finalizer was called already.
    pub fn is_finalized(&self) -> bool {
        is_finalized(self.header_ref())
    }
}

/// The bit has another meaning in types without a finalizer.
fn is_finalized(header: &Header) -> bool {
    // SAFETY: invariant *counted*: the caller's object is live.
    header.has(FINALIZED) && unsafe { describe(header) }.0.finalize.is_some()
}

impl Clone for GcAny {
    #[inline]
    #[cfg_attr(feature = "mutation", track_caller)]
    fn clone(&self) -> GcAny {
        // SAFETY: invariant *counted*.
        unsafe { GcAny::share(self.header()) }
    }
}

impl Drop for GcAny {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this handle's count is given up here.
        unsafe { release(self.header()) };
    }
}

/// Gives one count up, whatever the type.
///
/// # Safety
/// 1. `header` belongs to a live object.
/// 2. The caller owns the count it gives up.
#[inline]
#[cfg_attr(feature = "mutation", track_caller)]
pub(crate) unsafe fn release(header: *const Header) {
    #[cfg(feature = "mutation")]
    // SAFETY: duty 1.
    if unsafe { super::mutation::loses(super::mutation::Change::Decrement, header) } {
        return;
    }
    // SAFETY: the duties.
    unsafe { release_exactly(header) };
}

/// The same, whatever mutation is wanted.
///
/// # Safety
/// As [`release`].
#[inline]
pub(crate) unsafe fn release_exactly(header: *const Header) {
    // SAFETY: duty 1.
    let word = unsafe { &(*header).word };
    let less = word.get().wrapping_sub(1);
    if less.cast_signed() > 0 {
        word.set(less);
    } else {
        // SAFETY: duties 1 and 2.
        unsafe { death::release_slow_any(header.cast_mut(), word.get()) };
    }
}

// SAFETY: a handle is one owned edge.
unsafe impl Trace for GcAny {
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        visitor.edge(Edge(self.pointer));
    }
}

impl fmt::Debug for GcAny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} at {:#x}>", self.type_name(), self.address())
    }
}
