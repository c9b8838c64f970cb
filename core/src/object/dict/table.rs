//! The compact table of a dict: index and entries in one buffer.
//!
//! ```text
//!   | index: 2^n places of 1, 2, 4 or 8 bytes | entries: 2/3 of 2^n |
//!   place: EMPTY, DUMMY, or the number of an entry in the lower n bits and a tag
//!          of its hash in what is left above, so that an entry with another
//!          hash is passed without a look at it, or at its key
//!   entry: key, value (all keys are strings)   or   key, value, hash
//! ```
//!
//! Invariants:
//! - **filled**: the first `filled` entries are initialised; a deleted one has
//!   an unset key and an unset value. Entries stand in order of insertion.
//! - **live**: of these, `live` have a key, and each is named by one place.
//! - **room**: at least a third of the places is EMPTY, so every probe ends.
//! - without a buffer there are no places and no entries.
//!
//! Nothing here runs user code or drops a value: what goes out is returned.
//! A 48-bit count of live entries limits a dict to 2^47 entries.

use std::ptr::NonNull;

use super::super::key::{self, Match};
use super::super::str::Str;
use super::super::value::{Kind, Value};
use crate::alloc::buffer::RawBuffer;
use crate::gc::collector::work::prefetch;
use crate::gc::trace::{Trace, Visitor};
use crate::heap::Heap;
use crate::heap::errors::AllocError;

const EMPTY: i64 = -1;
const DUMMY: i64 = -2;
const SMALLEST_LOG2: u32 = 3;
const PERTURB_SHIFT: u32 = 5;
/// A table with as many entries does not fit into the nearest cache: what moves them fetches ahead.
const FETCHED_FROM: usize = 4_096;
const KEYS_AHEAD: usize = 24;
const PLACES_AHEAD: usize = 12;
const LIVE_BITS: u32 = 48;
const LIVE_MASK: u64 = (1 << LIVE_BITS) - 1;
const ANY_KEYS: u64 = 1 << 63;

/// Entries that a table of `2^log2` places may hold.
const fn usable(log2: u32) -> usize {
    if log2 == 0 { 0 } else { (2 << log2) / 3 }
}

/// The smallest table with at least `places` places.
const fn log2_for(places: usize) -> u32 {
    let wanted = if places < 8 { 8 } else { places };
    usize::BITS - (wanted - 1).leading_zeros()
}

/// The table whose entries suffice for `len` of them.
pub(super) const fn log2_for_len(len: usize) -> u32 {
    if len == 0 {
        0
    } else {
        log2_for((len * 3).div_ceil(2))
    }
}

/// Bytes of one place, as a power of two.
const fn width_log2(log2: u32) -> u32 {
    match log2 {
        0..=7 => 0,
        8..=15 => 1,
        16..=31 => 2,
        _ => 3,
    }
}

pub(super) struct Table {
    buffer: Option<RawBuffer>,
    filled: usize,
    /// Live entries (48 bits), log2 of the places (8 bits), `ANY_KEYS`.
    packed: u64,
}

const _: () = assert!(size_of::<Table>() == 24);

/// Where a search stands: CPython's perturbed probing.
#[derive(Clone, Copy)]
pub(super) struct Probe {
    place: u64,
    perturb: u64,
}

impl Probe {
    #[inline]
    pub(super) fn new(hash: u64) -> Probe {
        Probe {
            place: hash,
            perturb: hash,
        }
    }

    #[inline]
    pub(super) fn advance(&mut self) {
        self.perturb >>= PERTURB_SHIFT;
        self.place = self
            .place
            .wrapping_mul(5)
            .wrapping_add(self.perturb)
            .wrapping_add(1);
    }
}

/// A found entry: its place in the index and its number.
#[derive(Clone, Copy)]
pub(super) struct Found {
    place: usize,
    pub(super) entry: usize,
}

/// Where a search stopped.
pub(super) enum Search {
    Found(Found),
    Missing,
    /// Only user code can tell whether this stored key is the one.
    Ask {
        found: Found,
        stored: Value,
    },
}

