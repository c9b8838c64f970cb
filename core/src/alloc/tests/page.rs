//! How a page is divided.

use std::ptr::{self, NonNull};

use super::super::arena::{Arena, PAGE_BYTES};
use super::super::page::{CURRENT, Page, PageKind};
use crate::Heap;
use crate::gc::type_info::TypeInfo;

/// Gives a page of its own to a function.
pub(crate) fn with_page(kind: PageKind, block_bytes: usize, visit: impl FnOnce(&Page)) {
    let heap = Heap::new();
    let arena = Arena::map(NonNull::from(heap.core()), false).expect("memory");
    // SAFETY: mapped until the end of this function.
    let page = unsafe { arena.as_ref() }.take_page().expect("a page");
    // SAFETY: as above.
    let page = unsafe { page.as_ref() };
    let info = match kind {
        PageKind::Typed => TypeInfo::of::<Option<crate::Gc<u64>>>(),
        _ => ptr::null(),
    };
    page.open(kind, info, block_bytes, 7);
    visit(page);
    // SAFETY: nothing refers to it.
    unsafe { Arena::unmap(arena) };
}

#[test]
fn blocks_are_carved_in_order_until_the_page_is_full() {
    for (kind, block_bytes) in [
        (PageKind::Typed, 16),
        (PageKind::Typed, 48),
        (PageKind::Mixed, 96),
        (PageKind::Typed, 5120),
        (PageKind::Buffers, 8192),
    ] {
        with_page(kind, block_bytes, |page| {
            let capacity = PAGE_BYTES / block_bytes;
            assert_eq!(page.capacity.get() as usize, capacity);
            // A page is of use again when an eighth of it is free.
            assert_eq!(page.wake.get() as usize, capacity - capacity.div_ceil(8));
            assert_eq!((page.pool.get(), page.live()), (7, 0));
            let start = page.start.get().addr();
            let mut carved = 0;
            while page.carve() {
                let step = (4096 / block_bytes).max(1);
                let fresh = step.min(capacity - carved);
                let mut free = page.free.get();
                for index in carved..carved + fresh {
                    assert_eq!(free.addr(), start + index * block_bytes);
                    assert_eq!(page.index_of(free.addr()), index);
                    assert_eq!(page.index_of(free.addr() + block_bytes - 1), index);
                    // SAFETY: a free block of the page.
                    free = unsafe { (*free).next.get() };
                }
                assert!(free.is_null());
                carved += fresh;
                page.free.set(ptr::null_mut());
                let headers = if kind == PageKind::Buffers { 0 } else { carved };
                assert_eq!(page.headers().count(), headers);
                for (index, header) in page.headers().enumerate() {
                    let offset = page.header_offset();
                    assert_eq!(header.addr(), start + index * block_bytes + offset);
                    // SAFETY: headers of carved blocks are initialised.
                    assert!(unsafe { (*header).is_vacant() });
                }
            }
            assert_eq!(carved, capacity);
        });
    }
}

#[test]
fn a_current_page_counts_itself_as_used_but_not_as_live() {
    with_page(PageKind::Typed, 32, |page| {
        page.used.set(5);
        assert_eq!(page.live(), 5);
        page.set(CURRENT);
        assert_eq!((page.live(), page.has(CURRENT)), (4, true));
        page.clear(CURRENT);
        assert_eq!((page.live(), page.has(CURRENT)), (5, false));
    });
}
