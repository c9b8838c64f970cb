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

/// 200 runs of 5,000 numbers. Slow to fill: run with `--features history -- --ignored`.
#[test]
#[ignore = "fills a million rows"]
fn a_million_measurements_are_listed_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store =
        history::open(&folder.path().join("h.sqlite3").display().to_string()).expect("created");
    for number in 0..200_i64 {
        let track = |index: i64| Track {
            benchmark: format!("a/b[c]{{n={index}}}"),
            metric: "instructions/ir".to_owned(),
            unit: "instructions".to_owned(),
            better: "less".to_owned(),
            points: vec![Point {
                created: number,
                value: (index + number) as f64,
                ..Point::default()
            }],
        };
        let tracks: Vec<Track> = (0..5_000).map(track).collect();
        let run = Run {
            id: number,
            created: number,
            points: 5_000,
            ..Run::default()
        };
        store.append(&run, &tracks).expect("appended");
    }
    let start = Instant::now();
    let runs = store.runs(1_000).expect("listed");
    let track = store
        .tracks("a/b[c]{n=77}", "instructions/ir")
        .expect("found");
    let elapsed = start.elapsed();
    assert_eq!(
        (
            runs.iter().map(|run| run.points).sum::<i64>(),
            track[0].points.len()
        ),
        (1_000_000, 200)
    );
    println!("listed 10^6 measurements in {elapsed:?}");
    assert!(elapsed.as_secs_f64() < 1.0, "{elapsed:?}");
}
