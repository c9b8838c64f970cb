//! The remaining parts of a record: plan, workloads, series, leaks, census.

use super::CaseKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A case that was to be measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedCase {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// Instruments that were to measure it.
    pub instruments: Vec<String>,
}

impl PlannedCase {
    /// The identity of the case.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }
}

/// What a workload asks and which cases it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadInfo {
    /// `crate/name`.
    pub id: String,
    /// The one-line question the workload answers.
    #[serde(default)]
    pub question: String,
    /// Tags for filtering.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Variants in the order of declaration.
    #[serde(default)]
    pub variants: Vec<String>,
    /// Values of each parameter.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<u64>>,
    /// What is not measured on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blind: Vec<BlindSpot>,
}

/// An instrument that cannot see truly what a variant does, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlindSpot {
    /// The variant.
    pub variant: String,
    /// The instrument.
    pub instrument: String,
    /// Why there is no number.
    pub reason: String,
}

/// A curve of one case: `[x, y]` points in ascending x.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// Instrument that sampled it.
    pub instrument: String,
    /// What the curve shows.
    pub name: String,
    /// Unit of y.
    #[serde(default)]
    pub unit: String,
    /// Unit of x.
    #[serde(default)]
    pub x_unit: String,
    /// The points.
    pub points: Vec<[f64; 2]>,
    /// What the reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Series {
    /// The case this curve belongs to.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }
}

/// Verdict of the leak detector, best first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LeakVerdict {
    /// No growth, up to the stated bound.
    Clean,
    /// Growing and slowing down, as a filling cache does.
    Fading,
    /// The budget ended before a verdict.
    #[default]
    Undecided,
    /// Growing at a constant rate, or a count that nothing accounts for.
    Leak,
}

impl fmt::Display for LeakVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "clean",
            Self::Fading => "fading",
            Self::Undecided => "undecided",
            Self::Leak => "leak",
        })
    }
}

/// One finding of the leak detector; a clean verdict is a finding too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LeakFinding {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// The verdict.
    pub verdict: LeakVerdict,
    /// `count leak`, `uncollected cycle`, `reachable growth` or `native pin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Type of the leaking objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Where they were allocated, relative to the source tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Objects gained per iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Upper bound of the rate for a clean or undecided verdict, objects per iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// Shortest path that holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Stable across runs: the same bug has the same fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How the verdict came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl LeakFinding {
    /// The case this finding belongs to.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }
}

/// Live objects of one type at the end of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CensusRow {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// Type of the objects.
    pub type_name: String,
    /// Live objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl CensusRow {
    /// The case this row belongs to.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }
}

/// Times of process pairs, base against head, of one case.
///
/// The ratios cannot be had from two records: what makes them comparable is that the two processes of a pair ran
/// one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairedTimes {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// `[base, head]` of each pair in ns per operation, in the order of measuring.
    pub first: Vec<[f64; 2]>,
    /// Fresh pairs of the second look; empty where the first one left no suspicion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second: Vec<[f64; 2]>,
}

impl PairedTimes {
    /// The case that was timed.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }
}

/// Which part of all cases a run measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// This one, from 1.
    pub index: u64,
    /// Of so many.
    pub of: u64,
}

/// What `exuvia selftest` found on a machine: how often each metric cries wolf, and the smallest change it finds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SelfTest {
    /// Seconds since 1970.
    pub created_unix: Option<u64>,
    /// Processor it was made on.
    pub cpu_model: Option<String>,
    /// One entry per metric.
    pub metrics: Vec<SelfTestMetric>,
}

/// Error rates of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SelfTestMetric {
    /// The metric, or a pattern of metrics.
    pub metric: String,
    /// Comparisons of a build with itself.
    pub comparisons: u64,
    /// How many of them were called regressed.
    pub alarms: u64,
    /// Smallest injected change found in at least 95 % of the trials, as a fraction; `None`: none of those tried.
    pub found: Option<f64>,
    /// What was injected and how often it was found.
    pub note: String,
}
