//! Everything about one workload in one fold, reachable by a link of its own.

mod causes;
mod census;
mod leaks;
mod numbers;
mod samples;
mod timelines;

use maud::{Markup, html};

use super::figures::Figures;
use super::model::{Case, Model, Workload};
use super::words;
use crate::compare::RowVerdict;
use crate::record::{Measurement, Status};

/// An estimate with a wider interval than this is called noisy.
const NOISY: f64 = 0.05;

/// The section with a fold per workload; what regressed or leaks stands open.
pub(super) fn render(model: &Model<'_>, figures: &Figures) -> Markup {
    html! {
        section aria-labelledby="details" {
            h2 #details { "Every number" }
            @if model.workloads.is_empty() {
                p .lead { "There are no numbers yet." }
            } @else {
                p .lead { "One fold per workload; each has a link of its own that stays the same from run to run." }
                @for workload in &model.workloads { (fold(model, figures, workload)) }
            }
        }
    }
}

fn fold(model: &Model<'_>, figures: &Figures, workload: &Workload<'_>) -> Markup {
    let leaks = workload.cases.iter().any(Case::leaks);
    let verdict = workload.verdict().filter(|_| model.cmp.has_base);
    let open = leaks || verdict == Some(RowVerdict::Regressed);
    html! {
        details .bench id=(workload.anchor) open[open] {
            summary {
                span .name { bdi { (workload.id) } }
                @if let Some(verdict) = verdict { (words::badge(verdict)) }
                @else if leaks { span .worse { "leaks" } }
            }
            div .body {
                @if let Some(info) = workload.info {
                    @if !info.question.is_empty() { p .ask { bdi { (info.question) } } }
                }
                p .soft {
                    a href={ "#ask-" (workload.anchor) } { "Side by side" }
                    " · " a href={ "#" (workload.anchor) } { "Link to this workload" }
                }
                (notes(workload))
                (causes::render(model, workload))
                (leaks::render(figures, workload))
                h3 { "Measurements" }
                (numbers::render(model, workload))
                (census::render(workload))
                @if has_curves(model, workload) {
                    (samples::render(model, figures, workload))
                    (timelines::render(model, figures, workload))
                } @else {
                    p .soft { "Samples and curves over time are drawn for workloads that moved: this report has more than " (MANY) " benchmarks." }
                }
                (commands(model, workload))
            }
        }
    }
}

/// In a report of more benchmarks only those that moved have curves, so that it opens in time.
const MANY: usize = 400;

fn has_curves(model: &Model<'_>, workload: &Workload<'_>) -> bool {
    let all: usize = model.workloads.iter().map(|w| w.cases.len()).sum();
    let still = [Some(RowVerdict::Unchanged), Some(RowVerdict::New), None];
    all <= MANY
        || workload.cases.iter().any(Case::leaks)
        || !still.contains(&workload.verdict().filter(|_| model.cmp.has_base))
}

/// What the reader must know before believing the numbers.
fn notes(workload: &Workload<'_>) -> Markup {
    let mut notes = Vec::new();
    for case in &workload.cases {
        for m in case.head.values() {
            notes.extend(quality(m).map(|n| (words::case(&case.key), n)));
        }
    }
    html! {
        @if !notes.is_empty() {
            h3 { "Data quality" }
            ul .notes {
                @for (case, note) in merge(notes) { li { bdi { (case) } ": " (note) } }
            }
        }
    }
}

fn quality(m: &Measurement) -> Option<String> {
    let name = words::metric(&m.metric);
    match (m.status, m.measured(), &m.reason) {
        (Status::Failed, _, reason) => Some(format!(
            "{name} failed: {}",
            reason.as_deref().unwrap_or("no reason recorded")
        )),
        (Status::Missing, _, reason) => Some(format!(
            "{name} not measured: {}",
            reason.as_deref().unwrap_or("no reason recorded")
        )),
        (Status::Measured, Some(value), reason) => {
            let wide = words::spread(value, m.interval()).filter(|s| !m.exact && *s > NOISY);
            let noisy = wide.map(|s| format!("{name} is noisy, {}", words::plus_minus(s)));
            noisy.or_else(|| reason.as_ref().map(|r| format!("{name}: {r}")))
        }
        _ => None,
    }
}

/// Equal notes of several cases become one.
fn merge(notes: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut merged: Vec<(Vec<String>, String)> = Vec::new();
    for (case, note) in notes {
        match merged.iter_mut().find(|(_, n)| *n == note) {
            Some((cases, _)) if cases.contains(&case) => {}
            Some((cases, _)) => cases.push(case),
            None => merged.push((vec![case], note)),
        }
    }
    let name = |cases: Vec<String>| match cases.len() {
        0..=3 => cases.join("; "),
        n => format!("{}; {} and {} more", cases[0], cases[1], n - 2),
    };
    merged
        .into_iter()
        .map(|(cases, note)| (name(cases), note))
        .collect()
}

fn commands(model: &Model<'_>, workload: &Workload<'_>) -> Markup {
    let depth = match model.head.depth.to_string().as_str() {
        "quick" => " --quick",
        "full" => " --full",
        _ => "",
    };
    html! {
        h3 { "Commands" }
        dl .commands {
            dt { "Measure again" } dd { code { "cargo exuvia run " (words::shell(workload.id)) (depth) } }
            @if model.cmp.has_base {
                dt { "Accept as the new baseline" } dd { code { "cargo exuvia baseline accept" } }
            } @else {
                dt { "Keep as a baseline" } dd { code { "cargo exuvia baseline save" } }
            }
        }
    }
}
