//! Instructions and calls per function, bytes per site: `details.json` beside a record (schema `exuvia.details/2`).
//!
//! It stays out of the record because it is larger and only a regression needs it.

use super::CaseSites;
use crate::record::{CaseKey, RecordError, write_atomically};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The schema this version writes.
pub const SCHEMA: &str = "exuvia.details/2";

/// What every function of every counted case cost, and what the sites of some cases allocated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// One entry per counted case.
    pub functions: Vec<CaseFunctions>,
    /// One entry per case whose bytes or blocks differed from the base.
    #[serde(default)]
    pub sites: Vec<CaseSites>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            functions: Vec::new(),
            sites: Vec::new(),
        }
    }
}

/// What the functions of one case cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseFunctions {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// Name and own instructions.
    pub functions: Vec<(String, u64)>,
    /// Caller, callee (indices into `functions`), number of calls, and instructions inside of them.
    pub calls: Vec<(u32, u32, u64, u64)>,
}

impl CaseFunctions {
    /// The case.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }

    /// The function whose own instructions differ most between two counts of the same case.
    pub fn most_different<'a>(&'a self, other: &'a Self) -> Option<(&'a str, i64)> {
        let side = |functions: &'a Self| -> BTreeMap<&'a str, u64> {
            functions
                .functions
                .iter()
                .map(|(name, own)| (name.as_str(), *own))
                .collect()
        };
        let (before, after) = (side(self), side(other));
        let of =
            |side: &BTreeMap<&str, u64>, name: &str| side.get(name).copied().unwrap_or(0) as i64;
        let names = before.keys().chain(after.keys()).copied();
        names
            .map(|name| (name, of(&after, name) - of(&before, name)))
            .max_by_key(|(_, difference)| difference.abs())
            .filter(|(_, difference)| *difference != 0)
    }
}

impl Details {
    /// The functions of a case.
    pub fn functions_of(&self, case: &CaseKey) -> Option<&CaseFunctions> {
        self.functions
            .iter()
            .find(|functions| functions.case() == *case)
    }

    /// The sites of a case.
    pub fn sites_of(&self, case: &CaseKey) -> Option<&CaseSites> {
        self.sites.iter().find(|sites| sites.case() == *case)
    }

    /// Reads the file; nothing where there is none or it is of another version.
    pub fn load(path: &Path) -> Option<Self> {
        let details: Self = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
        (details.schema == SCHEMA).then_some(details)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RecordError> {
        let failed = |source| RecordError::Write {
            path: path.to_owned(),
            source,
        };
        let text = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        write_atomically(path, &text).map_err(failed)
    }
}
