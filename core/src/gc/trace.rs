//! The tracing contract between a type and the collector.

use std::ptr::NonNull;

use super::handle::{Gc, GcAny};
use super::header::Header;

/// One owned reference, as a [`Visitor`] sees it.
///
/// ```
/// use exuvia_core::{Edge, Gc, Heap, Trace, Visitor};
///
/// struct Count(usize);
/// impl Visitor for Count {
///     fn edge(&mut self, _: Edge) {
///         self.0 += 1;
///     }
/// }
///
/// let heap = Heap::new();
/// let mut count = Count(0);
/// vec![heap.alloc(1), heap.alloc(2)].trace(&mut count);
/// assert_eq!(count.0, 2);
/// ```
#[derive(Clone, Copy)]
pub struct Edge(pub(crate) NonNull<Header>);

/// Receives the edges of an object. Implemented by the collector's phases and
/// by inspection; user code only passes it on.
///
/// ```
/// use exuvia_core::{Gc, Heap, Trace, Visitor};
///
/// struct Pair(Gc<u32>, Gc<u32>);
///
/// // SAFETY: both references are owned and visited once.
/// unsafe impl Trace for Pair {
///     fn trace<V: Visitor>(&self, visitor: &mut V) {
///         self.0.trace(visitor);
///         self.1.trace(visitor);
///     }
/// }
///
/// let heap = Heap::new();
/// let pair = heap.alloc(Pair(heap.alloc(1), heap.alloc(2)));
/// assert_eq!(heap.referents(&Gc::erase(pair)).len(), 2);
/// ```
pub trait Visitor {
    /// Whether it sees what a mutably borrowed `RefCell` holds: when the value
    /// is unreachable and about to be freed, the borrow is a leaked one.
    #[doc(hidden)]
    const THROUGH_BORROWS: bool = false;

    /// Takes one owned reference.
    #[doc(hidden)]
    fn edge(&mut self, edge: Edge);

    /// Takes the value of an [`Ephemeron`](crate::Ephemeron): an owned
    /// reference that makes its target reachable only while `key` is.
    #[doc(hidden)]
    fn edge_with_key(&mut self, key: Edge, value: Edge) {
        let _ = key;
        self.edge(value);
    }

    /// The edges that follow stand in the field `name` (inspection names them).
    #[doc(hidden)]
    #[inline]
    fn at_field(&mut self, _name: &'static str) {}

    /// The edges that follow stand at `index` of the field or object.
    #[doc(hidden)]
    #[inline]
    fn at_index(&mut self, _index: usize) {}

    /// The edges that follow stand under `key` in the field or object.
    #[doc(hidden)]
    #[inline]
    fn at_key<K: Trace>(&mut self, _key: &K) {}
}

/// A type whose values can live on a managed heap.
///
/// Write it with `#[derive(Trace)]`. By hand it is `unsafe`, because the
/// collector frees what the edges explain.
///
/// ```
/// use std::cell::RefCell;
/// use exuvia_core::{Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Person {
///     friends: RefCell<Vec<Gc<Person>>>,
///     #[trace(leaf)] // holds no reference
///     name: String,
/// }
///
/// let heap = Heap::new();
/// let ann = heap.alloc(Person { friends: RefCell::default(), name: "Ann".into() });
/// ann.friends.borrow_mut().push(ann.clone());
/// assert_eq!(ann.name, "Ann");
/// drop(ann);
/// assert_eq!(heap.collect_all(), 1);
/// ```
///
/// # Safety
/// 1. `trace` visits every owned [`Gc`](crate::Gc) edge exactly once: an edge
///    visited twice may free an object that is still held, a missed one leaks.
/// 2. It visits the same edges on every call without a mutation in between.
/// 3. It has no effect that a user can see, and runs no user code.
/// 4. It may be called from another thread while the owner is stopped.
/// 5. It never looks through `Rc`, `Arc` or `ManuallyDrop`: what is shared is
///    not owned.
///    `EDGES_ONLY` and `QUIET_DROP` are set only where what they say is true.
/// 6. The type has no `Drop` of its own that follows a reference: during the
///    clearing of a cycle the neighbour may be gone. Finalizers go through
///    [`Finalize`](crate::Finalize).
///
/// A count that a wrong implementation drives below zero is detected: the
/// collection is abandoned, everything is kept, and the type is named in
/// [`Heap::take_errors`](crate::Heap::take_errors). Other breaches are
/// undefined behaviour.
pub unsafe trait Trace: Sized + 'static {
    /// Whether a value can hold a reference. Leaves are never examined.
    const HOLDS: bool = true;

    /// Whether dropping a value runs no code that can panic.
    const QUIET_DROP: bool = !std::mem::needs_drop::<Self>();

    /// Whether dropping a value does nothing but give up the edges that `trace`
    /// visits. Such values need no drop when they die in a cycle: the collector
    /// gives up the edges that lead out of it and frees their pages.
    const EDGES_ONLY: bool = !std::mem::needs_drop::<Self>();

    /// The finalizer, set by `#[trace(finalize)]`.
    const FINALIZE: Option<fn(&Gc<Self>)> = None;

    /// `Some(g)`: a value that was found to hold nothing tracked is untracked
    /// by collections of generation `g` and above (CPython: tuples 0, dicts 2).
    const UNTRACKS_IN: Option<u32> = None;

    /// The finalizer of a head whose block has a tail.
    #[doc(hidden)]
    const FINALIZE_TAILED: Option<fn(&GcAny)> = None;

    /// Set for [`Tailed`](crate::Tailed) alone: only the type's table knows
    /// how to drop such a block.
    #[doc(hidden)]
    const TAILED: bool = false;

    /// How a tailed block without a finalizer is dropped: header and bytes from
    /// there on. The function is quiet; `None` leaves it to the type's table.
    #[doc(hidden)]
    const DROP_BLOCK: Option<unsafe fn(*mut u8, usize)> = None;

    /// Which of the object model's values an object makes: a `Kind`, for the types of the model alone.
    #[doc(hidden)]
    const VALUE_KIND: u8 = 0;

    /// Set for the objects behind [`Weak`](crate::Weak) alone: the collector
    /// detaches those that it finds unreachable.
    #[doc(hidden)]
    const WEAK: bool = false;

    /// Tells types of one shape apart where the allocator spreads types over its
    /// page cache; the derive sets it from name and parameters.
    #[doc(hidden)]
    const SPREAD: u32 = 0;

    /// The value as a key in a holder path, for types that can say it.
    #[doc(hidden)]
    fn __key_text(&self) -> Option<String> {
        None
    }

    /// Visits every owned edge exactly once.
    fn trace<V: Visitor>(&self, visitor: &mut V);
}

/// [`Trace::SPREAD`] of a type that is not derived: FNV-1a of its name.
pub(crate) const fn spread_of(name: &str) -> u32 {
    let mut hash = 0x811C_9DC5_u32;
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = after;
    }
    hash
}
