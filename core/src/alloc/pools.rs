//! Pools: which pages a type (and size class) allocates from.
//!
//! A *pool* is a type and size class, a size class of mixed objects, or one of
//! buffers. Two tables of the same type share one pool. [`CacheLine`]s lead
//! from a table and class to the current page of their pool without a look-up.

use std::any::TypeId;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;

use super::page::{Page, PageKind};
use super::size_class::CLASSES;
use crate::gc::type_info::TypeInfo;

const CACHE: usize = 256;
const NO_POOL: u32 = u32::MAX;

/// One line of the direct-mapped cache; key 0 is empty.
pub(crate) struct CacheLine {
    pub(super) key: Cell<usize>,
    pub(super) page: Cell<*const Page>,
}

/// Type table address and size class in one word.
#[inline(always)]
pub(super) fn pool_key(info: &'static TypeInfo, class: usize) -> usize {
    ptr::from_ref(info).addr() ^ (class << 48)
}

/// Tables are constants of about a hundred bytes, so neighbours differ here.
#[inline(always)]
pub(super) fn cache_index(info: &'static TypeInfo, class: usize) -> usize {
    ((ptr::from_ref(info).addr() >> 5) + class) % CACHE
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

pub(crate) fn empty_cache() -> [CacheLine; CACHE] {
    std::array::from_fn(|_| CacheLine {
        key: Cell::new(0),
        page: Cell::new(ptr::null()),
    })
}
