//! A language model in a GGUF: its sizes, and its tensors under their published names.

use std::io::{Read, Seek, SeekFrom};

use super::Weights;
use super::gguf::{Gguf, Value};
use crate::config::LanguageConfig;
use crate::error::{Error, Result};

impl Gguf {
    fn architecture(&self) -> Result<&str> {
        match self.get("general.architecture") {
            Some(Value::Text(name)) if name == "llama" || name == "qwen2" => Ok(name),
            other => Err(self.bad(
                "general.architecture",
                "llama or qwen2",
                format!("{other:?}"),
            )),
        }
    }

    /// Sizes of the language model.
    ///
    /// # Errors
    /// [`Error::Borrow`] for another family, a missing size, or positions scaled in a way that the decoder does not know.
    pub fn config(&self) -> Result<LanguageConfig> {
        let arch = self.architecture()?;
        let key = |name: &str| format!("{arch}.{name}");
        let whole = |name: &str| match self.get(&key(name)) {
            Some(Value::Whole(v)) if (1..1 << 24).contains(v) => Ok(*v as usize),
            other => Err(self.bad(&key(name), "1 to 16777215", format!("{other:?}"))),
        };
        let real = |name: &str, otherwise: f64| match self.get(&key(name)) {
            None => Ok(otherwise),
            Some(Value::Real(v)) if *v > 0.0 && v.is_finite() => Ok(*v),
            other => Err(self.bad(&key(name), "a positive number", format!("{other:?}"))),
        };
        if let Some(Value::Text(kind)) = self.get(&key("rope.scaling.type"))
            && kind != "none"
        {
            return Err(self.bad(&key("rope.scaling.type"), "none", kind.clone()));
        }
        let (hidden_size, heads) = (whole("embedding_length")?, whole("attention.head_count")?);
        for name in [
            "attention.key_length",
            "attention.value_length",
            "rope.dimension_count",
        ] {
            if let Some(Value::Whole(v)) = self.get(&key(name))
                && usize::try_from(*v).ok() != hidden_size.checked_div(heads)
            {
                return Err(self.bad(&key(name), "embedding_length / head_count", v.to_string()));
            }
        }
        let rows = self
            .tensors
            .get("token_embd.weight")
            .and_then(|t| t.shape.first());
        let Some(&vocab_size) = rows else {
            return Err(self.bad("token_embd.weight", "a matrix", "none"));
        };
        let kv = match self.get(&key("attention.head_count_kv")) {
            None => heads,
            Some(_) => whole("attention.head_count_kv")?,
        };
        Ok(LanguageConfig {
            vocab_size,
            hidden_size,
            intermediate_size: whole("feed_forward_length")?,
            num_hidden_layers: whole("block_count")?,
            num_attention_heads: heads,
            num_key_value_heads: kv,
            max_position_embeddings: whole("context_length")?,
            rope_theta: real("rope.freq_base", 10_000.0)?,
            // Stored as a single: 1e-5 comes back with its rounding, which is part of the published model.
            rms_norm_eps: real("attention.layer_norm_rms_epsilon", 1e-5)?,
            attention_bias: self.tensors.contains_key("blk.0.attn_q.bias"),
            tie_word_embeddings: !self.tensors.contains_key("output.weight"),
        })
    }
}

/// The name in GGUF of a published name.
fn gguf_name(name: &str) -> String {
    const PARTS: [(&str, &str); 9] = [
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    match name {
        "model.embed_tokens.weight" => return "token_embd.weight".into(),
        "model.norm.weight" => return "output_norm.weight".into(),
        "lm_head.weight" => return "output.weight".into(),
        _ => {}
    }
    let mut out = name.replacen("model.layers.", "blk.", 1);
    for (theirs, ours) in PARTS {
        out = out.replacen(theirs, ours, 1);
    }
    out
}

impl Weights for Gguf {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let name = gguf_name(name);
        let Some(tensor) = self.tensors.get(&name).cloned() else {
            return Err(self.bad(&name, format!("a tensor of {shape:?}"), "none"));
        };
        if tensor.shape != shape {
            let found = format!("{:?}", tensor.shape);
            return Err(self.bad(&name, format!("{shape:?}"), found));
        }
        let mut bytes = vec![0; tensor.bytes];
        let path = &self.path;
        self.file
            .seek(SeekFrom::Start(tensor.offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
        let mut out = Vec::with_capacity(shape.iter().product());
        tensor.stored.read(&bytes, &mut out);
        let (query, key) = (name.contains(".attn_q."), name.contains(".attn_k."));
        if (query || key) && self.architecture()? == "llama" {
            let config = self.config()?;
            let heads = if query {
                config.num_attention_heads
            } else {
                config.num_key_value_heads
            };
            out = unpaired(&out, heads, shape);
        }
        self.asked.insert(name);
        Ok(out)
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&gguf_name(name))
    }

    fn unused(&self) -> Option<String> {
        self.tensors
            .keys()
            .find(|n| !self.asked.contains(*n))
            .cloned()
    }
}

/// Rows of queries and keys in the order of the published weights.
///
/// GGUF of the Llama family puts the two numbers that a rotary position turns together side by side (`h, k, s`); the published
/// weights keep the two halves of a head apart (`h, s, k`), as the decoder does.
fn unpaired(rows: &[f32], heads: usize, shape: &[usize]) -> Vec<f32> {
    let (n, width) = (shape[0], shape.get(1).copied().unwrap_or(1));
    let head = n / heads.max(1);
    let half = head / 2;
    let mut out = Vec::with_capacity(rows.len());
    for h in 0..heads {
        for s in 0..2 {
            for k in 0..half {
                let row = h * head + 2 * k + s;
                out.extend_from_slice(&rows[row * width..(row + 1) * width]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_halves() {
        // One head of four rows: pairs (0, 1) and (2, 3) become halves (0, 2) and (1, 3).
        assert_eq!(
            unpaired(&[0.0, 1.0, 2.0, 3.0], 1, &[4]),
            [0.0, 2.0, 1.0, 3.0]
        );
        assert_eq!(
            gguf_name("model.layers.3.mlp.up_proj.weight"),
            "blk.3.ffn_up.weight"
        );
        assert_eq!(
            gguf_name("model.layers.12.post_attention_layernorm.weight"),
            "blk.12.ffn_norm.weight"
        );
    }
}
