//! Collections that do not keep what is in them alive, and [`Finalizer`].
//!
//! | file | what |
//! |---|---|
//! | `guard` | removals that wait while somebody iterates |
//! | `values`, `keys`, `set` | weak by value, by key, sets |
//! | `finalizer` | Python's `weakref.finalize` |
//!
//! As in CPython, an entry is removed by the callback of its weak reference.
//! While an iterator lives, the callback only notes the removal: the iterator
//! then sees each entry whose referent lives, exactly once.

mod finalizer;
mod guard;
mod keys;
mod set;
mod values;

pub(crate) use finalizer::FinalizerTable;
pub use finalizer::{Detached, Finalizer};
pub use guard::WeakIter;
pub use keys::WeakKeyDictionary;
pub use set::WeakSet;
pub use values::WeakValueDictionary;
