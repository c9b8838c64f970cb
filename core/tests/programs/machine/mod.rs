//! Runs operations on a real heap and on the model, and compares them.
//!
//! `make` allocates, `edges` moves references, `weak` deals with weak ones,
//! `compare` says whether heap and model still agree. Every operation acts on
//! the heap first, then takes in what user code logged, then tells the model.

use std::any::Any;
use std::rc::Rc;
use std::sync::Mutex;

use exuvia_core::{GcAny, Heap, Phase};

use crate::generate::{Op, Setting};
use crate::kinds::{Event, Id, Node, WeakLike, World};
use crate::model::{FROZEN, Model};

type Checked = Result<(), String>;

/// Ends a step with a message unless something holds.
macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(format!($($what)*));
        }
    };
}

mod compare;
mod edges;
mod make;
mod weak;

/// What happened in a program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) operations: u64,
    pub(crate) live: u64,
    pub(crate) cycles: u64,
    pub(crate) resurrections: u64,
    pub(crate) callbacks: u64,
    pub(crate) pairs: u64,
    pub(crate) failures: u64,
    pub(crate) collections: u64,
    pub(crate) deaths: u64,
}

pub(crate) struct Machine {
    heap: Heap,
    world: Rc<World>,
    pub(crate) model: Model,
    handles: Vec<(Id, GcAny)>,
    weaks: Vec<(Id, Box<dyn WeakLike>)>,
    roots: Vec<(Id, Box<dyn Any>)>,
    events: Vec<Event>,
    pub(crate) tally: Tally,
    /// Bursts are of objects that are nothing but their edges.
    bare: bool,
}

fn pick(raw: u16, len: usize) -> Option<usize> {
    (len > 0).then(|| raw as usize % len)
}

impl Machine {
    pub(crate) fn new(setting: Setting) -> Machine {
        let world = Rc::new(World::default());
        let (young, middle, old) = setting.thresholds.unwrap_or((0, 10, 10));
        let heap = Heap::builder()
            .mode(setting.mode)
            .thresholds(young, middle, old)
            .threads(setting.threads)
            .build();
        heap.examine_in_parallel_above(Some(0));
        heap.examine_widely_above(setting.wide_above);
        let log = world.clone();
        heap.add_callback(move |phase, info| {
            log.note(match phase {
                Phase::Start => Event::Start(info.generation),
                Phase::Stop => Event::Stop(info.generation, info.collected),
            });
        });
        Machine {
            heap,
            world,
            model: Model::default(),
            handles: Vec::new(),
            weaks: Vec::new(),
            roots: Vec::new(),
            events: Vec::new(),
            tally: Tally::default(),
            bare: setting.bare,
        }
    }

    /// Runs one operation and compares everything that it may have changed.
    pub(crate) fn step(&mut self, op: Op) -> Checked {
        self.tally.operations += 1;
        self.tally.live += self.model.live as u64;
        self.run(op)?;
        self.settle()?;
        self.compare()?;
        if self.tally.operations.is_multiple_of(16) {
            self.compare_deeply()?;
        }
        Ok(())
    }

    fn run(&mut self, op: Op) -> Checked {
        match op {
            Op::Alloc(kind) => self.alloc(kind).map(|_| ()),
            Op::Burst(n, ring) => self.burst(n, ring),
            Op::Link(a, s, b) => self.link(a, s, b),
            Op::Give(a, s, b) => self.give(a, s, b),
            Op::Unlink(a, s) => self.unlink(a, s),
            Op::Move(a, s, b, t) => self.move_edge(a, s, b, t),
            Op::Take(a, s) => self.take(a, s),
            Op::Knot(a, s) => self.knot(a, s),
            Op::Clone(a) => self.clone_handle(a),
            Op::Drop(a) => self.drop_handle(a),
            Op::DropNewest => match self.handles.len() {
                0 => Ok(()),
                len => self.drop_exactly(len - 1),
            },
            Op::Downgrade(a) => self.downgrade(a),
            Op::DowngradeWith(a, leaf) => self.downgrade_with(a, leaf),
            Op::CloneWeak(w) => self.clone_weak(w),
            Op::DropWeak(w) => self.drop_weak(w),
            Op::StoreWeak(w, a, s) => self.store_weak(w, a, s),
            Op::Upgrade(w) => self.upgrade(w),
            Op::Pair(a, s, b) => self.pair(a, s, b),
            Op::Collect(g) => self.collect(g),
            Op::CollectBorrowed(a, g) => self.collect_borrowed(a, g),
            Op::Freeze => self.freeze(),
            Op::Unfreeze => self.unfreeze(),
            Op::Fail(n) => self.fail(Some(n as usize)),
            Op::FailOff => self.fail(None),
            Op::Limit(n) => self.limit(Some(n as usize)),
            Op::LimitOff => self.limit(None),
            Op::Root(a) => self.root(a),
            Op::Unroot(r) => self.unroot(r),
            Op::Immortal(a) => self.immortal(a),
        }
    }

