//! Why a chart was not drawn: a chart that cannot tell the truth is refused, never bent.

/// The reasons a chart is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChartError {
    /// NaN or an infinity was given where a measured value belongs.
    #[error(
        "{what} is {value}, which no axis can show: record a finite value or state why it is missing"
    )]
    NotFinite {
        /// What the value is, e.g. `slots at n = 1000`.
        what: String,
        /// The refused value.
        value: f64,
    },
    /// A value lies outside the range of its axis, so drawing it would move it.
    #[error(
        "{value} lies outside the axis from {low} to {high}: widen the range, values are never moved"
    )]
    OutOfRange {
        /// The refused value.
        value: f64,
        /// Lower end of the axis.
        low: f64,
        /// Upper end of the axis.
        high: f64,
    },
    /// An interval does not contain its own value.
    #[error("the interval {low} to {high} of {what} does not contain its value {value}")]
    BadInterval {
        /// What the value is.
        what: String,
        /// The value.
        value: f64,
        /// Lower end of the interval.
        low: f64,
        /// Upper end of the interval.
        high: f64,
    },
    /// There is nothing to draw.
    #[error("no value was measured, so there is nothing to draw")]
    Empty,
    /// A label would reach over the edge of the picture.
    #[error("the label {text:?} does not fit into the picture: shorten it before drawing")]
    TextOutside {
        /// The label.
        text: String,
    },
    /// The drawing library reported an error.
    #[error("the drawing library failed: {0}")]
    Drawing(String),
}
