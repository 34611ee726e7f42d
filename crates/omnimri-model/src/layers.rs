//! Building blocks shared by the encoder, the dense decoder and the learned reconstruction. Channels last throughout.

use burn::module::{Initializer, Param};
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::transformer::{PositionWiseFeedForward, PositionWiseFeedForwardConfig};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;

use crate::kernel::{conv3x3, gelu, norm_relu};

/// Normalise over channels, ReLU, 3x3 convolution.
#[derive(Module, Debug)]
pub struct NormConv {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    weight: Param<Tensor<2>>,
}

impl NormConv {
    /// From `c` to `o` channels; `gain` scales the initial weights (0 makes a residual branch start silent).
    pub fn new(c: usize, o: usize, gain: f64, device: &Device) -> Self {
        let std = gain * (2.0 / (9.0 * c as f64)).sqrt();
        let initializer = if gain == 0.0 {
            Initializer::Zeros
        } else {
            Initializer::Normal { mean: 0.0, std }
        };
        Self {
            gamma: Initializer::Ones.init([c], device),
            beta: Initializer::Zeros.init([c], device),
            weight: initializer.init([9 * c, o], device),
        }
    }

    /// # Shapes
    /// - `x`: `[n, h, w, c]`; returns `[n, h, w, o]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv3x3(
            norm_relu(x, self.gamma.val(), self.beta.val()),
            self.weight.val(),
        )
    }
}

/// Two [`NormConv`] with a shortcut (pre-activation residual block, He et al. 2016).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    first: NormConv,
    second: NormConv,
}

impl ResidualBlock {
    /// A block of `c` channels.
    pub fn new(c: usize, device: &Device) -> Self {
        Self {
            first: NormConv::new(c, c, 1.0, device),
            second: NormConv::new(c, c, 0.2, device),
        }
    }

    /// # Shapes
    /// - `x`: `[n, h, w, c]`; returns the same
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.first.forward(x.clone());
        x + self.second.forward(h)
    }
}

/// 3x3 convolution, FiLM, ReLU, 3x3 convolution, with a shortcut and without normalisation: restoring an image needs its
/// amplitudes (Lim et al., EDSR, 2017).
#[derive(Module, Debug)]
pub struct RestoreBlock {
    first: Param<Tensor<2>>,
    second: Param<Tensor<2>>,
}

impl RestoreBlock {
    /// A block of `c` channels.
    pub fn new(c: usize, device: &Device) -> Self {
        let init = |gain: f64| Initializer::Normal {
            mean: 0.0,
            std: gain * (2.0 / (9.0 * c as f64)).sqrt(),
        };
        Self {
            first: init(1.0).init([9 * c, c], device),
            second: init(0.2).init([9 * c, c], device),
        }
    }

    /// # Shapes
    /// - `x`: `[n, h, w, c]`; returns the same
    /// - `film`: scale less one, then shift, `[n, 2c]`
    pub fn forward(&self, x: Tensor<4>, film: Tensor<2>) -> Tensor<4> {
        let [n, _, _, c] = x.dims();
        let film = film.reshape([n, 1, 1, 2 * c]);
        let scale = film.clone().slice([0..n, 0..1, 0..1, 0..c]) + 1.0;
        let shift = film.slice([0..n, 0..1, 0..1, c..2 * c]);
        let h = conv3x3(x.clone(), self.first.val()) * scale + shift;
        x + conv3x3(relu(h), self.second.val())
    }
}

/// Pre-norm transformer block.
#[derive(Module, Debug)]
pub struct TransformerBlock {
    norm1: LayerNorm,
    attention: MultiHeadAttention,
    norm2: LayerNorm,
    mlp: PositionWiseFeedForward,
}

impl TransformerBlock {
    /// A block of `width` channels and `heads` heads; the hidden layer is four times as wide.
    pub fn new(width: usize, heads: usize, device: &Device) -> Self {
        Self {
            norm1: LayerNormConfig::new(width).init(device),
            attention: MultiHeadAttentionConfig::new(width, heads)
                .with_dropout(0.0)
                .init(device),
            norm2: LayerNormConfig::new(width).init(device),
            mlp: PositionWiseFeedForwardConfig::new(width, 4 * width)
                .with_dropout(0.0)
                .init(device),
        }
    }

    /// # Shapes
    /// - `x`: `[n, t, d]`; returns the same
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let h = MhaInput::self_attn(self.norm1.forward(x.clone()));
        let x = x + self.attention.forward(h).context;
        let h = self.mlp.linear_inner.forward(self.norm2.forward(x.clone()));
        x + self.mlp.linear_outer.forward(gelu(h))
    }
}

/// `[n, h, w, c]` to `[n, h/f, w/f, f*f*c]`.
pub fn space_to_depth(x: Tensor<4>, f: usize) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h / f, f, w / f, f, c])
        .permute([0, 1, 3, 2, 4, 5])
        .reshape([n, h / f, w / f, f * f * c])
}

/// `[n, h, w, f*f*c]` to `[n, h*f, w*f, c]`: the inverse of [`space_to_depth`].
pub fn depth_to_space(x: Tensor<4>, f: usize) -> Tensor<4> {
    let [n, h, w, d] = x.dims();
    let c = d / (f * f);
    x.reshape([n, h, w, f, f, c])
        .permute([0, 1, 3, 2, 4, 5])
        .reshape([n, h * f, w * f, c])
}

/// Doubles height and width by repetition: `[n, h, w, c]` to `[n, 2h, 2w, c]`.
pub fn upsample2(x: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h, 1, w, 1, c])
        .expand([n, h, 2, w, 2, c])
        .reshape([n, 2 * h, 2 * w, c])
}

/// Sine and cosine of 2D positions scaled to the unit square, so that one table serves every grid: `[h * w, d]`.
///
/// A quarter of the channels each for sin and cos of y and x, wavelengths from 4 to 1/64 of the side.
pub fn grid_encoding(h: usize, w: usize, d: usize, device: &Device) -> Tensor<2> {
    let quarter = d / 4;
    let mut values = vec![0.0f32; h * w * d];
    for y in 0..h {
        for x in 0..w {
            let row = &mut values[(y * w + x) * d..(y * w + x + 1) * d];
            for (axis, at) in [(y as f32 + 0.5) / h as f32, (x as f32 + 0.5) / w as f32]
                .into_iter()
                .enumerate()
            {
                for k in 0..quarter {
                    let cycles = 0.25 * 256f32.powf(k as f32 / quarter.max(2) as f32);
                    let phase = std::f32::consts::TAU * cycles * at;
                    row[2 * axis * quarter + k] = phase.sin();
                    row[(2 * axis + 1) * quarter + k] = phase.cos();
                }
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [h * w, d]), device)
}
