//! Run records, comparison, gate, plots and the HTML report of exuvia.

#![forbid(unsafe_code)]

pub mod chart;
