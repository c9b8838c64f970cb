//! Rebuilds a snapshot on a heap, object for object: an edge is a counted reference, sizes are as recorded.
//!
//! ```text
//! compact   | header 8 | ordinal 8 | slot per strong edge | spare slots up to the recorded size |
//! bulky     | header 8 | ordinal 8 | body 24 | slot per strong edge |  -> body: a buffer for the rest
//! ```
//!
//! A node takes its recorded size, rounded as the heap rounds blocks, or more when its edges alone need more (V8
//! packs some tables denser than a pointer per edge). Spare slots are looked at by the collector, so only a few words of a
//! node are made of them; what is above goes to a buffer, as a list's items or a string's bytes would. A weak edge
//! holds nothing and gets no slot.
//!
//! Reachability is never computed here. While a graph is built every node is held by a handle; then all handles but
//! the root's go at once, and telling what is garbage is left to counts and collector.

use std::cell::Cell;
use std::ops::Range;

use exuvia_core::{AllocError, Gc, GcAny, Heap, HeapVec, Root, Tailed, Trace};

use super::Snapshot;

/// One strong edge; empty while the graph is built, and for spare room.
#[derive(Trace, Default)]
struct Slot(Cell<Option<GcAny>>);

/// A node whose recorded size its slots make up.
#[derive(Trace)]
struct Compact {
    ordinal: u64,
}

/// A node with a body beside its slots.
#[derive(Trace)]
struct Bulky {
    ordinal: u64,
    /// Takes the room that the program's object took beside its references.
    body: HeapVec<u64>,
}

type CompactNode = Tailed<Compact, Slot>;
type BulkyNode = Tailed<Bulky, Slot>;

const WORD: u64 = size_of::<u64>() as u64;
const COMPACT_HEAD: u64 = 2 * WORD;
const BULKY_HEAD: u64 = COMPACT_HEAD + size_of::<HeapVec<u64>>() as u64;
const SPARE_SLOTS_MAX: u64 = 8;

/// Where the graph stands when loading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// As the heap's own collections left it: all young when automatic collection is off.
    AsLoaded,
    /// A third in each generation, moved there by `collect(1)` and `collect(0)` between three batches.
    Generations,
}

/// A rebuilt graph, of which only the root is held.
pub struct Rebuilt {
    root: Root<CompactNode>,
}

impl Rebuilt {
    /// The heap that the graph is on.
    pub fn heap(&self) -> Heap {
        Gc::heap(&self.root)
    }
}

/// Why a rebuild stopped.
#[derive(Debug)]
pub enum RebuildError<E> {
    /// The heap has no room for the graph.
    Alloc(AllocError),
    /// The caller's check failed.
    Check(E),
}

impl<E> From<AllocError> for RebuildError<E> {
    fn from(error: AllocError) -> Self {
        RebuildError::Alloc(error)
    }
}

/// Builds `snapshot` on `heap` and lets go of everything but the root.
///
/// `check` is called after each batch, when every node built so far is still held.
///
/// # Errors
/// When the heap is out of memory or closed, or `check` fails; what was built is left to the collector.
pub fn rebuild<E>(
    snapshot: &Snapshot,
    heap: &Heap,
    spread: Spread,
    mut check: impl FnMut(&Heap) -> Result<(), E>,
) -> Result<Rebuilt, RebuildError<E>> {
    let mut nodes = Vec::with_capacity(snapshot.nodes());
    let root = make_compact(heap, snapshot, 0)?;
    nodes.push(Gc::erase(root.clone()));
    for (batch, promote) in batches(snapshot.nodes(), spread) {
        for node in batch.start.max(1)..batch.end {
            nodes.push(make(heap, snapshot, node)?);
        }
        link(snapshot, &nodes, &batch);
        if let Some(generation) = promote {
            // Generations 0 and 1 exist, so this cannot be refused.
            let _ = heap.collect(generation);
        }
        check(heap).map_err(RebuildError::Check)?;
    }
    Ok(Rebuilt {
        root: heap.root("snapshot root", root),
    })
}

