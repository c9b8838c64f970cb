//! The history of a team, in PostgreSQL.

use super::store::{HistoryError, MIGRATIONS, Point, Run, Store, Track, grouped, sql};
use postgres::{Client, NoTls, Row};
use std::collections::HashMap;

/// Taken while migrating and appending, so that two processes do not migrate at once.
const LOCK: &str = "SELECT pg_advisory_xact_lock(4072316817)";

pub(super) struct Postgres {
    client: Client,
    place: String,
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self, HistoryError> {
        let place = without_password(url);
        let client = Client::connect(url, NoTls).map_err(refusal(&place))?;
        let mut history = Self { client, place };
        history.prepare()?;
        Ok(history)
    }

    fn prepare(&mut self) -> Result<(), HistoryError> {
        let refused = refusal(&self.place);
        let mut change = self.client.transaction().map_err(&refused)?;
        change.batch_execute(LOCK).map_err(&refused)?;
        change.batch_execute(sql::VERSION_TABLE).map_err(&refused)?;
        let found: i64 = change
            .query_one(sql::VERSION, &[])
            .map_err(&refused)?
            .get(0);
        let known = MIGRATIONS.len() as i64;
        if found > known {
            return Err(HistoryError::Newer {
                place: self.place.clone(),
                found,
                known,
            });
        }
        for (version, migration) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
            change.batch_execute(migration).map_err(&refused)?;
            change
                .execute(sql::MIGRATED, &[&version])
                .map_err(&refused)?;
        }
        change.commit().map_err(&refused)
    }
}

fn refusal(place: &str) -> impl Fn(postgres::Error) -> HistoryError + '_ {
    |error| {
        use std::error::Error;
        let message = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        HistoryError::Database {
            place: place.to_owned(),
            message,
        }
    }
}

/// A URL as it may be printed.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((credentials, rest))) => {
            let credentials = credentials
                .trim_start_matches(scheme)
                .trim_start_matches("://");
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{rest}")
        }
        _ => url.to_owned(),
    }
}

impl Store for Postgres {
    fn append(&mut self, run: &Run, tracks: &[Track]) -> Result<bool, HistoryError> {
        let refused = refusal(&self.place);
        let mut change = self.client.transaction().map_err(&refused)?;
        change.batch_execute(LOCK).map_err(&refused)?;
        let there: i64 = change
            .query_one(sql::HAS_RUN, &[&run.id])
            .map_err(&refused)?
            .get(0);
        if there > 0 {
            return Ok(false);
        }
        let dirty = i64::from(run.dirty);
        let values: [&(dyn postgres::types::ToSql + Sync); 9] = [
            &run.id,
            &run.created,
            &run.commit,
            &dirty,
            &run.depth,
            &run.selection,
            &run.machine,
            &run.toolchain,
            &run.points,
        ];
        change.execute(sql::ADD_RUN, &values).map_err(&refused)?;
        let metric = change.prepare(sql::ADD_METRIC).map_err(&refused)?;
        let add = change.prepare(sql::ADD_POINT).map_err(&refused)?;
        for track in tracks {
            let id = track.id();
            change
                .execute(
                    &metric,
                    &[
                        &id,
                        &track.benchmark,
                        &track.metric,
                        &track.unit,
                        &track.better,
                    ],
                )
                .map_err(&refused)?;
            for point in &track.points {
                let [low, high] = point.interval.map_or([None, None], |ends| ends.map(Some));
                change
                    .execute(
                        &add,
                        &[&id, &run.id, &point.created, &point.value, &low, &high],
                    )
                    .map_err(&refused)?;
            }
        }
        change.commit().map_err(&refused)?;
        Ok(true)
    }

    fn runs(&mut self, limit: i64) -> Result<Vec<Run>, HistoryError> {
        let rows = self
            .client
            .query(sql::RUNS, &[&limit])
            .map_err(refusal(&self.place))?;
        Ok(rows.iter().map(run).collect())
    }

    fn tracks(&mut self, benchmark: &str, metric: &str) -> Result<Vec<Track>, HistoryError> {
        let rows = self
            .client
            .query(sql::TRACKS, &[&benchmark, &metric])
            .map_err(refusal(&self.place))?;
        Ok(grouped(rows.iter().map(track)))
    }

    fn newest(&mut self, tracks: &mut [Track], limit: i64) -> Result<(), HistoryError> {
        // one question for all of them: a server may be far away
        let places: HashMap<i64, usize> = (0..).zip(&*tracks).map(|(at, t)| (t.id(), at)).collect();
        let ids: Vec<i64> = places.keys().copied().collect();
        let query = format!(
            "SELECT newest.*, wanted.id FROM UNNEST($1::BIGINT[]) AS wanted (id) CROSS JOIN LATERAL ({}) AS newest",
            sql::NEWEST.replace("$1", "wanted.id")
        );
        let rows = self
            .client
            .query(&query, &[&ids, &limit])
            .map_err(refusal(&self.place))?;
        tracks.iter_mut().for_each(|track| track.points.clear());
        for row in &rows {
            tracks[places[&row.get::<_, i64>(5)]]
                .points
                .push(point(row, 0));
        }
        tracks.iter_mut().for_each(|track| track.points.reverse());
        Ok(())
    }
}

fn run(row: &Row) -> Run {
    Run {
        id: row.get(0),
        created: row.get(1),
        commit: row.get(2),
        dirty: row.get::<_, i64>(3) != 0,
        depth: row.get(4),
        selection: row.get(5),
        machine: row.get(6),
        toolchain: row.get(7),
        points: row.get(8),
    }
}

fn track(row: &Row) -> Track {
    Track {
        benchmark: row.get(0),
        metric: row.get(1),
        unit: row.get(2),
        better: row.get(3),
        points: vec![point(row, 4)],
    }
}

/// The five columns of a point, the first of them at `at`.
fn point(row: &Row, at: usize) -> Point {
    let (low, high): (Option<f64>, Option<f64>) = (row.get(at + 3), row.get(at + 4));
    Point {
        created: row.get(at),
        commit: row.get(at + 1),
        value: row.get(at + 2),
        interval: low.zip(high).map(|(low, high)| [low, high]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(
            without_password("postgres://me:secret@host/db"),
            "postgres://me@host/db"
        );
        assert_eq!(
            without_password("postgres:///db?host=/tmp"),
            "postgres:///db?host=/tmp"
        );
    }
}
