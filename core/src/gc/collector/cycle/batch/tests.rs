use std::cell::RefCell;
use std::rc::Rc;

use super::super::testing::{Node, bounded, cycle_at, heap, link, make_old, node, nodes, object};
use super::super::{Left, Phase};
use super::*;
use crate::gc::header::IMMORTAL_WORD;
use crate::{Ephemeron, Finalize, Gc, Heap, Trace};

fn ring(heap: &Heap, count: usize) -> Vec<Gc<Node>> {
    let ring = nodes(heap, count);
    for index in 0..count {
        link(&ring[index], &ring[(index + 1) % count]);
    }
    ring
}

#[test]
fn batches_are_as_many_as_the_budget_pays_for_and_at_least_one_component() {
    // Components, units -> objects of the first batch.
    for (sizes, units, first) in [
        (&[1; 50], 40, 10),
        (&[1; 50], 43, 10),
        (&[1; 50], 44, 11),
        (&[3; 50], 44, 9),
        (&[3; 50], 1, 3),
        (&[6; 50], 4, 6),
        (&[7; 50], 4, 7),
    ] {
        let heap = heap(6);
        let rings: Vec<_> = sizes.iter().map(|&size| ring(&heap, size)).collect();
        make_old(&heap);
        drop(rings);
        let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
        let before = heap.live_objects();
        let mut budget = Budget::new(units);
        assert!(!free_batches(heap.core(), &mut cycle, 6, &mut budget));
        assert_eq!(before - heap.live_objects(), first, "{units}");
        let oversized = u64::from(first > 6);
        assert_eq!(
            (cycle.batches, cycle.oversized, cycle.largest),
            (1, oversized, first)
        );
        assert_eq!(budget.left(), units.saturating_sub(4 * first));
        // A smaller batch later leaves the largest as it is.
        let mut batches = 1;
        while !free_batches(heap.core(), &mut cycle, 6, &mut Budget::new(1)) {
            batches += 1;
            assert_eq!((cycle.batches, cycle.largest), (batches, first));
        }
        assert_eq!(heap.live_objects(), 0);
        assert_eq!(cycle.outcome.unreachable, before);
        assert_eq!(
            cycle.oversized,
            if sizes[0] > 6 {
                cycle.batches
            } else {
                oversized
            }
        );
        assert!(!cycle.left_over);
        cycle.give_up(heap.core());
    }
}

#[test]
fn an_end_without_garbage_is_one_step() {
    let heap = heap(6);
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    let mut budget = Budget::new(10);
    assert!(free_batches(heap.core(), &mut cycle, 6, &mut budget));
    assert_eq!((budget.left(), cycle.batches, cycle.largest), (6, 0, 0));
    cycle.give_up(heap.core());
}

#[test]
fn what_died_or_is_no_longer_old_is_in_no_batch() {
    let heap = heap(100);
    let rings: Vec<_> = (0..3).map(|_| ring(&heap, 1).remove(0)).collect();
    make_old(&heap);
    let objects: Vec<_> = rings.iter().map(object).collect();
    let weak: Vec<_> = rings.iter().map(Gc::downgrade).collect();
    drop(rings);
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    // The first dies by its count, the second is frozen by the mutator.
    let first = weak[0].upgrade().expect("alive");
    first.slots.borrow_mut().clear();
    drop(first);
    // SAFETY: alive.
    let second = unsafe { objects[1].as_ref() };
    second.set_generation(crate::gc::header::FROZEN);
    let places: Vec<_> = (0..cycle.suspected.members.len()).collect();
    cycle.order.take(3, 100);
    let batch = take_off_list(heap.core(), &mut cycle, &places);
    assert_eq!(batch, [objects[2]]);
    for &object in &objects[1..] {
        // SAFETY: alive.
        let header = unsafe { object.as_ref() };
        assert!(header.is_marked(State::None) && !header.has(LISTED));
    }
    second.set_generation(2);
    cycle.give_up(heap.core());
    drop(weak);
    make_old(&heap);
    assert_eq!(heap.live_objects(), 0);
}

#[derive(Trace)]
#[trace(finalize)]
struct Phoenix {
    itself: RefCell<Option<Gc<Phoenix>>>,
    #[trace(leaf)]
    nest: Option<Rc<RefCell<Vec<Gc<Phoenix>>>>>,
}

impl Finalize for Phoenix {
    fn finalize(this: &Gc<Self>) {
        if let Some(nest) = &this.nest {
            nest.borrow_mut().push(this.clone());
        }
    }
}

#[test]
fn a_cycle_adds_up_what_became_of_its_batches() {
    let heap = heap(100);
    let nest = Rc::new(RefCell::default());
    for index in 0..12 {
        let phoenix = heap.alloc(Phoenix {
            itself: RefCell::default(),
            nest: (index % 4 == 0).then(|| nest.clone()),
        });
        *phoenix.itself.borrow_mut() = Some(phoenix.clone());
        let handle = phoenix.clone();
        nest.borrow_mut().push(handle);
    }
    make_old(&heap);
    nest.borrow_mut().clear();
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    while !free_batches(heap.core(), &mut cycle, 100, &mut Budget::new(8)) {}
    let outcome = cycle.outcome;
    assert_eq!((outcome.finalized, outcome.resurrected), (12, 3));
    assert_eq!(outcome.unreachable, 9);
    assert!(cycle.left_over, "what came back may become garbage");
    assert_eq!(cycle.batches, 6);
    cycle.give_up(heap.core());
    nest.borrow_mut().clear();
    make_old(&heap);
    assert_eq!(heap.live_objects(), 0);
}

