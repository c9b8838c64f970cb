//! Arenas: 4 MiB of address space, aligned, cut into 64 pages of 64 KiB.
//!
//! ```text
//!   page 0:  [ .. colour * 8 KiB .. | slot 0: arena | slot 1 .. 63: page metadata ]
//!   page 1 .. 63: blocks
//! ```
//!
//! Metadata slots of one arena lie densely together, and a colour from the
//! arena's address shifts the table, so that walking many pages does not hit
//! one cache set. Memory is touched only where it is used.

use std::cell::Cell;
use std::ptr::NonNull;

use super::page::{Page, PageKind};
use crate::heap::core::HeapCore;

pub(crate) const ARENA_BYTES: usize = 4 << 20;
pub(crate) const PAGE_BYTES: usize = 64 << 10;
pub(crate) const PAGES: usize = ARENA_BYTES / PAGE_BYTES;
pub(crate) const SLOT_BYTES: usize = 128;
const TABLE_BYTES: usize = PAGES * SLOT_BYTES;
const COLOURS: usize = PAGE_BYTES / TABLE_BYTES;

/// Metadata of an arena; lives in slot 0 of its own table.
#[repr(C)]
pub(crate) struct Arena {
    pub(crate) core: NonNull<HeapCore>,
    base: NonNull<u8>,
    /// Bit i: page i is free. Bit 0 is never set.
    free_pages: Cell<u64>,
    /// Standing in the core's list of arenas with free pages.
    pub(crate) listed: Cell<bool>,
}

const _: () = assert!(size_of::<Arena>() <= SLOT_BYTES);
const _: () = assert!(size_of::<Page>() <= SLOT_BYTES);
const ALL_FREE: u64 = !1;

#[inline]
fn colour(base: usize) -> usize {
    (base / ARENA_BYTES) % COLOURS * TABLE_BYTES
}

/// The metadata slot of the page that holds `address`.
///
/// The pointer returned keeps the provenance of `address`, which must be that
/// of the whole arena, as for every block that came out of a page.
#[inline]
pub(crate) fn page_of<T>(address: *const T) -> *const Page {
    address
        .map_addr(|a| {
            let base = a & !(ARENA_BYTES - 1);
            let index = (a / PAGE_BYTES) % PAGES;
            base + colour(base) + index * SLOT_BYTES
        })
        .cast()
}

impl Arena {
    /// Maps a new arena; `None` when the system refuses. With `huge` the system
    /// is asked for huge pages: it then hands out 2 MiB at the first touch, and
    /// a random access to a large heap misses its address cache less often.
    pub(crate) fn map(core: NonNull<HeapCore>, huge: bool) -> Option<NonNull<Arena>> {
        let base = map_aligned()?;
        if huge {
            ask_for_huge_pages(base, ARENA_BYTES);
        }
        let slot = base.as_ptr().wrapping_add(colour(base.addr().get()));
        let arena = slot.cast::<Arena>();
        // SAFETY: the slot lies inside the fresh mapping, is aligned and ours.
        unsafe {
            arena.write(Arena {
                core,
                base,
                free_pages: Cell::new(ALL_FREE),
                listed: Cell::new(false),
            });
        }
        NonNull::new(arena)
    }

    /// Gives the arena back to the system.
    ///
    /// # Safety
    /// 1. No page of it is in use and nothing refers to its metadata.
    pub(crate) unsafe fn unmap(arena: NonNull<Arena>) {
        // SAFETY: duty 1; `base` is what `map_aligned` returned.
        unsafe { unmap(arena.as_ref().base) }
    }

    /// Takes the lowest free page.
    pub(crate) fn take_page(&self) -> Option<NonNull<Page>> {
        let free = self.free_pages.get();
        if free == 0 {
            return None;
        }
        let index = free.trailing_zeros() as usize;
        self.free_pages.set(free & (free - 1));
        let page = self.page(index);
        // SAFETY: the slot lies inside the mapping. A fresh one is zeroed, which
        // is a valid unused `Page`.
        unsafe {
            let start = self.base.as_ptr().wrapping_add(index * PAGE_BYTES);
            page.as_ref().start.set(start);
            page.as_ref().core.set(self.core.as_ptr());
        }
        Some(page)
    }

