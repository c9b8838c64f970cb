//! What the object model keeps per heap.

/// State of the object model on one heap.
#[derive(Default)]
pub(crate) struct ObjectRuntime {}
