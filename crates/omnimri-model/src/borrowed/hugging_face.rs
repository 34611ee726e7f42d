//! A folder in the layout of Hugging Face: `config.json`, `model.safetensors` (or `model.safetensors.index.json` and what it
//! names), `tokenizer.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::Weights;
use crate::config::LanguageConfig;
use crate::error::{Error, Result};

/// One file of weights.
const WHOLE: &str = "model.safetensors";
/// The list of several.
const INDEX: &str = "model.safetensors.index.json";

/// An open folder.
#[derive(Debug)]
pub struct HuggingFace {
    dir: PathBuf,
    config: Value,
    /// File of every tensor.
    places: BTreeMap<String, String>,
    /// The file that was read last, and its bytes.
    loaded: Option<(String, Vec<u8>)>,
    asked: BTreeSet<String>,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.into(),
        source,
    })
}

fn json(path: &Path) -> Result<Value> {
    serde_json::from_slice(&read(path)?).map_err(|source| Error::Json {
        name: path.display().to_string(),
        source,
    })
}

impl HuggingFace {
    /// Opens a folder: its configuration and the names of its tensors.
    ///
    /// # Errors
    /// [`Error::Read`] for a missing file, [`Error::Borrow`] for a damaged one.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut folder = Self {
            dir: dir.into(),
            config: json(&dir.join("config.json"))?,
            places: BTreeMap::new(),
            loaded: None,
            asked: BTreeSet::new(),
        };
        if dir.join(INDEX).is_file() {
            let index = json(&dir.join(INDEX))?;
            let map = index.get("weight_map").and_then(Value::as_object);
            for (name, file) in map.into_iter().flatten() {
                let file = file.as_str().unwrap_or_default();
                let plain = Path::new(file).file_name().is_some_and(|n| n == file);
                if !plain {
                    return Err(folder.bad(INDEX, "names of files of the folder", file));
                }
                folder.places.insert(name.clone(), file.to_owned());
            }
        } else {
            let bytes = read(&dir.join(WHOLE))?;
            let tensors = parse(&folder, WHOLE, &bytes)?;
            let names = tensors
                .names()
                .into_iter()
                .map(|n| (n.to_owned(), WHOLE.to_owned()));
            folder.places = names.collect();
            folder.loaded = Some((WHOLE.to_owned(), bytes));
        }
        Ok(folder)
    }

    fn bad(&self, what: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Borrow {
            path: self.dir.clone(),
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Tokenizer`].
    pub fn tokenizer(&self) -> Result<tokenizers::Tokenizer> {
        let bytes = read(&self.dir.join("tokenizer.json"))?;
        tokenizers::Tokenizer::from_bytes(bytes).map_err(Error::Tokenizer)
    }

    /// Sizes of the language model.
    ///
    /// # Errors
    /// [`Error::Borrow`] for another family, a missing size, or positions scaled in a way that the decoder does not know.
    pub fn config(&self) -> Result<LanguageConfig> {
        let c = &self.config;
        let kind = c
            .get("model_type")
            .and_then(Value::as_str)
            .unwrap_or("none");
        if kind != "llama" && kind != "qwen2" {
            return Err(self.bad("config.json: model_type", "llama or qwen2", kind));
        }
        let whole = |name: &str| {
            let value = c.get(name).and_then(Value::as_u64);
            value
                .filter(|v| (1..1 << 24).contains(v))
                .map(|v| v as usize)
                .ok_or_else(|| {
                    let found = format!("{:?}", c.get(name));
                    self.bad(&format!("config.json: {name}"), "1 to 16777215", found)
                })
        };
        // Newer files keep both in one object.
        let rope = c.get("rope_parameters").filter(|r| r.is_object());
        let scaling = rope
            .or_else(|| c.get("rope_scaling"))
            .and_then(|r| r.get("rope_type").or_else(|| r.get("type")))
            .and_then(Value::as_str)
            .unwrap_or("default");
        if scaling != "default" {
            return Err(self.bad("config.json: rope type", "default", scaling));
        }
        let theta = rope
            .and_then(|r| r.get("rope_theta"))
            .or_else(|| c.get("rope_theta"));
        let real = |value: Option<&Value>, otherwise: f64| {
            let value = value.and_then(Value::as_f64).unwrap_or(otherwise);
            if value > 0.0 && value.is_finite() {
                Ok(value)
            } else {
                Err(self.bad("config.json", "a positive number", value.to_string()))
            }
        };
        let truth = |name: &str| c.get(name).and_then(Value::as_bool).unwrap_or(false);
        if truth("use_sliding_window") || truth("mlp_bias") {
            return Err(self.bad("config.json", "whole attention, no mlp_bias", "one of them"));
        }
        let (hidden_size, heads) = (whole("hidden_size")?, whole("num_attention_heads")?);
        if let Some(width) = c.get("head_dim").and_then(Value::as_u64)
            && usize::try_from(width).ok() != hidden_size.checked_div(heads)
        {
            return Err(self.bad(
                "config.json: head_dim",
                "hidden_size / num_attention_heads",
                width.to_string(),
            ));
        }
        Ok(LanguageConfig {
            vocab_size: whole("vocab_size")?,
            hidden_size,
            intermediate_size: whole("intermediate_size")?,
            num_hidden_layers: whole("num_hidden_layers")?,
            num_attention_heads: heads,
            num_key_value_heads: match c.get("num_key_value_heads") {
                None | Some(Value::Null) => heads,
                Some(_) => whole("num_key_value_heads")?,
            },
            max_position_embeddings: whole("max_position_embeddings")?,
            rope_theta: real(theta, 10_000.0)?,
            rms_norm_eps: real(c.get("rms_norm_eps"), 1e-6)?,
            attention_bias: kind == "qwen2" || truth("attention_bias"),
            tie_word_embeddings: truth("tie_word_embeddings"),
        })
    }
}

/// Parsed by the reference implementation, which refuses headers that lie about sizes.
fn parse<'a>(folder: &HuggingFace, file: &str, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|e| folder.bad(file, "safetensors", e.to_string()))
}

impl Weights for HuggingFace {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(file) = self.places.get(name).cloned() else {
            return Err(self.bad(name, format!("a tensor of {shape:?}"), "none"));
        };
        // Tensors are asked for in the order of the layers, so that one file of several stays for long.
        let bytes = match self.loaded.take() {
            Some((at, bytes)) if at == file => bytes,
            _ => read(&self.dir.join(&file))?,
        };
        let out = numbers(self, &file, &bytes, name, shape)?;
        self.loaded = Some((file, bytes));
        self.asked.insert(name.to_owned());
        Ok(out)
    }

    fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn unused(&self) -> Option<String> {
        // A copy of the tied embedding is no weight of its own, nor are the buffers of older files.
        let tied = self.config.get("tie_word_embeddings") == Some(&Value::Bool(true));
        let ours = |n: &&String| {
            !(self.asked.contains(*n)
                || (tied && n.as_str() == "lm_head.weight")
                || n.ends_with("rotary_emb.inv_freq"))
        };
        self.places.keys().find(ours).cloned()
    }
}

fn numbers(
    folder: &HuggingFace,
    file: &str,
    bytes: &[u8],
    name: &str,
    shape: &[usize],
) -> Result<Vec<f32>> {
    let tensors = parse(folder, file, bytes)?;
    let tensor = tensors
        .tensor(name)
        .map_err(|e| folder.bad(name, format!("a tensor in {file}"), e.to_string()))?;
    if tensor.shape() != shape {
        let found = format!("{:?}", tensor.shape());
        return Err(folder.bad(name, format!("{shape:?}"), found));
    }
    let data = tensor.data();
    Ok(match tensor.dtype() {
        Dtype::F32 => {
            let words = data.chunks_exact(4);
            words
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect()
        }
        Dtype::F16 => {
            let words = data.chunks_exact(2);
            words
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect()
        }
        Dtype::BF16 => {
            let words = data.chunks_exact(2);
            words
                .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect()
        }
        other => return Err(folder.bad(name, "F32, F16 or BF16", format!("{other:?}"))),
    })
}
