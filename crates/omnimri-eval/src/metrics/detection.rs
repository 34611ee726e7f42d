//! Average precision of boxes, as COCO computes it.

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
/// precision at that recall or more. At most one true box an image; `truth[i]` is that of image `i`.
///
/// Equal scores keep the order given. `None` where no image has a true box. Source: Lin et al., Microsoft COCO (2014), and
/// its evaluation code.
pub fn average_precision(
    detections: &[Detection],
    truth: &[Option<[f64; 4]>],
    threshold: f64,
) -> Option<f64> {
    const RECALLS: usize = 101;
    let wanted = truth.iter().flatten().count();
    if wanted == 0 {
        return None;
    }
    let rank = |d: &Detection| {
        if d.score.is_nan() {
            f64::NEG_INFINITY
        } else {
            d.score
        }
    };
    let mut ranked: Vec<&Detection> = detections.iter().collect();
    ranked.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let mut hit = vec![false; truth.len()];
    let mut found = 0usize;
    // Recall and precision after each detection.
    let mut curve = Vec::with_capacity(ranked.len());
    for (k, d) in ranked.into_iter().enumerate() {
        if let Some(Some(truth)) = truth.get(d.image)
            && !hit[d.image]
            && box_iou(d.bbox, *truth) >= threshold
        {
            hit[d.image] = true;
            found += 1;
        }
        curve.push((found as f64 / wanted as f64, found as f64 / (k + 1) as f64));
    }
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
        let truth = [Some(BOX), Some(BOX)];
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
        assert_eq!(average_precision(&twice, &[Some(BOX)], 0.5), Some(1.0));
        let first_wrong = [found(1, 0.9, BOX), found(0, 0.8, BOX)];
        assert_eq!(
            average_precision(&first_wrong, &[Some(BOX), None], 0.5),
            Some(0.5)
        );
    }

    #[test]
    fn empty_and_odd_input() {
        assert_eq!(average_precision(&[], &[Some(BOX)], 0.5), Some(0.0));
        assert_eq!(average_precision(&[found(0, 0.9, BOX)], &[None], 0.5), None);
        assert_eq!(average_precision(&[], &[], 0.5), None);
        // A box of an image that is not there, and a score that is not a number, only cost precision.
        let odd = [found(7, f64::NAN, BOX), found(0, 0.1, BOX)];
        assert_eq!(average_precision(&odd, &[Some(BOX)], 0.5), Some(1.0));
    }
}
