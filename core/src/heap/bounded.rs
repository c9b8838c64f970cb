//! What a heap with bounded pauses did, and its slices by hand.

use super::Heap;
use super::pauses::{Histogram, Pauses};

/// What a heap made by [`HeapBuilder::bounded_pauses`](crate::HeapBuilder::bounded_pauses) did so far.
///
/// ```
/// use std::cell::RefCell;
/// use exuvia_core::{Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Ring(RefCell<Option<Gc<Ring>>>);
///
/// let heap = Heap::builder().bounded_pauses(1000).build();
/// let ring = heap.alloc(Ring(RefCell::new(None)));
/// *ring.0.borrow_mut() = Some(ring.clone());
/// heap.collect_all(); // the ring is old now
/// drop(ring);
/// while !heap.collect_slice() {}
/// let did = heap.bounded_pauses().unwrap();
/// assert_eq!((did.cycles, did.freed, did.oversized), (1, 1, 0));
/// assert_eq!(heap.live_objects(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundedPauses {
    /// The bound: objects that a pause deals with.
    pub objects: usize,
    /// The slices: how many, wall time of one, of all, user code included.
    /// (Young and middle collections stand in [`Heap::pauses`].)
    pub slices: Pauses,
    /// Cycles that ended.
    pub cycles: u64,
    /// Cycles that were given up because a list could not grow or a `trace`
    /// panicked. Nothing was freed by them; a later one begins anew.
    pub abandoned: u64,
    /// Objects that cycles found unreachable.
    pub freed: u64,
    /// Batches they were looked at in.
    pub batches: u64,
    /// Pauses that dealt with more objects than the bound: batches that are one
    /// larger strongly connected set, and young or middle collections of more
    /// objects than that, after automatic collection was off.
    pub oversized: u64,
    /// Objects of the largest batch.
    pub largest: usize,
}

/// The counters behind [`BoundedPauses`].
pub(crate) struct Done {
    slices: Histogram,
    pub(crate) cycles: u64,
    pub(crate) abandoned: u64,
    pub(crate) freed: u64,
    pub(crate) batches: u64,
    pub(crate) oversized: u64,
    pub(crate) largest: usize,
}

impl Done {
    pub(crate) fn new() -> Done {
        Done {
            slices: Histogram::new(),
            cycles: 0,
            abandoned: 0,
            freed: 0,
            batches: 0,
            oversized: 0,
            largest: 0,
        }
    }

    pub(crate) fn note_slice(&mut self, ns: u64) {
        self.slices.add(ns, 0);
    }
}

impl Heap {
    /// What a heap with bounded pauses did so far; `None` on other heaps.
    pub fn bounded_pauses(&self) -> Option<BoundedPauses> {
        let bounded = self.core().bounded.as_ref()?;
        let done = bounded.done.borrow();
        Some(BoundedPauses {
            objects: bounded.most,
            slices: done.slices.pauses(),
            cycles: done.cycles,
            abandoned: done.abandoned,
            freed: done.freed,
            batches: done.batches,
            oversized: done.oversized,
            largest: done.largest,
        })
    }

    /// One slice of the incremental cycle of a heap with bounded pauses, as
    /// large as the bound allows; begins a cycle if none is under way. True when
    /// none is under way afterwards. For idle moments: the heap makes its slices
    /// by itself otherwise.
    ///
    /// Garbage of the old generation is freed by the end of the first cycle that
    /// begins after it became garbage, unless younger garbage refers to it.
    ///
    /// On other heaps it does nothing and says true; during a collection nothing
    /// and false.
    pub fn collect_slice(&self) -> bool {
        let core = self.core();
        match &core.bounded {
            Some(bounded) => core.collect_slice(bounded, bounded.most),
            None => true,
        }
    }
}
