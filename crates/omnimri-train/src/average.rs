//! Exponential moving average of the weights (Polyak and Juditsky 1992): what is exported and judged.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::prelude::*;
use omnimri_model::OmniMri;

/// Steps between updates.
pub const EVERY: u64 = 4;

struct Collect(HashMap<ParamId, Vec<f32>>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Ok(values) = param.val().into_data().try_into_vec::<f32>() {
            self.0.insert(param.id, values);
        }
    }
}

struct Blend {
    with: HashMap<ParamId, Vec<f32>>,
    keep: f32,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(new) = self.with.remove(&param.id) else {
            return param;
        };
        let (id, tensor, mapper) = param.consume();
        let (shape, device) = (tensor.dims(), tensor.device());
        let Ok(mut values) = tensor.clone().into_data().try_into_vec::<f32>() else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        for (old, new) in values.iter_mut().zip(&new) {
            *old = self.keep * *old + (1.0 - self.keep) * new;
        }
        let blended = Tensor::from_data(TensorData::new(values, shape), &device);
        Param::from_mapped_value(id, blended, mapper)
    }
}

/// `average` moved towards `model`; both hold the same parameters (same ids), `average` without gradients.
///
/// `step` counts from 0: early on the average forgets faster, so that it does not remember the random start.
pub fn update(average: OmniMri, model: &OmniMri, step: u64) -> OmniMri {
    let mut collect = Collect(HashMap::new());
    model.visit(&mut collect);
    let updates = (step / EVERY) as f32;
    let keep = ((1.0 + updates) / (10.0 + updates)).min(0.995);
    average.map(&mut Blend {
        with: collect.0,
        keep,
    })
}