/// The batches, each with the generation to collect behind it. Survivors of `collect(g)` go to generation g + 1.
fn batches(nodes: usize, spread: Spread) -> Vec<(Range<usize>, Option<usize>)> {
    match spread {
        Spread::AsLoaded => vec![(0..nodes, None)],
        Spread::Generations => {
            let (first, second) = (nodes / 3, nodes / 3 * 2);
            vec![
                (0..first, Some(1)),
                (first..second, Some(0)),
                (second..nodes, None),
            ]
        }
    }
}

fn make(heap: &Heap, snapshot: &Snapshot, node: usize) -> Result<GcAny, AllocError> {
    match body_words(snapshot, node) {
        0 => make_compact(heap, snapshot, node).map(Gc::erase),
        words => {
            let mut body = HeapVec::new();
            body.try_set_capacity(heap, words as usize)?;
            let head = Bulky {
                ordinal: node as u64,
                body,
            };
            let slots = strong_edges(snapshot, node);
            heap.try_alloc_with_tail(head, empty_slots(slots))
                .map(Gc::erase)
        }
    }
}

fn make_compact(
    heap: &Heap,
    snapshot: &Snapshot,
    node: usize,
) -> Result<Gc<CompactNode>, AllocError> {
    let head = Compact {
        ordinal: node as u64,
    };
    let slots = strong_edges(snapshot, node) + spare_words(snapshot, node).min(SPARE_SLOTS_MAX);
    heap.try_alloc_with_tail(head, empty_slots(slots))
}

fn empty_slots(count: u64) -> impl ExactSizeIterator<Item = Slot> {
    (0..count as usize).map(|_| Slot::default())
}

fn strong_edges(snapshot: &Snapshot, node: usize) -> u64 {
    snapshot.edges_of(node).filter(|edge| !edge.weak).count() as u64
}

/// Words of the recorded size that head and slots of a compact node leave over.
fn spare_words(snapshot: &Snapshot, node: usize) -> u64 {
    let taken = COMPACT_HEAD + strong_edges(snapshot, node) * WORD;
    snapshot.recorded_bytes(node).saturating_sub(taken) / WORD
}

/// Words of the body buffer; none for a compact node. The root is always compact.
fn body_words(snapshot: &Snapshot, node: usize) -> u64 {
    match spare_words(snapshot, node) {
        spare if node == 0 || spare <= SPARE_SLOTS_MAX => 0,
        spare => spare - (BULKY_HEAD - COMPACT_HEAD) / WORD,
    }
}

/// Blocks that the heap has in use for a whole snapshot: one per node and one per body.
pub fn blocks(snapshot: &Snapshot) -> usize {
    let bodies = (0..snapshot.nodes()).filter(|&node| body_words(snapshot, node) > 0);
    snapshot.nodes() + bodies.count()
}

/// Fills the slots of all edges that have one end in `batch` and the other not behind it.
fn link(snapshot: &Snapshot, nodes: &[GcAny], batch: &Range<usize>) {
    for (node, from) in nodes.iter().enumerate() {
        let strong = snapshot.edges_of(node).filter(|edge| !edge.weak);
        for (edge, slot) in strong.zip(slots(from)) {
            if batch.contains(&node.max(edge.target)) {
                slot.0.set(Some(nodes[edge.target].clone()));
            }
        }
    }
}

fn slots(node: &GcAny) -> &[Slot] {
    if let Some(node) = node.downcast_ref::<CompactNode>() {
        return node.tail();
    }
    node.downcast_ref::<BulkyNode>()
        .map_or(&[], |node| node.tail())
}

/// Ordinals of the snapshot's nodes that are on the heap, in no order.
pub fn live_ordinals(heap: &Heap) -> Vec<usize> {
    heap.objects(None)
        .unwrap_or_default()
        .iter()
        .filter_map(ordinal)
        .collect()
}

fn ordinal(node: &GcAny) -> Option<usize> {
    if let Some(node) = node.downcast_ref::<CompactNode>() {
        return Some(node.ordinal as usize);
    }
    let node = node.downcast_ref::<BulkyNode>()?;
    Some(node.ordinal as usize)
}
