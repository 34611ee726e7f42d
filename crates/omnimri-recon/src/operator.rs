//! Linear operators: forward, adjoint, normal and composition.

use std::ops::Range;

use num_complex::Complex32;
use omnimri_image::Zyx;
use rayon::prelude::*;

use crate::fft::{COLUMN_BLOCK, Direction, gather, scatter};
use crate::{CentredFft, CoilMaps, Error, Result};

/// A linear map between complex arrays.
///
/// `adjoint` is the Hermitian adjoint: `<A u, v> = <u, A^H v>`; one shared test holds every operator to it.
pub trait LinearOperator: Sync {
    /// Shape of what `forward` takes, slowest axis first.
    fn domain(&self) -> Vec<usize>;

    /// Shape of what `forward` returns, slowest axis first.
    fn range(&self) -> Vec<usize>;

    /// `A u`, from an array of shape `domain` to one of shape `range`.
    fn forward(&self, u: &[Complex32]) -> Vec<Complex32>;

    /// `A^H v`, from an array of shape `range` to one of shape `domain`.
    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32>;

    /// `A^H A u`; operators that know a shorter way override it.
    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.adjoint(&self.forward(u))
    }

    /// `self` after `first`: `(self * first) u = self(first(u))`.
    ///
    /// # Panics
    /// If the range of `first` is not the domain of `self`.
    fn after<F: LinearOperator>(self, first: F) -> Composition<Self, F>
    where
        Self: Sized,
    {
        assert_eq!(
            first.range(),
            self.domain(),
            "operators do not fit each other"
        );
        Composition {
            outer: self,
            inner: first,
        }
    }
}

/// One operator after another, made by [`LinearOperator::after`].
#[derive(Debug, Clone)]
pub struct Composition<A, B> {
    outer: A,
    inner: B,
}

impl<A: LinearOperator, B: LinearOperator> LinearOperator for Composition<A, B> {
    fn domain(&self) -> Vec<usize> {
        self.inner.domain()
    }

    fn range(&self) -> Vec<usize> {
        self.outer.range()
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.outer.forward(&self.inner.forward(u))
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        self.inner.adjoint(&self.outer.adjoint(v))
    }

    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.inner
            .adjoint(&self.outer.normal(&self.inner.forward(u)))
    }
}

impl LinearOperator for CentredFft {
    fn domain(&self) -> Vec<usize> {
        self.shape()
    }

    fn range(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        let mut out = u.to_vec();
        CentredFft::forward(self, &mut out);
        out
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        let mut out = v.to_vec();
        self.inverse(&mut out);
        out
    }

    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        u.to_vec()
    }
}

/// `F^H M F` on coil images: the part of a normal operator that does not know the coil maps.
pub trait CoilNormal: Sync {
    /// Applies it in place to one coil image or several; its norm is at most one.
    ///
    /// # Shapes
    /// - `coil_images`: `[coil][y][x]`
    fn apply(&self, coil_images: &mut [Complex32]);

    /// `sum_c conj(S_c) N(S_c u)`, the normal operator of the multi-coil encoding.
    ///
    /// # Shapes
    /// - `u`, result: `[y][x]`
    fn sense(&self, maps: &CoilMaps, u: &[Complex32]) -> Vec<Complex32> {
        sense_by_coils(self, maps, u)
    }
}

/// [`CoilNormal::sense`] by whole coil images.
fn sense_by_coils(
    normal: &(impl CoilNormal + ?Sized),
    maps: &CoilMaps,
    u: &[Complex32],
) -> Vec<Complex32> {
    let n = u.len();
    sum_over_coils(maps, |coils, images| {
        images
            .par_chunks_mut(n)
            .zip(maps.maps[coils.start * n..coils.end * n].par_chunks(n))
            .for_each(|(image, map)| multiply(image, map, u));
        normal.apply(images);
    })
}

/// `sum_c conj(S_c) v_c` of coil images that `make` fills in, a few coils at a time: as many as there are threads, so that the
/// working memory is theirs and not that of all coils. Coils are added in their order, whatever the number of threads.
fn sum_over_coils(
    maps: &CoilMaps,
    make: impl Fn(Range<usize>, &mut [Complex32]),
) -> Vec<Complex32> {
    let n = maps.n_y * maps.n_x;
    let mut out = vec![Complex32::default(); n];
    let at_once = rayon::current_num_threads().clamp(1, maps.n_coils);
    let mut images = vec![Complex32::default(); at_once * n];
    for first in (0..maps.n_coils).step_by(at_once) {
        let coils = first..(first + at_once).min(maps.n_coils);
        let images = &mut images[..coils.len() * n];
        make(coils.clone(), images);
        maps.add_combined(coils, images, &mut out);
    }
    out
}

