//! A collection by several threads leaves the very same heap as one alone: the
//! same objects, found in the same order, with user code called in the same order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::object::{Dict, Tuple, Value};
use exuvia_core::{
    Callback, Ephemeron, Finalize, Gc, GcAny, Heap, HeapError, Trace, Visitor, Weak,
};
use fastrand::Rng;

type Log = Rc<RefCell<Vec<String>>>;

/// Nothing but edges.
#[derive(Trace, Default)]
struct Bare {
    edges: RefCell<[Option<GcAny>; 3]>,
}

/// Tells when it dies, and may come back.
#[derive(Trace)]
#[trace(finalize)]
struct Loud {
    id: usize,
    edges: RefCell<Vec<GcAny>>,
    #[trace(leaf)]
    log: Log,
    raised: RefCell<Option<Gc<Bare>>>,
}

impl Finalize for Loud {
    fn finalize(this: &Gc<Self>) {
        this.log.borrow_mut().push(format!("finalized {}", this.id));
        if let Some(root) = &*this.raised.borrow() {
            root.edges.borrow_mut()[0] = Some(Gc::erase(this.clone()));
        }
    }
}

struct Told(usize, Log);

// SAFETY: holds no reference.
unsafe impl Trace for Told {
    const HOLDS: bool = false;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

impl Callback for Told {
    fn call(&self, _: &Heap) {
        self.1.borrow_mut().push(format!("called {}", self.0));
    }
}

/// A program on one heap.
struct Program {
    heap: Heap,
    log: Log,
    roots: Vec<GcAny>,
    weaks: Vec<Weak<Loud>>,
    pairs: Vec<Ephemeron<Bare, Loud>>,
    tuples: Vec<Weak<Tuple>>,
}

fn link(from: &GcAny, to: &GcAny, place: usize) {
    if let Some(bare) = from.downcast_ref::<Bare>() {
        bare.edges.borrow_mut()[place % 3] = Some(to.clone());
    } else if let Some(loud) = from.downcast_ref::<Loud>() {
        loud.edges.borrow_mut().push(to.clone());
    }
}

impl Program {
    fn new(threads: usize, listed: Option<usize>) -> Program {
        let heap = Heap::builder().threads(threads).enabled(false).build();
        heap.examine_widely_above(Some(40));
        heap.examine_in_parallel_above(Some(0));
        heap.limit_collector_lists(listed);
        Program {
            heap,
            log: Log::default(),
            roots: Vec::new(),
            weaks: Vec::new(),
            pairs: Vec::new(),
            tuples: Vec::new(),
        }
    }

    fn node(&mut self, rng: &mut Rng, id: usize) -> GcAny {
        if rng.u8(..8) != 0 {
            return Gc::erase(self.heap.alloc(Bare::default()));
        }
        let raised = (rng.u8(..32) == 0).then(|| self.heap.alloc(Bare::default()));
        if let Some(root) = &raised {
            self.roots.push(Gc::erase(root.clone()));
        }
        Gc::erase(self.heap.alloc(Loud {
            id,
            edges: RefCell::default(),
            log: self.log.clone(),
            raised: RefCell::new(raised),
        }))
    }

    /// Nodes with random edges, tuples and dicts, weak references, pairs.
    fn build(&mut self, rng: &mut Rng, count: usize) {
        let nodes: Vec<GcAny> = (0..count).map(|id| self.node(rng, id)).collect();
        for (index, node) in nodes.iter().enumerate() {
            let near = nodes[(index + rng.usize(..64)) % count].clone();
            link(node, &near, 0);
            if rng.u8(..3) == 0 {
                link(node, &nodes[rng.usize(..count)], 1);
            }
            match rng.u8(..32) {
                0 => {
                    let inner = Value::from(Tuple::new(&self.heap, [Value::small(1)].into_iter()));
                    let tuple = Tuple::new(&self.heap, [inner, Value::NONE].into_iter());
                    self.tuples.push(Gc::downgrade(&tuple));
                    link(node, &Gc::erase(tuple), 2);
                }
                1 => {
                    let dict = Dict::new(&self.heap);
                    dict.insert(&self.heap, Value::small(1), Value::small(index as i64));
                    link(node, &Gc::erase(dict), 2);
                }
                _ => {
                    let key = &nodes[rng.usize(..count)];
                    self.watch(rng, node, key);
                }
            }
            if rng.u8(..64) == 0 {
                self.roots.push(node.clone());
            }
        }
    }

