//! Workloads on instances.
