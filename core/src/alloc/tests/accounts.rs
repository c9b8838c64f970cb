//! What the heap says that it holds is what was taken and not given back.

use std::alloc::{Layout, System};
use std::cell::Cell;

use allocator_api2::alloc::Allocator;

use super::super::arena::PAGE_BYTES;
use super::super::global::GlobalBackend;
use super::super::prefix::PREFIX_BYTES;
use super::super::source::{is_freed, is_freed_pattern};
use crate::{Gc, Heap, HeapAlloc, HeapVec, Memory, Mode, Trace};

#[derive(Trace)]
#[repr(align(64))]
struct Line {
    #[trace(leaf)]
    _bytes: [u8; 64],
}

#[derive(Trace)]
struct Large {
    #[trace(leaf)]
    _bytes: [u8; 20_000],
}

fn quiet(mode: Mode) -> Heap {
    Heap::builder().mode(mode).enabled(false).build()
}

/// Blocks, bytes, bytes of buffers and footprint, since another look.
fn since(before: &Memory, heap: &Heap) -> (usize, usize, usize, usize) {
    let now = heap.memory();
    (
        now.live_blocks - before.live_blocks,
        now.live_bytes - before.live_bytes,
        now.buffer_bytes - before.buffer_bytes,
        now.footprint_bytes - before.footprint_bytes,
    )
}

#[test]
fn objects_outside_of_pages_count_with_their_prefix() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = quiet(mode);
        let empty = heap.memory();
        let large = heap.alloc(Large {
            _bytes: [0; 20_000],
        });
        let bytes = PREFIX_BYTES + 20_000_usize.next_multiple_of(16) + 16;
        assert_eq!(since(&empty, &heap), (1, bytes, 0, bytes), "{mode:?}");
        let line = heap.alloc(Line { _bytes: [0; 64] });
        assert_eq!(std::ptr::from_ref(&*line).addr() % 64, 0);
        // The object is one header and, aligned, one line; so is what is in front.
        let both = bytes + 64 + 128;
        assert_eq!(since(&empty, &heap), (2, both, 0, both), "{mode:?}");
        drop(large);
        assert_eq!(since(&empty, &heap), (1, 192, 0, 192), "{mode:?}");
        drop(line);
        assert_eq!(since(&empty, &heap), (0, 0, 0, 0), "{mode:?}");
        heap.verify().unwrap();
    }
}

#[test]
fn buffers_outside_of_pages_count_through_every_resize() {
    const LEAD: usize = 16;
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = quiet(mode);
        let empty = heap.memory();
        let mut vec: HeapVec<u64> = HeapVec::with_capacity(&heap, 2000);
        (0..1500).for_each(|item| vec.push_within_capacity(item));
        for capacity in [2000, 5000, 1500, 90_000, 1600] {
            vec.try_set_capacity(&heap, capacity).unwrap();
            let bytes = LEAD + 8 * capacity;
            assert_eq!(since(&empty, &heap), (1, bytes, bytes, bytes), "{mode:?}");
            assert!(
                vec.iter().copied().eq(0..1500),
                "{mode:?}: items move along"
            );
        }
        let mut other: HeapVec<u64> = HeapVec::with_capacity(&heap, 3000);
        let both = 2 * LEAD + 8 * (1600 + 3000);
        assert_eq!(since(&empty, &heap), (2, both, both, both), "{mode:?}");
        other.try_set_capacity(&heap, 0).unwrap();
        drop(vec);
        assert_eq!(since(&empty, &heap), (0, 0, 0, 0), "{mode:?}");
        heap.verify().unwrap();
    }
}

#[test]
fn a_buffer_moves_between_pages_and_the_outside() {
    let heap = quiet(Mode::Pages);
    let mut vec: HeapVec<u64> = HeapVec::with_capacity(&heap, 4);
    (0..4).for_each(|item| vec.push_within_capacity(item));
    assert_eq!(heap.memory().footprint_bytes, PAGE_BYTES);
    // The largest block of a page holds 1024 items.
    for (capacity, pages, outside) in [(1024, 1, 0), (1025, 0, 16 + 8 * 1025), (4, 1, 0)] {
        vec.try_set_capacity(&heap, capacity).unwrap();
        heap.core().retire_current_pages();
        let memory = heap.memory();
        assert_eq!(
            (memory.live_blocks, memory.pages),
            (1, pages),
            "{capacity} items"
        );
        assert_eq!(
            memory.footprint_bytes,
            pages * PAGE_BYTES + outside,
            "{capacity} items"
        );
        assert!(vec.iter().copied().eq(0..4));
    }
}

