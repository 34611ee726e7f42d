//! Boxes: average precision as COCO computes it, and the free-response ROC curve.

use serde::Serialize;

use super::overlap::box_iou;

/// A box that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Index of the image.
    pub image: usize,
    /// How sure; one that is not a number ranks last.
    pub score: f64,
    /// `[x0, y0, x1, y1]`, ends exclusive, in pixels of the image.
    pub bbox: [f64; 4],
}

/// Average precision at one threshold of intersection over union: the mean, over the recalls 0, 0.01, ... 1, of the best
/// precision at that recall or more. `truth[i]` holds the true boxes of image `i`, each of which can be found once.
///
/// Equal scores keep the order given. `None` where no image has a true box. Source: Lin et al., Microsoft COCO (2014), and
/// its evaluation code.
pub fn average_precision(
    detections: &[Detection],
    truth: &[Vec<[f64; 4]>],
    threshold: f64,
) -> Option<f64> {
    const RECALLS: usize = 101;
    let wanted: usize = truth.iter().map(Vec::len).sum();
    if wanted == 0 {
        return None;
    }
    let mut found = 0usize;
    // Recall and precision after each detection.
    let mut curve: Vec<(f64, f64)> = ranked_hits(detections, truth, threshold)
        .into_iter()
        .enumerate()
        .map(|(k, (_, hit))| {
            found += usize::from(hit);
            (found as f64 / wanted as f64, found as f64 / (k + 1) as f64)
        })
        .collect();
    // From the end, so that each point holds the best precision at its recall or more.
    let mut best = 0.0f64;
    for (_, precision) in curve.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    let mut at = 0;
    let mut sum = 0.0;
    for k in 0..RECALLS {
        let recall = k as f64 * (1.0 / (RECALLS - 1) as f64);
        while at < curve.len() && curve[at].0 < recall {
            at += 1;
        }
        sum += curve.get(at).map_or(0.0, |(_, precision)| *precision);
    }
    Some(sum / RECALLS as f64)
}

/// Mean of [`average_precision`] over the thresholds 0.50, 0.55, ... 0.95 (COCO's AP).
pub fn mean_average_precision(detections: &[Detection], truth: &[Vec<[f64; 4]>]) -> Option<f64> {
    const STEPS: usize = 10;
    let mut sum = 0.0;
    for k in 0..STEPS {
        sum += average_precision(detections, truth, 0.5 + 0.05 * k as f64)?;
    }
    Some(sum / STEPS as f64)
}

/// One point of a free-response ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FrocPoint {
    /// Boxes with this score or more count.
    pub score: f64,
    /// False boxes an image.
    pub false_per_image: f64,
    /// Share of the true boxes that were found.
    pub sensitivity: f64,
}

/// The free-response ROC curve, one point a distinct score, the highest first. A box is true where it meets a true box that no
/// higher one has found with an intersection over union of `threshold` or more.
///
/// `None` without images or true boxes. Source: Bunch et al., Proc SPIE 127 (1977); Chakraborty, Medical Physics 16 (1989).
pub fn froc(
    detections: &[Detection],
    truth: &[Vec<[f64; 4]>],
    threshold: f64,
) -> Option<Vec<FrocPoint>> {
    let wanted: usize = truth.iter().map(Vec::len).sum();
    if wanted == 0 {
        return None;
    }
    let (mut found, mut wrong) = (0usize, 0usize);
    let mut curve: Vec<FrocPoint> = Vec::new();
    for (score, hit) in ranked_hits(detections, truth, threshold) {
        found += usize::from(hit);
        wrong += usize::from(!hit);
        let point = FrocPoint {
            score,
            false_per_image: wrong as f64 / truth.len() as f64,
            sensitivity: found as f64 / wanted as f64,
        };
        match curve.last_mut() {
            Some(last) if last.score == score => *last = point,
            _ => curve.push(point),
        }
    }
    Some(curve)
}

/// Sensitivity at a rate of false boxes an image: that of the last point of the curve which does not exceed it; 0 before the
/// first.
pub fn sensitivity_at(curve: &[FrocPoint], false_per_image: f64) -> f64 {
    let within = curve
        .iter()
        .take_while(|p| p.false_per_image <= false_per_image);
    within.last().map_or(0.0, |p| p.sensitivity)
}

