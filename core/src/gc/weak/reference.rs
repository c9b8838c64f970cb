//! A weak reference as an object of the heap: its referent, its neighbours in
//! the referent's list, its callback or value.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::super::handle::{Gc, GcAny, GcBox};
use super::super::header::Header;
use super::super::trace::{Edge, Trace, Visitor};
use super::Callback;
use super::list::unlink;
use crate::heap::Heap;
use crate::object::Kind;

pub(crate) struct Hook {
    pub(crate) object: GcAny,
    /// How the object is called; `None` for the value of an ephemeron.
    pub(crate) call: Option<HookFn>,
}

/// Calls the object of a hook for a reference.
pub(crate) type HookFn = fn(&GcAny, &GcAny, &Heap);

/// What is known of a weak reference as a key.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    Unknown,
    /// The referent's hash, kept when that is gone.
    Known(u64),
    /// A proxy has none.
    Proxy,
}

/// The weak reference as an object of the heap.
pub(crate) struct WeakBox {
    pub(super) target: Cell<*const Header>,
    pub(super) previous: Cell<*const Header>,
    pub(super) next: Cell<*const Header>,
    /// Written once, by [`WeakBox::take_value`].
    pub(super) hook: Cell<Option<Hook>>,
    pub(super) hash: Cell<Hash>,
}

const _: () = assert!(size_of::<GcBox<WeakBox>>() == 64);

// SAFETY: callback or value is the one owned edge; the target is not owned.
unsafe impl Trace for WeakBox {
    const VALUE_KIND: u8 = Kind::WeakRef as u8;
    const QUIET_DROP: bool = true;
    const WEAK: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if let Some(hook) = self.hook() {
            let edge = Edge(NonNull::from(hook.object.header_ref()));
            match NonNull::new(self.target.get().cast_mut()) {
                Some(key) if hook.call.is_none() => visitor.edge_with_key(Edge(key), edge),
                _ => visitor.edge(edge),
            }
        }
    }
}

impl Drop for WeakBox {
    /// Leaves the referent's list. Follows no owned reference.
    fn drop(&mut self) {
        let target = self.target.get();
        if !target.is_null() {
            // SAFETY: a set target is alive: it clears its list when it dies.
            unsafe { unlink(self, target) };
        }
    }
}

impl Hook {
    /// A hook that calls back.
    pub(crate) fn calling<C: Callback>(callback: Gc<C>) -> Hook {
        Hook {
            object: Gc::erase(callback),
            call: Some(|object, reference, heap| {
                if let Some(callback) = object.downcast_ref::<C>() {
                    callback.call_for(reference, heap);
                }
            }),
        }
    }
}

impl WeakBox {
    pub(super) fn new(hook: Option<Hook>, hash: Hash) -> WeakBox {
        WeakBox {
            target: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            hook: Cell::new(hook),
            hash: Cell::new(hash),
        }
    }

    /// Whether it is a proxy.
    pub(crate) fn is_proxy(&self) -> bool {
        matches!(self.hash.get(), Hash::Proxy)
    }

    pub(crate) fn hash(&self) -> Hash {
        self.hash.get()
    }

    pub(crate) fn remember_hash(&self, hash: u64) {
        self.hash.set(Hash::Known(hash));
    }

    /// The callback or value. The reference ends before the box's value is
    /// taken: callbacks never are.
    pub(crate) fn hook(&self) -> Option<&Hook> {
        // SAFETY: `take_value` is the only writer, and takes values alone,
        // which nobody looks at while they may be taken.
        unsafe { &*self.hook.as_ptr() }.as_ref()
    }

    /// Whether the box is an ephemeron with a value.
    pub(crate) fn has_value(&self) -> bool {
        self.hook().is_some_and(|hook| hook.call.is_none())
    }

    /// Takes the value out of an ephemeron.
    pub(crate) fn take_value(&self) -> Option<GcAny> {
        if self.has_value() {
            self.hook.take().map(|hook| hook.object)
        } else {
            None
        }
    }

    /// Where the referent is kept, for tests that break it.
    #[cfg(feature = "testing")]
    pub(crate) fn target_cell(&self) -> &Cell<*const Header> {
        &self.target
    }

    /// The referent, while it can be upgraded to.
    #[inline]
    pub(crate) fn live_target(&self) -> Option<NonNull<Header>> {
        let target = NonNull::new(self.target.get().cast_mut())?;
        // SAFETY: a set target's memory is valid; a count of 0 means that it
        // is dying or under construction.
        (!unsafe { target.as_ref() }.is_vacant()).then_some(target)
    }

    /// The referent; null when it is gone.
    pub(crate) fn target(&self) -> *const Header {
        self.target.get()
    }
}

/// # Safety
/// 1. `header` belongs to a live `WeakBox`.
pub(crate) unsafe fn box_of<'a>(header: *const Header) -> &'a WeakBox {
    // SAFETY: duty 1.
    unsafe { GcBox::<WeakBox>::value(header) }
}
