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
                (in_short(model))
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

/// The answers of all workloads in one table, each with the way to its charts.
fn in_short(model: &Model<'_>) -> Markup {
    let answers: Vec<_> = model
        .workloads
        .iter()
        .filter(|w| w.variants.len() > 1)
        .map(|w| (w, panels::answers(model, w)))
        .collect();
    html! {
        @if !answers.is_empty() && answers.len() <= MOST_ANSWERS {
            table .answers role="table" aria-label="The answers in short" {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Question" }
                        th scope="col" role="columnheader" { "Memory" }
                        th scope="col" role="columnheader" { "Instructions" }
                        th scope="col" role="columnheader" { "Time" }
                    }
                }
                tbody role="rowgroup" {
                    @for (workload, [memory, instructions, time]) in &answers {
                        tr role="row" {
                            th scope="row" role="rowheader" {
                                a href={ "#ask-" (workload.anchor) } { bdi { (question(workload)) } }
                                @if answers.iter().filter(|(other, _)| question(other) == question(workload)).count() > 1 {
                                    span .sub { bdi { (workload.id) } }
                                }
                            }
                            td role="cell" { (answer(memory.as_ref(), true)) }
                            td role="cell" { (answer(instructions.as_ref(), false)) }
                            td role="cell" { (answer(time.as_ref(), false)) }
                        }
                    }
                }
            }
        }
    }
}

/// More answers than this are no summary.
const MOST_ANSWERS: usize = 60;

fn answer(answer: Option<&(String, String)>, with_name: bool) -> Markup {
    html! {
        @match answer {
            Some((name, said)) => { bdi { (said) } @if with_name { span .sub { (name) } } }
            None => span .gap { "not measured" },
        }
    }
}

fn question<'a>(workload: &Workload<'a>) -> &'a str {
    let asked = workload.info.map(|i| i.question.trim());
    asked.filter(|q| !q.is_empty()).unwrap_or(workload.id)
}

fn panel(model: &Model<'_>, figures: &Figures, workload: &Workload<'_>) -> Markup {
    let charts = [
        panels::bar_charts(model, workload),
        panels::curve_charts(model, workload),
    ];
    html! {
        article .panel id={ "ask-" (workload.anchor) } {
            h4 { bdi { (question(workload)) } }
            p .soft { a href={ "#" (workload.anchor) } { bdi { (workload.id) } } " – all numbers" }
            @if charts.iter().all(Vec::is_empty) {
                p .gap { "Nothing was measured for this workload. The reason stands with its numbers." }
            } @else {
                (figures.gallery(&charts))
            }
        }
    }
}
