//! The embedded nano checkpoint.
