//! [`Value`]: one tagged word that is either an immediate or a counted handle.
//!
//! ```text
//!   low bits   meaning
//!   ...  001   small int, 61 bits, sign extended
//!   0000 0101  None      0000 1101 True      0001 0101 False     0001 1101 unset
//!   ...  kind  address of an object (a multiple of 16) plus its kind in 4 bits
//! ```
//!
//! The two lowest bits are `01` for an immediate and for nothing else, so that
//! cloning and dropping decide by one test. The kind of an object is read from
//! the word alone. Immediates are addresses without provenance; a pointer is
//! tagged and untagged with `map_addr`, never by way of an integer.
//!
//! *Unset* marks free slots and deleted entries inside the model; it never
//! reaches a user.

use std::fmt;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use super::borrowed::{Borrowed, BorrowedAny};
use super::{Class, Dict, Float, Function, Generator, Instance, Int, List, Str, Tuple};
use crate::gc::death;
use crate::gc::handle::{Gc, GcAny, retain};
use crate::gc::header::Header;
use crate::gc::trace::{Edge, Trace, Visitor};
use crate::heap::Heap;

const IMMEDIATE_MASK: usize = 0b11;
const IMMEDIATE: usize = 0b01;
const INT_MASK: usize = 0b111;
const INT: usize = 0b001;
const KIND_MASK: usize = 0b1111;

const NONE: usize = 0b0_0101;
const TRUE: usize = 0b0_1101;
const FALSE: usize = 0b1_0101;
const UNSET: usize = 0b1_1101;

const SMALL_BITS: u32 = 61;
/// Ints from `SMALL_MIN` to `SMALL_MAX` are immediate.
const SMALL_MAX: i64 = (1 << (SMALL_BITS - 1)) - 1;
const SMALL_MIN: i64 = -(1 << (SMALL_BITS - 1));

/// What an object word points to. Discriminants avoid the immediates' `01`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Kind {
    /// Any object of the heap that is not one of the model's types.
    Other = 0,
    Str = 2,
    List = 3,
    Tuple = 4,
    Dict = 6,
    Instance = 7,
    Float = 8,
    Int = 10,
    Generator = 11,
    Class = 12,
    WeakRef = 14,
    Function = 15,
}

impl Kind {
    const ALL: [Kind; 12] = [
        Kind::Other,
        Kind::Str,
        Kind::List,
        Kind::Tuple,
        Kind::Dict,
        Kind::Instance,
        Kind::Float,
        Kind::Int,
        Kind::Generator,
        Kind::Class,
        Kind::WeakRef,
        Kind::Function,
    ];

    /// The kind that a type declares ([`Trace::VALUE_KIND`]).
    pub(crate) const fn of_type(declared: u8) -> Kind {
        let mut next = 0;
        while next < Kind::ALL.len() {
            if Kind::ALL[next] as u8 == declared {
                return Kind::ALL[next];
            }
            next += 1;
        }
        Kind::Other
    }
}

/// A Python value in 8 bytes: None, a boolean, a small int, or a counted
/// handle on an object.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value};
///
/// let heap = Heap::new();
/// let list = List::new(&heap);
/// list.push(&heap, Value::small(7));
/// list.push(&heap, Value::str(&heap, "seven"));
/// let value = Value::from(list);
/// assert_eq!(value.as_list().and_then(|l| l.get(0)), Some(Value::small(7)));
/// assert_eq!(value.type_name(), "list");
/// ```
#[repr(transparent)]
pub struct Value(NonNull<Header>);

const _: () = assert!(size_of::<Value>() == 8);
const _: () = assert!(size_of::<Option<Value>>() == 8);

const fn immediate(bits: usize) -> Value {
    match NonZeroUsize::new(bits) {
        Some(bits) => Value(NonNull::without_provenance(bits)),
        None => panic!("an immediate is never 0"),
    }
}

impl Value {
    /// Python's `None`.
    pub const NONE: Value = immediate(NONE);
    /// Python's `True`.
    pub const TRUE: Value = immediate(TRUE);
    /// Python's `False`.
    pub const FALSE: Value = immediate(FALSE);
    /// A slot without a value; never handed out.
    pub(crate) const UNSET: Value = immediate(UNSET);

    /// An immediate int.
    ///
    /// # Panics
    /// When `value` needs more than 61 bits; [`Value::int`] takes any.
    #[inline]
    pub const fn small(value: i64) -> Value {
        assert!(Value::fits(value), "more than 61 bits: use Value::int");
        immediate(((value as usize) << 3) | INT)
    }

