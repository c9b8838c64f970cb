//! V8 heap snapshots: read in one pass, then rebuilt object for object on our heap.
//!
//! `meta` is what the file says about its own layout, `table` collects the two flat arrays number by number and
//! checks each where it stands, `document` drives serde_json over the file, `rebuild` makes objects of it.
//! Start with [`Snapshot`].
//!
//! Invariants of a [`Snapshot`] that was read: node 0 is the root; every edge's target is a node; the edges of
//! node k follow those of node k-1 and every edge belongs to one node. Names and strings are checked, and kept
//! only where `labels` were asked for.
//!
//! Memory: 12 bytes a node and 5 an edge, plus 16 a node for ids while reading. The shortest node takes 10
//! bytes of text and the shortest edge 6, so the tables stay below six times the text, growth of vectors included.

mod document;
mod labels;
mod meta;
pub(crate) mod rebuild;
mod table;

pub use labels::{EdgeKind, Labels};
pub use rebuild::{RebuildError, Rebuilt, Spread, blocks, live_ordinals, rebuild};

use std::path::Path;

use crate::fault::{Fault, ReadError};
use crate::text::{Limits, Text};

/// An object graph in columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    sizes: Vec<u64>,
    edge_ends: Vec<u32>,
    targets: Vec<u32>,
    weak: Vec<bool>,
}

/// One edge of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Ordinal of the node it points to.
    pub target: usize,
    /// A weak edge holds nothing alive.
    pub weak: bool,
}

impl Snapshot {
    /// Reads a `.heapsnapshot` file, plain or zstd.
    ///
    /// # Errors
    /// A file that is unreadable, truncated, above its limits, or contradicts itself: the error names the place.
    pub fn open(path: &Path, limits: Limits) -> Result<Snapshot, ReadError> {
        Snapshot::read(&mut Text::open(path, limits)?)
    }

    /// Reads a snapshot that is in memory, plain or zstd; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As for [`Snapshot::open`].
    pub fn from_bytes(name: &str, bytes: &[u8], limits: Limits) -> Result<Snapshot, ReadError> {
        Snapshot::read(&mut Text::from_bytes(name, bytes, limits)?)
    }

    /// Reads a `.heapsnapshot` file with the names of its nodes and edges.
    ///
    /// # Errors
    /// As for [`Snapshot::open`].
    pub fn open_labelled(path: &Path, limits: Limits) -> Result<(Snapshot, Labels), ReadError> {
        Snapshot::read_labelled(&mut Text::open(path, limits)?)
    }

    pub(crate) fn read_labelled(text: &mut Text<'_>) -> Result<(Snapshot, Labels), ReadError> {
        let (snapshot, labels) = Snapshot::read_any(text, true)?;
        Ok((snapshot, labels.expect("they were asked for")))
    }

    pub(crate) fn read(text: &mut Text<'_>) -> Result<Snapshot, ReadError> {
        Ok(Snapshot::read_any(text, false)?.0)
    }

    fn read_any(
        text: &mut Text<'_>,
        keep_labels: bool,
    ) -> Result<(Snapshot, Option<Labels>), ReadError> {
        let (snapshot, labels) = document::read(text, keep_labels)?;
        let read_bytes = text.cursor().at();
        text.limits()
            .check_content("the objects need", snapshot.needed_bytes(), read_bytes)
            .map_err(|fault: Fault| text.error(fault))?;
        Ok((snapshot, labels))
    }

    /// Nodes, the root included.
    pub fn nodes(&self) -> usize {
        self.sizes.len()
    }

    /// Edges, weak ones included.
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// The size that the file records for a node, in bytes.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn recorded_bytes(&self, node: usize) -> u64 {
        self.sizes[node]
    }

    /// All recorded sizes together.
    pub fn total_recorded_bytes(&self) -> u64 {
        self.sizes
            .iter()
            .fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// The edges of a node, in the file's order.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn edges_of(&self, node: usize) -> impl ExactSizeIterator<Item = Edge> + '_ {
        let range = self.first_edge(node)..self.edge_ends[node] as usize;
        let weak = &self.weak[range.clone()];
        self.targets[range]
            .iter()
            .zip(weak)
            .map(|(&target, &weak)| Edge {
                target: target as usize,
                weak,
            })
    }

    /// The number of a node's first edge; the others follow.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn first_edge(&self, node: usize) -> usize {
        match node {
            0 => 0,
            _ => self.edge_ends[node - 1] as usize,
        }
    }

    /// What rebuilding may take at most: each node is as large as recorded, or as its edges need.
    fn needed_bytes(&self) -> u64 {
        let edges = self.edges() as u64 * 8;
        self.total_recorded_bytes()
            .saturating_add(edges)
            .saturating_add(self.nodes() as u64 * 64)
    }
}

#[cfg(test)]
mod tests;
