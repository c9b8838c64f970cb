//! The questions the workloads ask, each with its variants side by side.

use maud::{Markup, html};

use super::figures::Figures;
use super::model::{Model, Workload};
use super::panels;

/// One panel per workload, grouped by crate.
pub(super) fn render(model: &Model<'_>, figures: &Figures) -> Markup {
    html! {
        section aria-labelledby="questions" {
            h2 #questions { "Questions, side by side" }
            @if model.workloads.is_empty() {
                p .lead { "No workload was measured, so no question has an answer yet." }
            } @else {
                p .lead {
                    "What each workload asks, and what its variants cost. A variant keeps its colour everywhere; "
                    "× is against the smallest. Whiskers and bands are intervals."
                    @if model.cmp.has_base { " A thin grey bar is the baseline, where it differs." }
                 }
                @for (i, workload) in model.workloads.iter().enumerate() {
                    @if i == 0 || model.workloads[i - 1].group() != workload.group() {
                        h3 .group { bdi { (workload.group()) } }
                    }
                    (panel(model, figures, workload))
                }
            }
        }
    }
}

fn panel(model: &Model<'_>, figures: &Figures, workload: &Workload<'_>) -> Markup {
    let charts = [
        panels::bar_charts(model, workload),
        panels::curve_charts(model, workload),
    ];
    let question = workload
        .info
        .map(|i| i.question.trim())
        .filter(|q| !q.is_empty());
    html! {
        article .panel id={ "ask-" (workload.anchor) } {
            h4 { bdi { (question.unwrap_or(workload.id)) } }
            p .soft { a href={ "#" (workload.anchor) } { bdi { (workload.id) } } " – all numbers" }
            @if charts.iter().all(Vec::is_empty) {
                p .gap { "Nothing was measured for this workload. The reason stands with its numbers." }
            } @else {
                (figures.gallery(&charts))
            }
        }
    }
}
