//! Derive macro for the Trace trait of exuvia-core.