    /// A boolean.
    #[inline]
    pub const fn bool(value: bool) -> Value {
        if value { Value::TRUE } else { Value::FALSE }
    }

    /// An int; immediate when it fits 61 bits, else an object.
    ///
    /// # Panics
    /// When an object is needed and the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn int(heap: &Heap, value: i64) -> Value {
        if Value::fits(value) {
            Value::small(value)
        } else {
            Value::from(Int::new(heap, value))
        }
    }

    /// A float object.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn float(heap: &Heap, value: f64) -> Value {
        Value::from(Float::new(heap, value))
    }

    /// A new string object.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn str(heap: &Heap, text: &str) -> Value {
        Value::from(Str::new(heap, text))
    }

    const fn fits(value: i64) -> bool {
        value >= SMALL_MIN && value <= SMALL_MAX
    }

    #[inline]
    pub(crate) fn bits(&self) -> usize {
        self.0.addr().get()
    }

    /// Whether the value is None, a boolean or a small int: no object.
    #[inline]
    pub fn is_immediate(&self) -> bool {
        self.bits() & IMMEDIATE_MASK == IMMEDIATE
    }

    #[inline]
    pub(crate) fn is_unset(&self) -> bool {
        self.bits() == UNSET
    }

    /// Whether the value is `None`.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.bits() == NONE
    }

    /// Identity, Python's `is`.
    #[inline]
    pub fn is(&self, other: &Value) -> bool {
        self.bits() == other.bits()
    }

    /// The boolean, if it is one.
    #[inline]
    pub fn as_bool(&self) -> Option<bool> {
        match self.bits() {
            TRUE => Some(true),
            FALSE => Some(false),
            _ => None,
        }
    }

    /// The int, if it is one (booleans are not).
    #[inline]
    pub fn as_int(&self) -> Option<i64> {
        if self.bits() & INT_MASK == INT {
            Some(self.bits().cast_signed() as i64 >> 3)
        } else {
            self.borrow::<Int>(Kind::Int).map(|int| int.get())
        }
    }

    /// The int, if it is immediate.
    #[inline]
    pub(crate) fn as_small(&self) -> Option<i64> {
        (self.bits() & INT_MASK == INT).then(|| self.bits().cast_signed() as i64 >> 3)
    }

    /// The float, if it is one.
    #[inline]
    pub fn as_float(&self) -> Option<f64> {
        self.borrow::<Float>(Kind::Float).map(|float| float.get())
    }

    /// The text, if it is a string.
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        if !self.is_kind(Kind::Str) {
            return None;
        }
        // SAFETY: the kind says so; `self` holds a count for the result's life.
        Some(unsafe { Str::text_of(self.header()) })
    }

    #[inline]
    pub(crate) fn is_kind(&self, kind: Kind) -> bool {
        self.bits() & KIND_MASK == kind as usize
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&kind| self.is_kind(kind))
    }

    /// The object's header; meaningless for an immediate.
    #[inline]
    pub(crate) fn header(&self) -> NonNull<Header> {
        // SAFETY: an object's address is at least 16.
        unsafe { NonNull::new_unchecked(self.0.as_ptr().map_addr(|a| a & !KIND_MASK)) }
    }

    /// A borrowed handle, if the value is an object of `kind`.
    #[inline]
    pub(super) fn borrow<T: Trace>(&self, kind: Kind) -> Option<Borrowed<'_, T>> {
        if !self.is_kind(kind) {
            return None;
        }
        // SAFETY: the kind of a word is the type of its object; the count is
        // `self`'s, which outlives the result.
        let handle = unsafe { Gc::from_header(self.header().as_ptr()) };
        Some(Borrowed::new(handle))
    }

    /// An owned handle, if the value is an object of `kind`.
    #[inline]
    pub(crate) fn unwrap_as<T: Trace>(self, kind: Kind) -> Result<Gc<T>, Value> {
        if !self.is_kind(kind) {
            return Err(self);
        }
        let header = ManuallyDrop::new(self).header();
        // SAFETY: as in `borrow`; the count moves into the handle.
        Ok(unsafe { Gc::from_header(header.as_ptr()) })
    }

    #[inline]
    pub(crate) fn from_handle<T: Trace>(handle: Gc<T>, kind: Kind) -> Value {
        // SAFETY: the handle's count moves into the value.
        unsafe { Value::tag(ManuallyDrop::new(handle).header(), kind) }
    }

    /// A value that borrows the count of `handle`: never dropped.
    #[inline]
    pub(crate) fn lend<T: Trace>(handle: &Gc<T>, kind: Kind) -> ManuallyDrop<Value> {
        // SAFETY: `ManuallyDrop` gives no count up; users hold `handle` on.
        ManuallyDrop::new(unsafe { Value::tag(handle.header(), kind) })
    }

    /// A value that takes over one count.
    ///
    /// # Safety
    /// 1. `header` belongs to a live object of type `kind`.
    /// 2. The caller gives up one count of it.
    #[inline]
    pub(crate) unsafe fn tag(header: *const Header, kind: Kind) -> Value {
        debug_assert_eq!(
            header.addr() & KIND_MASK,
            0,
            "objects start at multiples of 16"
        );
        let tagged = header.cast_mut().map_addr(|a| a | kind as usize);
        // SAFETY: an object's address is not 0, and setting bits keeps it so.
        Value(unsafe { NonNull::new_unchecked(tagged) })
    }

    /// The object behind the value, untyped; `None` for an immediate.
    #[inline]
    pub fn as_object(&self) -> Option<BorrowedAny<'_>> {
        if self.is_immediate() {
            return None;
        }
        // SAFETY: not an immediate, so a live object that `self` has a count of.
        let any = unsafe { GcAny::from_header(self.header().as_ptr()) };
        Some(BorrowedAny::new(any))
    }

    /// Python's name of the value's type; an instance gives its class's name.
    pub fn type_name(&self) -> &str {
        match self.kind() {
            None if self.bits() & INT_MASK == INT => "int",
            None if self.is_none() => "NoneType",
            None => "bool",
            Some(Kind::Other) => super::opaque::name_of(self),
            Some(Kind::Str) => "str",
            Some(Kind::List) => "list",
            Some(Kind::Tuple) => "tuple",
            Some(Kind::Dict) => "dict",
            Some(Kind::Float) => "float",
            Some(Kind::Int) => "int",
            Some(Kind::Generator) => "generator",
            Some(Kind::Class) => "type",
            Some(Kind::WeakRef) if self.as_weak_proxy().is_some() => "weakproxy",
            Some(Kind::WeakRef) => "weakref",
            Some(Kind::Function) => "function",
            // SAFETY: the kind says so; the instance keeps its class alive.
            Some(Kind::Instance) => unsafe { Instance::class_name_of(self.header()) },
        }
    }

    /// Python's `bool(value)`: false for None, False, zero and what is empty.
    pub fn is_true(&self) -> bool {
        match self.kind() {
            None => !self.is_none() && self.as_bool() != Some(false) && self.as_int() != Some(0),
            Some(Kind::Str) => self.as_str() != Some(""),
            Some(Kind::List) => self.as_list().is_some_and(|list| !list.is_empty()),
            Some(Kind::Tuple) => self.as_tuple().is_some_and(|tuple| !tuple.is_empty()),
            Some(Kind::Dict) => self.as_dict().is_some_and(|dict| !dict.is_empty()),
            Some(Kind::Float) => self.as_float() != Some(0.0),
            Some(Kind::Other) => !super::opaque::is_empty(self),
            Some(_) => true,
        }
    }

    /// Whether CPython's collector might have to look at the value: what turns
    /// tracking of a dict on. Atoms never; tuples when tracked; the rest yes.
    #[inline]
    pub(crate) fn may_be_tracked(&self) -> bool {
        match self.bits() & KIND_MASK {
            bits if bits & IMMEDIATE_MASK == IMMEDIATE => false,
            bits if bits == Kind::Str as usize
                || bits == Kind::Float as usize
                || bits == Kind::Int as usize =>
            {
                false
            }
            bits if bits == Kind::Tuple as usize || bits == Kind::Other as usize => {
                super::is_tracked(self)
            }
            _ => true,
        }
    }
}

