//! From the answers of the processes to one record; what failed or is missing becomes rows with a reason.

use std::path::Path;

use exuvia_reports::record::{
    Better, Environment, LeakFinding, LeakVerdict, Measurement, Record, Shard, Status,
};

use super::Setup;
use super::count::Counted;
use super::environment::root_of;
use super::phases::PHASES;
use super::plan::{self, Plan};
use super::site;
use crate::exec::{ChildReport, Instrument};
use crate::{CaseId, Suite};

/// A report, or why there is none.
pub(crate) type Answer = Result<Box<ChildReport>, String>;

/// Every answer in the order in which they came.
pub(crate) type Answers = Vec<(CaseId, Instrument, Answer)>;

/// The reason that marks a row as missing (the tool is not there) rather than failed (the case went wrong).
pub(crate) const NO_VALGRIND: &str = "valgrind is not installed";

/// The record of a run.
pub(crate) fn record(
    suite: &Suite,
    setup: &Setup,
    plan: &Plan,
    answers: Answers,
    environment: Environment,
) -> Record {
    let mut record = Record {
        depth: setup.selection.depth,
        selection: selection_of(setup),
        shard: setup.selection.shard.map(|(index, of)| Shard { index, of }),
        environment,
        planned: plan.planned(),
        workloads: plan::workload_infos(suite),
        ..Record::default()
    };
    for (case, instrument, answer) in answers {
        match answer {
            Ok(report) => add(&mut record, *report),
            Err(reason) => add_failure(&mut record, &case, instrument, &reason),
        }
    }
    place_sites(&mut record, &setup.target.manifest_dir);
    record
}

/// Sites as ways from the top of the workspace.
fn place_sites(record: &mut Record, manifest_dir: &Path) {
    if record.leaks.iter().any(|leak| leak.site.is_some()) {
        let root = root_of(manifest_dir).unwrap_or(manifest_dir);
        let packages = site::packages(root);
        let leaks = record.leaks.iter_mut();
        leaks.for_each(|leak| site::place(leak, root, &packages));
    }
}

fn selection_of(setup: &Setup) -> Option<String> {
    let selection = &setup.selection;
    let mut words = Vec::new();
    if !selection.filter.is_empty() {
        words.push(format!("filter {}", selection.filter.words().join(" ")));
    }
    if !selection.instruments.is_empty() {
        words.push(format!("instruments {}", selection.instruments.join(" ")));
    }
    words.extend(selection.shard.map(|(k, n)| format!("shard {k} of {n}")));
    (!words.is_empty()).then(|| words.join(", "))
}

fn add(record: &mut Record, report: ChildReport) {
    record.measurements.extend(report.measurements);
    record.series.extend(report.series);
    record.leaks.extend(report.leaks);
    record.census.extend(report.census);
}

/// One row per metric that the instrument would have given.
fn add_failure(record: &mut Record, case: &CaseId, instrument: Instrument, reason: &str) {
    let status = if reason.starts_with(NO_VALGRIND) {
        Status::Missing
    } else {
        Status::Failed
    };
    for metric in metrics_of(instrument) {
        record.measurements.push(Measurement {
            metric: format!("{}/{metric}", instrument.row()),
            better: Better::Less,
            status,
            reason: Some(reason.to_owned()),
            ..row_of(case, instrument.row())
        });
    }
    if instrument == Instrument::Leaks {
        let row = row_of(case, instrument.row());
        record.leaks.push(LeakFinding {
            workload: row.workload,
            variant: row.variant,
            params: row.params,
            verdict: LeakVerdict::Undecided,
            reason: Some(reason.to_owned()),
            ..LeakFinding::default()
        });
    }
}

fn metrics_of(instrument: Instrument) -> &'static [&'static str] {
    match instrument {
        Instrument::Plain => &[],
        Instrument::Time => &["ns_per_op"],
        Instrument::Instructions => &["ir", "estimated_cycles"],
        Instrument::Heap => &[
            "total_bytes.system",
            "total_blocks.system",
            "peak_bytes.system",
            "peak_blocks.system",
            "end_bytes.system",
            "end_blocks.system",
        ],
        Instrument::Footprint => &[
            "peak_footprint_bytes.pages",
            "live_objects_end.pages",
            "collections.pages",
        ],
        Instrument::Leaks => &["growth_per_iteration", "audit_findings"],
        Instrument::Rss => &["before_bytes", "peak_bytes", "after_bytes"],
    }
}

/// An empty row of this case and instrument.
pub(crate) fn row_of(case: &CaseId, instrument: &str) -> Measurement {
    Measurement {
        workload: case.workload.clone(),
        variant: case.variant.clone(),
        params: case.params.iter().cloned().collect(),
        instrument: instrument.to_owned(),
        ..Measurement::default()
    }
}

/// The rows of a counted run: all instructions, cycles as the cache model estimates them, and each collector phase.
pub(crate) fn counted_report(case: &CaseId, counted: Counted) -> ChildReport {
    let row = |metric: String, unit: &str, exact: bool, value: u64| Measurement {
        metric: format!("instructions/{metric}"),
        unit: unit.to_owned(),
        better: Better::Less,
        statistic: "count".to_owned(),
        value: Some(value as f64),
        n: 1,
        exact,
        status: Status::Measured,
        ..row_of(case, "instructions")
    };
    let mut report = counted.report;
    let instructions = |metric: String, value| row(metric, "instructions", true, value);
    report
        .measurements
        .push(instructions("ir".to_owned(), counted.instructions));
    // cache hits follow addresses, which move with the folder the executable lies in
    report.measurements.extend(
        counted
            .estimated_cycles
            .map(|cycles| row("estimated_cycles".to_owned(), "cycles", false, cycles)),
    );
    for (phase, count) in counted
        .phases
        .into_iter()
        .flat_map(|counts| PHASES.into_iter().zip(counts))
    {
        report
            .measurements
            .push(instructions(format!("ir.{phase}"), count));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(instrument: Instrument, reason: &str) -> Record {
        let mut record = Record::default();
        add_failure(
            &mut record,
            &"a/b[c]{n=1}".parse().expect("a case"),
            instrument,
            reason,
        );
        record
    }

    #[test]
    fn a_failed_case_leaves_valid_rows_with_its_reason() {
        let record = failed(Instrument::Leaks, "killed by signal 11 (SIGSEGV)");
        record.validate().expect("a valid record");
        assert!(
            record
                .measurements
                .iter()
                .all(|row| row.status == Status::Failed)
        );
        assert_eq!(record.leaks[0].verdict, LeakVerdict::Undecided);
    }

    #[test]
    fn a_tool_that_is_not_there_is_missing_and_not_failed() {
        let record = failed(Instrument::Instructions, &format!("{NO_VALGRIND}: ..."));
        assert!(
            record
                .measurements
                .iter()
                .all(|row| row.status == Status::Missing)
        );
    }
}
