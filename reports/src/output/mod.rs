//! The outputs, all from one [`Comparison`], so that they agree.
//!
//! * [`terminal`]: the table of changes, at most as wide as asked;
//! * [`markdown`]: `report.md`, made to be a comment on a change;
//! * [`json`]: `report.json`, schema `exuvia.report/1`;
//! * [`crate::html`]: `report.html`, the page;
//! * [`junit`], [`sarif`], [`services`]: for CI and services, on request ([`Format`]).
//!
//! Names come from user code: `text` makes them harmless before they are printed.

mod causes;
pub mod json;
pub mod junit;
mod lines;
pub mod markdown;
pub mod sarif;
pub mod services;
pub mod terminal;
pub(crate) mod text;

pub use terminal::terminal_table;

use crate::beside::Beside;
use crate::compare::Comparison;
use crate::html;
use crate::record::Record;
use crate::record::write_atomically;
use std::fmt;
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
    beside: &Beside,
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
    let json = json::render(head, base, comparison, beside).map_err(failed("report.json"))?;
    Ok(Written {
        html: write("report.html", &html::render(head, base, comparison, beside))?,
        json: write("report.json", &json)?,
        md: write(
            "report.md",
            &markdown::render(head, base, comparison, beside),
        )?,
    })
}

/// A file for another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Verdicts as tests.
    Junit,
    /// Leaks as alerts.
    Sarif,
    /// Numbers for Bencher.
    Bencher,
    /// Numbers for github-action-benchmark.
    GithubBenchmark,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Junit,
        Self::Sarif,
        Self::Bencher,
        Self::GithubBenchmark,
    ];

    /// The name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Junit => "report.junit.xml",
            Self::Sarif => "report.sarif",
            Self::Bencher => "report.bencher.json",
            Self::GithubBenchmark => "report.benchmark.json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::Bencher => "bencher",
            Self::GithubBenchmark => "github-benchmark",
        })
    }
}

/// Writes one of the other formats into `dir` and says where.
///
/// # Errors
/// Names the file that could not be written.
pub fn write_format(
    dir: &Path,
    format: Format,
    head: &Record,
    comparison: &Comparison,
) -> Result<PathBuf, WriteError> {
    let path = dir.join(format.file());
    let failed = |source| WriteError::Write {
        path: path.clone(),
        source,
    };
    let text = match format {
        Format::Junit => Ok(junit::render(head, comparison)),
        Format::Sarif => sarif::render(head),
        Format::Bencher => services::bencher(head),
        Format::GithubBenchmark => services::github_benchmark(head),
    };
    write_atomically(&path, &text.map_err(failed)?).map_err(failed)?;
    Ok(path)
}
