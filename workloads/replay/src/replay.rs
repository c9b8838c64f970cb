//! Replays one file and says what came of it.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use exuvia_core::{AllocError, Heap, VerifyError};
use serde::Serialize;

use crate::fault::ReadError;
use crate::recording::Recording;
use crate::snapshot::{self, RebuildError, Snapshot, Spread};
use crate::text::Limits;
use crate::trace::Trace;
use crate::trace::measure::{self, BackendSummary};

/// What a file's replay gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Summary {
    /// A heap snapshot was rebuilt, collected and taken down.
    Snapshot(SnapshotSummary),
    /// An allocation trace was played on each allocator.
    Trace {
        /// Events played.
        events: usize,
        /// One row per allocator.
        backends: Vec<BackendSummary>,
    },
}

/// A snapshot on our heap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotSummary {
    /// Nodes of the file.
    pub nodes: usize,
    /// Edges of the file, weak ones included.
    pub edges: usize,
    /// Nodes that the collection found unreachable and freed.
    pub freed: usize,
    /// Nodes that died before it, when their last reference went.
    pub freed_by_count: usize,
    /// Nodes alive after it.
    pub kept: usize,
    /// Recorded bytes of the nodes that are gone.
    pub freed_bytes: u64,
    /// Wall time of the collection in nanoseconds.
    pub collect_ns: u64,
    /// Blocks left on the heap when the root is gone too.
    pub left_at_end: usize,
}

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file was refused.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The heap has no room for the objects.
    #[error("cannot rebuild the objects: {0}")]
    Alloc(#[from] AllocError),
    /// The heap's own walk found it broken.
    #[error("the heap is inconsistent after {step}: {error}")]
    Inconsistent {
        /// What had been done.
        step: &'static str,
        /// What is wrong.
        error: VerifyError,
    },
    /// The heap lost a node or kept what nothing holds.
    #[error(
        "of {nodes} nodes {accounted} were freed or kept, and {left_at_end} blocks were left at the end"
    )]
    Unaccounted {
        /// Nodes of the file.
        nodes: usize,
        /// Nodes freed by the collection, freed by count, and kept.
        accounted: usize,
        /// Blocks left without the root.
        left_at_end: usize,
    },
    /// `--footprint` with an unknown name, or where resident memory cannot be read.
    #[error("no such allocator, or resident memory is not known on this system")]
    NoFootprint,
}

impl From<RebuildError<ReplayError>> for ReplayError {
    fn from(error: RebuildError<ReplayError>) -> ReplayError {
        match error {
            RebuildError::Alloc(error) => error.into(),
            RebuildError::Check(error) => error,
        }
    }
}

/// Replays a heap snapshot or an allocation trace. `progress` is told each step.
///
/// A trace's `peak_footprint` stays unmeasured, because that takes a process per allocator; see [`command`](crate::command).
///
/// # Errors
/// When the file is refused (the error names the place), the heap is out of memory, or the heap's verification fails.
pub fn replay_file(
    path: &Path,
    limits: Limits,
    mut progress: impl FnMut(&str),
) -> Result<Summary, ReplayError> {
    progress("reading");
    match Recording::open(path, limits)? {
        Recording::Snapshot(snapshot) => {
            replay_snapshot(&snapshot, Spread::AsLoaded, progress).map(Summary::Snapshot)
        }
        Recording::Trace(trace) => Ok(replay_trace(&trace, progress)),
    }
}

