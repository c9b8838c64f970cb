//! User code at awkward moments: inside a drop, a finalizer, a constructor, a
//! collection, after a refused allocation.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{Callback, DebugFlags, Finalize, Gc, GcAny, Heap, Mode, Phase, Trace, Weak};

fn each_mode(run: impl Fn(Heap)) {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        run(Heap::builder().mode(mode).enabled(false).build());
    }
}

/// Looks at the heap from a plain `Drop`.
struct Look {
    heap: Heap,
    seen: Rc<Cell<usize>>,
}

impl Drop for Look {
    fn drop(&mut self) {
        let objects = self.heap.objects(None).unwrap();
        let peers = objects.iter().filter(|o| o.is::<Looker>()).count();
        let edges: usize = objects.iter().map(|o| self.heap.referents(o).len()).sum();
        let audited = self.heap.audit().objects as usize;
        self.heap.verify().unwrap();
        self.seen.set(self.seen.get() + peers + edges + audited);
    }
}

#[derive(Trace)]
struct Looker {
    other: RefCell<Option<Gc<Looker>>>,
    text: String,
    #[trace(leaf)]
    look: Look,
}

#[test]
fn a_drop_inside_a_collection_sees_nothing_of_the_trash() {
    each_mode(|heap| {
        let seen = Rc::new(Cell::new(0));
        let make = || {
            heap.alloc(Looker {
                other: RefCell::new(None),
                text: "still here".repeat(3),
                look: Look {
                    heap: heap.clone(),
                    seen: seen.clone(),
                },
            })
        };
        let (a, b) = (make(), make());
        *a.other.borrow_mut() = Some(b.clone());
        *b.other.borrow_mut() = Some(a.clone());
        assert_eq!(a.text, b.text);
        assert_eq!(a.look.heap.live_objects(), 2);
        drop((a, b));
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(seen.get(), 0);
        assert_eq!(heap.take_errors(), []);
    });
}

type Deed = Box<dyn Fn(&Gc<Doer>)>;

/// Does what it was told to, once, when it is finalized.
#[derive(Trace)]
#[trace(finalize)]
struct Doer {
    links: RefCell<Vec<GcAny>>,
    #[trace(leaf)]
    deed: RefCell<Option<Deed>>,
}

impl Finalize for Doer {
    fn finalize(this: &Gc<Self>) {
        if let Some(deed) = this.deed.take() {
            deed(this);
        }
    }
}

fn doer(heap: &Heap, deed: impl Fn(&Gc<Doer>) + 'static) -> Gc<Doer> {
    heap.alloc(Doer {
        links: RefCell::default(),
        deed: RefCell::new(Some(Box::new(deed))),
    })
}

fn looped(heap: &Heap, deed: impl Fn(&Gc<Doer>) + 'static) -> Gc<Doer> {
    let doer = doer(heap, deed);
    doer.links.borrow_mut().push(Gc::erase(doer.clone()));
    doer
}

#[test]
fn a_finalizer_inside_a_collection_finds_no_trash_in_the_heap() {
    each_mode(|heap| {
        let seen = Rc::new(Cell::new(usize::MAX));
        let deed = {
            let seen = seen.clone();
            move |this: &Gc<Doer>| {
                let heap = Gc::heap(this);
                seen.set(heap.objects(None).unwrap().len() + heap.live_objects());
                heap.freeze();
                heap.verify().unwrap();
            }
        };
        drop(looped(&heap, deed));
        assert_eq!(heap.collect_all(), 1);
        assert_eq!(seen.get(), 0);
        assert_eq!(heap.take_errors(), []);
        assert_eq!(heap.live_objects(), 0);
    });
}

#[test]
fn an_object_that_its_finalizer_made_immortal_stays_so() {
    each_mode(|heap| {
        drop(looped(&heap, Gc::make_immortal));
        assert_eq!(heap.collect_all(), 0);
        heap.verify().unwrap();
        let all = heap.objects(None).unwrap();
        assert_eq!(all[0].ref_count(), u32::MAX as usize);
        drop(all);
        heap.verify().unwrap();
    });
}

