//! The heap itself: the user's handle, the core behind it, and CPython's `gc`
//! and `sys` surfaces as methods.
//!
//! A [`Heap`] is a handle on a core that lives until the last handle, object
//! and buffer are gone. Files: `core` (state and lifetime), `alloc_object`
//! (making objects), `surface` (gc), `debug_text` (what `set_debug` tells),
//! `malloc_stats` (sys), `roots`, `records`, `pauses`, `bounded` (what a heap
//! with bounded pauses did), `builder`, `errors`.

mod alloc_object;
pub(crate) mod bounded;
pub(crate) mod builder;
pub(crate) mod clock;
pub(crate) mod core;
pub(crate) mod debug_text;
pub(crate) mod errors;
mod malloc_stats;
pub(crate) mod pauses;
pub(crate) mod records;
pub(crate) mod roots;
pub(crate) mod surface;
mod testing;

use std::fmt;
use std::ptr::NonNull;

use self::core::HeapCore;
use builder::HeapBuilder;

/// A managed heap for one thread.
///
/// Cloning makes another handle on the same heap. When the last handle is
/// dropped, the heap collects once, running finalizers, and from then on
/// refuses to allocate; objects that are still held stay readable and are
/// freed by their counts. A handle stored inside an object of the same heap
/// keeps both alive for ever.
///
/// ```
/// use std::cell::RefCell;
/// use exuvia_core::{Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Ring(RefCell<Option<Gc<Ring>>>);
///
/// let heap = Heap::new();
/// let ring = heap.alloc(Ring(RefCell::new(None)));
/// *ring.0.borrow_mut() = Some(ring.clone());
/// drop(ring);
/// assert_eq!(heap.live_objects(), 1);
/// assert_eq!(heap.collect_all(), 1);
/// assert_eq!(heap.live_objects(), 0);
/// ```
pub struct Heap {
    core: NonNull<HeapCore>,
}

impl Heap {
    /// A heap with default settings: private pages, thresholds (2000, 10, 10).
    pub fn new() -> Heap {
        HeapBuilder::default().build()
    }

    /// A builder for a heap with other settings.
    pub fn builder() -> HeapBuilder {
        HeapBuilder::default()
    }

    pub(crate) fn from_core(core: NonNull<HeapCore>) -> Heap {
        // SAFETY: the caller's core is alive.
        unsafe { core.as_ref() }.retain_handle();
        Heap { core }
    }

    #[inline]
    pub(crate) fn core(&self) -> &HeapCore {
        // SAFETY: the core lives as long as this handle.
        unsafe { self.core.as_ref() }
    }

    /// Whether two handles are on the same heap.
    pub fn ptr_eq(a: &Heap, b: &Heap) -> bool {
        a.core == b.core
    }
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

impl Clone for Heap {
    fn clone(&self) -> Heap {
        Heap::from_core(self.core)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        HeapCore::release_handle(self.core);
    }
}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heap")
            .field("mode", &self.core().mode)
            .field("memory", &self.memory())
            .finish()
    }
}
