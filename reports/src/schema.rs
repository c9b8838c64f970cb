//! The JSON Schemas of the files that other programs read, published in `reports/schemas`.
//!
//! They are generated from the types, so that they cannot say something else; a test compares the published files with
//! the types and writes them anew when `EXUVIA_WRITE_SCHEMAS` is set.

use crate::output::json::Report;
use crate::record::Record;

/// Schema of `run.json` (`exuvia.run/1`), as published.
pub const RUN: &str = include_str!("../schemas/run.schema.json");

/// Schema of `report.json` (`exuvia.report/1`), as published.
pub const REPORT: &str = include_str!("../schemas/report.schema.json");

/// The schema of `run.json` as the types have it.
pub fn of_runs() -> String {
    pretty(&schemars::schema_for!(Record))
}

/// The schema of `report.json` as the types have it.
pub fn of_reports() -> String {
    pretty(&schemars::schema_for!(Report))
}

fn pretty(schema: &schemars::Schema) -> String {
    // A schema is made of maps with texts as keys, which JSON can always hold.
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}
