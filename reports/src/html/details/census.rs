//! Live objects by type, after the comparison view of heap profilers: what was added.

use maud::{Markup, html};

use super::super::model::{Case, Workload};
use super::super::words;
use crate::format;

/// Most types of one case in the table.
const MOST_TYPES: usize = 8;

/// Live objects by type, with the change where the baseline has them too.
pub(super) fn render(workload: &Workload<'_>) -> Markup {
    let cases: Vec<&Case<'_>> = workload
        .cases
        .iter()
        .filter(|c| !c.census.is_empty())
        .collect();
    let with_base = cases.iter().any(|c| !c.base_census.is_empty());
    html! {
        @if !cases.is_empty() {
            h3 { "Heap by type" }
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
