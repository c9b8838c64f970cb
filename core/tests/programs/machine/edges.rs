//! Edges, handles and roots.

use std::any::Any;

use exuvia_core::{Gc, GcAny};

use super::{Checked, Machine, pick};
use crate::kinds::{Id, Kind, Slot, Slots};
use crate::typed;

impl Machine {
    /// A slot of the object behind a handle: the handle's place, id and slot.
    pub(super) fn place(&self, a: u16, s: u16) -> Option<(usize, Id, usize)> {
        let index = pick(a, self.handles.len())?;
        let id = self.handles[index].0;
        let object = self.model.get(id);
        if matches!(object.kind, Kind::Weak | Kind::Pair) {
            return None;
        }
        Some((index, id, pick(s, object.slots.len())?))
    }

    pub(super) fn write(
        &mut self,
        place: (usize, Id, usize),
        value: Option<(Id, GcAny)>,
    ) -> Checked {
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

    pub(super) fn link(&mut self, a: u16, s: u16, b: u16) -> Checked {
        let Some(place) = self.place(a, s) else {
            return Ok(());
        };
        let (id, object) = &self.handles[b as usize % self.handles.len()];
        let value = (*id, object.clone());
        self.model.incref(value.0);
        self.write(place, Some(value))
    }

    pub(super) fn give(&mut self, a: u16, s: u16, b: u16) -> Checked {
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

    pub(super) fn unlink(&mut self, a: u16, s: u16) -> Checked {
        match self.place(a, s) {
            Some(place) => self.write(place, None),
            None => Ok(()),
        }
    }

    pub(super) fn taken(&mut self, a: u16, s: u16) -> Option<(Id, GcAny)> {
        let (index, id, slot) = self.place(a, s)?;
        let object = put(&self.handles[index].1, slot, None);
        self.model.put(id, slot, None).zip(object)
    }

    pub(super) fn move_edge(&mut self, a: u16, s: u16, b: u16, t: u16) -> Checked {
        let Some(target) = self.place(b, t) else {
            return Ok(());
        };
        match self.taken(a, s) {
            Some(value) => self.write(target, Some(value)),
            None => Ok(()),
        }
    }

    pub(super) fn take(&mut self, a: u16, s: u16) -> Checked {
        if let Some(value) = self.taken(a, s) {
            self.handles.push(value);
        }
        Ok(())
    }

    pub(super) fn knot(&mut self, a: u16, s: u16) -> Checked {
        let Some((index, id, slot)) = self.place(a, s) else {
            return Ok(());
        };
        let Some(born) = self.alloc(Kind::Node(2))? else {
            return Ok(());
        };
        self.settle()?;
        let (newborn, node) = self.handles.remove(born);
        let old = put(&self.handles[index].1, slot, Some(node.clone()));
        self.model.incref(newborn);
        let model_old = self.model.put(id, slot, Some(newborn));
        let (_, handle) = self.handles.remove(index);
        put(&node, 0, Some(handle));
        self.model.put(newborn, 0, Some(id));
        drop(old);
        self.observe()?;
        self.model.decref_some(model_old);
        self.settle()?;
        drop(node);
        self.observe()?;
        self.model.decref(newborn);
        Ok(())
    }

    pub(super) fn clone_handle(&mut self, a: u16) -> Checked {
        if let Some(index) = pick(a, self.handles.len()) {
            let again = self.handles[index].clone();
            self.model.incref(again.0);
            self.handles.push(again);
        }
        Ok(())
    }

    pub(super) fn drop_handle(&mut self, a: u16) -> Checked {
        if let Some(index) = pick(a, self.handles.len()) {
            let (id, object) = self.handles.swap_remove(index);
            drop(object);
            self.observe()?;
            self.model.decref(id);
        }
        Ok(())
    }

    pub(super) fn root(&mut self, a: u16) -> Checked {
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

    pub(super) fn unroot(&mut self, r: u16) -> Checked {
        if let Some(index) = pick(r, self.roots.len()) {
            let (id, root) = self.roots.swap_remove(index);
            drop(root);
            self.observe()?;
            self.model.decref(id);
        }
        Ok(())
    }

    pub(super) fn immortal(&mut self, a: u16) -> Checked {
        if let Some(index) = pick(a, self.handles.len()) {
            let (id, object) = &self.handles[index];
            if typed!(object, gc => Gc::make_immortal(gc)).is_some() {
                self.model.make_immortal(*id);
            }
        }
        Ok(())
    }
}

/// Puts a value into a slot of an object of any type.
pub(super) fn put(object: &GcAny, slot: usize, value: Slot) -> Slot {
    let mut value = Some(value);
    let old = typed!(object, gc => gc.put(slot, value.take().flatten()));
    old.flatten()
}
