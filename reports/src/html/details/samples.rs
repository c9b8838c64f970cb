//! Distributions of the timed samples, each variant of one set of parameters under the other, with the baseline's.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::figures::Figures;
use super::super::model::{Case, Model, Workload};
use super::super::words;
use crate::chart::{Caption, Chart, SERIES, Strip, Strips};
use crate::record::Series;

/// Whether a curve is a list of samples, which are drawn here and not over time.
pub(super) fn is_samples(series: &Series) -> bool {
    series.x_unit == "sample"
}

/// One chart per set of parameters that was timed.
pub(super) fn render(model: &Model<'_>, figures: &Figures, workload: &Workload<'_>) -> Markup {
    let mut groups: BTreeMap<&BTreeMap<String, u64>, Vec<&Case<'_>>> = BTreeMap::new();
    for case in &workload.cases {
        groups.entry(&case.key.params).or_default().push(case);
    }
    let charts: Vec<Box<dyn Chart>> = groups
        .values()
        .flat_map(|cases| cases.chunks(SERIES))
        .filter_map(|cases| chart(model, cases))
        .map(|chart| Box::new(chart) as Box<dyn Chart>)
        .collect();
    html! {
        @if !charts.is_empty() {
            h3 { "Distribution of the time" }
            (figures.gallery(&[charts]))
        }
    }
}

fn chart(model: &Model<'_>, cases: &[&Case<'_>]) -> Option<Strips> {
    let timed = |case: &&&Case<'_>| samples(&case.series).is_some();
    let timed: Vec<&&Case<'_>> = cases.iter().filter(timed).collect();
    let unit = samples(&timed.first()?.series)?.unit.clone();
    let strips: Vec<Strip> = timed.iter().flat_map(|case| of_case(model, case)).collect();
    let params = words::params(&timed.first()?.key);
    let counts = timed
        .iter()
        .filter_map(|case| samples(&case.series))
        .map(|s| s.points.len());
    let samples = format!("{} samples each", counts.clone().max().unwrap_or(0));
    let detail = [
        params.as_str(),
        &samples,
        "ticks: samples, box: the middle half, line: the median",
    ];
    let detail: Vec<&str> = detail.into_iter().filter(|p| !p.is_empty()).collect();
    Some(Strips {
        caption: Caption {
            title: finding(&strips),
            detail: detail.join(words::DOT),
        },
        name: "time per operation".to_owned(),
        unit,
        strips,
    })
}

fn samples<'a>(series: &[&'a Series]) -> Option<&'a Series> {
    series
        .iter()
        .copied()
        .find(|s| is_samples(s) && !s.points.is_empty())
}

/// The samples of a case, and those of its baseline.
fn of_case(model: &Model<'_>, case: &Case<'_>) -> Vec<Strip> {
    let strip = |series: &Series, name: String, colour| Strip {
        name,
        colour,
        samples: series.points.iter().map(|[_, y]| *y).collect(),
    };
    let variant = &case.key.variant;
    let own = samples(&case.series).map(|s| strip(s, variant.clone(), Some(model.colour(variant))));
    let base = samples(&case.base_series).map(|s| strip(s, format!("{variant}, baseline"), None));
    own.into_iter().chain(base).collect()
}

/// The widest middle half against its median.
fn finding(strips: &[Strip]) -> String {
    let width = |strip: &Strip| {
        let [_, low, median, high, _] = strip.five()?;
        (median > 0.0).then(|| (high - low) / 2.0 / median)
    };
    let widest = strips
        .iter()
        .filter_map(|strip| Some((strip, width(strip)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    match widest {
        Some((strip, width)) => format!(
            "Widest is {}: half of its samples lie within {} of the median",
            strip.name,
            words::plus_minus(width)
        ),
        None => "Samples".to_owned(),
    }
}
