//! Taking and giving blocks: the fast path, and the pages behind it.
//!
//! The fast path is a direct-mapped cache from pool key to current
//! page and one pop; the slow path carves, takes an available page or opens a
//! new one. A young type lives in mixed pages until it allocated
//! [`MIXED_LIMIT`] objects, so that a thousand rare types do not cost a
//! thousand pages.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::arena::{Arena, PAGE_BYTES, page_of};
use super::page::{AVAILABLE, CURRENT, FreeBlock, IN_YOUNG, Page, PageKind};
use super::pools::{Pool, cache_index, pool_key};
use super::prefix::{IN_PAGE, PREFIX_BYTES, Prefix};
use super::size_class::{MAX_BLOCK, block_bytes, class_of};
use super::source::{self, Domain};
use crate::gc::header::{Header, LISTED, PREFIXED};
use crate::gc::type_info::TypeInfo;
use crate::heap::builder::Mode;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;
use crate::inspect::tracemalloc::Domain as Tracked;

/// Objects a type may put into mixed pages before it gets pages of its own.
const MIXED_LIMIT: u32 = 32;

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
        if layout.size() > MAX_BLOCK || layout.align() > 16 {
            return None;
        }
        let class = class_of(layout.size());
        let line = &self.cache[cache_index(info, class)];
        if line.key.get() != pool_key(info, class) {
            return None;
        }
        // SAFETY: a cached page is the current page of its pool.
        pop(unsafe { &*line.page.get() })
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn take_object_slow(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Result<Room, AllocError> {
        self.admit(layout.size())?;
        if self.tracer.is_on() {
            return self.take_traced(info, layout);
        }
        if self.mode != Mode::Pages || layout.size() > MAX_BLOCK || layout.align() > 16 {
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
            let key = pool_key(info, class);
            let line = &self.cache[cache_index(info, class)];
            line.key.set(key);
            line.page.set(page);
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
            if entry.mixed_taken >= MIXED_LIMIT || whole > MAX_BLOCK {
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

    /// Frees the block of an object whose value is already dropped.
    ///
    /// # Safety
    /// 1. `header` is an object of this heap; nobody refers to it any more.
    #[inline]
    pub(crate) unsafe fn give_object(&self, header: *mut Header) {
        // SAFETY: duty 1.
        unsafe {
            if (*header).has(PREFIXED | LISTED) {
                self.give_rarely(header);
                return;
            }
            self.give_block(&*page_of(header), header.cast());
        }
    }

    /// Frees a block that a list of the incremental cycle may have, or one
    /// behind a prefix.
    #[cold]
    #[inline(never)]
    unsafe fn give_rarely(&self, header: *mut Header) {
        // SAFETY: as the caller.
        unsafe {
            if (*header).has(LISTED) {
                (*header).word.set(0);
                self.left_blocks.set(self.left_blocks.get() + 1);
            } else if (*header).has(PREFIXED) {
                self.give_prefixed(header);
            } else {
                self.give_block(&*page_of(header), header.cast());
            }
        }
    }

    /// Frees the block of an object that died while it was listed.
    ///
    /// # Safety
    /// 1. `header` died so, and no list has it any more.
    pub(crate) unsafe fn give_left(&self, header: *mut Header) {
        self.left_blocks.set(self.left_blocks.get() - 1);
        // SAFETY: duty 1.
        unsafe {
            (*header).unmark();
            self.give_rarely(header);
        }
    }

    unsafe fn give_prefixed(&self, header: *mut Header) {
        // SAFETY: as the caller; the prefix was written when the block was taken.
        unsafe {
            let site = self.site_for_report(header.addr());
            self.tracer.untrack(header.addr());
            let prefix = Prefix::of(header);
            if (*prefix).index.get() == IN_PAGE {
                let block = prefix.cast_mut();
                header.cast::<u64>().write(0);
                self.give_block(&*page_of(block), block.cast());
                return;
            }
            self.unregister(header);
            let lead = (*prefix).lead_bytes as usize + PREFIX_BYTES;
            let bytes = lead + (*prefix).object_bytes;
            let align = 1 << (*prefix).align_log2;
            let block = NonNull::new_unchecked(header.cast::<u8>().sub(lead));
            source::give(self, block, bytes, align, Domain::Object, || site);
            self.discharge(bytes);
            self.source_objects.set(self.source_objects.get() - 1);
        }
    }

    /// Pushes a block onto its page's free list.
    ///
    /// # Safety
    /// 1. `block` is a live block of `page`, and nobody refers to it any more.
    #[inline]
    pub(crate) unsafe fn give_block(&self, page: &Page, block: *mut FreeBlock) {
        // SAFETY: duty 1: the block is ours to overwrite.
        unsafe {
            block.cast::<u64>().write(0);
            (&raw mut (*block).next).write(Cell::new(page.free.get()));
        }
        page.free.set(block);
        let used = page.used.get() - 1;
        page.used.set(used);
        if used == 0 || used == page.wake.get() {
            self.page_changed(page);
        }
    }

    /// A page that is not current got a useful number of free blocks, or none
    /// of its blocks is in use any more.
    #[cold]
    #[inline(never)]
    fn page_changed(&self, page: &Page) {
        if page.has(CURRENT) {
            return;
        }
        if page.used.get() == 0 {
            self.release_page(page);
        } else if !page.has(AVAILABLE) {
            self.list_available(page);
        }
    }

    /// Blocks of a page were put into its free list by the collector.
    pub(crate) fn give_many(&self, page: &Page, blocks: u32) {
        let used = page.used.get() - blocks;
        page.used.set(used);
        if !page.has(CURRENT | AVAILABLE) && used <= page.wake.get() {
            self.list_available(page);
        }
    }

    /// Forgets every block of a page: none of them is live any more. False for
    /// a current page, which stays; the others are to be released.
    pub(crate) fn empty_page(&self, page: &Page) -> bool {
        let current = page.has(CURRENT);
        page.free.set(ptr::null_mut());
        page.carved_bytes.set(0);
        page.used.set(u32::from(current));
        if page.has(AVAILABLE) {
            let mut pools = self.pools.borrow_mut();
            Self::unlist_available(&mut pools.list[page.pool.get() as usize], page);
        }
        if current {
            self.drop_weak_lists(page);
        }
        !current
    }

    fn list_available(&self, page: &Page) {
        let mut pools = self.pools.borrow_mut();
        let pool = &mut pools.list[page.pool.get() as usize];
        page.set(AVAILABLE);
        page.previous_available.set(ptr::null());
        page.next_available.set(pool.available);
        // SAFETY: list members are pages in use.
        if let Some(next) = unsafe { pool.available.as_ref() } {
            next.previous_available.set(page);
        }
        pool.available = page;
    }

    fn unlist_available(pool: &mut Pool, page: &Page) {
        page.clear(AVAILABLE);
        let (previous, next) = (page.previous_available.get(), page.next_available.get());
        // SAFETY: list members are pages in use.
        unsafe {
            match previous.as_ref() {
                Some(previous) => previous.next_available.set(next),
                None => pool.available = next,
            }
            if let Some(next) = next.as_ref() {
                next.previous_available.set(previous);
            }
        }
    }

    /// Gives an empty page back to its arena, and an empty arena to the system.
    pub(crate) fn release_page(&self, page: &Page) {
        if page.has(AVAILABLE) {
            let mut pools = self.pools.borrow_mut();
            Self::unlist_available(&mut pools.list[page.pool.get() as usize], page);
        }
        self.drop_weak_lists(page);
        page.kind.set(PageKind::Unused);
        self.discharge(PAGE_BYTES);
        self.pages_in_use.set(self.pages_in_use.get() - 1);
        self.give_page_to_arena(NonNull::from(page));
    }

    fn drop_weak_lists(&self, page: &Page) {
        let lists = page.weak_lists.replace(ptr::null_mut());
        if !lists.is_null() {
            let capacity = page.capacity.get() as usize;
            // SAFETY: made by `weak_lists_of` with this length.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(lists, capacity)) });
            self.discharge_side_table(capacity * size_of::<usize>());
        }
    }

    /// The page's weak-reference lists by block index, made on first use.
    pub(crate) fn weak_lists_of(&self, page: &Page) -> *mut *const Header {
        if page.weak_lists.get().is_null() {
            let capacity = page.capacity.get() as usize;
            let lists = vec![ptr::null::<Header>(); capacity].into_boxed_slice();
            page.weak_lists.set(Box::into_raw(lists).cast());
            self.charge_side_table(capacity * size_of::<usize>());
        }
        page.weak_lists.get()
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

    fn give_page_to_arena(&self, page: NonNull<Page>) {
        let arena = self.arena_of(page);
        // SAFETY: the page's arena is mapped.
        let arena_ref = unsafe { arena.as_ref() };
        arena_ref.give_page(page);
        let mut partial = self.partial_arenas.borrow_mut();
        if !arena_ref.listed.get() {
            arena_ref.listed.set(true);
            partial.push(arena);
        }
        let spare = partial.iter().any(|&other| {
            // SAFETY: listed arenas are mapped.
            other != arena && unsafe { other.as_ref() }.is_empty()
        });
        if arena_ref.is_empty() && spare {
            partial.retain(|&other| other != arena);
            drop(partial);
            self.unmap_arena(arena);
        }
    }

    fn arena_of(&self, page: NonNull<Page>) -> NonNull<Arena> {
        // SAFETY: the page is in use, so `start` points into its arena; slot 0
        // of the table holds the arena's metadata.
        unsafe {
            let start = page.as_ref().start.get();
            let base = start.map_addr(|a| a & !(super::arena::ARENA_BYTES - 1));
            NonNull::new_unchecked(page_of(base).cast::<Arena>().cast_mut())
        }
    }

    fn unmap_arena(&self, arena: NonNull<Arena>) {
        // SAFETY: mapped until the end of this function.
        let holds = |page: *const Page| unsafe { arena.as_ref() }.contains(page.addr());
        self.young_pages.borrow_mut().retain(|&page| !holds(page));
        self.middle_pages.borrow_mut().retain(|&page| !holds(page));
        self.retain_suspect_pages(|page| !holds(page));
        self.arenas.borrow_mut().retain(|&other| other != arena);
        // SAFETY: empty, and now in no list.
        unsafe { Arena::unmap(arena) };
    }

    /// Lets go of every current page, so that empty ones return to their arena.
    pub(crate) fn retire_current_pages(&self) {
        self.forget_cache();
        let mut index = 0;
        while index < self.pools.borrow().list.len() {
            let current = {
                let mut pools = self.pools.borrow_mut();
                std::mem::replace(&mut pools.list[index].current, ptr::null())
            };
            // SAFETY: a pool's current page is in use.
            if let Some(page) = unsafe { current.as_ref() } {
                retire(page);
                if page.used.get() == 0 {
                    self.release_page(page);
                } else if page.used.get() <= page.wake.get() {
                    self.list_available(page);
                }
            }
            index += 1;
        }
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
        for line in &self.cache {
            line.key.set(0);
        }
    }
}

fn retire(page: &Page) {
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
pub(crate) unsafe fn weak_list(core: &HeapCore, header: *const Header) -> *mut *const Header {
    // SAFETY: duty 1.
    unsafe {
        if (*header).has(PREFIXED) {
            return (*Prefix::of(header)).weak_list.as_ptr();
        }
        let page = &*page_of(header);
        let lists = core.weak_lists_of(page);
        lists.add(page.index_of(header.addr()))
    }
}
