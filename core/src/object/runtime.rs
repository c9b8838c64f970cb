//! What the object model keeps per heap: the tables of interned strings and of
//! living finalizers.
//!
//! Invariant **uncounted**: the table holds no count. A member is removed by
//! the death of its string, before the block is freed; a member with count 0
//! is dying and is treated as absent.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use super::{FinalizerTable, Str};
use crate::gc::handle::{Gc, retain};
use crate::gc::header::Header;

/// The object model's part of a heap.
#[derive(Default)]
pub(crate) struct ObjectRuntime {
    pub(crate) interned: Interned,
    pub(crate) finalizers: FinalizerTable,
}

/// Open addressing with linear probing; a removal closes the gap, so there
/// are no deleted marks.
#[derive(Default)]
pub(crate) struct Interned {
    places: RefCell<Vec<(u32, *const Header)>>,
    len: Cell<usize>,
}

const SMALLEST: usize = 16;

impl Interned {
    /// Number of interned strings.
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// The live member with this text.
    ///
    /// # Safety
    /// 1. Every member's memory is valid (invariant *uncounted*).
    pub(crate) unsafe fn find(&self, hash: u32, text: &str) -> Option<Gc<Str>> {
        let places = self.places.borrow();
        if places.is_empty() {
            return None;
        }
        let mask = places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let (known, header) = places[at];
            let header = NonNull::new(header.cast_mut())?;
            // SAFETY: duty 1.
            unsafe {
                let alive = !header.as_ref().is_vacant();
                if known == hash && alive && Str::text_of(header) == text {
                    retain(header.as_ptr());
                    return Some(Gc::from_header(header.as_ptr()));
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a string that has no live equal in the table.
    pub(crate) fn insert(&self, hash: u32, header: *const Header) {
        let mut places = self.places.borrow_mut();
        if (self.len.get() + 1) * 4 > places.len() * 3 {
            let size = (places.len() * 2).max(SMALLEST);
            let old = std::mem::replace(&mut *places, vec![(0, ptr::null()); size]);
            for (hash, header) in old {
                if !header.is_null() {
                    place(&mut places, hash, header);
                }
            }
        }
        place(&mut places, hash, header);
        self.len.set(self.len.get() + 1);
    }

    /// Removes a dying member.
    pub(crate) fn remove(&self, hash: u32, header: *const Header) {
        let mut places = self.places.borrow_mut();
        let mask = places.len() - 1;
        let mut gap = hash as usize & mask;
        while places[gap].1 != header {
            debug_assert!(
                !places[gap].1.is_null(),
                "an interned string is in the table"
            );
            gap = (gap + 1) & mask;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let (hash, header) = places[at];
            if header.is_null() {
                break;
            }
            // A member may move up only as far as its own first place.
            let distance = at.wrapping_sub(hash as usize) & mask;
            if distance >= at.wrapping_sub(gap) & mask {
                places[gap] = (hash, header);
                gap = at;
            }
        }
        places[gap] = (0, ptr::null());
        self.len.set(self.len.get() - 1);
    }
}

fn place(places: &mut [(u32, *const Header)], hash: u32, header: *const Header) {
    let mask = places.len() - 1;
    let mut at = hash as usize & mask;
    while !places[at].1.is_null() {
        at = (at + 1) & mask;
    }
    places[at] = (hash, header);
}
