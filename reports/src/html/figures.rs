//! Charts on the page: unique ids, a caption, the values as a table nearby, and a labelled gap
//! where a chart cannot be drawn truthfully.

use std::cell::Cell;

use maud::{Markup, PreEscaped, html};

use super::words;
use crate::chart::{self, Chart, DataTable, Delta};

/// A table with more columns takes the whole width.
const MOST_COLUMNS: usize = 4;

/// Hands out ids and collects the tables of the charts of one panel.
#[derive(Default)]
pub(super) struct Figures {
    drawn: Cell<u32>,
}

impl Figures {
    fn next_id(&self) -> String {
        self.drawn.set(self.drawn.get() + 1);
        format!("p{}", self.drawn.get())
    }

    /// Rows of charts with one fold that holds all their values.
    pub(super) fn gallery(&self, rows: &[Vec<Box<dyn Chart>>]) -> Markup {
        let all = || rows.iter().flatten();
        html! {
            @for row in rows.iter().filter(|r| !r.is_empty()) {
                div .gallery { @for chart in row { (self.figure(chart.as_ref())) } }
            }
            @if all().next().is_some() {
                details .values {
                    summary { "Values as a table" }
                    div .tables {
                        @for chart in all() { (values(&chart.caption().title, &chart.table())) }
                    }
                }
            }
        }
    }

    fn figure(&self, chart: &dyn Chart) -> Markup {
        html! {
            figure {
                figcaption {
                    span .finding { bdi { (words::powers(&chart.caption().title)) } }
                    span .detail { (chart.caption().detail) }
                }
                @match chart::figure(chart, &self.next_id()) {
                    Ok(figure) => (PreEscaped(&figure.svg)),
                    Err(error) => p .gap { "Not drawn: " (error) },
                }
            }
        }
    }

    /// The small bar of a table cell; nothing when it cannot be drawn.
    pub(super) fn delta(&self, delta: &Delta) -> Markup {
        match delta.svg(&self.next_id()) {
            Ok(svg) => PreEscaped(svg),
            Err(_) => html! {},
        }
    }
}

fn values(title: &str, table: &DataTable) -> Markup {
    let wide = (table.columns.len() > MOST_COLUMNS).then_some("wide");
    html! {
        div class=[wide] {
            // above what scrolls, so that it is read whole
            p .title { bdi { (words::powers(title)) } }
            div .scroll tabindex="0" role="group" aria-label=(title) { table .plain aria-label=(title) {
                thead { tr { @for name in &table.columns { th scope="col" { (name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (i, cell) in row.iter().enumerate() {
                                @if i == 0 { th scope="row" { bdi { (cell) } } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            } }
        }
    }
}
