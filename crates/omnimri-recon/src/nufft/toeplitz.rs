//! The normal operator of a non-uniform transform as a convolution.
//!
//! `A^H W A` depends on the difference of two pixels only, so it is a circular convolution on a matrix twice as large with a kernel that
//! a transform gives once (Wajer and Pruessmann, ISMRM 2001:767; Fessler et al., IEEE Trans Signal Process 2005;53:3393).

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;

use super::padded::{PaddedFft, fast_length};
use super::{Nufft, NufftOptions, check_matrix};
use crate::Result;
use crate::operator::LinearOperator;

/// `A^H W A` of a [`Nufft`] `A` with real weights `W` a sample. Domain and range `[z, y, x]`; it is its own adjoint.
#[derive(Debug)]
pub struct ToeplitzNormal {
    fft: PaddedFft,
    /// Transform of the point spread, real, with the scale of the inverse transform.
    kernel: Vec<f32>,
}

impl ToeplitzNormal {
    /// Plans the operator; weights are one without `weights`.
    ///
    /// # Shapes
    /// - `coord`: as [`Nufft::new`]
    /// - `weights`: `[sample]`
    ///
    /// # Errors
    /// See [`Nufft::new`].
    pub fn new(coord: &[[f32; 3]], weights: Option<&[f32]>, size: Zyx<usize>) -> Result<Self> {
        check_matrix(size)?;
        let twice = |n: usize| if n == 1 { 1 } else { 2 * n };
        let double = Zyx {
            z: twice(size.z),
            y: twice(size.y),
            x: twice(size.x),
        };
        let stretch = [double.z / size.z, double.y / size.y, double.x / size.x].map(|s| s as f32);
        let positions: Vec<[f32; 3]> = coord
            .iter()
            .map(|k| [0, 1, 2].map(|axis| k[axis] * stretch[axis]))
            .collect();
        let nufft = Nufft::new(
            &positions,
            double,
            &NufftOptions {
                tolerance: 1e-6,
                oversampling: None,
            },
        )?;
        let weights: Vec<Complex32> = match weights {
            Some(w) => w.iter().map(|w| Complex32::new(*w, 0.0)).collect(),
            None => vec![Complex32::ONE; coord.len()],
        };
        let spread = nufft.adjoint_batch(&weights);
        drop(nufft);
        // Differences reach from 1 - n to n - 1; the doubled matrix starts at -n, which no pair of pixels has.
        let at_least = |n: usize| if n == 1 { 1 } else { fast_length(2 * n - 1) };
        let big = Zyx {
            z: at_least(size.z),
            y: at_least(size.y),
            x: at_least(size.x),
        };
        // What the two square roots of the doubled matrix count short.
        let scale = ((double.z * double.y * double.x) as f64).sqrt()
            / (size.z * size.y * size.x) as f64
            / (big.z * big.y * big.x) as f64;
        let odd = |n: usize| if n == 1 { 1 } else { 2 * n - 1 };
        let inner = Zyx {
            z: odd(size.z),
            y: odd(size.y),
            x: odd(size.x),
        };
        let mut differences = Vec::with_capacity(inner.z * inner.y * inner.x);
        for z in double.z - inner.z..double.z {
            for y in double.y - inner.y..double.y {
                let row = (z * double.y + y) * double.x;
                differences.extend_from_slice(&spread[row + double.x - inner.x..row + double.x]);
            }
        }
        drop(spread);
        let transform = PaddedFft::new(inner, big).forward(&differences);
        let kernel = transform
            .iter()
            .map(|v| (f64::from(v.re) * scale) as f32)
            .collect();
        Ok(Self {
            fft: PaddedFft::new(size, big),
            kernel,
        })
    }

    /// `A^H W A u` of one image `[z][y][x]`.
    pub fn apply(&self, image: &[Complex32]) -> Vec<Complex32> {
        let mut grid = self.fft.forward(image);
        grid.par_chunks_mut(4096)
            .zip(self.kernel.par_chunks(4096))
            .for_each(|(grid, kernel)| {
                for (v, k) in grid.iter_mut().zip(kernel) {
                    *v *= *k;
                }
            });
        self.fft.adjoint(grid)
    }
}

impl LinearOperator for ToeplitzNormal {
    fn domain(&self) -> Vec<usize> {
        let size = self.fft.small;
        vec![size.z, size.y, size.x]
    }

    fn range(&self) -> Vec<usize> {
        self.domain()
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.apply(u)
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        self.apply(v)
    }
}
