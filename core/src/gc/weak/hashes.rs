//! The hashes that plain weak references remember: few of them are ever asked
//! for one, so that it stands beside the heap, not in the box.

use std::cell::{Cell, RefCell};

use super::super::header::Header;
use crate::alloc::pools::KeyMap;
use crate::heap::core::HeapCore;

/// Bytes that an entry is taken to need, its share of the free places included.
const ENTRY_BYTES: usize = 24;
/// Entries that an empty table keeps room for.
const KEPT: usize = 64;

/// Hashes by the address of the box.
#[derive(Default)]
pub(crate) struct Hashes {
    /// The one of a single box, so that who looks up keys, with one reference at
    /// a time, needs no table. The address is 0 when it is free.
    single: Cell<(usize, u64)>,
    by_box: RefCell<KeyMap<u64>>,
}

impl Hashes {
    pub(super) fn get(&self, reference: *const Header) -> Option<u64> {
        match self.single.get() {
            (address, hash) if address == reference.addr() => Some(hash),
            _ => self.by_box.borrow().get(&reference.addr()).copied(),
        }
    }

    /// The box has no hash here yet.
    pub(super) fn remember(&self, core: &HeapCore, reference: *const Header, hash: u64) {
        if self.single.get().0 == 0 {
            self.single.set((reference.addr(), hash));
        } else {
            self.by_box.borrow_mut().insert(reference.addr(), hash);
            core.charge_side_table(ENTRY_BYTES);
        }
    }

    /// The box is no more, or gets another hash.
    pub(super) fn forget(&self, core: &HeapCore, reference: *const Header) {
        if self.single.get().0 == reference.addr() {
            self.single.set((0, 0));
            return;
        }
        let mut hashes = self.by_box.borrow_mut();
        hashes.remove(&reference.addr());
        if hashes.is_empty() && hashes.capacity() > KEPT {
            *hashes = KeyMap::default();
        }
        core.discharge_side_table(ENTRY_BYTES);
    }
}
