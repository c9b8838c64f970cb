use super::super::Phase;
use super::super::testing::{cycle_at, heap, large, link, make_old, node, nodes, object, page};
use super::*;
use crate::gc::header::{FINALIZED, HAS_WEAK};
use crate::{Gc, Heap, Trace};

/// What a header says of an object on the list.
fn note(header: &Header) -> (bool, bool, bool, u32) {
    let note = (header.scratch.get() & NOTE_MASK) >> COPY_SHIFT;
    let marked = header.is_marked(State::Cycle);
    (marked, header.has(LISTED), header.has(REACHED), note)
}

#[test]
fn a_pushed_object_has_its_rank_and_keeps_its_flags() {
    let heap = heap(100);
    let held = nodes(&heap, 3);
    let mut suspected = Suspected::default();
    let most = NOTE_MAX as usize;
    for (index, rank) in [0, 5, most].into_iter().enumerate() {
        let header = held[index].header_ref();
        // Edges that were counted are in the place of the rank until now.
        let flags = HAS_WEAK | FINALIZED | 2;
        header
            .scratch
            .set(flags | REACHED | State::Cycle as u32 | 3 << COPY_SHIFT);
        suspected.push(object(&held[index]), rank, usize::MAX);
        assert_eq!(note(header), (true, true, false, rank as u32));
        assert_eq!(header.scratch.get() & FLAGS_MASK, flags);
        assert_eq!(suspected.members.len(), index + 1);
        assert!(!suspected.overflow);
        header.unmark();
        header.clear(flags);
    }
}

#[test]
fn what_has_no_room_is_not_listed() {
    let heap = heap(100);
    let held = nodes(&heap, 2);
    let refuses = |suspected: &mut Suspected, rank, limit| {
        let before = suspected.members.len();
        let word = held[1].header_ref().scratch.get();
        suspected.push(object(&held[1]), rank, limit);
        assert_eq!(suspected.members.len(), before);
        assert_eq!(held[1].header_ref().scratch.get(), word);
        suspected.overflow
    };
    // A rank that the header cannot hold, with room in the list.
    let mut suspected = Suspected::default();
    suspected.members.reserve(4);
    assert!(refuses(&mut suspected, NOTE_MAX as usize + 1, usize::MAX));
    // A list that may not grow.
    let mut suspected = Suspected::default();
    assert!(refuses(&mut suspected, 0, 511));
    // The first step is 512 places, and they are filled to the last.
    let mut suspected = Suspected::default();
    for _ in 0..512 {
        suspected.push(object(&held[0]), 0, 512);
    }
    assert!(!suspected.overflow && suspected.members.len() == 512);
    assert!(refuses(&mut suspected, 0, 512));
    held[0].header_ref().unmark();
}

/// Gathers what nothing holds, in slices of random size, and compares with
/// what the heap's builder knows.
fn check_gathering(heap: &Heap, garbage: &[NonNull<Header>], live: &[NonNull<Header>], seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let cycle = cycle_at(heap, Phase::Order, || random.usize(1..40));
    let members = &cycle.suspected.members;
    let (mut listed, mut expected) = (members.clone(), garbage.to_vec());
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected, "each once");
    for (place, &member) in members.iter().enumerate() {
        assert_eq!(cycle.suspected.place(member), Some(place));
    }
    let outside = |object: NonNull<Header>| {
        // SAFETY: members are live.
        let header = unsafe { object.as_ref() };
        // SAFETY: prefixed ones have a prefix.
        header.has(PREFIXED) && unsafe { (*Prefix::of(header)).index.get() } != IN_PAGE
    };
    let in_pages = members
        .iter()
        .take_while(|&&member| !outside(member))
        .count();
    assert!(members[..in_pages].is_sorted(), "in address order");
    assert!(members[in_pages..].iter().all(|&member| outside(member)));
    for &object in live {
        // SAFETY: held.
        let header = unsafe { object.as_ref() };
        assert!(!note(header).0, "other marks are gone");
        assert_eq!(cycle.suspected.place(object), None);
    }
    cycle.give_up(heap.core());
    for &object in garbage.iter().chain(live) {
        // SAFETY: nothing was freed.
        let header = unsafe { object.as_ref() };
        assert_eq!(header.scratch.get() & !FLAGS_MASK, 0, "no mark is left");
    }
    heap.verify().unwrap();
}

/// In a page with other types.
#[derive(Trace)]
struct Rare {
    slot: std::cell::RefCell<Option<Gc<Rare>>>,
}

