//! Run records, comparison, gate, plots and the HTML report of exuvia.
