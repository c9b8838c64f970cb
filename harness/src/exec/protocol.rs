//! What a measured process tells the runner, version 1.

use exuvia_reports::record::{CensusRow, LeakFinding, Measurement, Series};
use serde::{Deserialize, Serialize};

/// The version of everything in this file.
pub(crate) const PROTOCOL: u32 = 1;

/// The last line of a measured process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChildReport {
    /// First, so that the line begins the same in every version.
    pub(crate) protocol: u32,
    /// What the run (the last of several, or the last wrong one) returned.
    pub(crate) checksum: u64,
    /// Why the case failed; nothing when it was measured.
    pub(crate) failure: Option<String>,
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) series: Vec<Series>,
    pub(crate) leaks: Vec<LeakFinding>,
    pub(crate) census: Vec<CensusRow>,
}

const BEGINNING: &str = "{\"protocol\":";

impl ChildReport {
    /// A report without numbers.
    pub(crate) fn new(checksum: u64) -> Self {
        Self {
            protocol: PROTOCOL,
            checksum,
            failure: None,
            measurements: Vec::new(),
            series: Vec::new(),
            leaks: Vec::new(),
            census: Vec::new(),
        }
    }

    /// The report as one line.
    pub(crate) fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a report has no map keys that are not text")
    }

    /// The last report in what a process printed.
    pub(crate) fn find(output: &str) -> Option<Self> {
        let lines = output
            .lines()
            .rev()
            .filter(|line| line.starts_with(BEGINNING));
        lines
            .filter_map(|line| serde_json::from_str::<Self>(line).ok())
            .find(|report| report.protocol == PROTOCOL)
    }
}

/// A moment of the resident-memory run; the process waits for a line of input before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Prepared, not run yet.
    Before,
    /// Run, dropped and collected.
    After,
}

impl Marker {
    /// The line that is printed.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Self::Before => "{\"marker\":\"before\"}",
            Self::After => "{\"marker\":\"after\"}",
        }
    }

    /// The marker of this line, if it is one.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        [Self::Before, Self::After]
            .into_iter()
            .find(|marker| marker.line() == line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_is_found_between_whatever_the_workload_prints() {
        let output = format!(
            "hello\n{}\n{}\nbye\n",
            ChildReport::new(1).to_line(),
            ChildReport::new(2).to_line()
        );
        assert_eq!(
            ChildReport::find(&output).map(|report| report.checksum),
            Some(2)
        );
    }

    #[test]
    fn a_report_of_another_protocol_is_no_report() {
        let line = ChildReport::new(1).to_line().replacen(":1,", ":2,", 1);
        assert!(ChildReport::find(&line).is_none());
    }
}
