//! The model: a graph, counts, and a search. It knows nothing of pages,
//! suspects or marks; what a collection frees is recomputed from scratch.

use std::collections::BTreeSet;

use crate::kinds::{Act, Event, Id, Kind};

/// Deaths nested in one another before the rest is queued: part of the order
/// of deaths, so the model keeps to it.
const NESTING: u32 = 40;

pub(crate) const FROZEN: u8 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) slots: Vec<Option<Id>>,
    pub(crate) refs: usize,
    pub(crate) generation: u8,
    pub(crate) finalized: bool,
    pub(crate) immortal: bool,
    alive: bool,
    /// Its count is 0 and it waits for, or undergoes, its death.
    dying: bool,
    /// Weak references to it: the shared one first, then newest first.
    pub(crate) weaks: Vec<Id>,
    /// Of a weak reference: its referent, while that is alive. Of an ephemeron: its
    /// key.
    pub(crate) target: Option<Id>,
    trash: bool,
}

impl Object {
    pub(crate) fn exists(&self) -> bool {
        self.alive && !self.dying
    }
}

/// A weak reference that a finalizer made, as the heap reported it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) by: Id,
    pub(crate) caller: Id,
    pub(crate) caller_made: bool,
    pub(crate) weak: Option<Id>,
}

/// What a collection must have done.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) unreachable: usize,
    /// The set found unreachable at first.
    pub(crate) found: BTreeSet<Id>,
    /// Callbacks of references to members of that set, per referent.
    pub(crate) calls: Vec<Vec<Id>>,
    /// Callbacks that may run or not: their reference died in the same
    /// collection as its referent, in an order that is not specified.
    pub(crate) either: BTreeSet<Id>,
    pub(crate) resurrected: usize,
    /// Values that ephemerons gave up.
    pub(crate) released: usize,
}

#[derive(Default)]
pub(crate) struct Model {
    objects: Vec<Option<Object>>,
    pub(crate) log: Vec<Event>,
    /// Handles that finalizers took: by whom, on what.
    pub(crate) raised: Vec<(Id, Id)>,
    pub(crate) watched: Vec<Watched>,
    pub(crate) fail_left: Option<usize>,
    pub(crate) live: usize,
    depth: u32,
    deferred: Vec<Id>,
    /// Values that ephemerons gave up, not yet let go.
    released: Vec<Id>,
    /// Callbacks of weak references that died by count.
    fallen: BTreeSet<Id>,
}

impl Model {
    pub(crate) fn get(&self, id: Id) -> &Object {
        self.objects[id as usize].as_ref().expect("a known object")
    }

    fn at(&mut self, id: Id) -> &mut Object {
        self.objects[id as usize].as_mut().expect("a known object")
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Id, &Object)> {
        let numbered = (0..).zip(&self.objects);
        numbered.filter_map(|(id, o)| o.as_ref().filter(|o| o.exists()).map(|o| (id, o)))
    }

    /// Whether the next allocation succeeds.
    pub(crate) fn admit(&mut self) -> bool {
        match self.fail_left {
            Some(0) => false,
            Some(left) => {
                self.fail_left = Some(left - 1);
                true
            }
            None => true,
        }
    }

    /// A newborn with one reference.
    pub(crate) fn add(&mut self, id: Id, kind: Kind) {
        if self.objects.len() <= id as usize {
            self.objects.resize(id as usize + 1, None);
        }
        self.live += 1;
        self.objects[id as usize] = Some(Object {
            kind,
            slots: vec![None; kind.slots()],
            refs: 1,
            generation: 0,
            finalized: false,
            immortal: false,
            alive: true,
            dying: false,
            weaks: Vec::new(),
            target: None,
            trash: false,
        });
    }

    /// A weak reference; the callback's reference moves into it.
    pub(crate) fn add_weak(&mut self, id: Id, target: Id, caller: Option<Id>) {
        self.add(id, Kind::Weak);
        self.at(id).target = Some(target);
        self.at(id).slots[0] = caller;
        let behind = usize::from(caller.is_some() && self.shared(target).is_some());
        self.at(target).weaks.insert(behind, id);
    }

    /// An ephemeron; the value's reference moves into it.
    pub(crate) fn add_pair(&mut self, id: Id, key: Id, value: Id) {
        self.add_weak(id, key, Some(value));
        self.at(id).kind = Kind::Pair;
    }

    /// The callback-free weak reference to an object.
    pub(crate) fn shared(&self, target: Id) -> Option<Id> {
        let first = self.get(target).weaks.first().copied()?;
        self.get(first).slots[0].is_none().then_some(first)
    }

    pub(crate) fn make_immortal(&mut self, id: Id) {
        self.at(id).immortal = true;
    }

    pub(crate) fn incref(&mut self, id: Id) {
        self.at(id).refs += 1;
    }

    pub(crate) fn put(&mut self, id: Id, slot: usize, value: Option<Id>) -> Option<Id> {
        std::mem::replace(&mut self.at(id).slots[slot], value)
    }

    pub(crate) fn decref_some(&mut self, id: Option<Id>) {
        if let Some(id) = id {
            self.decref(id);
        }
    }

