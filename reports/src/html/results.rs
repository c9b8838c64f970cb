//! One row per case, worst first; the unchanged ones are present and folded.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::cells;
use super::figures::Figures;
use super::model::{Case, Model, Workload};
use super::words;
use crate::compare::RowVerdict;

type Entry<'m, 'a> = (&'m Workload<'a>, &'m Case<'a>);

/// The section with its filter.
pub(super) fn render(model: &Model<'_>, figures: &Figures) -> Markup {
    let entries = sorted(model);
    let (open, folded): (Vec<_>, Vec<_>) = entries
        .iter()
        .partition(|(_, c)| stands_out(model, c) || entries.len() <= FEW);
    html! {
        section aria-labelledby="results" {
            h2 #results tabindex="-1" { "Results" @if model.cmp.has_base { ", worst first" } }
            @if entries.is_empty() {
                p .lead { "There is no result to show. Run " code { "cargo exuvia run" } " without a filter." }
            } @else {
                p .lead { (lead(model)) }
                (filter(model, entries.len()))
                @if open.is_empty() {
                    p .all-well { (all_well(model)) }
                } @else {
                    (table(model, figures, &open, "Benchmarks that stand out"))
                }
                @if !folded.is_empty() {
                    details #folded .fold {
                        summary { (words::count(folded.len() as u64)) @if model.cmp.has_base { " unchanged" } @else { " measured" } }
                        (table(model, figures, &folded, "The other benchmarks"))
                    }
                }
                p #nothing .gap hidden { "No benchmark matches this filter." }
            }
        }
    }
}

/// So few benchmarks are never folded.
const FEW: usize = 12;

/// What the reader must see: without a baseline everything is new, and only trouble stands out.
fn stands_out(model: &Model<'_>, case: &Case<'_>) -> bool {
    let calm = if model.cmp.has_base {
        RowVerdict::Unchanged
    } else {
        RowVerdict::New
    };
    case.leaks() || case.verdict() != calm
}

fn all_well(model: &Model<'_>) -> &'static str {
    if model.cmp.has_base {
        "Nothing moved beyond its limit."
    } else {
        "Everything that was planned was measured, and nothing leaks."
    }
}

fn sorted<'m, 'a>(model: &'m Model<'a>) -> Vec<Entry<'m, 'a>> {
    let pairs = model
        .workloads
        .iter()
        .flat_map(|w| w.cases.iter().map(move |c| (w, c)));
    let mut entries: Vec<Entry<'m, 'a>> = pairs.collect();
    if model.cmp.has_base {
        let size = |c: &Case<'_>| c.deciding().and_then(|r| r.change).map_or(0.0, f64::abs);
        entries.sort_by(|(_, a), (_, b)| {
            a.verdict()
                .cmp(&b.verdict())
                .then(size(b).total_cmp(&size(a)))
                .then_with(|| a.key.cmp(&b.key))
        });
    }
    entries
}

fn lead(model: &Model<'_>) -> Markup {
    html! {
        @if model.cmp.has_base {
            "Change against the baseline"
            @if !model.cmp.rows.iter().any(|r| r.votes && r.instrument == "time") {
                "; time is shown and does not vote"
            }
            ". Bars: zero in the middle, thin marks at the limit."
        } @else {
            "What this run measured. Without a baseline there is no change to show."
        }
    }
}

fn filter(model: &Model<'_>, all: usize) -> Markup {
    let groups: BTreeSet<&str> = model.workloads.iter().map(Workload::group).collect();
    html! {
        form #filter .filter role="search" aria-label="Filter the results" hidden {
            label { span { "Find" } input type="search" name="q" autocomplete="off"; }
            label { span { "Group" }
                select name="g" {
                    option value="" { "all" }
                    @for group in groups { option value=(group) { (group) } }
                }
            }
            @if model.cmp.has_base {
                label { span { "Verdict" }
                    select name="v" {
                        option value="" { "all" }
                        @for v in VERDICTS { option value=(v) { (words::verdict(v)) } }
                    }
                }
                label { span { "Moved" }
                    select name="m" {
                        option value="" { "anything" }
                        @for (value, name) in METRICS { option value=(value) { (name) } }
                    }
                }
            }
            output #shown aria-live="polite" { (all) " of " (all) " shown" }
        }
    }
}

const VERDICTS: [RowVerdict; 6] = [
    RowVerdict::Regressed,
    RowVerdict::Missing,
    RowVerdict::Unclear,
    RowVerdict::New,
    RowVerdict::Improved,
    RowVerdict::Unchanged,
];

