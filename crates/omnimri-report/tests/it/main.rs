//! The written files: schema, escaping, pictures, and nothing half-written.

mod dicom;
mod formats;
mod made_up;
mod made_up_series;
mod schema;
mod written;
