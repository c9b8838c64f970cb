//! [`WeakKeyDictionary`].

use std::fmt;

use super::super::dict::Dict;
use super::super::value::Value;
use super::super::weakref::{WeakError, WeakRef};
use super::guard::{Guarded, Waiting, WeakIter, living};
use crate::gc::handle::{Gc, GcAny};
use crate::gc::trace::{Trace, Visitor};
use crate::gc::weak::{Callback, Weak};
use crate::heap::Heap;

/// A dict that keeps its values alive and its keys not: an entry goes when its
/// key dies. Keys compare as their referents do.
///
/// A value that refers to its own key keeps both for ever, as in CPython; an
/// [`Ephemeron`](crate::Ephemeron) does not.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value, WeakKeyDictionary};
/// let heap = Heap::new();
/// let notes = WeakKeyDictionary::new(&heap);
/// let list = Value::from(List::new(&heap));
/// notes.insert(&heap, &list, Value::small(1)).unwrap();
/// assert_eq!(notes.get(&list), Some(Value::small(1)));
/// drop(list);
/// assert_eq!(notes.len(), 0);
/// ```
pub struct WeakKeyDictionary {
    data: Gc<Dict>,
    remover: Gc<Remover<WeakKeyDictionary>>,
    waiting: Waiting,
}

/// Removes dead references from a collection of references.
pub(super) struct Remover<C: Trace> {
    pub(super) collection: Weak<C>,
}

// SAFETY: the reference is owned and visited once.
unsafe impl<C: Trace> Trace for Remover<C> {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.collection.trace(visitor);
    }
}

impl<C: Guarded> Callback for Remover<C> {
    fn call(&self, _: &Heap) {}
    fn call_for(&self, reference: &GcAny, _: &Heap) {
        if let Some(collection) = self.collection.upgrade()
            && let Some(reference) = WeakRef::from_any(reference)
        {
            collection.bury(Value::from(reference));
        }
    }
}

impl WeakKeyDictionary {
    /// An empty dictionary.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap) -> Gc<WeakKeyDictionary> {
        let data = Dict::new(heap);
        heap.new_cyclic(|weak| WeakKeyDictionary {
            data,
            remover: heap.alloc(Remover {
                collection: weak.clone(),
            }),
            waiting: Waiting::default(),
        })
    }

    /// The value of a key. May run the key's hooks.
    pub fn get(&self, key: &Value) -> Option<Value> {
        self.data.get(&probe(key)?)
    }

    /// Whether the key has a value. May run the key's hooks.
    pub fn contains(&self, key: &Value) -> bool {
        probe(key).is_some_and(|key| self.data.contains(&key))
    }

    /// Stores a value under a key. May run the key's hooks.
    ///
    /// # Errors
    /// When the key is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn insert(&self, heap: &Heap, key: &Value, value: Value) -> Result<(), WeakError> {
        let reference = WeakRef::of_with(key, self.remover.clone())?;
        drop(self.data.insert(heap, Value::from(reference), value));
        Ok(())
    }

    /// The value of a key; `value` becomes it when there is none.
    ///
    /// # Errors
    /// When the key is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn set_default(&self, heap: &Heap, key: &Value, value: Value) -> Result<Value, WeakError> {
        if let Some(known) = self.get(key) {
            return Ok(known);
        }
        self.insert(heap, key, value.clone())?;
        Ok(value)
    }

    /// Takes the entry of a key out. May run the key's hooks.
    pub fn remove(&self, key: &Value) -> Option<Value> {
        self.data.remove(&probe(key)?)
    }

    /// Takes the newest entry whose key lives out.
    pub fn pop_item(&self) -> Option<(Value, Value)> {
        loop {
            let (reference, value) = self.data.pop_item()?;
            self.waiting.forget(&reference);
            if let Some(entry) = read(reference, value) {
                return Some(entry);
            }
        }
    }

    /// Removes every entry, newest first, one at a time: what a value does when it
    /// dies finds the older ones still there.
    pub fn clear(&self) {
        while let Some((key, value)) = self.pop_item() {
            drop(value);
            drop(key);
        }
    }

    /// Entries whose key lives.
    pub fn len(&self) -> usize {
        self.count(|| self.data.len(), || self.items().len())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries whose key lives, oldest first.
    pub fn items(&self) -> Vec<(Value, Value)> {
        let items = self.data.items().into_iter();
        items.filter_map(|(key, value)| read(key, value)).collect()
    }

    /// Keys that live, oldest first.
    pub fn keys(&self) -> Vec<Value> {
        self.items().into_iter().map(|(key, _)| key).collect()
    }

    /// Values whose key lives, oldest first.
    pub fn values(&self) -> Vec<Value> {
        self.items().into_iter().map(|(_, value)| value).collect()
    }

    /// The weak references to the keys (Python's `keyrefs`).
    pub fn key_refs(&self) -> Vec<WeakRef> {
        let keys = self.data.keys();
        keys.iter()
            .filter_map(|value| value.as_weakref().map(|weak| weak.clone()))
            .collect()
    }

    /// Inserts the living entries of another dictionary.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn update(&self, heap: &Heap, other: &WeakKeyDictionary) {
        for (key, value) in other.items() {
            // What a weak reference referred to is an object.
            let _ = self.insert(heap, &key, value);
        }
    }

    /// A dictionary with the same living entries.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn copy(&self, heap: &Heap) -> Gc<WeakKeyDictionary> {
        let copy = WeakKeyDictionary::new(heap);
        copy.update(heap, self);
        copy
    }
}

/// The shared reference of a key, to look it up.
pub(super) fn probe(key: &Value) -> Option<Value> {
    WeakRef::of(key).ok().map(Value::from)
}

fn read(reference: Value, value: Value) -> Option<(Value, Value)> {
    Some((living(&reference)?, value))
}

impl Gc<WeakKeyDictionary> {
    /// Iterates over the entries whose key lives when its turn comes.
    pub fn iter(&self) -> WeakIter<WeakKeyDictionary, (Value, Value)> {
        WeakIter::new(self, self.data.items(), read)
    }
}

impl Guarded for WeakKeyDictionary {
    fn waiting(&self) -> &Waiting {
        &self.waiting
    }
    /// The reference is found by the hash it kept, and by identity.
    fn remove_dead(&self, reference: &Value) {
        drop(self.data.remove(reference));
    }
}

// SAFETY: each field is owned and visited once.
unsafe impl Trace for WeakKeyDictionary {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.data.trace(visitor);
        self.remover.trace(visitor);
        self.waiting.trace(visitor);
    }
}

impl fmt::Debug for WeakKeyDictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.items()).finish()
    }
}
