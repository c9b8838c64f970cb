//! One measured number with its interval, or the reason why there is none.

use super::CaseKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which direction of a metric is an improvement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Smaller is better.
    Less,
    /// Larger is better.
    More,
    /// Neither; a change is shown and never votes.
    #[default]
    None,
}

/// Whether a number was obtained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The value is there.
    Measured,
    /// The instrument was not available or did not run.
    #[default]
    Missing,
    /// The case crashed, timed out, ran out of memory or returned a wrong checksum.
    Failed,
}

/// One metric of one case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, u64>,
    /// `time`, `instructions`, `heap`, `leaks` or `rss`.
    pub instrument: String,
    /// Full name, beginning with the instrument: `heap/total_bytes.system`.
    pub metric: String,
    /// Unit of the value: `ns`, `B`, `instructions`, `objects`, ...
    #[serde(default)]
    pub unit: String,
    /// Direction of improvement.
    #[serde(default)]
    pub better: Better,
    /// `median`, `count`, ...
    #[serde(default)]
    pub statistic: String,
    /// The number; `None` unless measured.
    #[serde(default)]
    pub value: Option<f64>,
    /// Lower end of the interval, or the smallest of several exact counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the interval, or the largest of several exact counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Confidence level of the interval (0.95); `None` for exact counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// Number of samples or counted runs.
    #[serde(default)]
    pub n: u64,
    /// A count that repeats to the digit on an equal machine.
    #[serde(default)]
    pub exact: bool,
    /// Whether the value was obtained.
    pub status: Status,
    /// Why it was not, or what the reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Measurement {
    /// The case this number belongs to.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }

    /// The value if it was measured.
    pub fn measured(&self) -> Option<f64> {
        if self.status == Status::Measured {
            self.value
        } else {
            None
        }
    }

    /// `[low, high]`, falling back to the value where an end was not recorded.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let value = self.measured()?;
        Some([self.low.unwrap_or(value), self.high.unwrap_or(value)])
    }
}
