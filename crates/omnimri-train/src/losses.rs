//! Training objectives.

use burn::prelude::*;
use burn::tensor::activation::{log_softmax, sigmoid};

/// Binary cross-entropy and soft Dice (Milletari et al. 2016) of masks.
///
/// # Shapes
/// - `logits`, `target`: `[n, pixels, tasks]`, targets between 0 and 1 (share of the cell)
pub fn masks(logits: Tensor<3>, target: Tensor<3>) -> Tensor<1> {
    let bce = logits.clone().clamp_min(0.0) - logits.clone() * target.clone()
        + (-logits.clone().abs()).exp().log1p();
    let p = sigmoid(logits);
    let sum = |x: Tensor<3>| x.sum_dim(1);
    let size = sum(target.clone());
    let overlap = sum(p.clone() * target) * 2.0 + 1.0;
    let dice = -(overlap / (sum(p) + size.clone() + 1.0)) + 1.0;
    // Where nothing is outlined, only the cross-entropy speaks.
    let present = size.greater_scalar(0.5).float();
    let count = present.clone().sum().clamp_min(1.0);
    bce.mean() * 4.0 + (dice * present).sum() / count
}

/// Cross-entropy over the rows that have a target.
///
/// # Shapes
/// - `logits`: `[n, classes]`; `targets`: one class a row, `None` where unknown
pub fn classes(logits: Tensor<2>, targets: &[Option<usize>]) -> Option<Tensor<1>> {
    let known = targets.iter().flatten().count();
    if known == 0 {
        return None;
    }
    let [n, c] = logits.dims();
    let mut one_hot = vec![0.0f32; n * c];
    // A little smoothing keeps probabilities honest.
    const SMOOTHING: f32 = 0.03;
    for (row, target) in one_hot.chunks_exact_mut(c).zip(targets) {
        if let Some(k) = target {
            row.fill(SMOOTHING / c as f32);
            row[*k] += 1.0 - SMOOTHING;
        }
    }
    let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [n, c]), &logits.device());
    Some(-(log_softmax(logits, 1) * one_hot).sum() / known as f64)
}

/// Mean cross-entropy of next tokens where `weight` is not zero.
///
/// # Shapes
/// - `logits`: `[b, t, vocab]`; `targets`, `weight`: `[b * t]`
pub fn next_tokens(logits: Tensor<3>, targets: Vec<i32>, weight: Vec<f32>) -> Tensor<1> {
    let [b, t, v] = logits.dims();
    let device = logits.device();
    let total = weight.iter().sum::<f32>().max(1.0);
    let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [b * t, 1]), &device);
    let weight = Tensor::<2>::from_data(TensorData::new(weight, [b * t, 1]), &device);
    let picked = log_softmax(logits.reshape([b * t, v]), 1).gather(1, targets);
    -(picked * weight).sum() / f64::from(total)
}

/// Mean absolute difference.
pub fn l1<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<1> {
    (a - b).abs().mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_masks_cost_little_and_empty_ones_no_dice() {
        let device = Device::flex();
        let target = Tensor::<3>::from_data([[[1.0], [0.0], [1.0]]], &device);
        let good = Tensor::<3>::from_data([[[9.0], [-9.0], [9.0]]], &device);
        assert!(
            masks(good.clone(), target)
                .try_into_scalar::<f32>()
                .unwrap()
                < 1e-2
        );
        let none = Tensor::<3>::zeros([1, 3, 1], &device);
        assert!(masks(-good.abs(), none).try_into_scalar::<f32>().unwrap() < 1e-2);
    }

    #[test]
    fn unknown_classes_do_not_count() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_data([[0.0, 0.0], [5.0, -5.0]], &device);
        assert!(classes(logits.clone(), &[None, None]).is_none());
        let one = classes(logits, &[Some(0), None])
            .unwrap()
            .try_into_scalar::<f32>()
            .unwrap();
        assert!((one - 2.0f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn next_token_loss_is_the_mean_over_weighted_positions() {
        let device = Device::flex();
        let logits = Tensor::<3>::from_data([[[0.0, 0.0, 0.0], [8.0, 0.0, 0.0]]], &device);
        let loss = next_tokens(logits, vec![1, 0], vec![1.0, 0.0]);
        assert!((loss.try_into_scalar::<f32>().unwrap() - 3.0f32.ln()).abs() < 1e-5);
    }
}
