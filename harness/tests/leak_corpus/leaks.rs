//! Programs that leak: a place that grows, a class, and a rate, each combined with the others.

use std::cell::RefCell;
use std::collections::HashMap;

use exuvia_core::object::{Class, Dict, Function, Generator, Instance, List, Str, Tuple, Value};
use exuvia_core::{Gc, Heap, Root, Trace};
use exuvia_harness::Rng;
use exuvia_harness::leak::LeakClass;

/// What every leak of the corpus loses.
#[derive(Trace)]
pub(crate) struct Lost {
    pub(crate) next: RefCell<Option<Gc<Lost>>>,
}

#[derive(Trace)]
struct Registry {
    rows: RefCell<Vec<Gc<Lost>>>,
    by_name: RefCell<HashMap<String, Gc<Lost>>>,
    head: RefCell<Option<Gc<Lost>>>,
}

/// When an iteration leaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rate {
    /// Once in so many iterations.
    Every(u64),
    /// By chance, once in so many on average.
    Random(u64),
}

impl Rate {
    pub(crate) fn per_iteration(self) -> f64 {
        let (Rate::Every(n) | Rate::Random(n)) = self;
        1.0 / n as f64
    }
}

/// Leaks once; the iteration makes keys unique.
pub(super) type Leaker = Box<dyn FnMut(&Heap, u64)>;

/// A leaking program: what it is called, what it is, and what holds the lost objects.
pub(crate) struct Leak {
    pub(crate) name: &'static str,
    pub(crate) class: LeakClass,
    /// A part of the holder path that must be named; empty where nobody holds them.
    pub(crate) edge: &'static str,
    pub(super) make: fn(&Heap) -> Leaker,
}

impl Leak {
    /// The program on a heap, at a rate.
    pub(crate) fn program(&self, heap: &Heap, rate: Rate, seed: u64) -> impl FnMut(&Heap) + use<> {
        let mut leak = (self.make)(heap);
        let (mut iteration, mut rng) = (0, Rng::with_seed(seed));
        move |heap| {
            iteration += 1;
            let now = match rate {
                Rate::Every(n) => iteration % n == 0,
                Rate::Random(n) => rng.u64(0..n) == 0,
            };
            // Honest work beside the leak: garbage by count and by cycle.
            let ring = lost(heap);
            *ring.next.borrow_mut() = Some(ring.clone());
            drop(ring);
            if now {
                leak(heap, iteration);
            }
        }
    }
}

pub(crate) fn lost(heap: &Heap) -> Gc<Lost> {
    let next = RefCell::default();
    heap.alloc(Lost { next })
}

fn registry(heap: &Heap) -> Root<Registry> {
    heap.root(
        "registry",
        heap.alloc(Registry {
            rows: RefCell::default(),
            by_name: RefCell::default(),
            head: RefCell::default(),
        }),
    )
}

/// The lost object as a Python value.
pub(super) fn value(heap: &Heap) -> Value {
    Value::from(Gc::erase(lost(heap)))
}

fn in_dict(heap: &Heap, name: &str, inner: impl Into<Value>) -> Root<Dict> {
    let dict = heap.root("modules", Dict::new(heap));
    dict.insert(heap, Value::from(Str::intern(heap, name)), inner.into());
    dict
}

fn with_attribute(heap: &Heap, form: &str, inner: Value) -> Root<Instance> {
    let builder = Class::builder(heap, "App");
    let class = match form {
        "slots" => builder.slots(["log"]).build(),
        _ => builder.build(),
    };
    let app = heap.root("app", Class::instantiate(&class, heap));
    let name = Str::intern(heap, "log");
    app.set_attr(heap, &name, inner)
        .expect("the class has room");
    app
}

pub(super) const REACHABLE: LeakClass = LeakClass::ReachableGrowth;

/// Every way of leaking, with those of `more`; each is run at several rates.
pub(crate) fn all() -> impl Iterator<Item = &'static Leak> {
    LEAKS.iter().chain(&super::more::MORE)
}

