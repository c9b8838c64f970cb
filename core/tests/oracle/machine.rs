//! Runs a program on the heap: operation for operation what `interpreter.py`
//! does, locals included, since they are counted. Collections that started by
//! themselves in CPython are replayed at the same place.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use exuvia_core::object::{
    Class, Dict, Generator, GeneratorError, Instance, List, Str, Tuple, Value, WeakRef,
};
use exuvia_core::{DebugFlags, Gc, Heap, Phase};

use crate::actors::{Body, Cb, World, classes};
use crate::describe::{Describer, as_callback};
use crate::program::{Code, Lift, NAMES, Op, Program};

/// Operations between two looks at the whole state.
const EVERY: usize = 4;

/// What one operation did.
#[derive(Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<String>,
    /// What the collections logged that CPython started by itself behind it.
    pub(crate) automatic: Vec<String>,
    /// The state in front of those, if the program is looked at closely.
    pub(crate) before: Vec<String>,
    pub(crate) state: Option<Vec<String>>,
}

struct Machine {
    heap: Heap,
    world: Rc<World>,
    classes: [Gc<Class>; 6],
    /// Markers by address; a generator made where another died takes its place.
    generators: RefCell<HashMap<usize, i64>>,
    /// Markers of generators that ran.
    started: RefCell<HashSet<i64>>,
    /// Whether the state is described at all: that makes and drops handles.
    looks: bool,
}

/// Runs a program; `automatic` tells the generations to collect after an
/// operation. When nobody `looks`, there are events only. `order` puts the trash
/// of each collection in another order.
pub(crate) fn run(
    program: &Program,
    looks: bool,
    order: Option<u64>,
    automatic: impl Fn(usize) -> Vec<usize>,
) -> Vec<Outcome> {
    let heap = Heap::new();
    heap.disable();
    let world = World::enter(&heap, program.lift);
    let classes = classes(&heap, &world.spelled);
    heap.collect_all();
    heap.freeze();
    world.log.borrow_mut().clear();
    let before = heap.stats()[2];
    assert_eq!(before.collections, 1, "the one above");
    log_collections(&heap, &world);
    heap.set_debug(debug_flags(program.lift));
    heap.reorder_trash(order);
    let machine = Machine {
        heap: heap.clone(),
        world,
        classes,
        generators: RefCell::default(),
        started: RefCell::default(),
        looks,
    };
    let outcomes = machine.run(program, automatic);
    machine.leave();
    outcomes
}

/// Logs each collection, with the markers of whom it told about.
fn log_collections(heap: &Heap, world: &Rc<World>) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let (sink, kind) = (told.clone(), world.lift.tells());
    heap.set_debug_sink(move |line| {
        // gc: collectable <tuple 0x7f0123456780>
        let mut words = line.split(['<', ' ', '>']).skip(3);
        let of_kind = words.next() == kind;
        let address = words.next().and_then(|word| word.strip_prefix("0x"));
        let address = address.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        sink.borrow_mut().extend(address.filter(|_| of_kind));
    });
    let log = world.clone();
    heap.add_callback(move |phase, info| match phase {
        Phase::Start => log.note(format!("({}", info.generation)),
        Phase::Stop => {
            log.note(format!(
                "){}:{}:{}",
                info.generation, info.collected, info.uncollectable
            ));
            let addresses = told.take();
            let places = log.places.borrow();
            let found = addresses.iter().filter_map(|a| places.get(a).copied());
            let mut found: Vec<i64> = found.collect();
            found.sort_unstable();
            if !found.is_empty() {
                let found: Vec<String> = found.iter().map(i64::to_string).collect();
                log.note(format!("t{}", found.join(",")));
            }
        }
    });
}

fn debug_flags(lift: Lift) -> DebugFlags {
    match lift.tells() {
        Some(_) => DebugFlags::COLLECTABLE,
        None => DebugFlags::NONE,
    }
}

/// Tuples of tuples are untracked in several passes in CPython.
fn flat(value: Value) -> Value {
    match value.as_tuple().is_some() {
        true => Value::NONE,
        false => value,
    }
}

impl Machine {
    fn run(&self, program: &Program, automatic: impl Fn(usize) -> Vec<usize>) -> Vec<Outcome> {
        let last = program.ops.len().saturating_sub(1);
        let every = if program.lift.closely() { 1 } else { EVERY };
        let mut outcomes = Vec::with_capacity(program.ops.len());
        for (at, op) in program.ops.iter().enumerate() {
            self.step(*op);
            let events = self.take_log();
            let generations = automatic(at);
            let before = match self.looks && program.lift.closely() && !generations.is_empty() {
                true => self.state(),
                false => Vec::new(),
            };
            for generation in generations {
                self.heap.collect(generation).expect("a generation");
            }
            let automatic = self.take_log();
            let asked = !automatic.is_empty()
                || op.code == Code::Collect
                || at % every == every - 1
                || at == last;
            let state = (asked && self.looks).then(|| self.state());
            outcomes.push(Outcome {
                events,
                automatic,
                before,
                state,
            });
        }
        outcomes
    }

    fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.world.log.borrow_mut())
    }

    fn state(&self) -> Vec<String> {
        let generators = |value: &Value| self.generator_name(value);
        let describer = Describer {
            heap: &self.heap,
            world: &self.world,
            generators: &generators,
        };
        let mut lines = describer.state();
        // The collection before the program began does not count.
        if let Some(line) = lines.iter_mut().find(|line| line.starts_with("stats ")) {
            let full = self.heap.stats()[2];
            let young = &line[..line.rfind(' ').unwrap_or(0)];
            *line = format!(
                "{young} {},{},{}",
                full.collections - 1,
                full.collected,
                full.uncollectable
            );
        }
        lines
    }

    fn generator_name(&self, value: &Value) -> Option<i64> {
        let address = value.as_object()?.address();
        self.generators.borrow().get(&address).copied()
    }

    /// Gives everything up; a heap that something is left in is kept.
    fn leave(self) {
        self.heap.set_debug(DebugFlags::NONE);
        self.world.notes.clear();
        for name in 0..NAMES {
            self.world.set_name(name, Value::NONE);
        }
        for _ in 0..2 {
            let raised = std::mem::take(&mut *self.world.raised.borrow_mut());
            drop(raised);
            drop(self.heap.take_garbage());
            self.heap.unfreeze();
            self.heap.collect_all();
        }
        World::leave();
    }

    fn name_of(&self, value: &Value) -> i64 {
        if value.as_generator().is_some() {
            return self.generator_name(value).unwrap_or(0);
        }
        let generators = |_: &Value| None;
        let describer = Describer {
            heap: &self.heap,
            world: &self.world,
            generators: &generators,
        };
        describer.name(value).unwrap_or(0)
    }

    fn step(&self, op: Op) {
        let Op { code, k, a, b, c } = op;
        let (heap, world) = (&self.heap, &*self.world);
        match code {
            Code::List => {
                let items = [Value::small(world.fresh()), world.name(a), world.name(b)];
                world.set_name(k, Value::from(List::from_iter(heap, items)));
            }
            Code::Tuple => {
                let marker = Value::small(world.fresh());
                let items = [marker, self.item(a), self.item(b)];
                world.set_name(k, Value::from(Tuple::new(heap, items.into_iter())));
            }
            Code::Dict => self.make_dict(k, a),
            Code::Instance => self.make_instance(k, a, b, c),
            Code::Generator => self.make_generator(k, a, b),
            Code::Store => self.store(&world.name(k), b, world.name(a)),
            Code::Delete => self.delete(&world.name(k), b),
            Code::Take => {
                let value = self.take(&world.name(a), b).unwrap_or(Value::NONE);
                world.set_held(k, value);
            }
            Code::Append => {
                if let Some(list) = world.name(k).as_list() {
                    list.push(heap, world.name(a));
                }
            }
            Code::Pop => {
                let value = world.name(k);
                if let Some(list) = value.as_list()
                    && list.len() > 1
                {
                    drop(list.pop());
                }
            }
            Code::Copy => world.set_name(k, world.name(a)),
            Code::Drop => world.set_name(k, Value::NONE),
            Code::Weak => {
                if let Some(weak) = self.weak_to(&world.name(a)) {
                    world.set_name(k, Value::from(weak));
                }
            }
            Code::Watch => self.watch(k, a, b, c),
            Code::Deref => {
                if let Some(weak) = world.name(a).as_weakref() {
                    let value = weak.upgrade().unwrap_or(Value::NONE);
                    world.set_held(k, value);
                }
            }
            Code::Send => {
                let value = world.name(k);
                if let Some(generator) = value.as_generator() {
                    let m = self.name_of(&value);
                    let sent = generator.send(heap, world.name(a));
                    if sent.is_ok() {
                        self.started.borrow_mut().insert(m);
                    }
                    match sent {
                        Ok(Some(_)) => {}
                        Ok(None) => world.note("S".to_owned()),
                        Err(GeneratorError::NotStarted) => world.note("T".to_owned()),
                        Err(error) => world.note(error.to_string()),
                    }
                }
            }
            Code::Close => {
                let value = world.name(k);
                if let Some(generator) = value.as_generator() {
                    self.close(self.name_of(&value), &generator);
                }
            }
            Code::Collect => self.collect(k),
            Code::Freeze => heap.freeze(),
            Code::Unfreeze => heap.unfreeze(),
            Code::SaveAll => {
                let flags = debug_flags(world.lift);
                heap.set_debug(flags | DebugFlags::SAVEALL);
                self.collect(k);
                heap.set_debug(flags);
            }
            Code::Forget => self.forget(),
            Code::Lower => {
                let first = world.raised.borrow_mut().pop_first();
                if let Some((_, value)) = first {
                    world.set_name(k, value);
                }
            }
            Code::Note => {
                let key = world.name(a);
                if self.weak_to(&key).is_some() {
                    let noted = world.notes.insert(heap, &key, world.name(b));
                    noted.expect("an object");
                }
            }
            Code::Noted => {
                let key = world.name(a);
                let value = match self.weak_to(&key) {
                    Some(_) => world.notes.get(&key).unwrap_or(Value::NONE),
                    None => Value::NONE,
                };
                drop(key);
                world.set_held(k, value);
            }
            Code::Unnote => {
                let key = world.name(a);
                if self.weak_to(&key).is_some() {
                    drop(world.notes.remove(&key));
                }
            }
            Code::Clear => world.notes.clear(),
            Code::Ask => {
                let value = world.name(a);
                if let Some(instance) = value.as_instance() {
                    drop(instance.dict(heap));
                }
            }
            Code::Through => {
                let target = world.name(k);
                if let Some(instance) = target.as_instance()
                    && let Some(dict) = instance.dict(heap)
                {
                    let place = Value::from(self.free_place(&target, b));
                    drop(dict.insert(heap, place, world.name(a)));
                }
            }
        }
    }

    /// Started first, unless that is what the program is about: see
    /// `interpreter.py`.
    fn close(&self, m: i64, generator: &Gc<Generator>) {
        let (heap, world) = (&self.heap, &self.world);
        let never_ran = self.started.borrow_mut().insert(m);
        let started = match world.lift {
            Lift::Unstarted => {
                if never_ran {
                    world.note(format!("u{m}"));
                }
                Ok(None)
            }
            _ => generator.next(heap),
        };
        let closed = started.and_then(|_| generator.close(heap));
        if let Err(error) = closed {
            world.note(error.to_string());
        }
    }

    fn collect(&self, generation: u8) {
        let found = self.heap.collect(generation as usize);
        let found = found.expect("a generation");
        self.world.note(format!("={found}"));
    }

    fn place(&self, b: u8) -> &Gc<Str> {
        &self.world.spelled.places[b as usize % 3]
    }

    fn is_set(&self, value: &Value, at: usize) -> bool {
        let name = &self.world.spelled.places[at];
        value
            .as_instance()
            .is_some_and(|i| i.get_attr(name).is_some())
    }

    /// Where a store to an instance goes. In a program that asks for dicts no
    /// place is filled before an earlier one: see `interpreter.py`.
    fn free_place(&self, value: &Value, b: u8) -> &Gc<Str> {
        let mut at = b as usize % Describer::places(value);
        while self.world.lift == Lift::Asked && at > 0 && !self.is_set(value, at - 1) {
            at -= 1;
        }
        &self.world.spelled.places[at]
    }

    /// The place to be deleted: the last one that is set, in such a program.
    fn full_place(&self, value: &Value, b: u8) -> &Gc<Str> {
        let places = Describer::places(value);
        let mut at = b as usize % places;
        while self.world.lift == Lift::Asked && at + 1 < places && self.is_set(value, at + 1) {
            at += 1;
        }
        &self.world.spelled.places[at]
    }

    fn place_of(&self, value: &Value, b: u8) -> &Gc<Str> {
        &self.world.spelled.places[b as usize % Describer::places(value)]
    }

    /// What a tuple may hold: see [`flat`].
    fn item(&self, name: u8) -> Value {
        let value = self.world.name(name);
        match self.world.lift {
            Lift::Tuples => value,
            _ => flat(value),
        }
    }

    fn make_dict(&self, k: u8, a: u8) {
        let (heap, world) = (&self.heap, &self.world);
        let dict = Dict::new(heap);
        let marker = Value::small(world.fresh());
        dict.insert(heap, Value::from(Str::intern(heap, "#")), marker);
        let value = match flat(world.name(a)) {
            value if value.is_none() && world.lift != Lift::Dicts => Value::from(&dict),
            value => value,
        };
        dict.insert(heap, Value::from(self.place(0)), value);
        world.set_held(k, Value::from(dict));
    }

    fn set(&self, instance: &Gc<Instance>, name: &Gc<Str>, value: Value) {
        instance
            .set_attr(&self.heap, name, value)
            .expect("a place that the class has");
    }

    fn make_instance(&self, k: u8, a: u8, b: u8, c: u8) {
        let world = &self.world;
        let instance = Class::instantiate(&self.classes[b as usize % 6], &self.heap);
        self.set(&instance, &world.spelled.m, Value::small(world.fresh()));
        if b >= 3 {
            self.set(&instance, &world.spelled.act, Value::small(i64::from(c)));
        }
        let value = world.name(a);
        if !value.is_none() {
            self.set(&instance, self.place(0), value);
        }
        world.set_held(k, Value::from(instance));
    }

    fn make_generator(&self, k: u8, a: u8, kind: u8) {
        let m = self.world.fresh();
        let generator = Generator::new(
            &self.heap,
            Body {
                m,
                v: self.world.name(a),
                kind,
                started: false,
            },
        );
        self.generators
            .borrow_mut()
            .insert(Gc::address(&generator), m);
        self.world.set_held(k, Value::from(generator));
    }

    fn store(&self, target: &Value, b: u8, value: Value) {
        if let Some(list) = target.as_list() {
            if list.len() > 1 {
                list.set(1 + b as usize % (list.len() - 1), value);
            }
        } else if let Some(dict) = target.as_dict() {
            let value = flat(value);
            if value.is_none() && self.world.lift != Lift::Dicts {
                return;
            }
            let old = dict.insert(&self.heap, Value::from(self.place(b)), value);
            drop(old);
        } else if let Some(callback) = as_callback(target) {
            let old = callback.v.replace(value);
            drop(old);
        } else if let Some(instance) = target.as_instance() {
            self.set(&instance, self.free_place(target, b), value);
        }
    }

    fn delete(&self, target: &Value, b: u8) {
        if target.as_list().is_some() {
            self.store(target, b, Value::NONE);
        } else if let Some(dict) = target.as_dict() {
            drop(dict.remove(&Value::from(self.place(1 + b % 2))));
        } else if as_callback(target).is_some() {
            self.store(target, b, Value::NONE);
        } else if let Some(instance) = target.as_instance() {
            // Unset is an AttributeError, which Python's side does not ask for.
            let _ = instance.del_attr(self.full_place(target, b));
        }
    }

    fn take(&self, target: &Value, b: u8) -> Option<Value> {
        if let Some(list) = target.as_list() {
            (list.len() > 1).then(|| list.get(1 + b as usize % (list.len() - 1)))?
        } else if let Some(tuple) = target.as_tuple() {
            tuple.get(1 + b as usize % (tuple.len() - 1))
        } else if let Some(dict) = target.as_dict() {
            dict.get(&Value::from(self.place(b)))
        } else if let Some(callback) = as_callback(target) {
            Some(callback.v.borrow().clone())
        } else {
            target.as_instance()?.get_attr(self.place_of(target, b))
        }
    }

    fn weak_to(&self, value: &Value) -> Option<WeakRef> {
        if let Some(instance) = value.as_instance() {
            Some(WeakRef::new(&*instance))
        } else if let Some(generator) = value.as_generator() {
            Some(WeakRef::new(&*generator))
        } else {
            Some(WeakRef::new(&as_callback(value)?))
        }
    }

    fn watch(&self, k: u8, a: u8, b: u8, c: u8) {
        let target = self.world.name(a);
        let callback = as_callback(&target);
        let generator = target.as_generator().map(|generator| generator.clone());
        if target.as_instance().is_none() && callback.is_none() && generator.is_none() {
            return;
        }
        let back = self.heap.alloc(Cb {
            m: self.world.fresh(),
            act: c,
            v: RefCell::new(self.world.name(b)),
            of: self.name_of(&target),
            arg: b,
        });
        let weak = if let Some(instance) = target.as_instance() {
            WeakRef::with_callback(&*instance, back)
        } else if let Some(callback) = &callback {
            WeakRef::with_callback(callback, back)
        } else if let Some(generator) = &generator {
            WeakRef::with_callback(generator, back)
        } else {
            return;
        };
        drop((target, callback, generator));
        self.world.set_held(k, Value::from(weak));
    }

    /// Python's `op_forget`: in the order of the markers.
    fn forget(&self) {
        let mut garbage: Vec<((u8, i64), Value)> = self
            .heap
            .take_garbage()
            .into_iter()
            .map(Value::from)
            .map(|value| (self.rank(&value), value))
            .collect();
        garbage.sort_by_key(|(rank, _)| *rank);
        for (_, value) in garbage {
            drop(value);
        }
    }

    fn rank(&self, value: &Value) -> (u8, i64) {
        if value.as_weakref().is_some() {
            let referents = value.as_object().map(|object| self.heap.referents(&object));
            let back = referents.unwrap_or_default().into_iter().next();
            return (0, back.map_or(0, |back| self.name_of(&Value::from(back))));
        }
        (1, self.name_of(value))
    }
}
