//! Arenas of a region, pages of an arena, and what the system is asked for.

use std::collections::BTreeSet;
use std::ptr::NonNull;

use super::super::arena::{ARENA_BYTES, Arena, PAGE_BYTES, PAGES, arena_of, page_of};
use super::super::page::{IN_YOUNG, Page, PageKind};
use crate::Heap;

/// An arena of the heap's that the heap does not know.
fn arena(heap: &Heap) -> (NonNull<Arena>, usize) {
    let arena = Arena::map(NonNull::from(heap.core()), false).expect("memory");
    // SAFETY: just mapped.
    let base = unsafe { arena.as_ref() }.base();
    assert_eq!(base % ARENA_BYTES, 0);
    (arena, base)
}

#[test]
fn an_arena_hands_out_each_page_once_until_it_is_given_back() {
    let heap = Heap::new();
    let (handle, base) = arena(&heap);
    // SAFETY: mapped until the end of this test.
    let arena = unsafe { handle.as_ref() };
    assert!(arena.is_empty() && arena.has_free_page());
    let mut starts = BTreeSet::new();
    let mut pages = Vec::new();
    while let Some(page) = arena.take_page() {
        // SAFETY: metadata of a page that was just taken.
        let taken = unsafe { page.as_ref() };
        let start = taken.start.get();
        assert!(starts.insert(start.addr()), "handed out twice");
        assert_eq!(start.addr() % PAGE_BYTES, 0);
        assert_eq!(start.addr() & !(ARENA_BYTES - 1), base);
        assert!(arena.describes(page.as_ptr()));
        // SAFETY: a page of a mapped arena.
        assert_eq!(unsafe { arena_of(start) }, handle);
        let last = start.wrapping_add(PAGE_BYTES - 1);
        assert_eq!(page_of(start), page.as_ptr().cast_const());
        assert_eq!(page_of(last), page.as_ptr().cast_const());
        assert_eq!(
            taken.core.get().addr(),
            NonNull::from(heap.core()).addr().get()
        );
        pages.push(page);
        assert_eq!(arena.pages_in_use(), pages.len());
        assert!(!arena.is_empty());
    }
    assert_eq!(
        pages.len(),
        PAGES - 1,
        "the region's first has the metadata"
    );
    assert!(!starts.contains(&base) && !arena.has_free_page());
    assert_eq!(arena.pages().count(), 0, "none is opened");
    for &page in [&pages[5], &pages[9]] {
        // SAFETY: as above.
        unsafe { page.as_ref() }.kind.set(PageKind::Buffers);
    }
    assert!(arena.pages().eq([pages[5], pages[9]]));
    arena.give_page(pages[9]);
    assert!(
        arena.pages().eq([pages[5]]),
        "what was given back is not in use"
    );
    assert!(arena.has_free_page());
    assert_eq!(arena.pages_in_use(), PAGES - 2);
    assert_eq!(arena.take_page(), Some(pages[9]));
    pages.into_iter().for_each(|page| arena.give_page(page));
    assert!(arena.is_empty());
    // SAFETY: nothing refers to its pages.
    unsafe { Arena::unmap(handle) };
}

/// Takes a page of an arena and marks its metadata.
fn mark_first_page(arena: NonNull<Arena>) -> NonNull<Page> {
    // SAFETY: the caller's arena is mapped.
    let page = unsafe { arena.as_ref() }.take_page().expect("a page");
    // SAFETY: metadata of a page that was just taken.
    let metadata = unsafe { page.as_ref() };
    assert!(!metadata.has(IN_YOUNG), "as fresh as the page");
    metadata.set(IN_YOUNG);
    // SAFETY: the page is the arena's and nothing is in it.
    unsafe { metadata.start.get().write_bytes(1, PAGE_BYTES) };
    page
}

#[test]
#[cfg(not(miri))] // There a region has one arena.
fn arenas_of_a_region_come_and_go_one_by_one() {
    let heap = Heap::new();
    let mut arenas: Vec<_> = (0..20).map(|_| arena(&heap)).collect();
    let bases: BTreeSet<usize> = arenas.iter().map(|&(_, base)| base).collect();
    assert_eq!(bases.len(), 20);
    assert_eq!(heap.core().regions.borrow().len(), 1, "two are full");
    let pages: Vec<_> = (arenas.iter())
        .map(|&(arena, _)| mark_first_page(arena))
        .collect();
    for (index, page) in pages.iter().enumerate() {
        for (other, (arena, _)) in arenas.iter().enumerate() {
            // SAFETY: mapped until the end of this test.
            let describes = unsafe { arena.as_ref() }.describes(page.as_ptr());
            assert_eq!(describes, index == other);
        }
    }
    // The first of a region and others, then again at the same places.
    let gone = [0, 3, 7, 12];
    for index in gone {
        // SAFETY: nothing refers to it.
        unsafe { Arena::unmap(arenas[index].0) };
    }
    assert_eq!(heap.core().regions.borrow().len(), 3);
    for index in gone {
        arenas[index] = arena(&heap);
        mark_first_page(arenas[index].0);
    }
    let again: BTreeSet<usize> = arenas.iter().map(|&(_, base)| base).collect();
    assert_eq!(again.len(), 20);
    for (arena, _) in arenas {
        // SAFETY: nothing refers to it.
        unsafe { Arena::unmap(arena) };
    }
    assert!(heap.core().regions.borrow().is_empty());
}

