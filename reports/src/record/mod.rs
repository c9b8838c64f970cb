//! The run record: everything one run measured, planned and could not measure.
//!
//! A record is one JSON object with the schema `exuvia.run/1`. Read [`Record`]
//! first, then [`Measurement`]; [`Environment`] says where it was measured and
//! which of its parts could move an instruction count.
//!
//! Invariants, checked by [`Record::validate`] on every load and save:
//!
//! * every number is finite;
//! * no two measurements share case and metric;
//! * a metric begins with the name of its instrument (`heap/total_bytes.system`);
//! * a measured row has a value; a missing or failed one has a reason.
//!
//! A record names the cases it planned, so that a row that was lost on the way
//! shows up as missing instead of vanishing.

mod case;
mod environment;
mod measurement;
mod merge;
mod parts;
mod store;
mod validate;

pub use case::CaseKey;
pub use environment::{Difference, Environment};
pub use measurement::{Better, Measurement, Status};
pub use merge::{MergeError, merge};
pub use parts::{
    BlindSpot, CensusRow, LeakFinding, LeakVerdict, PairedTimes, PlannedCase, SelfTest,
    SelfTestMetric, Series, Shard, WorkloadInfo,
};
pub use store::RecordError;
pub(crate) use store::{parse_error, to_pretty_json, write_atomically};
pub use validate::Invalid;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The schema this version of the crate writes.
pub const SCHEMA: &str = "exuvia.run/1";

/// How thorough a run was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Small parameters, short budgets.
    Quick,
    /// Full parameters.
    #[default]
    Default,
    /// Full parameters, long budgets.
    Full,
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "quick",
            Self::Default => "default",
            Self::Full => "full",
        })
    }
}

/// What one run planned, measured and found.
///
/// A new member must also be named where a record is written (`store.rs`, `to_json`); the test of the
/// round trip fails otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Always [`SCHEMA`] in a record that was loaded.
    pub schema: String,
    /// How thorough the run was.
    #[serde(default)]
    pub depth: Depth,
    /// The filter or shard the run was restricted to, in words; `None`: the whole suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// The part of all cases that was measured, of a run that was divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Where and with what it was measured.
    #[serde(default)]
    pub environment: Environment,
    /// Error rates of the gate on this machine, when `exuvia selftest` was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selftest: Option<SelfTest>,
    /// The cases that were to be measured, and by which instruments.
    #[serde(default)]
    pub planned: Vec<PlannedCase>,
    /// The workloads behind the cases.
    #[serde(default)]
    pub workloads: Vec<WorkloadInfo>,
    /// One entry per case and metric.
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    /// Process pairs against the base, in a run that measured both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<PairedTimes>,
    /// Curves to draw: memory over time, growth over iterations.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Findings of the leak detector, clean verdicts included.
    #[serde(default)]
    pub leaks: Vec<LeakFinding>,
    /// Live objects by type.
    #[serde(default)]
    pub census: Vec<CensusRow>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            depth: Depth::default(),
            selection: None,
            shard: None,
            environment: Environment::default(),
            selftest: None,
            planned: Vec::new(),
            workloads: Vec::new(),
            measurements: Vec::new(),
            pairs: Vec::new(),
            series: Vec::new(),
            leaks: Vec::new(),
            census: Vec::new(),
        }
    }
}