    pub(crate) fn give_page(&self, page: NonNull<Page>) {
        let table = self
            .base
            .as_ptr()
            .wrapping_add(colour(self.base.addr().get()));
        let index = (page.addr().get() - table.addr()) / SLOT_BYTES;
        self.free_pages.set(self.free_pages.get() | 1 << index);
    }

    pub(crate) fn has_free_page(&self) -> bool {
        self.free_pages.get() != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free_pages.get() == ALL_FREE
    }

    pub(crate) fn contains(&self, address: usize) -> bool {
        address & !(ARENA_BYTES - 1) == self.base.addr().get()
    }

    /// Number of pages in use.
    pub(crate) fn pages_in_use(&self) -> usize {
        (!self.free_pages.get() & ALL_FREE).count_ones() as usize
    }

    /// Every page in use, in address order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = NonNull<Page>> + '_ {
        let used = !self.free_pages.get() & ALL_FREE;
        (1..PAGES)
            .filter(move |index| used & (1 << index) != 0)
            .map(|index| self.page(index))
            .filter(|page| {
                // SAFETY: pages in use have initialised metadata.
                unsafe { page.as_ref() }.kind.get() != PageKind::Unused
            })
    }

    /// The first page in use from `index` on, and its index.
    pub(crate) fn page_from(&self, index: usize) -> Option<(usize, NonNull<Page>)> {
        let used = !self.free_pages.get() & ALL_FREE;
        (index..PAGES)
            .filter(|index| used & (1 << index) != 0)
            .map(|index| (index, self.page(index)))
            // SAFETY: pages in use have initialised metadata.
            .find(|(_, page)| unsafe { page.as_ref() }.kind.get() != PageKind::Unused)
    }

    fn page(&self, index: usize) -> NonNull<Page> {
        let base = self.base.as_ptr();
        let slot = base.wrapping_add(colour(base.addr()) + index * SLOT_BYTES);
        // SAFETY: the slot lies inside the mapping.
        unsafe { NonNull::new_unchecked(slot.cast::<Page>()) }
    }
}

#[cfg(not(miri))]
fn map_aligned() -> Option<NonNull<u8>> {
    let bytes = 2 * ARENA_BYTES;
    // SAFETY: an anonymous private mapping; nothing is overwritten.
    let raw = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if raw == libc::MAP_FAILED {
        return None;
    }
    let raw = raw.cast::<u8>();
    let head = raw.addr().next_multiple_of(ARENA_BYTES) - raw.addr();
    let base = raw.wrapping_add(head);
    // SAFETY: both ranges lie inside the mapping just made and outside the
    // aligned arena that is kept.
    unsafe {
        if head > 0 {
            libc::munmap(raw.cast(), head);
        }
        let tail = bytes - head - ARENA_BYTES;
        if tail > 0 {
            libc::munmap(base.wrapping_add(ARENA_BYTES).cast(), tail);
        }
    }
    NonNull::new(base)
}

const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Asks for huge pages where whole ones fit into a range that is read or written at random places, so that it misses the
/// address cache less often.
#[inline]
pub(crate) fn ask_for_huge_pages_within(start: NonNull<u8>, bytes: usize) {
    if bytes < HUGE_PAGE_BYTES {
        return;
    }
    let head = start.as_ptr().align_offset(HUGE_PAGE_BYTES);
    let whole = bytes.saturating_sub(head) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    if whole > 0 {
        // SAFETY: the first huge page begins inside the range.
        ask_for_huge_pages(unsafe { start.add(head) }, whole);
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn ask_for_huge_pages(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the advice changes no content, whatever is mapped there; a refusal changes nothing.
    unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn ask_for_huge_pages(_: NonNull<u8>, _: usize) {}

#[cfg(not(miri))]
unsafe fn unmap(base: NonNull<u8>) {
    // SAFETY: the caller hands back a whole arena from `map_aligned`.
    unsafe { libc::munmap(base.as_ptr().cast(), ARENA_BYTES) };
}

#[cfg(miri)]
fn layout() -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(ARENA_BYTES, ARENA_BYTES).expect("a valid layout")
}

#[cfg(miri)]
fn map_aligned() -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout()) })
}

#[cfg(miri)]
unsafe fn unmap(base: NonNull<u8>) {
    // SAFETY: from `map_aligned` with the same layout.
    unsafe { std::alloc::dealloc(base.as_ptr(), layout()) };
}
