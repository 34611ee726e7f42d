//! Tissue maps of any origin, and the image that a sequence makes of them.

use omnimri_image::Zyx;
use rayon::prelude::*;

use super::phantom::Phantom;
use super::signal::SequenceKind;
use super::tissue::{FieldStrength, Relaxation, Tissue};
use crate::{Error, Result};

/// Proton density and relaxation times of a volume, simulated or measured.
#[derive(Debug, Clone, PartialEq)]
pub struct TissueMaps {
    /// Grid.
    pub size: Zyx<usize>,
    /// One a voxel, `[z][y][x]`.
    pub voxels: Vec<Relaxation>,
}

impl TissueMaps {
    /// From maps of one grid, times in milliseconds.
    ///
    /// # Shapes
    /// - all: `[z][y][x]` of `size`
    ///
    /// # Errors
    /// [`Error::Size`] if a map does not fill the grid, [`Error::OutOfRange`] for a negative or infinite value.
    pub fn new(
        size: Zyx<usize>,
        pd: &[f32],
        t1_ms: &[f32],
        t2_ms: &[f32],
        t2_star_ms: &[f32],
    ) -> Result<Self> {
        for (what, map) in [
            ("proton density map", pd),
            ("T1 map", t1_ms),
            ("T2 map", t2_ms),
            ("T2* map", t2_star_ms),
        ] {
            if map.len() != size.count() {
                return Err(Error::Size {
                    what,
                    expected: size.count(),
                    found: map.len(),
                    hint: "all maps must have one grid",
                });
            }
            if let Some(bad) = map.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
                return Err(Error::OutOfRange {
                    what,
                    min: 0.0,
                    max: f32::MAX.into(),
                    found: (*bad).into(),
                    hint: "times are in milliseconds; mask what was not fitted with zeros",
                });
            }
        }
        let voxels = (0..size.count())
            .map(|i| Relaxation {
                pd: pd[i],
                t1_ms: t1_ms[i],
                t2_ms: t2_ms[i],
                t2_star_ms: t2_star_ms[i],
            })
            .collect();
        Ok(Self { size, voxels })
    }

    /// The maps of the head phantom without contrast agent.
    pub fn of_head(phantom: &Phantom, field: FieldStrength) -> Self {
        let rows = Tissue::ALL.map(|t| t.relaxation(field, 0.0));
        let size = Zyx::new(phantom.n_z, phantom.n_y, phantom.n_x);
        Self::mixed(size, &phantom.fractions, &rows)
    }

    /// Means over the parts of every voxel: of proton densities, and of rates weighted with them.
    pub(super) fn mixed(size: Zyx<usize>, fractions: &[f32], rows: &[Relaxation]) -> Self {
        let voxels = fractions
            .par_chunks(rows.len().max(1))
            .with_min_len(4096)
            .map(|parts| {
                let (mut pd, mut weight, mut rate) = (0.0f32, 0.0f32, [0.0f32; 3]);
                for (f, r) in parts.iter().zip(rows) {
                    // A little weight for what has no protons keeps the rates of empty voxels finite.
                    let w = f * (r.pd + 1e-6);
                    pd += f * r.pd;
                    weight += w;
                    for (sum, t) in rate.iter_mut().zip([r.t1_ms, r.t2_ms, r.t2_star_ms]) {
                        *sum += w / t;
                    }
                }
                let [t1_ms, t2_ms, t2_star_ms] = rate.map(|r| weight / r.max(1e-12));
                Relaxation {
                    pd,
                    t1_ms,
                    t2_ms,
                    t2_star_ms,
                }
            })
            .collect();
        Self { size, voxels }
    }

    /// Signal of every voxel, `[z][y][x]`; zero where a relaxation time is.
    pub fn signal(&self, kind: &SequenceKind) -> Vec<f32> {
        self.voxels
            .par_iter()
            .with_min_len(4096)
            .map(|r| {
                let known = r.t1_ms > 0.0 && r.t2_ms > 0.0 && r.t2_star_ms > 0.0;
                if known { kind.signal(r) } else { 0.0 }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Cut, HeadSpec, Sequence, render, slice};

    #[test]
    fn maps_of_the_head_give_the_image_of_the_head() {
        let spec = HeadSpec {
            bias: 0.0,
            ..HeadSpec::average(2)
        };
        let phantom = slice(&spec, Cut::axial(10.0, 3.0), 70, 61).unwrap();
        let sequence = Sequence::t1();
        let maps = TissueMaps::of_head(&phantom, sequence.field);
        let (a, b) = (maps.signal(&sequence.kind), render(&phantom, &sequence));
        let error: f32 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
        let whole: f32 = b.iter().map(|v| v * v).sum();
        assert!((error / whole).sqrt() < 0.08, "{}", (error / whole).sqrt());
    }

    #[test]
    fn maps_that_do_not_fit_are_refused() {
        let size = Zyx::new(1, 2, 2);
        let good = [1.0; 4];
        assert!(TissueMaps::new(size, &good, &good, &good, &good).is_ok());
        assert!(TissueMaps::new(size, &good[1..], &good, &good, &good).is_err());
        assert!(TissueMaps::new(size, &good, &[f32::NAN; 4], &good, &good).is_err());
        let none = TissueMaps::new(size, &good, &[0.0; 4], &good, &good).unwrap();
        assert!(none.signal(&Sequence::t2().kind).iter().all(|v| *v == 0.0));
    }
}
