//! Rebuilds real heaps and replays real allocation traces.
