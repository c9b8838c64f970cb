//! gc-arena: incremental mark and sweep; handles are copies that live as long as one `mutate`.

use gc_arena::arena::CollectionPhase;
use gc_arena::barrier::unlock;
use gc_arena::lock::{Lock, RefLock};
use gc_arena::{Collect, Gc, Mutation, Rootable};

use super::Peer;

/// An arena whose root is the vector of roots.
pub(crate) struct Arena(gc_arena::Arena<Rootable![Root<'_>]>);

#[derive(Collect)]
#[collect(no_drop)]
pub(crate) struct Root<'gc>(Gc<'gc, RefLock<Vec<Gc<'gc, Node<'gc>>>>>);

#[derive(Collect)]
#[collect(no_drop)]
pub(crate) struct Node<'gc> {
    a: Lock<Option<Gc<'gc, Node<'gc>>>>,
    b: Lock<Option<Gc<'gc, Node<'gc>>>>,
    value: u64,
}

const _: () = assert!(size_of::<Node<'static>>() == 24);

impl Peer for Arena {
    const TRACES: bool = true;
    const HAS_BOUND: bool = true;
    type Ref<'gc> = Gc<'gc, Node<'gc>>;
    type Heap<'gc> = &'gc Mutation<'gc>;

    fn new() -> Self {
        Arena(gc_arena::Arena::new(|heap| {
            Root(Gc::new(heap, RefLock::new(Vec::new())))
        }))
    }

    #[inline]
    fn enter<R>(
        &mut self,
        work: impl for<'gc> FnOnce(Self::Heap<'gc>, &mut Vec<Self::Ref<'gc>>) -> R,
    ) -> R {
        self.0
            .mutate(|heap, root| work(heap, &mut root.0.borrow_mut(heap)))
    }

    #[inline]
    fn node<'gc>(
        heap: Self::Heap<'gc>,
        a: Option<Self::Ref<'gc>>,
        b: Option<Self::Ref<'gc>>,
        value: u64,
    ) -> Self::Ref<'gc> {
        Gc::new(
            heap,
            Node {
                a: Lock::new(a),
                b: Lock::new(b),
                value,
            },
        )
    }

    #[inline]
    fn value(node: &Self::Ref<'_>) -> u64 {
        node.value
    }

    #[inline]
    fn a<'gc>(node: &Self::Ref<'gc>) -> Option<Self::Ref<'gc>> {
        node.a.get()
    }

    #[inline]
    fn set_a<'gc>(heap: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
        unlock!(Gc::write(heap, *node), Node, a).set(to);
    }

    #[inline]
    fn set_b<'gc>(heap: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
        unlock!(Gc::write(heap, *node), Node, b).set(to);
    }

    fn count(node: &Self::Ref<'_>) -> u64 {
        let under = |held: Option<Self::Ref<'_>>| held.map_or(0, |node| Self::count(&node));
        1 + under(node.a.get()) + under(node.b.get())
    }

    fn collect(&mut self) -> Option<usize> {
        // What died during a cycle is freed by the next one.
        if self.0.collection_phase() != CollectionPhase::Sleeping {
            self.0.finish_cycle();
        }
        self.0.finish_cycle();
        None
    }

    fn held_bytes(&self) -> Option<u64> {
        /// A node with its header, as glibc's malloc rounds it.
        const NODE: usize = 48;
        Some((self.0.metrics().total_gc_count() * NODE) as u64)
    }

    #[inline]
    fn pace(&mut self, _allocations: usize) {
        self.0.collect_debt();
    }
}
