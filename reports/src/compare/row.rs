//! One row of a comparison.

use crate::format;
use crate::record::{Better, CaseKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What became of one metric of one case, worst first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RowVerdict {
    /// Worse beyond the limit.
    Regressed,
    /// Planned or in the base, and not measured.
    Missing,
    /// The data cannot tell.
    Unclear,
    /// No counterpart in the base.
    New,
    /// Better beyond the limit.
    Improved,
    /// Within the limit.
    Unchanged,
}

impl fmt::Display for RowVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regressed => "regressed",
            Self::Missing => "missing",
            Self::Unclear => "unclear",
            Self::New => "new",
            Self::Improved => "improved",
            Self::Unchanged => "unchanged",
        })
    }
}

/// How much worse a metric may become: the larger of the two parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// As a fraction of the base: 0.003 is 0.3 %.
    pub relative: f64,
    /// In the unit of the metric.
    pub absolute: f64,
}

impl Limit {
    /// The allowed difference from `base`, in the unit of the metric.
    pub fn allowed(&self, base: f64) -> f64 {
        (self.relative * base.abs()).max(self.absolute)
    }

    /// The limit in words, for a metric whose base is `base`: `0`, `0.3 %`, `30 instructions`.
    pub fn text(&self, base: f64, unit: &str) -> String {
        if self.relative == 0.0 && self.absolute == 0.0 {
            "0".to_owned()
        } else if self.absolute > self.relative * base.abs() {
            format::value(self.absolute, unit)
        } else {
            format::percent(self.relative)
                .trim_start_matches('+')
                .to_owned()
        }
    }
}

/// One metric of one case in both records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    pub params: BTreeMap<String, u64>,
    /// Instrument of the metric.
    pub instrument: String,
    /// Full name of the metric; `leaks/verdict` is the leak detector's.
    pub metric: String,
    /// Unit of the values.
    pub unit: String,
    /// Direction of improvement.
    pub better: Better,
    /// Whether the values are exact counts.
    pub exact: bool,
    /// Value of the base.
    pub base: Option<f64>,
    /// Interval of the base.
    pub base_interval: Option<[f64; 2]>,
    /// Value of the head.
    pub head: Option<f64>,
    /// Interval of the head.
    pub head_interval: Option<[f64; 2]>,
    /// `head / base - 1`; `None` without both, or from zero to something.
    pub change: Option<f64>,
    /// The limit that was applied; `None` where there is none to apply.
    pub limit: Option<Limit>,
    /// The verdict.
    pub verdict: RowVerdict,
    /// Why, in a sentence with numbers.
    pub reason: String,
    /// Whether the row decides the gate.
    pub votes: bool,
    /// Whether it is missing because the case crashed, timed out or returned a wrong checksum.
    pub failed: bool,
    /// Whether it would vote, had the caller not allowed the gap.
    pub waived: bool,
}

impl Row {
    /// The case of the row.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }

    /// `head - base`, in the unit of the metric.
    pub fn difference(&self) -> Option<f64> {
        Some(self.head? - self.base?)
    }
}

/// A row in words: the same in every output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// Value of the base, with unit where the metric does not say it.
    pub base: String,
    /// Value of the head.
    pub head: String,
    /// The change, or the difference where the base is zero.
    pub change: String,
    /// The limit, `–` where none was applied.
    pub limit: String,
}

impl Row {
    /// The numbers of the row as they are printed.
    pub fn shown(&self) -> Shown {
        let one = |value: Option<f64>| {
            value.map_or_else(|| format::NONE.to_owned(), |v| format::bare(v, &self.unit))
        };
        let (base, head, change) = match (self.base, self.head) {
            (Some(base), Some(head)) => {
                let [base_text, head_text] = format::bare_pair(base, head, &self.unit);
                (base_text, head_text, format::change(base, head, &self.unit))
            }
            (base, head) => (one(base), one(head), format::NONE.to_owned()),
        };
        Shown {
            base,
            head,
            change,
            limit: self.limit_text(),
        }
    }

    /// The limit in words: `0`, `0.3 %`, `30 instructions`; `–` where none was applied.
    pub fn limit_text(&self) -> String {
        match self.limit {
            Some(limit) => limit.text(self.base.unwrap_or(0.0), &self.unit),
            None => format::NONE.to_owned(),
        }
    }
}
