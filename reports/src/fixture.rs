//! Small records for tests of this crate: built in code, the same on every call.

use crate::record::{
    Better, CensusRow, Depth, Environment, LeakFinding, LeakVerdict, Measurement, PlannedCase,
    Record, Series, Status, WorkloadInfo,
};
use std::collections::BTreeMap;

/// Builds a record case by case; metrics are added to the case added last.
pub struct Fixture {
    record: Record,
}

/// The environment of every fixture record.
pub fn environment() -> Environment {
    let some = |text: &str| Some(text.to_owned());
    Environment {
        created_unix: Some(1_700_000_000),
        cpu_model: some("Example CPU 9000"),
        cpu_features: vec!["avx".to_owned(), "sse4_2".to_owned()],
        cores: Some(2),
        memory_bytes: Some(8 << 30),
        kernel: some("6.1.0"),
        os: some("Debian 12"),
        rustc: some("1.95.0"),
        target: some("x86_64-unknown-linux-gnu"),
        profile: some("bench"),
        features: vec!["full".to_owned()],
        lock_hash: some("5f2a"),
        dependency_hash: some("77ab"),
        glibc: some("2.36"),
        valgrind: some("3.19.0"),
        commit: some("0123456789ab"),
        dirty: Some(false),
        allocator: some("system"),
        config_hash: some("77aa"),
        thresholds: Some([2000, 10, 10]),
        heap_mode: some("pages"),
        exuvia: some("0.1.0"),
    }
}

