//! How far masks and boxes overlap.

/// Dice coefficient of two masks of equal length, `2 |a and b| / (|a| + |b|)`; 1 if both are empty.
///
/// `None` if the lengths differ. Source: Dice, Ecology 26 (1945).
///
/// # Shapes
/// - `a`, `b`: any order of voxels, the same for both
pub fn dice(a: impl IntoIterator<Item = bool>, b: impl IntoIterator<Item = bool>) -> Option<f64> {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let (mut both, mut sum) = (0u64, 0u64);
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => {
                both += u64::from(a && b);
                sum += u64::from(a) + u64::from(b);
            }
            (None, None) => break,
            _ => return None,
        }
    }
    Some(if sum == 0 {
        1.0
    } else {
        2.0 * both as f64 / sum as f64
    })
}

/// Intersection over union of two boxes `[x0, y0, x1, y1]` with exclusive ends; 0 for boxes without area or not a number.
pub fn box_iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |b: [f64; 4]| (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0);
    let meet = [
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ];
    let share = area(meet) / (area(a) + area(b) - area(meet));
    let finite = a.iter().chain(&b).all(|v| v.is_finite());
    if finite && share.is_finite() {
        share
    } else {
        0.0
    }
}

/// The smallest box `[x0, y0, x1, y1]` with exclusive ends, in pixels, around a 2D mask `[y][x]` of rows `n_x` long; `None` for
/// an empty mask.
pub fn bounding_box(mask: impl IntoIterator<Item = bool>, n_x: usize) -> Option<[f64; 4]> {
    let mut found: Option<[usize; 4]> = None;
    for (i, _) in mask.into_iter().enumerate().filter(|(_, inside)| *inside) {
        let (y, x) = (i.checked_div(n_x)?, i % n_x);
        found = Some(match found {
            None => [x, y, x + 1, y + 1],
            Some([x0, y0, x1, y1]) => [x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1)],
        });
    }
    found.map(|b| b.map(|v| v as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_by_hand() {
        let a = [true, true, true, false, false];
        let b = [false, true, true, true, false];
        assert_eq!(dice(a, b), Some(4.0 / 6.0));
        assert_eq!(dice(a, a), Some(1.0));
        assert_eq!(dice(a, [false; 5]), Some(0.0));
        assert_eq!(dice([false; 5], [false; 5]), Some(1.0));
        assert_eq!(dice([], []), Some(1.0));
        assert_eq!(dice([true], [true, false]), None);
    }

    #[test]
    fn iou_by_hand() {
        // 2 x 3 and 3 x 2, meeting in 1 x 1: 1 / 11.
        let (a, b) = ([0.0, 0.0, 2.0, 3.0], [1.0, 2.0, 4.0, 4.0]);
        assert!((box_iou(a, b) - 1.0 / 11.0).abs() < 1e-12);
        assert_eq!(box_iou(a, a), 1.0);
        // Exclusive ends: boxes that touch do not overlap.
        assert_eq!(box_iou(a, [2.0, 0.0, 3.0, 3.0]), 0.0);
        assert_eq!(box_iou([1.0; 4], [1.0; 4]), 0.0);
        assert_eq!(box_iou([3.0, 3.0, 1.0, 1.0], a), 0.0);
        assert_eq!(box_iou([f64::NAN, 0.0, 1.0, 1.0], a), 0.0);
    }

    #[test]
    fn boxes_of_masks() {
        // Rows of 5: pixels (1, 0), (3, 2).
        let mask = (0..15).map(|i| i == 1 || i == 13);
        assert_eq!(bounding_box(mask, 5), Some([1.0, 0.0, 4.0, 3.0]));
        assert_eq!(bounding_box([false; 6], 3), None);
        assert_eq!(bounding_box([true], 0), None);
    }
}
