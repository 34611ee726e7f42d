//! Connector: tokens at stride 16 to visual tokens of the language model (pixel-unshuffle and an MLP, as in Idefics 3).

use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;

use crate::config::{LanguageConfig, VisionConfig};
use crate::kernel::gelu;
use crate::layers::space_to_depth;

/// The connector.
#[derive(Module, Debug)]
pub struct Connector {
    norm: LayerNorm,
    up: Linear,
    out: Linear,
}

impl Connector {
    /// Builds the connector on `device`.
    pub fn new(vision: &VisionConfig, language: &LanguageConfig, device: &Device) -> Self {
        let (d, h) = (4 * vision.width, language.hidden_size);
        Self {
            norm: LayerNormConfig::new(d).init(device),
            up: LinearConfig::new(d, h).init(device),
            out: LinearConfig::new(h, h).init(device),
        }
    }

    /// # Shapes
    /// - `s16`: `[n, h/16, w/16, width]`, both sides even or padded here
    /// - returns `[n, ceil(h/32) * ceil(w/32), hidden_size]`: 36 tokens for a slice of 192 x 192
    pub fn forward(&self, s16: Tensor<4>) -> Tensor<3> {
        let [n, h, w, _] = s16.dims();
        let s16 = if h % 2 + w % 2 > 0 {
            s16.pad(
                [(0, 0), (0, h % 2), (0, w % 2), (0, 0)],
                burn::tensor::ops::PadMode::Constant(0.0),
            )
        } else {
            s16
        };
        let x = space_to_depth(s16, 2);
        let [_, h, w, d] = x.dims();
        self.out
            .forward(gelu(self.up.forward(self.norm.forward(x.reshape([
                n,
                h * w,
                d,
            ])))))
    }
}
