//! A value lives through its key: alone, in cycles, in chains, across
//! generations, with finalizers, and in random programs against a naive model.

use std::cell::RefCell;
use std::collections::BTreeSet;

use exuvia_core::object::{Dict, Tuple, Value};
use exuvia_core::{Callback, Ephemeron, Finalize, Gc, GcAny, Heap, Mode, Trace, Weak};
use fastrand::Rng;

#[derive(Trace, Default)]
struct Node {
    edges: RefCell<Vec<GcAny>>,
}

fn node(heap: &Heap) -> Gc<Node> {
    heap.alloc(Node::default())
}

fn refer<T: Trace>(from: &Gc<Node>, to: &Gc<T>) {
    from.edges.borrow_mut().push(Gc::erase(to.clone()));
}

fn holds(from: &Gc<Node>, pair: Ephemeron<Node, Node>) {
    from.edges.borrow_mut().push(Ephemeron::erase(pair));
}

#[test]
fn the_value_lives_while_key_and_ephemeron_do() {
    let heap = Heap::new();
    let key = node(&heap);
    let value = node(&heap);
    let watch = Gc::downgrade(&value);
    let pair = Ephemeron::new(&key, value);
    heap.collect_all();
    assert!(watch.upgrade().is_some());
    assert!(pair.key().is_some_and(|k| Gc::ptr_eq(&k, &key)));
    drop(key);
    assert!(watch.is_dead() && pair.is_dead() && pair.key().is_none());

    let key = node(&heap);
    let pair = Ephemeron::new(&key, node(&heap));
    let watch = Gc::downgrade(&pair.value().unwrap());
    let again = pair.clone();
    drop(pair);
    assert!(!watch.is_dead());
    drop(again);
    assert!(watch.is_dead());
    assert_eq!(Gc::weak_count(&key), 0);
    heap.verify().unwrap();
}

#[test]
fn a_value_that_refers_to_its_key_does_not_keep_it() {
    let heap = Heap::new();
    for generation in 0..3 {
        let key = node(&heap);
        let value = node(&heap);
        refer(&value, &key);
        let pair = Ephemeron::new(&key, value);
        drop(key);
        assert!(!pair.is_dead());
        assert_eq!(heap.collect(generation), Ok(2), "generation {generation}");
        assert!(pair.is_dead());
        heap.verify().unwrap();
    }
}

#[test]
fn a_value_that_refers_to_its_ephemeron_does_not_keep_it_while_the_key_lives() {
    let heap = Heap::new();
    let key = node(&heap);
    let value = node(&heap);
    let watch = Gc::downgrade(&value);
    let pair = Ephemeron::new(&key, value.clone());
    holds(&value, pair);
    drop(value);
    assert!(!watch.is_dead());
    assert_eq!(heap.collect_all(), 2);
    assert!(watch.is_dead());
    assert_eq!(Gc::weak_count(&key), 0);
    heap.verify().unwrap();
}

#[test]
fn an_old_untouched_ephemeron_lets_a_later_cycle_through_its_value_go() {
    let heap = Heap::new();
    let key = node(&heap);
    let value = node(&heap);
    refer(&value, &key);
    let pair = Ephemeron::new(&key, value);
    for _ in 0..3 {
        heap.collect_all(); // All three are old and clean now.
    }
    drop(key);
    assert_eq!(heap.collect(0), Ok(0)); // Held from the old generation.
    assert_eq!(heap.collect_all(), 2);
    assert!(pair.is_dead());
}

#[test]
fn chains_and_rings_of_ephemerons_go_with_their_first_key() {
    let heap = Heap::new();
    for ring in [false, true] {
        let keys: Vec<Gc<Node>> = (0..50).map(|_| node(&heap)).collect();
        let mut pairs = Vec::new();
        for index in 0..keys.len() - 1 {
            pairs.push(Ephemeron::new(&keys[index], keys[index + 1].clone()));
        }
        if ring {
            pairs.push(Ephemeron::new(&keys[keys.len() - 1], keys[0].clone()));
        }
        let first = keys[0].clone();
        drop(keys);
        assert_eq!(heap.collect_all(), 0);
        assert!(pairs.iter().all(|pair| !pair.is_dead()));
        drop(first); // A chain dies by count, a ring in a collection.
        assert_eq!(heap.collect_all(), if ring { 50 } else { 0 });
        assert!(pairs.iter().all(|pair| pair.is_dead()));
        heap.verify().unwrap();
    }
}

