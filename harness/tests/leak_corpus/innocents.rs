//! Programs that grow and do not leak: what fills, turns, is made once or late.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use exuvia_core::object::{Dict, List, Str, Value};
use exuvia_core::{Gc, Heap, Root, Trace};
use exuvia_harness::Rng;

use super::leaks::{Lost, lost};

#[derive(Trace)]
struct Cache {
    by_key: RefCell<HashMap<u64, Gc<Lost>>>,
    ring: RefCell<VecDeque<Gc<Lost>>>,
    pool: RefCell<Vec<Gc<Lost>>>,
    single: RefCell<Option<Gc<Lost>>>,
}

fn cache(heap: &Heap) -> Root<Cache> {
    heap.root(
        "cache",
        heap.alloc(Cache {
            by_key: RefCell::default(),
            ring: RefCell::default(),
            pool: RefCell::default(),
            single: RefCell::default(),
        }),
    )
}

type Program = Box<dyn FnMut(&Heap)>;

/// A cache of so many keys, asked for uniformly.
fn filling(heap: &Heap, keys: u64, seed: u64) -> Program {
    let (cache, mut rng) = (cache(heap), Rng::with_seed(seed));
    Box::new(move |heap| {
        let key = rng.u64(0..keys);
        cache
            .by_key
            .borrow_mut()
            .entry(key)
            .or_insert_with(|| lost(heap));
    })
}

/// The last so many objects.
fn ring(heap: &Heap, size: usize) -> Program {
    let cache = cache(heap);
    Box::new(move |heap| {
        let ring = &mut *cache.ring.borrow_mut();
        ring.push_back(lost(heap));
        if ring.len() > size {
            ring.pop_front();
        }
    })
}

/// Strings interned from a vocabulary.
fn interning(words: u64, seed: u64) -> Program {
    let mut rng = Rng::with_seed(seed);
    Box::new(move |heap| drop(Str::intern(heap, &format!("word {}", rng.u64(0..words)))))
}

/// A list that doubles its room and is cleared when full.
fn doubling(heap: &Heap, limit: usize) -> Program {
    let list = heap.root("buffer", List::new(heap));
    Box::new(move |heap| {
        list.push(heap, Value::from(Gc::erase(lost(heap))));
        if list.len() >= limit {
            list.clear();
        }
    })
}

/// Objects taken from a pool and given back; the pool keeps so many.
fn pooled(heap: &Heap, most: usize, seed: u64) -> Program {
    let (cache, mut rng) = (cache(heap), Rng::with_seed(seed));
    Box::new(move |heap| {
        let wanted = rng.usize(1..=most);
        let pool = &cache.pool;
        let mut taken: Vec<_> = (0..wanted)
            .map(|_| pool.borrow_mut().pop().unwrap_or_else(|| lost(heap)))
            .collect();
        pool.borrow_mut().append(&mut taken);
    })
}

/// Cycles that only a collection frees.
fn late(length: usize) -> Program {
    Box::new(move |heap| {
        let first = lost(heap);
        let mut last = first.clone();
        for _ in 1..length {
            let next = lost(heap);
            *last.next.borrow_mut() = Some(next.clone());
            last = next;
        }
        *last.next.borrow_mut() = Some(first);
    })
}

/// A memo table over a skewed choice of keys: still fills when the check ends, ever more slowly.
fn memo(heap: &Heap, keys: u64, seed: u64) -> Program {
    let (table, mut rng) = (heap.root("memo", Dict::new(heap)), Rng::with_seed(seed));
    Box::new(move |heap| {
        let key = Value::small((rng.u64(0..keys).min(rng.u64(0..keys))) as i64);
        if !table.contains(&key) {
            table.insert(heap, key, Value::from(Gc::erase(lost(heap))));
        }
    })
}

/// One object, made when it is first needed, and again once in so many iterations.
fn lazy(heap: &Heap, renewed: u64) -> Program {
    let (cache, mut iteration) = (cache(heap), 0);
    Box::new(move |heap| {
        iteration += 1;
        if iteration % renewed == 1 {
            *cache.single.borrow_mut() = Some(lost(heap));
        }
    })
}

/// A double buffer: everything is made anew and the old thrown away.
fn renewed(heap: &Heap, size: usize) -> Program {
    let cache = cache(heap);
    Box::new(move |heap| {
        let fresh: Vec<_> = (0..size).map(|_| lost(heap)).collect();
        *cache.pool.borrow_mut() = fresh;
    })
}

/// Handles that native code has for a while and gives back, some as tokens; at most so many are out.
fn lent(most: usize) -> Program {
    let (mut handles, mut tokens) = (VecDeque::new(), VecDeque::new());
    Box::new(move |heap| {
        handles.push_back(heap.native("library", lost(heap)));
        tokens.push_back(heap.native("callback", lost(heap)).into_token());
        if handles.len() > most {
            drop(handles.pop_front());
            let token = tokens.pop_front().expect("as many as handles");
            drop(heap.native_from_token::<Lost>(token));
        }
    })
}

/// A pool of this thread that keeps so many handles, which nobody declared.
fn thread_local_pool(most: usize) -> Program {
    thread_local! {
        static KEPT: RefCell<Vec<Gc<Lost>>> = const { RefCell::new(Vec::new()) };
    }
    KEPT.take();
    Box::new(move |heap| {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() < most {
                kept.push(lost(heap));
            }
        });
    })
}

/// Names and programs; `seed` moves everything that is random.
pub(crate) fn innocents(heap: &Heap, seed: u64) -> Vec<(&'static str, Program)> {
    vec![
        ("cache of 50", filling(heap, 50, seed)),
        ("cache of 500", filling(heap, 500, seed)),
        ("cache of 2,000", filling(heap, 2_000, seed)),
        ("ring of 1", ring(heap, 1)),
        ("ring of 300", ring(heap, 300)),
        ("ring of 3,000", ring(heap, 3_000)),
        ("intern table of 200", interning(200, seed)),
        ("intern table of 2,000", interning(2_000, seed)),
        ("buffer of 64", doubling(heap, 64)),
        ("buffer of 1,000", doubling(heap, 1_000)),
        ("pool of 4", pooled(heap, 4, seed)),
        ("pool of 100", pooled(heap, 100, seed)),
        ("rings of 1", late(1)),
        ("rings of 10", late(10)),
        ("memo of 1,000", memo(heap, 1_000, seed)),
        ("memo of 20,000", memo(heap, 20_000, seed)),
        ("singleton", lazy(heap, u64::MAX)),
        ("renewed every 100", lazy(heap, 100)),
        ("double buffer of 10", renewed(heap, 10)),
        ("double buffer of 1", renewed(heap, 1)),
        ("handles lent to native code, 1", lent(1)),
        ("handles lent to native code, 200", lent(200)),
        ("thread-local pool of 300", thread_local_pool(300)),
        ("nothing kept", Box::new(|heap: &Heap| drop(lost(heap)))),
    ]
}