/// The record of a small suite: two workloads with two variants and two sizes each,
/// all five instruments, one slowly filling cache that the detector calls fading.
pub fn record() -> Record {
    let mut fixture = Fixture::new();
    for (workload, variants, scale) in [
        ("instances/create", ["slots", "dict"], [1.0, 2.25]),
        ("lists/append", ["append", "preallocated"], [1.0, 0.625]),
    ] {
        fixture = fixture.workload(
            workload,
            &format!("What does {workload} cost?"),
            &variants,
            &[1_000, 100_000],
        );
        for (variant, factor) in variants.iter().zip(scale) {
            for n in [1_000_u64, 100_000] {
                fixture = fixture
                    .case(workload, variant, &[("n", n)])
                    .all_instruments(n as f64 * factor);
            }
        }
    }
    fixture.build()
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

impl Fixture {
    /// A record with an environment and nothing else.
    pub fn new() -> Self {
        let record = Record {
            environment: environment(),
            depth: Depth::Quick,
            ..Record::default()
        };
        Self { record }
    }

    /// Declares a workload with one parameter `n`.
    pub fn workload(mut self, id: &str, question: &str, variants: &[&str], n: &[u64]) -> Self {
        self.record.workloads.push(WorkloadInfo {
            id: id.to_owned(),
            question: question.to_owned(),
            tags: Vec::new(),
            variants: variants.iter().map(|v| (*v).to_owned()).collect(),
            params: BTreeMap::from([("n".to_owned(), n.to_vec())]),
            ..WorkloadInfo::default()
        });
        self
    }

    /// Adds a planned case without instruments.
    pub fn case(mut self, workload: &str, variant: &str, params: &[(&str, u64)]) -> Self {
        self.record.planned.push(PlannedCase {
            workload: workload.to_owned(),
            variant: variant.to_owned(),
            params: params.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
            instruments: Vec::new(),
        });
        self
    }

    /// An exact count, smaller is better.
    pub fn count(self, metric: &str, unit: &str, value: f64) -> Self {
        let m = Measurement {
            unit: unit.to_owned(),
            better: Better::Less,
            statistic: "count".to_owned(),
            value: Some(value),
            n: 1,
            exact: true,
            status: Status::Measured,
            ..self.row(metric)
        };
        self.push(m)
    }

    /// A median with its 95 % interval, smaller is better.
    pub fn median(self, metric: &str, unit: &str, [low, value, high]: [f64; 3]) -> Self {
        let m = Measurement {
            unit: unit.to_owned(),
            better: Better::Less,
            statistic: "median".to_owned(),
            value: Some(value),
            low: Some(low),
            high: Some(high),
            level: Some(0.95),
            n: 100,
            status: Status::Measured,
            ..self.row(metric)
        };
        self.push(m)
    }

    /// A row that could not be measured.
    pub fn missing(self, metric: &str, reason: &str) -> Self {
        let m = Measurement {
            better: Better::Less,
            exact: true,
            reason: Some(reason.to_owned()),
            ..self.row(metric)
        };
        self.push(m)
    }

    /// A finding of the leak detector.
    pub fn leak(mut self, verdict: LeakVerdict, class: &str, type_name: &str, rate: f64) -> Self {
        let case = self.last();
        self.record.leaks.push(LeakFinding {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.clone(),
            verdict,
            class: Some(class.to_owned()),
            type_name: Some(type_name.to_owned()),
            site: Some("workloads/lists/src/append.rs:41".to_owned()),
            rate: Some(rate),
            bound: None,
            holder: Some("root `cache` > dict > list".to_owned()),
            fingerprint: Some("3f9c1a".to_owned()),
            reason: None,
        });
        self.plan("leaks");
        self
    }

    /// A clean verdict with its bound.
    pub fn clean(mut self) -> Self {
        let case = self.last();
        self.record.leaks.push(LeakFinding {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.clone(),
            verdict: LeakVerdict::Clean,
            bound: Some(3.0 / 4096.0),
            ..LeakFinding::default()
        });
        self.plan("leaks");
        self
    }

    /// A curve.
    pub fn series(
        mut self,
        instrument: &str,
        name: &str,
        units: [&str; 2],
        points: &[[f64; 2]],
    ) -> Self {
        let case = self.last();
        self.record.series.push(Series {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.clone(),
            instrument: instrument.to_owned(),
            name: name.to_owned(),
            x_unit: units[0].to_owned(),
            unit: units[1].to_owned(),
            points: points.to_vec(),
            note: None,
        });
        self
    }

    /// Live objects of one type.
    pub fn census(mut self, type_name: &str, objects: u64, bytes: u64) -> Self {
        let case = self.last();
        self.record.census.push(CensusRow {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.clone(),
            type_name: type_name.to_owned(),
            objects,
            bytes,
        });
        self
    }

    /// Every metric of every instrument, in proportion to `size`.
    pub fn all_instruments(self, size: f64) -> Self {
        let count = size.round();
        self.median(
            "time/ns_per_op",
            "ns",
            [9.5, 10.0, 10.75].map(|v| v * (1.0 + size / 1e6)),
        )
        .count("instructions/ir", "instructions", 40.0 * count)
        .count("instructions/estimated_cycles", "cycles", 52.0 * count)
        .count("instructions/ir.subtract_refs", "instructions", 4.0 * count)
        .count("heap/total_bytes.system", "B", 48.0 * count)
        .count("heap/total_blocks.system", "blocks", count)
        .count(
            "heap/peak_footprint_bytes.pages",
            "B",
            64.0 * count + 65_536.0,
        )
        .count("heap/live_objects_end.pages", "objects", 0.0)
        .count("leaks/audit_findings", "findings", 0.0)
        .clean()
        .count("rss/peak_bytes", "B", 4e6 + 64.0 * count)
        .series(
            "rss",
            "resident memory",
            ["ms", "B"],
            &[[0.0, 4e6], [5.0, 4e6 + 64.0 * count], [10.0, 4.2e6]],
        )
        .series(
            "leaks",
            "live objects",
            ["iterations", "objects"],
            &[[512.0, 3.0], [1024.0, 3.0], [2048.0, 3.0]],
        )
        .census("Instance", count as u64, 32 * count as u64)
        .census("Str", 12, 12 * 40)
    }

    /// The record.
    pub fn build(self) -> Record {
        self.record
    }

    fn last(&self) -> &PlannedCase {
        self.record
            .planned
            .last()
            .expect("add a case before its metrics")
    }

    fn row(&self, metric: &str) -> Measurement {
        let case = self.last();
        Measurement {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.clone(),
            instrument: metric.split('/').next().unwrap_or_default().to_owned(),
            metric: metric.to_owned(),
            ..Measurement::default()
        }
    }

    fn push(mut self, m: Measurement) -> Self {
        self.plan(&m.instrument);
        self.record.measurements.push(m);
        self
    }

    fn plan(&mut self, instrument: &str) {
        let case = self
            .record
            .planned
            .last_mut()
            .expect("add a case before its metrics");
        if !case.instruments.iter().any(|i| i == instrument) {
            case.instruments.push(instrument.to_owned());
        }
    }
}
