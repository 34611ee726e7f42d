//! The vision-language model: encoder, connector, language model, dense decoder, learned reconstruction.
pub mod kernel;
