//! The history: the same promises for both databases. PostgreSQL is tested where `EXUVIA_TEST_POSTGRES` names one
//! (`scripts/test-postgres` starts one).
#![cfg(feature = "history")]

use exuvia_reports::fixture;
use exuvia_reports::history::{self, Point, Run, Store, Track};
use exuvia_reports::record::Record;
use std::time::Instant;

fn run_at(created: u64, change: f64) -> Record {
    let mut record = fixture::record();
    record.environment.created_unix = Some(created);
    for row in record
        .measurements
        .iter_mut()
        .filter(|m| m.metric == "instructions/ir")
    {
        row.value = row.value.map(|v| v * (1.0 + change));
    }
    record
}

fn promises(store: &mut dyn Store) {
    for day in 0..12_u64 {
        let record = run_at(
            1_700_000_000 + day * 86_400,
            if day < 6 { 0.0 } else { 0.05 },
        );
        assert!(history::append(store, &record).expect("appended"));
        assert!(
            !history::append(store, &record).expect("known"),
            "the same run is there once"
        );
    }
    let runs = store.runs(5).expect("listed");
    assert_eq!(runs.len(), 5);
    assert!(runs[0].created > runs[4].created, "the newest first");
    let tracks = store
        .tracks("instances/create[slots]%", "instructions/ir")
        .expect("found");
    assert_eq!(tracks.len(), 2, "one for each parameter");
    assert_eq!(tracks[0].points.len(), 12);
    assert_newest_alone(store, &tracks[0]);
    let trend = history::trend::Trend::new(tracks[0].clone());
    assert_eq!(
        trend
            .steps
            .iter()
            .map(|step| step.index)
            .collect::<Vec<_>>(),
        [6]
    );
}

/// The newest points of a track, and none of one that nobody measured.
fn assert_newest_alone(store: &mut dyn Store, track: &Track) {
    let named = |benchmark: &str| Track {
        benchmark: benchmark.to_owned(),
        points: Vec::new(),
        ..track.clone()
    };
    let mut asked = [named(&track.benchmark), named("no/such[benchmark]")];
    store.newest(&mut asked, 5).expect("found");
    assert_eq!(asked[0].points, track.points[7..]);
    assert!(asked[1].points.is_empty());
}

#[test]
fn a_file_keeps_its_promises_also_after_it_was_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder
        .path()
        .join("new/history.sqlite3")
        .display()
        .to_string();
    promises(&mut *history::open(&file).expect("created"));
    let mut again = history::open(&file).expect("opened again");
    assert_eq!(again.runs(100).expect("listed").len(), 12);
}

#[test]
fn a_schema_of_the_future_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.sqlite3");
    drop(history::open(&file.display().to_string()).expect("created"));
    let connection = rusqlite::Connection::open(&file).expect("a database");
    connection
        .execute("INSERT INTO exuvia_schema (version) VALUES (99)", [])
        .expect("written");
    let error = history::open(&file.display().to_string())
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("update exuvia"), "{error}");
}

#[cfg(feature = "postgres")]
#[test]
fn a_server_keeps_the_same_promises() {
    let Ok(url) = std::env::var("EXUVIA_TEST_POSTGRES") else {
        eprintln!(
            "skipped: EXUVIA_TEST_POSTGRES names no server; scripts/test-postgres starts one"
        );
        return;
    };
    promises(&mut *history::open(&url).expect("a server"));
}

/// A file as the first version wrote it.
#[test]
fn an_older_schema_is_migrated_with_what_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("h.sqlite3").display().to_string();
    promises(&mut *history::open(&file).expect("created"));
    let old = "DROP INDEX exuvia_points_newest; ALTER TABLE exuvia_points DROP COLUMN created;
        DELETE FROM exuvia_schema WHERE version > 1";
    let connection = rusqlite::Connection::open(&file).expect("a database");
    connection.execute_batch(old).expect("as it was");
    drop(connection);
    let mut again = history::open(&file).expect("migrated");
    let tracks = again
        .tracks("instances/create[slots]%", "instructions/ir")
        .expect("found");
    assert_newest_alone(&mut *again, &tracks[0]);
}

/// Few runs of many benchmarks, and many runs of few. Slow to fill: run with `--features history -- --ignored`.
#[test]
#[ignore = "fills two million rows"]
fn a_million_measurements_are_listed_and_give_trends_within_a_second() {
    for (runs, benchmarks) in [(200, 5_000), (5_000, 200)] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("h.sqlite3").display().to_string();
        fill(
            &mut *history::open(&file).expect("created"),
            runs,
            benchmarks,
        );

        let start = Instant::now();
        let mut store = history::open(&file).expect("opened");
        let listed = store.runs(i64::MAX).expect("listed");
        let one = store
            .tracks("a/b[c]{n=77}", "instructions/ir")
            .expect("found");
        let listing = start.elapsed();
        let points: i64 = listed.iter().map(|run| run.points).sum();
        assert_eq!((points, one[0].points.len() as i64), (1_000_000, runs));

        let start = Instant::now();
        let mut newest: Vec<Track> = (0..200).map(|index| track(index, Vec::new())).collect();
        store.newest(&mut newest, 200).expect("found");
        let trends = newest.into_iter().map(history::trend::Trend::new).count();
        let reporting = start.elapsed();
        println!(
            "10^6 measurements of {runs} runs: listed in {listing:?}, {trends} trends of a report in {reporting:?}"
        );
        assert!(listing.as_secs_f64() < 1.0, "{listing:?}");
        assert!(reporting.as_secs_f64() < 1.0, "{reporting:?}");
    }
}

fn track(index: i64, points: Vec<Point>) -> Track {
    Track {
        benchmark: format!("a/b[c]{{n={index}}}"),
        metric: "instructions/ir".to_owned(),
        unit: "instructions".to_owned(),
        better: "less".to_owned(),
        points,
    }
}

fn fill(store: &mut dyn Store, runs: i64, benchmarks: i64) {
    for number in 0..runs {
        let point = |index: i64| Point {
            created: number,
            value: (index + 1_000 + number / 50) as f64,
            ..Point::default()
        };
        let tracks: Vec<Track> = (0..benchmarks)
            .map(|index| track(index, vec![point(index)]))
            .collect();
        let run = Run {
            id: number,
            created: number,
            points: benchmarks,
            ..Run::default()
        };
        store.append(&run, &tracks).expect("appended");
    }
}
