//! Regions: 32 MiB of address space, aligned, cut into 8 arenas of 4 MiB with
//! 64 pages of 64 KiB each.
//!
//! ```text
//!   page 0 of a region:  [ slot 0: region | slot 1 .. 511: page metadata ]
//!   page 1 .. 511:       blocks
//! ```
//!
//! The slots of a region fill its first page: none of it is wasted where the
//! system hands out huge pages, and walking many pages does not hit one cache
//! set. Arenas are taken from the system and given back one by one. Memory is
//! touched only where it is used.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::page::{Page, PageKind};
use crate::heap::core::HeapCore;

pub(crate) const ARENA_BYTES: usize = 4 << 20;
pub(crate) const PAGE_BYTES: usize = 64 << 10;
/// Pages of an arena.
pub(crate) const PAGES: usize = ARENA_BYTES / PAGE_BYTES;
pub(crate) const SLOT_BYTES: usize = 128;
/// Arenas of a region. Miri's memory is real, so that it gets one.
const ARENAS: usize = if cfg!(miri) { 1 } else { 8 };
const REGION_BYTES: usize = ARENAS * ARENA_BYTES;
const REGION_PAGES: usize = ARENAS * PAGES;

/// What a region knows of itself; lives in slot 0 of its table, since its first
/// page has no metadata.
#[repr(C)]
pub(crate) struct Region {
    /// Null where an arena is not in use.
    arenas: [Cell<*mut Arena>; ARENAS],
}

/// What is known of an arena in use.
pub(crate) struct Arena {
    core: NonNull<HeapCore>,
    base: NonNull<u8>,
    region: NonNull<Region>,
    /// Bit i: page i is free.
    free_pages: Cell<u64>,
    /// Standing in the core's list of arenas with free pages.
    pub(crate) listed: Cell<bool>,
}

const _: () = assert!(size_of::<Region>() <= SLOT_BYTES);
const _: () = assert!(size_of::<Page>() <= SLOT_BYTES);
const _: () = assert!(REGION_PAGES * SLOT_BYTES <= PAGE_BYTES);

/// The metadata slot of the page that holds `address`.
///
/// The pointer returned keeps the provenance of `address`, which must be that
/// of the whole region, as for every block that came out of a page.
#[inline]
pub(crate) fn page_of<T>(address: *const T) -> *const Page {
    address
        .map_addr(|a| {
            let base = a & !(REGION_BYTES - 1);
            base + (a / PAGE_BYTES) % REGION_PAGES * SLOT_BYTES
        })
        .cast()
}

/// The arena of a page in use, by where the page starts.
///
/// # Safety
/// 1. `start` is [`Page::start`] of a page of a mapped arena.
pub(super) unsafe fn arena_of(start: *mut u8) -> NonNull<Arena> {
    let region = start.map_addr(|a| a & !(REGION_BYTES - 1)).cast::<Region>();
    let place = start.addr() / ARENA_BYTES % ARENAS;
    // SAFETY: duty 1: slot 0 of the table holds the region, which knows its arenas.
    unsafe { NonNull::new_unchecked((*region).arenas[place].get()) }
}

impl Arena {
    /// Takes a new arena; `None` when the system refuses. With `huge` the system
    /// is asked for huge pages: it then hands out 2 MiB at the first touch, and
    /// a random access to a large heap misses its address cache less often.
    pub(crate) fn map(core: NonNull<HeapCore>, huge: bool) -> Option<NonNull<Arena>> {
        // SAFETY: the caller's heap is alive.
        let regions = unsafe { &core.as_ref().regions };
        let last = regions.borrow().last().copied();
        let region = last.or_else(Region::reserve)?;
        // SAFETY: regions in the list are mapped, and so is a fresh one; both have room.
        let (place, base) = unsafe {
            let place = region.as_ref().free_place()?;
            (place, region.cast::<u8>().add(place * ARENA_BYTES))
        };
        if last.is_none() {
            regions.borrow_mut().push(region);
        } else if !open(base) {
            return None;
        }
        if huge {
            ask_for_huge_pages(base, ARENA_BYTES);
        }
        let arena = Box::new(Arena {
            core,
            base,
            region,
            free_pages: Cell::new(pages_at(place)),
            listed: Cell::new(false),
        });
        let arena = NonNull::from(Box::leak(arena));
        // SAFETY: as above.
        let region_ref = unsafe { region.as_ref() };
        region_ref.arenas[place].set(arena.as_ptr());
        if region_ref.free_place().is_none() {
            regions.borrow_mut().retain(|&other| other != region);
        }
        Some(arena)
    }

