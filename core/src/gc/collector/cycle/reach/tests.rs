use std::collections::BTreeSet;

use super::super::Phase;
use super::super::testing::{cycle_at, heap, large, link, make_old, node, nodes, object};
use super::*;
use crate::gc::header::{IMMORTAL_WORD, UNTRACKED};
use crate::{Callback, Ephemeron, Gc, Heap, Trace, Weak};

fn is_in_cycle_and_reached(header: &Header) -> bool {
    header.is_marked(State::Cycle) && header.has(REACHED)
}

#[test]
fn what_is_held_from_outside_is_reached_and_nothing_else() {
    for seed in 0..120 {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = heap(1_000_000);
        let count = random.usize(1..900);
        let mut held: Vec<_> = nodes(&heap, count).into_iter().map(Some).collect();
        let all: Vec<_> = held.iter().flatten().map(object).collect();
        let mut edges = vec![Vec::new(); count];
        for index in 0..count {
            link(held[index].as_ref().unwrap(), held[index].as_ref().unwrap());
            for _ in 0..random.usize(..3) {
                let to = random.usize(..count);
                link(held[index].as_ref().unwrap(), held[to].as_ref().unwrap());
                edges[index].push(to);
            }
        }
        let outside = large(&heap);
        let from_outside = random.usize(..count);
        let it = Gc::erase(held[from_outside].clone().unwrap());
        outside.slots.borrow_mut().push(it);
        make_old(&heap);
        // Young objects hold what they refer to.
        let young = node(&heap);
        let from_young = random.usize(..count);
        link(&young, held[from_young].as_ref().unwrap());
        let share = random.usize(1..60);
        for slot in &mut held {
            if random.usize(..share) > 0 {
                *slot = None;
            }
        }
        let roots = (0..count).filter(|&index| held[index].is_some());
        let mut left: Vec<_> = roots.chain([from_outside, from_young]).collect();
        let mut reached: BTreeSet<_> = left.iter().copied().collect();
        while let Some(index) = left.pop() {
            left.extend(edges[index].iter().filter(|&&next| reached.insert(next)));
        }
        let most = random.usize(1..60);
        let cycle = cycle_at(&heap, Phase::Gather, || random.usize(1..=most));
        assert_eq!((cycle.pinned, cycle.work.grey.len()), (0, 0));
        for (index, &object) in all.iter().enumerate() {
            // SAFETY: nothing was freed.
            let header = unsafe { object.as_ref() };
            assert!(header.is_marked(State::Cycle) && !header.has(LISTED));
            assert_eq!(header.has(REACHED), reached.contains(&index), "{index}");
        }
        assert!(is_in_cycle_and_reached(outside.header_ref()));
        assert!(!young.header_ref().is_marked(State::Cycle));
        cycle.give_up(heap.core());
        heap.verify().unwrap();
        drop((held, outside, young));
        make_old(&heap);
        assert_eq!(heap.live_objects(), 0);
    }
}

#[test]
fn what_has_more_references_than_edges_is_queued() {
    let heap = heap(100);
    let it = node(&heap);
    make_old(&heap);
    let header = it.header_ref();
    let (word, scratch) = (header.word.get(), header.scratch.get());
    let mut cycle = Cycle::new(heap.core());
    let cycles = State::Cycle as u32;
    let met = |edges: u32| cycles | edges << COPY_SHIFT;
    for (word, bits, queued) in [
        (3, met(2), true),
        (3, met(3), false),
        // Counted twice by a move.
        (3, met(4), false),
        (1, cycles, true),
        (1, cycles | REACHED, false),
        (1, 0, false),
        (3, 2 << COPY_SHIFT, false),
        (IMMORTAL_WORD, met(3), true),
        // As many edges as can be noted, or more.
        (NOTE_MAX, met(NOTE_MAX), true),
        (NOTE_MAX - 1, met(NOTE_MAX - 1), false),
        (NOTE_MAX, met(NOTE_MAX - 1), true),
    ] {
        header.word.set(word);
        header.scratch.set(2 | bits);
        push_if_held(&mut cycle, object(&it));
        assert_eq!(
            cycle.work.grey.len(),
            usize::from(queued),
            "{word} {bits:x}"
        );
        cycle.work.grey.clear();
    }
    header.word.set(word);
    header.scratch.set(scratch);
}

#[test]
fn following_costs_one_and_a_quarter_for_an_edge() {
    for edges in [0, 3, 4, 9] {
        let heap = heap(100);
        let hub = node(&heap);
        let rims = nodes(&heap, edges);
        for rim in &rims {
            link(&hub, rim);
        }
        make_old(&heap);
        let core = heap.core();
        let mut cycle = cycle_at(&heap, Phase::Mark, || 1000);
        // Beside what is on the stack.
        for _ in 0..8 {
            cycle.work.push_grey(object(&hub));
        }
        let mut budget = Budget::new(100);
        follow(core, &mut cycle, object(&hub), &mut budget);
        assert_eq!(budget.left(), 100 - 1 - edges / 4);
        assert_eq!(cycle.work.grey.len(), 8 + edges);
        assert!(hub.header_ref().has(REACHED));
        // Once.
        follow(core, &mut cycle, object(&hub), &mut budget);
        assert_eq!(budget.left(), 100 - 1 - edges / 4);
        cycle.work.grey.clear();
        cycle.give_up(core);
    }
}

