//! Headers, handles, tracing, weak references and the collector.
//!
//! Read in this order: `header` (the bits), `handle` (counting), `death` (what
//! happens at zero), `trace` (the contract with a type), `collector` (cycles),
//! `weak`, `ephemeron`.

pub(crate) mod collector;
pub(crate) mod death;
pub(crate) mod ephemeron;
pub(crate) mod handle;
pub(crate) mod header;
#[cfg(feature = "mutation")]
pub mod mutation;
pub(crate) mod tail;
pub(crate) mod trace;
mod trace_impls;
pub(crate) mod type_info;
pub(crate) mod weak;

use handle::Gc;
use trace::Trace;

/// A finalizer: user code that runs once per object, ever, before it dies.
///
/// It gets a counted handle, so it may read every neighbour and may resurrect
/// the object by keeping a clone (PEP 442). Declare it with
/// `#[trace(finalize)]`. A panic is recorded in
/// [`Heap::take_errors`](crate::Heap::take_errors) and stops nothing.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use exuvia_core::{Finalize, Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// #[trace(finalize)]
/// struct File {
///     #[trace(leaf)]
///     closed: Rc<Cell<u32>>,
/// }
/// impl Finalize for File {
///     fn finalize(this: &Gc<Self>) {
///         this.closed.set(this.closed.get() + 1);
///     }
/// }
///
/// let heap = Heap::new();
/// let closed = Rc::new(Cell::new(0));
/// drop(heap.alloc(File { closed: closed.clone() }));
/// assert_eq!(closed.get(), 1);
/// ```
pub trait Finalize: Trace {
    /// Runs before the object's weak references are cleared when it dies by
    /// its count, after its weak callbacks when it dies in a cycle.
    fn finalize(this: &Gc<Self>);
}
