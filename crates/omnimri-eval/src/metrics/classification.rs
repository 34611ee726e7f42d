//! How well scores tell two classes apart.

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
}
