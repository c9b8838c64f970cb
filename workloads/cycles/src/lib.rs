//! Workloads on cycles.