    fn collect(&mut self, generation: u8) -> Checked {
        let before = self.tally.collections;
        let found = self.heap.collect(generation as usize);
        let found = found.map_err(|error| error.to_string())?;
        let stop = self.world.log.borrow().last().copied();
        let stopped = Event::Stop(generation as usize, found);
        ensure!(
            stop == Some(stopped),
            "collect() returned {found} at {stop:?}"
        );
        self.observe()?;
        ensure!(self.tally.collections == before + 1, "not one collection");
        Ok(())
    }

    fn collect_borrowed(&mut self, a: u16, generation: u8) -> Checked {
        let Some(index) = pick(a, self.handles.len()) else {
            return Ok(());
        };
        let object = self.handles[index].1.clone();
        let id = self.handles[index].0;
        let Some(node) = object.downcast_ref::<Node>() else {
            return Ok(());
        };
        self.model.incref(id);
        let borrow = node.slots.borrow_mut();
        let result = self.collect(generation);
        drop(borrow);
        drop(object);
        self.model.decref(id);
        result
    }

    fn freeze(&mut self) -> Checked {
        self.heap.freeze();
        self.model.set_generations(|_| Some(FROZEN));
        Ok(())
    }

    fn unfreeze(&mut self) -> Checked {
        self.heap.unfreeze();
        let thawed = |generation| (generation == FROZEN).then_some(2);
        self.model.set_generations(thawed);
        Ok(())
    }

    fn fail(&mut self, after: Option<usize>) -> Checked {
        self.heap.fail_allocations_after(after);
        self.model.fail_left = after;
        Ok(())
    }

    fn limit(&mut self, entries: Option<usize>) -> Checked {
        self.heap.limit_collector_lists(entries);
        Ok(())
    }

    /// Gives everything up: what is then left is what must be.
    pub(crate) fn finish(&mut self) -> Checked {
        self.fail(None)?;
        self.limit(None)?;
        self.unfreeze()?;
        while !self.handles.is_empty() || !self.weaks.is_empty() || !self.roots.is_empty() {
            self.drop_handle(0)?;
            self.settle()?;
            self.drop_weak(0)?;
            self.settle()?;
            self.unroot(0)?;
            self.settle()?;
            // What finalizers raise goes as well: each runs only once.
            if self.handles.is_empty() {
                self.collect(2)?;
                self.settle()?;
            }
        }
        self.collect(2)?;
        self.settle()?;
        while !self.handles.is_empty() {
            self.drop_handle(0)?;
            self.settle()?;
        }
        self.collect(2)?;
        self.settle()?;
        self.compare()?;
        self.compare_deeply()
    }

    /// Whether nothing is left at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.model.live == 0 && self.heap.memory().live_blocks == 0
    }

    /// Keeps the heap for ever, where leak detectors find it: immortal objects
    /// are never freed, and after a failure nothing may be trusted.
    pub(crate) fn keep(self) {
        static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());
        let kept: &'static mut Machine = Box::leak(Box::new(self));
        if let Ok(mut list) = KEPT.lock() {
            list.push(std::ptr::from_mut(kept).addr());
        }
    }
}
