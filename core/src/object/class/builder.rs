//! Making classes.

use std::cell::Cell;
use std::error::Error;
use std::fmt;

use super::super::function::NativeFn;
use super::super::instance::Instance;
use super::super::section::Section;
use super::super::str::Str;
use super::super::value::Value;
use super::names::Cache;
use super::{Class, Form, Hooks, method_table};
use crate::alloc::HeapVec;
use crate::gc::handle::Gc;
use crate::heap::Heap;

/// Why a class cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassError {
    /// A slot's name is no identifier.
    BadName(String),
    /// A slot is declared twice, here or in a base.
    DuplicateSlot(String),
    /// A slot and a method of the class have the same name.
    SlotIsMethod(String),
}

impl fmt::Display for ClassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClassError::BadName(name) => {
                write!(
                    f,
                    "slot name {name:?} is not an identifier; use letters, digits and _"
                )
            }
            ClassError::DuplicateSlot(name) => {
                write!(
                    f,
                    "slot {name:?} is declared twice, here or in a base; remove one"
                )
            }
            ClassError::SlotIsMethod(name) => {
                write!(
                    f,
                    "slot {name:?} conflicts with a method of that name; rename one"
                )
            }
        }
    }
}

impl Error for ClassError {}

/// Collects what a class is made of; see [`Class::builder`].
#[must_use = "a builder makes nothing before `build`"]
pub struct ClassBuilder<'a> {
    heap: &'a Heap,
    name: &'a str,
    base: Option<Gc<Class>>,
    slots: Option<Vec<String>>,
    form: Option<Form>,
    methods: Vec<(&'a str, NativeFn, Vec<Value>)>,
    hooks: Hooks,
}

impl<'a> ClassBuilder<'a> {
    pub(super) fn new(heap: &'a Heap, name: &'a str) -> ClassBuilder<'a> {
        ClassBuilder {
            heap,
            name,
            base: None,
            slots: None,
            form: None,
            methods: Vec::new(),
            hooks: Hooks::default(),
        }
    }

    /// Declares slots (Python's `__slots__`). Unless [`dict`](Self::dict),
    /// [`plain_dict`](Self::plain_dict) or a base says otherwise, instances
    /// have no other attributes.
    pub fn slots<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let more = names.into_iter().map(Into::into);
        self.slots.get_or_insert_default().extend(more);
        self
    }

    /// Instances take any attribute: inline values under shared names, a dict
    /// on demand. The default without slots.
    pub fn dict(mut self) -> Self {
        self.form = Some(Form::Inline);
        self
    }

    /// Instances take any attribute, in a dict of their own from the beginning.
    pub fn plain_dict(mut self) -> Self {
        self.form = Some(Form::Dict);
        self
    }

    /// Inherits slots, methods and hooks. A base whose instances take any
    /// attribute makes this class do so too.
    pub fn base(mut self, base: &Gc<Class>) -> Self {
        self.base = Some(base.clone());
        self
    }

    /// Code that runs once per instance, before it dies (Python's `__del__`).
    pub fn finalizer(mut self, finalizer: fn(&Gc<Instance>)) -> Self {
        self.hooks.finalizer = Some(finalizer);
        self
    }

    /// The hash of instances as dict keys (Python's `__hash__`).
    pub fn hash(mut self, hash: fn(&Gc<Instance>) -> u64) -> Self {
        self.hooks.hash = Some(hash);
        self
    }

    /// Equality of instances as dict keys (Python's `__eq__`).
    pub fn equality(mut self, equality: fn(&Gc<Instance>, &Value) -> bool) -> Self {
        self.hooks.equality = Some(equality);
        self
    }

    /// Adds a method.
    pub fn method(self, name: &'a str, code: NativeFn) -> Self {
        self.method_with(name, code, Vec::new())
    }

    /// Adds a method that captures values.
    pub fn method_with(mut self, name: &'a str, code: NativeFn, captured: Vec<Value>) -> Self {
        self.methods.push((name, code, captured));
        self
    }

    /// Makes the class.
    ///
    /// # Panics
    /// As [`try_build`](Self::try_build) fails, and when the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn build(self) -> Gc<Class> {
        self.try_build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes the class.
    ///
    /// # Errors
    /// When a slot's name is no identifier or is taken.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_build(self) -> Result<Gc<Class>, ClassError> {
        self.check_slots()?;
        let heap = self.heap;
        let slot_names = self.all_slot_names();
        let form = self.joined_form();
        let inherited = self
            .base
            .as_ref()
            .map(|base| base.hooks)
            .unwrap_or_default();
        let hooks = Hooks {
            finalizer: self.hooks.finalizer.or(inherited.finalizer),
            hash: self.hooks.hash.or(inherited.hash),
            equality: self.hooks.equality.or(inherited.equality),
        };
        let slots = slot_names.len();
        let class = heap.alloc(Class {
            cache: Cache::new(),
            safe_places: Cell::new(if form == Form::Inline {
                usize::MAX
            } else {
                slots
            }),
            slots,
            form,
            capacity: Cell::new(0),
            made: Cell::new(0),
            recipe: Cell::new(None),
            hooks,
            name: Str::intern(heap, self.name),
            base: self.base,
            slot_names,
            shared_names: Section::new(HeapVec::new()),
            methods: method_table(heap, self.methods),
        });
        class.settle();
        Ok(class)
    }

    fn check_slots(&self) -> Result<(), ClassError> {
        let own = self.slots.as_deref().unwrap_or_default();
        let inherited = self.base.as_ref().map_or(&[][..], |base| &base.slot_names);
        for (index, name) in own.iter().enumerate() {
            if !is_identifier(name) {
                return Err(ClassError::BadName(name.clone()));
            }
            let taken =
                own[..index].contains(name) || inherited.iter().any(|known| known.as_str() == name);
            if taken {
                return Err(ClassError::DuplicateSlot(name.clone()));
            }
            if self.methods.iter().any(|(method, ..)| method == name) {
                return Err(ClassError::SlotIsMethod(name.clone()));
            }
        }
        Ok(())
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn all_slot_names(&self) -> HeapVec<Gc<Str>> {
        let inherited = self.base.as_ref().map_or(&[][..], |base| &base.slot_names);
        let own = self.slots.as_deref().unwrap_or_default();
        let mut names = HeapVec::with_capacity(self.heap, inherited.len() + own.len());
        for name in inherited {
            names.push_within_capacity(name.clone());
        }
        for name in own {
            names.push_within_capacity(Str::intern(self.heap, name));
        }
        names
    }

    /// What was asked for, and at least what the base has.
    fn joined_form(&self) -> Form {
        let default = if self.slots.is_some() {
            Form::Slots
        } else {
            Form::Inline
        };
        let asked = self.form.unwrap_or(default);
        let base = self.base.as_ref().map_or(Form::Slots, |base| base.form);
        match (asked, base) {
            (Form::Dict, _) | (_, Form::Dict) => Form::Dict,
            (Form::Inline, _) | (_, Form::Inline) => Form::Inline,
            (Form::Slots, Form::Slots) => Form::Slots,
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c == '_' || c.is_alphabetic())
        && letters.all(|c| c == '_' || c.is_alphanumeric())
}