    /// Gives the arena back to the system.
    ///
    /// # Safety
    /// 1. No page of it is in use and nothing refers to its metadata.
    pub(crate) unsafe fn unmap(arena: NonNull<Arena>) {
        // SAFETY: duty 1; made by `map`, whose heap and region are alive.
        unsafe {
            let arena = Box::from_raw(arena.as_ptr());
            let (region, place) = (arena.region, arena.place());
            let mut regions = arena.core.as_ref().regions.borrow_mut();
            let was_full = region.as_ref().free_place().is_none();
            region.as_ref().arenas[place].set(ptr::null_mut());
            if region.as_ref().is_empty() {
                regions.retain(|&other| other != region);
                unmap(region.cast());
                return;
            }
            if was_full {
                regions.push(region);
            }
            // What is taken again finds its metadata as fresh as its pages.
            let kept = usize::from(place == 0);
            let slots = PAGES - kept;
            arena.slot(kept).write_bytes(0, slots * SLOT_BYTES);
            close(arena.base.add(kept * PAGE_BYTES), slots * PAGE_BYTES);
        }
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
        let index = (page.addr().get() - self.slot(0).addr()) / SLOT_BYTES;
        self.free_pages.set(self.free_pages.get() | 1 << index);
    }

    pub(crate) fn has_free_page(&self) -> bool {
        self.free_pages.get() != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pages_taken() == 0
    }

    /// Whether a page's metadata is that of one of its pages.
    pub(crate) fn describes(&self, page: *const Page) -> bool {
        let distance = page.addr().wrapping_sub(self.slot(0).addr());
        distance < PAGES * SLOT_BYTES
    }

    /// Where the arena begins.
    pub(crate) fn base(&self) -> usize {
        self.base.addr().get()
    }

    /// Number of pages in use.
    pub(crate) fn pages_in_use(&self) -> usize {
        self.pages_taken().count_ones() as usize
    }

    /// Every page in use, in address order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = NonNull<Page>> + '_ {
        let used = self.pages_taken();
        (0..PAGES)
            .filter(move |index| used & (1 << index) != 0)
            .map(|index| self.page(index))
            .filter(|page| {
                // SAFETY: pages in use have initialised metadata.
                unsafe { page.as_ref() }.kind.get() != PageKind::Unused
            })
    }

    /// The first page in use from `index` on, and its index.
    pub(crate) fn page_from(&self, index: usize) -> Option<(usize, NonNull<Page>)> {
        let used = self.pages_taken();
        (index..PAGES)
            .filter(|index| used & (1 << index) != 0)
            .map(|index| (index, self.page(index)))
            // SAFETY: pages in use have initialised metadata.
            .find(|(_, page)| unsafe { page.as_ref() }.kind.get() != PageKind::Unused)
    }

    fn pages_taken(&self) -> u64 {
        pages_at(self.place()) & !self.free_pages.get()
    }

    /// Its place in the region.
    fn place(&self) -> usize {
        self.base() / ARENA_BYTES % ARENAS
    }

    /// Where the metadata of a page is.
    fn slot(&self, index: usize) -> *mut u8 {
        let table = self.region.as_ptr().cast::<u8>();
        table.wrapping_add((self.place() * PAGES + index) * SLOT_BYTES)
    }

    fn page(&self, index: usize) -> NonNull<Page> {
        // SAFETY: the slot lies inside the mapping.
        unsafe { NonNull::new_unchecked(self.slot(index).cast::<Page>()) }
    }
}

