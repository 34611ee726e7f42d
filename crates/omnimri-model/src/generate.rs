//! Greedy decoding with a key and value cache.

use burn::prelude::*;
use burn::tensor::activation::softmax;

use crate::error::{Error, Result};
use crate::language::{KvCache, LanguageModel};
use crate::tokenizer::Special;

/// What was decoded.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Ids of the answer, without the end token.
    pub ids: Vec<u32>,
    /// Geometric mean of the tokens' probabilities.
    pub probability: f64,
    /// Hidden state `[1, hidden_size]` at the first `<seg>`.
    pub seg: Option<Tensor<2>>,
    /// True if the end token came before the limit.
    pub finished: bool,
}

/// Decodes an answer after `visual` (`[1, v, hidden_size]`) and `prompt`.
///
/// # Errors
/// [`Error::TooLong`] if the sequence does not fit the model.
pub fn greedy(
    model: &LanguageModel,
    special: &Special,
    visual: Tensor<3>,
    prompt: &[u32],
    (limit, longest): (usize, usize),
) -> Result<Decoded> {
    let device = visual.device();
    let found = visual.dims()[1] + prompt.len() + limit;
    if found > longest {
        return Err(Error::TooLong {
            expected: longest,
            found,
        });
    }
    let embed = |ids: &[u32]| {
        let ids: Vec<i32> = ids.iter().map(|i| *i as i32).collect();
        let n = ids.len();
        model.embed(Tensor::<2, Int>::from_data(
            TensorData::new(ids, [1, n]),
            &device,
        ))
    };
    let mut cache = KvCache::default();
    let mut input = Tensor::cat(vec![visual, embed(prompt)], 1);
    let mut out = Decoded {
        ids: Vec::new(),
        probability: 1.0,
        seg: None,
        finished: false,
    };
    let mut log_sum = 0.0;
    for _ in 0..limit {
        let [_, t, d] = input.dims();
        let hidden = model
            .forward(input, Some(&mut cache))
            .slice([0..1, t - 1..t, 0..d]);
        if out.seg.is_none() && out.ids.last() == Some(&special.seg) {
            out.seg = Some(hidden.clone().reshape([1, d]));
        }
        let logits = model.logits(hidden);
        let v = logits.dims()[2];
        let p = softmax(logits.reshape([1, v]), 1)
            .try_into_data()
            .map_err(|e| Error::Tensor(e.to_string()))?
            .try_into_vec::<f32>()
            .map_err(|e| Error::Tensor(e.to_string()))?;
        let (best, probability) = p
            .iter()
            .enumerate()
            .fold((0, 0.0f32), |b, (i, v)| if *v > b.1 { (i, *v) } else { b });
        log_sum += f64::from(probability.max(1e-12)).ln();
        let id = best as u32;
        if id == special.eos {
            out.finished = true;
            break;
        }
        out.ids.push(id);
        input = embed(&[id]);
    }
    out.probability = (log_sum / (out.ids.len() + usize::from(out.finished)).max(1) as f64).exp();
    Ok(out)
}
