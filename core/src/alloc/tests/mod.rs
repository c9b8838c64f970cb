//! What only speed or the system would tell: the fast paths serve, and serve
//! nothing else; beside it `accounts` of what is held, pages of an `arena`, the
//! blocks of a `page`, and the growth of a `vec`.

mod accounts;
mod arena;
pub(crate) mod page;
mod vec;

use std::alloc::Layout;
use std::cell::Cell;

use super::size_class::class_of;
use crate::gc::handle::GcBox;
use crate::gc::type_info::TypeInfo;
use crate::heap::core::HeapCore;
use crate::{Gc, Heap, HeapVec, Trace, Visitor};

#[derive(Trace)]
struct Node<const N: usize> {
    next: Cell<Option<Gc<Node<N>>>>,
    #[trace(leaf)]
    _bytes: [u8; N],
}

#[derive(Trace)]
#[repr(align(32))]
struct Aligned {
    #[trace(leaf)]
    _byte: u8,
}

/// Whether the fast path has a block for a `T`; it is given back.
fn is_served<T: Trace>(core: &HeapCore) -> bool {
    let layout = Layout::new::<GcBox<T>>();
    let block = core.take_cached(TypeInfo::of::<T>(), layout);
    if let Some(block) = block {
        // SAFETY: a block of this heap that nothing was written to.
        unsafe { core.give_object(block.as_ptr()) };
    }
    block.is_some()
}

fn node<const N: usize>(heap: &Heap) -> Gc<Node<N>> {
    heap.alloc(Node {
        next: Cell::new(None),
        _bytes: [0; N],
    })
}

#[test]
fn the_fast_path_serves_a_frequent_type_until_it_is_sent_away() {
    let heap = Heap::builder().enabled(false).build();
    let core = heap.core();
    assert!(!is_served::<Node<8>>(core));
    let few: Vec<_> = (0..32).map(|_| node::<8>(&heap)).collect();
    assert!(!is_served::<Node<8>>(core), "a rare type shares pages");
    let more: Vec<_> = (0..32).map(|_| node::<8>(&heap)).collect();
    assert!(is_served::<Node<8>>(core));
    assert!(!is_served::<Node<9>>(core), "another type");
    core.forget_cache();
    assert!(!is_served::<Node<8>>(core));
    drop((few, more));
    heap.verify().unwrap();
}

/// Alike in everything from which the cache chooses a line.
struct Twin<const N: usize>(#[allow(dead_code)] u64);

// SAFETY: it holds nothing.
unsafe impl<const N: usize> Trace for Twin<N> {
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

/// One more object, and which line of the cache led to its page. All in one
/// function, for each codegen unit may have a table of its own.
#[inline(never)]
fn twin<const N: usize>(heap: &Heap) -> (Gc<Twin<N>>, [bool; 2]) {
    let core = heap.core();
    let (info, layout) = (TypeInfo::of::<Twin<N>>(), Layout::new::<GcBox<Twin<N>>>());
    let leads = [
        core.take_cached(info, layout),
        core.take_cached_second(info, layout),
    ]
    .map(|block| {
        // SAFETY: a block of this heap that nothing was written to.
        block
            .map(|block| unsafe { core.give_object(block.as_ptr()) })
            .is_some()
    });
    (heap.alloc(Twin::<N>(0)), leads)
}

#[test]
fn two_frequent_types_that_share_a_line_are_both_served() {
    let heap = Heap::builder().enabled(false).build();
    let twins: Vec<_> = (0..100)
        .map(|_| (twin::<1>(&heap), twin::<2>(&heap)))
        .collect();
    for ((_, one), (_, other)) in &twins[40..] {
        assert_eq!(*one, [true, false]);
        assert_eq!(*other, [false, true]);
    }
    // The slow path looks there before it asks whether it may allocate.
    heap.core().fail_after.set(Some(0));
    drop(twin::<2>(&heap));
    heap.core().fail_after.set(None);
    drop(twins);
    heap.verify().unwrap();
}

#[test]
fn the_fast_path_serves_no_large_and_no_aligned_type() {
    let heap = Heap::builder().enabled(false).build();
    let large: Vec<_> = (0..64).map(|_| node::<9000>(&heap)).collect();
    let aligned: Vec<_> = (0..64).map(|_| heap.alloc(Aligned { _byte: 0 })).collect();
    assert!(!is_served::<Node<9000>>(heap.core()));
    assert!(!is_served::<Aligned>(heap.core()));
    drop((large, aligned));
}

#[test]
fn buffers_come_from_the_current_page_of_their_class() {
    let heap = Heap::builder().enabled(false).build();
    let core = heap.core();
    let class = class_of(64);
    assert!(core.take_cached_buffer(class).is_none());
    let buffer: HeapVec<u64> = HeapVec::with_capacity(&heap, 8);
    let page = core.buffer_pages[class].get();
    assert!(!page.is_null());
    // SAFETY: a current page is in use.
    let used = unsafe { &(*page).used };
    let before = used.get();
    let another: HeapVec<u64> = HeapVec::with_capacity(&heap, 8);
    assert_eq!(used.get(), before + 1);
    drop((buffer, another));
}
