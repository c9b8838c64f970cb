//! [`Function`]: native code as an object, with the values it captured.

use std::fmt;

use super::str::Str;
use super::value::Value;
use crate::alloc::HeapVec;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;

/// What a native function is called with.
pub struct Call<'a> {
    /// The heap of the call.
    pub heap: &'a Heap,
    /// The object that a method is called on; `None` for a plain function.
    pub this: &'a Value,
    /// The arguments behind it.
    pub arguments: &'a [Value],
    /// What the function captured when it was made.
    pub captured: &'a [Value],
}

/// The code of a function.
pub type NativeFn = fn(&Call<'_>) -> Value;

/// A function object: native code, and captured values that the collector sees.
pub struct Function {
    name: Gc<Str>,
    code: NativeFn,
    captured: HeapVec<Value>,
}

impl Function {
    /// A function that captures `captured`.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(
        heap: &Heap,
        name: &str,
        code: NativeFn,
        captured: impl IntoIterator<Item = Value>,
    ) -> Gc<Function> {
        let mut values = HeapVec::new();
        for value in captured {
            values.push(heap, value);
        }
        heap.alloc(Function {
            name: Str::intern(heap, name),
            code,
            captured: values,
        })
    }

    /// The function's name.
    pub fn name(&self) -> &Gc<Str> {
        &self.name
    }

    /// Calls the function; the caller holds a handle on it.
    pub fn call(&self, heap: &Heap, this: &Value, arguments: &[Value]) -> Value {
        (self.code)(&Call {
            heap,
            this,
            arguments,
            captured: &self.captured,
        })
    }

    /// Bytes of the captured values.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.captured.capacity() * size_of::<Value>()
    }
}

// SAFETY: name and captured values are owned and visited once.
unsafe impl Trace for Function {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        visitor.at_field("__name__");
        self.name.trace(visitor);
        visitor.at_field("__closure__");
        self.captured.trace(visitor);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name.as_str())
    }
}
