use std::rc::Rc;

use super::testing::{bounded, cycle_at, heap, link, make_old, node, nodes, object};
use super::*;
use crate::{Gc, Heap};

#[test]
fn a_budget_is_spent_by_objects_and_by_eights_of_glances() {
    for (units, left) in [(0, 1), (1, 1), (5, 5), (usize::MAX, isize::MAX as usize)] {
        let mut budget = Budget::new(units);
        assert_eq!((budget.left(), budget.is_spent()), (left, false));
        budget.spend(left - 1);
        assert_eq!((budget.left(), budget.is_spent()), (1, false));
        budget.spend(1);
        assert_eq!((budget.left(), budget.is_spent()), (0, true));
        budget.spend(usize::MAX);
        assert_eq!((budget.left(), budget.is_spent()), (0, true));
    }
    let mut budget = Budget::new(100);
    for (looked_at, left) in [
        (7, 100),
        (1, 99),
        (0, 99),
        (20, 97),
        (4, 96),
        (15, 95),
        (1, 94),
    ] {
        budget.look_at(looked_at);
        assert_eq!(budget.left(), left);
    }
}

#[test]
fn phases_follow_each_other_and_what_fits_into_one_batch_is_not_ordered() {
    let heap = heap(100);
    let it = node(&heap);
    for (members, most, after_gather) in [
        (0, 0, Phase::Free),
        (0, 40, Phase::Free),
        (1, 3, Phase::Order),
        (1, 4, Phase::Free),
        (10, 39, Phase::Order),
        (10, 40, Phase::Free),
        (11, 43, Phase::Order),
        (11, 44, Phase::Free),
    ] {
        let mut cycle = Cycle::new(heap.core());
        cycle.suspected.members = vec![object(&it); members];
        let mut last = Phase::Count;
        for phase in [
            Phase::Mark,
            Phase::Gather,
            after_gather,
            Phase::Free,
            Phase::Free,
        ] {
            cycle.work.push_grey(object(&it));
            cycle.begin_next(most);
            assert!(cycle.phase == phase, "{members} of {most}");
            if last == Phase::Mark {
                assert_eq!(cycle.work.grey.capacity(), 0, "the stack is given back");
            }
            last = phase;
        }
    }
}

fn rings(heap: &Heap, count: usize) -> Vec<Gc<testing::Node>> {
    let rings = nodes(heap, count);
    rings.iter().for_each(|ring| link(ring, ring));
    rings
}

#[test]
fn suspects_are_incomplete_from_the_first_slice_to_the_next_full_collection() {
    let heap = heap(100);
    let core = heap.core();
    let kept = nodes(&heap, 300);
    make_old(&heap);
    assert!(!core.suspects_are_incomplete() && !core.has_cycle());
    assert!(!heap.collect_slice());
    assert!(core.suspects_are_incomplete() && core.has_cycle());
    while !heap.collect_slice() {}
    assert!(core.suspects_are_incomplete() && !core.has_cycle());
    heap.collect(1).unwrap();
    assert!(core.suspects_are_incomplete());
    heap.collect_all();
    assert!(!core.suspects_are_incomplete());
    // A full collection gives the cycle up, and other heaps have none.
    assert!(!heap.collect_slice());
    core.give_up_cycle();
    assert!(!core.has_cycle());
    heap.verify().unwrap();
    let plain = Heap::new();
    assert!(!plain.core().suspects_are_incomplete() && !plain.core().has_cycle());
    drop(kept);
}

#[test]
fn freeing_begins_when_what_is_suspected_is_known() {
    let heap = heap(100);
    let bounded = bounded(&heap);
    assert!(!bounded.is_freeing());
    for (phase, freeing) in [
        (Phase::Count, false),
        (Phase::Mark, false),
        (Phase::Gather, false),
        (Phase::Order, true),
        (Phase::Free, true),
    ] {
        let mut cycle = Box::new(Cycle::new(heap.core()));
        cycle.phase = phase;
        bounded.cycle.replace(Some(cycle));
        assert_eq!(bounded.is_freeing(), freeing);
    }
}

#[test]
fn each_slice_tells_what_it_freed_and_the_cycle_what_all_did() {
    let heap = heap(40);
    let told = Rc::new(RefCell::new(Vec::new()));
    let hears = told.clone();
    heap.add_callback(move |phase, info| hears.borrow_mut().push((phase, *info)));
    let mut cycles = 0;
    let (mut batches, mut freed) = (0, 0);
    for count in [200, 30, 90] {
        let garbage = rings(&heap, count);
        let live = nodes(&heap, 55);
        make_old(&heap);
        drop(garbage);
        heap.take_collections();
        told.borrow_mut().clear();
        let before = heap.bounded_pauses().unwrap().slices;
        let mut last = heap.live_objects();
        let mut ended = false;
        while !ended {
            ended = heap.collect_slice();
            let told = std::mem::take(&mut *told.borrow_mut());
            let [(Told::Start, start), (Told::Stop, stop)] = told[..] else {
                panic!("{told:?}")
            };
            assert_eq!(
                (start.generation, stop.generation, stop.uncollectable),
                (2, 2, 0)
            );
            assert_eq!(
                (start.collected, stop.collected),
                (0, last - heap.live_objects())
            );
            last = heap.live_objects();
            let now = heap.bounded_pauses().unwrap();
            cycles += u64::from(ended);
            assert_eq!(now.cycles, cycles);
        }
        assert_eq!(last, 55);
        let now = heap.bounded_pauses().unwrap();
        let [record] = heap.take_collections()[..] else {
            panic!("one record")
        };
        assert_eq!((record.generation, record.candidates), (2, count + 55));
        assert_eq!(
            (record.unreachable, record.finalized, record.resurrected),
            (count, 0, 0)
        );
        // All its slices took as long as the record says.
        assert_eq!(record.duration_ns, now.slices.total_ns - before.total_ns);
        freed += count as u64;
        // Ten objects a batch: a quarter of the bound.
        batches += count.div_ceil(10) as u64;
        assert_eq!((now.freed, now.largest, now.oversized), (freed, 10, 0));
        assert_eq!(now.batches, batches);
        drop(live);
    }
    assert_eq!(heap.stats()[2].collected, freed);
}