#[derive(Trace)]
struct Count(#[trace(leaf)] Rc<Cell<u32>>);

impl Callback for Count {
    fn call(&self, _: &Heap) {
        self.0.set(self.0.get() + 1);
    }
}

/// Builds deaths nested so deep that `last` is queued and not buried at once;
/// fields of a queued tuple die in order, the queue is worked off last first.
fn nested(heap: &Heap, last: Vec<GcAny>) -> GcAny {
    let mut links = last;
    for _ in 0..40 {
        let outer = heap.alloc(Plain(RefCell::new(links)));
        links = vec![Gc::erase(outer)];
    }
    links.remove(0)
}

#[derive(Trace)]
struct Plain(RefCell<Vec<GcAny>>);

#[test]
fn a_weak_reference_that_waits_for_its_death_does_not_call_back() {
    each_mode(|heap| {
        let calls = Rc::new(Cell::new(0));
        let target = looped(&heap, |_| {});
        let callback = heap.alloc(Count(calls.clone()));
        let weak = Gc::downgrade_with(&target, callback);
        let collector = doer(&heap, |this| {
            Gc::heap(this).collect_all();
        });
        let chain = nested(&heap, vec![Weak::erase(weak), Gc::erase(collector)]);
        drop(target);
        drop(chain);
        assert_eq!(heap.live_objects(), 0);
        assert_eq!(calls.get(), 0);
        heap.verify().unwrap();
    });
}

#[test]
fn a_shared_weak_reference_that_waits_for_its_death_is_not_handed_out() {
    each_mode(|heap| {
        let target = heap.alloc(Plain(RefCell::default()));
        let weak = Gc::downgrade(&target);
        let again = Rc::new(RefCell::new(None));
        let asker = {
            let (target, again) = (target.clone(), again.clone());
            doer(&heap, move |_| {
                *again.borrow_mut() = Some(Gc::downgrade(&target));
            })
        };
        let chain = nested(&heap, vec![Weak::erase(weak), Gc::erase(asker)]);
        drop(chain);
        let again = again.take().unwrap();
        assert!(Gc::ptr_eq(&again.upgrade().unwrap(), &target));
        assert_eq!(Gc::weak_count(&target), 1);
        heap.verify().unwrap();
        drop(target);
        assert!(again.is_dead());
        drop(again);
        assert_eq!(heap.live_objects(), 0);
        heap.verify().unwrap();
    });
}

/// A callback that can lie in the trash, with content that a drop frees.
#[derive(Trace)]
struct Teller {
    links: RefCell<Vec<GcAny>>,
    text: String,
    #[trace(leaf)]
    told: Rc<RefCell<Vec<String>>>,
}

impl Callback for Teller {
    fn call(&self, _: &Heap) {
        self.told.borrow_mut().push(self.text.clone());
    }
}

#[test]
fn a_leaf_that_dies_with_the_trash_does_not_call_back_into_it() {
    each_mode(|heap| {
        for teller_first in [true, false] {
            let told = Rc::new(RefCell::new(Vec::new()));
            let leaf = heap.alloc(Tall(3));
            let make = || Plain(RefCell::default());
            let early = (!teller_first).then(|| heap.alloc(make()));
            let teller = heap.alloc(Teller {
                links: RefCell::default(),
                text: "told by what is dead".repeat(3),
                told: told.clone(),
            });
            let owner = early.unwrap_or_else(|| heap.alloc(make()));
            let weak = Gc::downgrade_with(&leaf, teller.clone());
            owner.0.borrow_mut().push(Gc::erase(leaf));
            owner.0.borrow_mut().push(Gc::erase(teller.clone()));
            teller.links.borrow_mut().push(Gc::erase(owner));
            teller.links.borrow_mut().push(Weak::erase(weak));
            drop(teller);
            assert_eq!(heap.collect_all(), 3);
            assert_eq!(heap.live_objects(), 0);
            assert_eq!(*told.borrow(), Vec::<String>::new());
            heap.verify().unwrap();
        }
    });
}

#[derive(Trace)]
struct Tall(u64);
#[derive(Trace)]
struct Wide(u64);

/// One place that allocates: one table of the type, hence one pool.
#[inline(never)]
fn tall(heap: &Heap) -> Option<Gc<Tall>> {
    heap.try_alloc(Tall(1)).ok()
}

#[test]
fn a_page_that_went_to_another_type_serves_the_first_no_more() {
    let heap = Heap::builder().limit_bytes(3 * (64 << 10) - 1).build();
    let mut held = Vec::new();
    while let Some(object) = tall(&heap) {
        held.push(object);
    }
    assert!(held.len() > 4000);
    drop(held);
    let wide: Vec<_> = (0..40).map(|n| heap.alloc(Wide(n))).collect();
    let again: Vec<GcAny> = (0..40).filter_map(|_| tall(&heap)).map(Gc::erase).collect();
    assert!(again.iter().all(GcAny::is::<Tall>));
    assert!(wide.iter().zip(0..).all(|(object, n)| object.0 == n));
    heap.verify().unwrap();
}

#[test]
fn an_object_whose_items_were_made_by_collecting_code_is_young_and_known() {
    each_mode(|heap| {
        for rounds in [1, 100, 9000] {
            let items: Vec<u32> = (0..4).collect();
            let row = heap.alloc_with_tail(
                1u8,
                items.iter().map(|_| {
                    let many: Vec<_> = (0..rounds)
                        .map(|_| {
                            heap.alloc_with_tail(1u8, [None, None, None, None::<GcAny>].into_iter())
                        })
                        .collect();
                    heap.collect_all();
                    drop(many);
                    None::<GcAny>
                }),
            );
            heap.verify().unwrap();
            assert_eq!(heap.objects(None).unwrap().len(), 1);
            drop(row);
            assert_eq!(heap.live_objects(), 0);
            heap.verify().unwrap();
        }
    });
}

#[derive(Trace)]
struct Selfish {
    me: Weak<Selfish>,
}

#[test]
fn an_object_whose_constructor_collects_is_young_and_known() {
    each_mode(|heap| {
        for rounds in [1, 100, 9000] {
            let object = heap.new_cyclic(|me| {
                let weak = me.clone();
                let make = || heap.new_cyclic(|me| Selfish { me: me.clone() });
                let many: Vec<_> = (0..rounds).map(|_| make()).collect();
                heap.collect_all();
                drop(many);
                Selfish { me: weak }
            });
            heap.verify().unwrap();
            assert!(object.me.upgrade().is_some());
            drop(object);
            assert_eq!(heap.live_objects(), 0);
            heap.verify().unwrap();
        }
    });
}

/// Asks its heap for everything that may be asked, when it is dropped. It
/// holds an object and not the heap, which it would keep open.
struct Ask {
    any: Gc<Tall>,
    asked: Rc<Cell<u32>>,
}

impl Drop for Ask {
    fn drop(&mut self) {
        let heap = Gc::heap(&self.any);
        let id = heap.add_callback(|_, _| {});
        assert!(heap.remove_callback(id));
        drop((heap.garbage(), heap.take_garbage(), heap.take_errors()));
        drop((heap.memory(), heap.collections(), heap.census()));
        self.asked.set(self.asked.get() + 1);
    }
}

#[derive(Trace)]
struct Asker {
    me: RefCell<Option<Gc<Asker>>>,
    #[trace(leaf)]
    ask: RefCell<Option<Ask>>,
}

#[test]
fn what_dies_when_the_heap_closes_may_still_ask_it() {
    each_mode(|heap| {
        let asked = Rc::new(Cell::new(0));
        let ask = || Ask {
            any: heap.alloc(Tall(7)),
            asked: asked.clone(),
        };
        let captured = ask();
        heap.add_callback(move |_, _| assert_eq!(captured.any.0, 7));
        let asker = heap.alloc(Asker {
            me: RefCell::new(None),
            ask: RefCell::new(Some(ask())),
        });
        *asker.me.borrow_mut() = Some(asker.clone());
        assert!(asker.ask.borrow().is_some());
        heap.set_debug(DebugFlags::SAVEALL);
        drop(asker);
        assert_eq!(heap.collect_all(), 1);
        for object in heap.garbage() {
            object.downcast_ref::<Asker>().unwrap().me.take();
        }
        assert_eq!(heap.take_errors(), []);
        drop(heap);
        assert_eq!(asked.get(), 2);
    });
}

#[test]
fn a_collection_asked_for_by_a_collection_callback_does_nothing() {
    each_mode(|heap| {
        let runs = Rc::new(RefCell::new(Vec::new()));
        let (inner, log) = (heap.clone(), runs.clone());
        let id = heap.add_callback(move |phase, _| {
            let freed = inner.collect_all();
            log.borrow_mut().push((phase, freed));
        });
        drop(looped(&heap, |_| {}));
        assert_eq!(heap.collect_all(), 1);
        assert_eq!(*runs.borrow(), [(Phase::Start, 0), (Phase::Stop, 0)]);
        assert_eq!(heap.stats()[2].collections, 1);
        assert!(heap.remove_callback(id));
    });
}

struct Tally(Rc<Cell<i32>>);

impl Tally {
    fn new(count: &Rc<Cell<i32>>) -> Tally {
        count.set(count.get() + 1);
        Tally(count.clone())
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[derive(Trace, Default)]
struct Item {
    link: Option<GcAny>,
    #[trace(leaf)]
    tally: Option<Tally>,
}

#[test]
fn items_that_panic_while_they_are_made_leave_nothing() {
    each_mode(|heap| {
        for items in [4, 1000] {
            let count = Rc::new(Cell::new(0));
            let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let head = Item {
                    link: None,
                    tally: Some(Tally::new(&count)),
                };
                let tail = (0..items).map(|n| {
                    assert!(n < 3, "asked for by the test");
                    Item {
                        link: Some(Gc::erase(heap.alloc(Tall(n)))),
                        tally: Some(Tally::new(&count)),
                    }
                });
                heap.alloc_with_tail(head, Exact(tail, items as usize))
            }));
            assert!(made.is_err());
            assert_eq!(count.get(), 0);
            assert_eq!(heap.live_objects(), 0);
            heap.verify().unwrap();
        }
    });
}

