//! Charts: plain structs in, themed SVG out, drawn by plotters.
//!
//! ```text
//! Bars, Curves, Timeline, Strips  what is drawn (data + caption), each a `Chart`
//!   axis, labels, text        furniture: ticks, direct labels, widths without a font
//!   scale                     ranges from the data, round ticks
//!   canvas                    logical pixels and data planes; refuses what does not fit
//!   backend, theme            plotters' elements as SVG with a CSS class per role
//! Chain                       a path of references as a small graph
//! Delta                       the small bar inside a table cell
//! ```
//!
//! What holds for every chart: no value is moved (a value that is not finite or lies outside its axis
//! is a [`ChartError`]); no text reaches over the edge, by an upper bound of its width; the same
//! drawing serves light, dark and print; a title and a description carry the key values, and
//! [`Figure::table`] carries all of them.

mod axis;
mod backend;
mod bars;
mod canvas;
mod chain;
mod curves;
mod delta;
mod error;
mod labels;
mod scale;
mod strips;
mod text;
mod theme;
mod timeline;

use crate::format;
use canvas::Canvas;

pub use bars::{Bar, Bars};
pub use canvas::WIDTH;
pub use chain::{Chain, Link};
pub use curves::{Curve, Curves, Point};
pub use delta::Delta;
pub use error::ChartError;
pub use scale::{LOG_FACTOR, Scale};
pub use strips::{Strip, Strips};
pub use theme::{Paint, SERIES, classes, variables};
pub use timeline::{Level, Timeline, Track};

/// A value as a label: scaled, with its unit unless it is a plain count.
fn show(value: f64, unit: &str) -> String {
    format::bare(value, unit).replace(' ', "\u{a0}")
}

/// A round value at an axis: as [`show`], without trailing zeros.
fn round(value: f64, unit: &str) -> String {
    let text = show(value, unit);
    let (number, rest) = text
        .split_once('\u{a0}')
        .map_or((text.as_str(), String::new()), |(number, unit)| {
            (number, format!("\u{a0}{unit}"))
        });
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{number}{rest}")
}

/// The words above a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caption {
    /// The question or the computed finding.
    pub title: String,
    /// Measure, statistic, number of samples, and what the interval is.
    pub detail: String,
}

/// The values of a chart as text.
#[derive(Debug, Clone, PartialEq)]
pub struct DataTable {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}

/// A drawn chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The words above it.
    pub caption: Caption,
    /// The picture.
    pub svg: String,
    /// Its values.
    pub table: DataTable,
}

/// Something that can be drawn; the one door between the page and the drawing library.
pub trait Chart {
    /// The words above the chart.
    fn caption(&self) -> &Caption;
    /// The key values in a sentence, for readers who do not see the picture.
    fn description(&self) -> String;
    /// Draws the picture.
    #[doc(hidden)]
    fn draw(&self) -> Result<Canvas, ChartError>;
    /// All values.
    fn table(&self) -> DataTable;
}

/// Draws `chart`; `id` must be unique in the page.
///
/// # Errors
/// [`ChartError`] when the data cannot be shown truthfully.
pub fn figure(chart: &dyn Chart, id: &str) -> Result<Figure, ChartError> {
    let caption = chart.caption().clone();
    let svg = chart
        .draw()?
        .finish("plot", id, &caption.title, &chart.description());
    Ok(Figure {
        caption,
        svg,
        table: chart.table(),
    })
}

/// Refuses an interval that does not contain its value.
fn check_interval(what: &str, value: f64, low: f64, high: f64) -> Result<(), ChartError> {
    if let Some(value) = [value, low, high].into_iter().find(|v| !v.is_finite()) {
        return Err(ChartError::NotFinite {
            what: what.to_owned(),
            value,
        });
    }
    if low > value || high < value {
        return Err(ChartError::BadInterval {
            what: what.to_owned(),
            value,
            low,
            high,
        });
    }
    Ok(())
}
