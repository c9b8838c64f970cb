use super::super::Phase;
use super::super::testing::{
    bounded, cycle_at, heap, large, link, make_old, node, nodes, object, page,
};
use super::*;
use crate::gc::header::{COPY_SHIFT, FROZEN, HAS_WEAK, NOTE_MAX};
use crate::{Gc, Trace};

/// The edges that were met, of an object that the cycle knows.
fn edges_met(header: &Header) -> Option<u32> {
    let note = (header.scratch.get() & NOTE_MASK) >> COPY_SHIFT;
    header.is_marked(State::Cycle).then_some(note)
}

#[test]
fn every_old_object_knows_how_many_edges_lead_to_it_from_old_ones() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = heap(1_000_000);
        let count = random.usize(1..600);
        let held = nodes(&heap, count);
        let outside: Vec<_> = (0..random.usize(..5)).map(|_| large(&heap)).collect();
        let mut edges = vec![0; count];
        for _ in 0..random.usize(..3 * count) {
            let (from, to) = (random.usize(..count), random.usize(..count));
            link(&held[from], &held[to]);
            edges[to] += 1;
        }
        for it in &outside {
            let to = random.usize(..count);
            it.slots.borrow_mut().push(Gc::erase(held[to].clone()));
            edges[to] += 1;
        }
        make_old(&heap);
        // Edges of younger objects are not those of the old generation.
        let young = nodes(&heap, 50);
        for it in &young {
            link(it, &held[random.usize(..count)]);
            link(it, &young[0]);
            link(&held[0], it);
        }
        let touched = random.bool();
        if touched {
            drop(held[0].clone()); // Its count falls to one: a suspect.
        }
        let cycle = cycle_at(&heap, Phase::Mark, || random.usize(1..60));
        assert_eq!(cycle.counted, count + outside.len());
        assert_eq!(cycle.met_suspect, touched);
        for (handle, &edges) in held.iter().zip(&edges) {
            assert_eq!(edges_met(handle.header_ref()), Some(edges));
            assert!(!handle.header_ref().is_suspect(), "it is clean now");
        }
        for it in &outside {
            assert_eq!(edges_met(it.header_ref()), Some(0));
        }
        for it in &young {
            assert_eq!(edges_met(it.header_ref()), None);
        }
        cycle.give_up(heap.core());
        assert!(held.iter().all(|it| edges_met(it.header_ref()).is_none()));
        heap.verify().unwrap();
    }
}

#[test]
fn more_edges_than_the_header_can_note_are_the_most_it_can() {
    let heap = heap(100);
    let it = node(&heap);
    make_old(&heap);
    let (core, header) = (heap.core(), it.header_ref());
    let note = |before: u32, mark: u32| {
        header.scratch.set(2 | mark | before << COPY_SHIFT);
        note_edge(core, object(&it));
        let after = header.scratch.get();
        header.scratch.set(2);
        after
    };
    let at = |edges: u32| 2 | CYCLE | edges << COPY_SHIFT;
    assert_eq!(note(0, NONE), at(1), "met by an edge before the walk");
    assert_eq!(note(0, CYCLE), at(1));
    assert_eq!(note(5, CYCLE), at(6));
    assert_eq!(note(NOTE_MAX - 1, CYCLE), at(NOTE_MAX));
    assert_eq!(note(NOTE_MAX, CYCLE), at(NOTE_MAX));
    // Marks of a collection that is under way are left alone.
    let trash = State::Trash as u32;
    assert_eq!(note(0, trash), 2 | trash);
    // What is listed stays so.
    header.scratch.set(at(3) | crate::gc::header::LISTED);
    note_edge(core, object(&it));
    assert_eq!(header.scratch.get(), at(4) | crate::gc::header::LISTED);
    header.scratch.set(2);
}

#[test]
fn old_are_counted_tracked_objects_of_the_old_generation_of_this_heap() {
    let (here, there) = (heap(100), heap(100));
    let (young, old, leaf) = (node(&here), node(&here), here.alloc(5_u64));
    let (outside, other) = (large(&here), node(&there));
    let old_at = |generation: u32| {
        old.header_ref().set_generation(generation);
        is_old(here.core(), old.header_ref())
    };
    assert_eq!([0, 1, 2, FROZEN].map(old_at), [false, false, true, false]);
    outside.header_ref().set_generation(2);
    assert!(is_old(here.core(), outside.header_ref()));
    outside.header_ref().set_generation(0);
    old.header_ref().set_generation(2);
    for flag in [UNTRACKED, HAS_WEAK] {
        old.header_ref().set(flag);
        assert_eq!(is_old(here.core(), old.header_ref()), flag == HAS_WEAK);
        old.header_ref().clear(flag);
    }
    let word = old.header_ref().word.get();
    old.header_ref().word.set(crate::gc::header::IMMORTAL_WORD);
    assert!(!is_old(here.core(), old.header_ref()));
    old.header_ref().word.set(word);
    old.header_ref().set_generation(0);
    assert!(!is_old(here.core(), young.header_ref()));
    make_old(&here);
    make_old(&there);
    assert!(is_old(here.core(), young.header_ref()), "by its page");
    assert!(!is_old(here.core(), leaf.header_ref()));
    assert!(!is_old(here.core(), other.header_ref()), "another heap's");
    assert!(is_old(there.core(), other.header_ref()));
}

