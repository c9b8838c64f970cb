//! `report.html`: one file that needs no network, no server and no JavaScript.
//!
//! ```text
//! model      the records, arranged by workload and case
//! banner     verdict, worst case, what did not vote, counts
//! compared   environment of both sides, differences first
//! results    one row per case, worst first, unchanged ones folded; the filter (cells: one cell)
//! questions  one panel per workload: variants side by side, scaling curves (panels: which)
//! peers      other heaps on the same work; trends: benchmarks over the kept runs
//! details    one fold per workload: every metric, heap by type, memory over time, leaks
//! method     what each metric is, how the verdict is made
//! figures    charts with unique ids, each with its values as a table
//! words      numbers and names; anchor: ids of deep links
//! ```
//!
//! The page shows what the comparison says and judges nothing itself. It holds text through maud, which
//! escapes it, and SVG from [`crate::chart`], which escapes it too; the content
//! security policy forbids everything but its own inline style, script and pictures.

mod anchor;
mod banner;
mod cells;
mod compared;
mod details;
mod figures;
mod method;
mod model;
mod panels;
mod peers;
mod questions;
mod results;
mod trends;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::beside::Beside;
use crate::chart;
use crate::compare::Comparison;
use crate::record::Record;
use figures::Figures;
use model::Model;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Renders the report of `head` against `base`.
///
/// The same input gives the same bytes. `cmp` must be the comparison of the two records.
pub fn render(head: &Record, base: Option<&Record>, cmp: &Comparison, beside: &Beside) -> String {
    let model = Model::new(head, base, cmp, beside);
    let figures = Figures::default();
    page(&model, &figures).into_string()
}

fn page(model: &Model<'_>, figures: &Figures) -> Markup {
    let title = format!(
        "{} · {}",
        words::gate(model.cmp.verdict),
        model.cmp.sentence()
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(style())) }
            }
            body {
                a .skip href="#results" { "Skip to the results" }
                (PreEscaped(SIGNS))
                (banner::render(model))
                main {
                    (compared::render(model))
                    (results::render(model, figures))
                    (questions::render(model, figures))
                    (peers::render(model, figures))
                    (details::render(model, figures))
                    (trends::render(model, figures))
                    (method::render())
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// The palette of the charts as variables, then the page's own rules.
fn style() -> String {
    format!(
        ":root{{{}}}@media (prefers-color-scheme:dark){{:root{{{}}}}}@media print{{:root{{{}}}}}{}{STYLE}",
        chart::variables(false),
        chart::variables(true),
        chart::variables(false),
        chart::classes()
    )
}

/// The shapes that stand beside verdict words, each different without its colour.
const SIGNS: &str = concat!(
    "<svg width=\"0\" height=\"0\" class=\"signs\" aria-hidden=\"true\"><defs>",
    "<symbol id=\"sign-regressed\" viewBox=\"0 0 16 16\"><path d=\"M8 2l6.5 12h-13z\"/></symbol>",
    "<symbol id=\"sign-improved\" viewBox=\"0 0 16 16\"><path d=\"M8 14L1.5 2h13z\"/></symbol>",
    "<symbol id=\"sign-unchanged\" viewBox=\"0 0 16 16\"><path d=\"M2 6.8h12v2.4H2z\"/></symbol>",
    "<symbol id=\"sign-unclear\" viewBox=\"0 0 16 16\"><path fill-rule=\"evenodd\" d=\"M8 0l8 8-8 8-8-8zm0 3L3 8l5 5 5-5z\"/></symbol>",
    "<symbol id=\"sign-missing\" viewBox=\"0 0 16 16\"><path fill-rule=\"evenodd\" d=\"M8 1a7 7 0 110 14A7 7 0 018 1zm0 2.2a4.8 4.8 0 100 9.6 4.8 4.8 0 000-9.6z\"/></symbol>",
    "<symbol id=\"sign-new\" viewBox=\"0 0 16 16\"><path d=\"M6.7 2h2.6v4.7H14v2.6H9.3V14H6.7V9.3H2V6.7h4.7z\"/></symbol>",
    "<symbol id=\"sign-pass\" viewBox=\"0 0 32 32\"><path fill-rule=\"evenodd\" d=\"M16 1a15 15 0 110 30 15 15 0 010-30zm7.2 9.1L13.6 19.7 9 15.1l-2.2 2.2 6.8 6.8 11.8-11.8z\"/></symbol>",
    "<symbol id=\"sign-fail\" viewBox=\"0 0 32 32\"><path fill-rule=\"evenodd\" d=\"M10 1h12l9 9v12l-9 9H10l-9-9V10zm1.2 8L9 11.2l4.8 4.8L9 20.8l2.2 2.2 4.8-4.8 4.8 4.8 2.2-2.2-4.8-4.8 4.8-4.8L20.800 9 16 13.8z\"/></symbol>",
    "<symbol id=\"sign-doubt\" viewBox=\"0 0 32 32\"><path fill-rule=\"evenodd\" d=\"M16 0l16 16-16 16L0 16zm0 5L5 16l11 11 11-11zm-1.600 4.500h3.200v8.500h-3.200zm0 10.500h3.200v3.200h-3.200z\"/></symbol>",
    "</defs></svg>"
);
