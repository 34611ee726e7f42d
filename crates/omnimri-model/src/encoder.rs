//! Vision encoder: slices to a feature pyramid, then attention across the slices and series of a study.

use burn::module::{Initializer, Param};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;

use crate::config::{NEIGHBOURS, VisionConfig};
use crate::layers::{ResidualBlock, TransformerBlock, grid_encoding, space_to_depth};

/// Features of `n` slices.
#[derive(Debug, Clone)]
pub struct Pyramid {
    /// The input at stride 2, `[n, h/2, w/2, 4 * 3]`: fine detail for the dense decoder.
    pub s2: Tensor<4>,
    /// `[n, h/4, w/4, channels_s4]`
    pub s4: Tensor<4>,
    /// `[n, h/8, w/8, channels_s8]`
    pub s8: Tensor<4>,
    /// `[n, h/16, w/16, width]`
    pub s16: Tensor<4>,
}

/// The encoder.
#[derive(Module, Debug)]
pub struct VisionEncoder {
    stem: Linear,
    blocks_s4: Vec<ResidualBlock>,
    merge_s8: Linear,
    blocks_s8: Vec<ResidualBlock>,
    merge_s16: Linear,
    blocks_s16: Vec<TransformerBlock>,
    study: StudyAttention,
    norm: LayerNorm,
}

impl VisionConfig {
    /// Builds the encoder on `device`.
    pub fn init(&self, device: &Device) -> VisionEncoder {
        let linear = |i: usize, o: usize| LinearConfig::new(i, o).init(device);
        VisionEncoder {
            stem: linear(16 * NEIGHBOURS, self.channels_s4),
            blocks_s4: (0..self.blocks_s4)
                .map(|_| ResidualBlock::new(self.channels_s4, device))
                .collect(),
            merge_s8: linear(4 * self.channels_s4, self.channels_s8),
            blocks_s8: (0..self.blocks_s8)
                .map(|_| ResidualBlock::new(self.channels_s8, device))
                .collect(),
            merge_s16: linear(4 * self.channels_s8, self.width),
            blocks_s16: (0..self.layers)
                .map(|_| TransformerBlock::new(self.width, self.heads, device))
                .collect(),
            study: StudyAttention::new(self, device),
            norm: LayerNormConfig::new(self.width).init(device),
        }
    }
}

impl VisionEncoder {
    /// Encodes `n = studies * slices` slices; the slices of a study stand together.
    ///
    /// # Shapes
    /// - `x`: `[n, h, w, 3]`, `h` and `w` multiples of 16
    /// - `slices`: slices of every study in this batch
    ///
    /// # Panics
    /// If `n` is not a multiple of `slices`, or `h` or `w` not of 16.
    pub fn forward(&self, x: Tensor<4>, slices: usize) -> Pyramid {
        let [n, h, w, _] = x.dims();
        assert!(n.is_multiple_of(slices) && h.is_multiple_of(16) && w.is_multiple_of(16));
        let s2 = space_to_depth(x.clone(), 2);
        let mut s4 = self.stem.forward(space_to_depth(x, 4));
        for block in &self.blocks_s4 {
            s4 = block.forward(s4);
        }
        let mut s8 = self.merge_s8.forward(space_to_depth(s4.clone(), 2));
        for block in &self.blocks_s8 {
            s8 = block.forward(s8);
        }
        let s16 = self.merge_s16.forward(space_to_depth(s8.clone(), 2));
        let [_, th, tw, d] = s16.dims();
        let position = grid_encoding(th, tw, d, &s16.device()).reshape([1, th * tw, d]);
        let mut tokens = s16.reshape([n, th * tw, d]) + position;
        for block in &self.blocks_s16 {
            tokens = block.forward(tokens);
        }
        let tokens = self.norm.forward(self.study.forward(tokens, slices));
        Pyramid {
            s2,
            s4,
            s8,
            s16: tokens.reshape([n, th, tw, d]),
        }
    }
}

/// Attention across the slices and series of a study through a few latents (inducing points, Lee et al. 2019):
/// the latents read every token, then every token reads the latents, so the cost grows linearly with slices.
#[derive(Module, Debug)]
pub struct StudyAttention {
    latents: Param<Tensor<2>>,
    norm: LayerNorm,
    gather: MultiHeadAttention,
    spread: MultiHeadAttention,
    out: Linear,
}

impl StudyAttention {
    fn new(config: &VisionConfig, device: &Device) -> Self {
        let attention = || {
            MultiHeadAttentionConfig::new(config.width, config.heads)
                .with_dropout(0.0)
                .init(device)
        };
        Self {
            latents: Initializer::Normal {
                mean: 0.0,
                std: 0.5,
            }
            .init([config.study_latents, config.width], device),
            norm: LayerNormConfig::new(config.width).init(device),
            gather: attention(),
            spread: attention(),
            // Silent at first: a study of one slice trains as if this layer were not there.
            out: LinearConfig::new(config.width, config.width)
                .with_initializer(Initializer::Zeros)
                .init(device),
        }
    }

    /// # Shapes
    /// - `tokens`: `[studies * slices, t, d]`; returns the same
    fn forward(&self, tokens: Tensor<3>, slices: usize) -> Tensor<3> {
        let [n, t, d] = tokens.dims();
        let (studies, [m, _]) = (n / slices, self.latents.dims());
        let place = grid_encoding(slices, 1, d, &tokens.device()).reshape([1, slices, 1, d]);
        let keys = self
            .norm
            .forward(tokens.clone())
            .reshape([studies, slices, t, d])
            + place;
        let keys = keys.reshape([studies, slices * t, d]);
        let latents = self
            .latents
            .val()
            .reshape([1, m, d])
            .expand([studies, m, d]);
        let read = self
            .gather
            .forward(MhaInput::new(latents, keys.clone(), keys.clone()))
            .context;
        let told = self
            .spread
            .forward(MhaInput::new(keys, read.clone(), read))
            .context;
        tokens + self.out.forward(told).reshape([n, t, d])
    }
}