/// The pages of the arena at a place: the region's first one holds the metadata.
const fn pages_at(place: usize) -> u64 {
    if place == 0 { !1 } else { !0 }
}

impl Region {
    /// A region whose first arena, with the table, is ready.
    fn reserve() -> Option<NonNull<Region>> {
        // A fresh page is zeroed, which is a `Region` without arenas.
        let base = map_aligned()?;
        if !open(base) {
            // SAFETY: nothing is in it.
            unsafe { unmap(base) };
            return None;
        }
        Some(base.cast())
    }

    fn free_place(&self) -> Option<usize> {
        self.arenas.iter().position(|arena| arena.get().is_null())
    }

    fn is_empty(&self) -> bool {
        self.arenas.iter().all(|arena| arena.get().is_null())
    }
}

/// Address space for a region: reserved, none of it usable.
#[cfg(not(miri))]
fn map_aligned() -> Option<NonNull<u8>> {
    let bytes = 2 * REGION_BYTES;
    // SAFETY: an anonymous private mapping; nothing is overwritten.
    let raw = unsafe { reserve(ptr::null_mut(), bytes, 0) };
    if raw == libc::MAP_FAILED {
        return None;
    }
    let raw = raw.cast::<u8>();
    let head = raw.addr().next_multiple_of(REGION_BYTES) - raw.addr();
    let base = raw.wrapping_add(head);
    // SAFETY: both ranges lie inside the mapping just made and outside the
    // aligned region that is kept.
    unsafe {
        if head > 0 {
            libc::munmap(raw.cast(), head);
        }
        let tail = bytes - head - REGION_BYTES;
        if tail > 0 {
            libc::munmap(base.wrapping_add(REGION_BYTES).cast(), tail);
        }
    }
    NonNull::new(base)
}

/// # Safety
/// 1. With `MAP_FIXED` among the flags the range is the caller's.
#[cfg(not(miri))]
unsafe fn reserve(at: *mut libc::c_void, bytes: usize, flags: libc::c_int) -> *mut libc::c_void {
    let flags = flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: duty 1; else nothing is overwritten.
    unsafe { libc::mmap(at, bytes, libc::PROT_NONE, flags, -1, 0) }
}

/// Makes the arena at `base` of a region usable.
#[cfg(not(miri))]
fn open(base: NonNull<u8>) -> bool {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a range of a region, which nothing else is in.
    unsafe { libc::mprotect(base.as_ptr().cast(), ARENA_BYTES, access) == 0 }
}

/// Gives memory back to the system and keeps the addresses.
///
/// # Safety
/// 1. The range is a part of a region that nothing refers to.
#[cfg(not(miri))]
unsafe fn close(start: NonNull<u8>, bytes: usize) {
    // SAFETY: duty 1. Where the system refuses, the memory stays as it is.
    unsafe { reserve(start.as_ptr().cast(), bytes, libc::MAP_FIXED) };
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
    // SAFETY: the caller hands back a whole region from `map_aligned`.
    unsafe { libc::munmap(base.as_ptr().cast(), REGION_BYTES) };
}

#[cfg(miri)]
fn layout() -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(REGION_BYTES, REGION_BYTES).expect("a valid layout")
}

#[cfg(miri)]
fn map_aligned() -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout()) })
}

#[cfg(miri)]
fn open(_: NonNull<u8>) -> bool {
    true
}

#[cfg(miri)]
unsafe fn close(_: NonNull<u8>, _: usize) {}

#[cfg(miri)]
unsafe fn unmap(base: NonNull<u8>) {
    // SAFETY: from `map_aligned` with the same layout.
    unsafe { std::alloc::dealloc(base.as_ptr(), layout()) };
}
