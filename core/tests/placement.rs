//! Objects of every size, alignment and number of types find room, keep their bytes, and cost no more memory than promised.

use std::cell::{Cell, RefCell};

use exuvia_core::{AllocError, Gc, GcAny, Heap, HeapVec, Mode, Trace, Weak};

const MODES: [Mode; 3] = [Mode::Pages, Mode::System, Mode::Debug];

fn each_mode(run: impl Fn(&Heap)) {
    for mode in MODES {
        let heap = Heap::builder().mode(mode).enabled(false).build();
        run(&heap);
        heap.collect_all();
        assert_eq!(heap.live_objects(), 0, "{mode:?}");
        heap.verify().unwrap();
    }
}

/// A value of `N` bytes with a reference, so that it is examined and may be in a ring.
#[derive(Trace)]
struct Sized<const N: usize> {
    me: RefCell<Option<Gc<Sized<N>>>>,
    bytes: [u8; N],
}

fn sized<const N: usize>(heap: &Heap, fill: u8) -> Gc<Sized<N>> {
    let object = heap.alloc(Sized {
        me: RefCell::new(None),
        bytes: [fill; N],
    });
    *object.me.borrow_mut() = Some(object.clone());
    object
}

fn objects_of_size_keep_their_bytes<const N: usize>(heap: &Heap) {
    let objects: Vec<Gc<Sized<N>>> = (0..100).map(|i| sized(heap, i)).collect();
    // Every other one goes, and others come in their place.
    let mut kept = Vec::new();
    for (index, object) in objects.into_iter().enumerate() {
        if index % 2 == 0 {
            kept.push((index, object));
        }
    }
    assert_eq!(heap.collect_all(), 50, "{N} bytes");
    let newcomers: Vec<Gc<Sized<N>>> = (0..100).map(|_| sized(heap, 255)).collect();
    heap.verify().unwrap();
    for (index, object) in kept {
        assert!(
            object.bytes.iter().all(|&byte| usize::from(byte) == index),
            "{N} bytes"
        );
        assert!(GcAny::size(&Gc::erase(object)) >= size_of::<Sized<N>>());
    }
    drop(newcomers);
    assert_eq!(heap.collect_all(), 150, "{N} bytes");
}

#[test]
fn objects_of_any_size_keep_their_bytes() {
    each_mode(|heap| {
        objects_of_size_keep_their_bytes::<0>(heap);
        objects_of_size_keep_their_bytes::<1>(heap);
        objects_of_size_keep_their_bytes::<24>(heap);
        objects_of_size_keep_their_bytes::<488>(heap);
        objects_of_size_keep_their_bytes::<1_000>(heap);
        objects_of_size_keep_their_bytes::<4_096>(heap);
        objects_of_size_keep_their_bytes::<40_000>(heap);
        objects_of_size_keep_their_bytes::<66_000>(heap);
        objects_of_size_keep_their_bytes::<200_000>(heap);
    });
}

#[test]
fn objects_without_any_bytes_are_objects_all_the_same() {
    each_mode(|heap| {
        let nothing: Vec<Gc<()>> = (0..1_000).map(|_| heap.alloc(())).collect();
        assert!(!Gc::ptr_eq(&nothing[0], &nothing[1]));
        assert_eq!(heap.live_objects(), 1_000);
        let weak = Gc::downgrade(&nothing[500]);
        drop(nothing);
        assert!(weak.is_dead());
    });
}

/// A value with an alignment of its own.
macro_rules! aligned {
    ($($name:ident $align:literal),*) => {$(
        #[derive(Trace)]
        #[repr(align($align))]
        struct $name {
            me: RefCell<Option<Gc<$name>>>,
            number: u64,
        }

        impl $name {
            fn are_aligned_and_intact(heap: &Heap) {
                let make = |number| {
                    let object = heap.alloc($name { me: RefCell::new(None), number });
                    *object.me.borrow_mut() = Some(object.clone());
                    object
                };
                let objects: Vec<Gc<$name>> = (0..50).map(make).collect();
                let weak: Vec<Weak<$name>> = objects.iter().map(Gc::downgrade).collect();
                heap.verify().unwrap();
                for (object, number) in objects.iter().zip(0..) {
                    assert_eq!(std::ptr::from_ref::<$name>(object).addr() % $align, 0);
                    assert_eq!(object.number, number);
                }
                drop(objects);
                assert_eq!(heap.collect_all(), 50, "align {}", $align);
                assert!(weak.iter().all(Weak::is_dead));
                drop(weak);
                heap.collect_all();
            }
        }
    )*};
}
aligned!(Align16 16, Align32 32, Align64 64, Align512 512, Align4096 4096, Align65536 65536);

