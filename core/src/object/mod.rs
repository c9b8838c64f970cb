//! Python's object model on the managed heap.

pub(crate) mod runtime;
