//! K-means of grey levels (Lloyd, IEEE Trans Inf Theory 1982;28:129), over their histogram.

/// The cluster of each byte value, 0 the darkest; `n` clusters, fewer where there are fewer values. Starts from quantiles, so
/// that the result is a function of the values alone.
pub(super) fn clusters(values: impl Iterator<Item = u8>, n: usize) -> [u8; 256] {
    const ROUNDS: usize = 30;
    let mut histogram = [0u64; 256];
    for v in values {
        histogram[usize::from(v)] += 1;
    }
    let present: Vec<usize> = (0..256).filter(|v| histogram[*v] > 0).collect();
    let n = n.clamp(1, present.len().max(1));
    // Quantiles of the distinct values: most of an image is one dark value, which is to be one cluster.
    let mut centres: Vec<f64> = (0..n)
        .map(|c| {
            let at = (2 * c + 1) * present.len() / (2 * n);
            present.get(at).map_or(0.0, |v| *v as f64)
        })
        .collect();
    let nearest = |centres: &[f64], v: usize| {
        (0..centres.len()).fold(0, |best, c| {
            let far = |c: usize| (centres[c] - v as f64).abs();
            if far(c) < far(best) { c } else { best }
        })
    };
    for _ in 0..ROUNDS {
        let mut sums = vec![(0.0f64, 0u64); n];
        for &v in &present {
            let c = nearest(&centres, v);
            sums[c].0 += v as f64 * histogram[v] as f64;
            sums[c].1 += histogram[v];
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
            if count > 0 {
                *centre = sum / count as f64;
            }
        }
        centres.sort_by(f64::total_cmp);
    }
    std::array::from_fn(|v| nearest(&centres, v) as u8)
}

#[cfg(test)]
mod tests {
    use super::clusters;

    #[test]
    fn groups_of_values_become_clusters_by_brightness() {
        let values = [0, 0, 0, 0, 1, 2, 90, 92, 95, 96, 200, 210, 205];
        let table = clusters(values.into_iter(), 3);
        assert_eq!([table[1], table[93], table[207]], [0, 1, 2]);
        assert_eq!(clusters(std::iter::empty(), 4)[17], 0);
        assert_eq!(clusters([5u8; 9].into_iter(), 4)[5], 0);
    }
}
