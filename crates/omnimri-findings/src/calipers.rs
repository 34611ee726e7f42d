//! Longest distance between two points of a plane set: convex hull and rotating calipers.

/// Cross product of `b - a` and `c - a`.
fn cross(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Convex hull, counter-clockwise, without points on its edges (Andrew's monotone chain).
pub(crate) fn convex_hull(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut hull: Vec<[f64; 2]> = Vec::with_capacity(points.len() + 1);
    for pass in 0..2 {
        let floor = hull.len().max(1);
        let mut push = |p: [f64; 2]| {
            while hull.len() > floor && cross(hull[hull.len() - 2], hull[hull.len() - 1], p) <= 0.0
            {
                hull.pop();
            }
            hull.push(p);
        };
        if pass == 0 {
            points.iter().copied().for_each(&mut push);
        } else {
            points.iter().rev().skip(1).copied().for_each(&mut push);
        }
    }
    // The last point repeats the first.
    hull.pop();
    hull
}

/// Longest distance between two of the points; 0 for fewer than two.
pub(crate) fn longest_distance(points: Vec<[f64; 2]>) -> f64 {
    let hull = convex_hull(points);
    let n = hull.len();
    if n < 4 {
        return hull
            .iter()
            .flat_map(|&a| hull.iter().map(move |&b| distance(a, b)))
            .fold(0.0, f64::max);
    }
    // The point opposite an edge only moves forward as the edge goes round.
    let (mut best, mut far) = (0.0f64, 1);
    for k in 0..n {
        let next = (k + 1) % n;
        while cross(hull[k], hull[next], hull[(far + 1) % n])
            > cross(hull[k], hull[next], hull[far])
        {
            far = (far + 1) % n;
        }
        // The neighbour is measured too, for edges that are parallel within rounding.
        for other in [far, (far + 1) % n] {
            best = best
                .max(distance(hull[k], hull[other]))
                .max(distance(hull[next], hull[other]));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn square_has_its_diagonal() {
        let points = (0..5).flat_map(|x| (0..5).map(move |y| [f64::from(x), f64::from(y)]));
        let points: Vec<_> = points.collect();
        assert_eq!(convex_hull(points.clone()).len(), 4);
        assert!((longest_distance(points) - 32f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn agrees_with_all_pairs() {
        let mut state = 7u64;
        let mut random = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f64 / f64::from(1 << 24)
        };
        for n in [1, 2, 3, 4, 5, 11, 60] {
            for _ in 0..50 {
                let points: Vec<[f64; 2]> = (0..n).map(|_| [random(), random() * 3.0]).collect();
                let brute = points
                    .iter()
                    .flat_map(|&a| points.iter().map(move |&b| distance(a, b)))
                    .fold(0.0, f64::max);
                assert!((longest_distance(points) - brute).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn collinear_points_have_their_ends() {
        let points = (0..9).map(|k| [f64::from(k), 2.0 * f64::from(k)]).collect();
        assert!((longest_distance(points) - 320f64.sqrt()).abs() < 1e-12);
    }
}
