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
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, ClassError};
/// let heap = Heap::new();
/// let twice = Class::builder(&heap, "C").slots(["a", "a"]).try_build();
/// assert_eq!(twice.err(), Some(ClassError::DuplicateSlot("a".to_owned())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassError {
    /// A slot's name is no identifier.
    BadName(String),
    /// A slot is declared twice, here or in a base.
    DuplicateSlot(String),
    /// A slot and a method or attribute of the class have the same name.
    SlotIsMethod(String),
    /// Two bases have slots of their own.
    LayoutConflict,
    /// No order of these bases keeps the order of each (C3).
    NoOrder(Vec<String>),
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
                    "slot {name:?} conflicts with a method or attribute of that name; rename one"
                )
            }
            ClassError::LayoutConflict => f.write_str(
                "multiple bases have instance lay-out conflict: only one may have slots",
            ),
            ClassError::NoOrder(bases) => write!(
                f,
                "no consistent method resolution order for bases {}; reorder them",
                bases.join(", ")
            ),
        }
    }
}

impl Error for ClassError {}

/// Collects what a class is made of; see [`Class::builder`].
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str, Value};
/// let heap = Heap::new();
/// let base = Class::builder(&heap, "Base").slots(["x"]).build();
/// let class = Class::builder(&heap, "Sub")
///     .base(&base)
///     .slots(["y"])
///     .method("answer", |_| Value::small(42))
///     .build();
/// let instance = Class::instantiate(&class, &heap);
/// let answer = Str::intern(&heap, "answer");
/// assert_eq!(instance.call(&heap, &answer, &[]), Ok(Value::small(42)));
/// assert_eq!(class.slot_count(), 2);
/// ```
#[must_use = "a builder makes nothing before `build`"]
pub struct ClassBuilder<'a> {
    heap: &'a Heap,
    name: &'a str,
    base: Option<Gc<Class>>,
    more_bases: Vec<Gc<Class>>,
    attributes: Vec<(&'a str, Value)>,
    weak: bool,
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
            more_bases: Vec::new(),
            attributes: Vec::new(),
            weak: false,
            slots: None,
            form: None,
            methods: Vec::new(),
            hooks: Hooks::default(),
        }
    }

    /// Declares slots (Python's `__slots__`). `__dict__` among them asks for
    /// any attribute, `__weakref__` for weak references; a name that begins
    /// with two underscores is mangled, as in Python. Unless [`dict`](Self::dict),
    /// [`plain_dict`](Self::plain_dict) or a base says otherwise, instances
    /// have no other attributes.
    pub fn slots<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let slots = self.slots.get_or_insert_default();
        for name in names.into_iter().map(Into::into) {
            match name.as_str() {
                "__dict__" => self.form = Some(Form::Inline),
                "__weakref__" => self.weak = true,
                _ => slots.push(mangled(self.name, name)),
            }
        }
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

    /// Inherits from several classes, searched in C3's order
    /// ([`Class::linearization`]). Only one of them may have slots, unless it
    /// inherits from another.
    pub fn bases<'b>(mut self, bases: impl IntoIterator<Item = &'b Gc<Class>>) -> Self {
        self.more_bases = bases.into_iter().cloned().collect();
        self
    }

    /// Adds an attribute of the class itself, which instances see too.
    pub fn attribute(mut self, name: &'a str, value: Value) -> Self {
        self.attributes.push((name, value));
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
    /// When a slot's name is no identifier or is taken, or the bases fit together
    /// neither in their slots nor in their order.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_build(mut self) -> Result<Gc<Class>, ClassError> {
        self.choose_base()?;
        self.check_slots()?;
        let heap = self.heap;
        let slot_names = self.all_slot_names();
        let form = self.joined_form();
        let weak = self.joined_weak(form);
        let linear = linearized(&self.more_bases).ok_or_else(|| self.no_order())?;
        let hooks = match (&linear[..], &self.base) {
            ([], Some(base)) => self.hooks.or(base.hooks),
            (others, _) => others
                .iter()
                .fold(self.hooks, |hooks, other| hooks.or(other.own_hooks)),
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
            own_hooks: self.hooks,
            name: Str::intern(heap, self.name),
            base: self.base,
            slot_names,
            shared_names: Section::new(HeapVec::new()),
            methods: method_table(heap, self.methods),
            more_bases: table_of(heap, self.more_bases),
            linear: table_of(heap, linear),
            attributes: Section::new(table_of(
                heap,
                self.attributes
                    .into_iter()
                    .map(|(name, value)| (Str::intern(heap, name), value)),
            )),
            weak,
        });
        class.settle();
        Ok(class)
    }

    /// With several bases, the one whose layout instances have comes first;
    /// the others lend methods, attributes and hooks.
    fn choose_base(&mut self) -> Result<(), ClassError> {
        let Some(mut solid) = self.more_bases.first().cloned() else {
            return Ok(());
        };
        for base in &self.more_bases[1..] {
            if Class::is_subclass_of(&solid, base) || base.slots == 0 {
                continue;
            }
            if solid.slots > 0 && !Class::is_subclass_of(base, &solid) {
                return Err(ClassError::LayoutConflict);
            }
            solid = base.clone();
        }
        self.base = Some(solid);
        Ok(())
    }

    fn no_order(&self) -> ClassError {
        let bases = self.more_bases.iter();
        ClassError::NoOrder(bases.map(|base| base.name().as_str().to_owned()).collect())
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
            let methods = self.methods.iter().map(|(method, ..)| *method);
            let mut names = methods.chain(self.attributes.iter().map(|(name, _)| *name));
            if names.any(|taken| taken == name) {
                return Err(ClassError::SlotIsMethod(name.clone()));
            }
        }
        Ok(())
    }

    /// In the order in which an instance gives them up, as in CPython: the class's
    /// own by name, then those of the base.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn all_slot_names(&self) -> HeapVec<Gc<Str>> {
        let inherited = self.base.as_ref().map_or(&[][..], |base| &base.slot_names);
        let mut own = self.slots.clone().unwrap_or_default();
        own.sort();
        let mut names = HeapVec::with_capacity(self.heap, inherited.len() + own.len());
        for name in &own {
            names.push_within_capacity(Str::intern(self.heap, name));
        }
        for name in inherited {
            names.push_within_capacity(name.clone());
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
        let bases = self.base.iter().chain(&self.more_bases);
        let base = bases.fold(Form::Slots, |form, base| joined(form, base.form));
        joined(asked, base)
    }

    /// Instances have weak references unless the class and all its bases have
    /// slots and none of them says `__weakref__`.
    fn joined_weak(&self, form: Form) -> bool {
        let mut bases = self.base.iter().chain(&self.more_bases);
        let bare = self.slots.is_some() && !self.weak;
        let dict_only_by_slot = self.slots.is_some() && form != Form::Slots;
        !bare && !dict_only_by_slot || self.weak || bases.any(|base| base.weak)
    }
}