#[cfg(all(target_os = "linux", not(miri)))]
mod linux {
    use super::super::super::arena::ask_for_huge_pages_within;
    use super::*;

    const HUGE: usize = 2 << 20;

    /// Address space that is mapped, and for an address whether huge pages are
    /// wanted there.
    fn mappings(address: usize) -> (usize, bool) {
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
        let (mut bytes, mut within, mut huge) = (0, false, false);
        for line in smaps.lines() {
            let range = line.split(' ').next().and_then(|word| word.split_once('-'));
            let hexadecimal = |text| usize::from_str_radix(text, 16).ok();
            if let Some((from, to)) = range
                && let (Some(from), Some(to)) = (hexadecimal(from), hexadecimal(to))
            {
                bytes += to - from;
                within = (from..to).contains(&address);
            } else if within && line.starts_with("VmFlags:") {
                huge = line.split(' ').any(|flag| flag == "hg");
            }
        }
        (bytes, huge)
    }

    #[test]
    fn an_arena_takes_no_more_address_space_than_its_bytes() {
        let heap = Heap::new();
        let (before, _) = mappings(0);
        let arenas: Vec<_> = (0..128).map(|_| arena(&heap).0).collect();
        let (during, _) = mappings(0);
        for arena in arenas {
            // SAFETY: nothing refers to it.
            unsafe { Arena::unmap(arena) };
        }
        let (after, _) = mappings(0);
        // Other tests map something meanwhile.
        let slack = 40 * ARENA_BYTES;
        assert!(during.abs_diff(before + 128 * ARENA_BYTES) < slack);
        assert!(after.abs_diff(before) < slack);
    }

    /// Which of the huge pages of a fresh range are asked for, when its bytes
    /// from `offset` on are.
    fn asked(offset: usize, bytes: usize) -> Vec<bool> {
        asked_by(|base| {
            let start = base.wrapping_add(offset);
            ask_for_huge_pages_within(NonNull::new(start).expect("mapped"), bytes);
        })
    }

    fn asked_by(ask: impl FnOnce(*mut u8)) -> Vec<bool> {
        let whole = 8 * HUGE;
        // SAFETY: an anonymous private mapping; nothing is overwritten.
        let raw = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(std::ptr::null_mut(), whole, access, kind, -1, 0)
        };
        assert_ne!(raw, libc::MAP_FAILED);
        let base = raw.addr().next_multiple_of(HUGE);
        ask(raw.with_addr(base).cast());
        let wanted = (0..6)
            .map(|page| mappings(base + page * HUGE + HUGE / 2).1)
            .collect();
        // SAFETY: the mapping above.
        unsafe { libc::munmap(raw, whole) };
        wanted
    }

    #[test]
    fn huge_pages_are_asked_for_where_whole_ones_fit() {
        let pages = |wanted: [usize; 6]| wanted.map(|page| page != 0).to_vec();
        let system = asked_by(|base| {
            // SAFETY: the advice changes no content.
            unsafe { libc::madvise(base.cast(), 6 * HUGE, libc::MADV_HUGEPAGE) };
        });
        if system != pages([1; 6]) {
            eprintln!("SKIPPED: this system has no transparent huge pages");
            return;
        }
        assert_eq!(asked(0, 6 * HUGE), pages([1; 6]));
        assert_eq!(asked(0, HUGE - 4096), pages([0; 6]));
        assert_eq!(asked(0, HUGE), pages([1, 0, 0, 0, 0, 0]));
        assert_eq!(asked(4096, HUGE), pages([0; 6]), "none is whole");
        assert_eq!(asked(4096, 2 * HUGE - 4096), pages([0, 1, 0, 0, 0, 0]));
        assert_eq!(asked(HUGE, 3 * HUGE - 4096), pages([0, 1, 1, 0, 0, 0]));
        assert_eq!(asked(4096, 4 * HUGE), pages([0, 1, 1, 1, 0, 0]));
    }
}
