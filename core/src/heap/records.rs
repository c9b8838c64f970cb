//! Plain numbers that the heap hands out.

use std::collections::VecDeque;

use super::Heap;
use super::core::HeapCore;

/// What the collections of one generation did so far (`gc.get_stats`).
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// heap.collect_all();
/// let [young, _, full] = heap.stats();
/// assert_eq!((young.collections, full.collections, full.collected), (0, 1, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GenerationStats {
    /// Collections of this generation.
    pub collections: u64,
    /// Objects found unreachable by them.
    pub collected: u64,
    /// Objects put into the garbage list instead of being freed.
    pub uncollectable: u64,
}

/// When a collection callback runs.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use exuvia_core::{Heap, Phase};
/// let heap = Heap::new();
/// let log = Rc::new(RefCell::new(Vec::new()));
/// let told = log.clone();
/// heap.add_callback(move |phase, _| told.borrow_mut().push(phase));
/// heap.collect_all();
/// assert_eq!(*log.borrow(), [Phase::Start, Phase::Stop]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before anything is examined.
    Start,
    /// After everything is done.
    Stop,
}

/// What a collection callback is told; both counts are 0 at the start.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let log = Rc::new(RefCell::new(Vec::new()));
/// let told = log.clone();
/// heap.add_callback(move |_, info| told.borrow_mut().push(*info));
/// heap.collect(1).unwrap();
/// let [start, stop] = log.take()[..] else { panic!() };
/// assert_eq!((start.generation, stop.generation, stop.collected), (1, 1, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Generation that is collected, with all younger ones.
    pub generation: usize,
    /// Objects found unreachable.
    pub collected: usize,
    /// Objects put into the garbage list.
    pub uncollectable: usize,
}

/// One collection.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// heap.collect(0).unwrap();
/// let [record] = heap.take_collections()[..] else { panic!() };
/// assert_eq!((record.generation, record.unreachable), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Generation that was collected, with all younger ones.
    pub generation: usize,
    /// Wall time in nanoseconds, user code inside it included.
    pub duration_ns: u64,
    /// Objects examined.
    pub candidates: usize,
    /// Objects found unreachable in the end.
    pub unreachable: usize,
    /// Finalizers called.
    pub finalized: usize,
    /// Objects that finalizers made reachable again.
    pub resurrected: usize,
}

/// Memory of a heap, exact.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let before = heap.memory();
/// let object = heap.alloc(1);
/// assert_eq!(heap.memory().live_blocks, before.live_blocks + 1);
/// drop(object);
/// assert_eq!(heap.memory().live_bytes, before.live_bytes);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Blocks in use, objects and buffers.
    pub live_blocks: usize,
    /// Bytes of these blocks, as their size classes round them.
    pub live_bytes: usize,
    /// Bytes of buffers among them.
    pub buffer_bytes: usize,
    /// Bytes held from the system: pages in use, large blocks, side tables.
    pub footprint_bytes: usize,
    /// The largest footprint so far.
    pub peak_footprint_bytes: usize,
    /// Arenas mapped.
    pub arenas: usize,
    /// Pages in use.
    pub pages: usize,
}

/// Collections remembered one by one.
const REMEMBERED: usize = 1024;

/// The latest collections, oldest first. Its room is taken once.
pub(crate) struct Records(VecDeque<CollectionRecord>);

impl Records {
    pub(crate) fn new() -> Records {
        Records(VecDeque::with_capacity(REMEMBERED))
    }

    pub(crate) fn push(&mut self, record: CollectionRecord) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }
}

impl Heap {
    /// The latest 1024 collections, oldest first.
    pub fn collections(&self) -> Vec<CollectionRecord> {
        self.core().records.borrow().0.iter().copied().collect()
    }

    /// The same, forgetting them.
    pub fn take_collections(&self) -> Vec<CollectionRecord> {
        self.core().records.borrow_mut().0.drain(..).collect()
    }

    /// Memory in use now. Walks the page tables: O(pages).
    pub fn memory(&self) -> Memory {
        self.core().memory()
    }

    /// Blocks in use (`sys.getallocatedblocks`).
    pub fn allocated_blocks(&self) -> usize {
        self.memory().live_blocks
    }
}

impl HeapCore {
    fn memory(&self) -> Memory {
        let mut memory = Memory {
            live_blocks: self.source_objects.get() + self.source_buffers.get(),
            live_bytes: self.source_bytes(),
            buffer_bytes: self.source_buffer_bytes.get(),
            footprint_bytes: self.footprint_bytes.get(),
            peak_footprint_bytes: self.peak_footprint_bytes.get(),
            arenas: self.arenas.borrow().len(),
            pages: self.pages_in_use.get(),
        };
        self.each_page(|page| {
            let live = page.live() as usize;
            let bytes = live * page.block_bytes.get() as usize;
            memory.live_blocks += live;
            memory.live_bytes += bytes;
            if page.kind.get() == crate::alloc::page::PageKind::Buffers {
                memory.buffer_bytes += bytes;
            }
        });
        memory
    }
}