#[test]
fn finalizers_alone_leave_nothing_to_the_next_cycle() {
    let heap = heap(100);
    let phoenix = heap.alloc(Phoenix {
        itself: RefCell::default(),
        nest: None,
    });
    *phoenix.itself.borrow_mut() = Some(phoenix.clone());
    make_old(&heap);
    drop(phoenix);
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    assert!(free_batches(
        heap.core(),
        &mut cycle,
        100,
        &mut Budget::new(8)
    ));
    assert_eq!((cycle.outcome.finalized, cycle.left_over), (1, false));
    cycle.give_up(heap.core());
}

#[test]
fn what_is_reachable_again_stays_a_suspect_and_is_left_over() {
    let heap = heap(100);
    let rings = [ring(&heap, 3), ring(&heap, 3)];
    make_old(&heap);
    let weak = Gc::downgrade(&rings[0][0]);
    drop(rings);
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    let held = weak.upgrade().expect("alive");
    while !free_batches(heap.core(), &mut cycle, 100, &mut Budget::new(8)) {}
    assert_eq!((heap.live_objects(), cycle.outcome.unreachable), (3 + 1, 3));
    assert!(cycle.left_over);
    assert!(held.header_ref().is_live_suspect());
    assert!(held.header_ref().is_marked(State::None));
    cycle.give_up(heap.core());
    drop((held, weak));
    make_old(&heap);
    assert_eq!(heap.live_objects(), 0);
}

#[test]
fn garbage_is_kept_in_the_garbage_list_when_all_is_to_be_saved() {
    let heap = heap(100);
    let rings = [ring(&heap, 3), ring(&heap, 2)];
    make_old(&heap);
    drop(rings);
    heap.set_debug(crate::DebugFlags::SAVEALL);
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    while !free_batches(heap.core(), &mut cycle, 100, &mut Budget::new(8)) {}
    assert_eq!(heap.take_garbage().len(), 5);
    assert_eq!(cycle.outcome.unreachable, 5);
    cycle.give_up(heap.core());
}

#[test]
fn an_ephemeron_joins_the_batch_of_its_key_unless_it_is_held_or_listed() {
    let heap = heap(100);
    let (key, value) = (node(&heap), node(&heap));
    let pair = Ephemeron::new(&key, value);
    let erased = Ephemeron::erase(pair.clone());
    let header = erased.header_ref();
    let (word, scratch) = (header.word.get(), header.scratch.get());
    let cycle = State::Cycle as u32;
    for (word, bits, joins) in [
        (word, 0, true),
        (word, cycle, true),
        (word, cycle | LISTED, false),
        (word, UNTRACKED, false),
        (word, cycle | UNTRACKED, false),
        (word, State::Pending as u32, false),
        (word, State::Trash as u32, false),
        (IMMORTAL_WORD, 0, false),
    ] {
        header.word.set(word);
        header.scratch.set(bits);
        assert_eq!(may_join(header), joins, "{bits:x}");
    }
    header.word.set(word);
    header.scratch.set(scratch);
    drop((key, pair));
}

#[test]
fn a_trace_that_panics_frees_nothing_of_its_batch() {
    #[derive(Trace)]
    struct Holder {
        slot: RefCell<Option<Gc<Holder>>>,
        panics: Panics,
    }
    struct Panics(Rc<std::cell::Cell<bool>>);
    // SAFETY: it owns no edge.
    unsafe impl Trace for Panics {
        fn trace<V: crate::Visitor>(&self, _: &mut V) {
            assert!(!self.0.get(), "a trace that panics");
        }
    }
    let heap = heap(100);
    let panics = Rc::new(std::cell::Cell::new(false));
    let holders = [(); 2].map(|()| {
        let holder = heap.alloc(Holder {
            slot: RefCell::default(),
            panics: Panics(panics.clone()),
        });
        *holder.slot.borrow_mut() = Some(holder.clone());
        holder
    });
    make_old(&heap);
    drop(holders);
    let mut cycle = cycle_at(&heap, Phase::Free, || 1000);
    panics.set(true);
    let mut budget = Budget::new(1000);
    let left = cycle.advance(heap.core(), 100, &mut budget);
    assert!(matches!(left, Left::Ended));
    assert_eq!((heap.live_objects(), cycle.outcome.unreachable), (2, 0));
    assert!(cycle.left_over && heap.take_errors().len() == 1);
    panics.set(false);
    cycle.give_up(heap.core());
    bounded(&heap).cleaned.set(true);
    heap.verify().unwrap();
    make_old(&heap);
    assert_eq!(heap.live_objects(), 0);
}
