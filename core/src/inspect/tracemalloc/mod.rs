//! Which line allocated what is alive: Python's `tracemalloc`.
//!
//! | file | what |
//! |---|---|
//! | `recorder` | what a heap records while it traces (feature `tracemalloc`) |
//! | `absent` | the same without the feature: nothing, at no cost |
//! | `traceback` | sites, frames, tracebacks |
//! | `snapshot`, `statistics`, `filter`, `file` | looking at what was recorded |
//!
//! **How it costs nothing while it is off.** Sites come by `#[track_caller]`
//! through functions whose fast path is inlined, so a site is only named where
//! the slow path is called. While a heap traces, the cache of current pages is
//! kept empty, so every allocation takes the slow path; traced objects stand
//! behind a prefix and traced buffers outside of pages, so every free of one
//! takes the slow path as well. The fast paths themselves know nothing of it.
//!
//! An allocation is recorded with the bytes of its block as they would be
//! without tracing. What was allocated before the start is unknown.

#[cfg(not(feature = "tracemalloc"))]
#[path = "absent.rs"]
pub(crate) mod recorder;
#[cfg(feature = "tracemalloc")]
pub(crate) mod recorder;

mod file;
mod filter;
mod snapshot;
mod statistics;
mod traceback;

use std::error::Error;
use std::fmt;

pub use file::SnapshotError;
pub use filter::Filter;
pub use snapshot::{AllocationTrace, Domain, Snapshot};
pub use statistics::{GroupBy, Statistic, StatisticDiff};
pub use traceback::{Frame, Site, Traceback};

use crate::gc::handle::GcAny;
use crate::heap::Heap;

/// The largest number of frames that a traceback may have.
pub const MAX_FRAMES: usize = 65_535;

/// Why tracing cannot do what was asked.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::tracemalloc::TraceError;
/// let heap = Heap::new();
/// let error = heap.tracemalloc().take_snapshot().unwrap_err();
/// assert!(matches!(error, TraceError::NotTracing | TraceError::CompiledOut));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceError {
    /// The crate was built without its feature `tracemalloc`.
    CompiledOut,
    /// A number of frames outside of 1 to [`MAX_FRAMES`].
    BadFrames(usize),
    /// A snapshot was asked for while nothing is recorded.
    NotTracing,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceError::CompiledOut => {
                f.write_str("exuvia-core was built without its feature `tracemalloc`")
            }
            TraceError::BadFrames(frames) => write!(
                f,
                "the number of frames must be from 1 to {MAX_FRAMES}, not {frames}"
            ),
            TraceError::NotTracing => {
                f.write_str("the heap must be tracing allocations to take a snapshot: start first")
            }
        }
    }
}

impl Error for TraceError {}

/// The tracing of a heap's allocations; see [`Heap::tracemalloc`].
///
/// ```
/// use exuvia_core::object::Str;
/// use exuvia_core::tracemalloc::{GroupBy, TraceError};
/// use exuvia_core::Heap;
///
/// let heap = Heap::new();
/// let trace = heap.tracemalloc();
/// match trace.start(1) {
///     Err(TraceError::CompiledOut) => return, // built without the feature
///     other => other.unwrap(),
/// }
/// let text = Str::new(&heap, "a text of thirty-one characters");
/// let snapshot = trace.take_snapshot().unwrap();
/// let [line] = &snapshot.statistics(GroupBy::Line, false)[..] else { panic!() };
/// assert_eq!((line.count, line.size), (1, 48));
/// assert_eq!(trace.traced_memory(), (48, 48));
/// drop(text);
/// assert_eq!(trace.traced_memory(), (0, 48));
/// trace.stop();
/// ```
#[derive(Clone, Copy)]
pub struct Tracemalloc<'a> {
    heap: &'a Heap,
}

impl Heap {
    /// The tracing of this heap's allocations.
    pub fn tracemalloc(&self) -> Tracemalloc<'_> {
        Tracemalloc { heap: self }
    }

    /// Where the object was allocated, when that was traced
    /// ([`Tracemalloc::start`]). O(1).
    pub fn allocation_site(&self, object: &GcAny) -> Option<Site> {
        self.core().tracer.site(object.address())
    }
}

impl Tracemalloc<'_> {
    /// Begins to record allocations with up to `frames` frames each: the site
    /// alone for 1, more by walking the stack, which costs about a
    /// microsecond each. Does nothing when the heap traces already.
    ///
    /// # Errors
    /// When `frames` is 0 or above [`MAX_FRAMES`], or tracing is compiled out.
    pub fn start(&self, frames: usize) -> Result<(), TraceError> {
        if !(1..=MAX_FRAMES).contains(&frames) {
            return Err(TraceError::BadFrames(frames));
        }
        self.heap.core().tracer.start(frames)?;
        self.heap.core().forget_cache();
        Ok(())
    }

    /// Ends recording and forgets all traces.
    pub fn stop(&self) {
        self.heap.core().tracer.stop();
    }

    /// Whether allocations are recorded.
    pub fn is_tracing(&self) -> bool {
        self.heap.core().tracer.is_on()
    }

    /// Bytes of traced blocks that are alive, now and at the peak.
    pub fn traced_memory(&self) -> (usize, usize) {
        self.heap.core().tracer.traced_memory()
    }

    /// The peak starts over from what is alive now.
    pub fn reset_peak(&self) {
        self.heap.core().tracer.reset_peak();
    }

    /// Forgets all traces and goes on recording.
    pub fn clear_traces(&self) {
        self.heap.core().tracer.clear();
    }

    /// Frames of a traceback: what [`start`](Self::start) was given, or 1.
    pub fn traceback_limit(&self) -> usize {
        self.heap.core().tracer.limit()
    }

    /// The traceback of an object's allocation, when it is known.
    pub fn object_traceback(&self, object: &GcAny) -> Option<Traceback> {
        self.heap.core().tracer.traceback(object.address())
    }

    /// Bytes that tracing itself takes, outside of the heap.
    pub fn tracemalloc_memory(&self) -> usize {
        self.heap.core().tracer.own_bytes()
    }

    /// Every trace of a block that is alive.
    ///
    /// # Errors
    /// When nothing is recorded.
    pub fn take_snapshot(&self) -> Result<Snapshot, TraceError> {
        if !self.is_tracing() {
            return Err(TraceError::NotTracing);
        }
        Ok(self.heap.core().tracer.snapshot())
    }
}
