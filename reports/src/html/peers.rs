//! The heap beside other heaps and CPython: who is fastest at what, by how much, and how sure that is.

use maud::{Markup, html};

use super::figures::Figures;
use super::model::Model;
use super::words;
use crate::chart::{Bar, Bars, Caption, Chart};
use crate::peers::{Estimate, OURS, PeerEntry, PeerLine, Peers};

/// Contestants in one picture: this heap and the best of the others; the table has all.
const MOST_BARS: usize = 7;

/// A table of all rows, and a picture of each below it.
pub(super) fn render(model: &Model<'_>, figures: &Figures) -> Markup {
    let Some(peers) = &model.beside.peers else {
        return html! {};
    };
    let charts: Vec<Box<dyn Chart>> = peers
        .lines
        .iter()
        .filter_map(|line| Some(Box::new(chart(peers, line)?) as Box<dyn Chart>))
        .collect();
    html! {
        section aria-labelledby="peers" {
            h2 #peers { "Beside other heaps" }
            p .lead {
                (summary(peers)) " Ratios are this heap over the best peer, below 1× is faster or smaller; medians of "
                (words::count(peers.repetitions)) " interleaved repetitions with the 95\u{a0}% interval. "
                "Measured by " code { "cargo exuvia peers" } ", which does not vote."
            }
            @for complaint in &peers.complaints { p .note { (words::sentence(complaint)) } }
            (table(peers))
            details .fold { summary { "A picture for each" } (figures.gallery(&[charts])) }
        }
    }
}

/// In how many rows this heap is ahead, beyond the interval where there is one.
fn summary(peers: &Peers) -> String {
    let against = |line: &PeerLine| line.best_entry().and_then(|entry| entry.ratio);
    let ratios: Vec<Estimate> = peers.lines.iter().filter_map(against).collect();
    let ahead = |ratio: &&Estimate| ratio.interval.map_or(ratio.median, |[_, high]| high) < 1.0;
    format!(
        "Ahead of the best peer in {} of {} rows.",
        ratios.iter().filter(ahead).count(),
        ratios.len()
    )
}

fn table(peers: &Peers) -> Markup {
    html! {
        table .answers .peers role="table" aria-label="This heap beside its peers" {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Work" }
                    th .num scope="col" role="columnheader" { "This heap" }
                    th .num scope="col" role="columnheader" { "Best peer" }
                    th .num scope="col" role="columnheader" { "Ratio" }
                }
            }
            tbody role="rowgroup" { @for line in &peers.lines { (row(line)) } }
        }
    }
}

fn row(line: &PeerLine) -> Markup {
    let ours = line.entry(OURS).and_then(|entry| entry.value);
    let best = line.best_entry();
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { bdi { (words::powers(&words::capital(&line.question))) } }
            td .num role="cell" { (value(line, ours)) }
            td .num role="cell" {
                (value(line, best.and_then(|entry| entry.value)))
                @if let Some(best) = best { span .sub { bdi { (best.peer) } } }
            }
            td .num role="cell" {
                @match best.and_then(|entry| entry.ratio) {
                    Some(ratio) => {
                        strong { (words::number(ratio.median)) "×" }
                        span .sub { (interval(ratio)) }
                    }
                    None => span .gap { "no peer does this" },
                }
            }
        }
    }
}

fn value(line: &PeerLine, value: Option<Estimate>) -> Markup {
    let (unit, _) = line.units();
    html! {
        @match value {
            Some(value) => (words::show(value.median, unit)),
            None => span .gap { "not measured" },
        }
    }
}

/// `0.62 to 0.66`.
fn interval(ratio: Estimate) -> String {
    match ratio.interval {
        Some([low, high]) => format!("{} to {}", words::number(low), words::number(high)),
        None => format!("{} repetitions are too few for an interval", ratio.n),
    }
}

/// The contestants of one row as bars, this heap in one colour and the others in another.
fn chart(peers: &Peers, line: &PeerLine) -> Option<Bars> {
    let (unit, per) = line.units();
    let mut measured: Vec<(&PeerEntry, Estimate)> = line
        .entries
        .iter()
        .filter_map(|entry| Some((entry, entry.value?)))
        .collect();
    // this heap first, then the best
    measured.sort_by(|(a, x), (b, y)| {
        (a.peer != OURS)
            .cmp(&(b.peer != OURS))
            .then(x.median.total_cmp(&y.median))
    });
    let left_out = measured.len().saturating_sub(MOST_BARS);
    let bars: Vec<Bar> = measured
        .iter()
        .take(MOST_BARS)
        .map(|(entry, value)| Bar {
            name: entry.peer.clone(),
            colour: usize::from(entry.peer != OURS),
            value: Ok(value.median),
            interval: value
                .interval
                .map(|[low, high]| (low.min(value.median), high.max(value.median))),
            base: None,
        })
        .collect();
    if bars.is_empty() {
        return None;
    }
    let mut detail = vec![format!(
        "per {per}, median of {} repetitions",
        peers.repetitions
    )];
    if left_out > 0 {
        detail.push(format!("{left_out} slower or larger left out"));
    }
    let ratio = line.best_entry().and_then(|entry| entry.ratio);
    let said = match (ratio, &line.best) {
        (Some(ratio), Some(best)) => format!(": {}× {best}", words::number(ratio.median)),
        _ => String::new(),
    };
    Some(Bars {
        caption: Caption {
            title: format!("{}{said}", words::capital(&line.question)),
            detail: detail.join(words::DOT),
        },
        unit: unit.to_owned(),
        bars,
    })
}
