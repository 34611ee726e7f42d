//! Non-uniform Fourier transforms: images to samples anywhere in k-space and back, in 2D and 3D.
//!
//! The image is divided by the transform of a short kernel, padded and transformed, and the kernel interpolates between grid
//! samples: Fessler and Sutton, IEEE Trans Signal Process 2003;51:560, with the kernel of Barnett, Magland and af
//! Klinteberg, SIAM J Sci Comput 2019;41:C479. Convention as [`omnimri_image::NonCartesian`]: on grid points these are the transforms of
//! [`crate::CentredFft`].

mod grid;
mod kernel;
mod padded;
#[cfg(test)]
mod tests;
mod toeplitz;

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;

use crate::operator::LinearOperator;
use crate::{Error, Result};

use grid::Gridder;
use kernel::Kernel;
use padded::{PaddedFft, fast_length};
pub use toeplitz::ToeplitzNormal;

/// Longest image axis.
const MAX_AXIS: usize = 4096;
/// Most grid samples: 4 GiB of complex numbers.
const MAX_GRID: usize = 1 << 29;

/// How exact and on which grid.
#[derive(Debug, Clone, PartialEq)]
pub struct NufftOptions {
    /// Error relative to the exact sum, 1e-6 to 0.1; single precision ends near 1e-6, at an oversampling of 1.25 near 1.5e-5.
    pub tolerance: f64,
    /// Grid length over image length, 1.25 to 2; chosen for speed from the number of samples if `None`.
    pub oversampling: Option<f64>,
}

impl Default for NufftOptions {
    fn default() -> Self {
        Self {
            tolerance: 3.2e-6,
            oversampling: None,
        }
    }
}

/// The transform of one image matrix at fixed sample positions.
///
/// As a [`LinearOperator`] its domain is `[z, y, x]` and its range `[n_samples]`.
#[derive(Debug)]
pub struct Nufft {
    fft: PaddedFft,
    gridder: Gridder,
    /// Over the kernel's transform, x, y, z; all factors of scale are in x.
    deapodisation: [Vec<f32>; 3],
}

impl Nufft {
    /// Plans the transform.
    ///
    /// # Shapes
    /// - `coord`: `[sample]`, axes `z, y, x`, in cycles per field of view; periodic with the matrix
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a matrix or setting outside what is supported, [`Error::Trajectory`] for positions that are not finite
    /// or that leave the plane of a 2D matrix.
    pub fn new(coord: &[[f32; 3]], size: Zyx<usize>, options: &NufftOptions) -> Result<Self> {
        check_matrix(size)?;
        check_range("tolerance", options.tolerance, 1e-6, 0.1)?;
        if let Some(oversampling) = options.oversampling {
            check_range("oversampling", oversampling, 1.25, 2.0)?;
        }
        if coord.len() > u32::MAX as usize {
            return Err(Error::OutOfRange {
                what: "samples",
                min: 1.0,
                max: f64::from(u32::MAX),
                found: coord.len() as f64,
                hint: "reconstruct fewer readouts at once",
            });
        }
        let not_finite = coord.iter().flatten().filter(|k| !k.is_finite()).count();
        if not_finite > 0 {
            return Err(Error::Trajectory {
                found: format!("{not_finite} coordinates that are NaN or infinite"),
                hint: "remove those readouts",
            });
        }
        if size.z == 1 && coord.iter().any(|k| k[0] != 0.0) {
            return Err(Error::Trajectory {
                found: "samples outside the plane z = 0 for a 2D matrix".to_owned(),
                hint: "give the matrix along z, or order the axes z, y, x",
            });
        }
        let oversampling = options
            .oversampling
            .unwrap_or_else(|| cheapest(coord.len(), size, options.tolerance));
        let kernel = Kernel::new(options.tolerance, oversampling);
        let length = |n: usize| {
            fast_length(((n as f64 * oversampling).ceil() as usize).max(2 * kernel.width))
        };
        let big = Zyx {
            z: if size.z == 1 { 1 } else { length(size.z) },
            y: length(size.y),
            x: length(size.x),
        };
        if big.z.saturating_mul(big.y).saturating_mul(big.x) > MAX_GRID {
            return Err(Error::OutOfRange {
                what: "grid samples",
                min: 1.0,
                max: MAX_GRID as f64,
                found: big.z as f64 * big.y as f64 * big.x as f64,
                hint: "reconstruct a smaller matrix",
            });
        }
        let scale = 1.0 / ((size.z * size.y * size.x) as f64).sqrt();
        let deapodisation = [
            deapodisation(&kernel, size.x, big.x, scale),
            deapodisation(&kernel, size.y, big.y, 1.0),
            if size.z == 1 {
                vec![1.0]
            } else {
                deapodisation(&kernel, size.z, big.z, 1.0)
            },
        ];
        // The grid's axes are reversed; a 2D grid has its plane in the two fastest ones.
        let per_cycle = [
            big.z as f64 / size.z as f64,
            big.y as f64 / size.y as f64,
            big.x as f64 / size.x as f64,
        ];
        let at = |k: &[f32; 3]| {
            let g = [0, 1, 2].map(|axis| f64::from(k[axis]) * per_cycle[axis]);
            if size.z == 1 {
                [0.0, g[2], g[1]]
            } else {
                [g[2], g[1], g[0]]
            }
        };
        let shape = if size.z == 1 {
            [1, big.x, big.y]
        } else {
            [big.x, big.y, big.z]
        };
        let gridder = Gridder::new(kernel, shape, coord.iter().map(at));
        Ok(Self {
            fft: PaddedFft::new(size, big),
            gridder,
            deapodisation,
        })
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.gridder.n_points()
    }

