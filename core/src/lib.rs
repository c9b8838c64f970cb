//! A CPython-style managed heap: reference counts, generational cycle
//! collection, weak references, finalizers and a private heap.
//!
//! ```
//! use std::cell::RefCell;
//! use exuvia_core::{Gc, Heap, Trace};
//!
//! #[derive(Trace)]
//! struct Node {
//!     next: RefCell<Option<Gc<Node>>>,
//! }
//!
//! let heap = Heap::new();
//! let a = heap.alloc(Node { next: RefCell::new(None) });
//! let b = heap.alloc(Node { next: RefCell::new(Some(a.clone())) });
//! *a.next.borrow_mut() = Some(b.clone());
//! let weak = Gc::downgrade(&a);
//!
//! drop((a, b)); // the ring keeps itself alive ...
//! assert!(weak.upgrade().is_some());
//! assert_eq!(heap.collect_all(), 2); // ... until a collection
//! assert!(weak.upgrade().is_none());
//! ```
//!
//! Layers, bottom up: [`alloc`] (arenas, pages, blocks, buffers), `gc`
//! (headers, handles, tracing, the collector), [`object`] (Python's object
//! model on the same handles), `inspect` (sizes, census, audit, verification).

#[cfg(not(all(target_pointer_width = "64", unix)))]
compile_error!("exuvia-core needs a 64-bit Unix target");

extern crate self as exuvia_core;

pub mod alloc;
mod gc;
mod heap;
mod inspect;
pub mod object;

pub use alloc::{HeapAlloc, HeapVec};
pub use exuvia_derive::Trace;
pub use gc::Finalize;
pub use gc::ephemeron::Ephemeron;
pub use gc::handle::{Gc, GcAny};
#[cfg(feature = "mutation")]
#[doc(hidden)]
pub use gc::mutation;
pub use gc::tail::Tailed;
pub use gc::trace::{Edge, Trace, Visitor};
pub use gc::type_info::TypeInfo;
pub use gc::weak::{Callback, Weak};
pub use heap::Heap;
pub use heap::bounded::BoundedPauses;
pub use heap::builder::{HeapBuilder, Mode};
pub use heap::errors::{AllocError, BadGeneration, HeapError};
pub use heap::pauses::Pauses;
pub use heap::records::{CollectionRecord, GenerationStats, Info, Memory, Phase};
pub use heap::roots::{NativeHandle, Root};
pub use heap::surface::{CallbackId, DebugFlags};
pub use inspect::audit::{Audit, Finding, FindingClass, Pin};
pub use inspect::census::{EdgeCount, TypeCount};
pub use inspect::control::{AuditControl, AuditProgress};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use inspect::corrupt::{Corruption, Undo};
pub use inspect::dominators::Dominators;
pub use inspect::graph::{Graph, Paths};
pub use inspect::holders::{Holder, HolderOrigin};
pub use inspect::mark::{GrownBuffer, HeapMark, TypeDelta};
pub use inspect::sketch::Sketch;
pub use inspect::survey::{PathRow, RootRow, SiteRow, Survey, TypeRow};
pub use inspect::tracemalloc;
pub use inspect::tree::without_numbers;
pub use inspect::verify::{VerifyError, VerifyReport};
