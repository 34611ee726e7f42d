//! Clipping by the global norm of all gradients (Pascanu et al. 2013); Burn's own clips each tensor by itself.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use omnimri_model::OmniMri;

struct SquaredNorm<'a> {
    grads: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(g) = self.grads.get::<D>(param.id)
            && let Ok(values) = g.into_data().try_into_vec::<f32>()
        {
            self.sum += values
                .iter()
                .map(|v| f64::from(*v) * f64::from(*v))
                .sum::<f64>();
        }
    }
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    by: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(g) = self.grads.remove::<D>(param.id) {
            self.grads.register(param.id, g * self.by);
        }
    }
}

/// Scales all gradients so that their global norm is at most `limit`; returns the norm before.
pub fn global_norm(model: &OmniMri, grads: &mut GradientsParams, limit: f64) -> f64 {
    let mut norm = SquaredNorm { grads, sum: 0.0 };
    model.visit(&mut norm);
    let norm = norm.sum.sqrt();
    if norm > limit && norm.is_finite() {
        model.visit(&mut Scale {
            grads,
            by: limit / norm,
        });
    }
    norm
}
