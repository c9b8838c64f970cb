use super::super::super::Cycle;
use super::super::super::testing::{Node, bounded, heap, large, nodes};
use crate::alloc::page::PageKind;
use crate::alloc::tests::page::with_page;
use crate::{Gc, Heap};

#[test]
fn young_objects_are_at_most_half_of_a_pause() {
    for (most, threshold, limit) in [
        (100, 700, 50),
        (100, 51, 50),
        (100, 49, 49),
        (7, 700, 3),
        (1, 700, 1),
    ] {
        let heap = heap(most);
        assert_eq!(bounded(&heap).young_limit(threshold), limit);
    }
}

/// A heap with so many objects of the middle and of the young generation.
fn heap_of(most: usize, middle: usize, young: usize) -> (Heap, Vec<Gc<Node>>) {
    let heap = heap(most);
    heap.set_thresholds(700, 10, 10);
    let mut held = nodes(&heap, middle);
    heap.collect(0).unwrap();
    held.extend(nodes(&heap, young));
    heap.core().older_counts.set([0, 0]);
    (heap, held)
}

#[test]
fn the_middle_generation_is_collected_when_it_is_time_and_both_fit() {
    #[derive(Debug, PartialEq)]
    enum Does {
        Young,
        Both,
        /// The young generation, and the middle one becomes old.
        Ages,
    }
    for (middle, young, count, does) in [
        (0, 10, 10, Does::Young),
        (0, 10, 11, Does::Both),
        (0, 50, 0, Does::Young),
        (0, 51, 0, Does::Both),
        (40, 30, 0, Does::Young),
        (41, 30, 0, Does::Both),
        (40, 60, 0, Does::Both),
        (41, 60, 0, Does::Ages),
        (95, 6, 0, Does::Ages),
        (90, 10, 11, Does::Both),
        (91, 10, 11, Does::Ages),
    ] {
        let (heap, held) = heap_of(100, middle, young);
        let core = heap.core();
        core.older_counts.set([count, 4]);
        let bounded = bounded(&heap);
        bounded.room.set(5);
        core.collect_younger(bounded);
        let did = match core.older_counts.get() {
            [0, 5] => Does::Both,
            [now, 4] if now == count + 1 => match bounded.pace.promoted.get() {
                0 => Does::Young,
                _ => Does::Ages,
            },
            other => panic!("{other:?}"),
        };
        assert_eq!(did, does, "{middle} {young} {count}");
        let promoted = match does {
            Does::Young => 0,
            Does::Both => middle,
            Does::Ages => middle + young,
        };
        assert_eq!(bounded.pace.promoted.get(), promoted);
        assert_eq!(bounded.pace.allocated.get(), young);
        assert_eq!((bounded.room.get(), bounded.pace.owed.get()), (0, 0));
        heap.verify().unwrap();
        drop(held);
    }
}

#[test]
fn a_running_cycle_is_owed_for_each_young_collection() {
    // (middle, young, what is promoted)
    for (middle, young, promoted) in [(0, 10, 0), (60, 30, 60), (80, 40, 120)] {
        let (heap, held) = heap_of(100, middle, young);
        let core = heap.core();
        let bounded = bounded(&heap);
        assert!(!core.has_cycle());
        bounded.cycle.replace(Some(Box::new(Cycle::new(core))));
        bounded.pace.promoted.set(1000);
        core.collect_younger(bounded);
        assert_eq!(bounded.pace.promoted.get(), 1000 + promoted);
        let owed = promoted * 60 + young * 3 / 2 + 2048;
        assert_eq!(bounded.pace.owed.get(), owed);
        drop(held);
    }
}

#[test]
fn younger_objects_are_estimated_by_pages_and_counted_one_by_one() {
    let (heap, mut held) = heap_of(100, 20, 7);
    let core = heap.core();
    assert_eq!(core.estimate_younger(), [7, 20]);
    assert_eq!(core.count_younger(), [7, 20]);
    // Objects outside of pages.
    let young = (large(&heap), large(&heap));
    assert_eq!(
        (core.estimate_younger(), core.count_younger()),
        ([9, 20], [9, 20])
    );
    heap.collect(0).unwrap();
    let more = [large(&heap), large(&heap), large(&heap)];
    assert_eq!(core.count_younger(), [3, 29]);
    assert_eq!(core.estimate_younger(), [3, 29]);
    // Old ones count in neither, vacant ones nowhere.
    heap.collect_all();
    held.extend(nodes(&heap, 4));
    assert_eq!(core.count_younger(), [4, 0]);
    assert_eq!(core.estimate_younger(), [4, 0]);
    held.truncate(29);
    assert_eq!(core.count_younger(), [2, 0]);
    // Young ones in the places of old ones are not estimated.
    held.drain(..5);
    assert_eq!(core.count_younger(), [2, 0]);
    assert_eq!(core.estimate_younger(), [0, 0]);
    drop((young, more, held));
}

#[test]
fn free_blocks_that_young_objects_may_take_are_counted_against_the_bound() {
    // 4096 bytes in blocks of 32 are carved: 128.
    with_page(PageKind::Typed, 32, |page| {
        assert!(page.carve());
        assert_eq!(page.carved_bytes.get() / page.block_bytes.get(), 128);
        page.used.set(28);
        for (most, young, room, due) in [
            // Room for exactly the bound: nothing is counted.
            (200, 150, 200, false),
            (199, 99, 99, false),
            (199, 100, 100, true),
            (198, 99, 99, false),
            (198, 100, 100, true),
        ] {
            let heap = Heap::builder()
                .bounded_pauses(most)
                .thresholds(700, 10, 10)
                .build();
            let core = heap.core();
            core.trigger.set(usize::MAX - 1);
            let held = nodes(&heap, young);
            let bounded = bounded(&heap);
            bounded.room.set(0);
            bounded.many_young.set(false);
            core.note_room(page);
            assert_eq!(bounded.room.get(), 100);
            core.note_room(page);
            assert_eq!(bounded.room.get(), room, "{most} {young}");
            assert_eq!(bounded.many_young.get(), due, "{most} {young}");
            let trigger = if due { 0 } else { usize::MAX - 1 };
            assert_eq!(core.trigger.get(), trigger);
            drop(held);
        }
        // Where nothing is collected by itself, nothing is counted.
        let heap = heap(10);
        let held = nodes(&heap, 50);
        bounded(&heap).room.set(0);
        heap.core().note_room(page);
        heap.core().note_room(page);
        assert_eq!(bounded(&heap).room.get(), 200);
        assert!(!bounded(&heap).many_young.get());
        page.used.set(0);
        drop(held);
    });
}