/// What follows a class with these bases in its linearization, by C3 (Barrett et
/// al., "A Monotonic Superclass Linearization for Dylan", OOPSLA 1996): each step
/// takes the first class that stands at the front of a line and behind the front
/// of none. `None` when there is no such class left. Nothing without bases.
fn linearized(bases: &[Gc<Class>]) -> Option<Vec<Gc<Class>>> {
    let mut lines: Vec<Vec<Gc<Class>>> = bases.iter().map(Class::linearization).collect();
    lines.push(bases.to_vec());
    let mut merged = Vec::new();
    loop {
        lines.retain(|line| !line.is_empty());
        if lines.is_empty() {
            return Some(merged);
        }
        let is_free = |class: &Gc<Class>| {
            let mut behind = lines.iter().flat_map(|line| &line[1..]);
            !behind.any(|other| Gc::ptr_eq(other, class))
        };
        let next = lines
            .iter()
            .map(|line| &line[0])
            .find(|class| is_free(class))?;
        let next = next.clone();
        for line in &mut lines {
            if Gc::ptr_eq(&line[0], &next) {
                line.remove(0);
            }
        }
        merged.push(next);
    }
}

/// At least what both have.
fn joined(a: Form, b: Form) -> Form {
    match (a, b) {
        (Form::Dict, _) | (_, Form::Dict) => Form::Dict,
        (Form::Inline, _) | (_, Form::Inline) => Form::Inline,
        (Form::Slots, Form::Slots) => Form::Slots,
    }
}

/// Python's private names: `__x` of a class `C` is `_C__x`.
fn mangled(class: &str, name: String) -> String {
    let class = class.trim_start_matches('_');
    let private = name.starts_with("__") && !name.ends_with("__");
    if private && !class.is_empty() {
        format!("_{class}{name}")
    } else {
        name
    }
}

fn table_of<T>(heap: &Heap, items: impl IntoIterator<Item = T>) -> HeapVec<T> {
    let mut table = HeapVec::new();
    for item in items {
        table.push(heap, item);
    }
    table
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c == '_' || c.is_alphabetic())
        && letters.all(|c| c == '_' || c.is_alphanumeric())
}
