//! The language model from published weights.

use burn::module::Param;
use burn::nn::{Linear, RmsNorm};
use burn::prelude::*;

use super::LanguageModel;
use crate::borrowed::Weights;
use crate::config::LanguageConfig;
use crate::error::Result;

/// `[out, in]` to `[in, out]`, as linear layers are kept here.
fn transposed(rows: &[f32], out: usize, input: usize) -> Vec<f32> {
    // Tiles of this side stay in the first cache.
    const TILE: usize = 32;
    let mut turned = vec![0.0; rows.len()];
    for o0 in (0..out).step_by(TILE) {
        for i0 in (0..input).step_by(TILE) {
            for o in o0..(o0 + TILE).min(out) {
                for i in i0..(i0 + TILE).min(input) {
                    turned[i * out + o] = rows[o * input + i];
                }
            }
        }
    }
    turned
}

/// Adds rows to a table until it has `n`: each the mean of those that are there.
fn grown(mut table: Vec<f32>, width: usize, n: usize) -> Vec<f32> {
    let rows = table.len() / width.max(1);
    let mut mean = vec![0.0f64; width];
    for row in table.chunks_exact(width.max(1)) {
        for (m, v) in mean.iter_mut().zip(row) {
            *m += f64::from(*v) / rows as f64;
        }
    }
    let mean: Vec<f32> = mean.into_iter().map(|m| m as f32).collect();
    for _ in rows..n {
        table.extend_from_slice(&mean);
    }
    table
}

/// Reads tensors by name onto a device.
struct Reader<'a> {
    weights: &'a mut dyn Weights,
    device: &'a Device,
}

impl Reader<'_> {
    fn vector(&mut self, name: &str, n: usize) -> Result<Param<Tensor<1>>> {
        let values = self.weights.tensor(name, &[n])?;
        let tensor = Tensor::from_data(TensorData::new(values, [n]), self.device);
        Ok(Param::from_tensor(tensor))
    }

    fn linear(&mut self, name: &str, input: usize, out: usize, bias: bool) -> Result<Linear> {
        let rows = self
            .weights
            .tensor(&format!("{name}.weight"), &[out, input])?;
        let data = TensorData::new(transposed(&rows, out, input), [input, out]);
        Ok(Linear {
            weight: Param::from_tensor(Tensor::from_data(data, self.device)),
            bias: if bias {
                Some(self.vector(&format!("{name}.bias"), out)?)
            } else {
                None
            },
        })
    }

    fn norm(&mut self, norm: &mut RmsNorm, name: &str, n: usize) -> Result<()> {
        norm.gamma = self.vector(&format!("{name}.weight"), n)?;
        Ok(())
    }

    fn table(&mut self, name: &str, rows: usize, width: usize, n: usize) -> Result<Tensor<2>> {
        let table = self.weights.tensor(name, &[rows, width])?;
        let data = TensorData::new(grown(table, width, n), [n, width]);
        Ok(Tensor::from_data(data, self.device))
    }
}

impl LanguageModel {
    /// Builds the model of `config` from published weights whose vocabulary has `rows` tokens; further tokens begin as their mean.
    ///
    /// # Errors
    /// If a tensor is missing, damaged or of another shape.
    pub(crate) fn assemble(
        config: &LanguageConfig,
        rows: usize,
        weights: &mut dyn Weights,
        device: &Device,
    ) -> Result<Self> {
        // Parameters that are replaced before their first use are never drawn.
        let mut model = config.init(device);
        let (d, hidden) = (config.hidden_size, config.intermediate_size);
        let kv = d / config.num_attention_heads * config.num_key_value_heads;
        let bias = config.attention_bias;
        let mut r = Reader { weights, device };
        let n = config.vocab_size;
        let table = r.table("model.embed_tokens.weight", rows, d, n)?;
        model.embed_tokens.weight = Param::from_tensor(table);
        for (k, layer) in model.layers.iter_mut().enumerate() {
            let at = |part: &str| format!("model.layers.{k}.{part}");
            r.norm(&mut layer.input_layernorm, &at("input_layernorm"), d)?;
            let post = at("post_attention_layernorm");
            r.norm(&mut layer.post_attention_layernorm, &post, d)?;
            let a = &mut layer.self_attn;
            a.q_proj = r.linear(&at("self_attn.q_proj"), d, d, bias)?;
            a.k_proj = r.linear(&at("self_attn.k_proj"), d, kv, bias)?;
            a.v_proj = r.linear(&at("self_attn.v_proj"), d, kv, bias)?;
            a.o_proj = r.linear(&at("self_attn.o_proj"), d, d, false)?;
            let m = &mut layer.mlp;
            m.gate_proj = r.linear(&at("mlp.gate_proj"), d, hidden, false)?;
            m.up_proj = r.linear(&at("mlp.up_proj"), d, hidden, false)?;
            m.down_proj = r.linear(&at("mlp.down_proj"), hidden, d, false)?;
        }
        r.norm(&mut model.norm, "model.norm", d)?;
        if let Some(head) = &mut model.lm_head {
            // The same file may keep the output apart or not: where it does not, it is the embedding.
            let name = if r.weights.has("lm_head.weight") {
                "lm_head.weight"
            } else {
                "model.embed_tokens.weight"
            };
            let table = r.table(name, rows, d, n)?;
            head.weight = Param::from_tensor(table.transpose());
        }
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_turn_and_grow() {
        assert_eq!(
            transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
        assert_eq!(
            grown(vec![1.0, 2.0, 3.0, 6.0], 2, 3),
            [1.0, 2.0, 3.0, 6.0, 2.0, 4.0]
        );
    }
}
