use std::collections::BTreeSet;

use super::super::Phase;
use super::super::testing::{Node, cycle_at, heap, link, make_old, node, nodes, object};
use super::*;
use crate::{Callback, Ephemeron, Gc, Heap, Trace, Weak};

/// Which places an array of edges leads to from each, itself included.
fn reach(edges: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
    let from = |start: usize| {
        let (mut seen, mut left) = (BTreeSet::from([start]), vec![start]);
        while let Some(place) = left.pop() {
            left.extend(edges[place].iter().filter(|&&next| seen.insert(next)));
        }
        seen
    };
    (0..edges.len()).map(from).collect()
}

/// The components that a search hands out one by one.
fn components(order: &mut Order, members: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    while !order.is_done(members) {
        all.push(order.take(members, 1));
        assert!(!all.last().unwrap().is_empty(), "at least one");
    }
    assert!(order.take(members, 1).is_empty(), "all were handed out");
    order.next = 0;
    all
}

/// Compares a search with what reaches what: members of a component reach each
/// other, and none reaches an earlier component.
fn check_order(cycle: &mut Cycle, edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let reach = reach(edges);
    let found = components(&mut cycle.order, edges.len());
    let all: BTreeSet<_> = found.iter().flatten().copied().collect();
    assert_eq!(all.len(), found.iter().map(Vec::len).sum::<usize>(), "once");
    assert_eq!(all, (0..edges.len()).collect(), "every member");
    for (index, component) in found.iter().enumerate() {
        let first = component[0];
        let mutual =
            |&other: &usize| reach[first].contains(&other) && reach[other].contains(&first);
        let whole: BTreeSet<_> = (0..edges.len()).filter(mutual).collect();
        assert_eq!(whole, component.iter().copied().collect());
        for later in found[index + 1..].iter().flatten() {
            assert!(!reach[*later].contains(&first), "predecessors first");
        }
    }
    found
}

/// The places of objects that all are suspected.
fn places(cycle: &Cycle, nodes: &[NonNull<Header>]) -> Vec<usize> {
    let place = |&node: &NonNull<Header>| cycle.suspected.place(node).expect("suspected");
    nodes.iter().map(place).collect()
}

/// A graph of nodes that nothing holds, and its edges by place.
fn garbage(heap: &Heap, random: &mut fastrand::Rng) -> (Cycle, Vec<Vec<usize>>) {
    let count = random.usize(1..120);
    let held = nodes(heap, count);
    let mut edges = vec![Vec::new(); count];
    // Each is in a ring of its own, so that no count falls to zero.
    for (index, from) in held.iter().enumerate() {
        link(from, from);
        edges[index].push(index);
    }
    for _ in 0..random.usize(0..2 * count) {
        let (from, to) = (random.usize(..count), random.usize(..count));
        link(&held[from], &held[to]);
        edges[from].push(to);
    }
    make_old(heap);
    let objects: Vec<_> = held.iter().map(object).collect();
    drop(held);
    let cycle = cycle_at(heap, Phase::Order, || random.usize(1..50));
    let places = places(&cycle, &objects);
    let mut by_place = vec![Vec::new(); count];
    for (index, ends) in edges.into_iter().enumerate() {
        by_place[places[index]] = ends.into_iter().map(|end| places[end]).collect();
    }
    (cycle, by_place)
}

#[test]
fn components_of_random_graphs_are_found_predecessors_first() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = heap(100_000);
        let (mut cycle, edges) = garbage(&heap, &mut random);
        while !order_suspected(&mut cycle, &mut Budget::new(random.usize(1..30))) {}
        check_order(&mut cycle, &edges);
        cycle.phase = Phase::Free;
        cycle.give_up(heap.core());
        make_old(&heap);
        assert_eq!(heap.live_objects(), 0);
    }
}

#[test]
fn batches_are_as_many_whole_components_as_there_is_room_for() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..200 {
        let sizes: Vec<usize> = (0..random.usize(1..30))
            .map(|_| random.usize(1..9))
            .collect();
        let members = sizes.iter().sum();
        let mut order = Order::default();
        assert!(order.begin(members));
        // Places in reverse, so that they are told from numbers.
        order.places = (0..members as u32).rev().collect();
        let mut start = 0;
        for &size in &sizes {
            order.places[start] |= FIRST;
            start += size;
        }
        let (mut start, mut next) = (0, 0);
        while next < sizes.len() {
            assert!(!order.is_done(members));
            let room = random.usize(0..20);
            let mut count = sizes[next];
            next += 1;
            while next < sizes.len() && count + sizes[next] <= room {
                count += sizes[next];
                next += 1;
            }
            let expected: Vec<_> = (start..start + count).map(|at| members - 1 - at).collect();
            assert_eq!(order.take(members, room), expected);
            start += count;
        }
        assert!(order.is_done(members));
        assert!(order.take(members, 9).is_empty());
    }
    // What does not fit into memory is not begun.
    assert!(!Order::default().begin(usize::MAX));
    // Where nothing was ordered all are one.
    let mut order = Order::default();
    assert!(!order.is_done(5));
    assert_eq!(order.take(5, 1), [0, 1, 2, 3, 4]);
    assert!(order.is_done(5) && order.take(5, 1).is_empty());
}

