//! The written files: schema, escaping, pictures, and nothing half-written.

mod made_up;
mod schema;
mod written;
