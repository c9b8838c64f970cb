use super::super::super::Cycle;
use super::super::super::testing::{Node, bounded, heap, large, link, node, nodes, page};
use super::numbers;
use crate::{Gc, Heap};

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
