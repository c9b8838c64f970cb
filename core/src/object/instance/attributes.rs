//! Reading, writing and deleting attributes.
//!
//! The fast paths ask the class's cache for the place of a name; everything
//! else is looked up again in the slow ones. User code runs only when an old
//! value is dropped, which is the last thing that happens.

use std::error::Error;
use std::fmt;

use super::super::block;
use super::super::class::{Form, Place};
use super::super::dict::{Dict, MustAsk};
use super::super::function::Function;
use super::super::method::BoundMethod;
use super::super::str::Str;
use super::super::value::{Kind, Value};
use super::{Instance, order};
use crate::gc::handle::Gc;
use crate::heap::Heap;

/// An attribute is not there, or cannot be.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str};
/// let heap = Heap::new();
/// let class = Class::builder(&heap, "Point").slots(["x"]).build();
/// let point = Class::instantiate(&class, &heap);
/// let error = point.lookup(&Str::intern(&heap, "y")).unwrap_err();
/// assert_eq!(error.to_string(), "'Point' object has no attribute 'y'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeError {
    /// The name of the class.
    pub class: String,
    /// The name of the attribute.
    pub name: String,
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' object has no attribute '{}'",
            self.class, self.name
        )
    }
}

impl Error for AttributeError {}

impl Gc<Instance> {
    #[inline]
    fn place(&self, place: usize) -> *mut Value {
        block::tail::<Instance, Value>(self.header()).wrapping_add(place)
    }

    /// # Safety
    /// 1. The instance has the place.
    #[inline]
    unsafe fn read(&self, place: usize) -> Option<Value> {
        // SAFETY: duty 1 and invariant *places*.
        let value = unsafe { &*self.place(place) };
        (!value.is_unset()).then(|| value.clone())
    }

    /// Exchanges a place; the caller drops what comes back.
    ///
    /// # Safety
    /// 1. The instance has the place.
    #[inline]
    unsafe fn exchange(&self, place: usize, value: Value) -> Value {
        // SAFETY: duty 1 and invariant *places*.
        unsafe { self.place(place).replace(value) }
    }

    /// A clone of an attribute of the instance itself; `None` when it is unset
    /// or unknown. Methods: [`lookup`](Self::lookup).
    #[inline]
    pub fn get_attr(&self, name: &Gc<Str>) -> Option<Value> {
        let class = self.class();
        if let Some(place) = class.cached_place(name)
            && place < class.safe_places()
        {
            // SAFETY: a safe place exists in every instance.
            let value = unsafe { self.read(place) };
            if value.is_some() {
                return value;
            }
        }
        self.get_attr_slow(name)
    }

    #[inline(never)]
    fn get_attr_slow(&self, name: &Gc<Str>) -> Option<Value> {
        match self.class().find_place(name) {
            // SAFETY: every instance of a class has its slots.
            Some(Place::Slot(slot)) => unsafe { self.read(slot) },
            // SAFETY: below the capacity.
            Some(Place::Value(index)) if index < self.capacity() => unsafe {
                self.read(self.value_place(index))
            },
            _ => self.get_from_dict(name),
        }
    }

    /// Reads from the dict, if there is one. Its count moves only when user
    /// code may run: a fallen count would make it a suspect of the collector.
    fn get_from_dict(&self, name: &Gc<Str>) -> Option<Value> {
        if self.class().form() == Form::Slots {
            return None;
        }
        // SAFETY: the class has a state, which nothing changes meanwhile.
        let state = unsafe { &*self.place(self.class().slot_count()) };
        match state.as_dict()?.peek_name(name) {
            Ok(found) => found,
            Err(MustAsk) => self.own_dict()?.get_name(name),
        }
    }

