//! The history in one file.

use super::store::{HistoryError, MIGRATIONS, Point, Run, Store, Track, grouped, sql};
use rusqlite::{Connection, Row, params};
use std::path::Path;
use std::time::Duration;

/// Another process may be appending: wait for it that long.
const BUSY: Duration = Duration::from_secs(30);

pub(super) struct Sqlite {
    connection: Connection,
    place: String,
}

impl Sqlite {
    pub(super) fn open(file: &Path) -> Result<Self, HistoryError> {
        let place = file.display().to_string();
        let refused = |message: String| HistoryError::Database {
            place: place.clone(),
            message,
        };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| refused(error.to_string()))?;
        }
        let connection = Connection::open(file).map_err(|error| refused(error.to_string()))?;
        let mut history = Self { connection, place };
        history.prepare()?;
        Ok(history)
    }

    fn prepare(&mut self) -> Result<(), HistoryError> {
        let place = self.place.clone();
        let refused = refusal(&place);
        self.connection.busy_timeout(BUSY).map_err(&refused)?;
        let change = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
        let change = change.map_err(&refused)?;
        change.execute(sql::VERSION_TABLE, []).map_err(&refused)?;
        let found: i64 = change
            .query_row(sql::VERSION, [], |row| row.get(0))
            .map_err(&refused)?;
        let known = MIGRATIONS.len() as i64;
        if found > known {
            return Err(HistoryError::Newer {
                place: place.clone(),
                found,
                known,
            });
        }
        for (version, migration) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
            change.execute_batch(migration).map_err(&refused)?;
            change.execute(sql::MIGRATED, [version]).map_err(&refused)?;
        }
        change.commit().map_err(&refused)
    }
}

fn refusal(place: &str) -> impl Fn(rusqlite::Error) -> HistoryError + '_ {
    |error| HistoryError::Database {
        place: place.to_owned(),
        message: error.to_string(),
    }
}

impl Store for Sqlite {
    fn append(&mut self, run: &Run, tracks: &[Track]) -> Result<bool, HistoryError> {
        let refused = refusal(&self.place);
        let change = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
        let change = change.map_err(&refused)?;
        let there: i64 = change
            .query_row(sql::HAS_RUN, [run.id], |row| row.get(0))
            .map_err(&refused)?;
        if there > 0 {
            return Ok(false);
        }
        let values = params![
            run.id,
            run.created,
            run.commit,
            i64::from(run.dirty),
            run.depth,
            run.selection,
            run.machine,
            run.toolchain,
            run.points
        ];
        change.execute(sql::ADD_RUN, values).map_err(&refused)?;
        {
            let mut metric = change.prepare(sql::ADD_METRIC).map_err(&refused)?;
            let mut add = change.prepare(sql::ADD_POINT).map_err(&refused)?;
            for track in tracks {
                let id = track.id();
                metric
                    .execute(params![
                        id,
                        track.benchmark,
                        track.metric,
                        track.unit,
                        track.better
                    ])
                    .map_err(&refused)?;
                for point in &track.points {
                    let [low, high] = point.interval.map_or([None, None], |ends| ends.map(Some));
                    add.execute(params![id, run.id, point.created, point.value, low, high])
                        .map_err(&refused)?;
                }
            }
        }
        change.commit().map_err(&refused)?;
        Ok(true)
    }

    fn runs(&mut self, limit: i64) -> Result<Vec<Run>, HistoryError> {
        let refused = refusal(&self.place);
        let mut query = self.connection.prepare(sql::RUNS).map_err(&refused)?;
        let rows = query.query_map([limit], run).map_err(&refused)?;
        rows.collect::<Result<_, _>>().map_err(&refused)
    }

    fn tracks(&mut self, benchmark: &str, metric: &str) -> Result<Vec<Track>, HistoryError> {
        let refused = refusal(&self.place);
        let mut query = self.connection.prepare(sql::TRACKS).map_err(&refused)?;
        let rows = query
            .query_map([benchmark, metric], track)
            .map_err(&refused)?;
        let rows: Vec<Track> = rows.collect::<Result<_, _>>().map_err(&refused)?;
        Ok(grouped(rows.into_iter()))
    }

    fn newest(&mut self, tracks: &mut [Track], limit: i64) -> Result<(), HistoryError> {
        let refused = refusal(&self.place);
        let mut query = self.connection.prepare(sql::NEWEST).map_err(&refused)?;
        for track in tracks {
            let rows = query
                .query_map([track.id(), limit], |row| point(row, 0))
                .map_err(&refused)?;
            track.points = rows.collect::<Result<_, _>>().map_err(&refused)?;
            track.points.reverse();
        }
        Ok(())
    }
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        created: row.get(1)?,
        commit: row.get(2)?,
        dirty: row.get::<_, i64>(3)? != 0,
        depth: row.get(4)?,
        selection: row.get(5)?,
        machine: row.get(6)?,
        toolchain: row.get(7)?,
        points: row.get(8)?,
    })
}

fn track(row: &Row<'_>) -> rusqlite::Result<Track> {
    Ok(Track {
        benchmark: row.get(0)?,
        metric: row.get(1)?,
        unit: row.get(2)?,
        better: row.get(3)?,
        points: vec![point(row, 4)?],
    })
}

/// The five columns of a point, the first of them at `at`.
fn point(row: &Row<'_>, at: usize) -> rusqlite::Result<Point> {
    let (low, high): (Option<f64>, Option<f64>) = (row.get(at + 3)?, row.get(at + 4)?);
    Ok(Point {
        created: row.get(at)?,
        commit: row.get(at + 1)?,
        value: row.get(at + 2)?,
        interval: low.zip(high).map(|(low, high)| [low, high]),
    })
}
