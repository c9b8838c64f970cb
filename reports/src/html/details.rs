//! Everything about one workload in one fold, reachable by a link of its own.

use maud::{Markup, html};

use super::figures::Figures;
use super::model::{Case, Model, Workload};
use super::words;
use crate::chart::{Caption, Chart, Level, Timeline, Track};
use crate::compare::{Row, RowVerdict};
use crate::format;
use crate::record::{LeakFinding, LeakVerdict, Measurement, Series, Status};

/// Most types of one case in the census table.
const MOST_TYPES: usize = 8;

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
                (findings(workload))
                h4 { "Measurements" }
                (metrics(model, workload))
                (census(workload))
                (timelines(model, figures, workload))
                (commands(model, workload))
            }
        }
    }
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
            h4 { "Data quality" }
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

/// What the leak detector found, worst first; clean verdicts in one line.
fn findings(workload: &Workload<'_>) -> Markup {
    let all = workload
        .cases
        .iter()
        .flat_map(|c| c.leaks.iter().map(move |l| (c, *l)));
    let (clean, mut rest): (Vec<_>, Vec<_>) =
        all.partition(|(_, l)| l.verdict == LeakVerdict::Clean);
    rest.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.verdict));
    html! {
        @if !(clean.is_empty() && rest.is_empty()) {
            h4 { "Leaks" }
            @for (case, finding) in &rest { (finding_block(case, finding)) }
            @if !clean.is_empty() {
                p .soft {
                    @for (i, (case, finding)) in clean.iter().enumerate() {
                        @if i > 0 { "; " }
                        bdi { (words::case(&case.key)) } ": " (words::leak(finding))
                    }
                    "."
                }
            }
        }
    }
}

fn finding_block(case: &Case<'_>, finding: &LeakFinding) -> Markup {
    let fields = [
        ("Class", finding.class.as_deref()),
        ("Type", finding.type_name.as_deref()),
        ("Allocated at", finding.site.as_deref()),
        ("Held by", finding.holder.as_deref()),
        ("Why", finding.reason.as_deref()),
        ("Fingerprint", finding.fingerprint.as_deref()),
    ];
    html! {
        div .finding-block {
            p {
                strong class=[(finding.verdict == LeakVerdict::Leak).then_some("worse")] { (words::leak(finding)) }
                " " span .soft { bdi { (words::case(&case.key)) } }
            }
            dl .facts {
                @for (name, value) in fields {
                    @if let Some(value) = value { dt { (name) } dd { bdi { (value) } } }
                }
            }
        }
    }
}

fn metrics(model: &Model<'_>, workload: &Workload<'_>) -> Markup {
    let class = if model.cmp.has_base {
        "metrics against"
    } else {
        "metrics alone"
    };
    let columns = if model.cmp.has_base { 7 } else { 4 };
    html! {
        table class=(class) role="table" aria-label="Measurements" {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Metric" }
                    @if model.cmp.has_base {
                        th .num scope="col" role="columnheader" { "Baseline" }
                        th .num scope="col" role="columnheader" { "This run" }
                        th .num scope="col" role="columnheader" { "Change" }
                        th .num scope="col" role="columnheader" { "Limit" }
                        th scope="col" role="columnheader" { "Verdict" }
                        th scope="col" role="columnheader" { "Why" }
                    } @else {
                        th .num scope="col" role="columnheader" { "Value" }
                        th .num scope="col" role="columnheader" { "Interval" }
                        th scope="col" role="columnheader" { "Note" }
                    }
                }
            }
            @for case in &workload.cases {
                tbody role="rowgroup" {
                    tr .case role="row" {
                        th colspan=(columns) scope="rowgroup" role="rowheader" { bdi { (words::case(&case.key)) } }
                    }
                    @if model.cmp.has_base {
                        @for row in &case.rows { (compared(row)) }
                    } @else {
                        @for m in case.head.values() { (single(m)) }
                    }
                }
            }
        }
    }
}

fn compared(row: &Row) -> Markup {
    let show = |v: Option<f64>, interval: Option<[f64; 2]>| {
        let text = v.map_or("–".to_owned(), |v| words::value(v, &row.unit, row.exact));
        let spread = v
            .filter(|_| !row.exact)
            .and_then(|v| words::spread(v, interval));
        html! { (text) @if let Some(s) = spread { span .sub { (words::plus_minus(s)) } } }
    };
    let class = match row.verdict {
        RowVerdict::Regressed if row.votes => "num worse",
        RowVerdict::Improved if row.votes => "num better",
        _ => "num",
    };
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { (words::metric(&row.metric)) }
            td .num role="cell" { (show(row.base, row.base_interval)) }
            td .num role="cell" { (show(row.head, row.head_interval)) }
            td class=(class) role="cell" { (words::change(row)) }
            td .num role="cell" { @if row.votes { (words::limit(row.limit, &row.unit)) } @else { span .soft { "no vote" } } }
            td role="cell" { @if row.votes { (words::badge(row.verdict)) } @else { span .soft { (row.verdict) } } }
            td .why role="cell" { (row.reason) }
        }
    }
}

