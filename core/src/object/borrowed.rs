//! Handles that borrow the count of a [`Value`]: its word carries a tag, so it
//! cannot be lent out as a `&Gc<T>` itself.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::value::Value;
use crate::gc::handle::{Gc, GcAny};

/// A handle that somebody else's count keeps alive: reads like a `&H`.
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
pub struct Lent<'a, H> {
    handle: ManuallyDrop<H>,
    life: PhantomData<&'a Value>,
}

impl<H> Lent<'_, H> {
    /// The caller holds a count for the result's lifetime.
    #[inline]
    pub(super) fn new(handle: H) -> Self {
        Lent {
            handle: ManuallyDrop::new(handle),
            life: PhantomData,
        }
    }

    /// The handle, for who lends it on: it has no count of its own.
    #[inline]
    pub(super) fn into_handle(self) -> H {
        ManuallyDrop::into_inner(self.handle)
    }
}

impl<H> Deref for Lent<'_, H> {
    type Target = H;
    #[inline]
    fn deref(&self) -> &H {
        &self.handle
    }
}

/// A lent handle of a known type.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Borrowed, List, Value};
/// let heap = Heap::new();
/// let value = Value::from(List::new(&heap));
/// let list: Borrowed<'_, List> = value.as_list().unwrap();
/// assert!(list.is_empty());
/// ```
pub type Borrowed<'a, T> = Lent<'a, Gc<T>>;

/// A lent handle without a type.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value};
/// let heap = Heap::new();
/// let value = Value::from(List::new(&heap));
/// assert_eq!(value.as_object().unwrap().ref_count(), 1);
/// assert!(Value::small(1).as_object().is_none());
/// ```
pub type BorrowedAny<'a> = Lent<'a, GcAny>;
