//! Runs operations on a real heap and on the model, and compares them.

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;

use exuvia_core::{AllocError, Gc, GcAny, Heap, Phase, Trace, Weak};

use crate::generate::{Op, Setting};
use crate::kinds::*;
use crate::model::{FROZEN, Model, Object, Verdict, Watched};
use crate::typed;

type Checked = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(format!($($what)*));
        }
    };
}

/// What happened in a program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) operations: u64,
    pub(crate) live: u64,
    pub(crate) cycles: u64,
    pub(crate) resurrections: u64,
    pub(crate) callbacks: u64,
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
            .build();
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
            Op::Clone(a) => self.clone_handle(a),
            Op::Drop(a) => self.drop_handle(a),
            Op::Downgrade(a) => self.downgrade(a),
            Op::DowngradeWith(a, leaf) => self.downgrade_with(a, leaf),
            Op::CloneWeak(w) => self.clone_weak(w),
            Op::DropWeak(w) => self.drop_weak(w),
            Op::StoreWeak(w, a, s) => self.store_weak(w, a, s),
            Op::Upgrade(w) => self.upgrade(w),
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

    // --- allocation ---------------------------------------------------------

    fn make(&self, kind: Kind, id: Id) -> Result<GcAny, AllocError> {
        let heap = &self.heap;
        let tomb = || Tomb {
            id,
            world: self.world.clone(),
        };
        match kind {
            Kind::Node(n) => erased(heap.try_alloc(Node {
                slots: empty_slots(n),
                tomb: tomb(),
            })),
            Kind::Inline => erased(heap.try_alloc(Inline {
                edge: Cell::new(None),
                tomb: tomb(),
            })),
            Kind::Fin(act, n) => erased(heap.try_alloc(Fin {
                slots: empty_slots(n),
                act,
                tomb: tomb(),
            })),
            Kind::Ghost(act) => erased(heap.try_alloc(Ghost { act, tomb: tomb() })),
            Kind::Leaf => erased(heap.try_alloc(Leaf { tomb: tomb() })),
            Kind::Quiet(n) => erased(heap.try_alloc(Quiet {
                slots: empty_slots(n),
            })),
            Kind::Big => erased(heap.try_alloc(Big {
                slots: empty_slots(2),
                bytes: [id as u8; 9000],
                tomb: tomb(),
            })),
            Kind::Wide => erased(heap.try_alloc(Wide {
                slots: empty_slots(2),
                tomb: tomb(),
            })),
            Kind::Row(n) => {
                let items = (0..n).map(|_| Cell::new(Slot::None));
                erased(heap.try_alloc_with_tail(Head { tomb: tomb() }, items))
            }
            Kind::Caller => erased(heap.try_alloc(Caller {
                slots: empty_slots(2),
                tomb: tomb(),
            })),
            Kind::LeafCaller => erased(heap.try_alloc(LeafCaller { tomb: tomb() })),
            Kind::Dust | Kind::Weak => erased(heap.try_alloc(Dust(u64::from(id)))),
        }
    }

    /// Allocates; the position of the new handle, if there is one.
    fn alloc(&mut self, kind: Kind) -> Result<Option<usize>, String> {
        let id = self.world.fresh();
        let made = self.make(kind, id);
        self.observe()?;
        let admitted = self.model.admit();
        match made {
            Ok(object) => {
                ensure!(admitted, "{id}: allocated although failure was asked for");
                check_content(&object, id)?;
                self.model.add(id, kind);
                self.handles.push((id, object));
                Ok(Some(self.handles.len() - 1))
            }
            Err(error) => {
                ensure!(!admitted, "{id}: {error}");
                self.tally.failures += 1;
                if kind.logs_death() {
                    self.model.log.push(Event::Died(id));
                }
                self.settle()?;
                Ok(None)
            }
        }
    }

    fn burst(&mut self, n: u8, ring: bool) -> Checked {
        let mut first: Option<Id> = None;
        let mut last: Option<(Id, GcAny)> = None;
        for _ in 0..n {
            let Some(index) = self.alloc(Kind::Node(2))? else {
                break;
            };
            self.settle()?;
            let (id, object) = self.handles.remove(index);
            // The handle on the one before moves into the new one.
            if let Some((previous, handle)) = last.take() {
                put(&object, 0, Some(handle));
                self.model.put(id, 0, Some(previous));
            }
            first.get_or_insert(id);
            if ring && first == Some(id) {
                self.model.incref(id);
                self.handles.push((id, object.clone()));
            }
            last = Some((id, object));
        }
        let Some((id, object)) = last else {
            return Ok(());
        };
        if ring && let Some((start, handle)) = self.handles.pop() {
            put(&handle, 1, Some(object.clone()));
            self.model.incref(id);
            self.model.put(start, 1, Some(id));
            drop(handle);
            self.model.decref(start);
        }
        self.handles.push((id, object));
        Ok(())
    }

    // --- edges ----------------------------------------------------------------

    /// A slot of the object behind a handle: the handle's place, id and slot.
    fn place(&self, a: u16, s: u16) -> Option<(usize, Id, usize)> {
        let index = pick(a, self.handles.len())?;
        let id = self.handles[index].0;
        let object = self.model.get(id);
        if object.kind == Kind::Weak {
            return None;
        }
        Some((index, id, pick(s, object.slots.len())?))
    }

    fn write(&mut self, place: (usize, Id, usize), value: Option<(Id, GcAny)>) -> Checked {
        let (index, id, slot) = place;
        let (value_id, value) = value.unzip();
        let old = put(&self.handles[index].1, slot, value);
        let model_old = self.model.put(id, slot, value_id);
        ensure!(
            old.is_some() == model_old.is_some(),
            "{id}: slot {slot} holds {old:?}, the model {model_old:?}"
        );
        drop(old);
        self.observe()?;
        self.model.decref_some(model_old);
        Ok(())
    }

    fn link(&mut self, a: u16, s: u16, b: u16) -> Checked {
        let Some(place) = self.place(a, s) else {
            return Ok(());
        };
        let (id, object) = &self.handles[b as usize % self.handles.len()];
        let value = (*id, object.clone());
        self.model.incref(value.0);
        self.write(place, Some(value))
    }

    fn give(&mut self, a: u16, s: u16, b: u16) -> Checked {
        if self.handles.len() < 2 {
            return Ok(());
        }
        let value = self.handles.swap_remove(b as usize % self.handles.len());
        match self.place(a, s) {
            Some(place) => self.write(place, Some(value)),
            None => {
                self.handles.push(value);
                Ok(())
            }
        }
    }

    fn unlink(&mut self, a: u16, s: u16) -> Checked {
        match self.place(a, s) {
            Some(place) => self.write(place, None),
            None => Ok(()),
        }
    }

    fn taken(&mut self, a: u16, s: u16) -> Option<(Id, GcAny)> {
        let (index, id, slot) = self.place(a, s)?;
        let object = put(&self.handles[index].1, slot, None);
        self.model.put(id, slot, None).zip(object)
    }

    fn move_edge(&mut self, a: u16, s: u16, b: u16, t: u16) -> Checked {
        let Some(target) = self.place(b, t) else {
            return Ok(());
        };
        match self.taken(a, s) {
            Some(value) => self.write(target, Some(value)),
            None => Ok(()),
        }
    }

    fn take(&mut self, a: u16, s: u16) -> Checked {
        if let Some(value) = self.taken(a, s) {
            self.handles.push(value);
        }
        Ok(())
    }

    // --- handles ----------------------------------------------------------------

    fn clone_handle(&mut self, a: u16) -> Checked {
        if let Some(index) = pick(a, self.handles.len()) {
            let again = self.handles[index].clone();
            self.model.incref(again.0);
            self.handles.push(again);
        }
        Ok(())
    }

    fn drop_handle(&mut self, a: u16) -> Checked {
        if let Some(index) = pick(a, self.handles.len()) {
            let (id, object) = self.handles.swap_remove(index);
            drop(object);
            self.observe()?;
            self.model.decref(id);
        }
        Ok(())
    }

    fn root(&mut self, a: u16) -> Checked {
        let Some(index) = pick(a, self.handles.len()) else {
            return Ok(());
        };
        let heap = self.heap.clone();
        let (id, object) = self.handles.swap_remove(index);
        let rooted = typed!(&object, gc => {
            Box::new(heap.root("generated", gc.clone())) as Box<dyn Any>
        });
        match rooted {
            Some(root) => {
                drop(object);
                self.roots.push((id, root));
            }
            None => self.handles.push((id, object)),
        }
        Ok(())
    }

    fn unroot(&mut self, r: u16) -> Checked {
        if let Some(index) = pick(r, self.roots.len()) {
            let (id, root) = self.roots.swap_remove(index);
            drop(root);
            self.observe()?;
            self.model.decref(id);
        }
        Ok(())
    }

    fn immortal(&mut self, a: u16) -> Checked {
        if let Some(index) = pick(a, self.handles.len()) {
            let (id, object) = &self.handles[index];
            if typed!(object, gc => Gc::make_immortal(gc)).is_some() {
                self.model.make_immortal(*id);
            }
        }
        Ok(())
    }

    // --- weak references ----------------------------------------------------------

    fn downgrade(&mut self, a: u16) -> Checked {
        let Some(index) = pick(a, self.handles.len()) else {
            return Ok(());
        };
        let (target, object) = &self.handles[index];
        let target = *target;
        let made = typed!(object, gc => gc.try_downgrade().map(boxed));
        let Some(made) = made else {
            return Ok(());
        };
        if let Some(shared) = self.model.shared(target) {
            let weak = made.map_err(|error| format!("{target}: shared weak: {error}"))?;
            self.model.incref(shared);
            self.weaks.push((shared, weak));
            return Ok(());
        }
        let admitted = self.model.admit();
        ensure!(admitted == made.is_ok(), "{target}: weak reference");
        match made {
            Ok(weak) => {
                let id = self.world.fresh();
                self.model.add_weak(id, target, None);
                self.weaks.push((id, weak));
            }
            Err(_) => self.tally.failures += 1,
        }
        Ok(())
    }

    fn downgrade_with(&mut self, a: u16, leaf: bool) -> Checked {
        let Some(index) = pick(a, self.handles.len()) else {
            return Ok(());
        };
        let (target, object) = self.handles[index].clone();
        self.model.incref(target);
        self.handles.push((target, object));
        let watched = self.handles.len() - 1;
        let kind = if leaf { Kind::LeafCaller } else { Kind::Caller };
        if self.model.get(target).kind != Kind::Weak && self.alloc(kind)?.is_some() {
            self.settle()?;
            self.attach(watched)?;
        }
        self.drop_exactly(watched)
    }

    /// Makes a weak reference that calls the last handle's object, which a
    /// holder may then refer to.
    fn attach(&mut self, watched: usize) -> Checked {
        let (caller, callback) = self.handles.pop().ok_or("no callback")?;
        let (target, object) = &self.handles[watched];
        let target = *target;
        let made = typed!(object, gc => {
            if let Some(leaf) = callback.downcast_ref::<LeafCaller>() {
                gc.try_downgrade_with(leaf.clone()).map(boxed)
            } else if let Some(other) = callback.downcast_ref::<Caller>() {
                gc.try_downgrade_with(other.clone()).map(boxed)
            } else {
                return Err("not a callback".to_owned());
            }
        });
        let admitted = self.model.admit();
        match made.ok_or("not a target")? {
            Ok(weak) => {
                ensure!(admitted, "{target}: watched although failure was asked for");
                let id = self.world.fresh();
                self.model.incref(caller);
                self.model.add_weak(id, target, Some(caller));
                self.weaks.push((id, weak));
            }
            Err(error) => {
                ensure!(!admitted, "{target}: {error}");
                self.tally.failures += 1;
            }
        }
        self.handles.push((caller, callback));
        Ok(())
    }

    fn drop_exactly(&mut self, index: usize) -> Checked {
        let (id, object) = self.handles.swap_remove(index);
        drop(object);
        self.observe()?;
        self.model.decref(id);
        Ok(())
    }

    fn clone_weak(&mut self, w: u16) -> Checked {
        if let Some(index) = pick(w, self.weaks.len()) {
            let (id, weak) = &self.weaks[index];
            let again = (*id, weak.again());
            self.model.incref(again.0);
            self.weaks.push(again);
        }
        Ok(())
    }

    fn drop_weak(&mut self, w: u16) -> Checked {
        if let Some(index) = pick(w, self.weaks.len()) {
            let (id, weak) = self.weaks.swap_remove(index);
            drop(weak);
            self.observe()?;
            self.model.decref(id);
        }
        Ok(())
    }

    /// Stores a weak reference in the graph, as an object like any other.
    fn store_weak(&mut self, w: u16, a: u16, s: u16) -> Checked {
        let (Some(index), Some(place)) = (pick(w, self.weaks.len()), self.place(a, s)) else {
            return Ok(());
        };
        let (id, weak) = &self.weaks[index];
        let value = (*id, weak.erased());
        self.model.incref(value.0);
        self.write(place, Some(value))
    }

    fn upgrade(&mut self, w: u16) -> Checked {
        let Some(index) = pick(w, self.weaks.len()) else {
            return Ok(());
        };
        let (id, weak) = &self.weaks[index];
        let (strong, target) = (weak.strong(), self.model.get(*id).target);
        ensure!(
            strong.is_some() == target.is_some(),
            "{id} upgrades to {strong:?}, the model says {target:?}"
        );
        if let Some((target, object)) = target.zip(strong) {
            self.model.incref(target);
            self.handles.push((target, object));
        }
        Ok(())
    }

    // --- collections --------------------------------------------------------------

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

    // --- comparison ---------------------------------------------------------------

    /// Takes in what user code did, and follows collections that ran first.
    fn observe(&mut self) -> Checked {
        for birth in self.world.births.take() {
            self.model.watched.push(Watched {
                by: birth.by,
                caller: birth.caller,
                caller_made: birth.caller_made,
                weak: birth.weak.as_ref().map(|(id, _)| *id),
            });
            self.weaks.extend(birth.weak);
        }
        self.events.append(&mut self.world.log.borrow_mut());
        while let Some(Event::Start(generation)) = self.events.first().copied() {
            let is_stop = |event: &Event| matches!(event, Event::Stop(..));
            let end = self.events.iter().position(is_stop);
            let end = end.ok_or("a collection that does not stop")?;
            let segment: Vec<Event> = self.events.drain(..=end).collect();
            let verdict = self.model.collect(generation as u8);
            self.tally.collections += 1;
            self.tally.cycles += verdict.unreachable as u64;
            self.tally.resurrections += verdict.resurrected as u64;
            let expected = std::mem::take(&mut self.model.log);
            judge(generation, &segment, expected, &verdict)?;
        }
        Ok(())
    }

    /// The rest of the events happened by count: their order is exact.
    fn settle(&mut self) -> Checked {
        self.observe()?;
        let (events, expected) = (
            std::mem::take(&mut self.events),
            std::mem::take(&mut self.model.log),
        );
        ensure!(
            events == expected,
            "happened: {events:?}\n expected: {expected:?}"
        );
        for event in events {
            self.tally.callbacks += u64::from(matches!(event, Event::Called(_)));
            self.tally.deaths += u64::from(matches!(event, Event::Died(_)));
        }
        let mut raised = std::mem::take(&mut self.model.raised);
        for (by, object) in self.world.raised.take() {
            let known = raised.iter().position(|(other, _)| *other == by);
            let known = known.ok_or_else(|| format!("{by} raised an object"))?;
            self.tally.resurrections += 1;
            self.handles.push((raised.swap_remove(known).1, object));
        }
        ensure!(raised.is_empty(), "nobody raised {raised:?}");
        Ok(())
    }

    fn compare(&self) -> Checked {
        let live = self.heap.live_objects();
        ensure!(
            live == self.model.live,
            "{live} objects live, {} in the model",
            self.model.live
        );
        for (id, object) in &self.handles {
            let model = self.model.get(*id);
            let expected = if model.immortal {
                u32::MAX as usize
            } else {
                model.refs
            };
            let count = object.ref_count();
            ensure!(
                model.exists() && count == expected,
                "{id}: {count} references, {expected} in the model"
            );
            ensure!(
                object.is_finalized() == model.finalized,
                "{id}: finalized or not?"
            );
        }
        for (id, weak) in &self.weaks {
            let target = self.model.get(*id).target;
            ensure!(
                weak.dead() == target.is_none(),
                "weak reference {id} is dead or not? {target:?}"
            );
        }
        Ok(())
    }

    /// Structures, generations, edges: too slow for every step.
    pub(crate) fn compare_deeply(&self) -> Checked {
        let report = self.heap.verify().map_err(|error| error.to_string())?;
        let edges: usize = self.model.all().map(|(_, o)| edges_of(&o.slots)).sum();
        ensure!(
            report.edges == edges,
            "{} edges, {edges} in the model",
            report.edges
        );
        for generation in 0..3 {
            let objects = self.heap.objects(Some(generation as usize));
            let found = objects.map_err(|error| error.to_string())?.len();
            let expected = self.in_generation(generation);
            ensure!(
                found == expected,
                "{found} objects in generation {generation}, {expected} in the model"
            );
        }
        let frozen = self.heap.freeze_count();
        ensure!(frozen == self.in_generation(FROZEN), "{frozen} are frozen");
        let errors = self.heap.take_errors();
        ensure!(errors.is_empty(), "{errors:?}");
        for (id, object) in &self.handles {
            check_content(object, *id)?;
            let found = self.heap.referents(object).len();
            let expected = edges_of(&self.model.get(*id).slots);
            ensure!(
                found == expected,
                "{id}: {found} edges, {expected} in the model"
            );
            typed!(object, gc => {
                let weaks = self.model.get(*id).weaks.len();
                ensure!(Gc::weak_count(gc) == weaks, "{id}: {weaks} weak references");
            });
        }
        let held = self.handles.iter().map(|(id, _)| *id);
        let rooted = self.roots.iter().map(|(id, _)| *id);
        let weaks = self.weaks.iter().map(|(id, _)| *id);
        self.model.recount(held.chain(rooted).chain(weaks))
    }

    fn in_generation(&self, generation: u8) -> usize {
        let of = |object: &Object| object.kind.is_container() && object.generation == generation;
        self.model.all().filter(|(_, object)| of(object)).count()
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

fn edges_of(slots: &[Option<Id>]) -> usize {
    slots.iter().flatten().count()
}

fn erased<T: Trace>(made: Result<Gc<T>, AllocError>) -> Result<GcAny, AllocError> {
    made.map(Gc::erase)
}

fn boxed<T: Trace>(weak: Weak<T>) -> Box<dyn WeakLike> {
    Box::new(weak)
}

/// Puts a value into a slot of an object of any type.
fn put(object: &GcAny, slot: usize, value: Slot) -> Slot {
    let mut value = Some(value);
    let old = typed!(object, gc => gc.put(slot, value.take().flatten()));
    old.flatten()
}

/// Values read back as they were written.
fn check_content(object: &GcAny, id: Id) -> Checked {
    let written = typed!(object, gc => gc.id()).flatten();
    ensure!(written.is_none_or(|w| w == id), "{id} reads {written:?}");
    if let Some(big) = object.downcast_ref::<Big>() {
        let same = big.bytes.iter().all(|byte| *byte == id as u8);
        ensure!(same, "{id}: a large object lost its content");
    }
    if let Some(wide) = object.downcast_ref::<Wide>() {
        let address = std::ptr::from_ref::<Wide>(wide).addr();
        ensure!(address.is_multiple_of(64), "{id}: not aligned");
    }
    Ok(())
}

/// What a collection logged against what it must have done: deaths and
/// finalizers as sets, callbacks per referent in order, phases in order.
fn judge(generation: usize, log: &[Event], expected: Vec<Event>, verdict: &Verdict) -> Checked {
    let stop = Event::Stop(generation, verdict.unreachable);
    ensure!(
        log.last() == Some(&stop),
        "{:?} instead of {stop:?}",
        log.last()
    );
    let inner = &log[1..log.len() - 1];
    let counted = |event: &Event| !matches!(event, Event::Called(c) if verdict.either.contains(c));
    let sorted = |events: &[Event]| {
        let mut events: Vec<Event> = events.iter().copied().filter(|e| counted(e)).collect();
        events.sort_unstable();
        events
    };
    let (happened, wanted) = (sorted(inner), sorted(&expected));
    ensure!(
        happened == wanted,
        "collection of {generation} happened: {happened:?}\n expected: {wanted:?}"
    );
    let found = |id: &Id| verdict.found.contains(id);
    let finalizers = positions(inner, |e| matches!(e, Event::Finalized(id) if found(id)));
    let deaths = positions(inner, |e| matches!(e, Event::Died(id) if found(id)));
    for callers in &verdict.calls {
        let called: Vec<usize> = callers
            .iter()
            .flat_map(|caller| positions(inner, |e| *e == Event::Called(*caller)))
            .collect();
        ensure!(called.is_sorted(), "callbacks not newest first: {inner:?}");
        let last = called.last().max(finalizers.last());
        ensure!(
            called.last() <= finalizers.first().or(called.last()),
            "a callback after a finalizer: {inner:?}"
        );
        ensure!(
            last <= deaths.first().or(last),
            "a death before a callback: {inner:?}"
        );
    }
    ensure!(
        finalizers.last() <= deaths.first().or(finalizers.last()),
        "a death before a finalizer: {inner:?}"
    );
    Ok(())
}

fn positions(events: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
    let numbered = events.iter().enumerate();
    numbered
        .filter(|(_, e)| wanted(e))
        .map(|(i, _)| i)
        .collect()
}
