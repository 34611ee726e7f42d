//! Language model of the Llama and Qwen family: RMSNorm, rotary positions, grouped-query attention, SwiGLU, embeddings tied to
//! the output or not.
//!
//! Sources: Touvron et al. 2023 (Llama), Su et al. 2021 (rotary positions, halves rotated as in the published weights),
//! Ainslie et al. 2023 (grouped queries), Shazeer 2020 (SwiGLU). Sizes and names follow the published checkpoints, so that
//! SmolLM2 and Qwen2.5 fit by configuration.

mod assemble;

use burn::nn::{
    Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig, RmsNorm, RmsNormConfig,
};
use burn::prelude::*;
use burn::tensor::activation::{silu, softmax};

use crate::config::LanguageConfig;

/// Keys and values of the tokens decoded so far, a layer each.
#[derive(Debug, Clone, Default)]
pub struct KvCache {
    layers: Vec<(Tensor<4>, Tensor<4>)>,
}

impl KvCache {
    /// Tokens held.
    pub fn len(&self) -> usize {
        self.layers.first().map_or(0, |(k, _)| k.dims()[2])
    }

    /// True before the first token.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: usize,
    kv_heads: usize,
}

#[derive(Module, Debug)]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

#[derive(Module, Debug)]
struct Layer {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: Mlp,
}

/// The language model.
#[derive(Module, Debug)]
pub struct LanguageModel {
    embed_tokens: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    /// The output where it is not the embedding.
    lm_head: Option<Linear>,
    head_width: usize,
    rope_theta: f64,
}

impl LanguageConfig {
    /// Builds the language model on `device`.
    pub fn init(&self, device: &Device) -> LanguageModel {
        let (d, head) = (
            self.hidden_size,
            self.hidden_size / self.num_attention_heads,
        );
        let kv = head * self.num_key_value_heads;
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let linear = |i: usize, o: usize, bias: bool| {
            LinearConfig::new(i, o)
                .with_bias(bias)
                .with_initializer(normal.clone())
                .init(device)
        };
        let norm = || {
            RmsNormConfig::new(d)
                .with_epsilon(self.rms_norm_eps)
                .init(device)
        };
        let bias = self.attention_bias;
        LanguageModel {
            embed_tokens: EmbeddingConfig::new(self.vocab_size, d)
                .with_initializer(normal.clone())
                .init(device),
            layers: (0..self.num_hidden_layers)
                .map(|_| Layer {
                    input_layernorm: norm(),
                    self_attn: Attention {
                        q_proj: linear(d, d, bias),
                        k_proj: linear(d, kv, bias),
                        v_proj: linear(d, kv, bias),
                        o_proj: linear(d, d, false),
                        heads: self.num_attention_heads,
                        kv_heads: self.num_key_value_heads,
                    },
                    post_attention_layernorm: norm(),
                    mlp: Mlp {
                        gate_proj: linear(d, self.intermediate_size, false),
                        up_proj: linear(d, self.intermediate_size, false),
                        down_proj: linear(self.intermediate_size, d, false),
                    },
                })
                .collect(),
            norm: norm(),
            lm_head: (!self.tie_word_embeddings).then(|| linear(d, self.vocab_size, false)),
            head_width: head,
            rope_theta: self.rope_theta,
        }
    }
}

impl LanguageModel {
    /// Embeddings of token ids: `[b, t]` to `[b, t, hidden_size]`.
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.embed_tokens.forward(ids)
    }

    /// Next-token logits, by the embedding itself where it is tied: `[b, t, hidden_size]` to `[b, t, vocab_size]`.
    pub fn logits(&self, hidden: Tensor<3>) -> Tensor<3> {
        if let Some(head) = &self.lm_head {
            return head.forward(hidden);
        }
        let [b, t, d] = hidden.dims();
        let table = self.embed_tokens.weight.val().transpose();
        let v = table.dims()[1];
        hidden.reshape([b * t, d]).matmul(table).reshape([b, t, v])
    }

    /// Hidden states of embedded tokens; with a cache, `x` continues the tokens it holds.
    ///
    /// # Shapes
    /// - `x`: `[b, t, hidden_size]`; returns the same, after the last norm
    pub fn forward(&self, mut x: Tensor<3>, mut cache: Option<&mut KvCache>) -> Tensor<3> {
        let t = x.dims()[1];
        let past = cache.as_ref().map_or(0, |c| c.len());
        let (cos, sin) = self.rotary(past, t, &x.device());
        // Token `past + i` sees tokens up to itself.
        let mask = (t > 1).then(|| {
            Tensor::<2, Bool>::tril_mask([t, past + t], past as i64, &x.device()).reshape([
                1,
                1,
                t,
                past + t,
            ])
        });
        for (i, layer) in self.layers.iter().enumerate() {
            let h = layer.input_layernorm.forward(x.clone());
            let slot = cache.as_deref_mut().map(|c| (c, i));
            x = x + layer.self_attn.forward(h, &cos, &sin, mask.as_ref(), slot);
            let h = layer.post_attention_layernorm.forward(x.clone());
            let m = &layer.mlp;
            x = x + m
                .down_proj
                .forward(silu(m.gate_proj.forward(h.clone())) * m.up_proj.forward(h));
        }
        self.norm.forward(x)
    }

    /// Cosines and sines of positions `past..past + t`: `[1, 1, t, head_width]` each, the halves alike.
    fn rotary(&self, past: usize, t: usize, device: &Device) -> (Tensor<4>, Tensor<4>) {
        let half = self.head_width / 2;
        let mut angles = Vec::with_capacity(t * self.head_width);
        for position in past..past + t {
            for k in 0..self.head_width {
                let exponent = 2.0 * (k % half) as f64 / self.head_width as f64;
                angles.push((position as f64 / self.rope_theta.powf(exponent)) as f32);
            }
        }
        let shape = [1, 1, t, self.head_width];
        let angles = Tensor::<4>::from_data(TensorData::new(angles, shape), device);
        (angles.clone().cos(), angles.sin())
    }
}