    pub(crate) fn decref(&mut self, id: Id) {
        let object = self.at(id);
        if object.immortal || object.trash {
            return;
        }
        object.refs -= 1;
        if object.refs == 0 {
            self.die(id);
        }
    }

    fn die(&mut self, id: Id) {
        self.at(id).dying = true;
        if self.depth >= NESTING {
            self.deferred.push(id);
            return;
        }
        self.depth += 1;
        self.bury(id);
        if self.depth == 1 {
            while let Some(next) = self.deferred.pop() {
                self.bury(next);
            }
        }
        self.depth -= 1;
    }

    fn bury(&mut self, id: Id) {
        if self.get(id).kind.act().is_some() && !self.get(id).finalized {
            let object = self.at(id);
            object.dying = false;
            object.refs = 1;
            if object.kind.is_container() {
                object.generation = 0;
            }
            self.finalize(id);
            let object = self.at(id);
            object.refs -= 1;
            if object.refs > 0 {
                return;
            }
            object.dying = true;
        }
        let weaks = self.get(id).weaks.clone();
        let callers = self.clear_weaks(id, |box_of| !box_of.dying);
        let released = std::mem::take(&mut self.released);
        self.log.extend(callers.iter().map(|c| Event::Called(*c)));
        for weak in weaks.into_iter().rev() {
            // A callback that was called is given up.
            if self.get(weak).exists() && self.get(weak).kind == Kind::Weak {
                let caller = self.put(weak, 0, None);
                self.decref_some(caller);
            }
        }
        released.into_iter().for_each(|value| self.decref(value));
        self.drop_value(id);
    }

    /// Kills the weak references to an object; the callbacks to run, in order.
    /// Ephemerons give their values up.
    fn clear_weaks(&mut self, id: Id, calls: impl Fn(&Object) -> bool) -> Vec<Id> {
        let mut callers = Vec::new();
        for weak in std::mem::take(&mut self.at(id).weaks) {
            self.at(weak).target = None;
            if self.get(weak).kind == Kind::Pair {
                let value = self.put(weak, 0, None);
                self.released.extend(value);
            } else if calls(self.get(weak)) {
                callers.extend(self.get(weak).slots[0]);
            }
        }
        callers
    }

    fn drop_value(&mut self, id: Id) {
        if let Some(target) = self.at(id).target.take() {
            self.at(target).weaks.retain(|&weak| weak != id);
        }
        if self.get(id).kind == Kind::Weak && !self.get(id).trash {
            let caller = self.get(id).slots[0];
            self.fallen.extend(caller);
        }
        for slot in 0..self.get(id).slots.len() {
            let child = self.put(id, slot, None);
            self.decref_some(child);
        }
        if self.get(id).kind.logs_death() {
            self.log.push(Event::Died(id));
        }
        self.at(id).alive = false;
        self.live -= 1;
    }

    fn finalize(&mut self, id: Id) {
        self.at(id).finalized = true;
        self.log.push(Event::Finalized(id));
        match self.get(id).kind.act() {
            Some(Act::Raise) => self.raise(id, id),
            Some(Act::RaiseChild) => {
                if let Some(child) = self.get(id).slots.first().copied().flatten() {
                    self.raise(id, child);
                }
            }
            Some(Act::Cut) => {
                for slot in 0..self.get(id).slots.len() {
                    let child = self.put(id, slot, None);
                    self.decref_some(child);
                }
            }
            Some(Act::Watch) => self.watch(id),
            Some(Act::Nothing) | None => {}
        }
    }

    fn raise(&mut self, by: Id, what: Id) {
        self.incref(what);
        self.raised.push((by, what));
    }

    /// Follows what the heap reported of a finalizer that makes a reference.
    fn watch(&mut self, id: Id) {
        let Some(watched) = self.watched.iter().find(|w| w.by == id).copied() else {
            return;
        };
        if !watched.caller_made {
            self.log.push(Event::Died(watched.caller));
            return;
        }
        self.admit();
        self.add(watched.caller, Kind::LeafCaller);
        match watched.weak {
            Some(weak) => {
                self.admit();
                self.add_weak(weak, id, Some(watched.caller));
            }
            None => self.decref(watched.caller),
        }
    }

    pub(crate) fn set_generations(&mut self, choose: impl Fn(u8) -> Option<u8>) {
        for object in self.objects.iter_mut().flatten() {
            if let Some(generation) = choose(object.generation) {
                object.generation = generation;
            }
        }
    }

    /// What a reachable object makes reachable: what it refers to, unless it is an
    /// ephemeron of a key in `lost`; and the values that it is the key of, of
    /// ephemerons that are reachable.
    fn reached_through(&self, id: Id, lost: &BTreeSet<Id>) -> Vec<Id> {
        let object = self.get(id);
        let mut reached: Vec<Id> = object.slots.iter().flatten().copied().collect();
        if object.kind == Kind::Pair && object.target.is_some_and(|key| lost.contains(&key)) {
            reached.clear();
        }
        for pair in object.weaks.iter().filter(|pair| !lost.contains(pair)) {
            if self.get(*pair).kind == Kind::Pair {
                reached.extend(self.get(*pair).slots[0]);
            }
        }
        reached
    }

