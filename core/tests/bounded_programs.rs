//! Generated programs on heaps with bounded pauses, against a naive model.
//!
//! The model is a graph of what user code did. It does not say when a
//! collection frees an object, but after every operation it says
//! - who must be alive: whatever handles reach;
//! - who must be dead: whatever has no reference from a handle or from an object
//!   that is not dead, because counts never wait;
//!
//! and at the end, after two full cycles at a quiet point, that nobody else is
//! alive. `EXUVIA_PROGRAMS` sets how many programs run, `EXUVIA_SEED` the first
//! seed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use exuvia_core::{Callback, Ephemeron, Finalize, Gc, GcAny, Heap, Mode, Root, Trace, Weak};
use fastrand::Rng;

type Id = usize;
type Slots = RefCell<Vec<Option<GcAny>>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Nothing,
    /// Resurrects itself.
    Raise,
    /// Empties its slots.
    Cut,
}

/// What user code saw since the last look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    Finalized(Id),
    Cut(Id),
    Died(Id),
}

#[derive(Default)]
struct World {
    log: RefCell<Vec<Event>>,
    raised: RefCell<Vec<(Id, GcAny)>>,
    calls: Cell<u32>,
}

struct Tomb(Id, Rc<World>);

impl Drop for Tomb {
    fn drop(&mut self) {
        self.1.log.borrow_mut().push(Event::Died(self.0));
    }
}

#[derive(Trace)]
struct Node<const BYTES: usize> {
    slots: Slots,
    #[trace(leaf)]
    bytes: [u8; BYTES],
    #[trace(leaf)]
    tomb: Tomb,
}

#[derive(Trace)]
#[trace(finalize)]
struct Fin {
    slots: Slots,
    #[trace(leaf)]
    act: Act,
    #[trace(leaf)]
    tomb: Tomb,
}

impl Finalize for Fin {
    fn finalize(this: &Gc<Self>) {
        let Tomb(id, world) = &this.tomb;
        world.log.borrow_mut().push(Event::Finalized(*id));
        match this.act {
            Act::Nothing => {}
            Act::Raise => {
                let itself = Gc::erase(this.clone());
                world.raised.borrow_mut().push((*id, itself));
            }
            Act::Cut => {
                world.log.borrow_mut().push(Event::Cut(*id));
                let slots = std::mem::take(&mut *this.slots.borrow_mut());
                *this.slots.borrow_mut() = slots.iter().map(|_| None).collect();
                drop(slots);
            }
        }
    }
}

