//! Why a number rose: which functions, or which allocation sites, make up a difference.
//!
//! * [`functions`]: what a side file holds, instructions and calls per function;
//! * [`blame`]: from two of them to the functions whose own doing the difference is;
//! * [`sites`]: the same for bytes, from two profiles of dhat.
//!
//! [`explain`] adds [`Cause`]s to a comparison for each row that got worse, so that every output tells them.

pub mod blame;
pub mod functions;
mod side;
pub mod sites;
mod standard;

use crate::compare::{Comparison, RowVerdict};
use crate::record::CaseKey;
pub use functions::{CaseFunctions, Details};
use serde::{Deserialize, Serialize};
pub use sites::{CaseSites, Site};
use std::collections::BTreeMap;

/// Parts are named until they make up this share of the difference.
pub const EXPLAINED: f64 = 0.8;

/// More parts than this explain nothing to a reader.
const MOST_PARTS: usize = 12;

/// What makes up the difference of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cause {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    pub params: BTreeMap<String, u64>,
    /// Metric of the row that is explained.
    pub metric: String,
    /// Unit of the differences.
    pub unit: String,
    /// Head minus base over everything that was attributed.
    pub difference: f64,
    /// The parts that make up at least [`EXPLAINED`] of it, the largest first.
    pub parts: Vec<Part>,
}

/// One function or site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Part {
    /// Function, or site with type.
    pub name: String,
    /// Its part of the difference.
    pub difference: f64,
    /// What changed there, in words.
    pub detail: String,
}

impl Cause {
    /// The case that is explained.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }

    /// Share of the difference that the named parts make up.
    pub fn share(&self) -> f64 {
        self.parts.iter().map(|part| part.difference).sum::<f64>() / self.difference
    }

    fn new(case: &CaseKey, metric: &str, unit: &str, parts: Vec<Part>) -> Option<Self> {
        let difference: f64 = parts.iter().map(|part| part.difference).sum();
        (difference != 0.0).then(|| Self {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.clone(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            difference,
            parts: largest(parts, difference),
        })
    }
}

/// The parts that point the way of the difference, the largest first, until they explain enough of it.
fn largest(mut parts: Vec<Part>, difference: f64) -> Vec<Part> {
    parts.retain(|part| part.difference * difference > 0.0);
    parts.sort_by(|a, b| {
        b.difference
            .abs()
            .total_cmp(&a.difference.abs())
            .then_with(|| a.name.cmp(&b.name))
    });
    let mut explained = 0.0;
    let enough = |part: &Part| {
        let wanted = explained < EXPLAINED * difference.abs();
        explained += part.difference.abs();
        wanted
    };
    let mut enough = enough;
    parts
        .into_iter()
        .take_while(|part| enough(part))
        .take(MOST_PARTS)
        .collect()
}

/// Adds causes for the instruction and byte rows that regressed, and says in a note where they are not known.
pub fn explain(comparison: &mut Comparison, base: &Details, head: &Details) {
    let regressed = |metric: fn(&str) -> bool| {
        let rows = comparison.rows.iter();
        let rows =
            rows.filter(move |row| row.verdict == RowVerdict::Regressed && metric(&row.metric));
        let mut found: Vec<(CaseKey, String)> = Vec::new();
        for row in rows {
            // one explanation per case, of the first and worst of its rows
            if !found.iter().any(|(case, _)| *case == row.case()) {
                found.push((row.case(), row.metric.clone()));
            }
        }
        found
    };
    let counted = regressed(|metric| metric.starts_with("instructions/ir"));
    let allocated =
        regressed(|metric| metric.starts_with("heap/total_") && metric.ends_with(".system"));
    let mut unknown = 0;
    for (case, _) in &counted {
        match (base.functions_of(case), head.functions_of(case)) {
            (Some(base), Some(head)) => comparison.causes.extend(Cause::new(
                case,
                "instructions/ir",
                "instructions",
                blame::blame(base, head),
            )),
            _ => unknown += 1,
        }
    }
    for (case, metric) in &allocated {
        let unit = if metric.contains("blocks") {
            "blocks"
        } else {
            "B"
        };
        match (base.sites_of(case), head.sites_of(case)) {
            (Some(base), Some(head)) => comparison.causes.extend(Cause::new(
                case,
                metric,
                unit,
                sites::differences(base, head, unit),
            )),
            _ => unknown += 1,
        }
    }
    if unknown > 0 {
        let what = crate::format::plural(unknown, "regression");
        comparison.notes.push(format!(
            "the cause of {what} is not known, because only a record of the base is at hand: `cargo exuvia gate --against GITREF` measures both sides and names functions and sites"
        ));
    }
}
