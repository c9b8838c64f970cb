//! The history of all runs: embedded SQLite by default, PostgreSQL by URL, one schema for both.
//!
//! * [`store`]: the schema, its migrations, and what is asked of a database;
//! * `sqlite`, `postgres`: the two databases, each behind a feature of its own;
//! * [`trend`]: series with their change points;
//! * [`import`]: results of criterion and iai-callgrind as records.
//!
//! Identities are hashes of what they name, so that the same run appended twice is there once, from wherever it came.

pub mod import;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "history")]
mod sqlite;
pub mod store;
pub mod trend;

pub use store::{HistoryError, Point, Run, Store, Track};

use crate::record::Record;

/// Opens the history at `place`: `postgres://..`, or the file of a SQLite database, which is created.
///
/// # Errors
/// When the database cannot be reached, is of a newer exuvia, or its kind was not compiled in.
pub fn open(place: &str) -> Result<Box<dyn Store>, HistoryError> {
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        #[cfg(feature = "postgres")]
        return Ok(Box::new(postgres::Postgres::open(place)?));
        #[cfg(not(feature = "postgres"))]
        return Err(HistoryError::NotCompiled("postgres"));
    }
    #[cfg(feature = "history")]
    return Ok(Box::new(sqlite::Sqlite::open(std::path::Path::new(place))?));
    #[cfg(not(feature = "history"))]
    Err(HistoryError::NotCompiled("history"))
}

/// Appends a record; false when it was there already.
///
/// # Errors
/// When the database refuses.
pub fn append(store: &mut dyn Store, record: &Record) -> Result<bool, HistoryError> {
    let (run, tracks) = store::of_record(record);
    store.append(&run, &tracks)
}
