//! What can go wrong, as values.

use std::error::Error;
use std::fmt;

/// Why an allocation failed. The value that was to be allocated is dropped.
///
/// ```
/// use exuvia_core::{AllocError, Heap};
/// let heap = Heap::new();
/// heap.fail_allocations_after(Some(0));
/// assert_eq!(heap.try_alloc(1).unwrap_err(), AllocError::Injected);
/// heap.fail_allocations_after(None);
/// assert!(heap.try_alloc(1).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// The system refused memory.
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The heap's own limit ([`HeapBuilder::limit_bytes`](crate::HeapBuilder::limit_bytes)) would be passed.
    Limit {
        /// The limit in bytes.
        limit_bytes: usize,
        /// Bytes the heap would have had.
        needed_bytes: usize,
    },
    /// Every [`Heap`](crate::Heap) handle is gone; what is left is only read and freed.
    Closed,
    /// A failure asked for by [`Heap::fail_allocations_after`](crate::Heap::fail_allocations_after).
    Injected,
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllocError::OutOfMemory { bytes } => {
                write!(f, "out of memory: the system refused {bytes} bytes")
            }
            AllocError::Limit {
                limit_bytes,
                needed_bytes,
            } => write!(
                f,
                "heap limit of {limit_bytes} bytes reached: {needed_bytes} needed"
            ),
            AllocError::Closed => f.write_str("the heap is closed: no handle on it is left"),
            AllocError::Injected => f.write_str("allocation failure asked for by a test"),
        }
    }
}

impl Error for AllocError {}

/// A generation outside 0, 1, 2.
///
/// ```
/// use exuvia_core::{BadGeneration, Heap};
/// assert_eq!(Heap::new().collect(3), Err(BadGeneration(3)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadGeneration(pub usize);

impl fmt::Display for BadGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid generation {}: there are 0, 1 and 2", self.0)
    }
}

impl Error for BadGeneration {}

/// What user code did wrong inside the heap, recorded and survived.
///
/// ```
/// use exuvia_core::{Finalize, Gc, Heap, HeapError, Trace};
///
/// #[derive(Trace)]
/// #[trace(finalize)]
/// struct Bad;
/// impl Finalize for Bad {
///     fn finalize(_: &Gc<Self>) {
///         panic!("cannot");
///     }
/// }
///
/// let heap = Heap::new();
/// drop(heap.alloc(Bad)); // Freed all the same.
/// let errors = heap.take_errors();
/// assert!(matches!(&errors[..], [HeapError::Panicked { hook: "finalizer", .. }]));
/// assert!(errors[0].to_string().ends_with("panicked: cannot"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeapError {
    /// A hook panicked.
    Panicked {
        /// Which: `finalizer`, `weak callback`, `collection callback`, `trace`, `drop`.
        hook: &'static str,
        /// Type of the object whose hook it was.
        type_name: &'static str,
        /// The panic's message.
        message: String,
    },
    /// More edges led to an object than its count has references: some
    /// `Trace` implementation visits an edge twice. The collection was
    /// abandoned and nothing was freed.
    CountBelowZero {
        /// Type of the object whose count would have become negative.
        type_name: &'static str,
    },
    /// The collector found no memory for its work list and was abandoned.
    NoMemory {
        /// Which list.
        list: &'static str,
    },
}

impl fmt::Display for HeapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeapError::Panicked {
                hook,
                type_name,
                message,
            } => write!(f, "{hook} of {type_name} panicked: {message}"),
            HeapError::CountBelowZero { type_name } => write!(
                f,
                "more edges lead to a {type_name} than its reference count allows: \
                 a Trace implementation visits an edge twice"
            ),
            HeapError::NoMemory { list } => {
                write!(f, "collection abandoned: no memory for the {list}")
            }
        }
    }
}

impl Error for HeapError {}
