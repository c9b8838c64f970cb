//! More programs that leak: structures inside structures, and what Rust code outside of the heap does with its handles.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::mpsc;

use exuvia_core::object::{Class, Dict, Function, Generator, List, Str, Tuple, Value};
use exuvia_core::{Finalize, Gc, Heap, Root, Trace};
use exuvia_harness::leak::LeakClass;

use super::leaks::{Leak, Leaker, Lost, REACHABLE, lost, value};

#[derive(Trace)]
struct Store {
    queue: RefCell<VecDeque<Gc<Lost>>>,
    buckets: RefCell<Vec<Vec<Gc<Lost>>>>,
    sorted: RefCell<BTreeMap<u64, Gc<Lost>>>,
    tree: RefCell<Option<Gc<Leaf>>>,
    pairs: RefCell<Vec<(Gc<Lost>, u64)>>,
    bodies: RefCell<Vec<Gc<Mortal>>>,
}

#[derive(Trace)]
struct Leaf {
    left: RefCell<Option<Gc<Leaf>>>,
    right: RefCell<Option<Gc<Leaf>>>,
}

/// Dies into a graveyard.
#[derive(Trace)]
#[trace(finalize)]
struct Mortal {
    graveyard: Gc<Store>,
}

impl Finalize for Mortal {
    fn finalize(this: &Gc<Self>) {
        this.graveyard.bodies.borrow_mut().push(Gc::clone(this));
    }
}

fn store(heap: &Heap) -> Root<Store> {
    heap.root(
        "store",
        heap.alloc(Store {
            queue: RefCell::default(),
            buckets: RefCell::new(vec![Vec::new(); 8]),
            sorted: RefCell::default(),
            tree: RefCell::default(),
            pairs: RefCell::default(),
            bodies: RefCell::default(),
        }),
    )
}

/// A list that a root of this name holds.
fn rooted_list(heap: &Heap, name: &str) -> Root<List> {
    heap.root(name, List::new(heap))
}

/// Rust structures in a cycle, one of which has a handle.
struct Knot {
    own: RefCell<Option<Rc<Knot>>>,
    _handle: Gc<Lost>,
}

thread_local! {
    static POOL: RefCell<Vec<Gc<Lost>>> = const { RefCell::new(Vec::new()) };
}

/// A leak that only forgets what it makes.
macro_rules! forgotten {
    ($name:literal, $make:expr) => {
        Leak {
            name: $name,
            class: LeakClass::CountLeak,
            edge: "",
            make: |_| {
                Box::new(|heap: &Heap, _| {
                    let make: fn(&Heap) -> _ = $make;
                    std::mem::forget(make(heap));
                }) as Leaker
            },
        }
    };
}

/// A leak into a field of the store.
macro_rules! stored {
    ($name:literal, $edge:literal, |$store:ident, $heap:ident, $i:ident| $push:expr) => {
        Leak {
            name: $name,
            class: REACHABLE,
            edge: $edge,
            make: |heap| {
                let $store = store(heap);
                Box::new(move |$heap: &Heap, $i: u64| {
                    _ = $i;
                    $push
                }) as Leaker
            },
        }
    };
}

