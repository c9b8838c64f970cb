//! The objects with user code, and the world that they act on: the same classes
//! as in `interpreter.py`, name for name.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::mem;

use exuvia_core::object::{
    Class, Frame, Instance, List, Step, Str, Value, WeakKeyDictionary, WeakRef,
};
use exuvia_core::{Callback, Gc, Heap, Trace};

use crate::program::{Lift, NAMES};

/// Markers begin here, as in `interpreter.py`.
pub(crate) const FIRST: i64 = 1_000_000;

/// Attribute names, interned once.
#[derive(Clone)]
pub(crate) struct Spelled {
    pub(crate) m: Gc<Str>,
    pub(crate) act: Gc<Str>,
    /// `v`, `w`, `x`.
    pub(crate) places: [Gc<Str>; 3],
}

/// Everything outside of the heap's objects. User code finds it in a thread
/// local; no borrow of it is held while a value is dropped.
pub(crate) struct World {
    pub(crate) names: RefCell<[Value; NAMES as usize]>,
    pub(crate) raised: RefCell<BTreeMap<i64, Value>>,
    /// Python's `notes`.
    pub(crate) notes: Gc<WeakKeyDictionary>,
    /// Markers of what stood at an address when the state was described last; for
    /// the dict of an instance, that of the instance.
    pub(crate) places: RefCell<HashMap<usize, i64>>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) spelled: Spelled,
    pub(crate) counter: Cell<i64>,
    pub(crate) lift: Lift,
}

thread_local! {
    static WORLD: RefCell<Option<std::rc::Rc<World>>> = const { RefCell::new(None) };
}

impl World {
    pub(crate) fn enter(heap: &Heap, lift: Lift) -> std::rc::Rc<World> {
        let name = |text| Str::intern(heap, text);
        let world = std::rc::Rc::new(World {
            names: RefCell::default(),
            raised: RefCell::default(),
            notes: WeakKeyDictionary::new(heap),
            places: RefCell::default(),
            log: RefCell::default(),
            spelled: Spelled {
                m: name("m"),
                act: name("act"),
                places: [name("v"), name("w"), name("x")],
            },
            counter: Cell::new(0),
            lift,
        });
        let old = WORLD.replace(Some(world.clone()));
        drop(old);
        world
    }

    /// # Panics
    /// Outside of a program.
    pub(crate) fn get() -> std::rc::Rc<World> {
        WORLD.with_borrow(|world| world.clone().expect("inside a program"))
    }

    pub(crate) fn leave() {
        drop(WORLD.take());
    }

    pub(crate) fn note(&self, event: String) {
        self.log.borrow_mut().push(event);
    }

    pub(crate) fn fresh(&self) -> i64 {
        self.counter.set(self.counter.get() + 1);
        FIRST + self.counter.get()
    }

    pub(crate) fn name(&self, name: u8) -> Value {
        self.names.borrow()[name as usize].clone()
    }

    pub(crate) fn set_name(&self, name: u8, value: Value) {
        let old = mem::replace(&mut self.names.borrow_mut()[name as usize], value);
        drop(old);
    }

    /// The same for a value that a local of Python's operation still holds while
    /// the old one dies.
    pub(crate) fn set_held(&self, name: u8, value: Value) {
        self.set_name(name, value.clone());
        drop(value);
    }

    fn raise(&self, by: i64, value: Value) {
        let old = self.raised.borrow_mut().insert(by, value);
        drop(old);
    }
}

/// Python's `Cb`: logs that it was called, and does something.
#[derive(Trace)]
pub(crate) struct Cb {
    pub(crate) m: i64,
    pub(crate) act: u8,
    pub(crate) v: RefCell<Value>,
    pub(crate) of: i64,
    pub(crate) arg: u8,
}

impl Callback for Cb {
    fn call(&self, heap: &Heap) {
        let world = World::get();
        world.note(format!("c{}/{}", self.of, self.m));
        match self.act {
            1 => world.note(format!("r{}:{}", self.of, heap.collect_all())),
            2 => world.set_name(self.arg, Value::NONE),
            3 => {
                let value = self.v.borrow().clone();
                world.raise(self.m, value);
            }
            _ => {}
        }
    }
}

