//! [`Class`]: what the instances of one Python class share.
//!
//! A class fixes the *places* of its instances, words behind the instance's
//! head (see [`instance`](super::instance)):
//!
//! ```text
//!   slots, inherited ones last | state | values, one per shared name
//!                              '------- absent in a pure slots class
//! ```
//!
//! `builder` makes classes, `names` finds the place of an attribute name.
//!
//! Capacity of inline values: the first instances get room for 30 names, each
//! later one a name less, until the room is what the class has used; it then
//! grows when a name is added. What does not fit goes to a dict of the instance.

mod accessor;
mod builder;
mod names;

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;

pub use accessor::{SlotAccessor, SlotError};
pub use builder::{ClassBuilder, ClassError};
pub(crate) use names::Place;

use self::names::Cache;
use super::function::{Function, NativeFn};
use super::instance::Instance;
use super::section::Section;
use super::str::Str;
use super::value::{Kind, Value};
use crate::alloc::HeapVec;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;

/// Names that the instances of a class can share; the next one goes to a dict.
pub const MAX_SHARED_NAMES: usize = 30;

/// Where the attributes of an instance live that are not slots.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Form};
/// let heap = Heap::new();
/// assert_eq!(Class::builder(&heap, "A").build().form(), Form::Inline);
/// assert_eq!(Class::builder(&heap, "B").slots(["x"]).build().form(), Form::Slots);
/// assert_eq!(Class::builder(&heap, "C").plain_dict().build().form(), Form::Dict);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Nowhere: only the slots exist.
    Slots,
    /// In the instance, under names that the class's instances share; in a
    /// dict of the instance once that is asked for or a name does not fit.
    Inline,
    /// In a dict of each instance from the beginning.
    Dict,
}

/// The user code of a class. Inherited from the base unless given.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hooks {
    finalizer: Option<fn(&Gc<Instance>)>,
    hash: Option<fn(&Gc<Instance>) -> u64>,
    equality: Option<fn(&Gc<Instance>, &Value) -> bool>,
}

impl Hooks {
    /// These, and where there is none, the other's.
    fn or(self, other: Hooks) -> Hooks {
        Hooks {
            finalizer: self.finalizer.or(other.finalizer),
            hash: self.hash.or(other.hash),
            equality: self.equality.or(other.equality),
        }
    }
}

/// What an instance is made from when there is nothing to find out: no
/// finalizer, no dict, capacity settled.
#[derive(Clone, Copy)]
pub(crate) struct Recipe {
    pub(crate) layout: Layout,
    /// Places of a block of this layout in a page of its own type.
    pub(crate) room: usize,
    /// The state of a fresh instance, if it has one.
    pub(crate) state: Option<i64>,
}

/// A Python class.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str, Value};
/// let heap = Heap::new();
/// let point = Class::builder(&heap, "Point").slots(["x", "y"]).build();
/// let (x, z) = (Str::intern(&heap, "x"), Str::intern(&heap, "z"));
/// let p = Class::instantiate(&point, &heap);
/// assert_eq!(p.get_attr(&x), None);
/// p.set_attr(&heap, &x, Value::small(3)).unwrap();
/// assert_eq!(p.get_attr(&x), Some(Value::small(3)));
/// assert!(p.set_attr(&heap, &z, Value::NONE).is_err());
/// assert_eq!(p.size_bytes(), 32);
/// ```
pub struct Class {
    cache: Cache,
    /// Places that every instance made so far has.
    safe_places: Cell<usize>,
    slots: usize,
    form: Form,
    /// Inline values that the next instance gets.
    capacity: Cell<usize>,
    /// Instances made, up to `MAX_SHARED_NAMES`.
    made: Cell<usize>,
    recipe: Cell<Option<Recipe>>,
    hooks: Hooks,
    /// Those of the class itself.
    own_hooks: Hooks,
    name: Gc<Str>,
    base: Option<Gc<Class>>,
    slot_names: HeapVec<Gc<Str>>,
    shared_names: Section<HeapVec<Gc<Str>>>,
    methods: HeapVec<(Gc<Str>, Gc<Function>)>,
    /// All bases of a class with several; `base` is one of them.
    more_bases: HeapVec<Gc<Class>>,
    /// What follows a class with several bases in its linearization.
    linear: HeapVec<Gc<Class>>,
    attributes: Section<HeapVec<(Gc<Str>, Value)>>,
    /// Whether instances can be referred to weakly.
    weak: bool,
}

impl Class {
    /// Begins a class called `name`.
    pub fn builder<'a>(heap: &'a Heap, name: &'a str) -> ClassBuilder<'a> {
        ClassBuilder::new(heap, name)
    }

