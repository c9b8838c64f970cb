//! What lies beside a run and belongs into its report: the history of its benchmarks, the comparison with peers.

use crate::history::trend::Trend;
use crate::history::{HistoryError, Store, Track};
use crate::peers::Peers;
use crate::record::Record;
use std::collections::BTreeSet;

/// Fewer runs are no trend.
const FEWEST_RUNS: usize = 3;

/// The newest runs that are shown.
const MOST_RUNS: usize = 200;

/// The metric whose trends are shown: it moves with the code and not with the machine's load.
const METRIC: &str = "instructions/ir";

/// What lies beside a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Benchmarks of the run over all kept runs.
    pub trends: Vec<Trend>,
    /// Other heaps on the same work.
    pub peers: Option<Peers>,
}

impl Beside {
    /// Reads from a history the trends of what `head` measured.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn with_history(
        self,
        head: &Record,
        history: &mut dyn Store,
    ) -> Result<Self, HistoryError> {
        let counted = head.measurements.iter().filter(|m| m.metric == METRIC);
        let mut tracks: Vec<Track> = counted.map(Track::of).collect();
        history.newest(&mut tracks, MOST_RUNS as i64)?;
        Ok(self.with_tracks(head, tracks))
    }

    /// Keeps the trends of what `head` measured: of at least three runs, the newest two hundred of them.
    pub fn with_tracks(mut self, head: &Record, tracks: Vec<Track>) -> Self {
        let cases: BTreeSet<String> = head.planned.iter().map(|c| c.case().to_string()).collect();
        let known =
            |track: &Track| track.points.len() >= FEWEST_RUNS && cases.contains(&track.benchmark);
        let newest = |mut track: Track| {
            track
                .points
                .drain(..track.points.len().saturating_sub(MOST_RUNS));
            Trend::new(track)
        };
        self.trends = tracks.into_iter().filter(known).map(newest).collect();
        self
    }

    /// Trends that are worth a picture: those with a step first, then the others that moved.
    pub fn moved(&self) -> Vec<&Trend> {
        let moves = |trend: &&Trend| {
            let points = &trend.track.points;
            points.windows(2).any(|pair| pair[0].value != pair[1].value)
        };
        let mut moved: Vec<&Trend> = self.trends.iter().filter(moves).collect();
        moved.sort_by_key(|trend| trend.steps.is_empty());
        moved
    }
}
