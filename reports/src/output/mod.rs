//! The outputs, all from one [`Comparison`], so that they agree.
//!
//! * [`terminal`]: the table of changes, at most as wide as asked;
//! * [`markdown`]: `report.md`, made to be a comment on a change;
//! * [`json`]: `report.json`, schema `exuvia.report/1`;
//! * [`crate::html`]: `report.html`, the page.
//!
//! Names come from user code: `text` makes them harmless before they are printed.

pub mod json;
mod lines;
pub mod markdown;
pub mod terminal;
mod text;

pub use terminal::terminal_table;

use crate::compare::Comparison;
use crate::html;
use crate::record::Record;
use crate::record::write_atomically;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the reports were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The machine-readable report.
    pub json: PathBuf,
    /// The comment.
    pub md: PathBuf,
}

/// Why a report could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The file could not be written.
    #[error("cannot write {}: {source}; is the folder writable and the disk not full?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Writes `report.html`, `report.json` and `report.md` into `dir`, which is created if need be.
///
/// Equal input gives equal bytes: the only time in a report is that of its records.
///
/// # Errors
/// Names the file that could not be written.
pub fn write_reports(
    dir: &Path,
    head: &Record,
    base: Option<&Record>,
    comparison: &Comparison,
) -> Result<Written, WriteError> {
    let failed = |name: &str| {
        let path = dir.join(name);
        move |source| WriteError::Write { path, source }
    };
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        write_atomically(&path, text).map_err(failed(name))?;
        Ok(path)
    };
    let json = json::render(head, base, comparison).map_err(failed("report.json"))?;
    Ok(Written {
        html: write("report.html", &html::render(head, base, comparison))?,
        json: write("report.json", &json)?,
        md: write("report.md", &markdown::render(head, base, comparison))?,
    })
}
