//! Baselines: records that are kept under `reports/baselines/` to be compared with.
//!
//! A baseline is a record without its series and census, in a fixed order, one measurement per
//! line: small enough to commit, and a changed number is one changed line of a diff.

use crate::compare::{Comparison, RowVerdict, compare};
use crate::config::Config;
use crate::gate::GateOptions;
use crate::record::{Depth, Environment, Record, RecordError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A folder of baselines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baselines {
    /// The folder; it need not exist before the first save.
    pub dir: PathBuf,
}

/// One baseline as `exuvia baseline list` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Name, without `.json`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How thorough the run was.
    pub depth: Depth,
    /// Distinct cases.
    pub cases: u64,
    /// Instruments that measured something.
    pub instruments: Vec<String>,
    /// Where it was measured.
    pub environment: Environment,
}

/// A baseline that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// What the new baseline lacks: rows that it can never notice to be lost or worse.
    pub gaps: Vec<String>,
}

/// A baseline that was replaced, and what that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The new file.
    pub saved: Saved,
    /// The new record against the old baseline: its rows are what was accepted.
    pub comparison: Comparison,
}

/// Why a baseline could not be used.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// The name is not one of a file in the folder.
    #[error(
        "`{name}` cannot be the name of a baseline: use letters, digits, `-`, `_` and `.`, not first a `.`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The run measured a part of the suite only.
    #[error(
        "this run is a selection ({selection}): as a baseline it would drop every other case; run the whole suite"
    )]
    Selection {
        /// The filter or shard.
        selection: String,
    },
    /// The run has nothing to compare with.
    #[error("this run measured nothing: a baseline of it would accept anything")]
    Empty,
    /// The folder could not be listed.
    #[error("cannot list the baselines in {}: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The record could not be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Baselines {
    /// The baselines in the folder `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The file of the baseline `name`.
    ///
    /// # Errors
    /// When the name would lead out of the folder.
    pub fn path(&self, name: &str) -> Result<PathBuf, BaselineError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
            return Err(BaselineError::Name {
                name: name.to_owned(),
            });
        }
        Ok(self.dir.join(format!("{name}.json")))
    }

    /// Reads the baseline `name`.
    ///
    /// # Errors
    /// When there is none, or it is no record of this version.
    pub fn load(&self, name: &str) -> Result<Record, BaselineError> {
        Ok(Record::load(&self.path(name)?)?)
    }

    /// Keeps `record` as the baseline `name`, in place of an earlier one.
    ///
    /// # Errors
    /// When the run was a selection, is empty, contradicts itself or cannot be written.
    pub fn save(&self, name: &str, record: &Record) -> Result<Saved, BaselineError> {
        let path = self.path(name)?;
        if let Some(selection) = &record.selection {
            return Err(BaselineError::Selection {
                selection: selection.clone(),
            });
        }
        if !record.measurements.iter().any(|m| m.measured().is_some()) {
            return Err(BaselineError::Empty);
        }
        trimmed(record).save(&path)?;
        Ok(Saved {
            path,
            gaps: gaps(record),
        })
    }

    /// Replaces the baseline `name` by `record` and tells what that changed.
    ///
    /// # Errors
    /// When there is no such baseline, or as [`Baselines::save`].
    pub fn accept(
        &self,
        name: &str,
        record: &Record,
        config: &Config,
    ) -> Result<Accepted, BaselineError> {
        let before = self.load(name)?;
        let comparison = compare(Some(&before), record, config, &GateOptions::default());
        Ok(Accepted {
            saved: self.save(name, record)?,
            comparison,
        })
    }

    /// All baselines, by name. A folder that is not there has none.
    ///
    /// # Errors
    /// When the folder cannot be listed or a file in it is no record.
    pub fn list(&self) -> Result<Vec<Entry>, BaselineError> {
        let mut entries = Vec::new();
        for path in self.files()? {
            entries.push(entry(&path)?);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn files(&self) -> Result<Vec<PathBuf>, BaselineError> {
        let failed = |source| BaselineError::List {
            path: self.dir.clone(),
            source,
        };
        let folder = match std::fs::read_dir(&self.dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let paths: Result<Vec<PathBuf>, _> = folder.map(|file| file.map(|f| f.path())).collect();
        let is_json = |path: &PathBuf| path.extension().is_some_and(|e| e == "json");
        Ok(paths.map_err(failed)?.into_iter().filter(is_json).collect())
    }
}

fn entry(path: &Path) -> Result<Entry, BaselineError> {
    let record = Record::load(path)?;
    let measured = || {
        record
            .measurements
            .iter()
            .filter(|m| m.measured().is_some())
    };
    let instruments: BTreeSet<&str> = measured().map(|m| m.instrument.as_str()).collect();
    Ok(Entry {
        name: path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default(),
        path: path.to_owned(),
        bytes: std::fs::metadata(path).map(|m| m.len()).unwrap_or(0),
        depth: record.depth,
        cases: measured().map(|m| m.case()).collect::<BTreeSet<_>>().len() as u64,
        instruments: instruments.into_iter().map(str::to_owned).collect(),
        environment: record.environment.clone(),
    })
}

/// The record as it is kept: no series, no census, no pairs, everything in order.
fn trimmed(record: &Record) -> Record {
    let mut kept = Record {
        series: Vec::new(),
        census: Vec::new(),
        pairs: Vec::new(),
        selftest: None,
        ..record.clone()
    };
    kept.planned.sort_by_key(|planned| planned.case());
    kept.planned
        .iter_mut()
        .for_each(|planned| planned.instruments.sort());
    kept.workloads.sort_by(|a, b| a.id.cmp(&b.id));
    kept.measurements
        .sort_by_key(|m| (m.case(), m.metric.clone()));
    kept.leaks
        .sort_by_key(|l| (l.case(), l.type_name.clone(), l.fingerprint.clone()));
    kept
}

/// What the record planned and lacks, as the gate would see it.
fn gaps(record: &Record) -> Vec<String> {
    let comparison = compare(None, record, &Config::default(), &GateOptions::default());
    let missing = comparison
        .rows
        .iter()
        .filter(|row| row.verdict == RowVerdict::Missing);
    missing
        .map(|row| format!("{} {}: {}", row.case(), row.metric, row.reason))
        .collect()
}
