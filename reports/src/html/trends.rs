//! Benchmarks over the kept runs, with the runs at which their level changed.

use maud::{Markup, html};

use super::figures::Figures;
use super::model::Model;
use super::words;
use crate::chart::{Caption, Chart, Timeline, Track};
use crate::format;
use crate::history::trend::Trend;

/// Pictures on the page; `exuvia history` has all.
const MOST: usize = 24;

/// Whether there is anything to show.
pub(super) fn shown(model: &Model<'_>) -> bool {
    !model.beside.trends.is_empty()
}

/// The trends that moved; those that did not are counted.
pub(super) fn render(model: &Model<'_>, figures: &Figures) -> Markup {
    if !shown(model) {
        return html! {};
    }
    let all = &model.beside.trends;
    let moved = model.beside.moved();
    let steps = all.iter().filter(|trend| !trend.steps.is_empty()).count();
    let charts: Vec<Box<dyn Chart>> = moved
        .iter()
        .take(MOST)
        .map(|trend| Box::new(chart(model, trend)) as Box<dyn Chart>)
        .collect();
    html! {
        section aria-labelledby="trends" {
            h2 #trends { "Trends" }
            p .lead {
                (format::plural(all.len() as u64, "benchmark")) " over the kept runs: "
                (steps) " with a step, " (moved.len() - steps) " that moved without one, "
                (all.len() - moved.len()) " always the same. "
                @if moved.len() > MOST { "The first " (MOST) " are drawn; " code { "cargo exuvia history" } " has all. " }
                "A step is where the level changed for good; a run on another machine or toolchain is a run like any other here."
            }
            (figures.gallery(&[charts]))
        }
    }
}

fn chart(model: &Model<'_>, trend: &Trend) -> Timeline {
    let track = &trend.track;
    let variant = model
        .workloads
        .iter()
        .flat_map(|workload| &workload.cases)
        .find(|case| case.key.to_string() == track.benchmark)
        .map(|case| case.key.variant.as_str());
    let points = track.points.iter().enumerate();
    let first_and_last = track.points.first().zip(track.points.last());
    let said = first_and_last.map_or_else(String::new, |(first, last)| {
        let [a, b] = format::bare_pair(first.value, last.value, &track.unit).map(words::glued);
        let change = words::glued(format::change(first.value, last.value, &track.unit));
        format!(": {a} to {b} ({change})")
    });
    let mut detail = vec![
        track.benchmark.clone(),
        words::glued(format::plural(track.points.len() as u64, "run")),
    ];
    detail.extend(trend.steps.iter().map(|step| {
        let point = &track.points[step.index];
        let commit: String = point
            .commit
            .as_deref()
            .unwrap_or("unknown")
            .chars()
            .take(10)
            .collect();
        let change = words::glued(format::change(step.before, step.after, &track.unit));
        format!("{change} at run {} (commit {commit})", step.index + 1)
    }));
    Timeline {
        caption: Caption {
            title: format!("{}{said}", words::metric(&track.metric)),
            detail: detail.join(words::DOT),
        },
        x_name: "run".to_owned(),
        x_unit: String::new(),
        y_name: words::metric(&track.metric),
        unit: track.unit.clone(),
        tracks: vec![Track {
            name: variant.unwrap_or("this benchmark").to_owned(),
            colour: variant.map_or(0, |variant| model.colour(variant)),
            points: points.map(|(i, p)| ((i + 1) as f64, p.value)).collect(),
        }],
        levels: Vec::new(),
        boundaries: trend.steps.iter().map(|s| (s.index + 1) as f64).collect(),
        boundary_name: "steps",
    }
}