/// `out = map * u`.
fn multiply(out: &mut [Complex32], map: &[Complex32], u: &[Complex32]) {
    for ((out, map), u) in out.iter_mut().zip(map).zip(u) {
        *out = map * u;
    }
}

/// Along which axes a mask varies; where it is constant, the transform there and back cancels in the normal operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Varies {
    Nowhere,
    AlongY,
    AlongX,
    Both,
    /// A volume that varies along all axes.
    Volume,
}

impl Varies {
    fn of(mask: &[bool], n_x: usize) -> Self {
        let first_row = &mask[..n_x];
        let along_y = mask.chunks(n_x).any(|row| row != first_row);
        let along_x = mask.chunks(n_x).any(|row| row.iter().any(|&m| m != row[0]));
        match (along_y, along_x) {
            (false, false) => Self::Nowhere,
            (true, false) => Self::AlongY,
            (false, true) => Self::AlongX,
            (true, true) => Self::Both,
        }
    }
}

/// The Fourier transform and sampling of a Cartesian scan, there and back.
#[derive(Debug)]
pub struct CartesianNormal {
    mask: Vec<bool>,
    fft: CentredFft,
    varies: Varies,
}

impl CartesianNormal {
    /// For a mask `[n_y][n_x]`.
    ///
    /// # Panics
    /// If the mask has another size.
    pub fn new(mask: Vec<bool>, n_y: usize, n_x: usize) -> Self {
        assert_eq!(mask.len(), n_y * n_x, "mask of another matrix");
        Self {
            fft: CentredFft::new(&[n_y, n_x]),
            varies: Varies::of(&mask, n_x),
            mask,
        }
    }

    /// For a mask `[z][y][x]` of a volume, whose maps and images hold the rows of all planes behind one another.
    ///
    /// # Panics
    /// If the mask has another size.
    pub fn volume(mask: Vec<bool>, size: Zyx<usize>) -> Self {
        assert_eq!(mask.len(), size.count(), "mask of another matrix");
        Self {
            fft: CentredFft::new(&[size.z, size.y, size.x]),
            varies: Varies::Volume,
            mask,
        }
    }

    /// Coil images `[coil][...]` to samples, zero where not measured, in place.
    pub(crate) fn measure(&self, coil_images: &mut [Complex32]) {
        self.fft.forward(coil_images);
        self.sample(coil_images);
    }

    fn sample(&self, kspace: &mut [Complex32]) {
        if self.varies == Varies::Nowhere && self.mask[0] {
            return;
        }
        kspace
            .par_chunks_mut(self.mask.len())
            .for_each(|coil| keep(coil, &self.mask));
    }

    /// `sum_c conj(S_c) F^H M y_c` of samples `[coil][y][x]`.
    pub fn adjoint(&self, maps: &CoilMaps, samples: &[Complex32]) -> Vec<Complex32> {
        let n = self.mask.len();
        sum_over_coils(maps, |coils, images| {
            images.copy_from_slice(&samples[coils.start * n..coils.end * n]);
            self.sample(images);
            self.fft.inverse(images);
        })
    }

    /// [`CoilNormal::sense`] of a mask that varies along x alone: rows do not know each other, so that a few of them at a time
    /// go through all coils while they stay in the cache.
    fn sense_by_rows(&self, maps: &CoilMaps, u: &[Complex32]) -> Vec<Complex32> {
        let n_x = maps.n_x;
        let block = (ROW_BLOCK / n_x).max(1) * n_x;
        let mut out = vec![Complex32::default(); u.len()];
        out.par_chunks_mut(block)
            .zip(u.par_chunks(block))
            .enumerate()
            .for_each(|(i, (out, u))| {
                let here = i * block..i * block + u.len();
                let mut work = vec![Complex32::default(); u.len()];
                for map in maps.maps.chunks(maps.n_y * n_x) {
                    let map = &map[here.clone()];
                    multiply(&mut work, map, u);
                    self.fft.transform_lines(&mut work, 1, Direction::Forward);
                    keep(&mut work, &self.mask[here.clone()]);
                    self.fft.transform_lines(&mut work, 1, Direction::Inverse);
                    add_conjugate(out, map, &work);
                }
            });
        out
    }