#[test]
fn a_deep_chain_dies_in_constant_stack() {
    let heap = Heap::new();
    let mut pairs = Vec::new();
    let mut next = node(&heap);
    for _ in 0..200_000 {
        let key = node(&heap);
        pairs.push(Ephemeron::new(&key, next));
        next = key;
    }
    drop(next);
    assert!(pairs.iter().all(|pair| pair.is_dead()));
}

struct Note(&'static str, std::rc::Rc<RefCell<Vec<&'static str>>>);
// SAFETY: holds no reference.
unsafe impl Trace for Note {
    const HOLDS: bool = false;
    fn trace<V: exuvia_core::Visitor>(&self, _: &mut V) {}
}
impl Callback for Note {
    fn call(&self, _: &Heap) {
        self.1.borrow_mut().push(self.0);
    }
}

#[derive(Trace)]
#[trace(finalize)]
struct Raiser {
    #[trace(leaf)]
    out: std::rc::Rc<RefCell<Option<GcAny>>>,
    other: RefCell<Option<GcAny>>,
}
impl Finalize for Raiser {
    fn finalize(this: &Gc<Self>) {
        *this.out.borrow_mut() = Some(Gc::erase(this.clone()));
    }
}

#[test]
fn a_resurrected_key_has_lost_its_value() {
    let heap = Heap::new();
    let out = std::rc::Rc::new(RefCell::new(None));
    let key = heap.alloc(Raiser {
        out: out.clone(),
        other: RefCell::new(None),
    });
    let value = node(&heap);
    refer(&value, &key);
    let watch = Gc::downgrade(&value);
    let pair = Ephemeron::new(&key, value);
    drop(key);
    assert_eq!(heap.collect_all(), 1); // The value alone.
    assert!(out.borrow().is_some() && watch.is_dead() && pair.is_dead());
    heap.verify().unwrap();
    out.borrow_mut().take();
    assert_eq!(heap.live_objects(), 2); // The weak reference and the pair.
}

#[test]
fn a_key_that_its_value_resurrects_keeps_neither_pair_nor_garbage() {
    let heap = Heap::new();
    let out = std::rc::Rc::new(RefCell::new(None));
    let key = node(&heap);
    let value = heap.alloc(Raiser {
        out: out.clone(),
        other: RefCell::new(Some(Gc::erase(key.clone()))),
    });
    let pair = Ephemeron::new(&key, value);
    drop(key);
    assert_eq!(heap.collect_all(), 0);
    assert!(out.borrow().is_some() && pair.is_dead());
    heap.verify().unwrap();
    out.borrow_mut().take();
    assert_eq!(heap.live_objects(), 1);
}

#[test]
fn callbacks_of_the_key_run_before_the_value_is_released() {
    let heap = Heap::new();
    let log = std::rc::Rc::new(RefCell::new(Vec::new()));
    let key = node(&heap);
    let value = node(&heap);
    let _value_dies = Gc::downgrade_with(&value, heap.alloc(Note("value", log.clone())));
    let _pair = Ephemeron::new(&key, value);
    let _key_dies: Weak<Node> = Gc::downgrade_with(&key, heap.alloc(Note("key", log.clone())));
    drop(key);
    assert_eq!(*log.borrow(), ["key", "value"]);
}

#[test]
fn clearing_releases_the_value_and_shares_no_weak_reference_afterwards() {
    let heap = Heap::new();
    let key = node(&heap);
    let value = node(&heap);
    let watch = Gc::downgrade(&value);
    let pair = Ephemeron::new(&key, value);
    pair.clear();
    assert!(pair.is_dead() && watch.is_dead());
    let weak = Gc::downgrade(&key);
    assert!(!GcAny::ptr_eq(&Weak::erase(weak), &Ephemeron::erase(pair)));
    assert_eq!(Gc::weak_count(&key), 0);
}

#[test]
fn an_untracked_dict_is_tracked_as_a_key() {
    let heap = Heap::new();
    let dict = Dict::new(&heap);
    let value = node(&heap);
    refer(&value, &dict);
    let pair = Ephemeron::new(&dict, value);
    heap.collect_all();
    drop(dict);
    assert_eq!(heap.collect_all(), 2);
    assert!(pair.is_dead());
}

#[test]
fn a_tuple_of_an_untracked_dict_stays_tracked() {
    let heap = Heap::new();
    let dict = Dict::new(&heap);
    let tuple = Tuple::new(&heap, [Value::from(&dict)].into_iter());
    for generation in [0, 1, 2, 2] {
        heap.collect(generation).unwrap();
    }
    assert!(Gc::is_tracked(&tuple));
    dict.insert(&heap, Value::small(1), Value::from(&tuple));
    drop((dict, tuple));
    assert_eq!(heap.collect_all(), 2);
}

