//! Settings of a heap.

use super::Heap;
use super::core::HeapCore;

/// Where blocks come from; like CPython's `PYTHONMALLOC`.
///
/// ```
/// use exuvia_core::{Heap, Mode};
/// let heap = Heap::builder().mode(Mode::System).build();
/// let number = heap.alloc(1);
/// assert_eq!(heap.memory().pages, 0);
/// drop(number);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Private arenas and size-class pages.
    #[default]
    Pages,
    /// Each block from the global allocator, so that memory tools see every one.
    System,
    /// As `System`, with fill patterns and guard bytes checked at each free.
    Debug,
}

/// Builds a [`Heap`].
///
/// ```
/// use exuvia_core::{AllocError, Heap};
/// let heap = Heap::builder().thresholds(700, 10, 10).limit_bytes(1 << 20).build();
/// assert_eq!(heap.thresholds(), (700, 10, 10));
/// let kept: Vec<_> = (0..).map_while(|_| heap.try_alloc([0_u64; 1000]).ok()).collect();
/// let refused = heap.try_alloc([0_u64; 1000]).unwrap_err();
/// assert!(kept.len() > 10 && matches!(refused, AllocError::Limit { .. }));
/// ```
#[derive(Clone, Debug)]
pub struct HeapBuilder {
    pub(crate) mode: Mode,
    pub(crate) thresholds: (usize, usize, usize),
    pub(crate) limit_bytes: usize,
    pub(crate) enabled: bool,
    pub(crate) collect_on_allocation: bool,
    pub(crate) bounded: Option<usize>,
    #[cfg(feature = "parallel")]
    pub(crate) threads: usize,
}

impl Default for HeapBuilder {
    fn default() -> HeapBuilder {
        HeapBuilder {
            mode: Mode::Pages,
            thresholds: (2000, 10, 10),
            limit_bytes: usize::MAX,
            enabled: true,
            collect_on_allocation: true,
            bounded: None,
            #[cfg(feature = "parallel")]
            threads: 1,
        }
    }
}

impl HeapBuilder {
    /// Where blocks come from (default [`Mode::Pages`]).
    pub fn mode(mut self, mode: Mode) -> HeapBuilder {
        self.mode = mode;
        self
    }

    /// Automatic collection thresholds (default 2000, 10, 10); a first one of
    /// 0 turns automatic collection off.
    pub fn thresholds(mut self, young: usize, middle: usize, old: usize) -> HeapBuilder {
        self.thresholds = (young, middle, old);
        self
    }

    /// Footprint in bytes above which allocation fails (default: none).
    pub fn limit_bytes(mut self, bytes: usize) -> HeapBuilder {
        self.limit_bytes = bytes;
        self
    }

    /// Whether automatic collection starts enabled (default true).
    pub fn enabled(mut self, enabled: bool) -> HeapBuilder {
        self.enabled = enabled;
        self
    }

    /// Whether an allocation may collect on entry (default true). If not, a
    /// collection that is due waits for [`Heap::safepoint`].
    pub fn collect_on_allocation(mut self, on: bool) -> HeapBuilder {
        self.collect_on_allocation = on;
        self
    }

    /// Bounds the work of one automatic pause to about `objects` objects: the
    /// oldest generation is then collected by an incremental cycle, in slices
    /// between mutator calls, instead of as a whole. Default: no bound; 0
    /// counts as 1.
    ///
    /// Strongly connected garbage of at most so many objects is freed within
    /// the bound; a larger set is one longer pause, counted in
    /// [`BoundedPauses::oversized`](crate::BoundedPauses::oversized). So are the
    /// exceptions that it lists. What dies by its count (a list that loses its
    /// head) dies at once, as in every mode, and an object's edges are looked at
    /// in one piece. [`Heap::collect`] still collects as a whole. In this mode
    /// which collection finds an object unreachable is not what CPython does;
    /// see [`Heap::bounded_pauses`] for what it did.
    ///
    /// ```
    /// use exuvia_core::Heap;
    /// let heap = Heap::builder().bounded_pauses(10_000).build();
    /// assert_eq!(heap.bounded_pauses().unwrap().objects, 10_000);
    /// assert!(Heap::new().bounded_pauses().is_none());
    /// ```
    pub fn bounded_pauses(mut self, objects: usize) -> HeapBuilder {
        self.bounded = Some(objects.max(1));
        self
    }

    /// Threads that a collection of a large heap may use (default 1: the one
    /// that asks for it); the others come from rayon's pool. What is found and
    /// in which order user code runs does not depend on it.
    #[cfg(feature = "parallel")]
    pub fn threads(mut self, threads: usize) -> HeapBuilder {
        self.threads = threads;
        self
    }

    /// Makes the heap.
    pub fn build(self) -> Heap {
        Heap {
            core: HeapCore::create(&self),
        }
    }
}
