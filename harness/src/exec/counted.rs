//! One run: under callgrind, for the heap's own counters, or for its checksum alone.
//!
//! Counted runs are cold: the first run of a fresh process, so that what is counted depends on nothing that came
//! before. Preparation happens outside of [`measured`], which is where callgrind's counting is switched on.

use exuvia_reports::record::{Measurement, Series, Status};

use super::ChildReport;
use super::session::Session;
use crate::probe::Counter;
use crate::workload::{Metric, Started};

/// The function that callgrind counts inside of, as it is called in the executable's symbols.
pub(crate) const ENTRY_POINT: &str = "exuvia_harness::exec::counted::measured";

/// The one border between preparation and what is counted; never generic, never inlined, so that its name is fixed.
#[inline(never)]
fn measured(started: &mut dyn Started) -> u64 {
    std::hint::black_box(started.run_once())
}

/// One run and its checksum.
pub(super) fn run_plain(session: &Session<'_>, mut started: Box<dyn Started + '_>) -> ChildReport {
    started.make_ready();
    session.report(started.run_once())
}

/// One run for callgrind, which sees it from outside: the report holds the checksum only.
pub(super) fn run(session: &Session<'_>, mut started: Box<dyn Started + '_>) -> ChildReport {
    started.make_ready();
    session.report(measured(&mut *started))
}

/// One run, then the heap's counters and the workload's own metrics while the input is still alive.
pub(super) fn run_footprint(
    session: &Session<'_>,
    mut started: Box<dyn Started + '_>,
) -> ChildReport {
    started.make_ready();
    let mut report = session.report(started.run_once());
    if let Some(probe) = session.probe() {
        report.measurements.extend(
            probe
                .counters()
                .into_iter()
                .map(|counter| counter_row(session, counter)),
        );
        report.series.extend(pauses(session, &probe.pauses()));
        report.census = session.census(&*probe);
    }
    report.measurements.extend(
        session
            .metrics
            .iter()
            .map(|metric| own_metric(session, metric)),
    );
    report
}

/// How long each collection took, as a curve: with the wall time of one run nothing is judged.
fn pauses(session: &Session<'_>, pauses: &[u64]) -> Option<Series> {
    let points = pauses.iter().enumerate();
    (!pauses.is_empty()).then(|| Series {
        name: "pause".to_owned(),
        unit: "ns".to_owned(),
        x_unit: "collection".to_owned(),
        points: points.map(|(i, ns)| [i as f64, *ns as f64]).collect(),
        note: Some("wall time of each collection of one run, the latest 1024".to_owned()),
        ..session.series()
    })
}

/// What is alive is read at the end of the run; peaks and totals are over all of it.
fn counter_row(session: &Session<'_>, counter: Counter) -> Measurement {
    let at_end = if counter.name.starts_with("live_") {
        "_end"
    } else {
        ""
    };
    session.count(
        &format!("heap/{}{at_end}.pages", counter.name),
        counter.unit,
        counter.value as f64,
    )
}

fn own_metric(session: &Session<'_>, metric: &Metric) -> Measurement {
    let value = (metric.read)(&session.params);
    let row = session.count(&format!("heap/{}", metric.name), &metric.unit, value);
    let row = Measurement {
        better: metric.better.into(),
        ..row
    };
    if value.is_finite() {
        return row;
    }
    let reason = Some(format!(
        "the metric returned {value}, which is not a finite number"
    ));
    Measurement {
        value: None,
        status: Status::Failed,
        reason,
        ..row
    }
}
