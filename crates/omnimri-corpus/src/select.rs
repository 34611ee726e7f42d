//! The k-th smallest of many numbers, by whole-number keys that sort as the numbers do.

/// The key of a number: keys sort as [`f32::total_cmp`] does.
///
/// The flip of IEEE 754 (2019), section 5.10, done once a number instead of twice a comparison.
fn key(v: f32) -> i32 {
    let bits = v.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

/// The number of a key; the flip undoes itself.
fn number(key: i32) -> f32 {
    let bits = key ^ ((key >> 31).cast_unsigned() >> 1).cast_signed();
    f32::from_bits(bits.cast_unsigned())
}

/// Keys of numbers, of which some are to be found by rank.
#[derive(Debug)]
pub(crate) struct Ranks(Vec<i32>);

impl Ranks {
    /// Of all `values`.
    pub fn of(values: &[f32]) -> Self {
        Self(values.iter().map(|&v| key(v)).collect())
    }

    /// Of the `values` that are `chosen`.
    pub fn of_chosen(values: &[f32], chosen: &[bool]) -> Self {
        // Written whether chosen or not, and overwritten by the next one: no branch that air and tissue mispredict.
        let mut keys = vec![0; values.len().min(chosen.len()) + 1];
        let mut n = 0;
        for (&v, &c) in values.iter().zip(chosen) {
            keys[n] = key(v);
            n += usize::from(c);
        }
        keys.truncate(n);
        Self(keys)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of rank `k`, 0 for the smallest; `None` where there are not so many.
    pub fn at(&mut self, k: usize) -> Option<f32> {
        (k < self.0.len()).then(|| number(*self.0.select_nth_unstable(k).1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_sorting() {
        let values: Vec<f32> = (0..997)
            .map(|k| ((k * 7919) % 1009) as f32 * 0.37 - 120.0)
            .chain([0.0, -0.0, f32::MIN_POSITIVE, -1e30])
            .collect();
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        let mut ranks = Ranks::of(&values);
        for k in [0, 1, 500, 996, 1000] {
            assert_eq!(ranks.at(k).map(f32::to_bits), Some(sorted[k].to_bits()));
        }
        assert_eq!(ranks.at(values.len()), None);
    }

    #[test]
    fn only_the_chosen_are_ranked() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        let mut ranks = Ranks::of_chosen(&values, &[true, false, true, false, true]);
        assert_eq!(ranks.len(), 3);
        assert_eq!([ranks.at(0), ranks.at(2)], [Some(3.0), Some(5.0)]);
        assert_eq!(Ranks::of_chosen(&values, &[false; 5]).at(0), None);
    }
}
