//! Workloads on generators.
