//! Run records, their comparison, the gate and every form in which a report is written.
//!
//! The crate sees records only, never the heap, the harness or a workload:
//!
//! * [`record`]: what one run measured (`exuvia.run/1`), loaded, checked and saved;
//! * [`compare`]: two records become rows, each with a verdict, a reason and a limit;
//! * [`config`]: `exuvia.toml`, the limits;
//! * [`gate`]: the rows become one verdict and an exit code;
//! * [`why`]: the functions and allocation sites that make up a regression;
//! * [`stats`]: verdicts on numbers that vary, change points;
//! * [`baseline`]: records that are kept to be compared with;
//! * [`history`]: every run in a database, trends, results of other tools;
//! * [`beside`]: trends and peers, which lie beside a run and belong into its report;
//! * [`peers`]: the form of the comparison with other heaps;
//! * [`output`]: terminal table, `report.md`, `report.json`, written from one comparison;
//! * [`schema`]: the JSON Schemas of `run.json` and `report.json`, as published;
//! * [`mod@format`]: one way to write numbers, shared by every output;
//! * [`chart`]: values become SVG, refused when they are not finite or out of range;
//! * [`mod@html`]: the report as one self-contained page.

#![forbid(unsafe_code)]

pub mod baseline;
pub mod beside;
pub mod chart;
pub mod compare;
pub mod config;
#[doc(hidden)]
pub mod fixture;
pub mod format;
pub mod gate;
pub mod history;
pub mod html;
pub mod output;
pub mod peers;
pub mod record;
pub mod schema;
pub mod stats;
pub mod why;

pub use output::{Written, terminal_table, write_reports};
