//! Dense decoder: the pyramid to a pixel embedding at stride 2; a mask is the product of a query and the embedding.

use burn::module::{Initializer, Param};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::sigmoid;

use crate::config::{DenseConfig, LanguageConfig, NEIGHBOURS, VisionConfig};
use crate::encoder::Pyramid;
use crate::layers::{NormConv, upsample2};
use crate::task::MaskTask;

/// What the decoder makes of `n` slices.
#[derive(Debug, Clone)]
pub struct Dense {
    /// Pixel embeddings, `[n, h/2 * w/2, channels_s2]`.
    pub pixels: Tensor<3>,
    /// Features at stride 8, `[n, h/8, w/8, channels_s8]`: class heads pool them under a mask.
    pub s8: Tensor<4>,
    /// Height and width at stride 2.
    pub size: [usize; 2],
}

/// The decoder (a feature pyramid network, Lin et al. 2017, with mask queries, Cheng et al. 2021).
#[derive(Module, Debug)]
pub struct DenseDecoder {
    lateral_s16: Linear,
    lateral_s8: Linear,
    conv_s8: NormConv,
    down_s8: Linear,
    lateral_s4: Linear,
    conv_s4: NormConv,
    conv_s4b: NormConv,
    down_s4: Linear,
    lateral_s2: Linear,
    conv_s2: NormConv,
    queries: Param<Tensor<2>>,
    biases: Param<Tensor<1>>,
    seg_query: Linear,
    restore: Linear,
}

impl DenseConfig {
    /// Builds the decoder on `device`.
    pub fn init(
        &self,
        vision: &VisionConfig,
        language: &LanguageConfig,
        device: &Device,
    ) -> DenseDecoder {
        let linear = |i: usize, o: usize| LinearConfig::new(i, o).init(device);
        let (c8, c4, c2) = (self.channels_s8, self.channels_s4, self.channels_s2);
        let n = MaskTask::ALL.len();
        DenseDecoder {
            lateral_s16: linear(vision.width, c8),
            lateral_s8: linear(vision.channels_s8, c8),
            conv_s8: NormConv::new(c8, c8, 1.0, device),
            down_s8: linear(c8, c4),
            lateral_s4: linear(vision.channels_s4, c4),
            conv_s4: NormConv::new(c4, c4, 1.0, device),
            conv_s4b: NormConv::new(c4, c4, 1.0, device),
            down_s4: linear(c4, c2),
            lateral_s2: linear(4 * NEIGHBOURS, c2),
            conv_s2: NormConv::new(c2, c2, 1.0, device),
            queries: Initializer::Normal {
                mean: 0.0,
                std: 0.2,
            }
            .init([n, c2], device),
            // Structures fill a few per cent of a slice: start there instead of at a half.
            biases: Initializer::Constant { value: -3.0 }.init([n], device),
            seg_query: LinearConfig::new(language.hidden_size, c2)
                .with_initializer(Initializer::Zeros)
                .init(device),
            restore: linear(c2, 1),
        }
    }
}

impl DenseDecoder {
    /// Decodes a pyramid.
    pub fn forward(&self, p: &Pyramid) -> Dense {
        let s8 = upsample2(self.lateral_s16.forward(p.s16.clone()))
            + self.lateral_s8.forward(p.s8.clone());
        let s8 = s8.clone() + self.conv_s8.forward(s8);
        let s4 =
            upsample2(self.down_s8.forward(s8.clone())) + self.lateral_s4.forward(p.s4.clone());
        let s4 = s4.clone() + self.conv_s4.forward(s4);
        let s4 = s4.clone() + self.conv_s4b.forward(s4);
        let s2 = upsample2(self.down_s4.forward(s4)) + self.lateral_s2.forward(p.s2.clone());
        let s2 = s2.clone() + self.conv_s2.forward(s2);
        let [n, h, w, c] = s2.dims();
        Dense {
            pixels: s2.reshape([n, h * w, c]),
            s8,
            size: [h, w],
        }
    }

    /// Mask logits of the tasks at stride 2.
    ///
    /// # Shapes
    /// - `seg`: hidden states of `<seg>`, `[n, hidden_size]`, added to every query of their slice
    /// - returns `[n, h/2 * w/2, tasks]`
    pub fn masks(&self, dense: &Dense, tasks: &[MaskTask], seg: Option<Tensor<2>>) -> Tensor<3> {
        let device = dense.pixels.device();
        let index: Vec<i32> = tasks.iter().map(|t| t.index() as i32).collect();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [tasks.len()]), &device);
        let [n, _, c] = dense.pixels.dims();
        let q = self.queries.val().select(0, index.clone());
        let mut q = q.reshape([1, tasks.len(), c]).expand([n, tasks.len(), c]);
        if let Some(seg) = seg {
            q = q + self.seg_query.forward(seg).reshape([n, 1, c]);
        }
        let bias = self
            .biases
            .val()
            .select(0, index)
            .reshape([1, 1, tasks.len()]);
        dense.pixels.clone().matmul(q.swap_dims(1, 2)) + bias
    }

    /// The restored slice at stride 2 (stage 1), `[n, h/2 * w/2]`.
    pub fn restore(&self, dense: &Dense) -> Tensor<2> {
        let [n, p, _] = dense.pixels.dims();
        self.restore.forward(dense.pixels.clone()).reshape([n, p])
    }
}

/// Share of the slice, centre and spread of soft masks: `[n, tasks * 5]` as area, x, y, spread in x and in y, each in
/// units of the side. They tell the language model what the decoder sees.
pub fn mask_moments(logits: Tensor<3>, [h, w]: [usize; 2]) -> Tensor<2> {
    let [n, p, q] = logits.dims();
    let device = logits.device();
    let probability = sigmoid(logits);
    let at = |f: &dyn Fn(usize) -> f32| {
        let v: Vec<f32> = (0..p).map(f).collect();
        Tensor::<3>::from_data(TensorData::new(v, [1, p, 1]), &device)
    };
    let x = at(&|i| ((i % w) as f32 + 0.5) / w as f32);
    let y = at(&|i| ((i / w) as f32 + 0.5) / h as f32);
    let area = probability.clone().mean_dim(1);
    let mass = area.clone() * p as f64 + 1e-3;
    let mean = |v: Tensor<3>| (probability.clone() * v).sum_dim(1) / mass.clone();
    let (mx, my) = (mean(x.clone()), mean(y.clone()));
    let sx = (mean(x.square()) - mx.clone().square())
        .clamp_min(0.0)
        .sqrt();
    let sy = (mean(y.square()) - my.clone().square())
        .clamp_min(0.0)
        .sqrt();
    Tensor::cat(vec![area.sqrt(), mx, my, sx, sy], 1)
        .swap_dims(1, 2)
        .reshape([n, q * 5])
}
