use super::super::Phase;
use super::super::testing::{Node, bounded, cycle_at, heap, large, link, node, nodes, page};
use super::*;
use crate::alloc::page::PageKind;
use crate::alloc::tests::page::with_page;
use crate::{Gc, Heap};

fn pace(old: usize, promoted: usize, allocated: usize, per_garbage: usize) -> Pace {
    let pace = Pace::default();
    pace.old.set(old);
    pace.promoted.set(promoted);
    pace.allocated.set(allocated);
    pace.per_garbage.set(per_garbage);
    pace
}

fn numbers(pace: &Pace) -> [usize; 6] {
    [
        pace.old.get(),
        pace.promoted.get(),
        pace.allocated.get(),
        pace.owed.get(),
        pace.promoted_before.get(),
        pace.patience.get(),
    ]
}

#[test]
fn a_cycle_is_due_for_expected_garbage_or_for_allocations() {
    // The first row of each pair is one short of what makes it due.
    for (old, most, promoted, allocated, per_garbage, due) in [
        (1000, 100, 39, 0, 1, false),
        (1000, 100, 40, 0, 1, true),
        (1000, 100, 79, 0, 2, false),
        (1000, 100, 80, 0, 2, true),
        (1000, 100, 0, 7999, 2, false),
        (1000, 100, 0, 8000, 2, true),
        // A small heap counts as one as large as the bound.
        (0, 1000, 79, 7999, 2, false),
        (0, 1000, 80, 0, 2, true),
        (0, 1000, 0, 8000, 2, true),
    ] {
        let pace = pace(old, promoted, allocated, per_garbage);
        let of = (old, most, promoted, allocated, per_garbage);
        assert_eq!(pace.is_due(most), due, "{of:?}");
        pace.patience.set(1);
        assert!(!pace.is_due(most), "not soon after one that was given up");
    }
}

#[test]
fn a_promoted_object_owes_what_a_cycle_costs_within_a_fortieth() {
    for (per_garbage, promoted, allocated, owed) in [
        (1, 0, 0, 2048),
        (1, 7, 0, 7 * 120 + 2048),
        (2, 7, 0, 7 * 60 + 2048),
        (2, 0, 5, 7 + 2048),
        (2, 10, 100, 600 + 150 + 2048),
    ] {
        let pace = pace(0, 0, 0, per_garbage);
        pace.owe(promoted, allocated);
        assert_eq!(pace.owed.get(), owed);
        pace.owe(promoted, allocated);
        assert_eq!(pace.owed.get(), 2 * owed);
        pace.pay(owed);
        assert_eq!(pace.owed.get(), owed);
        pace.pay(owed + 1);
        assert_eq!(pace.owed.get(), 0);
        pace.owed.set(usize::MAX - 1);
        pace.owe(promoted, allocated);
        assert_eq!(pace.owed.get(), usize::MAX);
    }
}

#[test]
fn a_beginning_remembers_what_was_promoted_until_then() {
    let pace = pace(50, 30, 20, 1);
    pace.owed.set(9);
    pace.begin();
    assert_eq!(numbers(&pace), [50, 0, 0, 9, 30, 0]);
    pace.note(5, 0);
    pace.note(2, 10);
    assert_eq!(numbers(&pace), [50, 7, 10, 9, 30, 0]);
    pace.patience.set(15);
    pace.note(0, 10);
    assert_eq!(pace.patience.get(), 5);
    pace.note(0, 10);
    assert_eq!(pace.patience.get(), 0);
}

#[test]
fn an_end_settles_the_share_of_promoted_objects_that_became_garbage() {
    let heap = heap(10);
    for (promoted, freed, share) in [
        (100, 100, 1),
        (100, 200, 1),
        (199, 100, 1),
        (200, 100, 2),
        (900, 100, 2),
        (0, 0, 1),
        (1, 0, 1),
        (2, 0, 2),
    ] {
        let mut cycle = cycle_at(&heap, Phase::Count, || 1);
        cycle.counted = 150;
        cycle.outcome.unreachable = freed;
        for (met_suspect, left_over) in [(false, false), (true, false), (false, true)] {
            (cycle.met_suspect, cycle.left_over) = (met_suspect, left_over);
            let pace = pace(1, promoted, 3, 2);
            pace.begin();
            pace.owed.set(9);
            pace.end(&cycle);
            let old = 150_usize.saturating_sub(freed);
            assert_eq!(numbers(&pace), [old, 0, 0, 0, promoted, 0]);
            assert_eq!(pace.per_garbage.get(), share, "{promoted} {freed}");
            assert_eq!(pace.unsettled.get(), met_suspect || left_over);
        }
    }
}