fn single(m: &Measurement) -> Markup {
    let spread = m
        .measured()
        .filter(|_| !m.exact)
        .and_then(|v| words::spread(v, m.interval()));
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { (words::metric(&m.metric)) }
            td .num role="cell" {
                @match m.measured() {
                    Some(v) => (words::value(v, &m.unit, m.exact)),
                    None => span .gap { (status_word(m)) },
                }
            }
            td .num role="cell" {
                @match spread {
                    Some(s) => (words::plus_minus(s)),
                    None => span .soft { @if m.measured().is_some() { "exact" } @else { "–" } },
                }
            }
            td .why role="cell" { (m.reason.as_deref().unwrap_or_default()) }
        }
    }
}

fn status_word(m: &Measurement) -> &'static str {
    match m.status {
        Status::Failed => "failed",
        Status::Measured | Status::Missing => "not measured",
    }
}

/// Live objects by type, with the change where the baseline has them too.
fn census(workload: &Workload<'_>) -> Markup {
    let cases: Vec<&Case<'_>> = workload
        .cases
        .iter()
        .filter(|c| !c.census.is_empty())
        .collect();
    let with_base = cases.iter().any(|c| !c.base_census.is_empty());
    html! {
        @if !cases.is_empty() {
            h4 { "Heap by type" }
            p .soft { "Live objects at the end of the measured work, by bytes." }
            table .metrics .census role="table" aria-label="Heap by type" {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Type" }
                        th .num scope="col" role="columnheader" { "Objects" }
                        th .num scope="col" role="columnheader" { "Bytes" }
                        @if with_base {
                            th .num scope="col" role="columnheader" { "Objects added" }
                            th .num scope="col" role="columnheader" { "Bytes added" }
                        }
                    }
                }
                @for case in cases { (census_case(case, with_base)) }
            }
        }
    }
}

fn census_case(case: &Case<'_>, with_base: bool) -> Markup {
    let mut rows = case.census.clone();
    rows.sort_by(|a, b| {
        b.bytes
            .cmp(&a.bytes)
            .then_with(|| a.type_name.cmp(&b.type_name))
    });
    let added = |now: u64, before: u64| match i128::from(now) - i128::from(before) {
        0 => "0".to_owned(),
        n if n > 0 => format!("+{}", format::exact(n as f64)),
        n => format::exact(n as f64),
    };
    html! {
        tbody role="rowgroup" {
            tr .case role="row" {
                th colspan=(if with_base { 5 } else { 3 }) scope="rowgroup" role="rowheader" { bdi { (words::case(&case.key)) } }
            }
            @for row in rows.iter().take(MOST_TYPES) {
                @let before = case.base_census.iter().find(|b| b.type_name == row.type_name);
                tr role="row" {
                    th scope="row" role="rowheader" { bdi { (row.type_name) } }
                    td .num role="cell" { (words::count(row.objects)) }
                    td .num role="cell" { (words::count(row.bytes)) }
                    @if with_base {
                        td .num role="cell" { (added(row.objects, before.map_or(0, |b| b.objects))) }
                        td .num role="cell" { (added(row.bytes, before.map_or(0, |b| b.bytes))) }
                    }
                }
            }
            @if rows.len() > MOST_TYPES {
                tr role="row" { td .soft colspan=(if with_base { 5 } else { 3 }) role="cell" { (rows.len() - MOST_TYPES) " smaller types left out" } }
            }
        }
    }
}

fn timelines(model: &Model<'_>, figures: &Figures, workload: &Workload<'_>) -> Markup {
    let mut charts: Vec<Box<dyn Chart>> = Vec::new();
    for case in &workload.cases {
        for series in case.series.iter().filter(|s| !s.points.is_empty()) {
            charts.push(Box::new(timeline(model, case, series)));
        }
    }
    html! {
        @if !charts.is_empty() {
            h4 { "Over time" }
            (figures.gallery(&[charts]))
        }
    }
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
            title: moved(series),
            detail: detail.join("; "),
        },
        x_name: series.x_unit.clone(),
        x_unit: series.x_unit.clone(),
        y_name: series.name.clone(),
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
    }
}

/// What the curve did from its first to its last point.
fn moved(series: &Series) -> String {
    let mut name = series.name.clone();
    if let Some(first) = name.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    let ends = series.points.first().zip(series.points.last());
    let Some(([_, first], [_, last])) = ends else {
        return name;
    };
    let show = |v: f64| words::show(v, &series.unit);
    if first == last {
        format!("{name}: {} throughout", show(*last))
    } else {
        format!("{name}: {} to {}", show(*first), show(*last))
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

fn commands(model: &Model<'_>, workload: &Workload<'_>) -> Markup {
    let depth = match model.head.depth.to_string().as_str() {
        "quick" => " --quick",
        "full" => " --full",
        _ => "",
    };
    html! {
        h4 { "Commands" }
        dl .commands {
            dt { "Measure again" } dd { code { "exuvia run " (words::shell(workload.id)) (depth) } }
            @if model.cmp.has_base {
                dt { "Accept as the new baseline" } dd { code { "exuvia baseline accept" } }
            } @else {
                dt { "Keep as a baseline" } dd { code { "exuvia baseline save" } }
            }
        }
    }
}