const LEAKS: [Leak; 18] = [
    Leak {
        name: "vector field",
        class: REACHABLE,
        edge: "Registry.rows[",
        make: |heap| {
            let registry = registry(heap);
            Box::new(move |heap, _| registry.rows.borrow_mut().push(lost(heap)))
        },
    },
    Leak {
        name: "hash map field",
        class: REACHABLE,
        edge: "Registry.by_name[",
        make: |heap| {
            let registry = registry(heap);
            Box::new(move |heap, i| {
                _ = registry
                    .by_name
                    .borrow_mut()
                    .insert(format!("key {i}"), lost(heap))
            })
        },
    },
    Leak {
        name: "linked list, at the head",
        class: REACHABLE,
        edge: "Registry.head",
        make: |heap| {
            let registry = registry(heap);
            Box::new(move |heap, _| {
                let new = lost(heap);
                *new.next.borrow_mut() = registry.head.borrow_mut().take();
                *registry.head.borrow_mut() = Some(new);
            })
        },
    },
    Leak {
        name: "list in a dict",
        class: REACHABLE,
        edge: "dict[\"log\"] -> list[",
        make: |heap| {
            let list = List::new(heap);
            let modules = in_dict(heap, "log", &list);
            drop(list);
            Box::new(move |heap, _| {
                let list = modules.get_str("log").expect("it was put there");
                list.as_list().expect("a list").push(heap, value(heap));
            })
        },
    },
    Leak {
        name: "dict in a dict",
        class: REACHABLE,
        edge: "dict[\"users\"] -> dict[",
        make: |heap| {
            let users = Dict::new(heap);
            let modules = in_dict(heap, "users", &users);
            drop(users);
            Box::new(move |heap, i| {
                let users = modules.get_str("users").expect("it was put there");
                let users = users.as_dict().expect("a dict");
                users.insert(heap, Value::small(i as i64), value(heap));
            })
        },
    },
    Leak {
        name: "slot of an instance",
        class: REACHABLE,
        edge: "App.log -> list[",
        make: |heap| {
            let list = List::new(heap);
            let app = with_attribute(heap, "slots", Value::from(&list));
            drop(list);
            let name = Str::intern(heap, "log");
            let name = heap.root("name", name);
            Box::new(move |heap, _| {
                let list = app.get_attr(&name).expect("set");
                list.as_list().expect("a list").push(heap, value(heap));
            })
        },
    },
    Leak {
        name: "attribute of an instance",
        class: REACHABLE,
        edge: "App.log -> list[",
        make: |heap| {
            let list = List::new(heap);
            let app = with_attribute(heap, "inline", Value::from(&list));
            drop(list);
            let name = heap.root("name", Str::intern(heap, "log"));
            Box::new(move |heap, _| {
                let list = app.get_attr(&name).expect("set");
                list.as_list().expect("a list").push(heap, value(heap));
            })
        },
    },
    Leak {
        name: "tuples in a list",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let rows = heap.root("rows", List::new(heap));
            Box::new(move |heap, _| {
                let row = Tuple::new(heap, [value(heap)].into_iter());
                rows.push(heap, Value::from(row));
            })
        },
    },
    Leak {
        name: "closures in a list of callbacks",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let callbacks = heap.root("callbacks", List::new(heap));
            Box::new(move |heap, _| {
                let captured = [value(heap)];
                let callback = Function::new(heap, "callback", |_| Value::NONE, captured);
                callbacks.push(heap, Value::from(callback));
            })
        },
    },
    Leak {
        name: "suspended generators",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let tasks = heap.root("tasks", List::new(heap));
            Box::new(move |heap, _| {
                let task = Generator::from_fn(heap, lost(heap), |_, _| None);
                tasks.push(heap, Value::from(task));
            })
        },
    },
    Leak {
        name: "classes in a registry",
        class: REACHABLE,
        edge: "dict[",
        make: |heap| {
            let classes = heap.root("classes", Dict::new(heap));
            Box::new(move |heap, i| {
                let class = Class::builder(heap, "Lost").slots(["x"]).build();
                classes.insert(heap, Value::small(i as i64), Value::from(class));
            })
        },
    },
    Leak {
        name: "weak cache with a strong value",
        class: REACHABLE,
        edge: "dict[",
        make: |heap| {
            let cache = heap.root("cache", Dict::new(heap));
            Box::new(move |heap, i| {
                let object = lost(heap);
                let weak = Gc::downgrade(&object).erase_to_value();
                cache.insert(heap, Value::small(2 * i as i64), weak);
                cache.insert(
                    heap,
                    Value::small(2 * i as i64 + 1),
                    Value::from(Gc::erase(object)),
                );
            })
        },
    },
    Leak {
        name: "forgotten handle",
        class: LeakClass::CountLeak,
        edge: "",
        make: |_| Box::new(|heap, _| std::mem::forget(lost(heap))),
    },
    Leak {
        name: "lost decrement on a shared object",
        class: LeakClass::CountLeak,
        edge: "",
        make: |heap| {
            let shared = heap.root("shared", lost(heap));
            Box::new(move |_, _| std::mem::forget(Gc::clone(&shared)))
        },
    },
    Leak {
        name: "forgotten value",
        class: LeakClass::CountLeak,
        edge: "",
        make: |_| Box::new(|heap, _| std::mem::forget(value(heap))),
    },
    Leak {
        name: "native handles",
        class: LeakClass::NativePin,
        edge: "root \"handle\"",
        make: |_| {
            let mut handles = Vec::new();
            Box::new(move |heap, _| handles.push(heap.root("handle", lost(heap))))
        },
    },
    Leak {
        name: "frozen rings",
        class: LeakClass::UncollectedCycle,
        edge: "",
        make: |_| {
            Box::new(|heap, _| {
                // Freezing keeps other garbage too.
                heap.collect_all();
                let ring = lost(heap);
                *ring.next.borrow_mut() = Some(ring.clone());
                drop(ring);
                heap.freeze();
            })
        },
    },
    Leak {
        name: "frozen pairs",
        class: LeakClass::UncollectedCycle,
        edge: "",
        make: |_| {
            Box::new(|heap, _| {
                heap.collect_all();
                let pair = [lost(heap), lost(heap)];
                *pair[0].next.borrow_mut() = Some(pair[1].clone());
                *pair[1].next.borrow_mut() = Some(pair[0].clone());
                drop(pair);
                heap.freeze();
            })
        },
    },
];

/// A weak reference as a Python value.
trait ErasedWeak {
    fn erase_to_value(self) -> Value;
}

impl<T: Trace> ErasedWeak for exuvia_core::Weak<T> {
    fn erase_to_value(self) -> Value {
        Value::from(exuvia_core::Weak::erase(self))
    }
}
