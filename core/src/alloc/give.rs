//! Giving blocks back, and with the last block of a page the page, and with
//! the last page of an arena the arena.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::arena::{Arena, PAGE_BYTES, arena_of, page_of};
use super::blocks::retire;
use super::page::{AVAILABLE, CURRENT, FreeBlock, Page, PageKind};
use super::pools::Pool;
use super::prefix::{IN_PAGE, PREFIX_BYTES, Prefix};
use super::source::{self, Domain};
use crate::gc::header::{Header, LISTED, PREFIXED};
use crate::heap::core::HeapCore;

impl HeapCore {
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

    pub(super) fn unlist_available(pool: &mut Pool, page: &Page) {
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
            // SAFETY: made by `make_weak_lists` with this length.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(lists, capacity)) });
            self.discharge_side_table(capacity * size_of::<usize>());
        }
    }

    fn give_page_to_arena(&self, page: NonNull<Page>) {
        // SAFETY: the page is in use, so its arena is mapped.
        let (arena, arena_ref) = unsafe {
            let arena = arena_of(page.as_ref().start.get());
            (arena, arena.as_ref())
        };
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

    fn unmap_arena(&self, arena: NonNull<Arena>) {
        // SAFETY: mapped until the end of this function.
        let holds = |page: *const Page| unsafe { arena.as_ref() }.describes(page);
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
}
