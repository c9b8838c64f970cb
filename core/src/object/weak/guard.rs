//! Removals that wait while somebody iterates (CPython's `_IterationGuard`).

use std::cell::{Cell, RefCell};

use super::super::value::Value;
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};

/// Iterators that live, and the keys that died meanwhile.
#[derive(Default)]
pub(super) struct Waiting {
    iterators: Cell<usize>,
    dead: RefCell<Vec<Value>>,
}

impl Waiting {
    /// A key died: it waits if somebody iterates, else it comes back.
    pub(super) fn note(&self, key: Value) -> Option<Value> {
        if self.iterators.get() == 0 {
            return Some(key);
        }
        self.dead.borrow_mut().push(key);
        None
    }

    /// One of the keys to be removed now; none while somebody iterates.
    pub(super) fn next(&self) -> Option<Value> {
        if self.iterators.get() > 0 {
            return None;
        }
        self.dead.borrow_mut().pop()
    }

    pub(super) fn len(&self) -> usize {
        self.dead.borrow().len()
    }

    /// Whether a dead key waits; identity.
    pub(super) fn forget(&self, key: &Value) {
        let found = {
            let mut dead = self.dead.borrow_mut();
            let index = dead.iter().position(|other| other.is(key));
            index.map(|index| dead.swap_remove(index))
        };
        drop(found); // The borrow has ended.
    }
}

// SAFETY: the keys are owned and visited once.
unsafe impl Trace for Waiting {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.dead.trace(visitor);
    }
}

/// A collection with removals that wait.
pub(super) trait Guarded: Trace {
    fn waiting(&self) -> &Waiting;

    /// Removes the entry of a key, or of a weak reference to one, that died.
    fn remove_dead(&self, key: &Value);

    /// A key died: its entry goes, now or when nobody iterates any more.
    fn bury(&self, key: Value) {
        if let Some(key) = self.waiting().note(key) {
            self.remove_dead(&key);
        }
    }

    /// Removes what waited, unless somebody still iterates.
    fn commit(&self) {
        while let Some(key) = self.waiting().next() {
            self.remove_dead(&key);
        }
    }

    /// Entries whose referent lives: `all`, unless dead ones wait; else those
    /// that `living` counts.
    fn count(&self, all: impl FnOnce() -> usize, living: impl FnOnce() -> usize) -> usize {
        self.commit();
        match self.waiting().len() {
            0 => all(),
            _ => living(),
        }
    }
}

/// What a weak reference among the entries refers to, while that lives.
pub(super) fn living(reference: &Value) -> Option<Value> {
    reference.as_weakref()?.upgrade()
}

/// Iterates over a weak collection as it was at the beginning, leaving out what
/// has died since. While it lives, dead entries stay in the collection.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value, WeakSet};
/// let heap = Heap::new();
/// let set = WeakSet::new(&heap);
/// let lists = [(); 3].map(|()| Value::from(List::new(&heap)));
/// for list in &lists {
///     set.add(&heap, list).unwrap();
/// }
/// let mut iter = set.iter();
/// assert!(iter.next().is_some());
/// drop(lists); // Nobody else holds them: the rest is left out.
/// assert!(iter.next().is_none());
/// drop(iter);
/// assert!(set.is_empty());
/// ```
pub struct WeakIter<C: Trace, T> {
    entries: std::vec::IntoIter<(Value, Value)>,
    read: fn(Value, Value) -> Option<T>,
    collection: Gc<C>,
    leave: fn(&Gc<C>),
}

impl<C: Trace, T> WeakIter<C, T> {
    pub(super) fn new(
        collection: &Gc<C>,
        entries: Vec<(Value, Value)>,
        read: fn(Value, Value) -> Option<T>,
    ) -> WeakIter<C, T>
    where
        C: Guarded,
    {
        let iterators = &collection.waiting().iterators;
        iterators.set(iterators.get() + 1);
        WeakIter {
            entries: entries.into_iter(),
            read,
            collection: collection.clone(),
            leave: |collection| {
                let iterators = &collection.waiting().iterators;
                iterators.set(iterators.get() - 1);
                collection.commit();
            },
        }
    }
}

impl<C: Trace, T> Iterator for WeakIter<C, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        loop {
            let (key, value) = self.entries.next()?;
            if let Some(item) = (self.read)(key, value) {
                return Some(item);
            }
        }
    }
}

impl<C: Trace, T> Drop for WeakIter<C, T> {
    fn drop(&mut self) {
        (self.leave)(&self.collection);
    }
}
