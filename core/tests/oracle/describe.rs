//! The state of a program as text, line for line what `interpreter.py` writes.

use std::collections::BTreeMap;

use exuvia_core::object::Value;
use exuvia_core::{Gc, GenerationStats, Heap};

use crate::actors::{Cb, FIRST, World};

const SPELL: [&str; 3] = ["v", "w", "x"];

/// What an object's place holds, or that it is unset.
pub(crate) type Edge = Option<Value>;

pub(crate) fn as_callback(value: &Value) -> Option<Gc<Cb>> {
    value.as_object()?.downcast_ref::<Cb>().cloned()
}

fn is_marker(value: Option<Value>) -> Option<i64> {
    value?.as_int().filter(|m| *m >= FIRST)
}

pub(crate) struct Describer<'a> {
    pub(crate) heap: &'a Heap,
    pub(crate) world: &'a World,
    pub(crate) generators: &'a dyn Fn(&Value) -> Option<i64>,
}

impl Describer<'_> {
    pub(crate) fn name(&self, value: &Value) -> Option<i64> {
        if let Some(list) = value.as_list() {
            return is_marker(list.get(0));
        }
        if let Some(tuple) = value.as_tuple() {
            return is_marker(tuple.get(0));
        }
        if let Some(dict) = value.as_dict() {
            return is_marker(dict.get_str("#"));
        }
        if let Some(instance) = value.as_instance() {
            return is_marker(instance.get_attr(&self.world.spelled.m));
        }
        if value.as_generator().is_some() {
            return (self.generators)(value);
        }
        Some(as_callback(value)?.m)
    }

    fn letter(&self, value: &Value) -> &'static str {
        if value.as_list().is_some() {
            "L"
        } else if value.as_tuple().is_some() {
            "T"
        } else if value.as_dict().is_some() {
            "D"
        } else if value.as_generator().is_some() {
            "G"
        } else if let Some(instance) = value.as_instance() {
            match instance.class().name().as_str() {
                "S" => "S",
                "SS" => "s",
                "O" => "O",
                "F" => "F",
                "FF" => "f",
                _ => "o",
            }
        } else {
            "C"
        }
    }

    /// How many of `v`, `w`, `x` a class has.
    pub(crate) fn places(value: &Value) -> usize {
        match value.as_instance() {
            Some(instance) if matches!(instance.class().name().as_str(), "S" | "F") => 2,
            Some(_) => 3,
            None => 0,
        }
    }

    fn edges(&self, value: &Value) -> Vec<Edge> {
        if let Some(list) = value.as_list() {
            return list.snapshot().into_iter().skip(1).map(Some).collect();
        }
        if let Some(tuple) = value.as_tuple() {
            return tuple.as_slice()[1..].iter().cloned().map(Some).collect();
        }
        if let Some(dict) = value.as_dict() {
            return SPELL.map(|place| dict.get_str(place)).into();
        }
        if let Some(instance) = value.as_instance() {
            let places = &self.world.spelled.places[..Describer::places(value)];
            return places.iter().map(|p| instance.get_attr(p)).collect();
        }
        if let Some(callback) = as_callback(value) {
            return vec![Some(callback.v.borrow().clone())];
        }
        self.referents(value)
            .into_iter()
            .filter(|referent| {
                referent
                    .as_ref()
                    .is_some_and(|v| v.as_weakref().is_some() || self.name(v).is_some())
            })
            .collect()
    }

    fn referents(&self, value: &Value) -> Vec<Edge> {
        let Some(object) = value.as_object() else {
            return Vec::new();
        };
        let referents = self.heap.referents(&object);
        referents
            .into_iter()
            .map(|r| Some(Value::from(r)))
            .collect()
    }

    fn callback_of(&self, weak: &Value) -> Option<Value> {
        self.referents(weak).into_iter().next().flatten()
    }

    /// `value` is held once by the caller.
    fn shown(&self, value: &Edge) -> String {
        let Some(value) = value else {
            return "!".to_owned();
        };
        if value.is_none() {
            return ".".to_owned();
        }
        if let Some(weak) = value.as_weakref() {
            let target = weak.upgrade();
            let count = value.as_object().map_or(0, |object| object.ref_count()) - 1;
            let to = target.and_then(|target| self.name(&target));
            let back = self.callback_of(value).and_then(|back| self.name(&back));
            let text = |name: Option<i64>| name.map_or("-".to_owned(), |m| m.to_string());
            return format!("w{}/{}#{count}", text(to), text(back));
        }
        match self.name(value) {
            Some(m) => format!("@{m}"),
            None => format!("?{}", value.type_name()),
        }
    }

    fn values(&self, values: &[Edge]) -> String {
        let texts: Vec<String> = values.iter().map(|value| self.shown(value)).collect();
        texts.join(" ")
    }

    /// Marked objects that a generation lists or that are reached from what
    /// is known, with the generation or -1.
    fn find(&self) -> BTreeMap<i64, (Value, i32)> {
        let mut found = BTreeMap::new();
        for generation in 0..3 {
            let objects = self.heap.objects(Some(generation)).expect("a generation");
            for object in objects {
                let value = Value::from(object);
                if let Some(name) = self.name(&value) {
                    found.insert(name, (value, generation as i32));
                }
            }
        }
        let mut stack: Vec<Value> = self.world.names.borrow().to_vec();
        stack.extend(self.world.raised.borrow().values().cloned());
        stack.extend(self.heap.garbage().into_iter().map(Value::from));
        stack.extend(self.world.notes.values());
        for (value, _) in found.values() {
            stack.extend(self.edges(value).into_iter().flatten());
        }
        while let Some(value) = stack.pop() {
            if value.as_weakref().is_some() {
                stack.extend(self.callback_of(&value));
            } else if let Some(name) = self.name(&value)
                && !found.contains_key(&name)
            {
                stack.extend(self.edges(&value).into_iter().flatten());
                found.insert(name, (value, -1));
            }
        }
        found
    }

    fn weak_count(value: &Value) -> usize {
        if let Some(instance) = value.as_instance() {
            Gc::weak_count(&instance)
        } else if let Some(generator) = value.as_generator() {
            Gc::weak_count(&generator)
        } else {
            as_callback(value).map_or(0, |callback| Gc::weak_count(&callback))
        }
    }

    /// Remembers where tuples and dicts stand.
    fn note_places(&self, found: &BTreeMap<i64, (Value, i32)>) {
        let mut places = self.world.places.borrow_mut();
        places.clear();
        for (name, (value, _)) in found {
            let dict = match value.as_instance() {
                Some(instance) if instance.has_dict() => instance.dict(self.heap),
                _ => None,
            };
            let object = match dict {
                Some(dict) => Some(Gc::erase(dict)),
                None if value.as_tuple().is_some() || value.as_dict().is_some() => {
                    value.as_object().map(|object| object.clone())
                }
                None => None,
            };
            places.extend(object.map(|object| (object.address(), *name)));
        }
    }

    pub(crate) fn state(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let found = self.find();
        if self.world.lift.tells().is_some() {
            self.note_places(&found);
        }
        for (name, (value, generation)) in found {
            let Some(object) = value.as_object() else {
                continue;
            };
            lines.push(format!(
                "{name}{} r{} t{} g{generation} z{} k{} {}",
                self.letter(&value),
                object.ref_count() - 1,
                u8::from(object.is_tracked()),
                u8::from(object.is_finalized()),
                Describer::weak_count(&value),
                self.values(&self.edges(&value)),
            ));
        }
        let names: Vec<Edge> = self
            .world
            .names
            .borrow()
            .iter()
            .cloned()
            .map(Some)
            .collect();
        lines.push(format!("names {}", self.values(&names)));
        let raised: Vec<(i64, Value)> = {
            let raised = self.world.raised.borrow();
            raised
                .iter()
                .map(|(m, value)| (*m, value.clone()))
                .collect()
        };
        let raised: Vec<String> = raised
            .into_iter()
            .map(|(m, value)| format!("{m}={}", self.briefly(value)))
            .collect();
        lines.push(format!("raised {}", raised.join(" ")));
        let mut notes: Vec<(i64, String)> = self
            .world
            .notes
            .items()
            .into_iter()
            .map(|(key, value)| (self.name(&key).unwrap_or(0), self.briefly(value)))
            .collect();
        notes.sort();
        let notes: Vec<String> = notes
            .iter()
            .map(|(m, value)| format!("{m}={value}"))
            .collect();
        lines.push(format!("notes {}", notes.join(" ")));
        let garbage = self.heap.garbage().into_iter().map(Value::from);
        let mut garbage: Vec<String> = garbage.map(|value| self.briefly(value)).collect();
        garbage.sort();
        lines.push(format!("garbage {}", garbage.join(" ")));
        let stats = self.heap.stats().map(|s: GenerationStats| {
            format!("{},{},{}", s.collections, s.collected, s.uncollectable)
        });
        lines.push(format!("stats {}", stats.join(" ")));
        let [_, middle, old] = self.heap.counts();
        lines.push(format!("counts {middle} {old}"));
        lines
    }

    fn briefly(&self, value: Value) -> String {
        if value.as_weakref().is_some() {
            "w".to_owned()
        } else {
            self.shown(&Some(value))
        }
    }
}
