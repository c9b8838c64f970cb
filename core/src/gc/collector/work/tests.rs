use std::collections::VecDeque;

use super::*;
use crate::{Gc, Heap};

#[test]
fn what_is_on_its_way_can_go_back_onto_the_stack() {
    let heap = Heap::builder().enabled(false).build();
    let headers: Vec<u64> = vec![0; 2 * AHEAD];
    let mut work = Work::new(heap.core(), 2);
    let mut all = objects(&headers);
    for &object in &all {
        work.push_grey(object);
    }
    // The first `bottom` entries stay where they are.
    let bottom = 10;
    let taken = work.next_grey_above(bottom).expect("an object");
    assert_eq!(work.grey.len(), AHEAD);
    let first = work.grey[..bottom].to_vec();
    work.return_ahead();
    assert_eq!(work.grey[..bottom], first);
    assert_eq!(
        work.next_grey_above(2 * AHEAD),
        None,
        "nothing is on its way"
    );
    let mut back = std::mem::take(&mut work.grey);
    back.push(taken);
    back.sort();
    all.sort();
    assert_eq!(back, all, "each once");
}

#[test]
fn what_is_fetched_comes_back_in_order_some_calls_later() {
    let headers: Vec<u64> = vec![0; 3 * AHEAD + 1];
    let objects = headers.iter().map(|header| NonNull::from(header).cast());
    let mut ahead = Ahead::default();
    let arrived: Vec<_> = objects
        .clone()
        .map(|object| ahead.exchange(object))
        .collect();
    assert!(arrived[..AHEAD].iter().all(Option::is_none));
    let arrived = arrived.into_iter().flatten();
    let all: Vec<NonNull<Header>> = arrived.chain(ahead.drain()).collect();
    assert!(all.into_iter().eq(objects));
}

/// Addresses that stand for objects: nothing looks at them.
fn objects(headers: &[u64]) -> Vec<NonNull<Header>> {
    headers.iter().map(|h| NonNull::from(h).cast()).collect()
}

#[test]
fn a_ring_gives_back_what_came_first() {
    let headers = [0; 4 * AHEAD];
    let mut waiting = objects(&headers).into_iter();
    let (mut ring, mut inside) = (Ahead::default(), VecDeque::new());
    assert_eq!(ring.pop(), None);
    for takes in [3, AHEAD, 5, AHEAD + 1] {
        while !ring.is_full()
            && let Some(object) = waiting.next()
        {
            ring.push(object);
            inside.push_back(object);
        }
        assert_eq!((ring.len, inside.len()), (AHEAD, AHEAD));
        for _ in 0..takes {
            assert_eq!(ring.pop(), inside.pop_front());
        }
    }
    assert!(!ring.is_full());
}

#[test]
fn grey_objects_come_out_once_and_the_last_only_when_asked() {
    let heap = Heap::new();
    let headers = [0; 3 * AHEAD];
    let mut work = Work::new(heap.core(), 2);
    objects(&headers)
        .into_iter()
        .for_each(|o| work.push_grey(o));
    let mut out: Vec<_> = std::iter::from_fn(|| work.next_grey_ahead()).collect();
    assert_eq!(
        out.len(),
        headers.len() - AHEAD + 1,
        "others are still fetched"
    );
    out.extend(std::iter::from_fn(|| work.next_grey()));
    out.sort_unstable();
    assert_eq!(out, objects(&headers));
}

#[test]
fn a_list_doubles_within_its_bounds() {
    let mut list = Vec::new();
    let mut grows = |most, limit| {
        list.resize(list.capacity(), NonNull::dangling());
        grow(&mut list, most, limit).then_some(list.capacity())
    };
    assert_eq!(grows(usize::MAX, 511), None);
    assert_eq!(grows(usize::MAX, 512), Some(512));
    assert_eq!(grows(usize::MAX, usize::MAX), Some(1024));
    assert_eq!(grows(usize::MAX, usize::MAX), Some(2048));
    assert_eq!(
        grows(100, usize::MAX),
        Some(2148),
        "no more than there can be"
    );
    assert_eq!(grows(10, 2157), None);
    assert_eq!(grows(10, 2158), Some(2158));
    let mut least = Vec::new();
    assert!(grow(&mut least, 1, 0) && least.capacity() == 1);
}