#[test]
fn objects_of_any_alignment_are_aligned() {
    each_mode(|heap| {
        Align16::are_aligned_and_intact(heap);
        Align32::are_aligned_and_intact(heap);
        Align64::are_aligned_and_intact(heap);
        Align512::are_aligned_and_intact(heap);
        Align4096::are_aligned_and_intact(heap);
        Align65536::are_aligned_and_intact(heap);
    });
}

#[test]
fn an_empty_heap_is_small_and_a_thousand_types_share_pages() {
    const EMPTY_BYTES: usize = 64 << 10;
    const THOUSAND_TYPES_BYTES: usize = 1 << 20;

    macro_rules! thousand {
        ($heap:ident, $kept:ident, $($hundreds:literal)*) => {$(
            hundred::<$hundreds>($heap, &mut $kept);
        )*};
    }
    fn hundred<const H: usize>(heap: &Heap, kept: &mut Vec<GcAny>) {
        macro_rules! ten {
            ($($tens:literal)*) => {$( one_to_ten::<H, $tens>(heap, kept); )*};
        }
        ten!(0 1 2 3 4 5 6 7 8 9);
    }
    fn one_to_ten<const H: usize, const T: usize>(heap: &Heap, kept: &mut Vec<GcAny>) {
        macro_rules! one {
            ($($ones:literal)*) => {$( kept.push(Gc::erase(heap.alloc(Typed::<H, T, $ones>(Cell::new(None))))); )*};
        }
        one!(0 1 2 3 4 5 6 7 8 9);
    }
    #[derive(Trace)]
    struct Typed<const H: usize, const T: usize, const O: usize>(Cell<Option<GcAny>>);

    let heap = &Heap::new();
    assert!(heap.memory().footprint_bytes <= EMPTY_BYTES);
    drop(heap.alloc(1));
    assert!(
        heap.memory().footprint_bytes <= EMPTY_BYTES,
        "one object, one page"
    );
    let mut kept = Vec::new();
    thousand!(heap, kept, 0 1 2 3 4 5 6 7 8 9);
    assert_eq!(heap.census().len(), 1_000);
    let footprint = heap.memory().footprint_bytes;
    assert!(footprint <= THOUSAND_TYPES_BYTES, "{footprint} bytes");
    assert!(kept[123].is::<Typed<1, 2, 3>>() && !kept[123].is::<Typed<1, 2, 4>>());
    heap.verify().unwrap();
    drop(kept);
    assert_eq!(heap.live_objects(), 0);
}

