//! Why a number rose: functions behind instructions, allocation sites behind bytes and blocks.

use maud::{Markup, html};

use super::super::model::{Model, Workload};
use super::super::words;
use crate::format;
use crate::why::Cause;

/// A table per explained regression of the workload.
pub(super) fn render(model: &Model<'_>, workload: &Workload<'_>) -> Markup {
    let causes: Vec<&Cause> = model
        .cmp
        .causes
        .iter()
        .filter(|cause| cause.workload == workload.id)
        .collect();
    html! {
        @if !causes.is_empty() {
            h3 { "Why" }
            @for cause in causes { (table(cause)) }
        }
    }
}

fn table(cause: &Cause) -> Markup {
    let what = if cause.unit == "instructions" {
        "Function"
    } else {
        "Allocated at"
    };
    html! {
        p {
            strong { (words::metric(&cause.metric)) " " (words::glued(format::difference(cause.difference, &cause.unit))) }
            " " span .soft { bdi { (words::case(&cause.case())) } ", of which these make up " (words::share(cause.share())) "." }
        }
        table .metrics .causes role="table" aria-label={ "Causes: " (words::metric(&cause.metric)) " of " (words::case(&cause.case())) } {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { (what) }
                    th .num scope="col" role="columnheader" { "Difference" }
                    th .num scope="col" role="columnheader" { "Share" }
                    th scope="col" role="columnheader" { "What changed" }
                }
            }
            tbody role="rowgroup" {
                @for part in &cause.parts {
                    tr role="row" {
                        th scope="row" role="rowheader" { code { bdi { (part.name) } } }
                        td .num role="cell" { (words::glued(format::difference(part.difference, &cause.unit))) }
                        td .num role="cell" { (words::share(part.difference / cause.difference)) }
                        td .why role="cell" { bdi { (part.detail) } }
                    }
                }
            }
        }
    }
}