    /// [`CoilNormal::sense`] of a mask that varies along y alone, a few columns at a time.
    fn sense_by_columns(&self, maps: &CoilMaps, u: &[Complex32]) -> Vec<Complex32> {
        let (n_y, n_x) = (maps.n_y, maps.n_x);
        let column: Vec<bool> = self.mask.iter().step_by(n_x).copied().collect();
        let blocks: Vec<Vec<Complex32>> = (0..n_x.div_ceil(COLUMN_BLOCK))
            .into_par_iter()
            .map(|b| {
                let first = b * COLUMN_BLOCK;
                let n = COLUMN_BLOCK.min(n_x - first) * n_y;
                let block = || vec![Complex32::default(); n];
                let (mut u_block, mut map_block, mut work, mut out) =
                    (block(), block(), block(), block());
                gather(u, n_x, first, &mut u_block, n_y);
                for map in maps.maps.chunks(n_y * n_x) {
                    gather(map, n_x, first, &mut map_block, n_y);
                    multiply(&mut work, &map_block, &u_block);
                    self.fft.transform_lines(&mut work, 0, Direction::Forward);
                    work.chunks_mut(n_y).for_each(|line| keep(line, &column));
                    self.fft.transform_lines(&mut work, 0, Direction::Inverse);
                    add_conjugate(&mut out, &map_block, &work);
                }
                out
            })
            .collect();
        let mut out = vec![Complex32::default(); u.len()];
        scatter(&blocks, &mut out, n_x, n_y);
        out
    }
}

/// Samples of a block of rows that goes through all coils at once: half of a usual second-level cache with its maps.
const ROW_BLOCK: usize = 16_384;

/// Zero where not measured.
fn keep(samples: &mut [Complex32], mask: &[bool]) {
    for (v, &measured) in samples.iter_mut().zip(mask) {
        if !measured {
            *v = Complex32::default();
        }
    }
}

/// `out += conj(map) * v`.
fn add_conjugate(out: &mut [Complex32], map: &[Complex32], v: &[Complex32]) {
    for (out, (v, map)) in out.iter_mut().zip(v.iter().zip(map)) {
        *out += map.conj() * v;
    }
}

impl CoilNormal for CartesianNormal {
    fn apply(&self, coil_images: &mut [Complex32]) {
        let axes: &[usize] = match self.varies {
            Varies::Nowhere => &[],
            Varies::AlongY => &[0],
            Varies::AlongX => &[1],
            Varies::Both => &[0, 1],
            Varies::Volume => &[0, 1, 2],
        };
        for &axis in axes {
            self.fft.forward_axis(coil_images, axis);
        }
        // A mask that is constant along an axis masks the half-transformed array just as well.
        self.sample(coil_images);
        for &axis in axes {
            self.fft.inverse_axis(coil_images, axis);
        }
    }

    fn sense(&self, maps: &CoilMaps, u: &[Complex32]) -> Vec<Complex32> {
        match self.varies {
            Varies::AlongX => self.sense_by_rows(maps, u),
            Varies::AlongY => self.sense_by_columns(maps, u),
            Varies::Nowhere | Varies::Both | Varies::Volume => sense_by_coils(self, maps, u),
        }
    }
}

/// The encoding of a Cartesian multi-coil scan: coil sensitivities, Fourier transform, sampling.
///
/// Domain `[n_y, n_x]` (image), range `[n_coils, n_y, n_x]` (k-space, zero where not measured).
#[derive(Debug)]
pub struct CartesianSenseOp {
    maps: CoilMaps,
    normal: CartesianNormal,
}

impl CartesianSenseOp {
    /// An operator for these maps and this mask.
    ///
    /// # Shapes
    /// - `mask`: `[n_y][n_x]`
    ///
    /// # Errors
    /// [`Error::Size`] if the mask does not have the maps' matrix.
    pub fn new(maps: CoilMaps, mask: Vec<bool>) -> Result<Self> {
        let n_pixels = maps.n_y * maps.n_x;
        if mask.len() != n_pixels {
            return Err(Error::Size {
                what: "sampling mask",
                expected: n_pixels,
                found: mask.len(),
                hint: "the mask must have the matrix of the coil maps",
            });
        }
        let normal = CartesianNormal::new(mask, maps.n_y, maps.n_x);
        Ok(Self { maps, normal })
    }

    /// The coil maps.
    pub fn maps(&self) -> &CoilMaps {
        &self.maps
    }

    /// The sampling mask, `[n_y][n_x]`.
    pub fn mask(&self) -> &[bool] {
        &self.normal.mask
    }

    /// `S_c u` for every coil, `[n_coils][n_y][n_x]`.
    pub fn coil_images(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.maps.coil_images(u)
    }

    /// `sum_c conj(S_c) v_c`, `[n_y][n_x]`.
    pub fn combine(&self, coil_images: &[Complex32]) -> Vec<Complex32> {
        self.maps.combine(coil_images)
    }
}

