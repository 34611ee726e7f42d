//! A slice seen together with its mirror image, where left and right look alike.
//!
//! Averaging predictions over mirrored inputs is the usual test-time augmentation of segmentation networks (Isensee et al.,
//! Nat Methods 2021;18:203). Only regions whose training slices were mirrored too take part: elsewhere a mirrored slice is
//! one that the model has never seen.

use burn::prelude::*;
use burn::tensor::activation::softmax;
use omnimri_findings::Region;

use crate::error::{Error, Result};
use crate::heads::Head;
use crate::model::{OmniMri, Seen};

/// Regions that training mirrors.
pub const MIRRORED: [Region; 2] = [Region::Brain, Region::Hippocampus];

/// As [`OmniMri::see`], with the logits of masks and classes averaged over the slices and their mirror images where the slices
/// show one of [`MIRRORED`]. Features and embeddings stay those of the slices themselves.
///
/// # Shapes
/// - `x`: `[n, h, w, 3]`; `slices`: slices a study, standing together
///
/// # Errors
/// If a tensor cannot be read back.
pub fn see(model: &OmniMri, x: Tensor<4>, slices: usize) -> Result<Seen> {
    let mut seen = model.see(x.clone(), slices);
    if !looks_alike(&seen)? {
        return Ok(seen);
    }
    let mirrored = model.see(x.flip([2]), slices);
    let ([n, p, tasks], [h, w]) = (seen.masks.dims(), seen.dense.size);
    let back = mirrored
        .masks
        .reshape([n, h, w, tasks])
        .flip([2])
        .reshape([n, p, tasks]);
    seen.masks = (seen.masks + back) / 2.0;
    for (logits, other) in seen
        .evidence
        .logits
        .iter_mut()
        .zip(mirrored.evidence.logits)
    {
        *logits = (logits.clone() + other) / 2.0;
    }
    Ok(seen)
}

/// Is the most probable region of the slices one of [`MIRRORED`]?
fn looks_alike(seen: &Seen) -> Result<bool> {
    let Some(at) = Head::ALL.iter().position(|h| *h == Head::Region) else {
        return Ok(false);
    };
    let mean = softmax(seen.evidence.logits[at].clone(), 1).mean_dim(0);
    let p = mean
        .try_into_data()
        .map_err(|e| Error::Tensor(e.to_string()))?
        .try_into_vec::<f32>()
        .map_err(|e| Error::Tensor(e.to_string()))?;
    let best = p
        .iter()
        .enumerate()
        .fold(0, |b, (i, v)| if *v > p[b] { i } else { b });
    Ok(Region::HEAD.get(best).is_some_and(|r| MIRRORED.contains(r)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use burn::tensor::{Distribution, Tolerance};

    /// A tiny model that takes every slice for `region`.
    fn model(region: Region) -> OmniMri {
        let device = Device::flex();
        let mut model = ModelConfig::tiny().init(&device).unwrap();
        let at = Region::HEAD.iter().position(|r| *r == region).unwrap();
        model.heads.prefer_region(at);
        model
    }

    #[test]
    fn a_mirrored_slice_gives_the_mirrored_masks() {
        let model = model(Region::Hippocampus);
        let x = Tensor::<4>::random([2, 32, 48, 3], Distribution::Default, &Device::flex());
        let (a, b) = (
            see(&model, x.clone(), 2).unwrap(),
            see(&model, x.flip([2]), 2).unwrap(),
        );
        let [n, p, q] = a.masks.dims();
        let [h, w] = a.dense.size;
        let back = b.masks.reshape([n, h, w, q]).flip([2]).reshape([n, p, q]);
        let tolerance = Tolerance::absolute(1e-4);
        a.masks
            .into_data()
            .assert_approx_eq::<f32>(&back.into_data(), tolerance);
        for (a, b) in a.evidence.logits.into_iter().zip(b.evidence.logits) {
            a.into_data()
                .assert_approx_eq::<f32>(&b.into_data(), tolerance);
        }
    }

    #[test]
    fn a_region_that_training_does_not_mirror_is_seen_once() {
        let model = model(Region::LumbarSpine);
        let x = Tensor::<4>::random([1, 32, 32, 3], Distribution::Default, &Device::flex());
        let (a, b) = (see(&model, x.clone(), 1).unwrap(), model.see(x, 1));
        assert_eq!(a.masks.into_data(), b.masks.into_data());
    }
}