    /// A new instance without attributes.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn instantiate(this: &Gc<Class>, heap: &Heap) -> Gc<Instance> {
        Instance::new(this, heap)
    }

    /// The class's name.
    pub fn name(&self) -> &Gc<Str> {
        &self.name
    }

    /// The base class.
    pub fn base(&self) -> Option<&Gc<Class>> {
        self.base.as_ref()
    }

    /// Where attributes without a slot live.
    #[inline]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Slots of an instance, inherited ones included.
    #[inline]
    pub fn slot_count(&self) -> usize {
        self.slots
    }

    /// Names of the slots in the order in which an instance gives them up: the
    /// class's own by name, then inherited ones.
    pub fn slot_names(&self) -> &[Gc<Str>] {
        &self.slot_names
    }

    /// Names that the instances share so far.
    pub fn shared_name_count(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.shared_names.enter(|names| names.len()) }
    }

    /// Whether `other` is this class or one of its bases.
    pub fn is_subclass_of(this: &Gc<Class>, other: &Gc<Class>) -> bool {
        Gc::ptr_eq(this, other) || this.bases().any(|base| Class::is_subclass_of(base, other))
    }

    /// The bases, as declared.
    pub fn bases(&self) -> impl Iterator<Item = &Gc<Class>> {
        let single = self.base.as_ref().filter(|_| self.more_bases.is_empty());
        single.into_iter().chain(self.more_bases.iter())
    }

    /// The class and all that it inherits from, in the order in which attributes
    /// are searched: C3's (Python's `__mro__`, without `object`).
    ///
    /// ```
    /// use exuvia_core::Heap;
    /// use exuvia_core::object::Class;
    /// let heap = Heap::new();
    /// let a = Class::builder(&heap, "A").build();
    /// let b = Class::builder(&heap, "B").base(&a).build();
    /// let c = Class::builder(&heap, "C").base(&a).build();
    /// let d = Class::builder(&heap, "D").bases([&b, &c]).build();
    /// let names: Vec<String> = Class::linearization(&d)
    ///     .iter()
    ///     .map(|class| class.name().as_str().to_owned())
    ///     .collect();
    /// assert_eq!(names, ["D", "B", "C", "A"]);
    /// ```
    pub fn linearization(this: &Gc<Class>) -> Vec<Gc<Class>> {
        let mut line = vec![this.clone()];
        while let Some(last) = line.last() {
            if !last.linear.is_empty() {
                let rest = last.linear.to_vec();
                line.extend(rest);
                break;
            }
            match last.base.clone() {
                Some(base) => line.push(base),
                None => break,
            }
        }
        line
    }

    /// What `own` finds first in the class and what it inherits from.
    fn search<'c, T>(&'c self, own: impl Fn(&'c Class) -> Option<T>) -> Option<T> {
        let mut class = self;
        loop {
            let found = own(class);
            if found.is_some() {
                return found;
            }
            if !class.linear.is_empty() {
                return class.linear.iter().find_map(|class| own(class));
            }
            class = class.base.as_ref()?;
        }
    }

    /// Whether Python lets instances be referred to weakly: not when class and
    /// bases declare slots without `__weakref__`.
    pub fn has_weak_instances(&self) -> bool {
        self.weak
    }

    /// An attribute of the class itself, or of the first that has it in the
    /// [`linearization`](Self::linearization).
    pub fn attribute(&self, name: &Gc<Str>) -> Option<Value> {
        self.search(|class| class.own_attribute(name))
    }

    fn own_attribute(&self, name: &Gc<Str>) -> Option<Value> {
        // SAFETY: short section: names are compared, a clone only counts.
        unsafe {
            self.attributes.enter(|attributes| {
                let mut own = attributes.iter();
                let found = own.find(|(known, _)| names::same(known, name));
                found.map(|(_, value)| value.clone())
            })
        }
    }

    /// Sets an attribute of the class; the old value is dropped afterwards.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn set_attribute(&self, heap: &Heap, name: &Gc<Str>, value: Value) {
        let name = name.interned(heap);
        let _behalf = heap.core().tracer.on_behalf();
        // SAFETY: short section: a value changes places, or is added (a buffer
        // may grow); nothing is dropped.
        let old = unsafe {
            self.attributes.enter(|attributes| {
                let mut own = attributes.iter_mut();
                match own.find(|(known, _)| names::same(known, &name)) {
                    Some((_, known)) => Some(std::mem::replace(known, value)),
                    None => {
                        attributes.push(heap, (name, value));
                        None
                    }
                }
            })
        };
        drop(old);
    }

    /// An attribute or method, of the class or the first that has either.
    pub(crate) fn lookup(&self, name: &Gc<Str>) -> Option<Value> {
        self.search(|class| {
            let attribute = class.own_attribute(name);
            attribute.or_else(|| class.own_method(name).map(Value::from))
        })
    }

    /// The method of this name, of the class or the first that has it in the
    /// [`linearization`](Self::linearization).
    pub fn method(&self, name: &Gc<Str>) -> Option<&Gc<Function>> {
        self.search(|class| class.own_method(name))
    }

    fn own_method(&self, name: &Gc<Str>) -> Option<&Gc<Function>> {
        let mut own = self.methods.iter();
        let found = own.find(|(known, _)| names::same(known, name));
        found.map(|(_, function)| function)
    }

    pub(crate) fn finalizer(&self) -> Option<fn(&Gc<Instance>)> {
        self.hooks.finalizer
    }

    pub(crate) fn hash(&self) -> Option<fn(&Gc<Instance>) -> u64> {
        self.hooks.hash
    }

    pub(crate) fn equality(&self) -> Option<fn(&Gc<Instance>, &Value) -> bool> {
        self.hooks.equality
    }

    /// How to make an instance, once that is settled.
    #[inline]
    pub(crate) fn recipe(&self) -> Option<Recipe> {
        self.recipe.get()
    }

    /// Writes the recipe down, if there is one by now.
    fn settle(&self) {
        let settled = match self.form {
            Form::Slots => true,
            Form::Inline => self.made.get() == MAX_SHARED_NAMES,
            Form::Dict => false,
        };
        let plain = settled && self.hooks.finalizer.is_none();
        self.recipe
            .set(if plain { Instance::recipe(self) } else { None });
    }

    // --- capacity of inline values ------------------------------------------

    /// Places that every instance made so far has.
    #[inline]
    pub(crate) fn safe_places(&self) -> usize {
        self.safe_places.get()
    }

    /// The capacity of an instance that is being made.
    #[inline]
    pub(crate) fn next_capacity(&self) -> usize {
        if self.made.get() < MAX_SHARED_NAMES {
            self.learn();
        }
        self.capacity.get()
    }

    /// The rule of the first instances: a name less each time.
    #[cold]
    fn learn(&self) {
        let spare = MAX_SHARED_NAMES - self.made.get();
        self.made.set(self.made.get() + 1);
        self.set_capacity(spare.max(self.shared_name_count()));
    }

    /// The capacity of a fresh instance.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity.get()
    }

    /// Room for at least `names` values, filling the block's last granule.
    fn set_capacity(&self, names: usize) {
        let mut capacity = names;
        let words = |capacity| 2 + self.slots + 1 + Instance::words_for(capacity);
        if words(capacity) % 2 == 1 && words(capacity + 1) == words(capacity) + 1 {
            capacity = (capacity + 1).min(MAX_SHARED_NAMES);
        }
        self.capacity.set(capacity);
        let places = self.slots + 1 + capacity;
        self.safe_places.set(self.safe_places.get().min(places));
        self.settle();
    }

    /// The shared index of a new name; `None` when there are 30 already.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn share_name(&self, heap: &Heap, name: &Gc<Str>) -> Option<usize> {
        let name = name.interned(heap);
        let index = self.shared_name_count();
        if index == MAX_SHARED_NAMES {
            return None;
        }
        let _behalf = heap.core().tracer.on_behalf();
        // SAFETY: short section: a buffer may grow, nothing is dropped.
        unsafe { self.shared_names.enter(|names| names.push(heap, name)) };
        if self.made.get() == MAX_SHARED_NAMES && index >= self.capacity.get() {
            self.set_capacity(index + 1);
        }
        Some(index)
    }

    /// The shared name of an index.
    pub(crate) fn shared_name(&self, index: usize) -> Gc<Str> {
        // SAFETY: short section: a clone only counts.
        unsafe { self.shared_names.enter(|names| names[index].clone()) }
    }

    /// Bytes of the class's buffers.
    pub(crate) fn buffer_bytes(&self) -> usize {
        // SAFETY: short section: reads a number.
        let shared = unsafe { self.shared_names.enter(|names| names.capacity()) };
        // SAFETY: as above.
        let attributes = unsafe { self.attributes.enter(|table| table.capacity()) };
        let names = self.slot_names.capacity() + shared;
        let names = names + self.more_bases.capacity() + self.linear.capacity();
        (names + (self.methods.capacity() + attributes) * 2) * size_of::<Value>()
    }
}

// SAFETY: each field with references is owned and visited once.
unsafe impl Trace for Class {
    const VALUE_KIND: u8 = Kind::Class as u8;
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        visitor.at_field("__name__");
        self.name.trace(visitor);
        visitor.at_field("__base__");
        self.base.trace(visitor);
        visitor.at_field("__slots__");
        self.slot_names.trace(visitor);
        visitor.at_field("shared_names");
        self.shared_names.trace(visitor);
        visitor.at_field("__dict__");
        self.methods.trace(visitor);
        self.more_bases.trace(visitor);
        self.linear.trace(visitor);
        self.attributes.trace(visitor);
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<class {}>", self.name.as_str())
    }
}

/// Makes a method table.
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(super) fn method_table(
    heap: &Heap,
    methods: Vec<(&str, NativeFn, Vec<Value>)>,
) -> HeapVec<(Gc<Str>, Gc<Function>)> {
    let mut table = HeapVec::new();
    for (name, code, captured) in methods {
        let function = Function::new(heap, name, code, captured);
        table.push(heap, (function.name().clone(), function));
    }
    table
}
