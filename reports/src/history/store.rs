//! What a history holds and what is asked of it. The SQL is the same text for both databases.

use crate::record::{Better, Measurement, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a history cannot be used.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The database refused.
    #[error("the history at {place}: {message}")]
    Database {
        /// File or URL, without a password.
        place: String,
        /// What the database said.
        message: String,
    },
    /// A newer exuvia has changed the schema.
    #[error("the history at {place} has schema {found}, this exuvia knows {known}: update exuvia")]
    Newer {
        /// File or URL, without a password.
        place: String,
        /// Version in the database.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// The kind of database was left out of this build.
    #[error("this exuvia was built without the feature `{0}`")]
    NotCompiled(&'static str),
}

/// One migration per version, applied in order and never changed afterwards.
#[cfg_attr(
    not(any(feature = "history", feature = "postgres")),
    expect(dead_code, reason = "no database")
)]
pub(super) const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE exuvia_runs (
        id BIGINT PRIMARY KEY, created BIGINT NOT NULL, commit_id TEXT, dirty BIGINT NOT NULL, depth TEXT NOT NULL,
        selection TEXT, machine TEXT NOT NULL, toolchain TEXT NOT NULL, points BIGINT NOT NULL
    );
    CREATE INDEX exuvia_runs_created ON exuvia_runs (created);
    CREATE TABLE exuvia_metrics (
        id BIGINT PRIMARY KEY, benchmark TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL, better TEXT NOT NULL
    );
    CREATE INDEX exuvia_metrics_name ON exuvia_metrics (benchmark, metric);
    CREATE TABLE exuvia_points (
        metric BIGINT NOT NULL REFERENCES exuvia_metrics (id), run BIGINT NOT NULL REFERENCES exuvia_runs (id),
        value DOUBLE PRECISION NOT NULL, low DOUBLE PRECISION, high DOUBLE PRECISION, PRIMARY KEY (metric, run)
    );
",
    // the newest points of a metric are read without looking at the others
    "
    ALTER TABLE exuvia_points ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
    UPDATE exuvia_points SET created = (SELECT r.created FROM exuvia_runs r WHERE r.id = exuvia_points.run);
    CREATE INDEX exuvia_points_newest ON exuvia_points (metric, created, run);
",
];

#[cfg_attr(
    not(any(feature = "history", feature = "postgres")),
    expect(dead_code, reason = "no database")
)]
pub(super) mod sql {
    pub(in super::super) const VERSION_TABLE: &str =
        "CREATE TABLE IF NOT EXISTS exuvia_schema (version BIGINT NOT NULL)";
    pub(in super::super) const VERSION: &str =
        "SELECT COALESCE(MAX(version), 0) FROM exuvia_schema";
    pub(in super::super) const MIGRATED: &str = "INSERT INTO exuvia_schema (version) VALUES ($1)";
    pub(in super::super) const HAS_RUN: &str = "SELECT COUNT(*) FROM exuvia_runs WHERE id = $1";
    pub(in super::super) const ADD_RUN: &str = "INSERT INTO exuvia_runs (id, created, commit_id, dirty, depth, selection, machine, toolchain, points) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    pub(in super::super) const ADD_METRIC: &str = "INSERT INTO exuvia_metrics (id, benchmark, metric, unit, better) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO NOTHING";
    pub(in super::super) const ADD_POINT: &str = "INSERT INTO exuvia_points (metric, run, created, value, low, high) VALUES ($1, $2, $3, $4, $5, $6)";
    pub(in super::super) const RUNS: &str = "SELECT id, created, commit_id, dirty, depth, selection, machine, toolchain, points FROM exuvia_runs \
         ORDER BY created DESC, id LIMIT $1";
    /// `CROSS JOIN` keeps SQLite to this order: names first, then their points along the index, never all points.
    pub(in super::super) const TRACKS: &str = "SELECT m.benchmark, m.metric, m.unit, m.better, r.created, r.commit_id, p.value, p.low, p.high \
         FROM exuvia_metrics m CROSS JOIN exuvia_points p CROSS JOIN exuvia_runs r \
         WHERE p.metric = m.id AND r.id = p.run AND m.benchmark LIKE $1 AND m.metric LIKE $2 ORDER BY m.benchmark, m.metric, r.created, r.id";
    /// The newest points of one metric, read backwards along an index.
    pub(in super::super) const NEWEST: &str = "SELECT p.created, r.commit_id, p.value, p.low, p.high \
         FROM exuvia_points p JOIN exuvia_runs r ON r.id = p.run \
         WHERE p.metric = $1 ORDER BY p.created DESC, p.run DESC LIMIT $2";
}