const METRICS: [(&str, &str); 4] = [
    ("instructions", "instructions"),
    ("heap", "heap"),
    ("time", "time"),
    ("leaks", "leaks"),
];

fn table(model: &Model<'_>, figures: &Figures, entries: &[&Entry<'_, '_>], name: &str) -> Markup {
    let class = if model.cmp.has_base {
        "results against"
    } else {
        "results alone"
    };
    let reach = reach(model);
    html! {
        table class=(class) role="table" aria-label=(name) {
            thead role="rowgroup" {
                tr role="row" {
                    @for (key, name, is_number) in COLUMNS {
                        @if model.cmp.has_base || key != "v" {
                            th .num[is_number] scope="col" role="columnheader" { (sorter(key, name)) }
                        }
                    }
                }
            }
            tbody role="rowgroup" {
                @for (workload, case) in entries { (entry(model, figures, workload, case, reach)) }
            }
        }
    }
}

/// Key of the order in the address, name, and whether numbers stand in the column.
const COLUMNS: [(&str, &str, bool); 7] = [
    ("b", "Benchmark", false),
    ("v", "Verdict", false),
    ("i", "Instructions", true),
    ("t", "Time", true),
    ("p", "Peak heap", true),
    ("a", "Allocations", true),
    ("l", "Leaks", false),
];

/// The name of a column; the script turns it into a button that sorts.
fn sorter(key: &str, name: &str) -> Markup {
    html! { span .sorter data-s=(key) { (name) } }
}

/// The largest change of instructions: the full length of every bar in the column.
fn reach(model: &Model<'_>) -> f64 {
    let rows = model
        .cmp
        .rows
        .iter()
        .filter(|r| r.metric == cells::INSTRUCTIONS);
    let changes = rows
        .filter_map(|r| r.change)
        .map(f64::abs)
        .filter(|c| c.is_finite());
    changes.fold(0.0, f64::max)
}

fn entry(
    model: &Model<'_>,
    figures: &Figures,
    workload: &Workload<'_>,
    case: &Case<'_>,
    reach: f64,
) -> Markup {
    let verdict = case.verdict();
    html! {
        tr role="row" data-g=(workload.group()) data-v=[model.cmp.has_base.then_some(verdict)] data-m=[moved(model, case)] {
            th scope="row" role="rowheader" {
                a href={ "#" (workload.anchor) } { bdi { (workload.id) } }
                span .sub { bdi { (words::case(&case.key)) } }
            }
            @if model.cmp.has_base {
                td role="cell" { (words::badge(verdict)) (cells::because(case, verdict)) }
                td .num role="cell" data-n=[cells::key(case, &[cells::INSTRUCTIONS])] { (cells::against(case, &[cells::INSTRUCTIONS])) (cells::bar(figures, case, reach)) }
                td .num .soft role="cell" data-n=[cells::key(case, &[cells::TIME])] { (cells::time_against(case)) }
                td .num role="cell" data-n=[cells::key(case, &cells::PEAK)] { (cells::against(case, &cells::PEAK)) }
                td .num role="cell" data-n=[cells::key(case, &cells::BLOCKS)] { (cells::against(case, &cells::BLOCKS)) }
            } @else {
                td .num role="cell" data-n=[cells::key(case, &[cells::INSTRUCTIONS])] { (cells::alone(case, &[cells::INSTRUCTIONS])) }
                td .num role="cell" data-n=[cells::key(case, &[cells::TIME])] { (cells::time_alone(case)) }
                td .num role="cell" data-n=[cells::key(case, &cells::PEAK)] { (cells::alone(case, &cells::PEAK)) }
                td .num role="cell" data-n=[cells::key(case, &cells::BLOCKS)] { (cells::alone(case, &cells::BLOCKS)) }
            }
            td role="cell" { (cells::leak(case)) }
        }
    }
}

/// Instruments with a row that moved, for the filter.
fn moved(model: &Model<'_>, case: &Case<'_>) -> Option<String> {
    let moves = [RowVerdict::Regressed, RowVerdict::Improved];
    let rows = case.rows.iter().filter(|r| moves.contains(&r.verdict));
    let instruments: BTreeSet<&str> = rows.map(|r| r.instrument.as_str()).collect();
    let names: Vec<&str> = instruments.into_iter().collect();
    model.cmp.has_base.then(|| names.join(" "))
}