#[test]
fn a_candidate_starts_with_its_count_less_the_guard() {
    let heap = Heap::builder().enabled(false).build();
    let object = heap.alloc(1_u64);
    let header = object.header_ref();
    let key = NonNull::from(header).addr().get();
    let word = header.word.get();
    for (count, guards, large) in [
        (1, 0, false),
        (2, 1, false),
        (COPY_MAX - 1, 0, false),
        (COPY_MAX, 1, false),
        (COPY_MAX, 0, true),
        (COPY_MAX + 9, 1, true),
    ] {
        let mut work = Work::new(heap.core(), 2);
        work.guards = guards;
        header.word.set(count);
        work.mark_candidate(NonNull::from(header));
        let left = count - guards;
        assert_eq!(header.copied_count(), left.min(COPY_MAX));
        assert_eq!(work.large_counts.get(&key).copied(), large.then_some(left));
        assert!(header.is_marked(Mark::Pending) && work.examined == 1);
    }
    header.unmark();
    header.word.set(word);
}

#[test]
fn the_mark_stack_comes_back_through_a_queue_of_prefetches() {
    let heap = Heap::builder().enabled(false).build();
    let headers = vec![0; 3000];
    let objects = objects(&headers);
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut work = Work::new(heap.core(), 2);
        let (mut stack, mut queue) = (Vec::new(), VecDeque::new());
        for &object in &objects {
            for _ in 0..random.usize(..5) {
                work.push_grey(object);
                stack.push(object);
            }
            let bottom = random.usize(..30);
            let (got, expected) = match random.u8(..8) {
                0..3 => {
                    while queue.len() < AHEAD && !stack.is_empty() {
                        queue.extend(stack.pop());
                    }
                    (work.next_grey(), queue.pop_front())
                }
                3..5 => {
                    while queue.len() < AHEAD && stack.len() > bottom {
                        queue.extend(stack.pop());
                    }
                    (work.next_grey_above(bottom), queue.pop_front())
                }
                5..7 => {
                    while queue.len() < AHEAD && !stack.is_empty() {
                        queue.extend(stack.pop());
                    }
                    // Only what is far enough ahead is handed out.
                    let full = queue.len() == AHEAD;
                    let next = full.then(|| queue.pop_front()).flatten();
                    (work.next_grey_ahead(), next)
                }
                _ => {
                    stack.extend(queue.drain(..));
                    work.return_ahead();
                    (None, None)
                }
            };
            assert_eq!(got, expected);
            assert_eq!(work.grey, stack);
        }
    }
}

#[test]
fn a_closure_becomes_wide_above_its_limit_or_when_its_list_cannot_grow() {
    // (candidates above which it is wide, limit of lists) -> candidates in the list
    for (wide_above, limit, listed) in [
        (0, usize::MAX, 0),
        (5, usize::MAX, 5),
        (600, usize::MAX, 600),
        (5000, 600, 512),
        (5000, usize::MAX, 800),
    ] {
        let heap = Heap::builder().enabled(false).build();
        let held: Vec<Gc<u64>> = (0..800).map(|number| heap.alloc(number)).collect();
        heap.examine_widely_above(Some(wide_above));
        heap.core().list_limit.set(limit);
        let mut work = Work::new(heap.core(), 2);
        for (index, object) in held.iter().enumerate() {
            work.add_candidate(NonNull::from(object.header_ref()));
            assert_eq!(work.wide, index >= listed, "{wide_above} {limit}");
            assert_eq!(work.candidates.len(), listed.min(index + 1));
            assert_eq!(work.examined, index + 1);
        }
        let mut visited = Vec::new();
        work.wide = false;
        work.each_candidate(|work, object| {
            // What joins meanwhile is visited too.
            if visited.is_empty() {
                work.candidates.push(object);
            }
            visited.push(object);
        });
        assert_eq!(visited, work.candidates);
        assert_eq!(visited.len(), if listed == 0 { 0 } else { listed + 1 });
        held.iter().for_each(|object| object.header_ref().unmark());
    }
}

#[test]
fn an_edge_that_is_lost_is_marked_or_ends_the_cycle() {
    let heap = Heap::builder().enabled(false).build();
    let object = heap.alloc(1_u64);
    let header = object.header_ref();
    heap.core().list_limit.set(1);
    for (mark, incremental, lost, after) in [
        (Mark::Candidate, false, true, Mark::Grey),
        (Mark::Live, false, false, Mark::Live),
        (Mark::None, false, false, Mark::None),
        (Mark::Cycle, true, true, Mark::Cycle),
    ] {
        let mut work = Work::new(heap.core(), 2);
        work.incremental = incremental;
        header.set_mark(mark);
        work.push_grey(NonNull::from(header));
        assert!(header.is_marked(after));
        assert_eq!((work.grey_lost, work.grey.len()), (lost, 0));
        header.unmark();
    }
}

#[test]
fn members_of_a_list_are_all_there_is() {
    let heap = Heap::builder().enabled(false).build();
    let headers = [0; 5];
    let objects = objects(&headers);
    let work = Work::over(heap.core(), objects.clone());
    assert_eq!((work.candidates, work.oldest), (objects, -1));
}
