//! Published language models as the decoder: GGUF files, and folders in the layout of Hugging Face (`config.json`,
//! `model.safetensors` or shards of it, `tokenizer.json`), of the Llama and Qwen2 families.
//!
//! In: a file or folder. Out: sizes, a tokenizer that has this program's special tokens too, and weights.
//!
//! Sources: the GGUF specification and block layouts of ggml (github.com/ggml-org/ggml, docs/gguf.md, src/ggml-quants.c); the
//! published `config.json` of SmolLM2 and Qwen2.5.
//!
//! - `gguf`: the container; `gguf_model`: the model in it; `blocks`: quantised blocks to numbers; `hugging_face`: the folder
//! - `vocabulary`: a tokenizer from a GGUF's tokens and merges

mod blocks;
mod gguf;
mod gguf_model;
mod hugging_face;
mod vocabulary;

use std::path::{Path, PathBuf};

use burn::prelude::*;

use crate::config::LanguageConfig;
use crate::error::{Error, Result};
use crate::language::LanguageModel;
use crate::tokenizer::Tokenizer;

pub use gguf::Gguf;
use hugging_face::HuggingFace;

/// Weights by the names of the published checkpoints, for example `model.layers.0.self_attn.q_proj.weight`.
pub(crate) trait Weights {
    /// A tensor in row-major order, linear layers as `[out, in]`.
    ///
    /// # Errors
    /// If it is missing, damaged or of another shape.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;

    /// True if there is a tensor of this name.
    fn has(&self, name: &str) -> bool;

    /// A tensor that nobody asked for.
    fn unused(&self) -> Option<String>;
}

/// A published language model, opened.
pub struct Borrowed {
    /// Sizes, with room for the special tokens of this program.
    pub config: LanguageConfig,
    /// Its tokenizer, with the special tokens of this program after its own.
    pub tokenizer: Tokenizer,
    path: PathBuf,
    /// Rows of the published embedding.
    rows: usize,
    weights: Box<dyn Weights>,
}

impl std::fmt::Debug for Borrowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Borrowed")
            .field("path", &self.path)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Borrowed {
    /// Opens a GGUF file or a Hugging Face folder; the weights are read by [`Self::load`].
    ///
    /// # Errors
    /// [`Error::Borrow`] where the file is damaged or of another family, [`Error::Read`], [`Error::Tokenizer`].
    pub fn open(path: &Path) -> Result<Self> {
        let (mut config, inner, weights): (_, _, Box<dyn Weights>) = if path.is_dir() {
            let folder = HuggingFace::open(path)?;
            (folder.config()?, folder.tokenizer()?, Box::new(folder))
        } else {
            let file = Gguf::open(path)?;
            let tokenizer = vocabulary::tokenizer(&file)?;
            (file.config()?, tokenizer, Box::new(file))
        };
        let rows = config.vocab_size;
        let tokenizer = Tokenizer::adopt(inner)?;
        config.vocab_size = rows.max(tokenizer.vocab_size());
        Ok(Self {
            config,
            tokenizer,
            path: path.to_owned(),
            rows,
            weights,
        })
    }

    /// Tokens of the published vocabulary; logits beyond are those of this program's special tokens.
    pub fn published_vocabulary(&self) -> usize {
        self.rows
    }

    /// Reads the weights onto `device`. Rows of the embedding that the file does not have begin as the mean of those it has.
    ///
    /// # Errors
    /// [`Error::Borrow`] for a tensor that is missing, damaged, of another shape, or of no use to the decoder.
    pub fn load(&mut self, device: &Device) -> Result<LanguageModel> {
        let model = LanguageModel::assemble(&self.config, self.rows, &mut *self.weights, device)?;
        match self.weights.unused() {
            None => Ok(model),
            Some(name) => Err(Error::Borrow {
                path: self.path.clone(),
                what: "tensors".into(),
                expected: "those of the Llama and Qwen2 families".into(),
                found: name,
            }),
        }
    }
}
