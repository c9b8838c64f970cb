//! Taking blocks: the fast path, and the pages behind it.
//!
//! The fast path is a `cache` from pool key to current page and one pop; the
//! slow path carves, takes an available page or opens a new one. A rare type
//! lives in mixed pages, so that a thousand of them do not cost a thousand
//! pages. Giving back is `give`.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::arena::{Arena, PAGE_BYTES, page_of};
use super::page::{CURRENT, IN_YOUNG, Page, PageKind};
use super::pools::Pool;
use super::prefix::{IN_PAGE, PREFIX_BYTES, Prefix};
use super::size_class::{MAX_BLOCK, block_bytes, class_of};
use super::source::{self, Domain};
use crate::gc::header::{Header, PREFIXED};
use crate::gc::type_info::TypeInfo;
use crate::heap::builder::Mode;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;
use crate::inspect::tracemalloc::Domain as Tracked;

/// Arenas before a heap is large enough for huge pages.
const SMALL_ARENAS: usize = 2;

/// Room for one object: where its header goes, and the flags it must carry.
pub(crate) struct Room {
    pub(crate) header: NonNull<Header>,
    pub(crate) flags: u32,
}

impl HeapCore {
    /// Room for an object of `layout` (header included). The header is not
    /// written; until it is, the block is vacant.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn take_object(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Result<Room, AllocError> {
        match self.take_cached(info, layout) {
            Some(header) => Ok(Room { header, flags: 0 }),
            None => self.take_object_slow(info, layout),
        }
    }

    /// The fast path: the current page of the type, if the cache knows it and
    /// it has a free block.
    #[inline(always)]
    pub(crate) fn take_cached(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Option<NonNull<Header>> {
        if !fits_a_page(layout) {
            return None;
        }
        let page = self.cache.first(info, class_of(layout.size()))?;
        // SAFETY: a cached page is the current page of its pool.
        pop(unsafe { &*page })
    }

    /// The fast path of a type whose first line in the cache is another's.
    #[inline]
    pub(super) fn take_cached_second(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Option<NonNull<Header>> {
        if !fits_a_page(layout) {
            return None;
        }
        let page = self.cache.second(info, class_of(layout.size()))?;
        // SAFETY: as above.
        pop(unsafe { &*page })
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn take_object_slow(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Result<Room, AllocError> {
        if let Some(header) = self.take_cached_second(info, layout) {
            return Ok(Room { header, flags: 0 });
        }
        self.admit(layout.size())?;
        if self.tracer.is_on() {
            return self.take_traced(info, layout);
        }
        if self.mode != Mode::Pages || !fits_a_page(layout) {
            return self.take_from_source(info, layout);
        }
        let class = class_of(layout.size());
        let pool = self.pools.borrow_mut().typed(info, class);
        if let Some(room) = self.take_mixed(pool, info, layout.size())? {
            return Ok(room);
        }
        let page = self.refill(pool)?;
        if self.bounded.is_some() {
            // SAFETY: `refill` returns a page in use.
            self.note_room(unsafe { &*page });
        }
        if self.may_cache() {
            self.cache.lead(info, class, page);
        }
        // SAFETY: `refill` returns a page with a free block.
        let header = pop(unsafe { &*page }).ok_or(AllocError::OutOfMemory {
            bytes: layout.size(),
        })?;
        Ok(Room { header, flags: 0 })
    }

    /// A block of a mixed page, while the type is rare.
    fn take_mixed(
        &self,
        pool: u32,
        info: &'static TypeInfo,
        bytes: usize,
    ) -> Result<Option<Room>, AllocError> {
        let whole = block_bytes(class_of(bytes)) + PREFIX_BYTES;
        {
            let mut pools = self.pools.borrow_mut();
            let entry = &mut pools.list[pool as usize];
            if !entry.is_rare() || whole > MAX_BLOCK {
                return Ok(None);
            }
            entry.mixed_taken += 1;
        }
        let object_bytes = block_bytes(class_of(whole)) - PREFIX_BYTES;
        self.take_behind_prefix(info, object_bytes, whole).map(Some)
    }

    /// A block of a mixed page for `whole` bytes, its prefix written.
    fn take_behind_prefix(
        &self,
        info: &'static TypeInfo,
        object_bytes: usize,
        whole: usize,
    ) -> Result<Room, AllocError> {
        let mixed = self
            .pools
            .borrow_mut()
            .shared(PageKind::Mixed, class_of(whole));
        let page = self.refill(mixed)?;
        // SAFETY: `refill` returns a page with a free block.
        let Some(block) = pop(unsafe { &*page }) else {
            return Err(AllocError::OutOfMemory { bytes: whole });
        };
        // SAFETY: the block has room for prefix and object; the prefix
        // goes to its start.
        let header = unsafe {
            block.cast::<Prefix>().write(Prefix {
                core: ptr::from_ref(self).cast_mut(),
                info,
                object_bytes,
                index: Cell::new(IN_PAGE),
                weak_list: Cell::new(ptr::null()),
                lead_bytes: 0,
                align_log2: 4,
            });
            block.cast::<Prefix>().add(1).cast::<Header>()
        };
        Ok(Room {
            header,
            flags: PREFIXED,
        })
    }

    /// Room for an object whose allocation is recorded: behind a prefix, so
    /// that its free takes the slow path.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn take_traced(&self, info: &'static TypeInfo, layout: Layout) -> Result<Room, AllocError> {
        let class = class_of(layout.size().min(MAX_BLOCK));
        let whole = block_bytes(class) + PREFIX_BYTES;
        let paged = self.mode == Mode::Pages && layout.align() <= 16 && whole <= MAX_BLOCK;
        let room = if paged {
            self.take_behind_prefix(info, block_bytes(class), whole)?
        } else {
            self.take_from_source(info, layout)?
        };
        let header = room.header.as_ptr();
        // SAFETY: the room has a prefix.
        let bytes = unsafe { (*Prefix::of(header)).object_bytes };
        self.tracer.track(header.addr(), bytes, Tracked::Object);
        Ok(room)
    }

    /// A block of its own from the global allocator, with a prefix.
    fn take_from_source(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Result<Room, AllocError> {
        let object_bytes = layout.size().next_multiple_of(super::size_class::GRANULE);
        let align = layout.align().max(16);
        let lead = PREFIX_BYTES.next_multiple_of(align);
        let bytes = lead + object_bytes;
        self.charge(bytes)?;
        let Some(block) = source::take(self.mode, bytes, align, Domain::Object) else {
            self.discharge(bytes);
            return Err(AllocError::OutOfMemory { bytes });
        };
        let slot = self.registry_slot_of_newborn(info);
        let index = self.registry.borrow()[slot].len();
        // SAFETY: the block has `lead` bytes in front of the object; the prefix
        // ends where the header begins.
        let header = unsafe {
            let header = block.add(lead).cast::<Header>();
            header.cast::<u64>().write(0);
            header.cast::<Prefix>().sub(1).write(Prefix {
                core: ptr::from_ref(self).cast_mut(),
                info,
                object_bytes,
                index: Cell::new(index),
                weak_list: Cell::new(ptr::null()),
                lead_bytes: (lead - PREFIX_BYTES) as u32,
                align_log2: align.trailing_zeros(),
            });
            header
        };
        self.registry.borrow_mut()[slot].push(header.as_ptr());
        self.source_objects.set(self.source_objects.get() + 1);
        Ok(Room {
            header,
            flags: PREFIXED,
        })
    }

    /// Makes room for the heads of the weak-reference lists of a page's objects.
    #[cold]
    #[inline(never)]
    fn make_weak_lists(&self, page: &Page) {
        let capacity = page.capacity.get() as usize;
        let lists = vec![ptr::null::<Header>(); capacity].into_boxed_slice();
        page.weak_lists.set(Box::into_raw(lists).cast());
        self.charge_side_table(capacity * size_of::<usize>());
    }

    /// The current page of a pool, with at least one free block.
    fn refill(&self, pool: u32) -> Result<*const Page, AllocError> {
        let mut pools = self.pools.borrow_mut();
        let entry = &mut pools.list[pool as usize];
        // SAFETY: a pool's current page is in use.
        if let Some(current) = unsafe { entry.current.as_ref() } {
            if !current.free.get().is_null() || current.carve() {
                if entry.holds() {
                    self.list_young(current);
                }
                return Ok(current);
            }
            entry.current = ptr::null();
            retire(current);
            if entry.has_tables {
                // A line of another table may name the page as well.
                self.forget_object_pages();
            }
        }
        let page = match unsafe_ref(entry.available) {
            Some(page) => {
                Self::unlist_available(entry, page);
                page
            }
            // The cache may still name the page that was just retired.
            None => self
                .open_page(entry, pool)
                .inspect_err(|_| self.forget_cache())?,
        };
        page.set(CURRENT);
        page.used.set(page.used.get() + 1);
        entry.current = page;
        if entry.holds() {
            self.list_young(page);
        }
        if page.free.get().is_null() {
            page.carve();
        }
        Ok(page)
    }

    fn open_page(&self, entry: &Pool, pool: u32) -> Result<&'static Page, AllocError> {
        self.charge(PAGE_BYTES)?;
        let Some(page) = self.take_page_from_arena() else {
            self.discharge(PAGE_BYTES);
            return Err(AllocError::OutOfMemory { bytes: PAGE_BYTES });
        };
        self.pages_in_use.set(self.pages_in_use.get() + 1);
        // SAFETY: metadata of a page in use lives until the arena is unmapped,
        // which waits for the page's release.
        let page = unsafe { page.as_ref() };
        let info = entry.info.map_or(ptr::null(), ptr::from_ref);
        page.open(entry.kind, info, block_bytes(entry.class), pool);
        Ok(page)
    }

    pub(crate) fn list_young(&self, page: &Page) {
        if !page.has(IN_YOUNG) {
            page.lower_floor();
            page.set(IN_YOUNG);
            self.young_pages.borrow_mut().push(page);
        }
    }

    /// The fast path for buffers: the current page of the class, if it is known
    /// and has a free block.
    #[inline(always)]
    pub(crate) fn take_cached_buffer(&self, class: usize) -> Option<NonNull<u8>> {
        // SAFETY: null, or the current page of the class's pool.
        let page = unsafe { self.buffer_pages[class].get().as_ref() }?;
        pop(page).map(NonNull::cast)
    }

    /// A raw block for a buffer of `class`.
    pub(crate) fn take_buffer_block(&self, class: usize) -> Result<NonNull<u8>, AllocError> {
        let pool = self.pools.borrow_mut().shared(PageKind::Buffers, class);
        let page = self.refill(pool)?;
        if self.may_cache() {
            self.buffer_pages[class].set(page);
        }
        // SAFETY: `refill` returns a page with a free block.
        match pop(unsafe { &*page }) {
            Some(block) => Ok(block.cast()),
            None => Err(AllocError::OutOfMemory {
                bytes: block_bytes(class),
            }),
        }
    }

    fn take_page_from_arena(&self) -> Option<NonNull<Page>> {
        let mut partial = self.partial_arenas.borrow_mut();
        if partial.is_empty() {
            // The system clears a huge page at its first touch: a pause of its own.
            let huge = self.bounded.is_none() && self.arenas.borrow().len() >= SMALL_ARENAS;
            let arena = Arena::map(NonNull::from(self), huge)?;
            // SAFETY: just mapped.
            unsafe { arena.as_ref() }.listed.set(true);
            self.arenas.borrow_mut().push(arena);
            partial.push(arena);
        }
        // SAFETY: listed arenas are mapped.
        let arena = unsafe { partial.last()?.as_ref() };
        let page = arena.take_page();
        if !arena.has_free_page() {
            arena.listed.set(false);
            partial.pop();
        }
        page
    }

    /// Sends every allocation to the slow path once.
    pub(crate) fn forget_cache(&self) {
        self.forget_object_pages();
        for page in &self.buffer_pages {
            page.set(ptr::null());
        }
    }

    /// Sends every allocation of an object to the slow path once.
    pub(crate) fn forget_object_pages(&self) {
        self.cache.forget();
    }
}

/// Whether a page can have blocks for objects of a layout.
#[inline(always)]
const fn fits_a_page(layout: Layout) -> bool {
    layout.size() <= MAX_BLOCK && layout.align() <= 16
}

pub(super) fn retire(page: &Page) {
    page.clear(CURRENT);
    page.used.set(page.used.get() - 1);
}

fn unsafe_ref(page: *const Page) -> Option<&'static Page> {
    // SAFETY: pages in a pool's list are in use; their metadata outlives every
    // use made of it by the allocator.
    unsafe { page.as_ref() }
}

#[inline(always)]
fn pop(page: &Page) -> Option<NonNull<Header>> {
    let block = NonNull::new(page.free.get())?;
    // SAFETY: members of a free list are free blocks of the page.
    page.free.set(unsafe { block.as_ref() }.next.get());
    page.used.set(page.used.get() + 1);
    Some(block.cast())
}

/// Where the head of an object's list of weak references is kept.
///
/// # Safety
/// 1. `header` is a live object of `core`.
#[inline]
pub(crate) unsafe fn weak_list(core: &HeapCore, header: *const Header) -> *mut *const Header {
    // SAFETY: duty 1.
    unsafe {
        if !(*header).has(PREFIXED) && (*page_of(header)).weak_lists.get().is_null() {
            core.make_weak_lists(&*page_of(header));
        }
        weak_list_made(header)
    }
}

/// The same for an object that has, or had, weak references: the place is there.
///
/// # Safety
/// 1. `header` is a live object, and [`weak_list`] made the place.
#[inline]
pub(crate) unsafe fn weak_list_made(header: *const Header) -> *mut *const Header {
    // SAFETY: duty 1: the page has a place for each of its blocks.
    unsafe {
        if (*header).has(PREFIXED) {
            return (*Prefix::of(header)).weak_list.as_ptr();
        }
        let page = &*page_of(header);
        page.weak_lists.get().add(page.index_of(header.addr()))
    }
}
