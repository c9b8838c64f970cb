//! Weak references, with callbacks and without.

use exuvia_core::{Trace, Weak};

use super::{Checked, Machine, pick};
use crate::kinds::{Caller, Kind, LeafCaller, WeakLike, paired};
use crate::typed;

impl Machine {
    pub(super) fn downgrade(&mut self, a: u16) -> Checked {
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

    pub(super) fn downgrade_with(&mut self, a: u16, leaf: bool) -> Checked {
        let Some(index) = pick(a, self.handles.len()) else {
            return Ok(());
        };
        let (target, object) = self.handles[index].clone();
        self.model.incref(target);
        self.handles.push((target, object));
        let watched = self.handles.len() - 1;
        let kind = if leaf { Kind::LeafCaller } else { Kind::Caller };
        if !matches!(self.model.get(target).kind, Kind::Weak | Kind::Pair)
            && let Some(caller) = self.alloc(kind)?
        {
            self.settle()?;
            self.attach(watched, caller)?;
        }
        self.drop_exactly(watched)
    }

    /// Makes a weak reference to one handle's object that calls another's.
    pub(super) fn attach(&mut self, watched: usize, caller: usize) -> Checked {
        let (caller, callback) = self.handles.remove(caller);
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

    /// An ephemeron of two objects. The value refers to its key in a slot when that
    /// is an odd one; then, every other time, the handles on both are given up.
    pub(super) fn pair(&mut self, a: u16, s: u16, b: u16) -> Checked {
        if !s.is_multiple_of(2) {
            self.link(b, s, a)?;
            self.settle()?;
        }
        let len = self.handles.len();
        let (Some(at_key), Some(at_value)) = (pick(a, len), pick(b, len)) else {
            return Ok(());
        };
        let (key, key_object) = &self.handles[at_key];
        let (value, value_object) = &self.handles[at_value];
        let Some(made) = paired(key_object, value_object) else {
            return Ok(());
        };
        let admitted = self.model.admit();
        ensure!(admitted == made.is_ok(), "{key}: ephemeron");
        match made {
            Ok(object) => {
                let id = self.world.fresh();
                self.model.incref(*value);
                self.model.add_pair(id, *key, *value);
                self.handles.push((id, object));
            }
            Err(_) => self.tally.failures += 1,
        }
        if s % 4 == 1 {
            self.drop_exactly(at_key.max(at_value))?;
            self.settle()?;
            if at_key != at_value {
                self.drop_exactly(at_key.min(at_value))?;
            }
        }
        Ok(())
    }

    pub(super) fn drop_exactly(&mut self, index: usize) -> Checked {
        let (id, object) = self.handles.swap_remove(index);
        drop(object);
        self.observe()?;
        self.model.decref(id);
        Ok(())
    }

    pub(super) fn clone_weak(&mut self, w: u16) -> Checked {
        if let Some(index) = pick(w, self.weaks.len()) {
            let (id, weak) = &self.weaks[index];
            let again = (*id, weak.again());
            self.model.incref(again.0);
            self.weaks.push(again);
        }
        Ok(())
    }

    pub(super) fn drop_weak(&mut self, w: u16) -> Checked {
        if let Some(index) = pick(w, self.weaks.len()) {
            let (id, weak) = self.weaks.swap_remove(index);
            drop(weak);
            self.observe()?;
            self.model.decref(id);
        }
        Ok(())
    }

    /// Stores a weak reference in the graph, as an object like any other.
    pub(super) fn store_weak(&mut self, w: u16, a: u16, s: u16) -> Checked {
        let (Some(index), Some(place)) = (pick(w, self.weaks.len()), self.place(a, s)) else {
            return Ok(());
        };
        let (id, weak) = &self.weaks[index];
        let value = (*id, weak.erased());
        self.model.incref(value.0);
        self.write(place, Some(value))
    }

    pub(super) fn upgrade(&mut self, w: u16) -> Checked {
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
}

fn boxed<T: Trace>(weak: Weak<T>) -> Box<dyn WeakLike> {
    Box::new(weak)
}
