//! Weak references: objects of the heap themselves, as in CPython.
//!
//! A [`Weak<T>`] is a counted handle on a `WeakBox`, whose target it does not
//! count. The boxes of one referent form a list, its head in a side table of
//! the page (or the prefix): the shared callback-free box first, then those
//! with callbacks, newest first. The shared one takes 16 bytes, the others 64,
//! and each block of a page with referents 8 for the head. When the referent
//! dies the whole list is cleared before the first callback runs. A box that
//! lies in the trash together with its referent never calls back.
//!
//! An [`Ephemeron`](super::ephemeron::Ephemeron) is such a box whose hook is a
//! value instead of a callback.
//!
//! Files: `reference` (the box), `list` (the references of one referent),
//! `clear` (what happens to them when it dies), `hashes` (what the shared ones
//! remember).

mod clear;
mod hashes;
mod list;
mod reference;

use std::marker::PhantomData;

use super::handle::{Gc, GcAny, retain};
use super::header::Header;
use super::trace::{Trace, Visitor};
use crate::heap::Heap;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;
pub(crate) use clear::{Cleared, call_back, clear, clear_and_call, detach};
pub(crate) use hashes::Hashes;
#[cfg(feature = "testing")]
pub(crate) use list::first_of;
use list::link_plain;
pub(crate) use list::{each_ephemeron, hooked, is_key, members, shared};
use reference::plain;
pub(crate) use reference::{Hash, Hook, WeakBox, box_of};

/// What runs when the referent of a weak reference dies. It is an object of
/// the heap, so that a callback inside the trash is seen as such.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use exuvia_core::{Callback, Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Count(#[trace(leaf)] Rc<Cell<u32>>);
/// impl Callback for Count {
///     fn call(&self, _: &Heap) {
///         self.0.set(self.0.get() + 1);
///     }
/// }
///
/// let heap = Heap::new();
/// let calls = Rc::new(Cell::new(0));
/// let object = heap.alloc(1);
/// let weak = Gc::downgrade_with(&object, heap.alloc(Count(calls.clone())));
/// drop(object);
/// assert!(weak.is_dead());
/// assert_eq!(calls.get(), 1);
/// ```
pub trait Callback: Trace {
    /// Runs once, after every weak reference to the referent is dead. It
    /// cannot resurrect. A panic is recorded and stops nothing.
    fn call(&self, heap: &Heap);

    /// The same, told which weak reference died: what the heap calls.
    fn call_for(&self, reference: &GcAny, heap: &Heap) {
        let _ = reference;
        self.call(heap);
    }
}

/// A weak reference: it does not keep its referent alive.
///
/// ```
/// # use exuvia_core::{Gc, Heap};
/// let heap = Heap::new();
/// let strong = heap.alloc(1);
/// let weak = Gc::downgrade(&strong);
/// assert_eq!(weak.upgrade().as_deref(), Some(&1));
/// drop(strong);
/// assert!(weak.is_dead());
/// ```
pub struct Weak<T: Trace> {
    reference: Gc<WeakBox>,
    target: PhantomData<Gc<T>>,
}

impl<T: Trace> Weak<T> {
    /// A counted handle on the referent, while it is alive.
    #[inline]
    pub fn upgrade(&self) -> Option<Gc<T>> {
        let target = self.reference.live_target()?;
        // SAFETY: alive, of type `T`; the new count belongs to the handle.
        unsafe {
            retain(target.as_ptr());
            Some(Gc::from_header(target.as_ptr()))
        }
    }

    /// Whether the referent is gone.
    pub fn is_dead(&self) -> bool {
        self.reference.live_target().is_none()
    }

    /// Whether two handles are the same weak reference.
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        Gc::ptr_eq(&a.reference, &b.reference)
    }

    /// Whether the reference calls back.
    pub fn has_callback(&self) -> bool {
        self.reference.whole().hook().is_some()
    }

    /// The handle on the reference itself.
    pub(crate) fn into_box(this: Self) -> Gc<WeakBox> {
        this.reference
    }

    /// The weak reference as an object.
    pub fn erase(this: Self) -> GcAny {
        Gc::erase(this.reference)
    }
}

impl<T: Trace> Clone for Weak<T> {
    fn clone(&self) -> Weak<T> {
        Weak {
            reference: self.reference.clone(),
            target: PhantomData,
        }
    }
}

// SAFETY: the handle on the box is the one owned edge.
unsafe impl<T: Trace> Trace for Weak<T> {
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.reference.trace(visitor);
    }
}

impl<T: Trace> Gc<T> {
    /// The object's callback-free weak reference: one, shared by all who ask.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn downgrade(this: &Self) -> Weak<T> {
        this.try_downgrade()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fallible [`Gc::downgrade`].
    ///
    /// # Errors
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_downgrade(&self) -> Result<Weak<T>, AllocError> {
        Ok(Weak {
            // SAFETY: a handle keeps the object alive.
            reference: unsafe { shared(self.header(), Hash::Unknown) }?,
            target: PhantomData,
        })
    }

    /// A weak reference that calls back when the object dies; never shared.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn downgrade_with<C: Callback>(this: &Self, callback: Gc<C>) -> Weak<T> {
        this.try_downgrade_with(callback)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fallible [`Gc::downgrade_with`].
    ///
    /// # Errors
    /// When the heap has no room; the callback's handle is dropped.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_downgrade_with<C: Callback>(&self, callback: Gc<C>) -> Result<Weak<T>, AllocError> {
        let hook = Hook::calling(callback);
        Ok(Weak {
            // SAFETY: a handle keeps the object alive.
            reference: unsafe { hooked(self.header(), hook, Hash::Unknown) }?,
            target: PhantomData,
        })
    }

    /// Weak references to the object, of all kinds.
    pub fn weak_count(this: &Self) -> usize {
        // SAFETY: a handle keeps object, core and list alive.
        unsafe { members(this.header()) }.count()
    }
}

impl<T: Trace> Weak<T> {
    /// A reference to an object under construction.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn to_unborn(core: &HeapCore, header: *const Header) -> Result<Weak<T>, AllocError> {
        let reference = plain(core)?;
        // SAFETY: the block is taken and of this heap, and has no reference yet.
        unsafe { link_plain(core, &reference, header) };
        Ok(Weak {
            reference,
            target: PhantomData,
        })
    }
}