impl Clone for Value {
    #[inline]
    #[cfg_attr(feature = "mutation", track_caller)]
    fn clone(&self) -> Value {
        if !self.is_immediate() {
            // SAFETY: a live object; the new count belongs to the clone.
            unsafe { retain(self.header().as_ptr()) };
        }
        Value(self.0)
    }
}

impl Drop for Value {
    #[inline]
    fn drop(&mut self) {
        if self.is_immediate() {
            return;
        }
        #[cfg(feature = "mutation")]
        // SAFETY: a live object: this value has a count of it.
        if unsafe {
            crate::gc::mutation::loses(
                crate::gc::mutation::Change::Decrement,
                self.header().as_ptr(),
            )
        } {
            return;
        }
        // SAFETY: a live object: this value has a count of it.
        let word = unsafe { &self.header().as_ref().word };
        let less = word.get().wrapping_sub(1);
        if less.cast_signed() > 0 {
            word.set(less);
        } else {
            // SAFETY: this value's count is given up here.
            unsafe { self.release_slow(word.get()) };
        }
    }
}

impl Value {
    /// The decrement that is not a plain store; the kind saves looking the
    /// type up.
    ///
    /// # Safety
    /// 1. The value is not used again, and `word` is its object's.
    #[inline(never)]
    unsafe fn release_slow(&self, word: u32) {
        let header = self.header().as_ptr();
        // SAFETY: duty 1; the kind is the object's type.
        unsafe {
            match self.bits() & KIND_MASK {
                k if k == Kind::Str as usize => death::release_slow::<Str>(header, word),
                k if k == Kind::Instance as usize => death::release_slow::<Instance>(header, word),
                k if k == Kind::Tuple as usize => death::release_slow::<Tuple>(header, word),
                k if k == Kind::Float as usize => death::release_slow::<Float>(header, word),
                k if k == Kind::List as usize => death::release_slow::<List>(header, word),
                k if k == Kind::Dict as usize => death::release_slow::<Dict>(header, word),
                _ => death::release_slow_any(header, word),
            }
        }
    }
}