    /// Image matrix.
    pub fn size(&self) -> Zyx<usize> {
        self.fft.small
    }

    /// Grid matrix.
    pub fn grid_size(&self) -> Zyx<usize> {
        self.fft.big
    }

    /// Samples of images (type 2).
    ///
    /// # Shapes
    /// - `images`: `[batch][z][y][x]`
    /// - returns `[batch][sample]`
    pub fn forward_batch(&self, images: &[Complex32]) -> Vec<Complex32> {
        let n_pixels = self.fft.image_len();
        let mut out = vec![Complex32::default(); images.len() / n_pixels * self.n_samples()];
        if self.n_samples() == 0 {
            return out;
        }
        out.par_chunks_mut(self.n_samples())
            .zip(images.par_chunks(n_pixels))
            .for_each(|(out, image)| {
                let mut scaled = image.to_vec();
                self.deapodise(&mut scaled);
                let grid = self.fft.forward(&scaled);
                self.gridder.interpolate(&grid, out);
            });
        out
    }

    /// Images of samples (type 1), the adjoint of [`Self::forward_batch`].
    ///
    /// # Shapes
    /// - `samples`: `[batch][sample]`
    /// - returns `[batch][z][y][x]`
    pub fn adjoint_batch(&self, samples: &[Complex32]) -> Vec<Complex32> {
        let n_pixels = self.fft.image_len();
        let n_batch = samples.len().checked_div(self.n_samples()).unwrap_or(1);
        let mut out = vec![Complex32::default(); n_batch * n_pixels];
        if self.n_samples() == 0 {
            return out;
        }
        out.par_chunks_mut(n_pixels)
            .zip(samples.par_chunks(self.n_samples()))
            .for_each(|(out, samples)| {
                let image = self.fft.adjoint(self.gridder.spread(samples));
                out.copy_from_slice(&image);
                self.deapodise(out);
            });
        out
    }

    /// The kernel summed over all weighted samples, at every sample: what Pipe and Menon's iteration divides by.
    pub(crate) fn kernel_density(&self, weights: &[Complex32]) -> Vec<Complex32> {
        let grid = self.gridder.spread(weights);
        let mut out = vec![Complex32::default(); weights.len()];
        self.gridder.interpolate(&grid, &mut out);
        out
    }

    /// Integral of the kernel over the grid, in grid samples: the density that one sample a grid sample makes.
    pub(crate) fn kernel_volume(&self) -> f32 {
        let axes = if self.size().z == 1 { 2 } else { 3 };
        // The density kernel is the kernel convolved with itself.
        self.gridder.kernel_integral().powi(2 * axes) as f32
    }

    fn deapodise(&self, image: &mut [Complex32]) {
        let [dx, dy, dz] = &self.deapodisation;
        image
            .par_chunks_mut(dx.len())
            .with_min_len(64)
            .enumerate()
            .for_each(|(row, line)| {
                let scale = dy[row % dy.len()] * dz[row / dy.len()];
                for (v, d) in line.iter_mut().zip(dx) {
                    *v *= scale * d;
                }
            });
    }
}

impl LinearOperator for Nufft {
    fn domain(&self) -> Vec<usize> {
        let size = self.size();
        vec![size.z, size.y, size.x]
    }

    fn range(&self) -> Vec<usize> {
        vec![self.n_samples()]
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.forward_batch(u)
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        self.adjoint_batch(v)
    }
}

fn check_range(what: &'static str, found: f64, min: f64, max: f64) -> Result<()> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(Error::OutOfRange {
        what,
        min,
        max,
        found,
        hint: "leave it out to have it chosen",
    })
}

/// Refuses a matrix with an empty or absurd axis.
pub(crate) fn check_matrix(size: Zyx<usize>) -> Result<()> {
    for (what, n) in [
        ("matrix along z", size.z),
        ("matrix rows", size.y),
        ("matrix columns", size.x),
    ] {
        if n == 0 || n > MAX_AXIS {
            return Err(Error::OutOfRange {
                what,
                min: 1.0,
                max: MAX_AXIS as f64,
                found: n as f64,
                hint: "check the order of the axes",
            });
        }
    }
    Ok(())
}

fn deapodisation(kernel: &Kernel, n: usize, big: usize, scale: f64) -> Vec<f32> {
    (0..n)
        .map(|i| {
            let p = i as f64 - (n / 2) as f64;
            (scale / kernel.transform(p / big as f64)) as f32
        })
        .collect()
}

/// The oversampling whose transforms cost least: a finer grid has narrower kernels but longer transforms.
fn cheapest(n_samples: usize, size: Zyx<usize>, tolerance: f64) -> f64 {
    let axes = if size.z == 1 { 2 } else { 3 };
    let cost = |oversampling: f64| {
        let width = Kernel::new(tolerance, oversampling).width;
        // A row of taps is worth about one grid sample of a transform.
        let rows = width.pow(axes - 1) * width.div_ceil(8) + 8;
        let grid = (size.z * size.y * size.x) as f64 * oversampling.powi(axes as i32);
        n_samples as f64 * rows as f64 + 4.0 * grid
    };
    [2.0, 1.5]
        .into_iter()
        .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
        .unwrap_or(2.0)
}
