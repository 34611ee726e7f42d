//! The vision-language model: encoder, connector, language model, dense decoder, learned reconstruction.
//!
//! In: slices, k-space and questions. Out: masks, classes, text and reconstructed images.
//!
//! - `config`: sizes and presets; `error`: what can go wrong
//! - `kernel`: convolution and normalisation with hand-written gradients; `layers`: blocks made of them
//! - `encoder`, `decoder`, `heads`, `connector`, `language`, `unrolled`: the parts; `model`: the whole
//! - `task`: what masks can be asked for; `preprocess`: a volume to the network's grid and back
//! - `tokenizer`, `prompt`, `generate`: text; `sense`: encoding operators for the learned reconstruction
//! - `borrowed`: published language models (GGUF, Hugging Face) as the decoder
//! - `checkpoint`: a model on disk; `predict`: the model as the workflow uses it; `mirror`: a slice and its mirror image

pub mod borrowed;
pub mod checkpoint;
pub mod config;
pub mod connector;
pub mod decoder;
pub mod encoder;
pub mod error;
pub mod generate;
pub mod heads;
pub mod kernel;
pub mod language;
pub mod layers;
pub mod mirror;
pub mod model;
pub mod predict;
pub mod preprocess;
pub mod prompt;
pub mod sense;
pub mod task;
pub mod tokenizer;
pub mod unrolled;

pub use borrowed::Borrowed;
pub use checkpoint::{Checkpoint, CheckpointConfig, CheckpointFiles};
pub use config::ModelConfig;
pub use error::{Error, Result};
pub use model::{OmniMri, Seen};
pub use predict::{Answer, Look, Predictor};
pub use task::MaskTask;
pub use tokenizer::Tokenizer;
