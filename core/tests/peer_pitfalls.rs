//! Where other garbage-collected pointers for Rust were seen to fail: each of those programs, on this heap.
//!
//! Resurrection read freed memory (rust-gc issues 124 and 187; seen in two crates), a child visited twice was freed while
//! held, a user's `Drop` read a dropped neighbour, a 14-bit count overflowed, a derive broke inside `macro_rules`,
//! a collection met a mutably borrowed cell, a thread exited with handles in thread-local storage (rust-gc issue 102), and
//! a missed edge leaked in silence (RustPython issue 8764).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{Finalize, FindingClass, Gc, Heap, HeapError, Mode, Trace, Visitor, Weak};

fn each_mode(run: impl Fn(&Heap)) {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        heap.disable();
        run(&heap);
        heap.verify().unwrap();
    }
}

/// Shows whether it was dropped.
#[derive(Clone, Default)]
struct Flag(Rc<Cell<bool>>);

/// Raises a flag when it is dropped.
struct Canary(Flag);

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.0.set(true);
    }
}

// --- resurrection ---------------------------------------------------------------

#[derive(Trace)]
struct Holder {
    slot: RefCell<Option<Gc<Phoenix>>>,
}

#[derive(Trace)]
#[trace(finalize)]
struct Phoenix {
    text: String,
    holder: Gc<Holder>,
    me: RefCell<Option<Gc<Phoenix>>>,
    beside: RefCell<Option<Gc<Phoenix>>>,
    #[trace(leaf)]
    calls: Rc<Cell<u32>>,
}

impl Finalize for Phoenix {
    fn finalize(this: &Gc<Self>) {
        this.calls.set(this.calls.get() + 1);
        *this.holder.slot.borrow_mut() = this.me.borrow().clone();
    }
}

#[test]
fn what_a_finalizer_resurrects_reads_back_intact_with_all_it_refers_to() {
    each_mode(|heap| {
        let calls = Rc::new(Cell::new(0));
        let holder = heap.alloc(Holder {
            slot: RefCell::new(None),
        });
        let bird = |text: &str| {
            let bird = heap.alloc(Phoenix {
                text: text.to_owned(),
                holder: holder.clone(),
                me: RefCell::new(None),
                beside: RefCell::new(None),
                calls: calls.clone(),
            });
            *bird.me.borrow_mut() = Some(bird.clone());
            bird
        };
        let first = bird("hello hello hello");
        let second = bird("goodbye goodbye");
        *first.beside.borrow_mut() = Some(second.clone());
        *second.beside.borrow_mut() = Some(first.clone());
        drop((first, second));
        assert_eq!(
            heap.collect_all(),
            0,
            "both are resurrected, one through the other"
        );
        assert_eq!(calls.get(), 2);

        // Whatever was freed by mistake would be overwritten now.
        let junk: Vec<Gc<String>> = (0..1_000)
            .map(|i| heap.alloc(format!("junk {i:012}")))
            .collect();
        let found = holder.slot.borrow().clone().expect("resurrected");
        let other = found.beside.borrow().clone().expect("still linked");
        let mut texts = [found.text.clone(), other.text.clone()];
        texts.sort();
        assert_eq!(texts, ["goodbye goodbye", "hello hello hello"]);
        drop((junk, found, other));
        heap.verify().unwrap();

        *holder.slot.borrow_mut() = None;
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(calls.get(), 2, "a finalizer runs once");
        assert_eq!(heap.take_errors(), []);
    });
}

// --- a child visited twice --------------------------------------------------------

#[derive(Trace)]
struct Child {
    /// Makes it a container, so that it is examined.
    up: RefCell<Option<Gc<Twice>>>,
    #[trace(leaf)]
    #[expect(dead_code, reason = "only dropped")]
    canary: Canary,
}

/// Breaks its duty as told.
struct Twice {
    child: Gc<Child>,
    me: RefCell<Option<Gc<Twice>>>,
    visits: Cell<u32>,
}

// SAFETY: none: this is the breach that the heap must detect. Nothing is read through the child after it could be freed,
// because the collection that sees the breach frees nothing.
unsafe impl Trace for Twice {
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        for _ in 0..self.visits.get() {
            self.child.trace(visitor);
        }
        self.me.trace(visitor);
    }
}

