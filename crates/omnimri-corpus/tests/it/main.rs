//! Integration tests: miniatures of each layout, and the real sets where they are there.

mod layouts;
mod miniatures;
mod policies;
mod real;