#[test]
fn a_search_costs_four_for_a_member_and_a_quarter_for_an_edge() {
    for (edges, again) in [(0, 0), (3, 0), (4, 0), (9, 0), (9, 5)] {
        let heap = heap(100_000);
        let hub = node(&heap);
        link(&hub, &hub);
        let rims = nodes(&heap, edges);
        for rim in &rims {
            link(rim, rim);
            link(&hub, rim);
        }
        // Back to what is met already: no step.
        for _ in 0..again {
            link(&hub, &hub);
        }
        make_old(&heap);
        let at = object(&hub);
        drop((hub, rims));
        let mut cycle = cycle_at(&heap, Phase::Order, || 1000);
        let place = cycle.suspected.place(at).expect("suspected") as u32;
        let (suspected, order) = (&cycle.suspected, &mut cycle.order);
        assert!(order.begin(suspected.members.len()));
        let mut budget = Budget::new(1000);
        order.enter(suspected, place, &mut budget);
        assert_eq!(budget.left(), 1000 - 2 - edges / 4);
        assert_eq!(order.steps.len(), 1 + edges);
        // It is entered once.
        order.enter(suspected, place, &mut budget);
        assert_eq!(budget.left(), 1000 - 2 - edges / 4);
        assert_eq!((order.met, order.stack_end), (1, 1));
        order.leave(suspected, place, 1, &mut budget);
        assert_eq!(budget.left(), 1000 - 4 - edges / 4);
        cycle.order = Order::default();
        cycle.give_up(heap.core());
    }
}

#[derive(Trace)]
struct Ignores;

impl Callback for Ignores {
    fn call(&self, _: &Heap) {}
}

/// What a suspected object's search leads to, as objects.
fn successors(cycle: &Cycle, of: NonNull<Header>) -> Vec<NonNull<Header>> {
    let place = cycle.suspected.place(of).expect("suspected");
    let mut found = Vec::new();
    each_successor(&cycle.suspected, place as u32, |next| {
        found.push(cycle.suspected.members[next]);
    });
    found.sort();
    found
}

fn sorted(objects: &[NonNull<Header>]) -> Vec<NonNull<Header>> {
    let mut objects = objects.to_vec();
    objects.sort();
    objects
}

fn kept_by(holder: &Gc<Node>, thing: crate::GcAny) {
    holder.slots.borrow_mut().push(thing);
}

#[test]
fn a_reference_that_calls_back_goes_before_its_referent() {
    for (calls, referent_is_held) in [(false, false), (true, false), (true, true)] {
        let heap = heap(100_000);
        let (holder, target) = (node(&heap), node(&heap));
        link(&holder, &holder);
        link(&target, &target);
        let callback = heap.alloc(Ignores);
        let reference: Weak<Node> = match calls {
            true => Gc::downgrade_with(&target, callback.clone()),
            false => Gc::downgrade(&target),
        };
        let reference = Weak::erase(reference);
        let header = NonNull::from(reference.header_ref());
        kept_by(&holder, reference);
        make_old(&heap);
        let objects = (object(&holder), object(&target));
        drop(holder);
        let held = referent_is_held.then(|| target.clone());
        drop((target, callback));
        let cycle = cycle_at(&heap, Phase::Order, || 1000);
        assert_eq!(successors(&cycle, objects.0), sorted(&[objects.0, header]));
        let ends: &[_] = if calls && held.is_none() {
            &[objects.1]
        } else {
            &[]
        };
        assert_eq!(successors(&cycle, header), ends);
        cycle.give_up(heap.core());
        drop(held);
        make_old(&heap);
        assert_eq!(heap.live_objects(), 0);
    }
}

#[test]
fn a_key_goes_before_its_ephemerons_or_their_values() {
    for held in [false, true] {
        let heap = heap(100_000);
        let (key, value, holder) = (node(&heap), node(&heap), node(&heap));
        link(&key, &key);
        link(&value, &value);
        link(&value, &key);
        link(&holder, &holder);
        let pair = Ephemeron::new(&key, value.clone());
        let erased = Ephemeron::erase(pair.clone());
        let header = NonNull::from(erased.header_ref());
        kept_by(&holder, erased);
        make_old(&heap);
        let objects = (object(&key), object(&value));
        drop((key, value, holder));
        let pair = held.then_some(pair);
        let mut cycle = cycle_at(&heap, Phase::Order, || 1000);
        let end = if held { objects.1 } else { header };
        assert_eq!(successors(&cycle, objects.0), sorted(&[objects.0, end]));
        if !held {
            assert_eq!(successors(&cycle, header), [objects.1], "not the key");
        }
        // The key and a value that leads back to it are one.
        while !order_suspected(&mut cycle, &mut Budget::new(5)) {}
        let members = cycle.suspected.members.len();
        let sizes: Vec<_> = components(&mut cycle.order, members)
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes.iter().max(), Some(&if held { 2 } else { 3 }));
        cycle.phase = Phase::Free;
        cycle.give_up(heap.core());
        drop(pair);
        make_old(&heap);
        assert_eq!(heap.live_objects(), 0);
    }
}
