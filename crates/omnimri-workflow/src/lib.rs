//! From input to result: the one place that joins reading, reconstruction, model and report.