#[test]
fn what_is_not_reached_is_gathered_and_found_again_by_its_address() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = heap(1_000_000);
        let (mut live, mut garbage) = (Vec::new(), Vec::new());
        let (mut held, mut dropped) = (Vec::new(), Vec::new());
        let mut add = |handle: crate::GcAny, object: NonNull<Header>, keep: bool| {
            let (handles, objects) = match keep {
                true => (&mut held, &mut live),
                false => (&mut dropped, &mut garbage),
            };
            handles.push(handle);
            objects.push(object);
        };
        for _ in 0..random.usize(0..4000) {
            let keep = random.u8(..3) > 0;
            match random.u8(..40) {
                0 => {
                    let it = large(&heap);
                    it.slots.borrow_mut().push(Gc::erase(it.clone()));
                    add(Gc::erase(it.clone()), object(&it), keep);
                }
                1 => {
                    let slot = std::cell::RefCell::default();
                    let it = heap.alloc(Rare { slot });
                    *it.slot.borrow_mut() = Some(it.clone());
                    add(Gc::erase(it.clone()), object(&it), keep);
                }
                _ => {
                    let it = node(&heap);
                    it.slots.borrow_mut().push(Gc::erase(it.clone()));
                    add(Gc::erase(it.clone()), object(&it), keep);
                }
            }
        }
        make_old(&heap);
        // Younger objects are none of the cycle's.
        let young = nodes(&heap, 20);
        live.extend(young.iter().map(object));
        drop(dropped);
        check_gathering(&heap, &garbage, &live, seed);
        drop((held, young));
        make_old(&heap);
        assert_eq!(heap.live_objects(), 0);
    }
}

#[test]
fn an_object_of_another_heap_has_no_place() {
    let (here, there) = (heap(100), heap(100));
    let cycles: Vec<_> = [&here, &there]
        .into_iter()
        .map(|heap| {
            let ring = node(heap);
            link(&ring, &ring);
            let it = object(&ring);
            make_old(heap);
            drop(ring);
            (cycle_at(heap, Phase::Order, || 1), it)
        })
        .collect();
    let place = |cycle: usize, of: usize| cycles[cycle].0.suspected.place(cycles[of].1);
    assert_eq!((place(0, 0), place(1, 1)), (Some(0), Some(0)));
    assert_eq!((place(0, 1), place(1, 0)), (None, None));
    for ((cycle, _), heap) in cycles.into_iter().zip([&here, &there]) {
        cycle.give_up(heap.core());
    }
}

#[test]
fn only_what_stays_old_and_unreached_is_suspected() {
    let heap = heap(100);
    let held = nodes(&heap, 2);
    make_old(&heap);
    let core = heap.core();
    let header = held[0].header_ref();
    let marks = header.scratch.get();
    let cycle = State::Cycle as u32;
    for (bits, generation, suspected, after) in [
        (0, 2, false, 0),
        (cycle, 2, true, cycle),
        (
            cycle | COPY_SHIFT << COPY_SHIFT,
            2,
            true,
            cycle | COPY_SHIFT << COPY_SHIFT,
        ),
        (cycle | REACHED, 2, false, 0),
        (cycle, 3, false, 0),
        // On the mark stack still, or gathered: its mark is not touched.
        (cycle | LISTED, 2, false, cycle | LISTED),
    ] {
        header.scratch.set(marks | bits);
        header.set_generation(generation);
        assert_eq!(is_suspected(core, object(&held[0])), suspected);
        assert_eq!(header.scratch.get() & !FLAGS_MASK, after);
    }
    header.scratch.set(marks);
    assert!(is_old(core, header));
}

#[test]
fn gathering_costs_what_is_looked_at_and_half_of_what_is_found() {
    let heap = heap(10_000);
    let rings = nodes(&heap, 20);
    for ring in &rings {
        link(ring, ring);
    }
    let held = nodes(&heap, 100);
    make_old(&heap);
    let page = page(&held[0]);
    let carved = page.headers().count();
    drop(rings);
    let mut cycle = cycle_at(&heap, Phase::Gather, || 1000);
    let mut budget = Budget::new(1000);
    gather_page(heap.core(), &mut cycle, page, &mut budget);
    let found = cycle.suspected.members.len();
    assert!(found >= 16, "{found}");
    assert_eq!(budget.left(), 1000 - carved / 8 - found / 2);
    // What is in the list already costs no more than a look.
    let mut budget = Budget::new(1000);
    gather_page(heap.core(), &mut cycle, page, &mut budget);
    assert_eq!(cycle.suspected.members.len(), found);
    assert_eq!(budget.left(), 1000 - carved / 8);
    cycle.give_up(heap.core());
    drop(held);
}