/// Key, value, and who holds the pair: a node, or the program.
type Pair = (usize, usize, Option<usize>, Option<Ephemeron<Node, Node>>);

/// A graph of nodes and ephemerons, and what of it must be alive.
struct World {
    heap: Heap,
    rng: Rng,
    nodes: Vec<(usize, Weak<Node>)>,
    handles: Vec<(usize, Gc<Node>)>,
    pairs: Vec<Pair>,
    edges: Vec<(usize, usize)>,
    next: usize,
}

impl World {
    /// Ids reachable in the model: the least set closed under edges and pairs.
    fn reachable(&self) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> = self.handles.iter().map(|(id, _)| *id).collect();
        loop {
            let before = found.len();
            for (from, to) in &self.edges {
                if found.contains(from) {
                    found.insert(*to);
                }
            }
            for (key, value, holder, _) in &self.pairs {
                let held = holder.is_none_or(|holder| found.contains(&holder));
                if held && found.contains(key) {
                    found.insert(*value);
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    fn step(&mut self) {
        let pick = |rng: &mut Rng, world: &[(usize, Gc<Node>)]| {
            let index = rng.usize(..world.len());
            (world[index].0, world[index].1.clone())
        };
        if self.handles.len() < 4 || self.rng.u8(..6) == 0 {
            let made = node(&self.heap);
            self.nodes.push((self.next, Gc::downgrade(&made)));
            self.handles.push((self.next, made));
            self.next += 1;
            return;
        }
        let (a, from) = pick(&mut self.rng, &self.handles);
        let (b, to) = pick(&mut self.rng, &self.handles);
        match self.rng.u8(..10) {
            0..=2 => {
                refer(&from, &to);
                self.edges.push((a, b));
            }
            3..=5 => {
                let pair = Ephemeron::new(&from, to);
                let (holder, node) = pick(&mut self.rng, &self.handles);
                if self.rng.bool() {
                    holds(&node, pair);
                    self.pairs.push((a, b, Some(holder), None));
                } else {
                    self.pairs.push((a, b, None, Some(pair)));
                }
            }
            6..=7 => {
                let index = self.rng.usize(..self.handles.len());
                drop((from, to));
                self.handles.swap_remove(index);
            }
            8 => {
                let free: Vec<usize> = (0..self.pairs.len())
                    .filter(|&index| self.pairs[index].3.is_some())
                    .collect();
                if let Some(&index) = self.rng.choice(&free) {
                    self.pairs.swap_remove(index);
                }
            }
            _ => {
                drop((from, to));
                let generation = self.rng.usize(..2);
                self.heap.collect(generation).unwrap();
            }
        }
    }

    fn check(&self, seed: u64, full: bool) {
        let expected = self.reachable();
        for (id, weak) in &self.nodes {
            let (alive, wanted) = (!weak.is_dead(), expected.contains(id));
            assert!(alive || !wanted, "seed {seed}: {id} is reachable and gone");
            assert!(
                !full || alive == wanted,
                "seed {seed}: {id} is garbage and kept"
            );
        }
        for (key, value, _, pair) in &self.pairs {
            if let Some(pair) = pair {
                assert!(
                    !expected.contains(key) || pair.value().is_some(),
                    "seed {seed}: pair {key}, {value} lost its value"
                );
            }
        }
    }
}

#[test]
fn random_graphs_keep_exactly_what_is_reachable() {
    for seed in 0..400 {
        let mode = [Mode::Pages, Mode::System, Mode::Debug][seed as usize % 3];
        let heap = Heap::builder().mode(mode).thresholds(7, 2, 2).build();
        if seed % 5 == 0 {
            heap.limit_collector_lists(Some(0));
        }
        let mut world = World {
            heap,
            rng: Rng::with_seed(seed),
            nodes: Vec::new(),
            handles: Vec::new(),
            pairs: Vec::new(),
            edges: Vec::new(),
            next: 0,
        };
        for step in 0..150 {
            world.step();
            world.check(seed, false);
            if step % 25 == 24 {
                world.heap.collect_all();
                world.heap.verify().unwrap();
                world.check(seed, true);
            }
        }
        world.handles.clear();
        world.pairs.retain(|pair| pair.3.is_some());
        world.heap.collect_all();
        world.check(seed, true);
        assert!(world.heap.take_errors().is_empty());
    }
}
