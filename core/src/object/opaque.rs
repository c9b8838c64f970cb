//! Types that have no kind of their own in the word of a [`Value`]: told apart
//! by their table.

use super::Borrowed;
use super::buffer::{ByteArray, Bytes, MemoryView};
use super::method::{BoundMethod, ClosureCell};
use super::set::Set;
use super::value::{Kind, Value};
use super::weak::{Finalizer, WeakKeyDictionary, WeakSet, WeakValueDictionary};
use crate::gc::handle::Gc;

macro_rules! opaque {
    ($($t:ident $borrow:ident $into:ident $name:literal;)+) => {
        $(
            impl From<Gc<$t>> for Value {
                #[inline]
                fn from(handle: Gc<$t>) -> Value {
                    Value::from_handle(handle, Kind::Other)
                }
            }

            impl From<&Gc<$t>> for Value {
                #[inline]
                fn from(handle: &Gc<$t>) -> Value {
                    Value::from_handle(handle.clone(), Kind::Other)
                }
            }

            impl Value {
                #[doc = concat!("The ", $name, ", if it is one.")]
                pub fn $borrow(&self) -> Option<Borrowed<'_, $t>> {
                    if self.is_kind(Kind::Other) && self.as_object()?.is::<$t>() {
                        self.borrow(Kind::Other)
                    } else {
                        None
                    }
                }

                #[doc = concat!("The ", $name, " as an owned handle, without touching its count.")]
                ///
                /// # Errors
                /// Gives the value back when it is something else.
                pub fn $into(self) -> Result<Gc<$t>, Value> {
                    if self.$borrow().is_some() {
                        self.unwrap_as(Kind::Other)
                    } else {
                        Err(self)
                    }
                }
            }
        )+

        /// Python's name of the type of an object without a kind.
        pub(super) fn name_of(value: &Value) -> &'static str {
            $(if value.$borrow().is_some() {
                return $name;
            })+
            "object"
        }
    };
}

opaque! {
    Set as_set into_set "set";
    Bytes as_bytes into_bytes "bytes";
    ByteArray as_byte_array into_byte_array "bytearray";
    MemoryView as_memory_view into_memory_view "memoryview";
    ClosureCell as_cell into_cell "cell";
    BoundMethod as_bound_method into_bound_method "method";
    WeakValueDictionary as_weak_value_dictionary into_weak_value_dictionary "WeakValueDictionary";
    WeakKeyDictionary as_weak_key_dictionary into_weak_key_dictionary "WeakKeyDictionary";
    WeakSet as_weak_set into_weak_set "WeakSet";
    Finalizer as_finalizer into_finalizer "finalize";
}

/// Whether an object without a kind is empty, and so false.
pub(super) fn is_empty(value: &Value) -> bool {
    if let Some(set) = value.as_set() {
        return set.is_empty();
    }
    if let Some(bytes) = value.as_bytes() {
        return bytes.is_empty();
    }
    if let Some(array) = value.as_byte_array() {
        return array.is_empty();
    }
    if let Some(view) = value.as_memory_view() {
        return view.len() == Ok(0);
    }
    if let Some(dictionary) = value.as_weak_value_dictionary() {
        return dictionary.is_empty();
    }
    if let Some(dictionary) = value.as_weak_key_dictionary() {
        return dictionary.is_empty();
    }
    value.as_weak_set().is_some_and(|set| set.is_empty())
}

/// Bytes of the buffers that an object without a kind owns.
pub(super) fn buffer_bytes(value: &Value) -> usize {
    if let Some(set) = value.as_set() {
        return set.buffer_bytes();
    }
    value
        .as_byte_array()
        .map_or(0, |array| array.buffer_bytes())
}
