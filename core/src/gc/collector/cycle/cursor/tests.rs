use std::collections::BTreeMap;

use super::super::testing::{heap, large, make_old, object};
use super::*;
use crate::alloc::arena::ARENA_BYTES;
use crate::{Gc, Heap};

/// What a walk meets, as addresses: of pages, then of registered objects.
fn walk(heap: &Heap) -> (Vec<usize>, Vec<usize>) {
    let (mut cursor, mut met) = (Cursor::default(), (Vec::new(), Vec::new()));
    while let Some(next) = cursor.next(heap.core()) {
        note(&mut met, &next);
    }
    met
}

fn note(met: &mut (Vec<usize>, Vec<usize>), next: &Met) {
    match next {
        Met::Page(page) => {
            assert!(met.1.is_empty(), "pages first");
            met.0.push(page.start.get().addr());
        }
        Met::Registered(object) => met.1.push(object.addr().get()),
    }
}

/// The pages that may hold a candidate, in address order.
fn pages(heap: &Heap) -> Vec<usize> {
    let mut pages = Vec::new();
    heap.core().each_page(|page| {
        if wide::holds_candidates(page) {
            pages.push(page.start.get().addr());
        }
    });
    pages.sort_unstable();
    pages
}

/// Two thousand to an arena.
#[derive(crate::Trace)]
struct Wide {
    slot: std::cell::RefCell<Option<Gc<Wide>>>,
    #[trace(leaf)]
    _bytes: [u8; 2000],
}

fn wides(heap: &Heap, count: usize) -> Vec<Gc<Wide>> {
    let wide = |_| {
        heap.alloc(Wide {
            slot: std::cell::RefCell::default(),
            _bytes: [0; 2000],
        })
    };
    (0..count).map(wide).collect()
}

#[test]
fn a_walk_meets_every_page_once_in_address_order_then_the_registry_from_its_end() {
    let heap = heap(100);
    let (registered, leaves) = (
        [large(&heap), large(&heap), large(&heap)],
        (0..20_000)
            .map(|it| heap.alloc(it as u64))
            .collect::<Vec<_>>(),
    );
    let held = wides(&heap, 5000);
    make_old(&heap);
    let met = walk(&heap);
    assert!(heap.memory().arenas >= 3, "several arenas");
    assert_eq!(met.0, pages(&heap));
    let mut registered = registered.map(|it| object(&it).addr().get());
    registered.reverse();
    assert_eq!(met.1, registered);
    drop((held, leaves));
}

#[test]
fn a_walk_goes_on_whatever_happens_to_pages_arenas_and_registry() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = heap(100);
        let mut held: Vec<_> = wides(&heap, random.usize(2000..15_000))
            .into_iter()
            .map(Some)
            .collect();
        let mut outside: Vec<_> = (0..30).map(|_| Some(large(&heap))).collect();
        make_old(&heap);
        let (before, outside_before) = (pages(&heap), objects(&outside));
        // How often each page and object was there when something happened.
        let mut lasted: BTreeMap<usize, usize> = BTreeMap::new();
        let mut times = 0;
        let (mut cursor, mut met) = (Cursor::default(), (Vec::new(), Vec::new()));
        while let Some(next) = cursor.next(heap.core()) {
            note(&mut met, &next);
            if random.u8(..24) > 0 {
                continue;
            }
            // Whole stretches, so that pages come free, or whole arenas.
            let from = random.usize(..held.len());
            let to = (from + random.usize(..2500)).min(held.len());
            if let (Some(it), true) = (held[from].clone(), random.bool()) {
                held.retain(|other| arena(other) != arena(&Some(it.clone())));
                held.push(None);
            } else {
                held[from..to].fill(None);
            }
            if random.u8(..4) == 0 {
                held.extend(wides(&heap, random.usize(..1500)).into_iter().map(Some));
            }
            let die = random.usize(..outside.len());
            outside[die] = None;
            times += 1;
            for address in pages(&heap).into_iter().chain(objects(&outside)) {
                *lasted.entry(address).or_default() += 1;
            }
        }
        assert!(met.0.is_sorted(), "in address order");
        assert!(
            met.0.windows(2).all(|pair| pair[0] != pair[1]),
            "at most once"
        );
        let all: Vec<_> = met.0.iter().chain(&met.1).copied().collect();
        let there = |address: &&usize| times == 0 || lasted.get(address) == Some(&times);
        for address in before.iter().chain(&outside_before).filter(there) {
            assert!(all.contains(address), "what stayed was met");
        }
        heap.verify().unwrap();
    }
}

/// The arena of an object that is there.
fn arena(of: &Option<Gc<Wide>>) -> Option<usize> {
    let address = of.as_ref().map(|it| object(it).addr().get());
    address.map(|address| address & !(ARENA_BYTES - 1))
}

fn objects(of: &[Option<Gc<super::super::testing::Large>>]) -> Vec<usize> {
    let address = |it: &Gc<_>| object(it).addr().get();
    of.iter().flatten().map(address).collect()
}