pub(crate) fn int_of(value: Option<Value>) -> i64 {
    value.and_then(|value| value.as_int()).unwrap_or(0)
}

/// Python's `finalize`.
fn finalize(this: &Gc<Instance>) {
    let world = World::get();
    let heap = Gc::heap(this);
    let [v, w, _] = &world.spelled.places;
    let m = int_of(this.get_attr(&world.spelled.m));
    world.note(format!("f{m}"));
    match int_of(this.get_attr(&world.spelled.act)) {
        1 => world.raise(m, Value::from(this)),
        2 => {
            for place in [v, w] {
                let _ = this.del_attr(place);
            }
        }
        3 => world.raise(m, this.get_attr(v).unwrap_or(Value::NONE)),
        4 => world.note(format!("r{m}:{}", heap.collect_all())),
        // Replacing what `w` holds would cut: see `Program::generated`.
        5 | 6 | 8 if this.get_attr(w).is_some_and(|held| !held.is_none()) => {}
        5 => {
            let weak = Value::from(WeakRef::new(this));
            this.set_attr(&heap, w, weak).expect("every class has w");
        }
        6 => {
            let list = List::from_iter(&heap, [Value::small(10_000_000 + m), Value::from(this)]);
            this.set_attr(&heap, w, Value::from(list))
                .expect("every class has w");
        }
        8 => {
            let back = heap.alloc(Cb {
                m: 20_000_000 + m,
                act: 0,
                v: RefCell::default(),
                of: m,
                arg: 0,
            });
            let weak = Value::from(WeakRef::with_callback(this, back));
            this.set_attr(&heap, w, weak).expect("every class has w");
        }
        7 => world.note(format!("k{m}:{}", Gc::weak_count(this))),
        _ => {}
    }
}

/// The classes `S`, `SS`, `O`, `F`, `FF`, `FO`, in this order.
pub(crate) fn classes(heap: &Heap, spelled: &Spelled) -> [Gc<Class>; 6] {
    let plain = Class::builder(heap, "S")
        .slots(["m", "v", "w", "__weakref__"])
        .build();
    let sub = Class::builder(heap, "SS").base(&plain).slots(["x"]).build();
    let open = Class::builder(heap, "O").build();
    let finalized = Class::builder(heap, "F")
        .slots(["act", "m", "v", "w", "__weakref__"])
        .finalizer(finalize)
        .build();
    let finalized_sub = Class::builder(heap, "FF")
        .base(&finalized)
        .slots(["x"])
        .build();
    let open_finalized = Class::builder(heap, "FO").finalizer(finalize).build();
    for class in [&open, &open_finalized] {
        let instance = Class::instantiate(class, heap);
        let [v, w, x] = &spelled.places;
        for name in [&spelled.m, &spelled.act, v, w, x] {
            instance
                .set_attr(heap, name, Value::small(0))
                .expect("an open class");
        }
    }
    [plain, sub, open, finalized, finalized_sub, open_finalized]
}

/// Python's `generator`.
#[derive(Trace)]
pub(crate) struct Body {
    pub(crate) m: i64,
    pub(crate) v: Value,
    pub(crate) kind: u8,
    pub(crate) started: bool,
}

impl Frame for Body {
    fn resume(&mut self, heap: &Heap, sent: Value) -> Step {
        if mem::replace(&mut self.started, true) {
            if !sent.is_none() {
                let old = mem::replace(&mut self.v, sent);
                drop(old);
            }
            if self.kind == 1 {
                World::get().note(format!("r{}:{}", self.m, heap.collect_all()));
            }
        }
        Step::Yield(Value::NONE)
    }

    fn exit(&mut self, _: &Heap) -> Step {
        World::get().note(format!("x{}", self.m));
        Step::Return(Value::NONE)
    }
}
