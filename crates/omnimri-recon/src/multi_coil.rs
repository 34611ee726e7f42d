//! A solved multi-coil problem as methods that refine its image see it, on a grid or along a trajectory.

use std::collections::HashSet;
use std::sync::Arc;

use num_complex::Complex32;
use omnimri_image::NonCartesian;

use crate::Result;
use crate::coil_maps::CoilMaps;
use crate::noncartesian::TrajectoryEncoding;
use crate::operator::{CartesianSenseOp, LinearOperator};
use crate::sense::SenseSetup;

/// A conventional image, the samples it came from and the encoding between them.
pub struct MultiCoil {
    /// The encoding `A`, from an image `[y][x]` to the samples of every coil; its normal operator is about one where the coils see.
    pub operator: Arc<dyn LinearOperator + Send + Sync>,
    /// The samples `y` in the operator's range and scale; zero where nothing was measured.
    pub measured: Vec<Complex32>,
    /// Samples measured, of all coils.
    pub n_measured: usize,
    /// The conventional image, `[y][x]`.
    pub initial: Vec<Complex32>,
    /// Rows and columns of the image.
    pub size: (usize, usize),
    /// Square roots of the weights that the operator gives its samples, `[sample]` of every coil alike; empty on a grid.
    pub roots: Vec<f32>,
    /// Noise variance of a sample before its weight.
    pub noise_variance: f64,
    /// Noise variance of a cell of k-space: less than a sample's where several samples share one.
    pub cell_variance: f64,
    /// Coils.
    pub n_coils: usize,
    /// Cells of the k-space grid over those that hold a sample.
    pub acceleration: f64,
    /// Do the samples lie on the grid?
    pub on_grid: bool,
}

impl MultiCoil {
    /// A slice on a grid, and its samples `[coil][y][x]` in the units of `setup`.
    ///
    /// # Errors
    /// [`crate::Error::Size`] if mask and maps differ in size.
    pub fn of_grid(setup: &SenseSetup, measured: Vec<Complex32>) -> Result<Self> {
        let mask = setup.operator.mask();
        let n_measured = mask.iter().filter(|m| **m).count();
        let acceleration = mask.len() as f64 / n_measured.max(1) as f64;
        let maps = setup.maps();
        Ok(Self {
            n_measured: n_measured * maps.n_coils,
            initial: setup.initial.clone(),
            size: (maps.n_y, maps.n_x),
            roots: Vec::new(),
            noise_variance: setup.noise_variance,
            cell_variance: setup.noise_variance,
            n_coils: maps.n_coils,
            acceleration,
            on_grid: true,
            operator: Arc::new(CartesianSenseOp::new(maps.clone(), mask.to_vec())?),
            measured,
        })
    }

    /// Samples along a trajectory, their coil maps and the conventional image.
    ///
    /// # Errors
    /// What the non-uniform Fourier transform and its density compensation refuse.
    pub(crate) fn of_trajectory(
        data: &NonCartesian,
        maps: CoilMaps,
        initial: Vec<Complex32>,
        noise_variance: f64,
    ) -> Result<Self> {
        let encoding = TrajectoryEncoding::new(data, maps)?;
        let weights = || encoding.roots().iter().map(|r| f64::from(r * r));
        let share = weights().map(|w| w * w).sum::<f64>() / weights().sum::<f64>().max(1e-12);
        Ok(Self {
            measured: encoding.weighted(&data.samples),
            n_measured: data.samples.len(),
            initial,
            size: (data.size.y, data.size.x),
            roots: encoding.roots().to_vec(),
            noise_variance,
            cell_variance: noise_variance * share,
            n_coils: data.n_coils,
            acceleration: trajectory_acceleration(data),
            on_grid: false,
            operator: Arc::new(encoding),
        })
    }

    /// Mean squared difference of the measured samples, before any weight, from those that `image` would give.
    pub fn residual_variance(&self, image: &[Complex32]) -> f64 {
        let predicted = self.operator.forward(image);
        let differences = predicted.iter().zip(&self.measured);
        let squares = differences.map(|(p, y)| f64::from((p - y).norm_sqr()));
        let sum: f64 = if self.roots.is_empty() {
            squares.sum()
        } else {
            // A sample that weighs nothing says nothing.
            squares
                .zip(self.roots.iter().cycle())
                .filter(|(_, r)| **r > 1e-3)
                .map(|(s, r)| s / f64::from(r * r))
                .sum()
        };
        sum / self.n_measured.max(1) as f64
    }
}

/// Cells of the k-space grid over those that a trajectory visits: oversampled readouts do not count twice.
pub(crate) fn trajectory_acceleration(data: &NonCartesian) -> f64 {
    let visited: HashSet<[i32; 3]> = data
        .coord
        .iter()
        .map(|k| k.map(|v| v.round() as i32))
        .collect();
    data.size.count() as f64 / visited.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_image::Zyx;

    #[test]
    fn an_oversampled_readout_is_no_second_line() {
        let line = |per: usize| -> Vec<[f32; 3]> {
            (0..16 * per)
                .map(|i| [0.0, 3.0, i as f32 / per as f32 - 7.9])
                .collect()
        };
        let data = |coord: Vec<[f32; 3]>| NonCartesian {
            samples: vec![Complex32::ONE; coord.len()],
            n_coils: 1,
            n_readouts: 1,
            n_samples: coord.len(),
            coord,
            density: None,
            size: Zyx::new(1, 16, 16),
        };
        let once = trajectory_acceleration(&data(line(1)));
        let twice = trajectory_acceleration(&data(line(2)));
        assert!((once - 16.0).abs() < 1e-9, "{once}");
        assert!((twice - once).abs() < 1.0, "{twice}");
    }
}
