//! A prepared case in a measured process.

use std::collections::BTreeMap;
use std::rc::Rc;

use exuvia_reports::record::{Better, CensusRow, LeakFinding, Measurement, Series, Status};
use fastrand::Rng;

use super::{ChildReport, Instrument, Request};
use crate::alloc::{self, AllocMode};
use crate::probe::Probe;
use crate::workload::{Context, Metric, Started};
use crate::{Params, Suite, Workload};

/// One case in this process: parameters, expectation and probes.
pub(crate) struct Session<'a> {
    pub(crate) request: &'a Request,
    pub(crate) params: Params,
    /// The checksum every run must return.
    pub(crate) expected: Option<u64>,
    /// Operations of one run.
    pub(crate) ops: u64,
    /// Bytes and elements one run handles, where the workload says so.
    pub(crate) handled: [(&'static str, Option<u64>); 2],
    pub(crate) metrics: &'a [Metric],
    context: Rc<Context>,
}

/// Finds the case, chooses what the allocator does for the rest of this process, and prepares the input: none of this
/// is measured.
pub(crate) fn open<'a>(
    suite: &'a mut Suite,
    request: &'a Request,
) -> Result<(Session<'a>, Box<dyn Started + 'a>), String> {
    choose_alloc(request.instrument)?;
    let case = &request.case;
    let workload = suite
        .find_mut(&case.workload)
        .ok_or_else(|| format!("no workload `{}`", case.workload))?;
    let context = Rc::new(Context::new(request.instrument == Instrument::Heap));
    let params = Params::new(values_of(workload, request)?, Rc::clone(&context));
    let rng = Rng::with_seed(params.seed(workload.seed_value()));
    let handled = [
        ("bytes", workload.bytes_of(&params)),
        ("elements", workload.elements_of(&params)),
    ];
    let (expected, ops) = (workload.expected_of(&params), workload.ops_of(&params));
    let (metrics, body) = workload.parts_of(&case.variant);
    let body = body.ok_or_else(|| {
        format!(
            "workload `{}` has no variant `{}`",
            case.workload, case.variant
        )
    })?;
    let started = body.start(&params, rng);
    Ok((
        Session {
            request,
            params,
            expected,
            ops,
            handled,
            metrics,
            context,
        },
        started,
    ))
}

impl Session<'_> {
    /// What counts the objects of this process, when the workload uses a heap.
    pub(crate) fn probe(&self) -> Option<Box<dyn Probe>> {
        self.context.probe()
    }

    /// A report on `checksum`, failed when it is not the expected one.
    pub(crate) fn report(&self, checksum: u64) -> ChildReport {
        let mut report = ChildReport::new(checksum);
        if let Some(expected) = self.expected.filter(|expected| *expected != checksum) {
            report.failure = Some(format!(
                "wrong checksum: a run returned {checksum}, expected {expected}; the variant computes something else, or nothing"
            ));
        }
        report
    }

    /// A row of this case with a value that is not a statistic: a count.
    pub(crate) fn count(&self, metric: &str, unit: &str, value: f64) -> Measurement {
        Measurement {
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            better: Better::Less,
            statistic: "count".to_owned(),
            value: Some(value),
            n: 1,
            exact: true,
            status: Status::Measured,
            ..self.row()
        }
    }

    /// An empty row of this case.
    pub(crate) fn row(&self) -> Measurement {
        let case = &self.request.case;
        Measurement {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: self.param_map(),
            instrument: self.request.instrument.row().to_owned(),
            ..Measurement::default()
        }
    }

    /// An empty curve of this case.
    pub(crate) fn series(&self) -> Series {
        let case = &self.request.case;
        Series {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: self.param_map(),
            instrument: self.request.instrument.row().to_owned(),
            ..Series::default()
        }
    }

    /// An empty leak finding of this case.
    pub(crate) fn leak(&self) -> LeakFinding {
        let case = &self.request.case;
        LeakFinding {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: self.param_map(),
            ..LeakFinding::default()
        }
    }

    /// Live objects by type, as rows of this case.
    pub(crate) fn census(&self, probe: &dyn Probe) -> Vec<CensusRow> {
        let case = &self.request.case;
        let row = |(type_name, objects, bytes)| CensusRow {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: self.param_map(),
            type_name,
            objects,
            bytes,
        };
        probe.census().into_iter().map(row).collect()
    }

    fn param_map(&self) -> BTreeMap<String, u64> {
        self.params.values().iter().cloned().collect()
    }
}

fn choose_alloc(instrument: Instrument) -> Result<(), String> {
    let mode = match instrument {
        Instrument::Heap => AllocMode::Profile,
        Instrument::Leaks => AllocMode::Count,
        _ => return Ok(()),
    };
    if !alloc::is_installed() {
        return Err("blocks cannot be counted: add `#[global_allocator] static ALLOC: exuvia_harness::Alloc = \
                    exuvia_harness::Alloc::system();` to the bench target"
            .to_owned());
    }
    alloc::choose(mode);
    Ok(())
}

/// The case's values in the order of declaration.
fn values_of(workload: &Workload, request: &Request) -> Result<Vec<(String, u64)>, String> {
    let given = &request.case.params;
    let value = |name: &String| {
        let found = given
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| (name.clone(), *value));
        found.ok_or_else(|| format!("`{}` gives no value for `{name}`", request.case))
    };
    let values = workload
        .params()
        .iter()
        .map(|(name, _)| value(name))
        .collect::<Result<Vec<_>, _>>()?;
    if values.len() != given.len() {
        return Err(format!(
            "`{}` names a parameter that the workload does not declare",
            request.case
        ));
    }
    Ok(values)
}