    fn watch(&mut self, rng: &mut Rng, node: &GcAny, key: &GcAny) {
        let Some(loud) = node.downcast_ref::<Loud>() else {
            return;
        };
        if rng.bool() {
            let told = Told(loud.id, self.log.clone());
            self.weaks
                .push(Gc::downgrade_with(loud, self.heap.alloc(told)));
        } else if let Some(key) = key.downcast_ref::<Bare>() {
            self.pairs.push(Ephemeron::new(key, loud.clone()));
        }
    }

    /// Everything that can be seen of the heap.
    fn seen(&self) -> Vec<String> {
        let mut seen = self.log.borrow().clone();
        seen.extend(self.weaks.iter().map(|weak| format!("{}", weak.is_dead())));
        seen.extend(self.pairs.iter().map(|pair| format!("{}", pair.is_dead())));
        let tracked = |weak: &Weak<Tuple>| weak.upgrade().map(|tuple| Gc::is_tracked(&tuple));
        seen.extend(
            self.tuples
                .iter()
                .map(|weak| format!("{:?}", tracked(weak))),
        );
        seen.push(format!("{:?}", self.heap.counts()));
        seen.push(format!("{} live", self.heap.live_objects()));
        self.heap.verify().unwrap();
        seen
    }

    /// Collections of every generation while roots go.
    fn run(&mut self, seed: u64, count: usize) -> Vec<String> {
        let mut rng = Rng::with_seed(seed);
        let mut seen = Vec::new();
        for round in 0..4 {
            self.build(&mut rng, count / 4);
            for _ in 0..self.roots.len() / 3 {
                let index = rng.usize(..self.roots.len());
                self.roots.swap_remove(index);
            }
            let found = self.heap.collect(round % 3);
            seen.push(format!("{found:?}"));
            seen.extend(self.seen());
        }
        self.roots.clear();
        seen.push(format!("{}", self.heap.collect_all()));
        seen.extend(self.seen());
        seen
    }
}

fn compare(seed: u64, count: usize, listed: Option<usize>) {
    let alone = Program::new(1, listed).run(seed, count);
    for threads in [2, 5] {
        let shared = Program::new(threads, listed).run(seed, count);
        let first = alone
            .iter()
            .zip(&shared)
            .position(|(one, other)| one != other);
        assert_eq!(
            first.map(|at| (&alone[at], &shared[at])),
            None,
            "seed {seed}"
        );
        assert_eq!(alone.len(), shared.len(), "seed {seed}");
    }
    assert!(alone.iter().any(|line| line.starts_with("finalized")));
    assert!(alone.iter().any(|line| line.starts_with("called")));
}

#[test]
fn threads_change_nothing_that_can_be_seen() {
    for seed in 0..12 {
        compare(seed, 6000, None);
    }
}

#[test]
fn threads_change_nothing_when_their_stacks_cannot_grow() {
    for seed in 20..26 {
        compare(seed, 3000, Some(8));
    }
}

/// One root holds everything: a thread that finds nothing gets half of another one's stack.
#[test]
fn work_is_shared_when_one_root_holds_everything() {
    let heap = Heap::builder().threads(4).enabled(false).build();
    heap.examine_widely_above(Some(0));
    let mut rng = Rng::with_seed(7);
    let nodes: Vec<Gc<Bare>> = (0..200_000).map(|_| heap.alloc(Bare::default())).collect();
    for (index, node) in nodes.iter().enumerate() {
        let below = |index: usize| nodes.get(index).map(|node| Gc::erase(node.clone()));
        let other = nodes[rng.usize(..nodes.len())].clone();
        *node.edges.borrow_mut() = [
            below(2 * index + 1),
            below(2 * index + 2),
            Some(Gc::erase(other)),
        ];
    }
    let root = nodes[0].clone();
    drop(nodes);
    for _ in 0..3 {
        assert_eq!(heap.collect_all(), 0);
    }
    heap.verify().unwrap();
    drop(root);
    assert_eq!(heap.collect_all(), 200_000);
    assert_eq!(heap.live_objects(), 0);
    heap.verify().unwrap();
}

/// Misbehaves in `trace`, if told to.
struct Odd {
    next: RefCell<Option<Gc<Odd>>>,
    panics: Cell<bool>,
    twice: Cell<bool>,
}

// SAFETY: the one edge is visited once; the tests that make it differ expect
// the collection to be given up.
unsafe impl Trace for Odd {
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        assert!(!self.panics.get(), "meant");
        self.next.trace(visitor);
        if self.twice.get() {
            self.next.trace(visitor);
        }
    }
}

