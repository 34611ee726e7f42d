//! Integration tests: miniatures of each layout, and the real sets where they are there.

mod deidentify;
mod entries;
mod layouts;
mod miniatures;
mod policies;
mod real;
mod shards;
mod text;
