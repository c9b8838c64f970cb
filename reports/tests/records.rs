//! Records survive a round trip, and a damaged or foreign file is refused with directions.

use exuvia_reports::fixture;
use exuvia_reports::record::{
    Better, CensusRow, Depth, LeakFinding, LeakVerdict, Measurement, PlannedCase, Record, Series,
    Status, WorkloadInfo,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

fn params() -> impl Strategy<Value = BTreeMap<String, u64>> {
    proptest::collection::btree_map("[a-z]{1,4}", any::<u64>(), 0..3)
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |f| f.is_finite()),
        Just(0.0),
        Just(1e-9),
        Just(1e18),
        (0_u64..1 << 53).prop_map(|n| n as f64),
    ]
}

/// A measurement with any name and any finite numbers; `index` keeps its metric unique.
fn measurement() -> impl Strategy<Value = Measurement> {
    let numbers = (finite(), 0.0..0.5_f64, any::<u64>(), any::<bool>());
    (
        any::<String>(),
        any::<String>(),
        params(),
        numbers,
        0..3_u8,
        any::<Option<String>>(),
    )
        .prop_map(
            |(workload, variant, params, (value, spread, n, exact), status, reason)| {
                let status =
                    [Status::Measured, Status::Missing, Status::Failed][usize::from(status)];
                let measured = status == Status::Measured;
                Measurement {
                    workload,
                    variant,
                    params,
                    instrument: "heap".to_owned(),
                    metric: "heap/x".to_owned(),
                    unit: "B".to_owned(),
                    better: Better::More,
                    statistic: "count".to_owned(),
                    value: measured.then_some(value),
                    low: (measured && !exact).then_some(value - value.abs() * spread),
                    high: None,
                    level: (!exact).then_some(0.95),
                    n,
                    exact,
                    status,
                    reason: reason.or((!measured).then(String::new)),
                }
            },
        )
}

fn record() -> impl Strategy<Value = Record> {
    (
        proptest::collection::vec(measurement(), 0..6),
        proptest::collection::vec((finite(), finite()), 0..4),
        (
            any::<String>(),
            params(),
            any::<Option<String>>(),
            any::<u64>(),
        ),
    )
        .prop_map(|(mut measurements, points, (name, params, text, number))| {
            for (index, m) in measurements.iter_mut().enumerate() {
                m.metric = format!("heap/x{index}");
            }
            Record {
                depth: Depth::Full,
                selection: text.clone(),
                environment: fixture::environment(),
                planned: vec![PlannedCase {
                    workload: name.clone(),
                    variant: name.clone(),
                    params: params.clone(),
                    instruments: vec![name.clone()],
                }],
                workloads: vec![WorkloadInfo {
                    id: name.clone(),
                    question: name.clone(),
                    tags: vec![name.clone()],
                    variants: vec![],
                    params: BTreeMap::from([(name.clone(), vec![number])]),
                    blind: Vec::new(),
                }],
                measurements,
                series: vec![Series {
                    name: name.clone(),
                    points: points.into_iter().map(|(x, y)| [x, y]).collect(),
                    note: text.clone(),
                    ..Series::default()
                }],
                leaks: vec![LeakFinding {
                    workload: name.clone(),
                    verdict: LeakVerdict::Fading,
                    type_name: text.clone(),
                    rate: Some(0.1),
                    holder: text,
                    ..LeakFinding::default()
                }],
                census: vec![CensusRow {
                    type_name: name,
                    params,
                    objects: number,
                    ..CensusRow::default()
                }],
                ..Record::default()
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_record_survives_saving_and_loading(record in record()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        record.save(&path).unwrap();
        prop_assert_eq!(Record::load(&path).unwrap(), record);
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        prop_assert!(Record::parse(&text, Path::new("run.json")).is_err());
    }

    #[test]
    fn a_cut_record_is_refused_where_it_ends(cut in 1_usize..2_000) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        fixture::record().save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let message = Record::parse(&text[..cut], &path).unwrap_err().to_string();
        let line = text[..cut].matches('\n').count() + 1;
        let place = format!("run.json:{line}:");
        let before = format!("run.json:{}:", line - 1);
        prop_assert!(message.contains(&place) || message.contains(&before), "{}", message);
    }
}

fn refused(edit: impl Fn(&mut Record)) -> String {
    let mut record = fixture::record();
    edit(&mut record);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let message = record.save(&path).unwrap_err().to_string();
    assert!(
        !path.exists(),
        "nothing is written when the record is refused"
    );
    message
}

#[test]
fn numbers_that_are_not_finite_are_refused_everywhere() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for message in [
            refused(|r| r.measurements[0].value = Some(bad)),
            refused(|r| r.measurements[0].low = Some(bad)),
            refused(|r| r.measurements[0].high = Some(bad)),
            refused(|r| r.measurements[0].level = Some(bad)),
            refused(|r| r.series[0].points[0][0] = bad),
            refused(|r| r.series[0].points[0][1] = bad),
            refused(|r| r.leaks[0].rate = Some(bad)),
            refused(|r| r.leaks[0].bound = Some(bad)),
        ] {
            assert!(message.contains("not a finite number"), "{message}");
        }
    }
}