fn rings(heap: &Heap, count: usize) -> Vec<Gc<Odd>> {
    let odd = || Odd {
        next: RefCell::default(),
        panics: Cell::new(false),
        twice: Cell::new(false),
    };
    let ring = |_| {
        let (one, other) = (heap.alloc(odd()), heap.alloc(odd()));
        *other.next.borrow_mut() = Some(one.clone());
        *one.next.borrow_mut() = Some(other);
        one
    };
    (0..count).map(ring).collect()
}

#[test]
fn a_breach_found_by_any_thread_keeps_everything() {
    for breach in ["panic", "twice"] {
        for at in [0, 9_000, 19_999] {
            let heap = Heap::builder().threads(3).enabled(false).build();
            heap.examine_widely_above(Some(0));
            heap.examine_in_parallel_above(Some(0));
            let nodes = rings(&heap, 20_000);
            let odd = nodes[at].clone();
            match breach {
                "panic" => odd.panics.set(true),
                _ => odd.twice.set(true),
            }
            drop(nodes);
            assert_eq!(heap.collect_all(), 0, "{breach} at {at}");
            let told = heap.take_errors();
            assert!(
                matches!(
                    (&told[..], breach),
                    ([HeapError::Panicked { hook: "trace", .. }], "panic")
                        | ([HeapError::CountBelowZero { .. }], "twice")
                ),
                "{told:?}"
            );
            assert_eq!(heap.live_objects(), 40_000);
            odd.panics.set(false);
            odd.twice.set(false);
            heap.verify().unwrap();
            assert_eq!(heap.collect_all(), 2 * 19_999, "{breach} at {at}");
            drop(odd);
            assert_eq!(heap.collect_all(), 2);
            heap.verify().unwrap();
        }
    }
}

/// Counts that do not fit into a header are subtracted in a table.
#[test]
fn counts_too_large_for_the_header_are_subtracted_by_all_threads() {
    #[derive(Trace, Default)]
    struct Hub(RefCell<Vec<Gc<Spoke>>>);
    #[derive(Trace)]
    struct Spoke(Vec<Gc<Hub>>);
    let heap = Heap::builder().threads(3).enabled(false).build();
    heap.examine_widely_above(Some(0));
    heap.examine_in_parallel_above(Some(0));
    let hub = heap.alloc(Hub::default());
    let spokes = (0..2100).map(|_| heap.alloc(Spoke(vec![hub.clone(); 4096])));
    *hub.0.borrow_mut() = spokes.collect();
    assert!(Gc::ref_count(&hub) > 1 << 23);
    assert_eq!(heap.collect_all(), 0);
    heap.verify().unwrap();
    drop(hub);
    assert_eq!(heap.collect_all(), 2101);
    assert_eq!(heap.live_objects(), 0);
}
