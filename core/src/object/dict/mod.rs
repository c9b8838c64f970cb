//! [`Dict`]: compact, ordered by insertion, 32 bytes and one buffer.
//!
//! [`table`] holds the entries and runs no user code; this file orders hashing,
//! searching and storing around the hooks that keys may have: whatever was
//! found before such a hook ran is validated or searched again.
//!
//! Tracking follows CPython 3.13: created untracked, tracked when something is
//! stored that the collector might have to look at, untracked again by a full
//! collection that finds nothing of the kind.

mod table;

use std::fmt;

use self::table::{Found, Probe, Search, Table};
use super::hash;
use super::key;
use super::list::no_room;
use super::section::Section;
use super::str::Str;
use super::value::{Kind, Value};
use crate::gc::handle::Gc;
use crate::gc::header::UNTRACKED;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// A Python dict.
///
/// Keys: numbers and strings by value, tuples by their items, instances by
/// their class's hash and equality, everything else by identity.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Dict, Value};
/// let heap = Heap::new();
/// let dict = Dict::new(&heap);
/// dict.insert(&heap, Value::str(&heap, "one"), Value::small(1));
/// dict.insert(&heap, Value::small(2), Value::str(&heap, "two"));
/// assert_eq!(dict.get_str("one"), Some(Value::small(1)));
/// assert_eq!(dict.len(), 2);
/// ```
pub struct Dict {
    table: Section<Table>,
}

const _: () = assert!(size_of::<Dict>() == 24);

/// Only user code can tell whether a key is the one looked for.
pub(crate) struct MustAsk;

impl Dict {
    /// An empty dict; it has no table before the first insertion.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap) -> Gc<Dict> {
        Dict::around(heap, Table::new())
    }

    /// An empty dict with room for `len` string keys.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn with_capacity(heap: &Heap, len: usize) -> Gc<Dict> {
        let _behalf = heap.core().tracer.on_behalf();
        match Table::with_log2(heap, table::log2_for_len(len), false) {
            Ok(table) => Dict::around(heap, table),
            Err(error) => no_room(&error),
        }
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn around(heap: &Heap, table: Table) -> Gc<Dict> {
        let dict = heap.alloc(Dict {
            table: Section::new(table),
        });
        Gc::set_tracked(&dict, false);
        dict
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.table.enter(|table| table.live()) }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A clone of the value of `key`. May run the key's hooks.
    #[inline]
    pub fn get(&self, key: &Value) -> Option<Value> {
        let found = self.find(key, key::hash_of(key))?;
        // SAFETY: short section: a clone only counts.
        Some(unsafe { self.table.enter(|table| table.value(found.entry).clone()) })
    }

    /// A clone of the value of a string key.
    pub fn get_str(&self, text: &str) -> Option<Value> {
        let hash = u64::from(hash::of_text(text));
        // SAFETY: short section: texts are compared, a clone only counts.
        unsafe {
            self.table.enter(|table| {
                let found = table.find_text(text, hash)?;
                Some(table.value(found.entry).clone())
            })
        }
    }

    /// The value of a name, without user code: the caller need not hold the
    /// dict. `Err` when keys other than strings would have to be asked.
    #[inline]
    pub(crate) fn peek_name(&self, name: &Gc<Str>) -> Result<Option<Value>, MustAsk> {
        let name = Value::lend(name, Kind::Str);
        let hash = key::hash_of(&name);
        // SAFETY: short section: a search runs no user code, a clone only counts.
        unsafe {
            self.table.enter(
                |table| match table.search(&name, hash, &mut Probe::new(hash)) {
                    Search::Found(found) => Ok(Some(table.value(found.entry).clone())),
                    Search::Missing => Ok(None),
                    Search::Ask { .. } => Err(MustAsk),
                },
            )
        }
    }

    /// The value of a name. May run the hooks of keys that are not strings.
    pub(crate) fn get_name(&self, name: &Gc<Str>) -> Option<Value> {
        self.get(&Value::lend(name, Kind::Str))
    }

    /// Whether there is an entry for `key`. May run the key's hooks.
    pub fn contains(&self, key: &Value) -> bool {
        self.find(key, key::hash_of(key)).is_some()
    }

    /// Takes the entry of `key` out and returns its value; the stored key is
    /// dropped. May run the key's hooks.
    pub fn remove(&self, key: &Value) -> Option<Value> {
        let found = self.find(key, key::hash_of(key))?;
        // SAFETY: short section: key and value move out.
        let (key, value) = unsafe { self.table.enter(|table| table.remove(found)) };
        drop(key);
        Some(value)
    }

    /// Takes the newest entry out.
    pub fn pop_item(&self) -> Option<(Value, Value)> {
        // SAFETY: short section: key and value move out.
        unsafe { self.table.enter(Table::pop) }
    }

    /// Drops every entry, oldest first, and the table.
    pub fn clear(&self) {
        // SAFETY: short section: the table moves out.
        let table = unsafe {
            self.table
                .enter(|table| std::mem::replace(table, Table::new()))
        };
        drop(table);
    }

    /// The entries as they are now, oldest first.
    pub fn items(&self) -> Vec<(Value, Value)> {
        self.snapshot(|key, value| (key.clone(), value.clone()))
    }

    /// The keys as they are now, oldest first.
    pub fn keys(&self) -> Vec<Value> {
        self.snapshot(|key, _| key.clone())
    }

    /// The values as they are now, oldest first.
    pub fn values(&self) -> Vec<Value> {
        self.snapshot(|_, value| value.clone())
    }

    /// Iterates over the entries as they are now: changes made meanwhile are
    /// not seen (Python raises a RuntimeError).
    pub fn iter(&self) -> std::vec::IntoIter<(Value, Value)> {
        self.items().into_iter()
    }

    fn snapshot<R>(&self, read: impl Fn(&Value, &Value) -> R) -> Vec<R> {
        // SAFETY: short section: clones only count.
        unsafe {
            self.table.enter(|table| {
                let pair = |entry| table.key(entry).map(|key| read(key, table.value(entry)));
                table.entries().filter_map(pair).collect()
            })
        }
    }

    /// Bytes of the table's buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        // SAFETY: short section: reads a number.
        unsafe { self.table.enter(|table| table.buffer_bytes()) }
    }

    /// Checks the table's invariants.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), &'static str> {
        // SAFETY: short section: reads.
        unsafe { self.table.enter(|table| table.check()) }
    }

    /// Searches `wanted`; the answer holds until user code runs.
    #[inline]
    fn find(&self, wanted: &Value, hash: u64) -> Option<Found> {
        let mut probe = Probe::new(hash);
        // SAFETY: short section: a search runs no user code.
        match unsafe {
            self.table
                .enter(|table| table.search(wanted, hash, &mut probe))
        } {
            Search::Found(found) => Some(found),
            Search::Missing => None,
            Search::Ask { .. } => self.find_by_asking(wanted, hash),
        }
    }

    /// The search with user code in the middle: after each question the table
    /// must still be the one that was searched and hold the key asked about,
    /// else it begins anew.
    #[cold]
    fn find_by_asking(&self, wanted: &Value, hash: u64) -> Option<Found> {
        'anew: loop {
            let mut probe = Probe::new(hash);
            // SAFETY: short section: reads.
            let identity = unsafe { self.table.enter(|table| table.identity()) };
            loop {
                // SAFETY: short section: a search runs no user code.
                let search = unsafe {
                    self.table
                        .enter(|table| table.search(wanted, hash, &mut probe))
                };
                let (found, stored) = match search {
                    Search::Found(found) => return Some(found),
                    Search::Missing => return None,
                    Search::Ask { found, stored } => (found, stored),
                };
                let same = key::equal(&stored, wanted);
                // SAFETY: short section: reads.
                let located = unsafe {
                    self.table.enter(|table| {
                        let unmoved = table.identity() == identity;
                        if unmoved && table.holds(found.entry, &stored) {
                            Some(table.locate(found.entry))
                        } else {
                            None
                        }
                    })
                };
                match located {
                    None => continue 'anew,
                    Some(found) if same => return found,
                    Some(_) => probe.advance(),
                }
            }
        }
    }
}

