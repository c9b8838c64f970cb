//! The peers, all behind one trait, so that the works are written once.
//!
//! A node is two optional references and an integer, in the cheapest cell that the crate can trace: [`Cell`] (24 bytes)
//! where it can, else its own or [`RefCell`]. The trait has the shape of the strictest peer: gc-arena lends its handles for
//! the length of one [`enter`](Peer::enter), and roots are what the vector holds between two of them. For the others a call
//! of `enter` costs nothing.

mod arena;
#[allow(
    non_local_definitions,
    reason = "what the derives of gc write, under some compilers"
)]
mod counted;
mod ours;
mod place;
mod python;

pub(crate) use arena::Arena;
pub(crate) use counted::{Bacon, Boa, Dumpster, GcModule, RustCc, RustGc, StdRc};
pub(crate) use ours::Ours;
pub(in crate::measured) use ours::crowded_heap;
pub(crate) use python::Python;

/// A heap of nodes.
pub(crate) trait Peer: Sized + 'static {
    /// Whether cycles are ever freed.
    const FREES_CYCLES: bool = true;
    /// Whether a dropped object waits for a collection.
    const TRACES: bool = false;
    /// Whether it has a mode whose longest pause is bounded.
    const HAS_BOUND: bool = false;
    /// Whether a node has its integer.
    const HAS_VALUE: bool = true;

    /// An owned reference to a node.
    type Ref<'gc>: Clone;
    /// What it takes to make and to change nodes.
    type Heap<'gc>: Copy;

    /// An empty heap.
    fn new() -> Self;

    /// An empty heap whose longest pause is bounded, where the peer has such a mode.
    fn bounded() -> Self {
        Self::new()
    }

    /// Works with nodes; those in the vector outlive the call.
    fn enter<R>(
        &mut self,
        work: impl for<'gc> FnOnce(Self::Heap<'gc>, &mut Vec<Self::Ref<'gc>>) -> R,
    ) -> R;

    /// A new node.
    fn node<'gc>(
        heap: Self::Heap<'gc>,
        a: Option<Self::Ref<'gc>>,
        b: Option<Self::Ref<'gc>>,
        value: u64,
    ) -> Self::Ref<'gc>;

    /// The integer of a node.
    fn value(node: &Self::Ref<'_>) -> u64;

    /// A clone of the first reference.
    fn a<'gc>(node: &Self::Ref<'gc>) -> Option<Self::Ref<'gc>>;

    /// Replaces the first reference.
    fn set_a<'gc>(heap: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>);

    /// Replaces the second reference.
    fn set_b<'gc>(heap: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>);

    /// The nodes of the tree under `node`, walked without counting a reference.
    fn count(node: &Self::Ref<'_>) -> u64;

    /// A full collection; the objects freed where the peer tells.
    fn collect(&mut self) -> Option<usize>;

    /// What the peer wants done between operations, `allocations` after the last time.
    fn pace(&mut self, _allocations: usize) {}

    /// Switches collections off that start by themselves, where the peer can.
    fn automatic(&mut self, _on: bool) {}

    /// Bytes that its objects hold, where they can be told.
    fn held_bytes(&self) -> Option<u64> {
        crate::foreign::malloc::bytes_in_use()
    }
}

/// Collects every so many allocations: for peers that never begin by themselves.
#[derive(Default)]
pub(crate) struct Cadence {
    allocations: usize,
}

impl Cadence {
    const ALLOCATIONS: usize = 10_000;

    fn is_due(&mut self, allocations: usize) -> bool {
        self.allocations += allocations;
        let due = self.allocations >= Cadence::ALLOCATIONS;
        if due {
            self.allocations = 0;
        }
        due
    }
}
