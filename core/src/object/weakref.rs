//! [`WeakRef`]: a weak reference as a value.

use std::fmt;

use super::value::{Kind, Value};
use crate::gc::handle::{Gc, GcAny};
use crate::gc::trace::{Trace, Visitor};
use crate::gc::weak::{Callback, Weak, WeakBox};

/// A handle on a weak-reference object of the heap, whatever its referent is.
///
/// Any object can be referred to, also those that refuse it in Python.
///
/// ```
/// use exuvia_core::{Gc, Heap};
/// use exuvia_core::object::{List, Value, WeakRef};
/// let heap = Heap::new();
/// let list = List::new(&heap);
/// let weak = Value::from(WeakRef::new(&list));
/// assert!(weak.as_weakref().unwrap().upgrade().is_some());
/// drop(list);
/// assert!(weak.as_weakref().unwrap().is_dead());
/// ```
#[derive(Clone)]
pub struct WeakRef(Gc<WeakBox>);

impl WeakRef {
    /// The referent's callback-free weak reference: one, shared by all who ask.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new<T: Trace>(referent: &Gc<T>) -> WeakRef {
        WeakRef::from(Gc::downgrade(referent))
    }

    /// A weak reference that calls back when the referent dies; never shared.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn with_callback<T: Trace, C: Callback>(referent: &Gc<T>, callback: Gc<C>) -> WeakRef {
        WeakRef::from(Gc::downgrade_with(referent, callback))
    }

    /// The referent, while it is alive.
    pub fn upgrade(&self) -> Option<Value> {
        let target = self.0.target();
        // SAFETY: a set target's memory is valid; one with a count of 0 is
        // dying or under construction, any other is alive.
        unsafe {
            if target.is_null() || (*target).is_vacant() {
                return None;
            }
            Some(Value::from(GcAny::share(target)))
        }
    }

    /// Whether the referent is gone.
    pub fn is_dead(&self) -> bool {
        self.upgrade().is_none()
    }

    /// Whether two handles are the same weak reference.
    pub fn ptr_eq(a: &WeakRef, b: &WeakRef) -> bool {
        Gc::ptr_eq(&a.0, &b.0)
    }
}

impl<T: Trace> From<Weak<T>> for WeakRef {
    fn from(weak: Weak<T>) -> WeakRef {
        WeakRef(Weak::into_box(weak))
    }
}

impl From<WeakRef> for Value {
    fn from(weak: WeakRef) -> Value {
        Value::from_handle(weak.0, Kind::WeakRef)
    }
}

impl<T: Trace> From<Weak<T>> for Value {
    fn from(weak: Weak<T>) -> Value {
        Value::from(WeakRef::from(weak))
    }
}

impl Value {
    /// The weak reference, if it is one.
    pub fn as_weakref(&self) -> Option<WeakRef> {
        self.clone()
            .unwrap_as::<WeakBox>(Kind::WeakRef)
            .ok()
            .map(WeakRef)
    }
}

// SAFETY: the handle is the one owned edge.
unsafe impl Trace for WeakRef {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.0.trace(visitor);
    }
}

impl fmt::Debug for WeakRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.upgrade() {
            Some(referent) => write!(f, "<weakref to {}>", referent.type_name()),
            None => f.write_str("<weakref; dead>"),
        }
    }
}
