//! Fitting what makes probabilities mean what they say: temperature, Platt scaling, thresholds, and logistic regression.

/// Probabilities are kept this far from 0 and 1, so that their logarithms are finite.
const LEAST: f64 = 1e-6;
/// Temperatures looked at: from one to the other.
const TEMPERATURES: [f64; 2] = [0.05, 20.0];
/// Steps of the golden section: the last bracket is below 1e-9 of the first.
const GOLDEN_STEPS: usize = 45;
/// Newton steps of a logistic regression at most.
const NEWTON_STEPS: usize = 100;

/// The fold of every item, `0..k`: whole groups, dealt in order of first appearance.
pub fn folds<K: PartialEq>(groups: &[K], k: usize) -> Vec<usize> {
    let mut seen: Vec<&K> = Vec::new();
    groups
        .iter()
        .map(|group| {
            let at = seen.iter().position(|s| *s == group).unwrap_or_else(|| {
                seen.push(group);
                seen.len() - 1
            });
            at % k.max(1)
        })
        .collect()
}

/// The temperature that makes the true classes most likely: logarithms of the probabilities are divided by it.
///
/// `None` for no items, lengths that differ, or a class out of range. Source: Guo et al., On Calibration of Modern Neural
/// Networks (2017); the likelihood has one maximum in the inverse temperature, found by the golden section.
///
/// # Shapes
/// - `p`: `[item][class]`
pub fn fit_temperature(p: &[Vec<f64>], truth: &[usize]) -> Option<f64> {
    if p.is_empty() || p.len() != truth.len() || p.iter().zip(truth).any(|(p, t)| *t >= p.len()) {
        return None;
    }
    let logs: Vec<Vec<f64>> = p
        .iter()
        .map(|row| row.iter().map(|v| v.clamp(LEAST, 1.0).ln()).collect())
        .collect();
    let loss = |log_t: f64| -> f64 {
        let t = log_t.exp();
        logs.iter()
            .zip(truth)
            .map(|(row, truth)| {
                let sum: f64 = row.iter().map(|l| (l / t).exp()).sum();
                sum.ln() - row[*truth] / t
            })
            .sum()
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let [mut low, mut high] = TEMPERATURES.map(f64::ln);
    for _ in 0..GOLDEN_STEPS {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(a) <= loss(b) {
            high = b;
        } else {
            low = a;
        }
    }
    let t = ((low + high) / 2.0).exp();
    t.is_finite().then_some(t)
}

/// Slope (not below 0) and shift of Platt scaling: log-odds of being right as a line of the log-odds that were said, held to
/// the line of no change by a ridge of weight `ridge`, so that a handful of items cannot bend it far.
///
/// `None` for no items or lengths that differ. Source: Platt, Probabilistic outputs for support vector machines (1999).
pub fn fit_odds(p: &[f64], right: &[bool], ridge: f64) -> Option<(f64, f64)> {
    if p.is_empty() || p.len() != right.len() {
        return None;
    }
    let rows: Vec<Vec<f64>> = p
        .iter()
        .map(|p| {
            let p = p.clamp(LEAST, 1.0 - LEAST);
            vec![(p / (1.0 - p)).ln()]
        })
        .collect();
    let (weights, shift) = fit_logistic(&rows, right, ridge, &[1.0])?;
    let scale = *weights.first()?;
    if scale >= 0.0 {
        return Some((scale, shift));
    }
    // A falling line would turn the order around: the best line that does not is level.
    let share = (right.iter().filter(|r| **r).count() as f64 / right.len() as f64)
        .clamp(LEAST, 1.0 - LEAST);
    Some((0.0, (share / (1.0 - share)).ln()))
}

/// Weights and bias of a logistic regression, by Newton's method with halved steps. The squared distance of the weights from
/// `prior` counts half `ridge` each; the bias is free but for the same ridge towards 0.
///
/// `None` for no items, rows of different lengths, or a system that cannot be solved.
///
/// # Shapes
/// - `rows`: `[item][feature]`; `prior`: `[feature]`
pub fn fit_logistic(
    rows: &[Vec<f64>],
    right: &[bool],
    ridge: f64,
    prior: &[f64],
) -> Option<(Vec<f64>, f64)> {
    let d = prior.len();
    if rows.is_empty() || rows.len() != right.len() || rows.iter().any(|r| r.len() != d) {
        return None;
    }
    let ridge = ridge.max(1e-9);
    // The bias is the last weight, of a feature that is always 1.
    let start: Vec<f64> = prior.iter().copied().chain([0.0]).collect();
    let score = |w: &[f64], row: &[f64]| -> f64 {
        row.iter().zip(w).map(|(x, w)| x * w).sum::<f64>() + w[d]
    };
    let loss = |w: &[f64]| -> f64 {
        let data: f64 = rows
            .iter()
            .zip(right)
            .map(|(row, right)| {
                let s = if *right {
                    score(w, row)
                } else {
                    -score(w, row)
                };
                // log(1 + exp(-s)) without overflow.
                (-s).max(0.0) + (-s.abs()).exp().ln_1p()
            })
            .sum();
        let far: f64 = w.iter().zip(&start).map(|(w, p)| (w - p).powi(2)).sum();
        data + ridge / 2.0 * far
    };
    let mut w = start.clone();
    let mut now = loss(&w);
    for _ in 0..NEWTON_STEPS {
        let mut gradient: Vec<f64> = w.iter().zip(&start).map(|(w, p)| ridge * (w - p)).collect();
        let mut hessian = vec![0.0; (d + 1) * (d + 1)];
        for (row, right) in rows.iter().zip(right) {
            let p = 1.0 / (1.0 + (-score(&w, row)).exp());
            let (error, weight) = (p - f64::from(u8::from(*right)), p * (1.0 - p));
            for i in 0..=d {
                let x = row.get(i).copied().unwrap_or(1.0);
                gradient[i] += error * x;
                for j in 0..=i {
                    hessian[i * (d + 1) + j] += weight * x * row.get(j).copied().unwrap_or(1.0);
                }
            }
        }
        for i in 0..=d {
            hessian[i * (d + 1) + i] += ridge;
        }
        let step = solve(hessian, &gradient)?;
        let mut length = 1.0;
        let mut better = None;
        for _ in 0..30 {
            let next: Vec<f64> = w.iter().zip(&step).map(|(w, s)| w - length * s).collect();
            let value = loss(&next);
            if value < now {
                better = Some((next, value));
                break;
            }
            length /= 2.0;
        }
        let Some((next, value)) = better else { break };
        let gained = now - value;
        (w, now) = (next, value);
        if gained < 1e-12 * now.abs().max(1.0) {
            break;
        }
    }
    let bias = w.pop()?;
    (bias.is_finite() && w.iter().all(|v| v.is_finite())).then_some((w, bias))
}

/// Solves a symmetric positive definite system whose lower triangle is given, by Cholesky's method.
fn solve(mut a: Vec<f64>, b: &[f64]) -> Option<Vec<f64>> {
    let n = b.len();
    for j in 0..n {
        for i in j..n {
            let inner: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let v = a[i * n + j] - inner;
            a[i * n + j] = if i == j {
                if v.is_nan() || v <= 0.0 {
                    return None;
                }
                v.sqrt()
            } else {
                v / a[j * n + j]
            };
        }
    }
    let mut x = b.to_vec();
    for i in 0..n {
        let inner: f64 = (0..i).map(|k| a[i * n + k] * x[k]).sum();
        x[i] = (x[i] - inner) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let inner: f64 = (i + 1..n).map(|k| a[k * n + i] * x[k]).sum();
        x[i] = (x[i] - inner) / a[i * n + i];
    }
    Some(x)
}

/// The least threshold for which at least `wanted` of what is said with that probability or more is right; 1 where there is
/// none, 0 where everything may be said.
pub fn threshold(p: &[f64], right: &[bool], wanted: f64) -> f64 {
    let mut ranked: Vec<(f64, bool)> = p.iter().copied().zip(right.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut n, mut good, mut least) = (0usize, 0usize, 1.0);
    for (k, (p, right)) in ranked.iter().enumerate() {
        n += 1;
        good += usize::from(*right);
        // Equal probabilities are said or kept back together.
        let last = ranked.get(k + 1).is_none_or(|next| next.0 < *p);
        if last && good as f64 >= wanted * n as f64 {
            least = if n == ranked.len() { 0.0 } else { *p };
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_keep_groups_whole() {
        let f = folds(&["a", "b", "a", "c", "d", "b"], 2);
        assert_eq!(f, [0, 1, 0, 0, 1, 1]);
    }

    #[test]
    fn an_overconfident_class_is_cooled_to_its_accuracy() {
        // Said with 0.9 among two classes, right in 3 of 4: odds of 9 must become odds of 3.
        let p = vec![vec![0.9, 0.1]; 4];
        let t = fit_temperature(&p, &[0, 0, 0, 1]).unwrap();
        assert!((t - 9f64.ln() / 3f64.ln()).abs() < 1e-6, "{t}");
        assert_eq!(fit_temperature(&p, &[0, 0, 0, 2]), None);
        assert_eq!(fit_temperature(&[], &[]), None);
    }

    #[test]
    fn odds_meet_the_shares_of_two_levels() {
        // 0.8 is right in 3 of 4 and 0.5 in 1 of 2: a line through two points fits both.
        let p = [0.8, 0.8, 0.8, 0.8, 0.5, 0.5];
        let right = [true, true, true, false, true, false];
        let (scale, shift) = fit_odds(&p, &right, 1e-9).unwrap();
        assert!((scale - 3f64.ln() / 4f64.ln()).abs() < 1e-5 && shift.abs() < 1e-5);
        // Nothing is turned around.
        let (scale, shift) =
            fit_odds(&[0.9, 0.9, 0.1, 0.1], &[false, false, true, true], 1e-9).unwrap();
        assert_eq!((scale, shift), (0.0, 0.0));
        // A strong ridge keeps what was said.
        let (scale, _) = fit_odds(&p, &right, 1e9).unwrap();
        assert!((scale - 1.0).abs() < 1e-6);
        assert_eq!(fit_odds(&[], &[], 1.0), None);
    }

    #[test]
    fn logistic_regression_parts_two_clouds() {
        let rows: Vec<Vec<f64>> = (0..40)
            .map(|k| {
                vec![
                    f64::from(k % 2) * 2.0 + f64::from(k % 5) * 0.3,
                    f64::from(k % 7),
                ]
            })
            .collect();
        let right: Vec<bool> = (0..40).map(|k| k % 2 == 1).collect();
        let (w, bias) = fit_logistic(&rows, &right, 0.1, &[0.0, 0.0]).unwrap();
        let said = rows.iter().map(|r| r[0] * w[0] + r[1] * w[1] + bias > 0.0);
        assert!(said.zip(&right).all(|(s, r)| s == *r));
        assert!(w[0] > 5.0 * w[1].abs(), "{w:?}");
        assert_eq!(fit_logistic(&rows, &right, 0.1, &[0.0]), None);
    }

    #[test]
    fn thresholds_by_hand() {
        let p = [0.9, 0.8, 0.8, 0.6, 0.3];
        let right = [true, true, false, true, false];
        // From the top: 1 of 1, 2 of 3 (ties together), 3 of 4, 3 of 5.
        assert_eq!(threshold(&p, &right, 1.0), 0.9);
        assert_eq!(threshold(&p, &right, 0.75), 0.6);
        assert_eq!(threshold(&p, &right, 0.6), 0.0);
        assert_eq!(threshold(&p, &[false; 5], 0.5), 1.0);
    }
}