pub(crate) const MORE: [Leak; 27] = [
    stored!(
        "queue that is never drained",
        "Store.queue[",
        |store, heap, i| {
            store.queue.borrow_mut().push_back(lost(heap));
        }
    ),
    stored!(
        "queue drained half as fast",
        "Store.queue[",
        |store, heap, i| {
            let queue = &mut *store.queue.borrow_mut();
            queue.push_back(lost(heap));
            queue.push_back(lost(heap));
            drop(queue.pop_front());
        }
    ),
    stored!("buckets of a table", "Store.buckets[", |store, heap, i| {
        store.buckets.borrow_mut()[(i % 8) as usize].push(lost(heap));
    }),
    stored!("sorted map", "Store.sorted[", |store, heap, i| {
        store.sorted.borrow_mut().insert(i, lost(heap));
    }),
    stored!("pairs in a vector", "Store.pairs[", |store, heap, i| {
        store.pairs.borrow_mut().push((lost(heap), i));
    }),
    stored!(
        "tree that grows at its leaves",
        "Store.tree",
        |store, heap, i| {
            let new = heap.alloc(Leaf {
                left: RefCell::default(),
                right: RefCell::default(),
            });
            let mut place = store.tree.borrow().clone();
            match &mut place {
                None => *store.tree.borrow_mut() = Some(new),
                Some(leaf) => {
                    // Down by the bits of the iteration.
                    let (mut at, mut bits) = (leaf.clone(), i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    loop {
                        let side = if bits & 1 == 0 { &at.left } else { &at.right };
                        let next = side.borrow().clone();
                        match next {
                            Some(next) => at = next,
                            None => {
                                *side.borrow_mut() = Some(new);
                                break;
                            }
                        }
                        bits = bits.rotate_right(1);
                    }
                }
            }
        }
    ),
    stored!(
        "finalizer that resurrects",
        "Store.bodies[",
        |store, heap, i| {
            drop(heap.alloc(Mortal {
                graveyard: Gc::clone(&store),
            }));
        }
    ),
    Leak {
        name: "lists in a list",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let rows = rooted_list(heap, "matrix");
            Box::new(move |heap, _| rows.push(heap, Value::from(List::new(heap))))
        },
    },
    Leak {
        name: "instances in a list",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let class = heap.root(
                "class",
                Class::builder(heap, "Session").slots(["user"]).build(),
            );
            let sessions = rooted_list(heap, "sessions");
            Box::new(move |heap, _| {
                sessions.push(heap, Value::from(Class::instantiate(&class, heap)));
            })
        },
    },
    Leak {
        name: "dicts in a list",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let rows = rooted_list(heap, "records");
            Box::new(move |heap, i| {
                let row = Dict::new(heap);
                let key = Value::from(Str::intern(heap, "id"));
                row.insert(heap, key, Value::small(i as i64));
                rows.push(heap, Value::from(row));
            })
        },
    },
    Leak {
        name: "handlers by event",
        class: REACHABLE,
        edge: "dict[",
        make: |heap| {
            let handlers = heap.root("handlers", Dict::new(heap));
            for event in 0..4 {
                handlers.insert(heap, Value::small(event), Value::from(List::new(heap)));
            }
            Box::new(move |heap, i| {
                // Always the first: the events of a program are not alike.
                _ = i;
                let list = handlers.get(&Value::small(0)).expect("it was put there");
                list.as_list().expect("a list").push(heap, value(heap));
            })
        },
    },
    Leak {
        name: "list behind a tuple",
        class: REACHABLE,
        edge: "tuple[",
        make: |heap| {
            let inner = Value::from(List::new(heap));
            let pair = heap.root("state", Tuple::new(heap, [inner].into_iter()));
            Box::new(move |heap, _| {
                let list = pair.get(0).expect("one item");
                list.as_list().expect("a list").push(heap, value(heap));
            })
        },
    },
    Leak {
        name: "list that a closure captured",
        class: REACHABLE,
        edge: "function",
        make: |heap| {
            let list = List::new(heap);
            let captured = [Value::from(&list)];
            let memo = Function::new(heap, "memo", |_| Value::NONE, captured);
            let memo = heap.root("memo", memo);
            // Not counted as held: the closure alone has it.
            let weak = Gc::downgrade(&list);
            drop(list);
            Box::new(move |heap, _| {
                _ = &memo;
                let list = weak.upgrade().expect("the closure holds it");
                list.push(heap, value(heap));
            })
        },
    },
    Leak {
        name: "weak references that pile up",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let observers = rooted_list(heap, "observers");
            Box::new(move |heap, _| {
                let weak = Gc::downgrade(&lost(heap));
                observers.push(heap, Value::from(exuvia_core::Weak::erase(weak)));
            })
        },
    },
    Leak {
        name: "strings in a list",
        class: REACHABLE,
        edge: "list[",
        make: |heap| {
            let log = rooted_list(heap, "log");
            Box::new(move |heap, i| {
                log.push(heap, Value::from(Str::new(heap, &format!("line {i}"))))
            })
        },
    },
    Leak {
        name: "native handles, declared",
        class: LeakClass::NativePin,
        edge: "native \"hook\"",
        make: |_| {
            let mut handles = Vec::new();
            Box::new(move |heap, _| handles.push(heap.native("hook", lost(heap))))
        },
    },
    Leak {
        name: "native tokens that never come back",
        class: LeakClass::NativePin,
        edge: "native \"user data\"",
        make: |_| Box::new(|heap, _| _ = heap.native("user data", lost(heap)).into_token()),
    },
    Leak {
        name: "roots in leaked boxes",
        class: LeakClass::NativePin,
        edge: "root \"boxed\"",
        make: |_| Box::new(|heap, _| _ = Box::leak(Box::new(heap.root("boxed", lost(heap))))),
    },
    Leak {
        name: "handles in leaked boxes",
        class: LeakClass::CountLeak,
        edge: "",
        make: |_| Box::new(|heap, _| _ = Box::leak(Box::new(lost(heap)))),
    },
    Leak {
        name: "handles in cycles of Rc",
        class: LeakClass::CountLeak,
        edge: "",
        make: |_| {
            Box::new(|heap, _| {
                let knot = Rc::new(Knot {
                    own: RefCell::default(),
                    _handle: lost(heap),
                });
                *knot.own.borrow_mut() = Some(Rc::clone(&knot));
            })
        },
    },
    Leak {
        name: "handles in a channel that is not drained",
        class: LeakClass::CountLeak,
        edge: "",
        make: |_| {
            let (sender, receiver) = mpsc::channel();
            Box::new(move |heap, _| {
                _ = &receiver;
                sender.send(lost(heap)).expect("the receiver is alive");
            })
        },
    },
    Leak {
        name: "handles in a thread-local pool",
        class: LeakClass::CountLeak,
        edge: "",
        make: |_| Box::new(|heap, _| POOL.with_borrow_mut(|pool| pool.push(lost(heap)))),
    },
    forgotten!("forgotten list", |heap| List::new(heap)),
    forgotten!("forgotten generator", |heap| Generator::from_fn(
        heap,
        lost(heap),
        |_, _| None
    )),
    forgotten!("forgotten closure", |heap| Function::new(
        heap,
        "callback",
        |_| Value::NONE,
        [value(heap)]
    )),
    Leak {
        name: "frozen lists that hold themselves",
        class: LeakClass::UncollectedCycle,
        edge: "",
        make: |_| {
            Box::new(|heap, _| {
                heap.collect_all();
                let list = List::new(heap);
                list.push(heap, Value::from(&list));
                drop(list);
                heap.freeze();
            })
        },
    },
    Leak {
        name: "frozen dicts that hold themselves",
        class: LeakClass::UncollectedCycle,
        edge: "",
        make: |_| {
            Box::new(|heap, _| {
                heap.collect_all();
                let dict = Dict::new(heap);
                dict.insert(heap, Value::small(1), Value::from(&dict));
                drop(dict);
                heap.freeze();
            })
        },
    },
];
