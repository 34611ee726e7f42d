//! The four training stages on one step-based loop.