/// Scores from the highest, and whether each box finds a true one: of those left in its image the one it meets best.
fn ranked_hits(
    detections: &[Detection],
    truth: &[Vec<[f64; 4]>],
    threshold: f64,
) -> Vec<(f64, bool)> {
    let rank = |d: &Detection| {
        if d.score.is_nan() {
            f64::NEG_INFINITY
        } else {
            d.score
        }
    };
    let mut ranked: Vec<&Detection> = detections.iter().collect();
    ranked.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let mut left: Vec<Vec<[f64; 4]>> = truth.to_vec();
    let mut hits = Vec::with_capacity(ranked.len());
    for d in ranked {
        let best = left.get(d.image).and_then(|boxes| {
            let shares = boxes.iter().map(|b| box_iou(d.bbox, *b)).enumerate();
            shares
                .filter(|(_, share)| *share >= threshold)
                .max_by(|a, b| a.1.total_cmp(&b.1))
        });
        if let Some((k, _)) = best {
            left[d.image].remove(k);
        }
        hits.push((rank(d), best.is_some()));
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: [f64; 4] = [0.0, 0.0, 10.0, 10.0];
    const ELSEWHERE: [f64; 4] = [20.0, 20.0, 30.0, 30.0];

    fn found(image: usize, score: f64, bbox: [f64; 4]) -> Detection {
        Detection { image, score, bbox }
    }

    #[test]
    fn by_hand() {
        let truth = [vec![BOX], vec![BOX]];
        // Hit, miss, hit: precision 1 up to recall 0.5, then 2/3. 51 of 101 recalls are at most 0.5.
        let detections = [
            found(0, 0.9, BOX),
            found(1, 0.8, ELSEWHERE),
            found(1, 0.7, BOX),
        ];
        let expected = (51.0 + 50.0 * 2.0 / 3.0) / 101.0;
        assert!((average_precision(&detections, &truth, 0.5).unwrap() - expected).abs() < 1e-12);
        // One of two found.
        assert!(
            (average_precision(&detections[..1], &truth, 0.5).unwrap() - 51.0 / 101.0).abs()
                < 1e-12
        );
    }

    #[test]
    fn a_second_box_of_one_image_is_a_miss() {
        let twice = [found(0, 0.9, BOX), found(0, 0.8, BOX)];
        assert_eq!(average_precision(&twice, &[vec![BOX]], 0.5), Some(1.0));
        let first_wrong = [found(1, 0.9, BOX), found(0, 0.8, BOX)];
        assert_eq!(
            average_precision(&first_wrong, &[vec![BOX], vec![]], 0.5),
            Some(0.5)
        );
    }

    #[test]
    fn empty_and_odd_input() {
        assert_eq!(average_precision(&[], &[vec![BOX]], 0.5), Some(0.0));
        assert_eq!(
            average_precision(&[found(0, 0.9, BOX)], &[vec![]], 0.5),
            None
        );
        assert_eq!(average_precision(&[], &[], 0.5), None);
        // A box of an image that is not there, and a score that is not a number, only cost precision.
        let odd = [found(7, f64::NAN, BOX), found(0, 0.1, BOX)];
        assert_eq!(average_precision(&odd, &[vec![BOX]], 0.5), Some(1.0));
    }

    #[test]
    fn several_boxes_an_image() {
        let truth = [vec![BOX, ELSEWHERE]];
        let both = [found(0, 0.9, ELSEWHERE), found(0, 0.8, BOX)];
        assert_eq!(average_precision(&both, &truth, 0.5), Some(1.0));
        // One that half fits counts at 0.50 and not at 0.75.
        let loose = [found(0, 0.9, [0.0, 0.0, 10.0, 6.0])];
        assert!((average_precision(&loose, &truth, 0.5).unwrap() - 51.0 / 101.0).abs() < 1e-12);
        assert_eq!(average_precision(&loose, &truth, 0.75), Some(0.0));
        // 0.50, 0.55 and 0.60 of ten thresholds.
        let mean = mean_average_precision(&loose, &truth).unwrap();
        assert!((mean - 0.3 * 51.0 / 101.0).abs() < 1e-12);
    }

    #[test]
    fn froc_by_hand() {
        let truth = [vec![BOX, ELSEWHERE], vec![]];
        let detections = [
            found(0, 0.9, BOX),
            found(1, 0.8, BOX),
            found(0, 0.7, BOX),
            found(0, 0.7, ELSEWHERE),
        ];
        let curve = froc(&detections, &truth, 0.5).unwrap();
        let points: Vec<_> = curve
            .iter()
            .map(|p| (p.score, p.false_per_image, p.sensitivity))
            .collect();
        assert_eq!(points, [(0.9, 0.0, 0.5), (0.8, 0.5, 0.5), (0.7, 1.0, 1.0)]);
        assert_eq!(sensitivity_at(&curve, 0.25), 0.5);
        assert_eq!(sensitivity_at(&curve, 1.0), 1.0);
        assert_eq!(froc(&detections, &[vec![]], 0.5), None);
        assert_eq!(sensitivity_at(&froc(&[], &truth, 0.5).unwrap(), 8.0), 0.0);
    }
}
