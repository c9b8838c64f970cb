//! [`Function`]: native code as an object, with the values it captured.

use std::fmt;

use super::str::Str;
use super::value::{Kind, Value};
use crate::alloc::HeapVec;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;

/// What a native function is called with.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Call, Function, Value};
/// fn sum(call: &Call<'_>) -> Value {
///     let numbers = call.captured.iter().chain(call.arguments);
///     Value::small(numbers.filter_map(Value::as_int).sum())
/// }
/// let heap = Heap::new();
/// let add_two = Function::new(&heap, "add_two", sum, [Value::small(2)]);
/// assert_eq!(add_two.call(&heap, &Value::NONE, &[Value::small(3)]), Value::small(5));
/// ```
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
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Function, NativeFn, Value};
/// let identity: NativeFn = |call| call.arguments[0].clone();
/// let heap = Heap::new();
/// let function = Function::new(&heap, "identity", identity, []);
/// assert_eq!(function.call(&heap, &Value::NONE, &[Value::TRUE]), Value::TRUE);
/// ```
pub type NativeFn = fn(&Call<'_>) -> Value;

/// A function object: native code, and captured values that the collector sees.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Function, List, Value};
/// let heap = Heap::new();
/// let list = List::new(&heap);
/// let push = Function::new(
///     &heap,
///     "push",
///     |call| {
///         call.captured[0].as_list().unwrap().push(call.heap, call.arguments[0].clone());
///         Value::NONE
///     },
///     [Value::from(&list)],
/// );
/// push.call(&heap, &Value::NONE, &[Value::small(1)]);
/// list.push(&heap, Value::from(push)); // The list holds what captured it.
/// assert_eq!(list.len(), 2);
/// drop(list);
/// assert_eq!(heap.collect_all(), 2);
/// ```
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
    const VALUE_KIND: u8 = Kind::Function as u8;
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