#[test]
fn a_record_that_contradicts_itself_is_refused_by_case_and_metric() {
    let place = "instances/create[slots]{n=1000} time/ns_per_op";
    let duplicate = refused(|r| {
        let copy = r.measurements[0].clone();
        r.measurements.push(copy);
    });
    assert!(
        duplicate.contains(&format!("{place} is measured twice")),
        "{duplicate}"
    );
    let value = refused(|r| r.measurements[0].value = None);
    assert!(value.contains(&format!("{place} says measured")), "{value}");
    let reason = refused(|r| r.measurements[0].status = Status::Missing);
    assert!(reason.contains("gives no reason"), "{reason}");
    let metric = refused(|r| r.measurements[0].metric = "ns_per_op".to_owned());
    assert!(metric.contains("must begin with `time/`"), "{metric}");
    let interval = refused(|r| r.measurements[0].low = Some(1e9));
    assert!(interval.contains("does not hold the value"), "{interval}");
}

#[test]
fn an_absolute_path_in_the_environment_is_refused() {
    let message = refused(|r| r.environment.rustc = Some("1.95.0 (/home/somebody)".to_owned()));
    assert!(
        message.contains("rustc holds an absolute path"),
        "{message}"
    );
}

#[test]
fn a_newer_schema_asks_for_an_update_whatever_the_rest_looks_like() {
    let parse = |text: &str| {
        Record::parse(text, Path::new("a/run.json"))
            .unwrap_err()
            .to_string()
    };
    let newer = parse("{\"schema\": \"exuvia.run/2\", \"measurements\": \"elsewhere\"}");
    assert!(
        newer.starts_with("a/run.json: the schema is `exuvia.run/2`"),
        "{newer}"
    );
    assert!(newer.contains("newer exuvia; update"), "{newer}");
    for text in ["{}", "{\"schema\": \"something/1\"}"] {
        assert!(parse(text).contains("not a run record"), "{}", parse(text));
    }
}

#[test]
fn a_wrong_type_is_named_with_line_and_column() {
    let text = "{\"schema\": \"exuvia.run/1\",\n \"planned\": 3}";
    let message = Record::parse(text, Path::new("run.json"))
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("run.json:2:13: invalid type"),
        "{message}"
    );
}

#[test]
fn a_number_beyond_the_range_is_refused_on_loading() {
    let text = "{\"schema\": \"exuvia.run/1\", \"series\": [{\"workload\":\"a\",\"variant\":\"b\",\
                \"instrument\":\"rss\",\"name\":\"x\",\"points\":[[1e999,0]]}]}";
    let message = Record::parse(text, Path::new("run.json"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("out of range"), "{message}");
}

#[test]
fn a_record_of_an_older_minor_shape_loads_with_its_gaps() {
    let record = Record::parse("{\"schema\": \"exuvia.run/1\"}", Path::new("run.json")).unwrap();
    assert_eq!(record, Record::default());
}