#[test]
fn a_heap_at_its_limit_refuses_and_goes_on_after_a_death() {
    for mode in MODES {
        let heap = Heap::builder()
            .mode(mode)
            .enabled(false)
            .limit_bytes(4 << 20)
            .build();
        let mut objects = Vec::new();
        let refused = loop {
            match heap.try_alloc(Sized::<1_000> {
                me: RefCell::new(None),
                bytes: [7; 1_000],
            }) {
                Ok(object) => objects.push(object),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(refused, AllocError::Limit { .. }),
            "{mode:?}: {refused}"
        );
        assert!(
            objects.len() > 1_000,
            "{mode:?}: {} objects in 4 MiB",
            objects.len()
        );
        let large = HeapVec::<u64>::new().try_set_capacity(&heap, 1 << 20);
        assert!(matches!(large, Err(AllocError::Limit { .. })), "{mode:?}");
        heap.verify().unwrap();
        assert!(heap.memory().peak_footprint_bytes <= 4 << 20, "{mode:?}");
        let half = objects.len() / 2;
        objects.truncate(half);
        for _ in 0..half / 2 {
            objects.push(sized(&heap, 8));
        }
        assert!(objects[..half].iter().all(|object| object.bytes[999] == 7));
        objects.clear();
        heap.collect_all();
        assert_eq!(heap.live_objects(), 0, "{mode:?}");
    }
}

#[test]
fn memory_of_dead_objects_goes_back_to_the_system() {
    let heap = Heap::builder().enabled(false).build();
    let objects: Vec<Gc<Sized<24>>> = (0..500_000).map(|_| sized(&heap, 1)).collect();
    let full = heap.memory().footprint_bytes;
    drop(objects);
    assert_eq!(heap.collect_all(), 500_000);
    let empty = heap.memory();
    assert!(
        empty.footprint_bytes * 20 < full,
        "{} of {full} bytes are kept",
        empty.footprint_bytes
    );
    assert_eq!(empty.live_blocks, 0);
    heap.verify().unwrap();
}

#[test]
fn a_panic_while_items_of_a_tail_are_made_leaves_nothing_behind() {
    each_mode(|heap| {
        let counted = heap.alloc(5_u64);
        let items = (0..100).map(|index| {
            assert!(index < 60, "meant");
            // User code in the middle of the construction: it collects, and fills pages.
            heap.collect_all();
            drop(heap.alloc(index));
            Some(counted.clone())
        });
        struct Exact<I>(I);
        impl<I: Iterator> Iterator for Exact<I> {
            type Item = I::Item;
            fn next(&mut self) -> Option<I::Item> {
                self.0.next()
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                (100, Some(100))
            }
        }
        impl<I: Iterator> ExactSizeIterator for Exact<I> {}
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            heap.alloc_with_tail(1_u32, Exact(items))
        }));
        std::panic::set_hook(hook);
        assert!(outcome.is_err());
        assert_eq!(Gc::ref_count(&counted), 1);
        assert_eq!(heap.live_objects(), 1);
        heap.verify().unwrap();

        // An iterator that lies about its length fills no more and no fewer places than there are.
        let short = heap.alloc_with_tail(2_u32, Exact((0..3).map(|_| Some(counted.clone()))));
        assert_eq!(short.tail().iter().flatten().count(), 3);
        let long = heap.alloc_with_tail(3_u32, Exact((0..1_000).map(|_| Some(counted.clone()))));
        assert!((100..200).contains(&long.tail().len()));
        drop((short, long));
        assert_eq!(Gc::ref_count(&counted), 1);
    });
}

#[test]
fn pages_of_an_arena_that_was_given_back_are_in_no_list() {
    const ARENAS: usize = 3;
    const ARENA_BYTES: usize = 4 << 20;
    for collected in [None, Some(0), Some(1)] {
        let heap = Heap::builder().enabled(false).build();
        let count = ARENAS * ARENA_BYTES / 2048;
        let objects: Vec<Gc<Sized<2000>>> = (0..count)
            .map(|_| {
                heap.alloc(Sized {
                    me: RefCell::new(None),
                    bytes: [1; 2000],
                })
            })
            .collect();
        let arenas = heap.memory().arenas;
        assert!(arenas >= ARENAS);
        // Their pages are listed as young, as middle, or as holding suspects.
        if let Some(generation) = collected {
            heap.collect(generation).unwrap();
        }
        drop(objects);
        assert!(heap.memory().arenas < arenas, "{collected:?}");
        for generation in 0..3 {
            assert_eq!(heap.collect(generation).unwrap(), 0);
            heap.verify().unwrap();
        }
    }
}

#[test]
fn suspects_of_other_arenas_stay_listed_when_one_is_given_back() {
    const ARENA_BYTES: usize = 4 << 20;
    let heap = Heap::builder().enabled(false).build();
    let object = || {
        heap.alloc(Sized::<2000> {
            me: RefCell::new(None),
            bytes: [1; 2000],
        })
    };
    let garbage: Vec<_> = (0..3).map(|_| object()).collect();
    let others: Vec<_> = (0..4 * ARENA_BYTES / 2048).map(|_| object()).collect();
    heap.collect_all();
    for it in &garbage {
        *it.me.borrow_mut() = Some(it.clone());
    }
    // Old suspects: only the list of their pages leads to them.
    drop(garbage);
    let arenas = heap.memory().arenas;
    drop(others);
    assert!(heap.memory().arenas < arenas);
    heap.verify().unwrap();
    assert_eq!(heap.collect_all(), 3);
}
