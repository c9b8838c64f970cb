//! Rebuilds real heaps and replays real allocation traces.
//!
//! A V8 heap snapshot ([`Snapshot`]) becomes objects on our heap, an edge a counted reference; one collection must
//! then free exactly what the root does not reach, and the loader computes no reachability. An allocation trace
//! ([`Trace`]) is played on our private heap, the system's allocator and mimalloc. The input is foreign: `text` opens
//! and bounds it, `fault` says what is wrong with it and at which byte, `recording` tells the two kinds apart.
//!
//! `inspect` answers what is alive in a snapshot, what holds it, and what would be freed with it.
//!
//! [`register`] adds the workloads, which run on the small real cuts in [`embedded`]; [`command`] is the subcommand
//! `replay`, [`inspect_command`] is `inspect`.

#![forbid(unsafe_code)]

mod command;
pub mod embedded;
mod fault;
mod inspect;
mod recording;
mod replay;
mod snapshot;
mod text;
mod trace;
mod workloads;

pub use command::command;
pub use fault::{Fault, ReadError};
pub use inspect::{Inspection, command as inspect_command};
pub use recording::Recording;
pub use replay::{ReplayError, SnapshotSummary, Summary, replay_file, replay_snapshot};
pub use snapshot::{
    Edge, EdgeKind, Labels, RebuildError, Rebuilt, Snapshot, Spread, blocks, live_ordinals, rebuild,
};
pub use text::Limits;
pub use trace::measure::BackendSummary;
pub use trace::{Action, Event, Trace};
pub use workloads::register;