#[test]
fn an_object_is_counted_once_if_it_is_old_and_left_a_suspect_if_it_is_not() {
    let heap = heap(100);
    let it = node(&heap);
    let (core, header) = (heap.core(), it.header_ref());
    // SAFETY: live.
    let (info, bytes) = unsafe { describe(header) };
    let (word, scratch) = (header.word.get(), header.scratch.get());
    let mut cycle = Cycle::new(core);
    // (word, scratch, floor) -> (left a suspect, counted, a suspect met), word and scratch after
    let suspect = 1;
    let clean = CLEAN | 1;
    let immortal = crate::gc::header::IMMORTAL_WORD;
    for (before, floor, says, after) in [
        ((0, 2), 0, (false, 0, false), (0, 2)),
        ((immortal, 2), 0, (false, 0, false), (immortal, 2)),
        ((suspect, 2), 0, (false, 1, true), (clean, 2 | CYCLE)),
        ((clean, 2), 0, (false, 1, false), (clean, 2 | CYCLE)),
        ((clean, 0), 2, (false, 1, false), (clean, CYCLE)),
        ((clean, 2), 1, (false, 1, false), (clean, 2 | CYCLE)),
        // An edge to it was met already, or it left its list.
        (
            (clean, 2 | CYCLE | COPY_ONE),
            0,
            (false, 1, false),
            (clean, 2 | CYCLE | COPY_ONE),
        ),
        (
            (suspect, 2 | HAS_WEAK),
            0,
            (false, 1, true),
            (clean, 2 | HAS_WEAK | CYCLE),
        ),
        (
            (suspect, 2 | UNTRACKED),
            0,
            (true, 0, false),
            (suspect, 2 | UNTRACKED),
        ),
        (
            (clean, 2 | UNTRACKED),
            0,
            (false, 0, false),
            (clean, 2 | UNTRACKED),
        ),
        ((suspect, 1), 0, (true, 0, false), (suspect, 1)),
        ((clean, 1), 0, (false, 0, false), (clean, 1)),
        ((suspect, 0), 1, (true, 0, false), (suspect, 0)),
        ((suspect, FROZEN), 0, (true, 0, false), (suspect, FROZEN)),
        ((suspect, 0), FROZEN, (true, 0, false), (suspect, 0)),
    ] {
        header.word.set(before.0);
        header.scratch.set(before.1);
        (cycle.counted, cycle.met_suspect) = (0, false);
        let left = count_object(core, &mut cycle, object(&it), floor, info, bytes);
        assert_eq!(
            (left, cycle.counted, cycle.met_suspect),
            says,
            "{before:?} {floor}"
        );
        assert_eq!(
            (header.word.get(), header.scratch.get()),
            after,
            "{before:?} {floor}"
        );
        if cycle.counted == 1 {
            cycle.met_suspect = true;
            header.word.set(clean);
            count_object(core, &mut cycle, object(&it), floor, info, bytes);
            assert_eq!((cycle.counted, cycle.met_suspect), (2, true), "it stays so");
        }
    }
    header.word.set(word);
    header.scratch.set(scratch);
}

#[derive(Trace)]
struct Rare {
    slot: std::cell::RefCell<Option<Gc<Rare>>>,
}

#[test]
fn a_page_without_suspects_left_is_off_their_list_and_costs_what_was_counted() {
    for mixed in [false, true] {
        let heap = heap(10_000);
        let core = heap.core();
        let typed = nodes(&heap, 600);
        let rare = || {
            let slot = std::cell::RefCell::default();
            heap.alloc(Rare { slot })
        };
        let rares: Vec<_> = (0..10).map(|_| rare()).collect();
        make_old(&heap);
        let page = if mixed {
            page(&rares[0])
        } else {
            page(&typed[599])
        };
        assert_eq!(page.kind.get() == PageKind::Mixed, mixed);
        // An old object becomes a suspect.
        let fall = || match mixed {
            true => drop(rares[1].clone()),
            false => drop(typed[599].clone()),
        };
        let listed = || core.suspect_pages().contains(&std::ptr::from_ref(page));
        let live = page.live() as usize;
        let looked_at = page.headers().count();
        fall();
        assert!(listed());
        let mut cycle = Cycle::new(core);
        let mut budget = Budget::new(100_000);
        count_page(core, &mut cycle, page, &mut budget);
        let counted = cycle.counted;
        assert!(counted > 5 && counted <= live);
        assert_eq!(budget.left(), 100_000 - counted - looked_at / 8);
        assert!(!listed() && cycle.met_suspect);
        // From a cycle that has counted already only what is new is paid for.
        count_page(core, &mut cycle, page, &mut budget);
        assert_eq!(cycle.counted, 2 * counted);
        let paid = 2 * counted + 2 * looked_at / 8;
        assert_eq!(budget.left(), 100_000 - paid);
        let young = (node(&heap), rare());
        if mixed {
            drop(young.1.clone());
        } else {
            drop(young.0.clone());
        }
        assert!(listed(), "the young one is a suspect");
        fall();
        count_page(core, &mut cycle, page, &mut budget);
        assert!(listed(), "and stays one");
        cycle.give_up(core);
        bounded(&heap).cleaned.set(true);
    }
}

#[test]
fn counting_stops_when_the_budget_is_spent() {
    let heap = heap(10_000);
    let held: Vec<_> = (0..20).map(|_| large(&heap)).collect();
    make_old(&heap);
    let core = heap.core();
    let mut cycle = Cycle::new(core);
    for slice in 1..=4 {
        let mut budget = Budget::new(5);
        assert!(!count_edges(core, &mut cycle, &mut budget));
        assert_eq!((cycle.counted, budget.left()), (5 * slice, 0));
    }
    let mut budget = Budget::new(5);
    assert!(
        count_edges(core, &mut cycle, &mut budget),
        "and then it is done"
    );
    assert_eq!((cycle.counted, budget.left()), (20, 5));
    cycle.give_up(core);
    drop(held);
}