#[test]
fn a_page_counts_its_table_of_weak_references_until_it_is_released() {
    let heap = quiet(Mode::Pages);
    let cells: Vec<Gc<Cell<u64>>> = (0..5000).map(|n| heap.alloc(Cell::new(n))).collect();
    // The kind of the references has its pages by then.
    let weak: Vec<_> = cells[..100].iter().map(Gc::downgrade).collect();
    let side = |heap: &Heap| {
        let memory = heap.memory();
        memory.footprint_bytes - memory.pages * PAGE_BYTES
    };
    let before = side(&heap);
    let last = Gc::downgrade(&cells[4999]);
    // A pointer for each block: eight bytes for 32 of header, cell and link.
    let table = side(&heap) - before;
    assert_eq!(table % 8, 0);
    assert!(
        (PAGE_BYTES / 8..=PAGE_BYTES / 2).contains(&table),
        "{table}"
    );
    drop((weak, last));
    drop(cells);
    heap.core().retire_current_pages();
    assert_eq!(
        heap.memory().footprint_bytes,
        0,
        "tables go with their pages"
    );
    heap.verify().unwrap();
}

#[test]
fn a_limit_is_met_exactly_and_leaves_no_trace() {
    let bytes = 16 + 8 * 2000;
    for (limit, fits) in [(bytes, true), (bytes - 1, false)] {
        let heap = Heap::builder().limit_bytes(limit).build();
        let mut vec: HeapVec<u64> = HeapVec::new();
        assert_eq!(vec.try_set_capacity(&heap, 2000).is_ok(), fits);
        // Larger than anything: the system, not the limit, says no.
        assert!(vec.try_set_capacity(&heap, usize::MAX / 16).is_err());
        assert_eq!(heap.memory().footprint_bytes, usize::from(fits) * bytes);
    }
}

#[test]
fn what_the_system_refuses_is_not_counted() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = quiet(mode);
        let mut vec: HeapVec<u64> = HeapVec::new();
        assert!(vec.try_set_capacity(&heap, 1 << 58).is_err());
        assert_eq!(heap.memory().footprint_bytes, 0, "{mode:?}");
        vec.try_set_capacity(&heap, 2000).unwrap();
        let bytes = heap.memory().footprint_bytes;
        assert!(vec.try_set_capacity(&heap, 1 << 58).is_err());
        assert_eq!(heap.memory().footprint_bytes, bytes, "{mode:?}");
        assert_eq!(vec.capacity(), 2000);
    }
}

#[test]
fn fill_patterns_are_told_from_addresses() {
    let filled = |byte: u8| usize::from_ne_bytes([byte; size_of::<usize>()]);
    for byte in [0, 0xCD, 0xFD, 0xDD] {
        assert!(is_freed_pattern(filled(byte)));
        assert_eq!(is_freed(filled(byte)), byte == 0xDD);
    }
    let object = Box::new(0_u64);
    let address = std::ptr::from_ref(&*object).addr();
    assert!(!is_freed_pattern(address) && !is_freed(address));
}

#[test]
fn allocators_serve_alignments_up_to_their_granule_and_empty_layouts() {
    let heap = Heap::new();
    let (ours, theirs) = (HeapAlloc::new(&heap), GlobalBackend(System));
    for (bytes, align) in [(0, 1), (1, 1), (24, 8), (4096, 16), (64, 32)] {
        let layout = Layout::from_size_align(bytes, align).unwrap();
        let block = ours.allocate(layout);
        assert_eq!(block.is_ok(), align <= 16);
        for (allocator, block) in [
            (&ours as &dyn Allocator, block),
            (&theirs, theirs.allocate(layout)),
        ] {
            let Ok(block) = block else { continue };
            assert_eq!(block.len(), bytes);
            let start = block.cast::<u8>();
            assert_eq!(start.addr().get() % align, 0);
            // SAFETY: a block of this allocator, of this length.
            unsafe {
                start.write_bytes(0xA5, bytes);
                allocator.deallocate(start, layout);
            }
        }
    }
    assert_eq!(heap.allocated_blocks(), 0);
}
