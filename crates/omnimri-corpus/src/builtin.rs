//! The catalogue files that are built in: name of the file and its text.

/// Every file of `catalogue/`, listed by the build script; a test compares this list with the folder.
pub(crate) const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
