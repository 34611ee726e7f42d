//! Metrics, intervals and benchmarks.