// SAFETY: a value owns at most one reference and visits it once.
unsafe impl Trace for Value {
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    fn __key_text(&self) -> Option<String> {
        let is_atom = self.is_immediate() || self.as_str().is_some();
        is_atom.then(|| format!("{self:?}"))
    }
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if !self.is_immediate() {
            visitor.edge(Edge(self.header()));
        }
    }
}

impl Default for Value {
    fn default() -> Value {
        Value::NONE
    }
}

/// Equality that runs no user code: numbers and strings by value (`True` equals
/// 1 and 1.0), everything else by identity.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        super::key::same_atom(self, other)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::bool(value)
    }
}

impl From<GcAny> for Value {
    /// Of the kind that the object's type has; other types are opaque objects.
    fn from(any: GcAny) -> Value {
        let kind = super::kind_of(&any);
        // SAFETY: the handle's count moves into the value.
        unsafe { Value::tag(ManuallyDrop::new(any).header(), kind) }
    }
}

macro_rules! conversions {
    ($($t:ident $kind:ident $borrow:ident $into:ident $what:literal;)+) => {$(
        impl From<Gc<$t>> for Value {
            #[inline]
            fn from(handle: Gc<$t>) -> Value {
                Value::from_handle(handle, Kind::$kind)
            }
        }

        impl From<&Gc<$t>> for Value {
            #[inline]
            fn from(handle: &Gc<$t>) -> Value {
                Value::from_handle(handle.clone(), Kind::$kind)
            }
        }

        impl Value {
            #[doc = concat!("The ", $what, ", if it is one.")]
            #[inline]
            pub fn $borrow(&self) -> Option<Borrowed<'_, $t>> {
                self.borrow(Kind::$kind)
            }

            #[doc = concat!("The ", $what, " as an owned handle, without touching its count.")]
            ///
            /// # Errors
            /// Gives the value back when it is something else.
            #[inline]
            pub fn $into(self) -> Result<Gc<$t>, Value> {
                self.unwrap_as(Kind::$kind)
            }
        }
    )+};
}

conversions! {
    Str Str as_string into_string "string";
    List List as_list into_list "list";
    Tuple Tuple as_tuple into_tuple "tuple";
    Dict Dict as_dict into_dict "dict";
    Instance Instance as_instance into_instance "instance";
    Generator Generator as_generator into_generator "generator";
    Class Class as_class into_class "class";
    Function Function as_function into_function "function";
}

impl From<Gc<Int>> for Value {
    fn from(handle: Gc<Int>) -> Value {
        Value::from_handle(handle, Kind::Int)
    }
}

impl From<Gc<Float>> for Value {
    fn from(handle: Gc<Float>) -> Value {
        Value::from_handle(handle, Kind::Float)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unset() {
            return f.write_str("<unset>");
        }
        if let Some(value) = self.as_int() {
            return write!(f, "{value}");
        }
        if let Some(value) = self.as_float() {
            return write!(f, "{value:?}");
        }
        if let Some(text) = self.as_str() {
            return write!(f, "{text:?}");
        }
        match self.bits() {
            NONE => f.write_str("None"),
            TRUE => f.write_str("True"),
            FALSE => f.write_str("False"),
            _ => write!(f, "<{} at {:#x}>", self.type_name(), self.header().addr()),
        }
    }
}