impl Dict {
    /// Stores `value` under `key`; `track` sees what comes in, before it does.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn store(
        &self,
        heap: &Heap,
        key: Value,
        value: Value,
        track: impl Fn(&Value),
    ) -> Result<Option<Value>, AllocError> {
        let hash = key::hash_of(&key);
        if let Some(found) = self.find(&key, hash) {
            track(&value);
            // SAFETY: short section: the values change places.
            let old = unsafe { self.table.enter(|table| table.replace(found.entry, value)) };
            return Ok(Some(old));
        }
        // SAFETY: short section: reads.
        if unsafe { self.table.enter(|table| table.must_grow(&key)) } {
            self.grow_for(heap, &key)?;
        }
        track(&key);
        track(&value);
        // SAFETY: short section: there is room, nothing is dropped.
        unsafe { self.table.enter(|table| table.append(hash, key, value)) };
        Ok(None)
    }

    /// A dict that is part of another object, which is tracked.
    pub(super) fn embedded() -> Dict {
        Dict {
            table: Section::new(Table::new()),
        }
    }

    /// [`Gc::<Dict>::try_insert`] for an embedded dict.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(super) fn put(
        &self,
        heap: &Heap,
        key: Value,
        value: Value,
    ) -> Result<Option<Value>, AllocError> {
        self.store(heap, key, value, |_| ())
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn grow_for(&self, heap: &Heap, key: &Value) -> Result<(), AllocError> {
        let _behalf = heap.core().tracer.on_behalf();
        // SAFETY: short section: a buffer is taken, which never collects, and
        // entries move; the old table is empty when it is dropped.
        unsafe {
            self.table.enter(|table| {
                let mut grown = table.grown(heap, key)?;
                grown.take_entries(table);
                *table = grown;
                Ok(())
            })
        }
    }
}

/// What may have to turn tracking on: it needs the handle.
impl Gc<Dict> {
    /// Stores `value` under `key` and returns the value it replaces. An equal
    /// key that is already there stays. May run the key's hooks.
    ///
    /// # Panics
    /// When the heap has no room.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn insert(&self, heap: &Heap, key: Value, value: Value) -> Option<Value> {
        match self.try_insert(heap, key, value) {
            Ok(old) => old,
            Err(error) => no_room(&error),
        }
    }

    /// Fallible [`insert`](Self::insert).
    ///
    /// # Errors
    /// When the heap has no room; the dict is unchanged, key and value are dropped.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_insert(
        &self,
        heap: &Heap,
        key: Value,
        value: Value,
    ) -> Result<Option<Value>, AllocError> {
        self.store(heap, key, value, |stored| self.track_for(stored))
    }

    #[inline]
    fn track_for(&self, stored: &Value) {
        if self.header_ref().has(UNTRACKED) && stored.may_be_tracked() {
            Gc::set_tracked(self, true);
        }
    }
}

// SAFETY: the table is owned and visited once.
unsafe impl Trace for Dict {
    const VALUE_KIND: u8 = Kind::Dict as u8;
    const QUIET_DROP: bool = true;
    const UNTRACKS_IN: Option<u32> = Some(2);
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.table.trace(visitor);
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.items()).finish()
    }
}