#[test]
fn a_child_that_is_visited_twice_is_detected_and_nothing_is_freed() {
    each_mode(|heap| {
        let dropped = Flag::default();
        let child = heap.alloc(Child {
            up: RefCell::new(None),
            canary: Canary(dropped.clone()),
        });
        let weak = Gc::downgrade(&child);
        let node = heap.alloc(Twice {
            child,
            me: RefCell::new(None),
            visits: Cell::new(2),
        });
        *node.me.borrow_mut() = Some(node.clone());
        let handle = Gc::downgrade(&node);
        drop(node);

        assert_eq!(heap.collect_all(), 0);
        let errors = heap.take_errors();
        let [HeapError::CountBelowZero { type_name }] = &errors[..] else {
            panic!("not detected: {errors:?}")
        };
        assert!(type_name.ends_with("Child"), "{type_name}");
        assert!(!dropped.0.get() && weak.upgrade().is_some());

        // Once the type behaves, nothing of the abandoned collection is left and the garbage is found.
        handle.upgrade().expect("kept").visits.set(1);
        assert_eq!(heap.collect_all(), 2);
        assert!(dropped.0.get());
        assert_eq!(heap.take_errors(), []);
    });
}

#[test]
fn a_missed_edge_leaks_and_the_audit_names_what_is_held() {
    each_mode(|heap| {
        let child = heap.alloc(Child {
            up: RefCell::new(None),
            canary: Canary(Flag::default()),
        });
        let node = heap.alloc(Twice {
            child: child.clone(),
            me: RefCell::new(None),
            visits: Cell::new(0),
        });
        *child.up.borrow_mut() = Some(node.clone());
        let repair = Gc::downgrade(&node);
        drop((child, node));
        assert_eq!(
            heap.collect_all(),
            0,
            "kept alive by an edge that nobody sees"
        );
        let findings = heap.audit().findings;
        let leaks: Vec<_> = findings
            .iter()
            .filter(|f| f.class == FindingClass::CountLeak)
            .collect();
        assert!(
            leaks
                .iter()
                .any(|f| f.type_name.ends_with("Child") && f.surplus == 1),
            "{findings:?}"
        );
        repair.upgrade().expect("leaked").visits.set(1);
        assert_eq!(heap.collect_all(), 2);
    });
}

// --- a Drop that looks at its neighbours -------------------------------------------

/// A leaf field with a user's `Drop`, which looks for neighbours by every way there is.
struct Curious {
    heap: RefCell<Option<Heap>>,
    neighbour: RefCell<Option<Weak<Ring>>>,
    looked: Rc<Cell<u32>>,
}

impl Drop for Curious {
    fn drop(&mut self) {
        let reached = self.neighbour.borrow().as_ref().and_then(Weak::upgrade);
        assert!(
            reached.is_none(),
            "a weak reference leads to a half-dead object"
        );
        let heap = self.heap.borrow_mut().take().expect("given below");
        assert_eq!(heap.collect_all(), 0, "no collection inside a collection");
        drop(heap.alloc(1_u64));
        for object in heap.objects(None).expect("all generations") {
            let half_dead = object.is::<Ring>();
            assert!(!half_dead, "the heap hands out a half-dead object");
            assert!(heap.referents(&object).is_empty());
        }
        self.looked.set(self.looked.get() + 1);
    }
}

#[derive(Trace)]
struct Ring {
    next: RefCell<Option<Gc<Ring>>>,
    #[trace(leaf)]
    curious: Curious,
}

#[test]
fn the_drop_of_a_leaf_field_in_a_dead_ring_sees_no_neighbour() {
    each_mode(|heap| {
        let looked = Rc::new(Cell::new(0));
        let nodes: Vec<Gc<Ring>> = (0..10)
            .map(|_| {
                heap.alloc(Ring {
                    next: RefCell::new(None),
                    curious: Curious {
                        heap: RefCell::new(Some(heap.clone())),
                        neighbour: RefCell::new(None),
                        looked: looked.clone(),
                    },
                })
            })
            .collect();
        for (index, node) in nodes.iter().enumerate() {
            let next = &nodes[(index + 1) % nodes.len()];
            *node.next.borrow_mut() = Some(next.clone());
            // A leaf's weak reference is held from outside, so it outlives its referent's clearing.
            *node.curious.neighbour.borrow_mut() = Some(Gc::downgrade(next));
        }
        drop(nodes);
        assert_eq!(heap.collect_all(), 10);
        assert_eq!(heap.take_errors(), []);
        assert_eq!(looked.get(), 10);
    });
}

// --- counts -----------------------------------------------------------------------

