//! `exuvia.toml`: limits per metric and pattern, and growth that is allowed.
//!
//! ```toml
//! [[limit]]
//! metric = "instructions/ir"     # patterns: `*` any text, `?` one character
//! workload = "replay/*"          # default: every workload
//! percent = 1.0                  # of the base
//!
//! [[allow-growth]]
//! workload = "strings/intern"
//! type = "Str"
//! note = "the intern table is bounded by the 4,096 keys of the workload"
//! ```
//!
//! Rules are read from top to bottom on top of the built-in ones ([`rules`]); what a later rule
//! says replaces what an earlier one said, field by field. A key that is not known is an
//! error with its line, and a rule that matches nothing is a note in the report, because
//! a misspelt limit is a limit that is not there.

mod file;
mod pattern;
pub mod rules;

pub use pattern::matches;
pub use rules::{Applied, LimitRule};

use std::path::{Path, PathBuf};
use thiserror::Error;

/// Growth that is known and accepted, with the reason why.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowedGrowth {
    /// Pattern of the workload.
    pub workload: String,
    /// Pattern of the variant.
    pub variant: String,
    /// Pattern of the type that grows.
    pub type_name: String,
    /// Why the growth is fine; shown wherever it is applied.
    pub note: String,
    /// Line in the file.
    pub line: usize,
}

/// Limits and allowances of a gate. The default has the built-in limits alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Rules of the file, in its order.
    pub limits: Vec<LimitRule>,
    /// Allowed growth, in the file's order.
    pub allowed_growth: Vec<AllowedGrowth>,
    /// File name for notes; `None` for the built-in configuration.
    pub file: Option<String>,
}

/// Why a configuration file was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {source}; leave it out to use the built-in limits", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key or a value that makes no sense.
    #[error("{}:{line}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong there, and what would be right.
        message: String,
    },
}

impl Config {
    /// Reads the configuration file `path`.
    ///
    /// # Errors
    /// Points at file and line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads the configuration in `text`; `path` is named in errors and notes.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        file::parse(text, path)
    }

    /// The limit of a metric of a case, and whether it votes.
    pub fn limit(&self, metric: &str, workload: &str, variant: &str) -> Applied {
        let rules = rules::built_in().iter().chain(&self.limits);
        rules
            .filter(|rule| rule.applies_to(metric, workload, variant))
            .fold(Applied::default(), Applied::with)
    }

    /// The allowance for growth of `type_name` in a case, if there is one.
    pub fn growth_allowed(
        &self,
        workload: &str,
        variant: &str,
        type_name: &str,
    ) -> Option<&AllowedGrowth> {
        self.allowed_growth.iter().find(|allowed| {
            matches(&allowed.workload, workload)
                && matches(&allowed.variant, variant)
                && matches(&allowed.type_name, type_name)
        })
    }
}
