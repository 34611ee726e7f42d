//! How well classes are told apart.

/// Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.
///
/// `None` if one class is missing, a score is not a number, or the lengths differ. Source: Hanley and McNeil, Radiology 143 (1982).
pub fn auroc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.len() != positive.len() || scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut wins, mut positives) = (0usize, 0.0, 0usize);
    let mut at = 0;
    while at < order.len() {
        let mut end = at;
        while end < order.len() && scores[order[end]] == scores[order[at]] {
            end += 1;
        }
        let tied_positive = order[at..end].iter().filter(|i| positive[**i]).count();
        let tied_negative = end - at - tied_positive;
        wins += tied_positive as f64 * (below as f64 + 0.5 * tied_negative as f64);
        below += tied_negative;
        positives += tied_positive;
        at = end;
    }
    (positives > 0 && below > 0).then(|| wins / (positives as f64 * below as f64))
}

/// Counts of (true class, said class), `[truth][said]`, classes from 0 to `classes - 1`.
///
/// `None` if lengths differ or a class is out of range.
pub fn confusion(truth: &[usize], said: &[usize], classes: usize) -> Option<Vec<Vec<usize>>> {
    if truth.len() != said.len() {
        return None;
    }
    let mut counts = vec![vec![0; classes]; classes];
    for (t, s) in truth.iter().zip(said) {
        *counts.get_mut(*t)?.get_mut(*s)? += 1;
    }
    Some(counts)
}

/// Mean over the classes that occur of the share of each that was recognised; `None` where no class occurs.
///
/// # Shapes
/// - `confusion`: `[truth][said]`
pub fn balanced_accuracy(confusion: &[Vec<usize>]) -> Option<f64> {
    let recalls: Vec<f64> = confusion
        .iter()
        .enumerate()
        .filter_map(|(k, row)| {
            let n: usize = row.iter().sum();
            (n > 0).then(|| row.get(k).copied().unwrap_or(0) as f64 / n as f64)
        })
        .collect();
    (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Positives 0.8, 0.4; negatives 0.6, 0.4, 0.1: wins 3, then 1 and a half.
        let scores = [0.8, 0.4, 0.6, 0.4, 0.1];
        let positive = [true, true, false, false, false];
        assert!((auroc(&scores, &positive).unwrap() - 4.5 / 6.0).abs() < 1e-12);
        assert_eq!(auroc(&[1.0, 0.0], &[true, false]), Some(1.0));
        assert_eq!(auroc(&[0.0, 1.0], &[true, false]), Some(0.0));
        assert_eq!(auroc(&[0.5; 4], &[true, false, true, false]), Some(0.5));
        assert_eq!(auroc(&[0.0, -0.0], &[true, false]), Some(0.5));
    }

    #[test]
    fn undefined() {
        assert_eq!(auroc(&[], &[]), None);
        assert_eq!(auroc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auroc(&[0.1, f64::NAN], &[true, false]), None);
        assert_eq!(auroc(&[0.1], &[true, false]), None);
    }

    #[test]
    fn balanced_by_hand() {
        // Class 0: 3 of 4, class 1: 0 of 1, class 2 does not occur.
        let c = confusion(&[0, 0, 0, 0, 1], &[0, 0, 0, 2, 0], 3).unwrap();
        assert_eq!(c, [[3, 0, 1], [1, 0, 0], [0, 0, 0]]);
        assert_eq!(balanced_accuracy(&c), Some(0.375));
        assert_eq!(confusion(&[0], &[3], 3), None);
        assert_eq!(confusion(&[0], &[], 3), None);
        assert_eq!(balanced_accuracy(&[]), None);
    }
}