impl Table {
    pub(super) const fn new() -> Table {
        Table {
            buffer: None,
            filled: 0,
            packed: 0,
        }
    }

    /// An empty table of `2^log2` places.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(super) fn with_log2(heap: &Heap, log2: u32, any_keys: bool) -> Result<Table, AllocError> {
        let mut table = Table::new();
        if log2 > 0 {
            let bytes = Table::bytes(log2, any_keys)?;
            let buffer = RawBuffer::take(heap.core(), bytes)?;
            // SAFETY: the buffer has room for the index; EMPTY is all ones in
            // every width.
            unsafe { buffer.start().write_bytes(0xFF, Table::index_bytes(log2)) };
            table.buffer = Some(buffer);
        }
        table.packed = u64::from(log2) << LIVE_BITS | if any_keys { ANY_KEYS } else { 0 };
        Ok(table)
    }

    const fn index_bytes(log2: u32) -> usize {
        1 << (log2 + width_log2(log2))
    }

    fn bytes(log2: u32, any_keys: bool) -> Result<usize, AllocError> {
        let too_large = AllocError::OutOfMemory { bytes: usize::MAX };
        if log2 >= LIVE_BITS {
            return Err(too_large);
        }
        let entry = if any_keys { 24 } else { 16 };
        usable(log2)
            .checked_mul(entry)
            .and_then(|entries| entries.checked_add(Table::index_bytes(log2)))
            .ok_or(too_large)
    }

    #[inline]
    pub(super) fn live(&self) -> usize {
        (self.packed & LIVE_MASK) as usize
    }

    #[inline]
    fn log2(&self) -> u32 {
        ((self.packed & !ANY_KEYS) >> LIVE_BITS) as u32
    }

    #[inline]
    fn any_keys(&self) -> bool {
        self.packed & ANY_KEYS != 0
    }

    /// Bytes asked for the buffer.
    pub(super) fn buffer_bytes(&self) -> usize {
        match self.buffer {
            Some(_) => Table::bytes(self.log2(), self.any_keys()).unwrap_or(0),
            None => 0,
        }
    }

    /// Tells a rebuilt table from the one a search began in.
    pub(super) fn identity(&self) -> (Option<RawBuffer>, u64) {
        (self.buffer, self.packed & !LIVE_MASK)
    }

    #[inline]
    fn start(&self) -> NonNull<u8> {
        match self.buffer {
            Some(buffer) => buffer.start(),
            None => NonNull::dangling(),
        }
    }

    // --- index --------------------------------------------------------------

    /// # Safety
    /// 1. `place` is below `2^log2`, and there is a buffer.
    #[inline]
    unsafe fn place(&self, place: usize) -> i64 {
        let start = self.start();
        // SAFETY: duty 1; the width belongs to the size.
        unsafe {
            match width_log2(self.log2()) {
                0 => i64::from(start.cast::<i8>().add(place).read()),
                1 => i64::from(start.cast::<i16>().add(place).read()),
                2 => i64::from(start.cast::<i32>().add(place).read()),
                _ => start.cast::<i64>().add(place).read(),
            }
        }
    }

    /// # Safety
    /// 1. As [`Table::place`]; `value` fits the width.
    #[inline]
    unsafe fn set_place(&mut self, place: usize, value: i64) {
        let start = self.start();
        // SAFETY: duty 1.
        unsafe {
            match width_log2(self.log2()) {
                0 => start.cast::<i8>().add(place).write(value as i8),
                1 => start.cast::<i16>().add(place).write(value as i16),
                2 => start.cast::<i32>().add(place).write(value as i32),
                _ => start.cast::<i64>().add(place).write(value),
            }
        }
    }

    // --- entries ------------------------------------------------------------

    /// # Safety
    /// 1. `entry` is below the number of usable entries, and there is a buffer.
    #[inline]
    unsafe fn entry(&self, entry: usize) -> NonNull<Value> {
        let words = if self.any_keys() { 3 } else { 2 };
        // SAFETY: duty 1; the index is a multiple of 8 bytes long.
        unsafe {
            self.start()
                .add(Table::index_bytes(self.log2()))
                .cast::<Value>()
                .add(entry * words)
        }
    }

    /// The key of a filled entry; `None` for a deleted one.
    #[inline]
    pub(super) fn key(&self, entry: usize) -> Option<&Value> {
        debug_assert!(entry < self.filled);
        // SAFETY: invariant *filled*.
        let key = unsafe { self.entry(entry).as_ref() };
        (!key.is_unset()).then_some(key)
    }

    /// Whether `entry` is there and has exactly this key.
    pub(super) fn holds(&self, entry: usize, key: &Value) -> bool {
        entry < self.filled && self.key(entry).is_some_and(|stored| stored.is(key))
    }

    /// The value of a filled entry.
    #[inline]
    pub(super) fn value(&self, entry: usize) -> &Value {
        debug_assert!(entry < self.filled);
        // SAFETY: invariant *filled*.
        unsafe { self.entry(entry).add(1).as_ref() }
    }

    /// Stores a value in a filled entry and returns the old one.
    #[inline]
    pub(super) fn replace(&mut self, entry: usize, value: Value) -> Value {
        debug_assert!(entry < self.filled);
        // SAFETY: invariant *filled*.
        unsafe { self.entry(entry).add(1).replace(value) }
    }

    #[inline]
    fn hash(&self, entry: usize) -> u64 {
        debug_assert!(entry < self.filled);
        // SAFETY: invariant *filled*; tables of any keys store the hash, the
        // keys of the others are strings, which know it.
        unsafe {
            let key = self.entry(entry);
            if self.any_keys() {
                key.add(2).cast::<u64>().read()
            } else {
                u64::from(Str::hash_of(key.as_ref().header()))
            }
        }
    }

    // --- searching ------------------------------------------------------------

    #[inline]
    fn mask(&self) -> u64 {
        (1 << self.log2()) - 1
    }

    /// What a place keeps of a hash: its bits from n on, as many as stand between the entry's number and the sign.
    #[inline]
    fn tag(&self, hash: u64) -> i64 {
        let value_mask = (1 << ((8 << width_log2(self.log2())) - 1)) - 1;
        (hash & value_mask & !self.mask()).cast_signed()
    }

    /// Follows a probe until `decide` is content with an entry; passes those whose hash is known to be another.
    #[inline]
    fn follow<R>(
        &self,
        hash: u64,
        probe: &mut Probe,
        mut decide: impl FnMut(Found) -> Option<R>,
    ) -> Option<R> {
        self.buffer?;
        let (mask, tag) = (self.mask(), self.tag(hash));
        loop {
            let place = (probe.place & mask) as usize;
            // SAFETY: masked; there is a buffer.
            let named = unsafe { self.place(place) };
            if named & !mask.cast_signed() == tag {
                let entry = (named.cast_unsigned() & mask) as usize;
                if let Some(answer) = decide(Found { place, entry }) {
                    return Some(answer);
                }
            } else if named == EMPTY {
                return None;
            }
            probe.advance();
        }
    }

    /// Searches any key, from `probe` on.
    pub(super) fn search(&self, wanted: &Value, hash: u64, probe: &mut Probe) -> Search {
        if wanted.is_kind(Kind::Str) && !self.any_keys() {
            return match self.find_str(wanted, hash) {
                Some(found) => Search::Found(found),
                None => Search::Missing,
            };
        }
        self.follow(hash, probe, |found| {
            if self.hash(found.entry) != hash {
                return None;
            }
            let stored = self.key(found.entry)?;
            match key::compare(stored, wanted) {
                Match::Yes => Some(Search::Found(found)),
                Match::No => None,
                Match::Ask => Some(Search::Ask {
                    found,
                    stored: stored.clone(),
                }),
            }
        })
        .unwrap_or(Search::Missing)
    }

    /// Searches a string in a table of strings: identity first.
    #[inline]
    pub(super) fn find_str(&self, wanted: &Value, hash: u64) -> Option<Found> {
        self.follow(hash, &mut Probe::new(hash), |found| {
            let stored = self.key(found.entry)?;
            let same = stored.is(wanted)
                || (self.hash(found.entry) == hash && stored.as_str() == wanted.as_str());
            same.then_some(found)
        })
    }

    /// Searches a text that is no object, in any table.
    pub(super) fn find_text(&self, text: &str, hash: u64) -> Option<Found> {
        self.follow(hash, &mut Probe::new(hash), |found| {
            let same =
                self.hash(found.entry) == hash && self.key(found.entry)?.as_str() == Some(text);
            same.then_some(found)
        })
    }

    // --- changing ---------------------------------------------------------------

    /// Whether one more entry with such a key needs another table first.
    #[inline]
    pub(super) fn must_grow(&self, key: &Value) -> bool {
        self.filled >= usable(self.log2()) || (!self.any_keys() && !key.is_kind(Kind::Str))
    }

    /// The table this one grows into: CPython's next power of two above three
    /// times the live entries. Nothing is moved yet.
    pub(super) fn grown(&self, heap: &Heap, key: &Value) -> Result<Table, AllocError> {
        let any_keys = self.any_keys() || !key.is_kind(Kind::Str);
        let log2 = log2_for(self.live() * 3).max(SMALLEST_LOG2);
        Table::with_log2(heap, log2, any_keys)
    }

    /// Moves every live entry of `old`, in order, into this empty table.
    pub(super) fn take_entries(&mut self, old: &mut Table) {
        if old.filled < FETCHED_FROM {
            self.move_entries::<false>(old);
        } else {
            self.move_entries::<true>(old);
        }
        old.filled = 0;
        old.packed &= !LIVE_MASK;
    }

    fn move_entries<const FETCH: bool>(&mut self, old: &Table) {
        for entry in 0..old.filled {
            if FETCH {
                self.fetch_ahead(old, entry);
            }
            if old.key(entry).is_none() {
                continue;
            }
            let hash = old.hash(entry);
            // SAFETY: read once: the caller makes `old` forget its entries.
            let (key, value) = unsafe {
                let place = old.entry(entry);
                (place.read(), place.add(1).read())
            };
            self.append(hash, key, value);
        }
    }

    /// Fetches what later entries of `old` will need: keys, which know the hash, and the places that these go to.
    #[inline]
    fn fetch_ahead(&self, old: &Table, entry: usize) {
        let key_at = |entry: usize| (entry < old.filled).then(|| old.key(entry)).flatten();
        if !old.any_keys()
            && let Some(key) = key_at(entry + KEYS_AHEAD)
        {
            prefetch(key.header());
        }
        if key_at(entry + PLACES_AHEAD).is_some() {
            let place = old.hash(entry + PLACES_AHEAD) & self.mask();
            // SAFETY: masked; the table is to take entries, so there is a buffer.
            prefetch(unsafe {
                let bytes = (place as usize) << width_log2(self.log2());
                self.start().add(bytes)
            });
        }
    }

    /// Adds an entry whose key is not in the table, which has room for it.
    #[inline]
    pub(super) fn append(&mut self, hash: u64, key: Value, value: Value) {
        debug_assert!(!self.must_grow(&key));
        let mask = self.mask();
        let mut probe = Probe::new(hash);
        // SAFETY: there is room, so there is a buffer, an EMPTY place, and an
        // entry behind the filled ones.
        unsafe {
            let mut place = (probe.place & mask) as usize;
            while self.place(place) >= 0 {
                probe.advance();
                place = (probe.place & mask) as usize;
            }
            let number = self.filled;
            self.set_place(place, self.tag(hash) | number as i64);
            let entry = self.entry(number);
            entry.write(key);
            entry.add(1).write(value);
            if self.any_keys() {
                entry.add(2).cast::<u64>().write(hash);
            }
        }
        self.filled += 1;
        self.packed += 1;
    }

    /// Takes an entry out; its number is not used again before a rebuild.
    pub(super) fn remove(&mut self, found: Found) -> (Value, Value) {
        debug_assert!(found.entry < self.filled);
        self.packed -= 1;
        // SAFETY: the place names the entry (no change since it was found),
        // which is filled.
        unsafe {
            self.set_place(found.place, DUMMY);
            let entry = self.entry(found.entry);
            let key = entry.replace(Value::UNSET);
            (key, entry.add(1).replace(Value::UNSET))
        }
    }

    /// The place that names a live entry.
    pub(super) fn locate(&self, entry: usize) -> Option<Found> {
        let hash = self.hash(entry);
        self.follow(hash, &mut Probe::new(hash), |found| {
            (found.entry == entry).then_some(found)
        })
    }

    /// Takes the last entry out.
    pub(super) fn pop(&mut self) -> Option<(Value, Value)> {
        let entry = (0..self.filled).rev().find(|&e| self.key(e).is_some())?;
        let found = self.locate(entry)?;
        let pair = self.remove(found);
        if self.filled - entry > usable(self.log2()) / 4 {
            self.compact();
        }
        Some(pair)
    }

    /// Closes the gaps of deleted entries in place and forgets the dummies.
    fn compact(&mut self) {
        let index_bytes = Table::index_bytes(self.log2());
        let filled = std::mem::take(&mut self.filled);
        self.packed &= !LIVE_MASK;
        // SAFETY: a table with entries has a buffer.
        unsafe { self.start().write_bytes(0xFF, index_bytes) };
        for entry in 0..filled {
            // SAFETY: filled until now, and read once: appending writes at or
            // below `entry`, which has been read.
            let (key, value) = unsafe {
                let place = self.entry(entry);
                (place.read(), place.add(1).read())
            };
            if key.is_unset() {
                continue;
            }
            // SAFETY: as above; a key of strings knows its hash.
            let hash = unsafe {
                if self.any_keys() {
                    self.entry(entry).add(2).cast::<u64>().read()
                } else {
                    u64::from(Str::hash_of(key.header()))
                }
            };
            self.append(hash, key, value);
        }
    }

    /// Entry numbers of the live entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = usize> {
        (0..self.filled).filter(|&entry| self.key(entry).is_some())
    }

    /// Checks the invariants; the error says what is wrong.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let places = if self.buffer.is_some() {
            1_usize << self.log2()
        } else {
            0
        };
        let mut named = vec![false; self.filled];
        let mut empty = 0;
        for place in 0..places {
            // SAFETY: below the number of places.
            match unsafe { self.place(place) } {
                EMPTY => empty += 1,
                DUMMY => {}
                number => match named.get_mut((number.cast_unsigned() & self.mask()) as usize) {
                    Some(seen) if !*seen => *seen = true,
                    Some(_) => return Err("an entry is named by two places"),
                    None => return Err("a place names an entry beyond the filled ones"),
                },
            }
        }
        let live = self.entries().count();
        if live != self.live() {
            return Err("the live count is not the number of entries with a key");
        }
        if (0..self.filled).any(|entry| named[entry] != self.key(entry).is_some()) {
            return Err("a live entry has no place, or a deleted one has one");
        }
        if places > 0 && empty < places - usable(self.log2()) {
            return Err("too few places are empty");
        }
        if self.entries().any(|entry| self.locate(entry).is_none()) {
            return Err("a live entry is not found by its hash");
        }
        Ok(())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        for entry in 0..self.filled {
            // SAFETY: invariant *filled*; nobody else reaches a table that is
            // being dropped.
            unsafe {
                let place = self.entry(entry);
                place.drop_in_place();
                place.add(1).drop_in_place();
            }
        }
        if let Some(buffer) = self.buffer {
            // SAFETY: ours; its content is dropped.
            unsafe { buffer.give() };
        }
    }
}

// SAFETY: each key and value is owned once and visited once.
unsafe impl Trace for Table {
    const QUIET_DROP: bool = true;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        for entry in 0..self.filled {
            if let Some(key) = self.key(entry) {
                visitor.at_key(key);
                key.trace(visitor);
                self.value(entry).trace(visitor);
            }
        }
    }
}
