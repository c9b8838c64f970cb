//! Loading and saving records as JSON files.

use super::{Invalid, Record, SCHEMA};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a record could not be read or written.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The file could not be read.
    #[error("cannot read {}: {source}; `cargo exuvia run` writes a record", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not JSON, or not a record.
    #[error(
        "{}:{line}:{column}: {message}; the file is damaged or no run record: measure again", path.display()
    )]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The record contradicts itself, or has another schema.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Invalid,
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}; is the folder there and writable?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Read before the rest, so that a newer schema is named instead of its first unknown shape.
#[derive(Deserialize, JsonSchema)]
struct Head {
    schema: Option<String>,
}

impl Record {
    /// Reads and checks the record in the file `path`.
    ///
    /// # Errors
    /// Names the file, line and column where there is one, and what to do.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecordError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads and checks the record in `text`; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Record::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecordError> {
        let head: Head = serde_json::from_str(text).map_err(|e| parse_error(path, &e))?;
        let found = head.schema.unwrap_or_default();
        if found != SCHEMA {
            return Err(RecordError::Invalid {
                path: path.to_owned(),
                source: Invalid::Schema { found },
            });
        }
        let record: Self = serde_json::from_str(text).map_err(|e| parse_error(path, &e))?;
        record.validate().map_err(|source| RecordError::Invalid {
            path: path.to_owned(),
            source,
        })?;
        Ok(record)
    }

    /// Checks the record and writes it to `path`: a temporary file beside it, then a rename.
    ///
    /// # Errors
    /// When the record contradicts itself (JSON has no NaN) or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RecordError> {
        self.validate().map_err(|source| RecordError::Invalid {
            path: path.to_owned(),
            source,
        })?;
        let failed = |source| RecordError::Write {
            path: path.to_owned(),
            source,
        };
        write_atomically(path, &self.to_json().map_err(failed)?).map_err(failed)
    }

    /// The record as JSON with one measurement, series, finding or case per line: smaller than
    /// indented JSON, and a changed number is one changed line.
    fn to_json(&self) -> std::io::Result<String> {
        let members = [
            ("schema", serde_json::to_string(&self.schema)?),
            ("depth", serde_json::to_string(&self.depth)?),
            ("selection", serde_json::to_string(&self.selection)?),
            ("shard", serde_json::to_string(&self.shard)?),
            ("selftest", serde_json::to_string(&self.selftest)?),
            (
                "environment",
                serde_json::to_string_pretty(&self.environment)?,
            ),
            ("planned", one_per_line(&self.planned)?),
            ("workloads", one_per_line(&self.workloads)?),
            ("measurements", one_per_line(&self.measurements)?),
            ("pairs", one_per_line(&self.pairs)?),
            ("series", one_per_line(&self.series)?),
            ("leaks", one_per_line(&self.leaks)?),
            ("census", one_per_line(&self.census)?),
        ];
        let members: Vec<String> = members
            .iter()
            .filter(|(name, json)| !(OPTIONAL.contains(name) && (json == "null" || json == "[]")))
            .map(|(name, json)| format!("\"{name}\": {json}"))
            .collect();
        Ok(format!("{{\n{}\n}}\n", members.join(",\n")))
    }
}

/// Members that only some runs have.
const OPTIONAL: [&str; 3] = ["shard", "selftest", "pairs"];

fn one_per_line<T: Serialize>(items: &[T]) -> std::io::Result<String> {
    if items.is_empty() {
        return Ok("[]".to_owned());
    }
    let lines: Vec<String> = items
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    Ok(format!("[\n{}\n]", lines.join(",\n")))
}

pub(crate) fn parse_error(path: &Path, error: &serde_json::Error) -> RecordError {
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full).to_owned();
    RecordError::Parse {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        message,
    }
}

/// Indented JSON with a final newline.
pub(crate) fn to_pretty_json<T: Serialize>(value: &T) -> std::io::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

/// Writes `text` beside `path` and renames it there, so that no reader sees half a file.
pub(crate) fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".exuvia-")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    publish(&file)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// A temporary file is private to its owner; a report is for everybody.
#[cfg(unix)]
fn publish(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn publish(_file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}
