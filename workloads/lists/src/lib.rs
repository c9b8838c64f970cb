//! Workloads on lists.
