//! A page: 64 KiB of equal blocks, and its metadata slot in the arena.
//!
//! States: *current* (its type allocates from it; `used` counts one more than
//! the live blocks, so that it is never released), *available* (in the list of
//! its type, has a free block), *full* (in no list), *unused* (back in the
//! arena). The first free of a full page makes it available, the last free of
//! one that is not current releases it.

use std::cell::Cell;
use std::ptr;

use super::arena::PAGE_BYTES;
use super::prefix::{PREFIX_BYTES, Prefix};
use crate::gc::header::Header;
use crate::gc::type_info::TypeInfo;
use crate::heap::core::HeapCore;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum PageKind {
    Unused = 0,
    /// Objects of one type.
    Typed = 1,
    /// Objects of many types, each behind a [`Prefix`].
    Mixed = 2,
    /// Raw buffers without headers.
    Buffers = 3,
}

/// The page allocates for its type right now.
pub(crate) const CURRENT: u8 = 1;
/// In the list of pages with a free block.
pub(crate) const AVAILABLE: u8 = 2;
/// In the core's list of pages with objects of generation 0.
pub(crate) const IN_YOUNG: u8 = 4;
/// In the core's list of pages with objects of generation 1.
pub(crate) const IN_MIDDLE: u8 = 8;
/// In the core's list of pages that may hold a suspect.
pub(crate) const IN_SUSPECT: u8 = 16;
/// A free block: its header word is 0, the next one stands behind it.
#[repr(C)]
pub(crate) struct FreeBlock {
    pub(crate) header: Header,
    pub(crate) next: Cell<*mut FreeBlock>,
}

#[repr(C)]
pub(crate) struct Page {
    /// Free list; blocks beyond `carved_bytes` are free too.
    pub(crate) free: Cell<*mut FreeBlock>,
    /// Null unless `Typed`.
    pub(crate) info: Cell<*const TypeInfo>,
    pub(crate) core: Cell<*mut HeapCore>,
    pub(crate) start: Cell<*mut u8>,
    pub(crate) block_bytes: Cell<u32>,
    /// Live blocks, plus one while the page is current.
    pub(crate) used: Cell<u32>,
    pub(crate) capacity: Cell<u32>,
    /// A full page becomes available again when this many blocks are left in
    /// use: an eighth must be free, so that looking through a page for its
    /// young objects costs at most eight times their number.
    pub(crate) wake: Cell<u32>,
    /// Bytes from the start that were ever cut into blocks.
    pub(crate) carved_bytes: Cell<u32>,
    /// Weak-reference lists by block index; null until one is needed.
    pub(crate) weak_lists: Cell<*mut *const Header>,
    pub(crate) next_available: Cell<*const Page>,
    pub(crate) previous_available: Cell<*const Page>,
    pub(crate) next_suspect: Cell<*const Page>,
    pub(crate) previous_suspect: Cell<*const Page>,
    /// Index of the pool (type and size class) that the page belongs to.
    pub(crate) pool: Cell<u32>,
    pub(crate) kind: Cell<PageKind>,
    /// No object is of a younger generation than this, whatever its header says.
    pub(crate) floor: Cell<u8>,
    /// Live blocks when the page was last listed as young, or promoted.
    pub(crate) settled: Cell<u32>,
    /// Objects that came from generation 0 and are on their way to 2.
    pub(crate) aging: Cell<u32>,
    /// Where the page's first object stands among those that an incremental
    /// cycle suspects, if it has one there.
    pub(crate) first_suspected: Cell<u32>,
    flags: Cell<u8>,
}

impl Page {
    #[inline]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline]
    pub(crate) fn set(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }

    #[inline]
    pub(crate) fn clear(&self, flag: u8) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Live blocks.
    pub(crate) fn live(&self) -> u32 {
        self.used.get() - u32::from(self.has(CURRENT))
    }

    /// Where the header stands inside a block.
    #[inline]
    pub(crate) fn header_offset(&self) -> usize {
        if self.kind.get() == PageKind::Mixed {
            PREFIX_BYTES
        } else {
            0
        }
    }

    /// Prepares an unused page for a pool. Young and suspect list membership
    /// survives: the page may still stand in those lists.
    pub(crate) fn open(
        &self,
        kind: PageKind,
        info: *const TypeInfo,
        block_bytes: usize,
        pool: u32,
    ) {
        self.free.set(ptr::null_mut());
        self.info.set(info);
        self.block_bytes.set(block_bytes as u32);
        let capacity = (PAGE_BYTES / block_bytes) as u32;
        self.capacity.set(capacity);
        self.wake.set(capacity - capacity.div_ceil(8));
        self.used.set(0);
        self.carved_bytes.set(0);
        self.weak_lists.set(ptr::null_mut());
        self.next_available.set(ptr::null());
        self.previous_available.set(ptr::null());
        self.pool.set(pool);
        self.kind.set(kind);
        self.floor.set(0);
        self.settled.set(0);
        self.aging.set(0);
        self.clear(CURRENT | AVAILABLE);
    }

