//! [`Ephemeron`]: a value that lives through its key (Hayes, "Ephemerons: A New
//! Finalization Mechanism", OOPSLA 1997).
//!
//! It is a weak reference to the key with the value as its hook, so the key's
//! list of weak references leads to it: marking a key that turns out reachable
//! finds the values that now are, without a search over all ephemerons.

use std::fmt;
use std::marker::PhantomData;

use super::handle::{Gc, GcAny, retain};
use super::trace::{Trace, Visitor};
use super::weak::{self, Hook, WeakBox};
use crate::heap::errors::AllocError;

/// A pair of a key that it does not keep alive and a value that it keeps
/// alive only as long as the key is alive by other means.
///
/// A reference from the value to the key does not keep the pair: that is the
/// difference to a map from weak keys to values. When the key dies the value
/// is released, after the callbacks of weak references to the key. Cloning
/// makes another handle on the same ephemeron; dropping the last one releases
/// the value. The ephemeron stands on the key's heap.
///
/// Finding one on a key costs a walk over the key's weak references; a
/// collection follows each at most twice.
///
/// ```
/// use std::cell::RefCell;
/// use exuvia_core::{Ephemeron, Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Node { other: RefCell<Option<Gc<Node>>> }
///
/// let heap = Heap::new();
/// let key = heap.alloc(Node { other: RefCell::new(None) });
/// let value = heap.alloc(Node { other: RefCell::new(Some(key.clone())) });
/// let pair = Ephemeron::new(&key, value); // the value refers to its key
/// assert!(pair.value().is_some());
/// drop(key);
/// assert_eq!(heap.collect_all(), 2);
/// assert!(pair.is_dead() && pair.value().is_none());
/// ```
pub struct Ephemeron<K: Trace, T: Trace> {
    pair: Gc<WeakBox>,
    types: PhantomData<(Gc<K>, Gc<T>)>,
}

impl<K: Trace, T: Trace> Ephemeron<K, T> {
    /// A pair of `key` and `value`. Keys of a type that can hold no reference,
    /// and tuples, are refused when the program is compiled: the collector does
    /// not look at them, so a value that refers to one would keep it for ever.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(key: &Gc<K>, value: Gc<T>) -> Ephemeron<K, T> {
        Ephemeron::try_new(key, value).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fallible [`Ephemeron::new`].
    ///
    /// # Errors
    /// When the heap has no room; the value's handle is dropped.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new(key: &Gc<K>, value: Gc<T>) -> Result<Ephemeron<K, T>, AllocError> {
        const {
            assert!(
                K::HOLDS && !matches!(K::UNTRACKS_IN, Some(0)),
                "an ephemeron's key is a type that the collector examines"
            );
        }
        let hook = Hook {
            object: Gc::erase(value),
            call: None,
        };
        // An old key stays old; one that the collector does not look at is as young
        // as if it had been made now.
        let untracked = !Gc::is_tracked(key);
        // SAFETY: the handle keeps the key alive.
        let pair = unsafe { weak::hooked(key.header(), hook, weak::Hash::Unknown) }?;
        if untracked {
            Gc::set_tracked(key, true);
        }
        Ok(Ephemeron {
            pair,
            types: PhantomData,
        })
    }

    /// The key, while it is alive.
    pub fn key(&self) -> Option<Gc<K>> {
        let key = self.pair.live_target()?;
        // SAFETY: alive, of type `K`; the new count belongs to the handle.
        unsafe {
            retain(key.as_ptr());
            Some(Gc::from_header(key.as_ptr()))
        }
    }

    /// The value, while the key is alive.
    pub fn value(&self) -> Option<Gc<T>> {
        self.pair.live_target()?;
        self.pair
            .whole()
            .hook()?
            .object
            .downcast_ref::<T>()
            .cloned()
    }

    /// Whether the key is gone, or the pair was cleared.
    pub fn is_dead(&self) -> bool {
        self.pair.live_target().is_none()
    }

    /// Releases the value now; the pair is dead from here on.
    pub fn clear(&self) {
        // SAFETY: the handle keeps the box. The value is dropped afterwards.
        drop(unsafe { weak::detach(self.pair.header()) });
    }

    /// Whether two handles are on the same ephemeron.
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        Gc::ptr_eq(&a.pair, &b.pair)
    }

    /// The ephemeron as an object.
    pub fn erase(this: Self) -> GcAny {
        Gc::erase(this.pair)
    }
}

impl<K: Trace, T: Trace> Clone for Ephemeron<K, T> {
    fn clone(&self) -> Self {
        Ephemeron {
            pair: self.pair.clone(),
            types: PhantomData,
        }
    }
}

// SAFETY: the handle on the box is the one owned edge.
unsafe impl<K: Trace, T: Trace> Trace for Ephemeron<K, T> {
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.pair.trace(visitor);
    }
}

impl<K: Trace, T: Trace> fmt::Debug for Ephemeron<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_dead() {
            "<ephemeron; dead>"
        } else {
            "<ephemeron>"
        })
    }
}
