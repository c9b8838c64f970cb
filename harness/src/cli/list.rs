//! `list`: workloads, variants and parameters.

use serde_json::json;

use super::args::ListArgs;
use super::{Status, UsageError};
use crate::exec::Instrument;
use crate::run::filter::Filter;
use crate::run::plan::{Plan, Selection};
use crate::{Suite, Workload};

/// Prints every workload that has a matching case.
pub(crate) fn list(suite: &Suite, args: &ListArgs) -> anyhow::Result<Status> {
    let filter = Filter::new(args.filter.filter.clone());
    let workloads: Vec<_> = suite
        .workloads()
        .iter()
        .filter(|workload| has_match(workload, &filter))
        .collect();
    if workloads.is_empty() && !filter.is_empty() {
        return Err(UsageError::no_match(&filter).into());
    }
    if args.json {
        let rows: Vec<_> = workloads.iter().map(|workload| as_json(workload)).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        workloads.iter().for_each(|workload| print(workload));
    }
    Ok(Status::Pass)
}

fn has_match(workload: &Workload, filter: &Filter) -> bool {
    let mut points = workload.points();
    points.extend([workload.count_point(), workload.leak_point()]);
    let matches = |point: Vec<(String, u64)>| {
        workload.variants().any(|variant| {
            filter.matches(&workload.case(variant, point.clone()), workload.tag_list())
        })
    };
    points.into_iter().any(matches)
}

fn as_json(workload: &Workload) -> serde_json::Value {
    json!({
        "id": workload.id(),
        "question": workload.question(),
        "variants": workload.variants().collect::<Vec<_>>(),
        "params": workload.params().iter().map(|(name, values)| json!({"name": name, "values": values})).collect::<Vec<_>>(),
        "tags": workload.tag_list(),
        "ignored": workload.ignored(),
    })
}

fn print(workload: &Workload) {
    let variants: Vec<_> = workload.variants().collect();
    let params: Vec<_> = workload
        .params()
        .iter()
        .map(|(name, values)| format!("{name}={values:?}"))
        .collect();
    println!(
        "{}  [{}]  {}",
        workload.id(),
        variants.join(" | "),
        params.join(" ")
    );
    if !workload.question().is_empty() {
        println!("    {}", workload.question());
    }
    if let Some(reason) = workload.ignored() {
        println!("    ignored: {reason}");
    }
}

/// The list that test runners read: one line per small case.
pub(crate) fn list_as_tests(suite: &Suite) {
    let selection = Selection {
        depth: exuvia_reports::record::Depth::Quick,
        instruments: vec!["time".to_owned()],
        filter: Filter::default(),
        shard: None,
        timeout: None,
    };
    for case in Plan::new(suite, &selection).cases(Instrument::Time) {
        println!("{case}: test");
    }
}
