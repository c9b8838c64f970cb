//! The small cuts of real recordings that are part of the crate, so that real input is at hand everywhere.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::snapshot::{Labels, Snapshot};
use crate::text::{Limits, Text};
use crate::trace::Trace;

/// An embedded heap snapshot.
#[derive(Debug)]
pub struct Cut {
    /// The program that it is from.
    pub name: &'static str,
    stored: &'static [u8],
}

/// All embedded snapshots.
pub const SNAPSHOTS: &[Cut] = &[
    Cut {
        name: "bs4_tree",
        stored: include_bytes!("../data/bs4_tree.heapsnapshot.zst"),
    },
    Cut {
        name: "django_site",
        stored: include_bytes!("../data/django_site.heapsnapshot.zst"),
    },
    Cut {
        name: "node_app",
        stored: include_bytes!("../data/node_app.heapsnapshot.zst"),
    },
];

const TRACE_NAME: &str = "bs4_tree";
const TRACE: &[u8] = include_bytes!("../data/bs4_tree.trace.zst");

/// What `scripts/cut-data` counted when it made the cuts.
#[derive(Debug, Deserialize)]
pub struct Counts {
    /// By name of the snapshot.
    pub heaps: BTreeMap<String, HeapCounts>,
    /// By name of the trace.
    pub traces: BTreeMap<String, TraceCounts>,
}

/// A cut of a heap in numbers.
#[derive(Debug, Deserialize)]
pub struct HeapCounts {
    /// Nodes, the root included.
    pub nodes: usize,
    /// Edges, weak ones included.
    pub edges: usize,
    /// Weak edges.
    pub weak_edges: usize,
    /// Recorded bytes of all nodes.
    pub bytes: u64,
    /// Nodes that the root does not reach.
    pub garbage_nodes: usize,
    /// Their recorded bytes.
    pub garbage_bytes: u64,
}

/// A cut of a trace in numbers.
#[derive(Debug, Deserialize)]
pub struct TraceCounts {
    /// Events.
    pub events: usize,
    /// Ids in use are below this.
    pub ids: usize,
    /// Peak of bytes asked for and not yet freed.
    pub peak_live_bytes: u64,
    /// Blocks never freed.
    pub live_blocks_at_end: usize,
}

/// The counts of all cuts.
///
/// # Panics
/// If the embedded file is broken, which a test of this crate excludes.
pub fn counts() -> Counts {
    match serde_json::from_str(include_str!("../data/counts.json")) {
        Ok(counts) => counts,
        Err(error) => panic!("data/counts.json: {error}"),
    }
}

impl Cut {
    /// Reads the snapshot.
    ///
    /// # Panics
    /// If the embedded file is broken, which a test of this crate excludes.
    pub fn snapshot(&self) -> Snapshot {
        match Snapshot::from_bytes(self.name, self.stored, Limits::default()) {
            Ok(snapshot) => snapshot,
            Err(error) => panic!("embedded data: {error}"),
        }
    }

    /// Reads the snapshot with its names.
    ///
    /// # Panics
    /// If the embedded file is broken, which a test of this crate excludes.
    pub fn labelled(&self) -> (Snapshot, Labels) {
        let read = Text::from_bytes(self.name, self.stored, Limits::default())
            .and_then(|mut text| Snapshot::read_labelled(&mut text));
        match read {
            Ok(read) => read,
            Err(error) => panic!("embedded data: {error}"),
        }
    }

    /// What was counted when the cut was made.
    ///
    /// # Panics
    /// If the embedded counts lack it, which a test of this crate excludes.
    pub fn counts(&self) -> HeapCounts {
        match counts().heaps.remove(self.name) {
            Some(counts) => counts,
            None => panic!("data/counts.json: no heap {}", self.name),
        }
    }
}

/// What was counted when the trace was cut.
///
/// # Panics
/// If the embedded counts lack it, which a test of this crate excludes.
pub fn trace_counts() -> TraceCounts {
    match counts().traces.remove(TRACE_NAME) {
        Some(counts) => counts,
        None => panic!("data/counts.json: no trace {TRACE_NAME}"),
    }
}

/// Reads the embedded trace.
///
/// # Panics
/// If the embedded file is broken, which a test of this crate excludes.
pub fn trace() -> Trace {
    match Trace::from_bytes(TRACE_NAME, TRACE, Limits::default()) {
        Ok(trace) => trace,
        Err(error) => panic!("embedded data: {error}"),
    }
}
