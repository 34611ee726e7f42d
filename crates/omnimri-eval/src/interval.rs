//! Bootstrap intervals that resample whole groups: subjects, images, or blocks of neighbouring slices.
//!
//! Slices of one person are alike, so resampling slices would make intervals too narrow. The percentile bootstrap
//! (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) over groups is used throughout.

use std::collections::HashMap;
use std::hash::Hash;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// A figure with its 95% interval; `None` where it is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The statistic of all items.
    pub value: Option<f64>,
    /// 2.5th percentile of the resamples.
    pub low: Option<f64>,
    /// 97.5th percentile of the resamples.
    pub high: Option<f64>,
    /// Items.
    pub n: usize,
    /// Groups that were resampled.
    pub groups: usize,
}

/// How intervals are drawn. Equal seeds give equal intervals on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Seed of the generator.
    pub seed: u64,
    /// Number of resamples.
    pub draws: usize,
}

impl Bootstrap {
    /// A statistic of items with its interval. `groups` names the group of every item; `statistic` gets the indices of
    /// the items drawn (an item as often as its group was drawn) and returns `None` where it is undefined.
    ///
    /// Resamples in which the statistic is undefined are left out; with fewer than half defined there is no interval.
    pub fn estimate<K: Eq + Hash>(
        &self,
        groups: &[K],
        statistic: impl Fn(&[usize]) -> Option<f64>,
    ) -> Estimate {
        let members = members(groups);
        let all: Vec<usize> = (0..groups.len()).collect();
        let value = statistic(&all).filter(|v| v.is_finite());
        let mut estimate = Estimate {
            value,
            low: None,
            high: None,
            n: groups.len(),
            groups: members.len(),
        };
        if value.is_none() || members.is_empty() {
            return estimate;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut drawn = Vec::with_capacity(groups.len());
        let mut values = Vec::with_capacity(self.draws);
        for _ in 0..self.draws {
            drawn.clear();
            for _ in 0..members.len() {
                drawn.extend_from_slice(&members[rng.random_range(0..members.len())]);
            }
            values.extend(statistic(&drawn).filter(|v| v.is_finite()));
        }
        if 2 * values.len() >= self.draws {
            values.sort_by(f64::total_cmp);
            estimate.low = percentile(&values, 0.025);
            estimate.high = percentile(&values, 0.975);
        }
        estimate
    }

    /// Mean of values with its interval.
    pub fn mean<K: Eq + Hash>(&self, values: &[f64], groups: &[K]) -> Estimate {
        self.of(values, groups, mean)
    }

    /// Mean of the values that are defined, with its interval; `n` counts those.
    pub fn mean_of_defined<K: Eq + Hash + Clone>(
        &self,
        values: &[Option<f64>],
        groups: &[K],
    ) -> Estimate {
        let kept = values.iter().zip(groups);
        let (values, groups): (Vec<f64>, Vec<K>) =
            kept.filter_map(|(v, g)| v.map(|v| (v, g.clone()))).unzip();
        self.mean(&values, &groups)
    }

    /// Median of values with its interval.
    pub fn median<K: Eq + Hash>(&self, values: &[f64], groups: &[K]) -> Estimate {
        self.of(values, groups, median)
    }

    /// Share of `true` with its interval.
    pub fn share<K: Eq + Hash>(&self, values: &[bool], groups: &[K]) -> Estimate {
        let values: Vec<f64> = values.iter().map(|v| f64::from(u8::from(*v))).collect();
        self.mean(&values, groups)
    }

    fn of<K: Eq + Hash>(
        &self,
        values: &[f64],
        groups: &[K],
        statistic: fn(&[f64]) -> Option<f64>,
    ) -> Estimate {
        self.estimate(groups, |drawn| {
            let drawn: Option<Vec<f64>> = drawn.iter().map(|i| values.get(*i).copied()).collect();
            statistic(&drawn?)
        })
    }
}

/// Indices of the items of every group, groups in order of first appearance.
fn members<K: Eq + Hash>(groups: &[K]) -> Vec<Vec<usize>> {
    let mut at: HashMap<&K, usize> = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let k = *at.entry(group).or_insert_with(|| {
            members.push(Vec::new());
            members.len() - 1
        });
        members[k].push(i);
    }
    members
}

/// Mean; `None` for no values or one that is not a number.
pub fn mean(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    mean.is_finite().then_some(mean)
}

/// Median, the mean of the middle two for an even number; `None` for no values or one that is not a number.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

/// The value below which a share of sorted values lies, by linear interpolation between neighbours.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap {
        seed: 3,
        draws: 1000,
    };

    #[test]
    fn mean_and_median_by_hand() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(median(&[6.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[6.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!((mean(&[]), median(&[])), (None, None));
        assert_eq!(
            (mean(&[1.0, f64::NAN]), median(&[f64::NAN, 1.0, 2.0])),
            (None, None)
        );
    }

    #[test]
    fn percentiles_interpolate() {
        let sorted: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.025), Some(0.25));
        assert_eq!(percentile(&sorted, 1.0), Some(10.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn one_group_has_no_width_and_equal_seeds_agree() {
        let values = [0.2, 0.4, 0.9];
        let one = BOOTSTRAP.mean(&values, &["a", "a", "a"]);
        assert_eq!((one.low, one.high, one.groups), (one.value, one.value, 1));
        let three = BOOTSTRAP.mean(&values, &["a", "b", "c"]);
        assert_eq!(three, BOOTSTRAP.mean(&values, &["a", "b", "c"]));
        assert!(three.low < three.value && three.value < three.high);
        let other = Bootstrap {
            seed: 4,
            draws: 1000,
        }
        .mean(&values, &["a", "b", "c"]);
        assert_eq!(other.value, three.value);
    }

    #[test]
    fn whole_groups_widen_the_interval() {
        // Forty items of four alike groups know no more than four items.
        let values: Vec<f64> = (0..40).map(|i| f64::from(i / 10)).collect();
        let groups: Vec<usize> = (0..40).map(|i| i / 10).collect();
        let alone: Vec<usize> = (0..40).collect();
        let width = |e: Estimate| e.high.unwrap() - e.low.unwrap();
        assert!(
            width(BOOTSTRAP.mean(&values, &groups)) > 2.0 * width(BOOTSTRAP.mean(&values, &alone))
        );
    }

    #[test]
    fn the_normal_approximation_is_met() {
        // 100 coin flips, 30 heads: 0.3 +- 1.96 * sqrt(0.21 / 100).
        let flips: Vec<bool> = (0..100).map(|i| i < 30).collect();
        let e = BOOTSTRAP.share(&flips, &(0..100).collect::<Vec<_>>());
        assert!((e.low.unwrap() - 0.21).abs() < 0.02 && (e.high.unwrap() - 0.39).abs() < 0.02);
    }

    #[test]
    fn undefined_statistics_give_no_numbers() {
        let none = BOOTSTRAP.mean(&[], &[] as &[usize]);
        assert_eq!(
            (none.value, none.low, none.n, none.groups),
            (None, None, 0, 0)
        );
        assert_eq!(BOOTSTRAP.mean(&[1.0, f64::NAN], &[0, 1]).value, None);
        // Defined for all items and for few resamples only.
        let rare = BOOTSTRAP.estimate(&[0, 1, 2, 3, 4, 5, 6, 7], |drawn| {
            let mut seen = drawn.to_vec();
            seen.sort_unstable();
            seen.dedup();
            (seen.len() == 8).then_some(1.0)
        });
        assert_eq!((rare.value, rare.low, rare.high), (Some(1.0), None, None));
    }
}