/// A run, without its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Hash of what identifies it.
    pub id: i64,
    /// Seconds since 1970.
    pub created: i64,
    /// Commit.
    pub commit: Option<String>,
    /// Whether the tree had changes.
    pub dirty: bool,
    /// Depth in a word.
    pub depth: String,
    /// Filter or shard.
    pub selection: Option<String>,
    /// Processor.
    pub machine: String,
    /// Hash of the instruction key.
    pub toolchain: String,
    /// Numbers of the run.
    pub points: i64,
}

/// One number of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Seconds since 1970.
    pub created: i64,
    /// Commit.
    pub commit: Option<String>,
    /// The number.
    pub value: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
}

/// One metric of one benchmark over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Track {
    /// `lists/append[append]{n=1000}`.
    pub benchmark: String,
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// `less`, `more` or `none`.
    pub better: String,
    /// In the order of time.
    pub points: Vec<Point>,
}

impl Track {
    /// The track that a measurement belongs to, without a point.
    pub fn of(row: &Measurement) -> Self {
        Self {
            benchmark: row.case().to_string(),
            metric: row.metric.clone(),
            unit: row.unit.clone(),
            better: match row.better {
                Better::Less => "less",
                Better::More => "more",
                Better::None => "none",
            }
            .to_owned(),
            points: Vec::new(),
        }
    }

    #[cfg_attr(
        not(any(feature = "history", feature = "postgres")),
        expect(dead_code, reason = "no database")
    )]
    pub(super) fn id(&self) -> i64 {
        hash(&format!(
            "{}\n{}\n{}",
            self.benchmark, self.metric, self.unit
        ))
    }
}

/// A database.
pub trait Store {
    /// Adds a run with one point per track; false when it was there already.
    ///
    /// # Errors
    /// When the database refuses; then nothing was added.
    fn append(&mut self, run: &Run, tracks: &[Track]) -> Result<bool, HistoryError>;

    /// The newest runs.
    ///
    /// # Errors
    /// When the database refuses.
    fn runs(&mut self, limit: i64) -> Result<Vec<Run>, HistoryError>;

    /// Tracks whose benchmark and metric match these SQL patterns (`%` is any text).
    ///
    /// # Errors
    /// When the database refuses.
    fn tracks(&mut self, benchmark: &str, metric: &str) -> Result<Vec<Track>, HistoryError>;

    /// Gives each of these tracks its newest points, at most `limit`. The time grows with what is returned and not
    /// with what is kept.
    ///
    /// # Errors
    /// When the database refuses.
    fn newest(&mut self, tracks: &mut [Track], limit: i64) -> Result<(), HistoryError>;
}

/// The rows of `sql::TRACKS` by metric; they come in order.
#[cfg_attr(
    not(any(feature = "history", feature = "postgres")),
    expect(dead_code, reason = "no database")
)]
pub(super) fn grouped(rows: impl Iterator<Item = Track>) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for row in rows {
        match tracks.last_mut() {
            Some(last)
                if last.benchmark == row.benchmark
                    && last.metric == row.metric
                    && last.unit == row.unit =>
            {
                last.points.extend(row.points);
            }
            _ => tracks.push(row),
        }
    }
    tracks
}

/// A run and its numbers, each as a track of one point.
pub(super) fn of_record(record: &Record) -> (Run, Vec<Track>) {
    let environment = &record.environment;
    let created = environment.created_unix.unwrap_or(0) as i64;
    let measured = record
        .measurements
        .iter()
        .filter_map(|row| Some((row, row.measured()?)));
    let tracks: Vec<Track> = measured
        .map(|(row, value)| Track {
            points: vec![Point {
                created,
                commit: environment.commit.clone(),
                value,
                interval: row.low.zip(row.high).map(|(low, high)| [low, high]),
            }],
            ..Track::of(row)
        })
        .collect();
    let identity = format!(
        "{created} {:?} {:?} {tracks:?}",
        environment.commit, record.selection
    );
    let run = Run {
        id: hash(&identity),
        created,
        commit: environment.commit.clone(),
        dirty: environment.dirty.unwrap_or(false),
        depth: record.depth.to_string(),
        selection: record.selection.clone(),
        machine: environment
            .cpu_model
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
        toolchain: format!("{:016x}", hash(&environment.instruction_key())),
        points: tracks.len() as i64,
    };
    (run, tracks)
}

/// FNV-1a with the bits mixed once more, as the databases' signed 64 bits.
fn hash(text: &str) -> i64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let mixed = (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).cast_signed()
}
