//! Causes in words, the same for terminal and Markdown.

use crate::compare::Comparison;
use crate::format::{difference, percent};
use crate::why::Cause;

/// Causes that are told; `report.json` has all.
const TOLD: usize = 20;

/// A cause as a headline and one line per part.
pub(super) struct Told {
    pub(super) case: String,
    pub(super) headline: String,
    pub(super) parts: Vec<(String, String)>,
}

/// The first causes, in the order of the rows they explain.
pub(super) fn told(comparison: &Comparison) -> Vec<Told> {
    comparison.causes.iter().take(TOLD).map(one).collect()
}

fn one(cause: &Cause) -> Told {
    let part = |part: &crate::why::Part| {
        let share = percent(part.difference / cause.difference);
        let detail = if part.detail.is_empty() {
            String::new()
        } else {
            format!(" ({})", part.detail)
        };
        let amount = difference(part.difference, &cause.unit);
        (
            part.name.clone(),
            format!("{amount}, {}{detail}", share.trim_start_matches('+')),
        )
    };
    Told {
        case: cause.case().to_string(),
        headline: format!(
            "{} {}",
            cause.metric,
            difference(cause.difference, &cause.unit)
        ),
        parts: cause.parts.iter().map(part).collect(),
    }
}