#[test]
fn oversized_batches_and_the_largest_add_up_over_cycles() {
    let heap = heap(4);
    for (size, oversized, largest) in [(9, 1, 9), (7, 2, 9), (3, 2, 9), (12, 3, 12)] {
        let ring = nodes(&heap, size);
        for index in 0..size {
            link(&ring[index], &ring[(index + 1) % size]);
        }
        make_old(&heap);
        drop(ring);
        while !heap.collect_slice() {}
        let did = heap.bounded_pauses().unwrap();
        assert_eq!((did.oversized, did.largest), (oversized, largest));
    }
}

#[test]
fn deaths_of_old_objects_leave_the_young_count_as_it_was() {
    let heap = heap(1000);
    let garbage = rings(&heap, 200);
    make_old(&heap);
    drop(garbage);
    let young = nodes(&heap, 30);
    let before = heap.core().young_count.get();
    while !heap.collect_slice() {}
    assert_eq!(heap.live_objects(), 30);
    assert_eq!(heap.core().young_count.get(), before);
    drop(young);
}

#[test]
fn a_slice_inside_a_collection_does_nothing() {
    let heap = heap(10);
    let kept = nodes(&heap, 50);
    make_old(&heap);
    heap.core().collecting.set(true);
    assert!(!heap.collect_slice());
    assert!(!heap.core().has_cycle());
    heap.core().collecting.set(false);
    assert_eq!(heap.bounded_pauses().unwrap().slices.collections, 0);
    drop(kept);
}

#[test]
fn a_cycle_of_a_heap_that_closes_meanwhile_is_given_up() {
    let heap = heap(10);
    let kept = nodes(&heap, 100);
    make_old(&heap);
    let core = heap.core();
    assert!(!core.collect_slice(bounded(&heap), 10));
    assert!(core.has_cycle());
    core.closed.set(true);
    assert!(core.collect_slice(bounded(&heap), 10));
    assert!(!core.has_cycle());
    core.closed.set(false);
    assert_eq!(heap.bounded_pauses().unwrap().abandoned, 0);
    heap.verify().unwrap();
    drop(kept);
}

#[test]
fn a_list_that_cannot_grow_fails_the_cycle_in_the_phase_that_needs_it() {
    for phase in [Phase::Mark, Phase::Gather, Phase::Order] {
        let heap = heap(100);
        // Held by one that is held, so that the stack is needed.
        let first = node(&heap);
        let second = node(&heap);
        link(&first, &second);
        let garbage = rings(&heap, 3);
        drop(second);
        make_old(&heap);
        drop(garbage);
        let mut cycle = cycle_at(&heap, phase, || 1000);
        cycle.work.grey = Vec::new();
        match phase {
            Phase::Order => cycle.suspected.overflow = true,
            Phase::Mark => (cycle.work.grey_lost, cycle.suspected.overflow) = (true, false),
            _ => (cycle.work.grey_lost, cycle.suspected.overflow) = (false, true),
        }
        let left = cycle.advance(heap.core(), 100, &mut Budget::new(1000));
        assert!(matches!(left, Left::Failed(None)));
        cycle.give_up(heap.core());
        heap.verify().unwrap();
        assert_eq!(heap.live_objects(), 5);
    }
}

#[test]
fn one_given_up_in_any_phase_leaves_no_mark_and_frees_what_died_meanwhile() {
    for phase in [
        Phase::Count,
        Phase::Mark,
        Phase::Gather,
        Phase::Order,
        Phase::Free,
    ] {
        for steps in 0..4 {
            let heap = heap(1000);
            let live = nodes(&heap, 30);
            for pair in live.windows(2) {
                link(&pair[0], &pair[1]);
            }
            let garbage = rings(&heap, 40);
            make_old(&heap);
            let weak = Gc::downgrade(&garbage[7]);
            drop(garbage);
            let mut cycle = cycle_at(&heap, phase, || 3);
            for _ in 0..steps {
                let (core, budget) = (heap.core(), &mut Budget::new(4));
                let done = match phase {
                    Phase::Free => batch::free_batches(core, &mut cycle, 100, budget),
                    _ => testing::step(&heap, &mut cycle, budget),
                };
                assert!(!done);
            }
            // One is brought to its end by its count, listed or not.
            if let Some(dies) = weak.upgrade() {
                dies.slots.borrow_mut().clear();
            }
            drop(weak);
            cycle.give_up(heap.core());
            heap.core().each_object(|object| {
                // SAFETY: enumerated objects are live.
                assert!(unsafe { object.as_ref() }.is_marked(State::None));
            });
            assert_eq!(heap.core().left_blocks.get(), 0);
            heap.verify().unwrap();
            make_old(&heap);
            assert_eq!(heap.live_objects(), 30);
            drop(live);
        }
    }
}
