//! The heap beside other heaps: what `exuvia peers` wrote beside a run (`peers.json`).
//!
//! Only its form is known here. Every row is one question; its entries are the contestants with their median, and with
//! the ratio of [`OURS`] to each of them, taken repetition by repetition.

use crate::record::{RecordError, parse_error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the heap that the others are compared with.
pub const OURS: &str = "exuvia";

/// The file beside a run.
pub const FILE: &str = "peers.json";

/// Everything that was compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Peers {
    /// Measured processes of each contestant for each row.
    pub repetitions: u64,
    /// One row per question.
    pub lines: Vec<PeerLine>,
    /// Results that differ between contestants, and works that could not be done.
    #[serde(default)]
    pub complaints: Vec<String>,
}

/// One question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeerLine {
    /// Its short name.
    pub row: String,
    /// Unit of the values: `ns/op`, `us/call`, `B/object`.
    pub unit: String,
    /// What is measured.
    pub question: String,
    /// The peer with the smallest median.
    #[serde(default)]
    pub best: Option<String>,
    /// The contestants.
    pub entries: Vec<PeerEntry>,
}

/// One contestant of one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeerEntry {
    /// Its name.
    pub peer: String,
    /// In the row's unit; `None` where it cannot do this.
    #[serde(default)]
    pub value: Option<Estimate>,
    /// [`OURS`] over this one.
    #[serde(default)]
    pub ratio: Option<Estimate>,
    /// Why there is no value, or what the reader should know.
    #[serde(default)]
    pub note: Option<String>,
}

/// A median with its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// Of 95 %; `None` with too few repetitions.
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
    /// Repetitions.
    pub n: u64,
}

impl Peers {
    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// When it is there and is not what `exuvia peers` writes.
    pub fn load(path: &Path) -> Result<Option<Self>, RecordError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(RecordError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| parse_error(path, &error))
    }
}

impl PeerLine {
    /// The entry of a contestant.
    pub fn entry(&self, peer: &str) -> Option<&PeerEntry> {
        self.entries.iter().find(|entry| entry.peer == peer)
    }

    /// The entry of the best peer.
    pub fn best_entry(&self) -> Option<&PeerEntry> {
        self.entry(self.best.as_deref()?)
    }

    /// What is counted and per what: `ns` and `op`.
    pub fn units(&self) -> (&str, &str) {
        self.unit.split_once('/').unwrap_or((&self.unit, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_comparison_writes_is_read_and_anything_else_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        assert_eq!(Peers::load(&file).expect("no file is no error"), None);
        let text = r#"{"repetitions": 9, "complaints": [], "lines": [{"row": "read", "unit": "ns/op", "question": "q",
            "best": "rc", "entries": [
              {"peer": "exuvia", "value": {"median": 1.0, "interval": [0.9, 1.1], "n": 9}, "ratio": null, "note": null, "samples": [1.0]},
              {"peer": "rc", "value": {"median": 2.0, "interval": null, "n": 3}, "ratio": {"median": 0.5, "interval": null, "n": 3}, "note": null, "samples": []}]}]}"#;
        std::fs::write(&file, text).expect("written");
        let peers = Peers::load(&file).expect("readable").expect("there");
        let line = &peers.lines[0];
        assert_eq!(line.units(), ("ns", "op"));
        let ratio = line.best_entry().and_then(|entry| entry.ratio);
        assert_eq!(ratio.map(|ratio| ratio.median), Some(0.5));
        std::fs::write(&file, "{}").expect("written");
        assert!(Peers::load(&file).is_err());
    }
}