/// Turns each pair `(k, k + half)` by its angle.
fn rotate(x: Tensor<4>, cos: &Tensor<4>, sin: &Tensor<4>) -> Tensor<4> {
    let [b, h, t, d] = x.dims();
    let first = x.clone().slice([0..b, 0..h, 0..t, 0..d / 2]);
    let second = x.clone().slice([0..b, 0..h, 0..t, d / 2..d]);
    x * cos.clone() + Tensor::cat(vec![-second, first], 3) * sin.clone()
}

impl Attention {
    fn forward(
        &self,
        x: Tensor<3>,
        cos: &Tensor<4>,
        sin: &Tensor<4>,
        visible: Option<&Tensor<4, Bool>>,
        cache: Option<(&mut KvCache, usize)>,
    ) -> Tensor<3> {
        let [b, t, d] = x.dims();
        let split = |x: Tensor<3>, heads: usize| {
            let w = x.dims()[2] / heads;
            x.reshape([b, t, heads, w]).swap_dims(1, 2)
        };
        let q = rotate(split(self.q_proj.forward(x.clone()), self.heads), cos, sin);
        let mut k = rotate(
            split(self.k_proj.forward(x.clone()), self.kv_heads),
            cos,
            sin,
        );
        let mut v = split(self.v_proj.forward(x), self.kv_heads);
        if let Some((cache, layer)) = cache {
            if let Some((pk, pv)) = cache.layers.get(layer) {
                k = Tensor::cat(vec![pk.clone(), k], 2);
                v = Tensor::cat(vec![pv.clone(), v], 2);
                cache.layers[layer] = (k.clone(), v.clone());
            } else {
                cache.layers.push((k.clone(), v.clone()));
            }
        }
        let (k, v) = (self.repeat(k), self.repeat(v));
        let width = k.dims()[3] as f64;
        let mut scores = q.matmul(k.swap_dims(2, 3)) / width.sqrt();
        if let Some(visible) = visible {
            scores = scores.mask_fill(visible.clone(), -1e9);
        }
        let context = softmax(scores, 3)
            .matmul(v)
            .swap_dims(1, 2)
            .reshape([b, t, d]);
        self.o_proj.forward(context)
    }

    /// Every key and value head serves `heads / kv_heads` query heads in a row.
    fn repeat(&self, x: Tensor<4>) -> Tensor<4> {
        let ([b, kv, t, w], group) = (x.dims(), self.heads / self.kv_heads);
        if group == 1 {
            return x;
        }
        x.reshape([b, kv, 1, t, w])
            .expand([b, kv, group, t, w])
            .reshape([b, kv * group, t, w])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use burn::tensor::Tolerance;

    #[test]
    fn cached_and_uncached_decoding_agree() {
        let device = Device::flex();
        device.seed(3);
        let model = ModelConfig::tiny().language.init(&device);
        let ids = Tensor::<2, Int>::from_data([[5, 9, 2, 7, 1, 3, 8]], &device);
        let whole = model.forward(model.embed(ids.clone()), None);
        let mut cache = KvCache::default();
        let mut parts = Vec::new();
        for (a, b) in [(0, 3), (3, 4), (4, 7)] {
            let x = model.embed(ids.clone().slice([0..1, a..b]));
            parts.push(model.forward(x, Some(&mut cache)));
        }
        assert_eq!(cache.len(), 7);
        let steps = Tensor::cat(parts, 1).into_data();
        whole
            .into_data()
            .assert_approx_eq::<f32>(&steps, Tolerance::absolute(1e-4));
    }

    #[test]
    fn the_future_is_hidden() {
        let device = Device::flex();
        let model = ModelConfig::tiny().language.init(&device);
        let run = |last: i32| {
            let ids = Tensor::<2, Int>::from_data([[5, 9, 2, last]], &device);
            model
                .forward(model.embed(ids), None)
                .slice([0..1, 0..3])
                .into_data()
        };
        assert_eq!(run(1), run(7));
    }
}
