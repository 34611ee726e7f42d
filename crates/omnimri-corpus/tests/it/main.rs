//! Integration tests: miniatures of each layout, and the real sets where they are there.

mod miniatures;
mod real;
mod shards;