#[test]
fn between_slices_the_stack_holds_unreached_objects_once_each() {
    let heap = heap(100);
    let there = super::super::testing::heap(100);
    let held = nodes(&heap, 6);
    let other = node(&there);
    make_old(&heap);
    make_old(&there);
    let core = heap.core();
    let mut cycle = cycle_at(&heap, Phase::Mark, || 1000);
    other.header_ref().set(State::Cycle as u32);
    held[1].header_ref().set(REACHED);
    held[2].header_ref().unmark();
    for index in [0, 1, 2, 3, 3, 0] {
        cycle.work.push_grey(object(&held[index]));
    }
    cycle.work.push_grey(object(&other));
    // Some are on their way into the cache.
    let first = cycle.work.next_grey_above(0).unwrap();
    cycle.work.push_grey(first);
    pin(core, &mut cycle);
    let mut pinned = cycle.work.grey.clone();
    pinned.sort();
    let mut expected = vec![object(&held[0]), object(&held[3])];
    expected.sort();
    assert_eq!((&pinned, cycle.pinned), (&expected, 2));
    assert!([0, 3].iter().all(|&at| held[at].header_ref().has(LISTED)));
    assert!(
        [1, 2, 4]
            .iter()
            .all(|&at| !held[at].header_ref().has(LISTED))
    );
    // What is pinned stays, and more joins it.
    cycle.work.push_grey(object(&held[3]));
    cycle.work.push_grey(object(&held[4]));
    pin(core, &mut cycle);
    assert_eq!((cycle.pinned, cycle.work.grey.len()), (3, 3));
    assert_eq!(cycle.work.grey[2], object(&held[4]));
    // One of them left the old generation, one died.
    let [x, y, z] = cycle.work.grey[..] else {
        panic!()
    };
    // SAFETY: held.
    unsafe { z.as_ref() }.set(UNTRACKED);
    assert_eq!(next_pinned(core, &mut cycle), Some(y));
    // SAFETY: held.
    let (y, z) = unsafe { (y.as_ref(), z.as_ref()) };
    z.clear(UNTRACKED);
    assert_eq!(
        (cycle.pinned, z.has(LISTED), z.is_marked(State::Cycle)),
        (1, false, false)
    );
    assert!(!y.has(LISTED) && y.is_marked(State::Cycle));
    assert_eq!(next_pinned(core, &mut cycle), Some(x));
    assert_eq!((next_pinned(core, &mut cycle), cycle.pinned), (None, 0));
    other.header_ref().unmark();
    cycle.give_up(core);
    heap.verify().unwrap();
}

#[test]
fn a_budget_that_is_spent_leaves_the_stack_pinned() {
    let heap = heap(100);
    let first = node(&heap);
    let mut last = first.clone();
    for next in nodes(&heap, 60) {
        link(&last, &next);
        last = next;
    }
    drop(last);
    make_old(&heap);
    let mut cycle = cycle_at(&heap, Phase::Mark, || 1000);
    let mut slices = 0;
    loop {
        let mut budget = Budget::new(7);
        if mark_reachable(heap.core(), &mut cycle, &mut budget) {
            break;
        }
        assert!(budget.is_spent());
        assert_eq!(cycle.pinned, cycle.work.grey.len());
        slices += 1;
    }
    assert!((9..40).contains(&slices), "{slices}");
    cycle.give_up(heap.core());
}

#[derive(Trace)]
struct Calls(std::cell::RefCell<Option<Gc<Calls>>>);

impl Callback for Calls {
    fn call(&self, _: &Heap) {}
}

#[test]
fn a_reference_reaches_its_callback_and_an_ephemeron_its_value_with_its_key() {
    for (key_lives, pair_lives) in [(true, true), (true, false), (false, true), (false, false)] {
        // Which of key and value is met first is a matter of addresses.
        for key_first in [true, false] {
            let heap = heap(1000);
            let calls = heap.alloc(Calls(Default::default()));
            let (a, b) = (node(&heap), node(&heap));
            let (key, value) = if key_first { (a, b) } else { (b, a) };
            link(&key, &key);
            link(&value, &value);
            let pair = Ephemeron::new(&key, value.clone());
            let watch = Gc::downgrade_with(&key, calls.clone());
            let ring = node(&heap);
            link(&ring, &ring);
            ring.slots.borrow_mut().push(Ephemeron::erase(pair.clone()));
            ring.slots.borrow_mut().push(Weak::erase(watch.clone()));
            make_old(&heap);
            let objects = [object(&value), object(&key), object(&calls)];
            drop((calls, value, ring));
            let key = key_lives.then_some(key);
            let pair = pair_lives.then_some((pair, watch));
            let cycle = cycle_at(&heap, Phase::Gather, || 1);
            // SAFETY: nothing was freed.
            let reached = objects.map(|it| unsafe { it.as_ref() }.has(REACHED));
            let expected = [key_lives && pair_lives, key_lives, pair_lives];
            assert_eq!(reached, expected);
            cycle.give_up(heap.core());
            drop((key, pair));
            make_old(&heap);
            assert_eq!(heap.live_objects(), 0);
        }
    }
}

#[test]
fn reached_is_what_the_cycle_does_not_know_or_has_found() {
    let heap = heap(100);
    let it = node(&heap);
    let header = it.header_ref();
    for (bits, reached) in [
        (0, true),
        (State::Cycle as u32, false),
        (State::Cycle as u32 | REACHED, true),
    ] {
        header.scratch.set(bits);
        assert_eq!(is_reached(header), reached);
    }
    header.scratch.set(0);
}
