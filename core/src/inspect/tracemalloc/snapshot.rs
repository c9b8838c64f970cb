//! A snapshot: every traced block that was alive at one moment.

use super::filter::Filter;
use super::traceback::Traceback;

/// What kind of block was allocated.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::List;
/// use exuvia_core::tracemalloc::{Domain, Filter};
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let list = List::with_capacity(&heap, 100);
///     let snapshot = heap.tracemalloc().take_snapshot().unwrap();
///     let items = snapshot.filter_traces(&[Filter::only(Domain::Buffer)]);
///     assert_eq!(items.traces().len(), 1);
///     drop(list);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// An object, header included.
    Object,
    /// A buffer of an object: a list's items, a dict's table.
    Buffer,
}

/// One traced block.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::Str;
/// use exuvia_core::tracemalloc::Domain;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let text = Str::new(&heap, "a text of thirty-one characters");
///     let snapshot = heap.tracemalloc().take_snapshot().unwrap();
///     let [trace] = snapshot.traces() else { panic!() };
///     assert_eq!((trace.domain, trace.size), (Domain::Object, 48));
///     assert!(trace.traceback.newest().line > 0);
///     drop(text);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationTrace {
    /// Object or buffer.
    pub domain: Domain,
    /// Bytes of the block.
    pub size: usize,
    /// Where it was allocated.
    pub traceback: Traceback,
}

/// Every traced block that was alive when it was taken.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::List;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let list = List::new(&heap);
///     let snapshot = heap.tracemalloc().take_snapshot().unwrap();
///     assert_eq!((snapshot.traces().len(), snapshot.traceback_limit()), (1, 1));
///     assert_eq!(snapshot.filter_traces(&[]), snapshot);
///     drop(list);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    limit: usize,
    traces: Vec<AllocationTrace>,
}

impl Snapshot {
    pub(crate) fn new(limit: usize, traces: Vec<AllocationTrace>) -> Snapshot {
        Snapshot { limit, traces }
    }

    /// The traces, by address.
    pub fn traces(&self) -> &[AllocationTrace] {
        &self.traces
    }

    /// Frames that a traceback may have.
    pub fn traceback_limit(&self) -> usize {
        self.limit
    }

    /// A snapshot of the traces that at least one inclusive filter matches, if
    /// there is one, and no exclusive one.
    pub fn filter_traces(&self, filters: &[Filter]) -> Snapshot {
        let (include, exclude): (Vec<&Filter>, Vec<&Filter>) =
            filters.iter().partition(|filter| filter.is_inclusive());
        let keep = |trace: &&AllocationTrace| {
            (include.is_empty() || include.iter().any(|filter| filter.passes(trace)))
                && exclude.iter().all(|filter| filter.passes(trace))
        };
        Snapshot {
            limit: self.limit,
            traces: self.traces.iter().filter(keep).cloned().collect(),
        }
    }
}
