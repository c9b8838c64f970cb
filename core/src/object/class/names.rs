//! From an attribute's name to its place.
//!
//! The cache is direct-mapped by the address of the name. Invariant **own
//! names**: a line's address is that of a name which the class owns, so it
//! cannot belong to another string as long as the line can be read.

use std::cell::Cell;
use std::ptr;

use super::super::str::Str;
use super::Class;
use crate::gc::handle::Gc;
use crate::gc::header::Header;

const LINES: usize = 8;

struct Line {
    name: Cell<*const Header>,
    place: Cell<usize>,
}

/// Eight names and their places.
pub(super) struct Cache([Line; LINES]);

impl Cache {
    pub(super) fn new() -> Cache {
        Cache(std::array::from_fn(|_| Line {
            name: Cell::new(ptr::null()),
            place: Cell::new(0),
        }))
    }

    #[inline]
    fn line(&self, name: &Gc<Str>) -> &Line {
        // Blocks start at multiples of 16, short strings fill 32 bytes.
        let address = name.header().addr();
        &self.0[(address >> 4 ^ address >> 7) % LINES]
    }
}

/// Where a class keeps an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// The number of a slot.
    Slot(usize),
    /// The index of a shared name.
    Value(usize),
}

/// Whether two names are one: interned ones by identity.
#[inline]
pub(super) fn same(a: &Gc<Str>, b: &Gc<Str>) -> bool {
    Gc::ptr_eq(a, b)
        || (!(Str::is_interned(a) && Str::is_interned(b))
            && a.text_hash() == b.text_hash()
            && a.as_str() == b.as_str())
}

impl Class {
    /// The place of a name that was looked up before.
    #[inline]
    pub(crate) fn cached_place(&self, name: &Gc<Str>) -> Option<usize> {
        let line = self.cache.line(name);
        (line.name.get() == name.header()).then(|| line.place.get())
    }

    /// Looks a name up and remembers it.
    pub(crate) fn find_place(&self, name: &Gc<Str>) -> Option<Place> {
        let slot = self.slot_names.iter().position(|known| same(known, name));
        if let Some(slot) = slot {
            self.remember(&self.slot_names[slot], slot);
            return Some(Place::Slot(slot));
        }
        // SAFETY: short section: names are compared, the cache is written.
        unsafe {
            self.shared_names.enter(|names| {
                let index = names.iter().position(|known| same(known, name))?;
                self.remember(&names[index], self.slots + 1 + index);
                Some(Place::Value(index))
            })
        }
    }

    /// Invariant *own names*: `name` is one of the class's.
    fn remember(&self, name: &Gc<Str>, place: usize) {
        let line = self.cache.line(name);
        line.name.set(name.header());
        line.place.set(place);
    }
}
