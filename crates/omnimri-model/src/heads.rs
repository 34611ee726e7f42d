//! Class evidence: region, plane, sequence, tumour class and cardiac class from pooled features.
//!
//! Convolutional and token features are pooled together: a classifier on transformer tokens alone learns the classes far
//! later. The tumour class also sees the decoder's features averaged under the tumour mask.

use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::{relu, softmax};

use crate::config::{DenseConfig, LanguageConfig, VisionConfig};
use crate::encoder::Pyramid;

/// One class head of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Head {
    /// Body region, or not an MRI slice this model knows (last).
    Region,
    /// Imaging plane.
    Plane,
    /// Sequence.
    Sequence,
    /// Tumour class, `no tumour` first.
    Tumour,
    /// Cardiac diagnosis.
    Cardiac,
}

impl Head {
    /// All heads in the order of the logits.
    pub const ALL: [Self; 5] = [
        Self::Region,
        Self::Plane,
        Self::Sequence,
        Self::Tumour,
        Self::Cardiac,
    ];

    /// Number of classes.
    pub const fn classes(self) -> usize {
        match self {
            Self::Region => 5,
            Self::Plane => 3,
            Self::Sequence => 7,
            Self::Tumour | Self::Cardiac => 4,
        }
    }
}

/// Index of the class "not an MRI slice this model knows" of [`Head::Region`].
pub const OUT_OF_SCOPE: usize = 4;

/// Logits of every head.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// One tensor `[n, classes]` a head, in the order of [`Head::ALL`].
    pub logits: Vec<Tensor<2>>,
    /// Pooled features before the heads, `[n, evidence_width]`; they condition the learned reconstruction.
    pub pooled: Tensor<2>,
}

/// The heads and their projection to tokens of the language model.
#[derive(Module, Debug)]
pub struct ClassHeads {
    norm: LayerNorm,
    shared: Linear,
    tumour_norm: LayerNorm,
    tumour_hidden: Linear,
    heads: Vec<Linear>,
    tokens: Vec<Linear>,
    moments_token: Linear,
}

impl ClassHeads {
    /// Builds the heads on `device`; `moments` is the width of the mask moments.
    pub fn new(
        vision: &VisionConfig,
        dense: &DenseConfig,
        language: &LanguageConfig,
        moments: usize,
        device: &Device,
    ) -> Self {
        let pooled = vision.channels_s4 + 2 * vision.channels_s8 + vision.width;
        let (e, t) = (vision.evidence_width, 2 * dense.channels_s8);
        let linear = |i: usize, o: usize| LinearConfig::new(i, o).init(device);
        Self {
            norm: LayerNormConfig::new(pooled).init(device),
            shared: linear(pooled, e),
            tumour_norm: LayerNormConfig::new(t).init(device),
            tumour_hidden: linear(t, e),
            heads: Head::ALL
                .iter()
                .map(|h| linear(if *h == Head::Tumour { 2 * e } else { e }, h.classes()))
                .collect(),
            tokens: Head::ALL
                .iter()
                .map(|h| linear(h.classes(), language.hidden_size))
                .collect(),
            moments_token: linear(moments, language.hidden_size),
        }
    }

    /// Logits of every head.
    ///
    /// # Shapes
    /// - `dense_s8`: features of the dense decoder, `[n, h/8, w/8, c]`
    /// - `tumour_mask`: probability at stride 8, `[n, h/8 * w/8]`
    pub fn forward(&self, p: &Pyramid, dense_s8: Tensor<4>, tumour_mask: Tensor<2>) -> Evidence {
        let flat = |x: Tensor<4>| {
            let [n, h, w, c] = x.dims();
            x.reshape([n, h * w, c])
        };
        let mean = |x: Tensor<3>| {
            let [n, _, c] = x.dims();
            x.mean_dim(1).reshape([n, c])
        };
        let peak = |x: Tensor<3>| {
            let [n, _, c] = x.dims();
            x.max_dim(1).reshape([n, c])
        };
        let s8 = flat(p.s8.clone());
        let all = vec![
            mean(flat(p.s4.clone())),
            mean(s8.clone()),
            peak(s8),
            mean(flat(p.s16.clone())),
        ];
        let pooled = relu(self.shared.forward(self.norm.forward(Tensor::cat(all, 1))));
        let features = flat(dense_s8);
        let [n, q, c] = features.dims();
        let weight = tumour_mask + 1e-4;
        let weight = weight.clone() / weight.sum_dim(1);
        let under = weight
            .reshape([n, 1, q])
            .matmul(features.clone())
            .reshape([n, c]);
        let under = Tensor::cat(vec![under, mean(features)], 1);
        let under = relu(self.tumour_hidden.forward(self.tumour_norm.forward(under)));
        let logits = Head::ALL
            .iter()
            .zip(&self.heads)
            .map(|(head, layer)| match head {
                Head::Tumour => layer.forward(Tensor::cat(vec![pooled.clone(), under.clone()], 1)),
                _ => layer.forward(pooled.clone()),
            })
            .collect();
        Evidence { logits, pooled }
    }

    /// Makes every slice look like `region`, the position of a class of [`Head::Region`].
    #[cfg(test)]
    pub(crate) fn prefer_region(&mut self, region: usize) {
        let mut bias = vec![0.0f32; Head::Region.classes()];
        bias[region] = 50.0;
        let device = self.heads[0].weight.val().device();
        let bias = Tensor::<1>::from_data(bias.as_slice(), &device);
        self.heads[0].bias = Some(burn::module::Param::from_tensor(bias));
    }

    /// The heads' probabilities and the mask moments as tokens of the language model.
    ///
    /// # Shapes
    /// - `moments`: `[n, moments]`; returns `[n, heads + 1, hidden_size]`
    pub fn tokens(&self, logits: &[Tensor<2>], moments: Tensor<2>) -> Tensor<3> {
        let mut parts: Vec<Tensor<3>> = logits
            .iter()
            .zip(&self.tokens)
            .map(|(l, layer)| layer.forward(softmax(l.clone(), 1)).unsqueeze_dim(1))
            .collect();
        parts.push(self.moments_token.forward(moments).unsqueeze_dim(1));
        Tensor::cat(parts, 1)
    }
}