#[derive(Trace)]
struct Calls(#[trace(leaf)] Rc<World>);

impl Callback for Calls {
    fn call(&self, _: &Heap) {
        self.0.calls.set(self.0.calls.get() + 1);
    }
}

type Small = Node<8>;
type Slab = Node<3900>;
type Big = Node<9000>;

/// The slots, id and content of an object of any of the types.
fn look(object: &GcAny) -> (&Slots, Id, bool) {
    fn node<const N: usize>(node: &Node<N>) -> (&Slots, Id, bool) {
        let same = node.bytes.iter().all(|&byte| byte == node.tomb.0 as u8);
        (&node.slots, node.tomb.0, same)
    }
    if let Some(small) = object.downcast_ref::<Small>() {
        node(small)
    } else if let Some(slab) = object.downcast_ref::<Slab>() {
        node(slab)
    } else if let Some(big) = object.downcast_ref::<Big>() {
        node(big)
    } else {
        let fin = object.downcast_ref::<Fin>().expect("one of the types");
        (&fin.slots, fin.tomb.0, true)
    }
}

struct Entry {
    slots: Vec<Option<Id>>,
    dead: bool,
    finalized: bool,
    /// A weak reference may be dead although the object is not.
    resurrected: bool,
}

struct Program {
    heap: Heap,
    world: Rc<World>,
    rng: Rng,
    handles: Vec<(Id, GcAny)>,
    roots: Vec<(Id, Root<Small>)>,
    weaks: Vec<(Id, Weak<Small>)>,
    pairs: Vec<(Id, Id, Ephemeron<Small, Small>)>,
    model: Vec<Entry>,
    /// Ephemerons found dead.
    dead_pairs: usize,
}

const SLOTS: usize = 3;

impl Program {
    fn new(seed: u64) -> Program {
        let mut rng = Rng::with_seed(seed);
        let bound = [1, 2, 4, 16, 100][rng.usize(..5)];
        let mode = match seed % 6 {
            4 => Mode::System,
            5 => Mode::Debug,
            _ => Mode::Pages,
        };
        let heap = Heap::builder()
            .mode(mode)
            .bounded_pauses(bound)
            .thresholds(rng.usize(4..40), rng.usize(1..4), 10)
            .enabled(rng.bool())
            .threads(1 + seed as usize % 2)
            .build();
        heap.examine_in_parallel_above(Some(0));
        heap.examine_widely_above([None, Some(0), Some(usize::MAX)][rng.usize(..3)]);
        Program {
            heap,
            world: Rc::default(),
            rng,
            handles: Vec::new(),
            roots: Vec::new(),
            weaks: Vec::new(),
            pairs: Vec::new(),
            model: Vec::new(),
            dead_pairs: 0,
        }
    }

    fn alloc(&mut self) -> usize {
        let id = self.model.len();
        let slots = || RefCell::new((0..SLOTS).map(|_| None).collect());
        let tomb = Tomb(id, self.world.clone());
        let heap = &self.heap;
        fn node<const N: usize>(slots: Slots, tomb: Tomb) -> Node<N> {
            let bytes = [tomb.0 as u8; N];
            Node { slots, bytes, tomb }
        }
        let object = match self.rng.u8(..16) {
            0..=7 => Gc::erase(heap.alloc::<Small>(node(slots(), tomb))),
            8..=10 => Gc::erase(heap.alloc::<Slab>(node(slots(), tomb))),
            11 => Gc::erase(heap.alloc::<Big>(node(slots(), tomb))),
            kind => {
                let act = [Act::Nothing, Act::Nothing, Act::Raise, Act::Cut][kind as usize - 12];
                let slots = slots();
                Gc::erase(heap.alloc(Fin { slots, act, tomb }))
            }
        };
        self.model.push(Entry {
            slots: vec![None; SLOTS],
            dead: false,
            finalized: false,
            resurrected: false,
        });
        self.handles.push((id, object));
        self.handles.len() - 1
    }

    fn any(&mut self) -> Option<usize> {
        (!self.handles.is_empty()).then(|| self.rng.usize(..self.handles.len()))
    }

    /// Puts a value into a slot of the object behind a handle.
    fn put(&mut self, at: usize, slot: usize, value: Option<(Id, GcAny)>) {
        let (id, object) = &self.handles[at];
        let (new, value) = value.unzip();
        let old = std::mem::replace(&mut look(object).0.borrow_mut()[slot], value);
        self.model[*id].slots[slot] = new;
        drop(old);
    }

    fn take(&mut self, at: usize, slot: usize) -> Option<(Id, GcAny)> {
        let (id, object) = &self.handles[at];
        let value = look(object).0.borrow_mut()[slot].take();
        self.model[*id].slots[slot].take().zip(value)
    }

    fn small(&self, at: usize) -> Option<Gc<Small>> {
        self.handles[at].1.downcast_ref::<Small>().cloned()
    }

    fn step(&mut self) {
        let live = self.model.iter().filter(|entry| !entry.dead).count();
        let kind = if live < 30 { 0 } else { self.rng.u8(..100) };
        let slot = self.rng.usize(..SLOTS);
        let (Some(a), Some(b)) = (self.any(), self.any()) else {
            self.alloc();
            return;
        };
        match kind {
            0..=14 => {
                self.alloc();
            }
            15..=19 => self.ring(),
            20..=36 => {
                let value = self.handles[b].clone();
                self.put(a, slot, Some(value));
            }
            37..=42 => self.put(a, slot, None),
            43..=52 => {
                // From slot to slot, no count moves.
                if let Some(value) = self.take(a, slot) {
                    self.put(b, (slot + 1) % SLOTS, Some(value));
                }
            }
            53..=56 => {
                let taken = self.take(a, slot);
                self.handles.extend(taken);
            }
            57..=69 => drop(self.handles.swap_remove(a)),
            70..=71 => {
                let again = self.handles[a].clone();
                self.handles.push(again);
            }
            72..=74 => {
                if let Some(target) = self.small(a) {
                    let weak = if self.rng.bool() {
                        Gc::downgrade(&target)
                    } else {
                        Gc::downgrade_with(&target, self.heap.alloc(Calls(self.world.clone())))
                    };
                    self.weaks.push((self.handles[a].0, weak));
                }
            }
            75..=77 => {
                if let (Some(key), Some(value)) = (self.small(a), self.small(b)) {
                    let (key_id, value_id) = (self.handles[a].0, self.handles[b].0);
                    let pair = Ephemeron::new(&key, value);
                    self.pairs.push((key_id, value_id, pair));
                }
            }
            78 => {
                if !self.pairs.is_empty() {
                    let index = self.rng.usize(..self.pairs.len());
                    self.pairs.swap_remove(index);
                }
            }
            79..=80 => {
                if let Some(small) = self.small(a) {
                    let root = self.heap.root("generated", small);
                    self.roots.push((self.handles[a].0, root));
                }
            }
            81 => {
                self.roots.pop();
            }
            82 => {
                self.heap.freeze();
            }
            83 => {
                self.heap.unfreeze();
            }
            84 => {
                self.heap.collect(0).unwrap();
            }
            85..=88 => {
                self.heap.collect(1).unwrap(); // What is there grows older.
            }
            89 => {
                self.heap.collect_all();
            }
            90 => {
                let limit = [None, Some(1), Some(600)][self.rng.usize(..3)];
                self.heap.limit_collector_lists(limit);
            }
            _ => {
                self.heap.collect_slice();
            }
        }
    }

    fn ring(&mut self) {
        let at: Vec<usize> = (0..self.rng.usize(2..9)).map(|_| self.alloc()).collect();
        for (index, &from) in at.iter().enumerate() {
            let to = self.handles[at[(index + 1) % at.len()]].clone();
            self.put(from, 0, Some(to));
        }
        let first = at[0];
        let keep = (self.rng.u8(..4) > 0).then(|| self.handles[first].clone());
        self.handles.truncate(first);
        self.handles.extend(keep);
    }

    /// Takes in what user code did.
    fn observe(&mut self) {
        for event in self.world.log.take() {
            match event {
                Event::Finalized(id) => {
                    let twice = std::mem::replace(&mut self.model[id].finalized, true);
                    assert!(!twice, "{id} is finalized twice");
                }
                Event::Cut(id) => self.model[id].slots = vec![None; SLOTS],
                Event::Died(id) => {
                    let twice = std::mem::replace(&mut self.model[id].dead, true);
                    assert!(!twice, "{id} dies twice");
                    self.model[id].slots.clear();
                }
            }
        }
        for (id, object) in self.world.raised.take() {
            assert!(!self.model[id].dead, "{id} is raised and dead");
            self.handles.push((id, object));
            for reached in self.closure(vec![id]) {
                self.model[reached].resurrected = true;
            }
        }
    }

    fn held(&self) -> impl Iterator<Item = Id> + '_ {
        let handles = self.handles.iter().map(|(id, _)| *id);
        handles.chain(self.roots.iter().map(|(id, _)| *id))
    }

    /// What handles reach; values of ephemerons while their keys are reached.
    fn reachable(&self) -> BTreeSet<Id> {
        self.closure(self.held().collect())
    }

    fn closure(&self, mut stack: Vec<Id>) -> BTreeSet<Id> {
        let mut found = BTreeSet::new();
        loop {
            while let Some(id) = stack.pop() {
                if found.insert(id) {
                    stack.extend(self.model[id].slots.iter().flatten());
                }
            }
            let values = self.pairs.iter().filter(|(key, value, pair)| {
                found.contains(key) && !found.contains(value) && !pair.is_dead()
            });
            stack.extend(values.map(|(_, value, _)| *value));
            if stack.is_empty() {
                return found;
            }
        }
    }

    fn check(&mut self) {
        self.observe();
        let reachable = self.reachable();
        for &id in &reachable {
            assert!(!self.model[id].dead, "{id} is reachable and dead");
        }
        let mut counts: BTreeMap<Id, usize> = BTreeMap::new();
        let edges = self.model.iter().flat_map(|entry| &entry.slots).flatten();
        for id in edges.copied().chain(self.held()) {
            *counts.entry(id).or_default() += 1;
        }
        for (_, value, pair) in &self.pairs {
            if pair.value().is_some() {
                *counts.entry(*value).or_default() += 1;
            }
        }
        for (id, entry) in self.model.iter().enumerate() {
            let held = counts.contains_key(&id);
            assert!(entry.dead || held, "{id} has no reference and lives");
        }
        for (id, object) in &self.handles {
            let (_, read, same) = look(object);
            assert!(read == *id && same, "{id} reads {read}");
            assert_eq!(object.ref_count(), counts[id], "count of {id}");
        }
        for (id, weak) in &self.weaks {
            let entry = &self.model[*id];
            assert!(
                weak.is_dead() || !entry.dead,
                "a weak reference to dead {id}"
            );
            let lost = weak.is_dead() && reachable.contains(id) && !entry.resurrected;
            assert!(!lost, "a weak reference lost {id}");
        }
        for (key, value, pair) in &self.pairs {
            let lost = pair.value().is_none()
                && reachable.contains(key)
                && !self.model[*key].resurrected
                && !self.model[*value].resurrected;
            assert!(!lost, "the ephemeron of {key} lost {value}");
        }
    }

    fn full_cycle(&mut self) {
        // The one under way ends, then a whole one.
        for _ in 0..2 {
            while !self.heap.collect_slice() {}
            self.observe();
        }
    }

    /// At a quiet point nothing but what is reachable is left.
    fn finish(&mut self) {
        self.heap.limit_collector_lists(None);
        self.heap.unfreeze();
        self.check();
        // Young garbage may hold old one: it grows old first.
        self.heap.collect(1).unwrap();
        self.heap.collect(1).unwrap();
        for _ in 0..8 {
            self.full_cycle(); // Finalizers raise objects, each once.
        }
        self.check();
        self.heap.verify().unwrap();
        let reachable = self.reachable();
        let left = self.model.iter().enumerate();
        let left: Vec<_> = left
            .filter(|(id, entry)| !entry.dead && !reachable.contains(id))
            .map(|(id, _)| id)
            .collect();
        assert!(left.is_empty(), "{left:?} are garbage and left");
        self.dead_pairs = self.pairs.iter().filter(|(.., p)| p.is_dead()).count();
        let errors = self.heap.take_errors();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

impl Program {
    /// Lets everything go, what finalizers raise included: nothing is left.
    fn give_up(&mut self) {
        loop {
            self.pairs.clear();
            self.weaks.clear();
            self.roots.clear();
            self.handles.clear();
            self.heap.collect_all();
            self.observe();
            if self.handles.is_empty() {
                break;
            }
        }
        assert_eq!(self.heap.live_objects(), 0);
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number of programs or a seed"),
        Err(_) => default,
    }
}

#[test]
fn what_is_reachable_lives_and_garbage_goes() {
    const OPERATIONS: usize = 300;
    let programs = number("EXUVIA_PROGRAMS", 2000).div_ceil(16);
    let first = number("EXUVIA_SEED", 0);
    let watched = std::env::var_os("EXUVIA_LEAK_DETECTOR").is_some();
    let (mut cycles, mut oversized, mut freed, mut raised, mut pairs) = (0, 0, 0, 0, 0);
    for seed in first..first + programs {
        let run = || {
            let mut program = Program::new(seed);
            for operation in 0..OPERATIONS {
                program.step();
                program.check();
                if operation % 16 == 0 {
                    program.heap.verify().unwrap();
                }
            }
            if seed % 4 > 0 || watched {
                program.finish();
                program.give_up();
            } // Else the heap is closed wherever its cycle is, and what is held then stays.
            program
        };
        let run = std::panic::catch_unwind(run);
        let program = run.unwrap_or_else(|_| panic!("seed {seed}"));
        let did = program.heap.bounded_pauses().expect("the mode is on");
        cycles += did.cycles;
        oversized += did.oversized;
        freed += did.freed;
        raised += program.model.iter().filter(|e| e.resurrected).count();
        pairs += program.dead_pairs;
    }
    println!("{programs} programs, {cycles} cycles freed {freed} objects");
    println!(
        "{oversized} batches above the bound, {raised} objects raised, {pairs} ephemerons dead"
    );
    let enough = |count: u64| count >= programs;
    assert!(enough(cycles) && enough(freed / 2), "too little happens");
    assert!(
        enough(raised as u64) && pairs > 0 && oversized > 0,
        "too little happens"
    );
}
