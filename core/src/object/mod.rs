//! Python's object model on the managed heap.
//!
//! A [`Value`] is any Python value in 8 bytes; the other types are objects,
//! used through [`Gc`](crate::Gc) handles. Everything is mutable through `&self`,
//! as in Python; `get` returns a clone.
//!
//! | file | what |
//! |---|---|
//! | `value`, `borrowed` | the tagged word, and handles lent from it |
//! | `section` | the cell behind mutable objects, and its one rule |
//! | `block` | objects with more in their block than their Rust type |
//! | `number`, `str`, `list`, `tuple`, `function`, `method`, `weakref` | a type or two each |
//! | `dict`, `set` | compact ordered table |
//! | `buffer` | bytes, bytearray, memoryview |
//! | `weak` | weak dictionaries and set, finalizers |
//! | `opaque` | types without a kind of their own in a value's word |
//! | `hash`, `key` | hash and equality of keys |
//! | `class`, `instance` | slots, inline values under shared names, dicts |
//! | `generator` | frames |
//! | `runtime` | what each heap keeps for the model: interned strings |
//!
//! Read `section` and `block` first: the invariants that the `unsafe` code of
//! the others refers to stand there. What differs from CPython is listed in
//! `docs/differences.md`.

pub(crate) mod block;
mod borrowed;
mod buffer;
mod class;
mod dict;
mod function;
mod generator;
mod hash;
mod instance;
mod key;
mod list;
mod method;
mod number;
mod opaque;
pub(crate) mod runtime;
mod section;
mod set;
mod str;
mod tuple;
mod value;
mod weak;
mod weakref;

pub use borrowed::{Borrowed, BorrowedAny, Lent};
pub use buffer::{BufferError, BufferExport, ByteArray, Bytes, Format, MemoryView};
pub use class::{Class, ClassBuilder, ClassError, Form, MAX_SHARED_NAMES, SlotAccessor, SlotError};
pub use dict::Dict;
pub use function::{Call, Function, NativeFn};
pub use generator::{Frame, Generator, GeneratorError, Step, Thrown};
pub use instance::{AttributeError, Instance};
pub use key::{equal_values, hash_value};
pub use list::List;
pub use method::{BoundMethod, ClosureCell, WeakMethod};
pub use number::{Float, Int};
pub use set::Set;
pub use str::Str;
pub use tuple::Tuple;
pub use value::Value;
pub(crate) use weak::FinalizerTable;
pub use weak::{Detached, Finalizer, WeakIter, WeakKeyDictionary, WeakSet, WeakValueDictionary};
pub use weakref::{WeakError, WeakProxy, WeakRef, is_weak_referable, weakref_count, weakrefs};

pub(crate) use self::value::Kind;
use crate::alloc::page::describe;
use crate::gc::handle::GcAny;
use crate::gc::header::Header;
use crate::heap::Heap;

/// Bytes of an object with the buffers it owns alone (Python's `getsizeof`,
/// header included); an instance includes its dict. 0 for an immediate.
pub fn size_of(value: &Value) -> usize {
    let Some(object) = value.as_object() else {
        return 0;
    };
    let buffers = match value.kind() {
        Some(Kind::List) => value.as_list().map_or(0, |list| list.buffer_bytes()),
        Some(Kind::Dict) => value.as_dict().map_or(0, |dict| dict.buffer_bytes()),
        Some(Kind::Class) => value.as_class().map_or(0, |class| class.buffer_bytes()),
        Some(Kind::Function) => value.as_function().map_or(0, |f| f.buffer_bytes()),
        Some(Kind::Instance) => {
            return value
                .as_instance()
                .map_or(0, |instance| instance.size_bytes());
        }
        Some(Kind::Other) => opaque::buffer_bytes(value),
        _ => 0,
    };
    object.size() + buffers
}

/// Bytes of the buffers that an object owns alone; an instance's dict is none.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn buffer_bytes(header: *const Header) -> usize {
    // SAFETY: duty 1; `ManuallyDrop` gives no count up.
    let handle = unsafe { GcAny::from_header(header) };
    let value = std::mem::ManuallyDrop::new(Value::from(handle));
    match value.kind() {
        Some(Kind::Instance) => 0,
        _ => size_of(&value).saturating_sub(block_bytes(header)),
    }
}

/// References to an object (Python's `getrefcount`, without the argument's
/// own); `u32::MAX` for an immortal one and for immediates.
pub fn ref_count(value: &Value) -> usize {
    match value.as_object() {
        Some(object) => object.ref_count(),
        None => u32::MAX as usize,
    }
}

/// Whether the collector examines the object; never an immediate.
pub fn is_tracked(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.is_tracked())
}

/// Interned strings of a heap.
pub fn interned_count(heap: &Heap) -> usize {
    heap.core().objects.interned.len()
}

/// Bytes of an object's block from its header on.
pub(crate) fn block_bytes(header: *const Header) -> usize {
    // SAFETY: callers pass the header of a handle they hold.
    unsafe { describe(header) }.1
}

/// The kind of value that an object makes.
#[inline]
pub(crate) fn kind_of(any: &GcAny) -> Kind {
    any.type_info().value_kind
}