impl LinearOperator for CartesianSenseOp {
    fn domain(&self) -> Vec<usize> {
        self.normal.fft.shape()
    }

    fn range(&self) -> Vec<usize> {
        vec![self.maps.n_coils, self.maps.n_y, self.maps.n_x]
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        let mut out = self.coil_images(u);
        self.normal.measure(&mut out);
        out
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        self.normal.adjoint(&self.maps, v)
    }

    fn normal(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.normal.sense(&self.maps, u)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use num_complex::Complex64;
    use rand::Rng;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Uniform complex numbers in the unit square.
    pub fn random_array(n: usize, seed: u64) -> Vec<Complex32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n)
            .map(|_| Complex32::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)))
            .collect()
    }

    fn inner(a: &[Complex32], b: &[Complex32]) -> Complex64 {
        let wide = |v: &Complex32| Complex64::new(v.re.into(), v.im.into());
        a.iter().zip(b).map(|(a, b)| wide(a).conj() * wide(b)).sum()
    }

    /// The dot-product test every operator must pass: `<A u, v> = <u, A^H v>`, and `A^H A` as claimed.
    pub fn assert_adjoint(op: &impl LinearOperator, seed: u64) {
        let u = random_array(op.domain().iter().product(), seed);
        let v = random_array(op.range().iter().product(), seed + 1);
        let (a_u, ah_v) = (op.forward(&u), op.adjoint(&v));
        assert_eq!(
            a_u.len(),
            v.len(),
            "forward does not have the shape of the range"
        );
        assert_eq!(
            ah_v.len(),
            u.len(),
            "adjoint does not have the shape of the domain"
        );
        let (left, right) = (inner(&a_u, &v), inner(&u, &ah_v));
        let scale = (inner(&a_u, &a_u).re * inner(&v, &v).re).sqrt().max(1e-12);
        assert!(
            (left - right).norm() / scale < 1e-5,
            "{left} against {right}"
        );
        let (normal, composed) = (op.normal(&u), op.adjoint(&a_u));
        let worst = normal
            .iter()
            .zip(&composed)
            .map(|(a, b)| (a - b).norm())
            .fold(0.0, f32::max);
        assert!(
            worst < 1e-4,
            "normal differs from adjoint after forward by {worst}"
        );
    }

    fn random_maps(n_coils: usize, n_y: usize, n_x: usize) -> CoilMaps {
        CoilMaps {
            maps: random_array(n_coils * n_y * n_x, 5),
            n_coils,
            n_y,
            n_x,
            support: vec![true; n_y * n_x],
        }
    }

    #[test]
    fn sense_operator_is_adjoint_for_every_kind_of_mask() {
        for (n_coils, n_y, n_x) in [(3, 13, 14), (1, 16, 7), (5, 31, 33), (2, 100, 101)] {
            let masks: [fn(usize, usize) -> bool; 4] = [
                |_, x| x % 3 == 0,
                |y, _| y % 2 == 1,
                |y, x| (y * 7 + x * 3) % 5 < 2,
                |_, _| true,
            ];
            for keep in masks {
                let mask = (0..n_y * n_x).map(|i| keep(i / n_x, i % n_x)).collect();
                let op = CartesianSenseOp::new(random_maps(n_coils, n_y, n_x), mask).unwrap();
                assert_adjoint(&op, 17);
            }
        }
    }

    #[test]
    fn composition_applies_the_inner_operator_first_and_is_adjoint() {
        let mask: Vec<bool> = (0..12 * 15).map(|i| i % 4 != 1).collect();
        let sense = CartesianSenseOp::new(random_maps(3, 12, 15), mask).unwrap();
        let expected = sense.forward(&CentredFft::new(&[12, 15]).adjoint(&random_array(180, 9)));
        let op = sense.after(Adjoint(CentredFft::new(&[12, 15])));
        assert_eq!(op.forward(&random_array(180, 9)), expected);
        assert_adjoint(&op, 21);
    }

    /// The inverse transform as an operator, to have two different ones to compose.
    struct Adjoint(CentredFft);

    impl LinearOperator for Adjoint {
        fn domain(&self) -> Vec<usize> {
            self.0.shape()
        }
        fn range(&self) -> Vec<usize> {
            self.0.shape()
        }
        fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
            LinearOperator::adjoint(&self.0, u)
        }
        fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
            LinearOperator::forward(&self.0, v)
        }
    }

    #[test]
    fn a_mask_of_another_matrix_is_refused() {
        let error = CartesianSenseOp::new(random_maps(2, 5, 7), vec![true; 36]).unwrap_err();
        assert!(matches!(
            error,
            Error::Size {
                expected: 35,
                found: 36,
                ..
            }
        ));
    }
}