#[test]
fn after_one_that_was_given_up_as_much_is_allocated_as_there_is() {
    for (old, patience) in [(0, 2048), (2048, 2048), (2049, 2049)] {
        let pace = pace(old, 5, 6, 1);
        pace.owed.set(9);
        pace.fail();
        assert_eq!(numbers(&pace), [old, 5, 6, 0, 0, patience]);
        assert!(pace.unsettled.get());
        pace.settle(77);
        assert_eq!(numbers(&pace)[..4], [77, 0, 0, 0]);
        assert!(!pace.unsettled.get());
    }
}

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

#[test]
fn old_garbage_is_possible_after_promotion_or_with_an_old_suspect() {
    let heap = heap(100);
    let core = heap.core();
    let bounded = bounded(&heap);
    let may = || core.may_have_old_garbage(bounded);
    let suspect = |is: bool, handle: &Gc<Node>| {
        let other = handle.clone();
        drop(other); // The count falls to a non-zero value.
        assert_eq!(handle.header_ref().is_live_suspect(), is);
    };
    let (old, outside) = (node(&heap), large(&heap));
    heap.collect_all();
    assert!(!may(), "all is settled");
    bounded.pace.promoted.set(1);
    assert!(may());
    bounded.pace.promoted.set(0);
    bounded.pace.unsettled.set(true);
    assert!(may());
    bounded.pace.unsettled.set(false);
    // Young suspects are none of the cycle's, beside old objects or not.
    let young = node(&heap);
    suspect(true, &young);
    assert_eq!(page(&young).floor.get(), 0);
    assert!(std::ptr::eq(page(&young), page(&old)));
    assert!(!may());
    let far = large(&heap);
    drop(far.clone());
    assert!(!may(), "outside of pages neither");
    // An old one in a page that has young ones.
    suspect(true, &old);
    assert!(may());
    heap.collect_all();
    assert!(!may());
    // In a page whose objects are all old.
    suspect(true, &old);
    assert_eq!(page(&old).floor.get(), 2);
    assert!(may());
    heap.collect_all();
    drop(outside.clone());
    assert!(outside.header_ref().is_live_suspect());
    assert!(may(), "outside of pages");
    drop((young, far));
}

#[test]
fn collections_are_noted_by_what_they_examined() {
    let heap = heap(100);
    let core = heap.core();
    let bounded = bounded(&heap);
    let oversized = || bounded.done.borrow().oversized;
    core.promoted.set(7);
    core.note_examined(0, 100);
    assert_eq!((bounded.pace.promoted.get(), oversized()), (0, 0));
    core.note_examined(1, 100);
    assert_eq!((bounded.pace.promoted.get(), oversized()), (7, 0));
    core.note_examined(0, 101);
    assert_eq!((bounded.pace.promoted.get(), oversized()), (7, 1));
    core.note_examined(1, 102);
    assert_eq!((bounded.pace.promoted.get(), oversized()), (14, 2));
    // A full one is as long as it is, and settles everything.
    bounded.cleaned.set(true);
    bounded.pace.owed.set(3);
    core.long_lived_total.set(55);
    core.note_examined(2, 1000);
    assert_eq!(numbers(&bounded.pace)[..4], [55, 0, 0, 0]);
    assert_eq!((bounded.cleaned.get(), oversized()), (false, 2));
}

#[test]
fn a_pause_comes_soon_while_work_is_owed() {
    for (most, owed, young, trigger) in [
        // Nothing owed: the young count decides, at half of the bound.
        (6400, 0, 10, 700),
        (640, 0, 10, 320),
        // As many allocations later as make a slice: a 64th of the bound.
        (6400, 1, 10, 110),
        (6400, 1, 0, 100),
        (640, 1, 10, 20),
        // But not later than the young collection.
        (6400, 1, 690, 700),
        // And no further than half of the way to it.
        (640_000, 1, 0, 350),
    ] {
        let heap = Heap::builder()
            .bounded_pauses(most)
            .thresholds(700, 10, 10)
            .build();
        let bounded = bounded(&heap);
        bounded.pace.owed.set(owed);
        heap.core().young_count.set(young);
        heap.core().rearm(bounded);
        assert_eq!(heap.core().trigger.get(), trigger, "{most} {owed} {young}");
        heap.disable();
        heap.core().rearm(bounded);
        assert_eq!(heap.core().trigger.get(), usize::MAX, "off is off");
    }
}