    /// Sets an attribute; the old value is dropped last.
    ///
    /// # Errors
    /// When the class has slots only and this is none of them.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn set_attr(
        &self,
        heap: &Heap,
        name: &Gc<Str>,
        value: Value,
    ) -> Result<(), AttributeError> {
        match self.set_cached(name, value) {
            Ok(()) => Ok(()),
            Err(value) => self.set_attr_slow(heap, name, value),
        }
    }

    /// Sets an attribute whose place the class's cache knows; else the value
    /// comes back.
    #[inline]
    fn set_cached(&self, name: &Gc<Str>, value: Value) -> Result<(), Value> {
        let class = self.class();
        if let Some(place) = class.cached_place(name)
            && place < class.safe_places()
        {
            // SAFETY: a safe place exists in every instance.
            let unset = unsafe { (*self.place(place)).is_unset() };
            if !unset || place < class.slot_count() {
                // SAFETY: as above.
                drop(unsafe { self.exchange(place, value) });
                return Ok(());
            }
            if let Some(state) = self.state_with(place - class.slot_count() - 1) {
                // SAFETY: the place is safe, the state in front of the values;
                // both old words are immediates, so nothing is dropped.
                unsafe {
                    self.place(class.slot_count()).write(state);
                    self.place(place).write(value);
                }
                return Ok(());
            }
        }
        Err(value)
    }

    /// The state after a first store under a shared name, when its order fits
    /// the state word and there is no dict.
    #[inline]
    fn state_with(&self, index: usize) -> Option<Value> {
        // SAFETY: only classes with a state have cached places above the slots.
        let state = unsafe { &*self.place(self.class().slot_count()) };
        Some(Value::small(order::with_first(state.as_small()?, index)?))
    }

    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn set_attr_slow(
        &self,
        heap: &Heap,
        name: &Gc<Str>,
        value: Value,
    ) -> Result<(), AttributeError> {
        let place = self.class().find_place(name);
        if let Some(Place::Slot(slot)) = place {
            // SAFETY: every instance of a class has its slots.
            drop(unsafe { self.exchange(slot, value) });
            return Ok(());
        }
        if self.class().form() == Form::Slots {
            return Err(self.no_attribute(name));
        }
        let index = match place {
            Some(Place::Value(index)) => Some(index),
            _ if self.has_dict() => None,
            _ => self.class().share_name(heap, name),
        };
        match index.filter(|&index| index < self.capacity()) {
            Some(index) => self.set_value(index, value),
            None => self.set_in_dict(heap, name, value),
        }
        Ok(())
    }

    /// Sets an inline value of an instance without a dict.
    fn set_value(&self, index: usize, value: Value) {
        // SAFETY: the caller checked the capacity.
        let old = unsafe { self.exchange(self.value_place(index), value) };
        if old.is_unset() {
            let mut order = self.order();
            order.push(index);
            self.set_order(&order);
        }
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn set_in_dict(&self, heap: &Heap, name: &Gc<Str>, value: Value) {
        if let Some(dict) = self.dict(heap) {
            let key = Value::from(name.interned(heap));
            drop(dict.insert(heap, key, value));
        }
    }

    /// Deletes an attribute; its value is dropped last.
    ///
    /// # Errors
    /// When it is unset or unknown.
    pub fn del_attr(&self, name: &Gc<Str>) -> Result<(), AttributeError> {
        let old = match self.class().find_place(name) {
            // SAFETY: every instance of a class has its slots.
            Some(Place::Slot(slot)) => Some(unsafe { self.exchange(slot, Value::UNSET) }),
            Some(Place::Value(index)) if index < self.capacity() => Some(self.take_value(index)),
            _ => self
                .own_dict()
                .and_then(|dict| dict.remove(&Value::lend(name, Kind::Str))),
        };
        match old {
            Some(old) if !old.is_unset() => Ok(()),
            _ => Err(self.no_attribute(name)),
        }
    }

    fn take_value(&self, index: usize) -> Value {
        let mut order = self.order();
        order.remove(index);
        self.set_order(&order);
        // SAFETY: the caller checked the capacity.
        unsafe { self.exchange(self.value_place(index), Value::UNSET) }
    }

    /// The instance's dict (Python's `__dict__`), made when there is none: the
    /// inline values move into it, oldest first. `None` for pure slots.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn dict(&self, heap: &Heap) -> Option<Gc<Dict>> {
        if self.class().form() == Form::Slots {
            return None;
        }
        if let Some(dict) = self.own_dict() {
            return Some(dict);
        }
        let fresh = Dict::with_capacity(heap, self.order().indexes().count() + 1);
        // Making it may have collected, and finalizers may have been here.
        if let Some(dict) = self.own_dict() {
            return Some(dict);
        }
        self.move_values(heap, &fresh);
        Some(fresh)
    }

    /// Replaces the instance's dict (Python's `obj.__dict__ = dict`): the
    /// attributes are those of `dict` from here on. The old ones stay in the
    /// old dict, if somebody holds it.
    ///
    /// # Errors
    /// When the class has slots only.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn set_dict(&self, heap: &Heap, dict: &Gc<Dict>) -> Result<(), AttributeError> {
        let old = self.dict(heap).ok_or_else(|| AttributeError {
            class: self.class().name().as_str().to_owned(),
            name: "__dict__".to_owned(),
        })?;
        // SAFETY: the class has a state, which is a dict by now.
        let state = unsafe { self.exchange(self.class().slot_count(), Value::from(dict)) };
        drop((old, state));
        Ok(())
    }

    /// Takes the instance's dict away (Python's `del obj.__dict__`): it has an
    /// empty one from here on.
    ///
    /// # Errors
    /// When the class has slots only.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn del_dict(&self, heap: &Heap) -> Result<(), AttributeError> {
        self.set_dict(heap, &Dict::new(heap))
    }

    /// From here on the attributes stand in `dict`. Dict insertions take
    /// buffers only, so nobody comes in between.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn move_values(&self, heap: &Heap, dict: &Gc<Dict>) {
        for index in self.order().indexes() {
            // SAFETY: the order names values below the capacity.
            let value = unsafe { self.exchange(self.value_place(index), Value::UNSET) };
            let name = Value::from(self.class().shared_name(index));
            dict.insert(heap, name, value);
        }
        let state = self.class().slot_count();
        for word in 0..self.more_words() {
            // SAFETY: further order words stand behind the values.
            unsafe { self.exchange(self.more_place(word), Value::UNSET) };
        }
        // SAFETY: the class has a state.
        drop(unsafe { self.exchange(state, Value::from(dict)) });
    }

    /// The dict, if there is one.
    pub(crate) fn own_dict(&self) -> Option<Gc<Dict>> {
        if self.class().form() == Form::Slots {
            return None;
        }
        // SAFETY: the class has a state.
        let state = unsafe { &*self.place(self.class().slot_count()) };
        state.as_dict().map(|dict| dict.clone())
    }

    /// Attribute names and values: slots in the order of
    /// [`Class::slot_names`](super::Class::slot_names), then the others in order of
    /// insertion.
    pub fn attributes(&self) -> Vec<(Value, Value)> {
        let mut found = Vec::new();
        for (slot, name) in self.class().slot_names().iter().enumerate() {
            // SAFETY: every instance of a class has its slots.
            if let Some(value) = unsafe { self.read(slot) } {
                found.push((Value::from(name), value));
            }
        }
        match self.own_dict() {
            Some(dict) => found.extend(dict.items()),
            None if self.class().form() == Form::Inline => {
                for index in self.order().indexes() {
                    // SAFETY: the order names values below the capacity.
                    if let Some(value) = unsafe { self.read(self.value_place(index)) } {
                        found.push((Value::from(self.class().shared_name(index)), value));
                    }
                }
            }
            None => {}
        }
        found
    }

    /// An attribute of the instance, or else an attribute or method of its class.
    ///
    /// # Errors
    /// When there is neither.
    pub fn lookup(&self, name: &Gc<Str>) -> Result<Value, AttributeError> {
        self.get_attr(name)
            .or_else(|| self.class().lookup(name))
            .ok_or_else(|| self.no_attribute(name))
    }

    /// A method of the class, bound to the instance: a new object each time.
    ///
    /// # Errors
    /// When the class and its bases have no method of this name.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn bind(&self, heap: &Heap, name: &Gc<Str>) -> Result<Gc<BoundMethod>, AttributeError> {
        let method = self.class().method(name).cloned();
        let method = method.ok_or_else(|| self.no_attribute(name))?;
        Ok(BoundMethod::new(heap, Value::from(self), method))
    }

    /// Calls a method.
    ///
    /// # Errors
    /// When the class and its bases have no method of this name.
    pub fn call(
        &self,
        heap: &Heap,
        name: &Gc<Str>,
        arguments: &[Value],
    ) -> Result<Value, AttributeError> {
        let method = self.class().method(name).cloned();
        let method: Gc<Function> = method.ok_or_else(|| self.no_attribute(name))?;
        Ok(method.call(heap, &Value::from(self), arguments))
    }

    #[cold]
    fn no_attribute(&self, name: &Gc<Str>) -> AttributeError {
        AttributeError {
            class: self.class().name().as_str().to_owned(),
            name: name.as_str().to_owned(),
        }
    }

    // --- the state word ------------------------------------------------------

    /// The state of an instance without a dict.
    fn state(&self) -> Option<i64> {
        if self.class().form() != Form::Inline {
            return None;
        }
        // SAFETY: the class has a state.
        unsafe { &*self.place(self.class().slot_count()) }.as_small()
    }

    /// Inline values that there is room for; none with a dict.
    fn capacity(&self) -> usize {
        self.state().map_or(0, order::capacity)
    }

    fn more_words(&self) -> usize {
        order::more_words(self.capacity())
    }

    fn value_place(&self, index: usize) -> usize {
        self.class().slot_count() + 1 + index
    }

    fn more_place(&self, word: usize) -> usize {
        self.value_place(self.capacity()) + word
    }

    fn order(&self) -> order::Order {
        let more = (0..self.more_words()).map(|word| {
            // SAFETY: further order words stand behind the values.
            unsafe { &*self.place(self.more_place(word)) }
                .as_small()
                .unwrap_or(0)
        });
        order::Order::read(self.state().unwrap_or(0), more)
    }

    /// Writes the order back; no capacity changes, and only immediates are
    /// overwritten.
    fn set_order(&self, order: &order::Order) {
        for word in 0..self.more_words() {
            // SAFETY: further order words stand behind the values.
            unsafe { self.exchange(self.more_place(word), Value::small(order.more(word))) };
        }
        let state = Value::small(order.state(self.capacity()));
        // SAFETY: the class has a state.
        unsafe { self.exchange(self.class().slot_count(), state) };
    }
}
