//! Corrections of a result by named persons, as versions that supersede one another.
//!
//! In: the folder of a series with its prediction, and what a person says of it: findings accepted, rejected, renamed or added, and
//! a label map on the prediction's own grid. Out: one more version, never a changed one, and on request training data.
//!
//! Version 0 is the prediction. Every later one lies in `corrections/<series>/<number>/` of its job, written beside and renamed when
//! it is whole: a `version.json`, and a `segmentation.nii.gz` where labels were painted.
//!
//! - `version`: what a version says, and how changes lead from one to the next
//! - `store`: versions on disk; `mask`: label maps that were sent, and their grid
//! - `training`: a zip to train on, never to validate with; `routes`: HTTP

mod mask;
pub(crate) mod routes;
mod store;
mod training;
mod version;

#[cfg(test)]
mod tests;
