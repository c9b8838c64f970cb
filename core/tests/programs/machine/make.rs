//! Allocation: every kind of object, alone or in rows.

use std::cell::Cell;

use exuvia_core::{AllocError, Gc, GcAny, Trace};

use super::compare::check_content;
use super::edges::put;
use super::{Checked, Machine};
use crate::kinds::*;

impl Machine {
    pub(super) fn make(&self, kind: Kind, id: Id) -> Result<GcAny, AllocError> {
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
            Kind::Bare => erased(heap.try_alloc(Bare {
                slots: Default::default(),
            })),
            Kind::Slab => erased(heap.try_alloc(Slab {
                slots: Default::default(),
                bytes: [id as u8; 3900],
            })),
            Kind::Heavy => erased(heap.try_alloc(Heavy {
                slots: empty_slots(2),
                bytes: [id as u8; 3900],
                tomb: tomb(),
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
            Kind::Dust | Kind::Weak | Kind::Pair => erased(heap.try_alloc(Dust(u64::from(id)))),
        }
    }

    /// Allocates; the position of the new handle, if there is one.
    pub(super) fn alloc(&mut self, kind: Kind) -> Result<Option<usize>, String> {
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

    pub(super) fn burst(&mut self, n: u8, ring: bool) -> Checked {
        let kind = match (self.bare, n.is_multiple_of(2)) {
            (false, true) => Kind::Node(2),
            (false, false) => Kind::Heavy,
            (true, true) => Kind::Bare,
            (true, false) => Kind::Slab,
        };
        let mut first: Option<(Id, GcAny)> = None;
        let mut last: Option<(Id, GcAny)> = None;
        for _ in 0..n {
            let Some(index) = self.alloc(kind)? else {
                break;
            };
            self.settle()?;
            let (id, object) = self.handles.remove(index);
            // The handle on the one before moves into the new one.
            if let Some((previous, handle)) = last.take() {
                put(&object, 0, Some(handle));
                self.model.put(id, 0, Some(previous));
            }
            if ring && first.is_none() {
                self.model.incref(id);
                first = Some((id, object.clone()));
            }
            last = Some((id, object));
        }
        if let Some(((start, handle), (id, object))) = first.zip(last.clone()) {
            self.model.incref(id);
            put(&handle, 1, Some(object));
            self.model.put(start, 1, Some(id));
            drop(handle);
            self.model.decref(start);
        }
        self.handles.extend(last);
        Ok(())
    }
}

fn erased<T: Trace>(made: Result<Gc<T>, AllocError>) -> Result<GcAny, AllocError> {
    made.map(Gc::erase)
}
