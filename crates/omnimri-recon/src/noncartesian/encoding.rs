//! The multi-coil encoding along a trajectory with samples weighted by the area of k-space they stand for.

use num_complex::Complex32;
use omnimri_image::NonCartesian;
use rayon::prelude::*;

use crate::Result;
use crate::coil_maps::CoilMaps;
use crate::density::density_weights;
use crate::nufft::{Nufft, NufftOptions, ToeplitzNormal};
use crate::operator::LinearOperator;

/// `sqrt(W) F S`: maps, non-uniform Fourier transform, and weights of at most one.
///
/// A sample weighs the area of k-space it stands for in cells of the grid, and one where it stands for more: as on a grid, the
/// normal operator is about the identity where k-space is covered and no larger elsewhere.
pub(crate) struct TrajectoryEncoding {
    maps: CoilMaps,
    nufft: Nufft,
    normal: ToeplitzNormal,
    /// Square roots of the weights, `[sample]`.
    roots: Vec<f32>,
}

impl TrajectoryEncoding {
    /// # Errors
    /// What [`Nufft::new`] and [`density_weights`] refuse.
    pub fn new(data: &NonCartesian, maps: CoilMaps) -> Result<Self> {
        let areas = match &data.density {
            Some(areas) => areas.clone(),
            None => density_weights(&data.coord, data.n_samples, data.size)?,
        };
        let weights: Vec<f32> = areas.iter().map(|a| a.clamp(0.0, 1.0)).collect();
        Ok(Self {
            maps,
            nufft: Nufft::new(&data.coord, data.size, &NufftOptions::default())?,
            normal: ToeplitzNormal::new(&data.coord, Some(&weights), data.size)?,
            roots: weights.iter().map(|w| w.sqrt()).collect(),
        })
    }

    /// Square roots of the weights, `[sample]`.
    pub fn roots(&self) -> &[f32] {
        &self.roots
    }

    /// Samples `[coil][sample]` times the square roots of their weights.
    pub fn weighted(&self, samples: &[Complex32]) -> Vec<Complex32> {
        let coils = samples.par_chunks(self.roots.len());
        coils
            .flat_map_iter(|coil| coil.iter().zip(&self.roots).map(|(v, r)| v * r))
            .collect()
    }

    /// `sum_c conj(S_c) v_c`, coils in their order.
    fn combine(&self, parts: &[Vec<Complex32>]) -> Vec<Complex32> {
        let mut out = vec![Complex32::default(); self.maps.n_y * self.maps.n_x];
        for (part, map) in parts.iter().zip(self.maps.maps.chunks(out.len())) {
            for ((o, v), s) in out.iter_mut().zip(part).zip(map) {
                *o += s.conj() * v;
            }
        }
        out
    }
}

impl LinearOperator for TrajectoryEncoding {
    fn domain(&self) -> Vec<usize> {
        vec![self.maps.n_y, self.maps.n_x]
    }

    fn range(&self) -> Vec<usize> {
        vec![self.maps.n_coils, self.roots.len()]
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.weighted(&self.nufft.forward_batch(&self.maps.coil_images(u)))
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        let weighted = self.weighted(v);
        let parts: Vec<Vec<Complex32>> = weighted
            .par_chunks(self.roots.len())
            .map(|coil| self.nufft.adjoint_batch(coil))
            .collect();
        self.combine(&parts)
    }

    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        let images = self.maps.coil_images(u);
        let parts: Vec<Vec<Complex32>> = images
            .par_chunks(u.len())
            .map(|coil| self.normal.apply(coil))
            .collect();
        self.combine(&parts)
    }
}
