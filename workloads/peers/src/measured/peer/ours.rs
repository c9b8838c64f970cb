//! This heap, in one configuration for every work: thresholds and tracking as they come, and 64 other types in the pages.

use std::cell::Cell;

use exuvia_core::{Gc, GcAny, Heap, Trace};

use super::Peer;
use super::place::Place;

/// The heap, with a crowd of objects of other types.
pub(crate) struct Ours {
    heap: Heap,
    roots: Vec<Gc<Node>>,
    _crowd: Vec<GcAny>,
}

#[derive(Trace)]
pub(crate) struct Node {
    a: Cell<Option<Gc<Node>>>,
    b: Cell<Option<Gc<Node>>>,
    #[trace(leaf)]
    value: u64,
}

const _: () = assert!(size_of::<Node>() == 24);

/// One of the many types that a program has besides the measured one.
#[derive(Trace)]
#[expect(dead_code, reason = "the fields are there for their size")]
struct Other<const TYPE: usize, const WORDS: usize> {
    #[trace(leaf)]
    words: [u64; WORDS],
    link: Option<Gc<Node>>,
}

/// Objects of each other type.
const OF_EACH: usize = 64;

/// A heap on which 64 other types have objects, interleaved.
pub(in crate::measured) fn crowded_heap() -> (Heap, Vec<GcAny>) {
    crowded(Heap::new())
}

fn crowded(heap: Heap) -> (Heap, Vec<GcAny>) {
    let mut crowd = Vec::new();
    macro_rules! types {
        ($($n:literal)*) => {$({
            let words = [$n; $n % 5 + 1];
            let other = Other::<$n, { $n % 5 + 1 }> { words, link: None };
            crowd.push(Gc::erase(heap.alloc(other)));
        })*};
    }
    for _ in 0..OF_EACH {
        types!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
        types!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
            61 62 63);
    }
    (heap, crowd)
}

/// Objects that one pause deals with where pauses are bounded.
const BOUND: usize = 10_000;

impl From<(Heap, Vec<GcAny>)> for Ours {
    fn from((heap, crowd): (Heap, Vec<GcAny>)) -> Ours {
        Ours {
            heap,
            roots: Vec::new(),
            _crowd: crowd,
        }
    }
}

impl Peer for Ours {
    const HAS_BOUND: bool = true;
    type Ref<'gc> = Gc<Node>;
    type Heap<'gc> = &'gc Heap;

    fn new() -> Self {
        crowded_heap().into()
    }

    fn bounded() -> Self {
        crowded(Heap::builder().bounded_pauses(BOUND).build()).into()
    }

    #[inline]
    fn enter<R>(&mut self, work: impl for<'gc> FnOnce(&'gc Heap, &mut Vec<Gc<Node>>) -> R) -> R {
        work(&self.heap, &mut self.roots)
    }

    #[inline]
    fn node<'gc>(
        heap: Self::Heap<'gc>,
        a: Option<Self::Ref<'gc>>,
        b: Option<Self::Ref<'gc>>,
        value: u64,
    ) -> Self::Ref<'gc> {
        heap.alloc(Node {
            a: Cell::new(a),
            b: Cell::new(b),
            value,
        })
    }

    #[inline]
    fn value(node: &Gc<Node>) -> u64 {
        node.value
    }

    #[inline]
    fn a<'gc>(node: &Self::Ref<'gc>) -> Option<Self::Ref<'gc>> {
        node.a.lend(|held| held.cloned())
    }

    #[inline]
    fn set_a<'gc>(_: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
        node.a.put(to);
    }

    #[inline]
    fn set_b<'gc>(_: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
        node.b.put(to);
    }

    fn count(node: &Gc<Node>) -> u64 {
        let under = |held: Option<&Gc<Node>>| held.map_or(0, Self::count);
        1 + node.a.lend(under) + node.b.lend(under)
    }

    fn collect(&mut self) -> Option<usize> {
        Some(self.heap.collect_all())
    }

    fn held_bytes(&self) -> Option<u64> {
        Some(self.heap.memory().live_bytes as u64)
    }
}
