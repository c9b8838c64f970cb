//! [`WeakValueDictionary`].

use std::fmt;

use super::super::dict::Dict;
use super::super::value::Value;
use super::super::weakref::{WeakError, WeakRef};
use super::guard::{Guarded, Waiting, WeakIter, living};
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::weak::{Callback, Weak};
use crate::heap::Heap;

/// A dict that keeps its keys alive and its values not: an entry goes when its
/// value dies. The usual cache.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value, WeakValueDictionary};
/// let heap = Heap::new();
/// let cache = WeakValueDictionary::new(&heap);
/// let list = Value::from(List::new(&heap));
/// cache.insert(&heap, Value::str(&heap, "a"), &list).unwrap();
/// assert!(cache.get(&Value::str(&heap, "a")).is_some());
/// drop(list);
/// assert_eq!(cache.len(), 0);
/// ```
pub struct WeakValueDictionary {
    data: Gc<Dict>,
    waiting: Waiting,
}

/// Removes the entry of a key when its value has died.
struct Remover {
    dictionary: Weak<WeakValueDictionary>,
    key: Value,
}

// SAFETY: both references are owned and visited once.
unsafe impl Trace for Remover {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.dictionary.trace(visitor);
        self.key.trace(visitor);
    }
}

impl Callback for Remover {
    fn call(&self, _: &Heap) {
        if let Some(dictionary) = self.dictionary.upgrade() {
            dictionary.bury(self.key.clone());
        }
    }
}

impl WeakValueDictionary {
    /// An empty dictionary.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap) -> Gc<WeakValueDictionary> {
        let data = Dict::new(heap);
        heap.alloc(WeakValueDictionary {
            data,
            waiting: Waiting::default(),
        })
    }

    /// The value of a key, while it lives. May run the key's hooks.
    pub fn get(&self, key: &Value) -> Option<Value> {
        living(&self.data.get(key)?)
    }

    /// Whether the key has a value that lives. May run the key's hooks.
    pub fn contains(&self, key: &Value) -> bool {
        self.get(key).is_some()
    }

    /// Takes the entry of a key out; `None` when its value is gone. May run the
    /// key's hooks.
    pub fn remove(&self, key: &Value) -> Option<Value> {
        self.commit();
        living(&self.data.remove(key)?)
    }

    /// Takes the newest entry whose value lives out.
    pub fn pop_item(&self) -> Option<(Value, Value)> {
        self.commit();
        loop {
            let (key, reference) = self.data.pop_item()?;
            if let Some(value) = living(&reference) {
                return Some((key, value));
            }
        }
    }

    /// Removes every entry, newest first, one at a time.
    pub fn clear(&self) {
        while let Some((key, value)) = self.pop_item() {
            drop(value);
            drop(key);
        }
    }

    /// Entries whose value lives.
    pub fn len(&self) -> usize {
        self.count(|| self.data.len(), || self.items().len())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries whose value lives, oldest first.
    pub fn items(&self) -> Vec<(Value, Value)> {
        let items = self.data.items().into_iter();
        items.filter_map(|(key, weak)| read(key, weak)).collect()
    }

    /// Keys whose value lives, oldest first.
    pub fn keys(&self) -> Vec<Value> {
        self.items().into_iter().map(|(key, _)| key).collect()
    }

    /// Values that live, oldest first.
    pub fn values(&self) -> Vec<Value> {
        self.items().into_iter().map(|(_, value)| value).collect()
    }

    /// The weak references to the values (Python's `valuerefs`).
    pub fn value_refs(&self) -> Vec<WeakRef> {
        let values = self.data.values();
        values
            .iter()
            .filter_map(|value| value.as_weakref().map(|weak| weak.clone()))
            .collect()
    }
}

fn read(key: Value, reference: Value) -> Option<(Value, Value)> {
    Some((key, living(&reference)?))
}

impl Gc<WeakValueDictionary> {
    /// Refers to `value` under `key`. May run the key's hooks.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn insert(&self, heap: &Heap, key: Value, value: &Value) -> Result<(), WeakError> {
        self.commit();
        let remover = heap.alloc(Remover {
            dictionary: Gc::downgrade(self),
            key: key.clone(),
        });
        let reference = WeakRef::of_with(value, remover)?;
        drop(self.data.insert(heap, key, Value::from(reference)));
        Ok(())
    }

    /// The value of a key; `value` becomes it when there is none that lives.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn set_default(&self, heap: &Heap, key: Value, value: &Value) -> Result<Value, WeakError> {
        if let Some(known) = self.get(&key) {
            return Ok(known);
        }
        self.insert(heap, key, value)?;
        Ok(value.clone())
    }

    /// Inserts the living entries of another dictionary.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn update(&self, heap: &Heap, other: &WeakValueDictionary) {
        for (key, value) in other.items() {
            // What a weak reference referred to is an object.
            let _ = self.insert(heap, key, &value);
        }
    }

    /// A dictionary with the same living entries.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn copy(&self, heap: &Heap) -> Gc<WeakValueDictionary> {
        let copy = WeakValueDictionary::new(heap);
        copy.update(heap, self);
        copy
    }

    /// Iterates over the entries whose value lives when its turn comes.
    pub fn iter(&self) -> WeakIter<WeakValueDictionary, (Value, Value)> {
        WeakIter::new(self, self.data.items(), read)
    }
}

impl Guarded for WeakValueDictionary {
    fn waiting(&self) -> &Waiting {
        &self.waiting
    }
    /// `_remove_dead_weakref`: the entry may have got another value meanwhile.
    fn remove_dead(&self, key: &Value) {
        let dead = |value: Value| value.as_weakref().is_some_and(|weak| weak.is_dead());
        if self.data.get(key).is_some_and(dead) {
            drop(self.data.remove(key));
        }
    }
}

// SAFETY: both fields are owned and visited once.
unsafe impl Trace for WeakValueDictionary {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.data.trace(visitor);
        self.waiting.trace(visitor);
    }
}

impl fmt::Debug for WeakValueDictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.items()).finish()
    }
}
