//! The first screen: the gate's word, the worst case, what did not vote, the counts.

use maud::{Markup, html};

use super::model::Model;
use super::words;
use crate::compare::{Comparison, Row, RowVerdict, Verdict};

/// The header with the banner.
pub(super) fn render(model: &Model<'_>) -> Markup {
    let cmp = model.cmp;
    let (class, sign) = match cmp.verdict {
        Verdict::Pass if !cmp.has_base => ("neutral", "pass"),
        Verdict::Pass => ("pass", "pass"),
        Verdict::Fail => ("fail", "fail"),
        Verdict::Unclear => ("doubt", "doubt"),
    };
    html! {
        header class={ "top " (class) } {
            div .page {
                div .bar {
                    p .brand { "Exuvia " span { "report" } }
                    nav aria-label="Sections" {
                        a href="#results" { "Results" }
                        a href="#questions" { "Questions" }
                        a href="#details" { "Details" }
                        @if super::trends::shown(model) { a href="#trends" { "Trends" } }
                        @if model.beside.peers.is_some() { a href="#peers" { "Peers" } }
                        a href="#method" { "Method" }
                    }
                }
                div .verdict {
                    (words::sign(sign))
                    h1 { (cmp.sentence()) }
                }
                @if let Some(row) = cmp.worst_row() { (worst(model, row)) }
                @for note in &cmp.notes { p .note { (words::sentence(note)) } }
                (advice(model))
                (counts(cmp))
            }
        }
    }
}

fn worst(model: &Model<'_>, row: &Row) -> Markup {
    let anchor = model
        .workload(&row.workload)
        .map(|w| w.anchor.as_str())
        .unwrap_or("details");
    html! {
        p .worst {
            "Worst: " a href={ "#" (anchor) } { bdi { (row.workload) } }
            " " span .soft { "(" bdi { (words::case(&row.case())) } ")" } ". "
            (worst_sentence(row))
            @if let Some(part) = model.cmp.causes.iter().find(|c| c.case() == row.case() && c.metric == row.metric).and_then(|c| c.parts.first()) {
                " Mostly " code { bdi { (part.name) } } "."
            }
        }
    }
}

fn worst_sentence(row: &Row) -> Markup {
    let metric = words::metric(&row.metric);
    html! {
        @if row.verdict == RowVerdict::Regressed && row.change.is_some() {
            strong { (metric) " " (words::change(row)) }
            ", limit " (words::limit(row.limit, &row.unit)) "."
        } @else {
            strong { (metric) } ": " (words::marked(&row.reason)) "."
        }
    }
}

/// What to do when there is nothing at all; a missing baseline is one of the notes.
fn advice(model: &Model<'_>) -> Markup {
    html! {
        @if model.cmp.counts.benchmarks == 0 {
            p .note {
                "No case matched, or no instrument ran. " code { "cargo exuvia list" }
                " shows what there is, " code { "cargo exuvia doctor" } " what is missing on this machine."
            }
        }
    }
}

fn counts(cmp: &Comparison) -> Markup {
    let tally = cmp.counts.by_benchmark;
    let leaking = ("leaking", cmp.counts.leaks, "v-regressed");
    let all = if cmp.has_base {
        vec![
            ("regressed", tally.regressed, "v-regressed"),
            ("improved", tally.improved, "v-improved"),
            ("unchanged", tally.unchanged, ""),
            ("unclear", tally.unclear, "v-unclear"),
            ("missing", tally.missing, "v-missing"),
            ("new", tally.new, ""),
            leaking,
        ]
    } else {
        vec![
            ("measured", cmp.counts.benchmarks - tally.missing, ""),
            ("missing", tally.missing, "v-missing"),
            leaking,
        ]
    };
    html! {
        dl .counts {
            @for (name, count, class) in all {
                div class=(if count > 0 { class } else { "zero" }) {
                    dt { (name) }
                    dd { (words::count(count)) }
                }
            }
        }
    }
}
