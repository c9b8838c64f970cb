//! [`SlotAccessor`]: a slot apart from instances.

use std::error::Error;
use std::fmt;

use super::super::instance::{AttributeError, Instance};
use super::super::str::Str;
use super::super::value::Value;
use super::{Class, names};
use crate::gc::handle::Gc;
use crate::heap::Heap;

/// One slot of a class, to use on any of its instances: what Python finds under
/// the slot's name in the class (a member descriptor).
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, SlotError, Str, Value};
/// let heap = Heap::new();
/// let point = Class::builder(&heap, "Point").slots(["x"]).build();
/// let x = Class::slot_accessor(&point, &Str::intern(&heap, "x")).unwrap();
/// let p = Value::from(Class::instantiate(&point, &heap));
/// x.set(&heap, &p, Value::small(3)).unwrap();
/// assert_eq!(x.get(&p), Ok(Value::small(3)));
/// let error = x.get(&Value::small(1)).unwrap_err();
/// assert!(matches!(error, SlotError::ForeignType { .. }));
/// assert_eq!(
///     error.to_string(),
///     "descriptor 'x' for 'Point' objects doesn't apply to a 'int' object"
/// );
/// ```
#[derive(Clone)]
pub struct SlotAccessor {
    /// The class that declares the slot.
    class: Gc<Class>,
    name: Gc<Str>,
}

/// Why a slot cannot be read, written or deleted.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, SlotError, Str, Value};
/// let heap = Heap::new();
/// let point = Class::builder(&heap, "Point").slots(["x"]).build();
/// let x = Class::slot_accessor(&point, &Str::intern(&heap, "x")).unwrap();
/// let unset = x.get(&Value::from(Class::instantiate(&point, &heap)));
/// assert!(matches!(unset, Err(SlotError::Unset(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotError {
    /// The object is no instance of the slot's class (TypeError).
    ForeignType {
        /// The slot.
        slot: String,
        /// The class that declares it.
        class: String,
        /// The type of the object.
        found: String,
    },
    /// The slot is unset (AttributeError).
    Unset(AttributeError),
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotError::ForeignType { slot, class, found } => write!(
                f,
                "descriptor '{slot}' for '{class}' objects doesn't apply to a '{found}' object"
            ),
            SlotError::Unset(error) => error.fmt(f),
        }
    }
}

impl Error for SlotError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SlotError::ForeignType { .. } => None,
            SlotError::Unset(error) => Some(error),
        }
    }
}

impl Class {
    /// The accessor of a slot that the class declares or inherits.
    pub fn slot_accessor(this: &Gc<Class>, name: &Gc<Str>) -> Option<SlotAccessor> {
        let known = |class: &Gc<Class>| class.slot_names().iter().any(|own| names::same(own, name));
        if !known(this) {
            return None;
        }
        let mut class = this;
        while let Some(base) = class.bases().find(|base| known(base)) {
            class = base;
        }
        Some(SlotAccessor {
            class: class.clone(),
            name: name.clone(),
        })
    }
}

impl SlotAccessor {
    /// The value of the slot in an instance.
    ///
    /// # Errors
    /// When the object is no instance of the class, or the slot is unset.
    pub fn get(&self, object: &Value) -> Result<Value, SlotError> {
        let instance = self.instance(object)?;
        let unset = || SlotError::Unset(self.unset(&instance));
        instance.get_attr(&self.name).ok_or_else(unset)
    }

    /// Sets the slot of an instance; the old value is dropped last.
    ///
    /// # Errors
    /// When the object is no instance of the class.
    pub fn set(&self, heap: &Heap, object: &Value, value: Value) -> Result<(), SlotError> {
        let instance = self.instance(object)?;
        instance
            .set_attr(heap, &self.name, value)
            .map_err(SlotError::Unset)
    }

    /// Unsets the slot of an instance.
    ///
    /// # Errors
    /// When the object is no instance of the class, or the slot is unset.
    pub fn delete(&self, object: &Value) -> Result<(), SlotError> {
        self.instance(object)?
            .del_attr(&self.name)
            .map_err(SlotError::Unset)
    }

    fn unset(&self, instance: &Gc<Instance>) -> AttributeError {
        AttributeError {
            class: instance.class().name().as_str().to_owned(),
            name: self.name.as_str().to_owned(),
        }
    }

    fn instance(&self, object: &Value) -> Result<Gc<Instance>, SlotError> {
        let instance = object.as_instance().map(|instance| instance.clone());
        let found = match instance {
            Some(instance) if Class::is_subclass_of(instance.class(), &self.class) => {
                return Ok(instance);
            }
            Some(instance) => instance.class().name().as_str().to_owned(),
            None => object.type_name().to_owned(),
        };
        Err(SlotError::ForeignType {
            slot: self.name.as_str().to_owned(),
            class: self.class.name().as_str().to_owned(),
            found,
        })
    }
}

impl fmt::Debug for SlotAccessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, class) = (self.name.as_str(), self.class.name().as_str());
        write!(f, "<member '{name}' of '{class}' objects>")
    }
}