#[test]
fn a_pause_is_a_young_collection_or_a_slice_never_both() {
    let heap = Heap::builder()
        .bounded_pauses(100)
        .thresholds(700, 10, 10)
        .build();
    let core = heap.core();
    let bounded = bounded(&heap);
    let kept = nodes(&heap, 40);
    heap.collect_all();
    let young = || core.older_counts.get()[0];
    let slices = || heap.bounded_pauses().unwrap().slices.collections;
    // The young count is at its limit, not above: nothing to do.
    core.young_count.set(50);
    core.pause_within_bounds(bounded);
    assert_eq!((young(), slices()), (0, 0));
    // Above it: a young collection, even where a slice is owed.
    bounded.pace.owed.set(130);
    core.young_count.set(51);
    core.pause_within_bounds(bounded);
    assert_eq!((young(), slices(), bounded.pace.owed.get()), (1, 0, 130));
    // Or when young objects took the places of old ones.
    bounded.many_young.set(true);
    core.pause_within_bounds(bounded);
    assert_eq!((young(), slices(), bounded.many_young.get()), (2, 0, false));
    // Then what is owed, a bound's worth at a time.
    core.pause_within_bounds(bounded);
    assert_eq!((young(), slices(), bounded.pace.owed.get()), (2, 1, 30));
    // A cycle without garbage ends within these.
    core.pause_within_bounds(bounded);
    assert_eq!((young(), slices(), bounded.pace.owed.get()), (2, 2, 0));
    core.pause_within_bounds(bounded);
    assert_eq!((young(), slices()), (2, 2));
    drop(kept);
}

#[test]
fn a_cycle_begins_after_a_young_collection_if_there_can_be_old_garbage() {
    let heap = Heap::builder()
        .bounded_pauses(100)
        .thresholds(700, 10, 10)
        .build();
    let core = heap.core();
    let bounded = bounded(&heap);
    let kept = nodes(&heap, 40);
    let after = |promoted: usize, allocated: usize, unsettled: bool| {
        heap.collect_all();
        bounded.pace.promoted.set(promoted);
        bounded.pace.allocated.set(allocated);
        bounded.pace.unsettled.set(unsettled);
        core.young_count.set(51);
        core.pause_within_bounds(bounded);
        (bounded.pace.owed.get(), bounded.pace.allocated.get())
    };
    assert_eq!(after(7, 0, false), (0, 0), "not due: 4 of 100");
    assert_eq!(after(8, 0, false), (2048, 0));
    assert_eq!(after(0, 799, true), (0, 799));
    assert_eq!(after(0, 800, true), (2048, 800));
    assert_eq!(after(0, 800, false), (0, 0), "nothing can be garbage");
    // While one runs the young collection owes, and no other begins.
    bounded.cycle.replace(Some(Box::new(Cycle::new(core))));
    bounded.pace.allocated.set(800);
    bounded.pace.unsettled.set(true);
    core.young_count.set(51);
    core.pause_within_bounds(bounded);
    assert_eq!(bounded.pace.owed.get(), 2048);
    drop(kept);
}

#[test]
fn what_is_suspected_is_freed_in_slices_of_full_size() {
    let heap = Heap::builder()
        .bounded_pauses(100)
        .thresholds(700, 10, 10)
        .build();
    let core = heap.core();
    let bounded = bounded(&heap);
    let rings = nodes(&heap, 400);
    for ring in &rings {
        link(ring, ring);
    }
    heap.collect_all();
    drop(rings);
    core.young_count.set(0);
    while !bounded.is_freeing() {
        assert!(heap.live_objects() == 400 && !core.collect_slice(bounded, 100));
    }
    bounded.pace.owed.set(1);
    core.pause_within_bounds(bounded);
    assert_eq!(bounded.pace.owed.get(), 100, "the rest costs what it frees");
    while core.has_cycle() {
        core.pause_within_bounds(bounded);
    }
    assert_eq!(heap.live_objects(), 0);
    assert_eq!(bounded.pace.owed.get(), 0);
}
