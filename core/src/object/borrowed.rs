//! Handles that borrow the count of a [`Value`]: its word carries a tag, so it
//! cannot be lent out as a `&Gc<T>` itself.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::value::Value;
use crate::gc::handle::{Gc, GcAny};
use crate::gc::trace::Trace;

/// A handle that somebody else's count keeps alive: reads like a `&Gc<T>`.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value};
/// let heap = Heap::new();
/// let value = Value::from(List::new(&heap));
/// let list = value.as_list().unwrap(); // No count moves.
/// list.push(&heap, Value::TRUE);
/// assert_eq!(list.len(), 1);
/// ```
pub struct Borrowed<'a, T: Trace> {
    handle: ManuallyDrop<Gc<T>>,
    life: PhantomData<&'a Value>,
}

impl<T: Trace> Borrowed<'_, T> {
    /// The caller holds a count for the result's lifetime.
    #[inline]
    pub(super) fn new(handle: Gc<T>) -> Self {
        Borrowed {
            handle: ManuallyDrop::new(handle),
            life: PhantomData,
        }
    }
}

impl<T: Trace> Deref for Borrowed<'_, T> {
    type Target = Gc<T>;
    #[inline]
    fn deref(&self) -> &Gc<T> {
        &self.handle
    }
}

/// An untyped handle that somebody else's count keeps alive.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value};
/// let heap = Heap::new();
/// let value = Value::from(List::new(&heap));
/// assert_eq!(value.as_object().unwrap().ref_count(), 1);
/// assert!(Value::small(1).as_object().is_none());
/// ```
pub struct BorrowedAny<'a> {
    handle: ManuallyDrop<GcAny>,
    life: PhantomData<&'a Value>,
}

impl BorrowedAny<'_> {
    /// The caller holds a count for the result's lifetime.
    #[inline]
    pub(super) fn new(handle: GcAny) -> Self {
        BorrowedAny {
            handle: ManuallyDrop::new(handle),
            life: PhantomData,
        }
    }
}

impl Deref for BorrowedAny<'_> {
    type Target = GcAny;
    #[inline]
    fn deref(&self) -> &GcAny {
        &self.handle
    }
}
