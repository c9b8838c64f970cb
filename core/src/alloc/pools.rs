//! Pools: which pages a type (and size class) allocates from.
//!
//! A *pool* is a type and size class, a size class of mixed objects, or one of
//! buffers. Two tables of the same type share one pool.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;

use super::page::{Page, PageKind};
use super::size_class::CLASSES;
use crate::gc::type_info::TypeInfo;

const NO_POOL: u32 = u32::MAX;

/// Objects a type may put into mixed pages before it gets pages of its own.
const MIXED_LIMIT: u32 = 32;

/// Type table address and size class in one word.
#[inline(always)]
pub(super) fn pool_key(info: &'static TypeInfo, class: usize) -> usize {
    ptr::from_ref(info).addr() ^ (class << 48)
}

pub(crate) struct Pool {
    pub(super) kind: PageKind,
    pub(super) info: Option<&'static TypeInfo>,
    pub(super) class: usize,
    pub(super) current: *const Page,
    pub(super) available: *const Page,
    /// More than one table leads here.
    pub(super) has_tables: bool,
    /// Objects taken so far, while the type still lives in mixed pages.
    pub(super) mixed_taken: u32,
}

impl Pool {
    /// Whether its type still lives in mixed pages.
    pub(super) fn is_rare(&self) -> bool {
        self.mixed_taken < MIXED_LIMIT
    }

    /// Whether its pages can hold objects that the collector examines.
    pub(super) fn holds(&self) -> bool {
        self.kind != PageKind::Buffers && self.info.is_none_or(|info| info.holds)
    }
}

/// Keys are distinct addresses: multiplication spreads them well enough.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(usize::from(byte));
        }
    }
    fn write_usize(&mut self, value: usize) {
        self.0 = (self.0 ^ value as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }
}

pub(crate) type KeyMap<V> = HashMap<usize, V, BuildHasherDefault<KeyHasher>>;

pub(crate) struct Pools {
    pub(crate) list: Vec<Pool>,
    by_key: KeyMap<u32>,
    by_type: BTreeMap<(TypeId, usize), u32>,
    mixed: [u32; CLASSES],
    buffers: [u32; CLASSES],
}

impl Pools {
    pub(crate) fn new() -> Pools {
        Pools {
            list: Vec::new(),
            by_key: KeyMap::default(),
            by_type: BTreeMap::new(),
            mixed: [NO_POOL; CLASSES],
            buffers: [NO_POOL; CLASSES],
        }
    }

    fn add(&mut self, kind: PageKind, info: Option<&'static TypeInfo>, class: usize) -> u32 {
        self.list.push(Pool {
            kind,
            info,
            class,
            current: ptr::null(),
            available: ptr::null(),
            has_tables: false,
            mixed_taken: 0,
        });
        (self.list.len() - 1) as u32
    }

    pub(super) fn typed(&mut self, info: &'static TypeInfo, class: usize) -> u32 {
        let key = pool_key(info, class);
        if let Some(&pool) = self.by_key.get(&key) {
            return pool;
        }
        let of_type = (info.type_id(), class);
        let pool = match self.by_type.get(&of_type) {
            Some(&pool) => {
                self.list[pool as usize].has_tables = true;
                pool
            }
            None => self.add(PageKind::Typed, Some(info), class),
        };
        self.by_type.insert(of_type, pool);
        self.by_key.insert(key, pool);
        pool
    }

    pub(super) fn shared(&mut self, kind: PageKind, class: usize) -> u32 {
        let known = match kind {
            PageKind::Buffers => self.buffers[class],
            _ => self.mixed[class],
        };
        if known != NO_POOL {
            return known;
        }
        let pool = self.add(kind, None, class);
        match kind {
            PageKind::Buffers => self.buffers[class] = pool,
            _ => self.mixed[class] = pool,
        }
        pool
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn neighbouring_addresses_spread_over_a_table() {
        for step in [8, 16, 32, 128, PAGE_STEP] {
            let hash = |index: usize| {
                let mut hasher = KeyHasher::default();
                hasher.write_usize(0x7F00_0000_0000 + index * step);
                hasher.finish()
            };
            // The low bits choose the place, the top ones tell places apart.
            let places: BTreeSet<u64> = (0..1024).map(|index| hash(index) % 1024).collect();
            let tags: BTreeSet<u64> = (0..1024).map(|index| hash(index) >> 57).collect();
            assert!(
                places.len() > 400,
                "{} places at steps of {step}",
                places.len()
            );
            assert!(tags.len() > 40, "{} tags at steps of {step}", tags.len());
        }
    }

    const PAGE_STEP: usize = 64 << 10;

    #[test]
    fn bytes_are_hashed_all_and_in_order() {
        let hash = |bytes: &[u8]| {
            let mut hasher = KeyHasher::default();
            hasher.write(bytes);
            hasher.finish()
        };
        let hashes = [&b"ab"[..], b"ba", b"a", b"aab", b""].map(hash);
        assert_eq!(hashes.into_iter().collect::<BTreeSet<_>>().len(), 5);
    }

    #[test]
    fn keys_tell_tables_and_classes_apart() {
        let (one, other) = (
            TypeInfo::of::<Option<crate::Gc<u64>>>(),
            TypeInfo::of::<u64>(),
        );
        let keys = [(one, 0), (one, 1), (other, 0), (other, 1)].map(|(i, c)| pool_key(i, c));
        assert_eq!(keys.into_iter().collect::<BTreeSet<_>>().len(), 4);
        assert!((0..CLASSES).all(|class| pool_key(one, class) != 0));
    }

    #[test]
    fn a_pool_is_found_again_by_what_it_is_for() {
        let mut pools = Pools::new();
        let info = TypeInfo::of::<Option<crate::Gc<u64>>>();
        let wanted = |pools: &mut Pools| {
            [
                pools.typed(info, 3),
                pools.typed(info, 4),
                pools.shared(PageKind::Mixed, 3),
                pools.shared(PageKind::Buffers, 3),
                pools.shared(PageKind::Mixed, 4),
                pools.shared(PageKind::Buffers, 4),
            ]
        };
        assert_eq!(wanted(&mut pools), [0, 1, 2, 3, 4, 5]);
        assert_eq!(wanted(&mut pools), [0, 1, 2, 3, 4, 5]);
        let holds: Vec<bool> = pools.list.iter().map(Pool::holds).collect();
        assert_eq!(holds, [true, true, true, false, true, false]);
        let leaves = pools.typed(TypeInfo::of::<u64>(), 0);
        assert!(!pools.list[leaves as usize].holds());
    }
}