/// Rebuilds a snapshot, lets go of all but the root, collects once, then lets go of the root and collects again.
/// The heap's structures are walked after each step.
///
/// # Errors
/// When the heap is out of memory or its verification fails.
pub fn replay_snapshot(
    snapshot: &Snapshot,
    spread: Spread,
    mut progress: impl FnMut(&str),
) -> Result<SnapshotSummary, ReplayError> {
    let heap = Heap::builder().enabled(false).build();
    progress("rebuilding");
    let rebuilt = snapshot::rebuild(snapshot, &heap, spread, |heap| verify(heap, "a batch"))?;
    verify(&heap, "rebuilding")?;

    progress("collecting");
    let start = Instant::now();
    let freed = heap.collect_all();
    let collect_ns = start.elapsed().as_nanos() as u64;
    verify(&heap, "the collection")?;
    let live = snapshot::live_ordinals(&heap);
    let kept_bytes: u64 = live.iter().map(|&node| snapshot.recorded_bytes(node)).sum();

    progress("taking down");
    drop(rebuilt);
    verify(&heap, "the root's release")?;
    heap.collect_all();
    verify(&heap, "the last collection")?;
    Ok(SnapshotSummary {
        nodes: snapshot.nodes(),
        edges: snapshot.edges(),
        freed,
        freed_by_count: snapshot.nodes().saturating_sub(freed + live.len()),
        kept: live.len(),
        freed_bytes: snapshot.total_recorded_bytes() - kept_bytes,
        collect_ns,
        left_at_end: heap.memory().live_blocks,
    })
}

fn verify(heap: &Heap, step: &'static str) -> Result<(), ReplayError> {
    match heap.verify() {
        Ok(_) => Ok(()),
        Err(error) => Err(ReplayError::Inconsistent { step, error }),
    }
}

fn replay_trace(trace: &Trace, progress: impl FnMut(&str)) -> Summary {
    Summary::Trace {
        events: trace.events().len(),
        backends: measure::time(trace, progress),
    }
}

impl Summary {
    /// Whether the heap kept its promise: every node is accounted for once, and nothing is left.
    pub(crate) fn check(&self) -> Result<(), ReplayError> {
        let Summary::Snapshot(s) = self else {
            return Ok(());
        };
        let accounted = s.freed + s.freed_by_count + s.kept;
        match accounted == s.nodes && s.left_at_end == 0 {
            true => Ok(()),
            false => Err(ReplayError::Unaccounted {
                nodes: s.nodes,
                accounted,
                left_at_end: s.left_at_end,
            }),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Summary::Snapshot(s) => s.fmt(f),
            Summary::Trace { events, backends } => {
                writeln!(f, "allocation trace: {events} events")?;
                backends.iter().try_for_each(|row| row.fmt(f))
            }
        }
    }
}

impl fmt::Display for SnapshotSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.collect_ns as f64 / 1e6;
        writeln!(
            f,
            "heap snapshot: {} nodes, {} edges",
            self.nodes, self.edges
        )?;
        writeln!(
            f,
            "  freed by one collection  {} nodes in {ms:.2} ms",
            self.freed
        )?;
        writeln!(
            f,
            "  freed by count before    {} nodes",
            self.freed_by_count
        )?;
        writeln!(f, "  recorded bytes freed     {}", self.freed_bytes)?;
        writeln!(f, "  kept by the root         {} nodes", self.kept)?;
        writeln!(f, "  left without the root    {} blocks", self.left_at_end)
    }
}

impl fmt::Display for BackendSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {:<9} {:7.2} ns per event",
            self.name, self.ns_per_event
        )?;
        match self.peak_footprint {
            Some(bytes) => {
                let ratio = bytes as f64 / self.peak_live.max(1) as f64;
                writeln!(
                    f,
                    ", peak footprint {bytes} bytes, {ratio:.3} of the live {}",
                    self.peak_live
                )
            }
            None => writeln!(f, ", peak footprint not known here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_prints_the_object_that_was_agreed() {
        let summary = Summary::Trace {
            events: 3,
            backends: vec![BackendSummary {
                name: "pages",
                ns_per_event: 1.5,
                peak_footprint: None,
                peak_live: 9,
            }],
        };
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"kind":"trace","events":3,"backends":[{"name":"pages","ns_per_event":1.5,"peak_footprint":null,"peak_live":9}]}"#
        );
    }
}
