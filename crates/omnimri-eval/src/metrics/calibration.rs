//! Do probabilities mean what they say?

use serde::Serialize;

/// One row of a reliability table: what was said with a probability in `(low, high]` (the first row holds 0 too).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Lower end, exclusive.
    pub low: f64,
    /// Upper end, inclusive.
    pub high: f64,
    /// How many.
    pub n: usize,
    /// Mean probability; `None` for an empty row.
    pub confidence: Option<f64>,
    /// Share that was right; `None` for an empty row.
    pub accuracy: Option<f64>,
}

/// Expected calibration error with its reliability table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean over all answers of |accuracy - confidence| of their row.
    pub ece: f64,
    /// Rows of equal width from 0 to 1.
    pub bins: Vec<Bin>,
}

/// Calibration of answers given with a probability, in `n_bins` rows of equal width.
///
/// `None` for no answers, no rows, lengths that differ, or a probability outside 0 to 1. Source: Guo et al., On Calibration of
/// Modern Neural Networks (2017).
pub fn calibration(confidence: &[f64], correct: &[bool], n_bins: usize) -> Option<Calibration> {
    if confidence.is_empty()
        || n_bins == 0
        || confidence.len() != correct.len()
        || !confidence.iter().all(|p| (0.0..=1.0).contains(p))
    {
        return None;
    }
    let mut sums = vec![(0usize, 0.0f64, 0usize); n_bins];
    for (p, right) in confidence.iter().zip(correct) {
        let bin = ((p * n_bins as f64).ceil() as usize).clamp(1, n_bins) - 1;
        sums[bin].0 += 1;
        sums[bin].1 += p;
        sums[bin].2 += usize::from(*right);
    }
    let mut ece = 0.0;
    let mut bins = Vec::with_capacity(n_bins);
    for (k, (n, sum, right)) in sums.into_iter().enumerate() {
        ece += (right as f64 - sum).abs() / confidence.len() as f64;
        bins.push(Bin {
            low: k as f64 / n_bins as f64,
            high: (k + 1) as f64 / n_bins as f64,
            n,
            confidence: (n > 0).then(|| sum / n as f64),
            accuracy: (n > 0).then(|| right as f64 / n as f64),
        });
    }
    Some(Calibration { ece, bins })
}

/// Brier score: mean squared difference between the probability that was said and what happened (1 or 0).
///
/// `None` for no answers, lengths that differ, or a probability outside 0 to 1. Source: Brier, Monthly Weather Review 78 (1950).
pub fn brier(probability: &[f64], happened: &[bool]) -> Option<f64> {
    if probability.is_empty()
        || probability.len() != happened.len()
        || !probability.iter().all(|p| (0.0..=1.0).contains(p))
    {
        return None;
    }
    let sum: f64 = probability
        .iter()
        .zip(happened)
        .map(|(p, y)| (p - f64::from(u8::from(*y))).powi(2))
        .sum();
    Some(sum / probability.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // (0.5, 1]: mean 0.8, right 1 of 2, weight 1/2; [0, 0.5]: mean 0.3, right 2 of 2.
        let c = calibration(&[0.9, 0.7, 0.5, 0.1], &[true, false, true, true], 2).unwrap();
        assert!((c.ece - (0.5 * 0.3 + 0.5 * 0.7)).abs() < 1e-12);
        assert_eq!((c.bins[0].n, c.bins[0].accuracy), (2, Some(1.0)));
        assert_eq!((c.bins[1].n, c.bins[1].accuracy), (2, Some(0.5)));
        assert_eq!((c.bins[1].low, c.bins[1].high), (0.5, 1.0));
    }

    #[test]
    fn ends_belong_to_rows_and_empty_rows_say_nothing() {
        let c = calibration(&[0.0, 1.0], &[false, true], 10).unwrap();
        assert_eq!(c.ece, 0.0);
        assert_eq!((c.bins[0].n, c.bins[9].n), (1, 1));
        assert_eq!(
            (c.bins[4].n, c.bins[4].confidence, c.bins[4].accuracy),
            (0, None, None)
        );
    }

    #[test]
    fn undefined() {
        assert_eq!(calibration(&[], &[], 10), None);
        assert_eq!(calibration(&[0.5], &[true], 0), None);
        assert_eq!(calibration(&[f64::NAN], &[true], 10), None);
        assert_eq!(calibration(&[1.5], &[true], 10), None);
        assert_eq!(calibration(&[0.5], &[true, false], 10), None);
    }

    #[test]
    fn brier_by_hand() {
        let score = brier(&[0.8, 0.3, 1.0], &[true, true, false]).unwrap();
        assert!((score - (0.04 + 0.49 + 1.0) / 3.0).abs() < 1e-12);
        assert_eq!(brier(&[], &[]), None);
        assert_eq!(brier(&[1.1], &[true]), None);
        assert_eq!(brier(&[0.5], &[]), None);
    }
}
