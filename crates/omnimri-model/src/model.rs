//! The whole model, and the paths through it that training and reading take.

use burn::prelude::*;
use burn::tensor::activation::sigmoid;

use crate::config::ModelConfig;
use crate::connector::Connector;
use crate::decoder::{Dense, DenseDecoder, mask_moments};
use crate::encoder::{Pyramid, VisionEncoder};
use crate::error::Result;
use crate::heads::{ClassHeads, Evidence};
use crate::language::LanguageModel;
use crate::task::MaskTask;
use crate::unrolled::Unrolled;

/// Values a slice tells the language model about its masks: five a task.
pub const MOMENTS: usize = 5 * MaskTask::ALL.len();

/// OmniMRI: vision encoder, class heads, dense decoder, connector, language model and learned reconstruction.
#[derive(Module, Debug)]
pub struct OmniMri {
    /// Slices to features.
    pub vision: VisionEncoder,
    /// Features to pixel embeddings and masks.
    pub dense: DenseDecoder,
    /// Features to classes.
    pub heads: ClassHeads,
    /// Features to visual tokens.
    pub connector: Connector,
    /// Tokens to text.
    pub language: LanguageModel,
    /// Image and measured samples to a better image.
    pub unrolled: Unrolled,
}

/// What the model sees in `n` slices.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Encoder features.
    pub pyramid: Pyramid,
    /// Dense decoder features.
    pub dense: Dense,
    /// Logits of every mask task at stride 2, `[n, h/2 * w/2, tasks]`.
    pub masks: Tensor<3>,
    /// Class heads.
    pub evidence: Evidence,
}

impl ModelConfig {
    /// Builds the model on `device` with random weights.
    ///
    /// # Errors
    /// If the sizes do not fit each other.
    pub fn init(&self, device: &Device) -> Result<OmniMri> {
        self.validate()?;
        Ok(OmniMri {
            vision: self.vision.init(device),
            dense: self.dense.init(&self.vision, &self.language, device),
            heads: ClassHeads::new(&self.vision, &self.dense, &self.language, MOMENTS, device),
            connector: Connector::new(&self.vision, &self.language, device),
            language: self.language.init(device),
            unrolled: self.unrolled.init(&self.vision, device),
        })
    }
}

impl OmniMri {
    /// Encodes, decodes and classifies slices.
    ///
    /// # Shapes
    /// - `x`: `[n, h, w, 3]`; `slices`: slices a study, standing together
    pub fn see(&self, x: Tensor<4>, slices: usize) -> Seen {
        let pyramid = self.vision.forward(x, slices);
        let dense = self.dense.forward(&pyramid);
        let masks = self.dense.masks(&dense, &MaskTask::ALL, None);
        let evidence = self.classify(&pyramid, &dense, &masks);
        Seen {
            pyramid,
            dense,
            masks,
            evidence,
        }
    }

    fn classify(&self, pyramid: &Pyramid, dense: &Dense, masks: &Tensor<3>) -> Evidence {
        let ([h, w], [n, p, _]) = (dense.size, masks.dims());
        let tumour = masks
            .clone()
            .slice([0..n, 0..p, 0..1])
            .reshape([n, h, w, 1]);
        // The classes learn from where the mask is, but do not move it: no gradient through the weights.
        let tumour = sigmoid(tumour.detach());
        let tumour = tumour
            .reshape([n, h / 4, 4, w / 4, 4])
            .mean_dim(4)
            .mean_dim(2)
            .reshape([n, (h / 4) * (w / 4)]);
        self.heads.forward(pyramid, dense.s8.clone(), tumour)
    }

    /// Visual tokens and evidence tokens of every slice, `[n, tokens + heads + 1, hidden_size]`.
    pub fn visual_tokens(&self, seen: &Seen) -> Tensor<3> {
        let moments = mask_moments(seen.masks.clone(), seen.dense.size);
        let evidence = self.heads.tokens(&seen.evidence.logits, moments);
        Tensor::cat(
            vec![self.connector.forward(seen.pyramid.s16.clone()), evidence],
            1,
        )
    }
}