/// An iterator that says how long it is.
struct Exact<I>(I, usize);

impl<I: Iterator> Iterator for Exact<I> {
    type Item = I::Item;
    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: Iterator> ExactSizeIterator for Exact<I> {}

#[test]
fn an_iterator_that_lies_about_its_length_writes_no_further_than_the_block() {
    each_mode(|heap| {
        for (said, gives) in [(3, 100), (100, 3), (0, 50)] {
            let count = Rc::new(Cell::new(0));
            let tail = (0..gives).map(|_| Item {
                link: None,
                tally: Some(Tally::new(&count)),
            });
            let row = heap.alloc_with_tail(Tall(9), Exact(tail, said));
            assert!(row.tail().len() >= said);
            let written = row.tail().iter().filter(|item| item.tally.is_some());
            assert_eq!(written.count() as i32, count.get());
            heap.verify().unwrap();
            drop(row);
            assert_eq!(count.get(), 0);
            heap.verify().unwrap();
        }
    });
}

#[test]
fn a_finalizer_may_drop_the_last_handle_of_its_heap() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        let last: Rc<RefCell<Option<Heap>>> = Rc::default();
        let taken = last.clone();
        let dying = doer(&heap, move |_| drop(taken.take()));
        let other = heap.alloc(Plain(RefCell::default()));
        *last.borrow_mut() = Some(heap);
        drop(dying);
        assert!(last.borrow().is_none());
        assert!(other.0.borrow().is_empty());
        assert!(Gc::heap(&other).try_alloc(Tall(1)).is_err());
    }
}

#[test]
fn a_collection_callback_may_drop_every_other_handle_of_the_heap() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).enabled(false).build();
        let others = Rc::new(RefCell::new(vec![heap.clone(), heap.clone()]));
        let taken = others.clone();
        heap.add_callback(move |_, _| drop(taken.take()));
        let weak = {
            let ring = looped(&heap, |this| drop(Gc::heap(this)));
            Gc::downgrade(&ring)
        };
        let held = heap.alloc(Plain(RefCell::default()));
        drop(heap);
        assert_eq!(others.borrow().len(), 2);
        let heap = others.borrow_mut().pop().unwrap();
        heap.collect_all();
        assert!(weak.is_dead());
        drop(heap);
        assert!(others.borrow().is_empty());
        assert!(held.0.borrow().is_empty());
        assert!(Gc::heap(&held).try_alloc(Tall(1)).is_err());
    }
}