    /// Cuts up to one system page of fresh blocks into the free list.
    /// Returns false when the page is fully carved.
    pub(crate) fn carve(&self) -> bool {
        let block = self.block_bytes.get() as usize;
        let from = self.carved_bytes.get() as usize;
        let end = self.capacity.get() as usize * block;
        if from >= end {
            return false;
        }
        let upto = (from + block.max(4096) / block * block).min(end);
        let mut next = self.free.get();
        let mut offset = upto;
        while offset > from {
            offset -= block;
            next = self.make_free(offset, next);
        }
        self.free.set(next);
        self.carved_bytes.set(upto as u32);
        true
    }

    fn make_free(&self, offset: usize, next: *mut FreeBlock) -> *mut FreeBlock {
        // SAFETY: `offset` is a block inside the page, not yet handed out.
        unsafe {
            let block = self.start.get().add(offset);
            if self.header_offset() != 0 {
                block.add(self.header_offset()).cast::<u64>().write(0);
            }
            let block = block.cast::<FreeBlock>();
            block.cast::<u64>().write(0);
            (&raw mut (*block).next).write(Cell::new(next));
            block
        }
    }

    /// Headers of all blocks ever carved, vacant ones included.
    #[inline]
    pub(crate) fn headers(&self) -> impl Iterator<Item = *mut Header> + use<> {
        let step = self.block_bytes.get() as usize;
        let offset = self.header_offset();
        let start = self.start.get();
        let blocks = if self.kind.get() == PageKind::Buffers {
            0
        } else {
            self.carved_bytes.get() as usize / step
        };
        (0..blocks).map(move |index| start.wrapping_add(index * step + offset).cast())
    }

    /// The index of the block that holds `address`.
    #[inline]
    pub(crate) fn index_of(&self, address: usize) -> usize {
        // A page is small: dividing 32 bits takes half of the time.
        let offset = (address - self.start.get().addr()) as u32;
        (offset / self.block_bytes.get()) as usize
    }
}

/// The type of an object and its bytes from the header on.
///
/// # Safety
/// 1. `header` belongs to an object of a heap that is alive.
#[inline]
pub(crate) unsafe fn describe(header: *const Header) -> (&'static TypeInfo, usize) {
    // SAFETY: duty 1.
    unsafe { describe_as(header, (*header).has(crate::gc::header::PREFIXED)) }
}

/// The same for who knows whether the object has a prefix.
///
/// # Safety
/// 1. `header` belongs to an object of a heap that is alive.
/// 2. `prefixed` is what its header says.
#[inline]
pub(crate) unsafe fn describe_as(
    header: *const Header,
    prefixed: bool,
) -> (&'static TypeInfo, usize) {
    // SAFETY: the duties: a typed page has a type; prefixed objects have a prefix.
    unsafe {
        if prefixed {
            let prefix = Prefix::of(header);
            ((*prefix).info, (*prefix).object_bytes)
        } else {
            let page = super::arena::page_of(header);
            (&*(*page).info.get(), (*page).block_bytes.get() as usize)
        }
    }
}

/// The heap that owns an object.
///
/// # Safety
/// 1. `header` belongs to an object of a heap that is alive.
#[inline]
pub(crate) unsafe fn core_of(header: *const Header) -> *mut HeapCore {
    // SAFETY: duty 1.
    unsafe {
        if (*header).has(crate::gc::header::PREFIXED) {
            (*Prefix::of(header)).core
        } else {
            (*super::arena::page_of(header)).core.get()
        }
    }
}

/// Heap and type of an object.
///
/// # Safety
/// 1. `header` belongs to an object of a heap that is alive.
#[inline]
pub(crate) unsafe fn owner_of(header: *const Header) -> (*mut HeapCore, &'static TypeInfo) {
    // SAFETY: duty 1.
    unsafe {
        if (*header).has(crate::gc::header::PREFIXED) {
            let prefix = Prefix::of(header);
            ((*prefix).core, (*prefix).info)
        } else {
            let page = super::arena::page_of(header);
            ((*page).core.get(), &*(*page).info.get())
        }
    }
}
