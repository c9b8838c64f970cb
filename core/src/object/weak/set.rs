//! [`WeakSet`].

use std::fmt;

use super::super::set::Set;
use super::super::value::Value;
use super::super::weakref::{WeakError, WeakRef};
use super::guard::{Guarded, Waiting, WeakIter, living};
use super::keys::{Remover, probe};
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;

/// A set that does not keep its members alive. Members compare as they do in
/// a [`Set`].
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value, WeakSet};
/// let heap = Heap::new();
/// let set = WeakSet::new(&heap);
/// let list = Value::from(List::new(&heap));
/// set.add(&heap, &list).unwrap();
/// assert!(set.contains(&list));
/// drop(list);
/// assert_eq!(set.len(), 0);
/// ```
pub struct WeakSet {
    data: Gc<Set>,
    remover: Gc<Remover<WeakSet>>,
    waiting: Waiting,
}

impl WeakSet {
    /// An empty set.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap) -> Gc<WeakSet> {
        let data = Set::new(heap);
        heap.new_cyclic(|weak| WeakSet {
            data,
            remover: heap.alloc(Remover {
                collection: weak.clone(),
            }),
            waiting: Waiting::default(),
        })
    }

    /// Adds a member; false when an equal one is there. May run its hooks.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn add(&self, heap: &Heap, value: &Value) -> Result<bool, WeakError> {
        self.commit();
        let reference = WeakRef::of_with(value, self.remover.clone())?;
        Ok(self.data.add(heap, Value::from(reference)))
    }

    /// Adds what `values` yields.
    ///
    /// # Errors
    /// When a value is an immediate; those before it are added.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn update(
        &self,
        heap: &Heap,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), WeakError> {
        for value in values {
            self.add(heap, &value)?;
        }
        Ok(())
    }

    /// Whether an equal member is there. May run hooks.
    pub fn contains(&self, value: &Value) -> bool {
        probe(value).is_some_and(|value| self.data.contains(&value))
    }

    /// Takes a member out; false when it is not there. May run hooks.
    pub fn discard(&self, value: &Value) -> bool {
        self.commit();
        probe(value).is_some_and(|value| self.data.discard(&value))
    }

    /// Takes a member that lives out.
    pub fn pop(&self) -> Option<Value> {
        self.commit();
        loop {
            let reference = self.data.pop()?;
            self.waiting.forget(&reference);
            if let Some(value) = living(&reference) {
                return Some(value);
            }
        }
    }

    /// Removes every member.
    pub fn clear(&self) {
        self.data.clear();
        self.commit();
    }

    /// Members that live.
    pub fn len(&self) -> usize {
        self.count(|| self.data.len(), || self.values().len())
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Members that live, in order of insertion.
    pub fn values(&self) -> Vec<Value> {
        self.data.values().iter().filter_map(living).collect()
    }

    /// Takes out the members that `keep` refuses: the set algebra in place.
    /// The members are held meanwhile.
    pub fn retain(&self, mut keep: impl FnMut(&Value) -> bool) {
        for value in self.values() {
            if !keep(&value) {
                self.discard(&value);
            }
        }
    }

    /// Whether every member is in `other`. May run hooks.
    pub fn is_subset(&self, other: &WeakSet) -> bool {
        self.values().iter().all(|value| other.contains(value))
    }

    /// Whether both have the same members. May run hooks.
    pub fn equals(&self, other: &WeakSet) -> bool {
        self.len() == other.len() && self.is_subset(other)
    }
}

impl Gc<WeakSet> {
    /// Iterates over the members that live when their turn comes.
    pub fn iter(&self) -> WeakIter<WeakSet, Value> {
        let references = self.data.values();
        let entries = references.into_iter().map(|r| (r, Value::NONE)).collect();
        WeakIter::new(self, entries, |reference, _| living(&reference))
    }
}

impl Guarded for WeakSet {
    fn waiting(&self) -> &Waiting {
        &self.waiting
    }
    fn remove_dead(&self, reference: &Value) {
        self.data.discard(reference);
    }
}

// SAFETY: each field is owned and visited once.
unsafe impl Trace for WeakSet {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.data.trace(visitor);
        self.remover.trace(visitor);
        self.waiting.trace(visitor);
    }
}

impl fmt::Debug for WeakSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values()).finish()
    }
}
