//! Curves that were recorded during a run: live objects over iterations, memory over time.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::super::figures::Figures;
use super::super::model::{Case, Model, Workload};
use super::super::panels;
use super::super::words;
use crate::chart::{Caption, Chart, Level, Timeline, Track};
use crate::format;
use crate::record::Series;

/// One chart per recorded curve; counts of the leak detector that never moved are a sentence.
pub(super) fn render(model: &Model<'_>, figures: &Figures, workload: &Workload<'_>) -> Markup {
    let mut charts: Vec<Box<dyn Chart>> = Vec::new();
    let mut level = BTreeSet::new();
    for case in &workload.cases {
        for series in case.series.iter().filter(|s| {
            !s.points.is_empty() && !super::samples::is_samples(s) && !panels::is_pauses(s)
        }) {
            if is_level(series) {
                level.insert(words::case(&case.key));
            } else {
                charts.push(Box::new(timeline(model, case, series)));
            }
        }
    }
    html! {
        @if !charts.is_empty() || !level.is_empty() {
            h3 { "Over time" }
        }
        @if !level.is_empty() {
            p .soft {
                "After every block of iterations there was as much alive as after the first: "
                @for (i, case) in level.iter().enumerate() { @if i > 0 { "; " } bdi { (case) } }
                "."
            }
        }
        @if !charts.is_empty() { (figures.gallery(&[charts])) }
    }
}

/// Whether the leak detector counted the same after each block of iterations.
fn is_level(series: &Series) -> bool {
    let same = |pair: &[[f64; 2]]| pair[0][1] == pair[1][1];
    series.instrument == "leaks" && series.points.windows(2).all(same)
}

fn timeline(model: &Model<'_>, case: &Case<'_>, series: &Series) -> Timeline {
    let is_leaks = series.instrument == "leaks";
    let points: Vec<(f64, f64)> = series.points.iter().map(|[x, y]| (*x, *y)).collect();
    let boundaries = if is_leaks {
        points.iter().map(|p| p.0).collect()
    } else {
        Vec::new()
    };
    let verdict = case.worst_leak().filter(|_| is_leaks).map(words::leak);
    let mut detail = vec![words::case(&case.key)];
    detail.extend(verdict.map(|v| format!("verdict: {v}")));
    detail.extend(series.note.clone());
    Timeline {
        caption: Caption {
            title: moved(case, series),
            detail: detail.join("; "),
        },
        x_name: axis_name(&series.x_unit),
        x_unit: series.x_unit.clone(),
        y_name: words::capital(&series.name.replace('_', " ")),
        unit: series.unit.clone(),
        tracks: vec![Track {
            name: series.variant.clone(),
            colour: model.colour(&series.variant),
            points,
        }],
        levels: if series.instrument == "rss" {
            levels(case)
        } else {
            Vec::new()
        },
        boundaries,
        boundary_name: "blocks",
    }
}

fn axis_name(unit: &str) -> String {
    match unit {
        "ns" | "us" | "µs" | "ms" | "s" => "time".to_owned(),
        unit => unit.to_owned(),
    }
}

/// What the curve did: before, peak and after where they were recorded, else its ends.
fn moved(case: &Case<'_>, series: &Series) -> String {
    let name = words::capital(&series.name.replace('_', " "));
    let show = |v: f64| words::show(v, &series.unit);
    let levels = if series.instrument == "rss" {
        levels(case)
    } else {
        Vec::new()
    };
    if !levels.is_empty() {
        let said = |l: &Level| match l.name.as_str() {
            "peak" => format!("{} at peak", show(l.value)),
            name => format!("{} {name}", show(l.value)),
        };
        return format!(
            "{name}: {}",
            levels.iter().map(said).collect::<Vec<_>>().join(", ")
        );
    }
    match series.points.first().zip(series.points.last()) {
        Some(([_, first], [_, last])) if first == last => {
            format!("{name}: {} throughout", show(*last))
        }
        Some(([_, first], [_, last])) => {
            let [first, last] = format::bare_pair(*first, *last, &series.unit);
            format!("{name}: {first} to {last}")
        }
        None => name,
    }
}

fn levels(case: &Case<'_>) -> Vec<Level> {
    let names = [
        ("before", "rss/before_bytes"),
        ("peak", "rss/peak_bytes"),
        ("after", "rss/after_bytes"),
    ];
    let level = |(name, metric): (&str, &str)| {
        let value = case.head.get(metric)?.measured()?;
        Some(Level {
            name: name.to_owned(),
            value,
        })
    };
    names.into_iter().filter_map(level).collect()
}
