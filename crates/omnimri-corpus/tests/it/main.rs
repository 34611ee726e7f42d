//! Integration tests: miniatures of each layout, and the real sets where they are there.

mod deidentify;
mod miniatures;
mod real;
