//! This heap's object model.

use exuvia_core::object::{Class, Dict, Frame, Generator, List, Step, Str, Value, WeakRef};
use exuvia_core::{Gc, GcAny, Heap, Trace};

use super::super::peer::crowded_heap;
use super::FAR;
use super::model::{Attributed, Model};

/// The heap that the nodes are measured on, with two classes.
pub(in crate::measured) struct Ours {
    slots: Gc<Class>,
    ordinary: Gc<Class>,
    names: [Gc<Str>; 2],
    object: Value,
    heap: Heap,
    _crowd: Vec<GcAny>,
}

/// Yields one object for ever.
#[derive(Trace)]
struct Forever {
    object: Value,
}

impl Frame for Forever {
    fn resume(&mut self, _: &Heap, _: Value) -> Step {
        Step::Yield(self.object.clone())
    }
}

impl Ours {
    #[inline]
    fn of(&self, class: &Gc<Class>) -> Value {
        let instance = Class::instantiate(class, &self.heap);
        for name in &self.names {
            instance
                .set_attr(&self.heap, name, self.object.clone())
                .expect("the class takes both names");
        }
        Value::from(instance)
    }
}

impl Model for Ours {
    type Value = Value;

    fn new() -> Self {
        let (heap, crowd) = crowded_heap();
        Ours {
            slots: Class::builder(&heap, "Slots")
                .slots(["name", "age"])
                .build(),
            ordinary: Class::builder(&heap, "Ordinary").dict().build(),
            names: ["name", "age"].map(|name| Str::intern(&heap, name)),
            object: Value::int(&heap, FAR),
            heap,
            _crowd: crowd,
        }
    }

    #[inline]
    fn int(&self, value: i64) -> Value {
        Value::int(&self.heap, value)
    }

    fn as_int(&self, value: &Value) -> i64 {
        value.as_int().expect("an int")
    }

    #[inline]
    fn instance(&self, kind: Attributed) -> Value {
        match kind {
            Attributed::Slots => self.of(&self.slots),
            Attributed::Ordinary => self.of(&self.ordinary),
        }
    }

    #[inline]
    fn get(&self, instance: &Value) -> Value {
        let instance = instance.as_instance().expect("an instance");
        instance
            .get_attr(&self.names[1])
            .expect("the attribute is set")
    }

    #[inline]
    fn set(&self, instance: &Value, value: &Value) {
        let instance = instance.as_instance().expect("an instance");
        instance
            .set_attr(&self.heap, &self.names[1], value.clone())
            .expect("the class takes the name");
    }

    fn empty_dict(&self) -> Value {
        Value::from(Dict::new(&self.heap))
    }

    #[inline]
    fn insert(&self, dict: &Value, key: &Value, value: &Value) {
        let dict = dict.as_dict().expect("a dict");
        dict.insert(&self.heap, key.clone(), value.clone());
    }

    fn dict_len(&self, dict: &Value) -> usize {
        dict.as_dict().expect("a dict").len()
    }

    #[inline]
    fn dict_of_two(&self) -> Value {
        let dict = Dict::new(&self.heap);
        for name in &self.names {
            dict.insert(&self.heap, Value::from(name.clone()), self.object.clone());
        }
        Value::from(dict)
    }

    #[inline]
    fn empty_list(&self) -> Value {
        Value::from(List::new(&self.heap))
    }

    #[inline]
    fn list_of_ten(&self) -> Value {
        Value::from(List::repeat(&self.heap, &self.object, 10))
    }

    #[inline]
    fn append(&self, list: &Value, item: Value) {
        list.as_list().expect("a list").push(&self.heap, item);
    }

    fn list_len(&self, list: &Value) -> usize {
        list.as_list().expect("a list").len()
    }

    #[inline]
    fn text(&self, text: &str) -> Value {
        Value::str(&self.heap, text)
    }

    fn hashed_text(&self, text: &str) -> Value {
        let text = Value::str(&self.heap, text);
        self.insert(&self.empty_dict(), &text, &Value::NONE);
        text
    }

    #[inline]
    fn referent(&self) -> Value {
        Value::from(Class::instantiate(&self.slots, &self.heap))
    }

    #[inline]
    fn weakref(&self, to: &Value) -> Value {
        Value::from(WeakRef::new(&*to.as_instance().expect("an instance")))
    }

    #[inline]
    fn is_alive(&self, weak: &Value) -> bool {
        let weak = weak.as_weakref().expect("a weak reference");
        weak.upgrade().is_some()
    }

    #[inline]
    fn generator(&self) -> Value {
        let frame = Forever {
            object: self.object.clone(),
        };
        Value::from(Generator::new(&self.heap, frame))
    }

    #[inline]
    fn step(&self, generator: &Value) -> Value {
        let generator = generator.as_generator().expect("a generator");
        let yielded = generator.next(&self.heap).expect("no step is running");
        yielded.expect("it never ends")
    }
}
