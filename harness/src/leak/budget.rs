//! Budgets on the heap: how much may be alive, how many blocks.

use super::growth::Series;
use super::report::LeakReport;
use super::subject::Subject;

/// What a check may use at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    pub(super) max_live_bytes: Option<u64>,
    pub(super) max_blocks: Option<u64>,
}

impl Budget {
    /// What was exceeded, in words.
    ///
    /// # Panics
    /// When plain code has a budget and the feature `dhat` is missing, which measures it.
    pub(super) fn exceeded(self, report: &LeakReport, subject: &mut dyn Subject) -> Vec<String> {
        if self.max_live_bytes.is_none() && self.max_blocks.is_none() {
            return Vec::new();
        }
        let (bytes, blocks) = subject
            .use_of_one()
            .or_else(|| largest_counts(report))
            .expect("a budget on plain code needs the feature `dhat` of exuvia-harness");
        let over = |what: &str, used: u64, limit: Option<u64>| {
            let limit = limit.filter(|limit| used > *limit)?;
            Some(format!("{used} {what}, {limit} allowed"))
        };
        over("live bytes at the peak", bytes, self.max_live_bytes)
            .into_iter()
            .chain(over("blocks", blocks, self.max_blocks))
            .collect()
    }
}

/// The largest counts at quiet moments, where objects are counted.
fn largest_counts(report: &LeakReport) -> Option<(u64, u64)> {
    let largest = |wanted: Series| {
        let found = report
            .series
            .iter()
            .find(|measured| measured.series == wanted)?;
        found.points.iter().map(|point| point.1).max()
    };
    let objects = largest(Series::Objects)?;
    Some((largest(Series::Bytes).unwrap_or(0), objects))
}