    /// Members of `set` that nothing outside of it holds, directly or not.
    /// `guards` references on each member are the collector's own.
    fn unreachable(&self, set: &[Id], guards: usize) -> BTreeSet<Id> {
        let mut inside = vec![usize::MAX; self.objects.len()];
        for &id in set {
            inside[id as usize] = self.get(id).refs - guards;
        }
        for &id in set {
            for child in self.get(id).slots.iter().flatten() {
                let left = &mut inside[*child as usize];
                if *left != usize::MAX {
                    *left -= 1;
                }
            }
        }
        let held = |id: &Id| inside[*id as usize] > 0;
        let mut stack: Vec<Id> = set.iter().copied().filter(held).collect();
        let mut lost: BTreeSet<Id> = set.iter().copied().collect();
        stack.iter().for_each(|id| {
            lost.remove(id);
        });
        while let Some(id) = stack.pop() {
            for child in self.reached_through(id, &lost) {
                if lost.remove(&child) {
                    stack.push(child);
                }
            }
        }
        lost
    }

    /// A collection, from scratch.
    pub(crate) fn collect(&mut self, generation: u8) -> Verdict {
        self.fallen.clear();
        let examined: Vec<Id> = self
            .all()
            .filter(|(_, o)| o.kind.is_container() && !o.immortal && o.generation <= generation)
            .map(|(id, _)| id)
            .collect();
        let found = self.unreachable(&examined, 0);
        let older = (generation + 1).min(2);
        self.set_generations(|g| (g <= generation).then_some(older));
        let mut calls = Vec::new();
        for &id in &found {
            let live: BTreeSet<Id> = self.get(id).weaks.iter().copied().collect();
            let silent: BTreeSet<Id> = live
                .intersection(&found)
                .filter(|w| self.get(**w).kind == Kind::Weak)
                .filter_map(|w| self.get(*w).slots[0])
                .collect();
            // A reference that is called moves to where survivors go.
            for weak in live.difference(&found) {
                let object = self.get(*weak);
                if object.kind == Kind::Weak && object.slots[0].is_some() {
                    self.at(*weak).generation = older;
                }
            }
            let mut callers = self.clear_weaks(id, |_| true);
            callers.retain(|caller| !silent.contains(caller));
            self.log.extend(callers.iter().map(|c| Event::Called(*c)));
            calls.push(callers);
        }
        // References inside the set to what is outside of it die as well.
        for &id in &found {
            if let Some(target) = self.at(id).target.take() {
                self.at(target).weaks.retain(|&weak| weak != id);
                if self.get(id).kind == Kind::Pair {
                    let value = self.put(id, 0, None);
                    self.released.extend(value);
                }
            }
        }
        for &id in &found {
            self.incref(id);
        }
        let is_loose = |object: &Object| object.refs == 1 && !object.immortal;
        let released = std::mem::take(&mut self.released);
        let gave_up = released.len();
        released.into_iter().for_each(|value| self.decref(value));
        // What only an ephemeron held is garbage of this collection.
        let mut kept = found.clone();
        kept.retain(|&id| gave_up > 0 && is_loose(self.get(id)));
        for &id in &found {
            if self.get(id).kind.act().is_some() && !self.get(id).finalized {
                self.finalize(id);
            }
        }
        // What finalizers cut loose, only the collector's guard still holds.
        let mut members: Vec<Id> = found.iter().copied().collect();
        let mut loose = 0;
        let falls = |model: &Model, id: Id| is_loose(model.get(id)) && !kept.contains(&id);
        while let Some(at) = members.iter().position(|&id| falls(self, id)) {
            self.decref(members.swap_remove(at));
            loose += 1;
        }
        let trash = self.unreachable(&members, 1);
        for &id in &members {
            self.at(id).refs -= 1;
            self.at(id).trash = trash.contains(&id);
        }
        for &id in &trash {
            self.clear_weaks(id, |_| false);
        }
        for &id in &trash {
            self.drop_value(id);
        }
        Verdict {
            unreachable: trash.len(),
            resurrected: found.len() - loose - trash.len(),
            released: gave_up,
            found,
            calls,
            either: std::mem::take(&mut self.fallen),
        }
    }

    /// Recounts every reference from the edges and the given handles.
    pub(crate) fn recount(&self, handles: impl Iterator<Item = Id>) -> Result<(), String> {
        let mut counts = vec![0; self.objects.len()];
        handles.for_each(|id| counts[id as usize] += 1);
        for (_, object) in self.all() {
            for child in object.slots.iter().flatten() {
                counts[*child as usize] += 1;
            }
        }
        for (id, object) in self.all() {
            if !object.immortal && counts[id as usize] != object.refs {
                let (found, kept) = (counts[id as usize], object.refs);
                return Err(format!(
                    "model: {id} has {found} references, {kept} counted"
                ));
            }
        }
        Ok(())
    }
}