#[derive(Trace)]
struct Many {
    items: RefCell<Vec<Gc<Many>>>,
}

#[test]
fn one_object_may_be_referred_to_more_often_than_any_small_counter_holds() {
    each_mode(|heap| {
        let many = |items| {
            heap.alloc(Many {
                items: RefCell::new(items),
            })
        };
        // Past 14 bits, 16 bits, and what a header can copy during a collection.
        for references in [16_383, 65_537, 1_000_000, 9_000_000] {
            let hub = many(Vec::new());
            if references > 1_000_000 && heap.memory().arenas == 0 {
                continue; // The copy is the same in the other modes.
            }
            let holder = many(vec![hub.clone(); references]);
            assert_eq!(Gc::ref_count(&hub), references + 1);
            hub.items.borrow_mut().push(holder.clone());
            assert_eq!(heap.collect_all(), 0, "{references} references, held");
            drop(holder);
            assert_eq!(heap.collect_all(), 0, "the hub holds the holder");
            drop(hub);
            assert_eq!(heap.collect_all(), 2, "{references} references, dead");
        }
    });
}

// --- the derive -------------------------------------------------------------------

macro_rules! declare_linked {
    ($($name:ident { $field:ident })*) => {$(
        #[derive(Trace)]
        struct $name {
            $field: RefCell<Option<Gc<$name>>>,
            visitor: Cell<Option<Gc<$name>>>,
        }
    )*};
}
declare_linked!(Chain { next } Loop { self_ });

#[test]
fn a_type_derived_inside_a_macro_is_collected() {
    each_mode(|heap| {
        let chain = heap.alloc(Chain {
            next: RefCell::new(None),
            visitor: Cell::new(None),
        });
        *chain.next.borrow_mut() = Some(chain.clone());
        chain.visitor.set(Some(chain.clone()));
        let knot = heap.alloc(Loop {
            self_: RefCell::new(None),
            visitor: Cell::new(None),
        });
        knot.visitor.set(Some(knot.clone()));
        drop((chain, knot));
        assert_eq!(heap.collect_all(), 2);
    });
}

// --- a borrow during a collection ----------------------------------------------------

#[test]
fn what_a_mutably_borrowed_cell_refers_to_survives_the_collection() {
    each_mode(|heap| {
        let many = |items| {
            heap.alloc(Many {
                items: RefCell::new(items),
            })
        };
        let dropped = many(Vec::new());
        let inside = Gc::downgrade(&dropped);
        let holder = many(vec![dropped]);
        holder.items.borrow_mut().push(holder.clone());

        let borrow = holder.items.borrow_mut();
        drop(holder.clone());
        assert_eq!(heap.collect_all(), 0);
        assert!(inside.upgrade().is_some());
        assert_eq!(borrow.len(), 2);
        drop(borrow);

        let reading = holder.items.borrow();
        drop(holder.clone());
        assert_eq!(heap.collect_all(), 0, "a shared borrow hides nothing");
        drop(reading);
        drop(holder);
        assert_eq!(heap.collect_all(), 2);
    });
}

// --- thread exit ---------------------------------------------------------------------

thread_local! {
    static FIRST: RefCell<Vec<Gc<Many>>> = const { RefCell::new(Vec::new()) };
    static HEAP: RefCell<Option<Heap>> = const { RefCell::new(None) };
    static LAST: RefCell<Vec<Gc<Many>>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_thread_may_exit_with_heap_and_handles_in_thread_local_storage_in_any_order() {
    // Destructors run in the order of first use, or the reverse: both orders are tried.
    for touch_heap_first in [true, false] {
        let thread = std::thread::spawn(move || {
            let heap = Heap::new();
            let many = |items| {
                heap.alloc(Many {
                    items: RefCell::new(items),
                })
            };
            if touch_heap_first {
                HEAP.set(Some(heap.clone()));
            } else {
                LAST.take();
            }
            // Garbage for the closing heap to collect; what is still held then dies by count.
            let ring = many(Vec::new());
            ring.items.borrow_mut().push(ring.clone());
            drop(ring);
            let shared = many(Vec::new());
            FIRST.with_borrow_mut(|first| first.push(many(vec![shared.clone()])));
            HEAP.set(Some(heap.clone()));
            LAST.with_borrow_mut(|last| last.extend([many(vec![shared.clone()]), shared]));
        });
        thread.join().expect("no panic in a destructor");
    }
}
