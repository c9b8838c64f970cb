//! CPython's own objects, through its C API.

use super::FAR;
use super::model::{Attributed, Model};
use crate::foreign::python::{Interpreter, Object};

const CLASSES: &str = "
class Slots:
    __slots__ = ('name', 'age')
class Referent:
    __slots__ = ('name', 'age', '__weakref__')
class Ordinary:
    pass
def forever(it):
    while True:
        yield it
def make():
    return forever(it)
";

/// An interpreter with the classes and values of the works.
pub(in crate::measured) struct Python {
    slots: Object,
    ordinary: Object,
    referent: Object,
    make_generator: Object,
    names: [Object; 2],
    object: Object,
    none: Object,
}

impl Python {
    #[inline]
    fn of(&self, class: &Object) -> Object {
        let instance = class.allocate();
        for name in &self.names {
            instance.set(name, &self.object);
        }
        instance
    }
}

impl Model for Python {
    type Value = Object;

    fn new() -> Self {
        let interpreter = Interpreter::start();
        interpreter.run(&format!("it = {FAR}\nnone = None\n{CLASSES}"));
        Python {
            slots: interpreter.named("Slots"),
            ordinary: interpreter.named("Ordinary"),
            referent: interpreter.named("Referent"),
            make_generator: interpreter.named("make"),
            names: [c"name", c"age"].map(Object::interned),
            object: interpreter.named("it"),
            none: interpreter.named("none"),
        }
    }

    #[inline]
    fn int(&self, value: i64) -> Object {
        Object::int(value)
    }

    fn as_int(&self, value: &Object) -> i64 {
        value.as_int()
    }

    #[inline]
    fn instance(&self, kind: Attributed) -> Object {
        match kind {
            Attributed::Slots => self.of(&self.slots),
            Attributed::Ordinary => self.of(&self.ordinary),
        }
    }

    #[inline]
    fn get(&self, instance: &Object) -> Object {
        instance.get(&self.names[1])
    }

    #[inline]
    fn set(&self, instance: &Object, value: &Object) {
        instance.set(&self.names[1], value);
    }

    fn empty_dict(&self) -> Object {
        Object::dict()
    }

    #[inline]
    fn insert(&self, dict: &Object, key: &Object, value: &Object) {
        dict.insert(key, value);
    }

    fn dict_len(&self, dict: &Object) -> usize {
        dict.dict_len()
    }

    #[inline]
    fn dict_of_two(&self) -> Object {
        let dict = Object::dict();
        for name in &self.names {
            dict.insert(name, &self.object);
        }
        dict
    }

    #[inline]
    fn empty_list(&self) -> Object {
        Object::empty_list()
    }

    #[inline]
    fn list_of_ten(&self) -> Object {
        Object::list_of(&self.object, 10)
    }

    #[inline]
    fn append(&self, list: &Object, item: Object) {
        list.append(&item);
    }

    fn list_len(&self, list: &Object) -> usize {
        list.list_len()
    }

    #[inline]
    fn text(&self, text: &str) -> Object {
        Object::text(text)
    }

    fn hashed_text(&self, text: &str) -> Object {
        let text = Object::text(text);
        text.hash();
        text
    }

    #[inline]
    fn referent(&self) -> Object {
        self.referent.allocate()
    }

    #[inline]
    fn weakref(&self, to: &Object) -> Object {
        to.weakref()
    }

    #[inline]
    fn is_alive(&self, weak: &Object) -> bool {
        !weak.deref().is(&self.none)
    }

    #[inline]
    fn generator(&self) -> Object {
        self.make_generator.call()
    }

    #[inline]
    fn step(&self, generator: &Object) -> Object {
        generator.next()
    }
}
