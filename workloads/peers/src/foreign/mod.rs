//! What has no safe form: CPython's C API, and malloc's own account.

pub(crate) mod malloc;
pub(crate) mod python;
