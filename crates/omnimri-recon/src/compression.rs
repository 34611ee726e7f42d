//! Coil compression: fewer virtual coils that hold almost all the signal.
//!
//! - [`svd_compression`]: one set of virtual coils, the principal components of the k-space centre. Buehrer et al., Magn
//!   Reson Med 57 (2007) 1131; Huang et al., Magn Reson Imaging 26 (2008) 133.
//! - [`geometric_compression`]: virtual coils of their own at every position along the fully sampled readout, aligned from
//!   position to position. Zhang, Pauly, Vasanawala, Lustig, Magn Reson Med 69 (2013) 571.
//!
//! The rows of every matrix are orthonormal: noise that was white stays white, and the root sum of squares of the virtual
//! coils is that of the coils' projection, in the original units. Whiten before, if coils differ in noise.

use num_complex::{Complex32, Complex64};
use omnimri_image::KSpace;
use rayon::prelude::*;

use crate::calibration::{CalibrationArea, validate};
use crate::fft::CentredFft;
use crate::linalg::hermitian_eigen;
use crate::operator::LinearOperator;
use crate::{Error, Result};

/// Extent of the k-space centre that decides the virtual coils.
const MAX_CENTRE: usize = 32;

/// How many virtual coils to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VirtualCoils {
    /// So many.
    Count(usize),
    /// The fewest that hold this part (0 to 1) of the energy of the k-space centre.
    Energy(f64),
}

impl VirtualCoils {
    fn check(self, n_coils: usize) -> Result<()> {
        let (what, max, found) = match self {
            Self::Count(n) => ("virtual coils", n_coils as f64, n as f64),
            Self::Energy(part) => ("energy to keep", 1.0, part),
        };
        let min = if matches!(self, Self::Count(_)) {
            1.0
        } else {
            0.0
        };
        if (min..=max).contains(&found) {
            return Ok(());
        }
        Err(Error::OutOfRange {
            what,
            min,
            max,
            found,
            hint: "compression makes fewer coils, it cannot make more",
        })
    }

    /// The number, given energies by virtual coil, largest first.
    fn resolve(self, energies: &[f64]) -> usize {
        match self {
            Self::Count(n) => n,
            Self::Energy(part) => {
                let total: f64 = energies.iter().map(|e| e.max(0.0)).sum();
                let mut sum = 0.0;
                let enough = energies.iter().position(|e| {
                    sum += e.max(0.0);
                    sum >= part * total
                });
                enough.map_or(energies.len(), |i| i + 1)
            }
        }
    }
}

/// Where the matrix of a compression changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    Nowhere,
    Y,
    X,
}

/// Which way a compression is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToVirtual,
    ToCoils,
}

/// Matrices that make virtual coils of coils.
///
/// Domain `[n_coils, n_y, n_x]`, range `[n_virtual, n_y, n_x]`, both k-space; `adjoint` is the way back to the coils.
#[derive(Debug)]
pub struct Compression {
    /// `[virtual][coil][position]`; rows over the coils are orthonormal at every position.
    matrices: Vec<Complex32>,
    along: Along,
    n_coils: usize,
    n_virtual: usize,
    n_y: usize,
    n_x: usize,
    energy: f64,
    fft: CentredFft,
}

impl Compression {
    /// Number of coils.
    pub fn n_coils(&self) -> usize {
        self.n_coils
    }

    /// Number of virtual coils.
    pub fn n_virtual(&self) -> usize {
        self.n_virtual
    }

    /// Part of the energy of the k-space centre that the virtual coils hold.
    pub fn energy(&self) -> f64 {
        self.energy
    }

    /// The matrices `[virtual][coil][position]`; one position unless the compression is geometric.
    pub fn matrices(&self) -> &[Complex32] {
        &self.matrices
    }

    /// The scan as the virtual coils would have measured it.
    ///
    /// # Errors
    /// [`Error::Size`] if the scan does not have the coils and matrix of the compression; [`Error::Pattern`] if the
    /// compression is geometric and the scan is undersampled along its readout.
    pub fn compress(&self, kspace: &KSpace) -> Result<KSpace> {
        self.convert(kspace, Way::ToVirtual)
    }

    /// A scan of virtual coils as the coils would have measured it, in their own units.
    ///
    /// # Errors
    /// As [`Self::compress`].
    pub fn expand(&self, kspace: &KSpace) -> Result<KSpace> {
        self.convert(kspace, Way::ToCoils)
    }

    fn convert(&self, kspace: &KSpace, way: Way) -> Result<KSpace> {
        validate(kspace)?;
        let (from, to) = self.counts(way);
        let n = from * self.n_y * self.n_x;
        if kspace.samples.len() != n || kspace.n_coils != from || kspace.n_y != self.n_y {
            return Err(Error::Size {
                what: "k-space to compress or expand",
                expected: n,
                found: kspace.samples.len(),
                hint: "it must have the coils and the matrix that the compression was made for",
            });
        }
        let readout = readout(kspace);
        let fits = match self.along {
            Along::Nowhere => true,
            Along::X => readout.0,
            Along::Y => readout.1,
        };
        if !fits {
            return Err(not_whole());
        }
        Ok(KSpace {
            samples: self.apply(&kspace.samples, way),
            n_coils: to,
            n_y: kspace.n_y,
            n_x: kspace.n_x,
            mask: kspace.mask.clone(),
            warnings: kspace.warnings.clone(),
        })
    }

    /// Coils that go in and that come out.
    fn counts(&self, way: Way) -> (usize, usize) {
        match way {
            Way::ToVirtual => (self.n_coils, self.n_virtual),
            Way::ToCoils => (self.n_virtual, self.n_coils),
        }
    }

    fn axis(&self) -> Option<usize> {
        match self.along {
            Along::Nowhere => None,
            Along::Y => Some(0),
            Along::X => Some(1),
        }
    }

    fn apply(&self, data: &[Complex32], way: Way) -> Vec<Complex32> {
        match self.axis() {
            None => self.mix(data, way),
            Some(axis) => {
                let mut hybrid = data.to_vec();
                self.fft.inverse_axis(&mut hybrid, axis);
                let mut out = self.mix(&hybrid, way);
                self.fft.forward_axis(&mut out, axis);
                out
            }
        }
    }

    /// `out[v] = sum_c A[v][c] data[c]`, or `out[c] = sum_v conj(A[v][c]) data[v]`.
    fn mix(&self, data: &[Complex32], way: Way) -> Vec<Complex32> {
        let n = self.n_y * self.n_x;
        let (n_in, n_out) = self.counts(way);
        let back = way == Way::ToCoils;
        let positions = self.matrices.len() / (self.n_coils * self.n_virtual);
        let mut out = vec![Complex32::default(); n_out * n];
        out.par_chunks_mut(self.n_x)
            .with_min_len(16)
            .enumerate()
            .for_each(|(line, out)| {
                let (to, y) = (line / self.n_y, line % self.n_y);
                for from in 0..n_in {
                    let source = &data[from * n + y * self.n_x..][..self.n_x];
                    let (v, c) = if back { (from, to) } else { (to, from) };
                    let row = &self.matrices[(v * self.n_coils + c) * positions..][..positions];
                    let turn = |w: Complex32| if back { w.conj() } else { w };
                    if self.along == Along::X {
                        for ((o, s), w) in out.iter_mut().zip(source).zip(row) {
                            *o += turn(*w) * s;
                        }
                    } else {
                        let w = turn(row[if positions == 1 { 0 } else { y }]);
                        for (o, s) in out.iter_mut().zip(source) {
                            *o += w * s;
                        }
                    }
                }
            });
        out
    }
}

impl LinearOperator for Compression {
    fn domain(&self) -> Vec<usize> {
        vec![self.n_coils, self.n_y, self.n_x]
    }

    fn range(&self) -> Vec<usize> {
        vec![self.n_virtual, self.n_y, self.n_x]
    }

    fn forward(&self, u: &[Complex32]) -> Vec<Complex32> {
        self.apply(u, Way::ToVirtual)
    }

    fn adjoint(&self, v: &[Complex32]) -> Vec<Complex32> {
        self.apply(v, Way::ToCoils)
    }
}

/// One set of virtual coils, from the k-space centre.
///
/// # Errors
/// What [`validate`] finds; [`Error::OutOfRange`] for an impossible number of virtual coils; [`Error::NoSignal`] if the
/// centre holds none.
pub fn svd_compression(kspace: &KSpace, target: VirtualCoils) -> Result<Compression> {
    validate(kspace)?;
    target.check(kspace.n_coils)?;
    let c = kspace.n_coils;
    let n = kspace.n_y * kspace.n_x;
    // Samples measured about the zero frequency: the centre need not be a full rectangle for their covariance to be one.
    let near = |i: usize, n: usize| i.abs_diff(n / 2) < MAX_CENTRE / 2;
    let picked: Vec<usize> = (0..n)
        .filter(|&i| {
            kspace.mask[i] && near(i / kspace.n_x, kspace.n_y) && near(i % kspace.n_x, kspace.n_x)
        })
        .collect();
    let samples: Vec<Vec<Complex64>> = picked
        .iter()
        .map(|&i| {
            (0..c)
                .map(|coil| wide(kspace.samples[coil * n + i]))
                .collect()
        })
        .collect();
    let (energies, vectors) = principal(&covariance(&samples, c), c)?;
    let n_virtual = target.resolve(&energies);
    Ok(Compression {
        matrices: vectors[..n_virtual]
            .iter()
            .flatten()
            .map(|v| narrow(v.conj()))
            .collect(),
        along: Along::Nowhere,
        n_coils: c,
        n_virtual,
        n_y: kspace.n_y,
        n_x: kspace.n_x,
        energy: kept(&energies, n_virtual),
        fft: CentredFft::new(&[kspace.n_y, kspace.n_x]),
    })
}

/// Virtual coils of their own at every position along the fully sampled readout, aligned so that they change smoothly.
///
/// # Errors
/// As [`svd_compression`]; [`Error::Pattern`] if no axis is fully sampled.
pub fn geometric_compression(kspace: &KSpace, target: VirtualCoils) -> Result<Compression> {
    validate(kspace)?;
    target.check(kspace.n_coils)?;
    let (c, n_y, n_x) = (kspace.n_coils, kspace.n_y, kspace.n_x);
    let along = match readout(kspace) {
        (true, _) => Along::X,
        (_, true) => Along::Y,
        _ => return Err(not_whole()),
    };
    let fft = CentredFft::new(&[n_y, n_x]);
    let mut hybrid = kspace.samples.clone();
    fft.inverse_axis(&mut hybrid, if along == Along::X { 1 } else { 0 });
    let area = CalibrationArea::find(&kspace.mask, n_y, n_x, MAX_CENTRE);
    let (positions, lines) = match along {
        Along::X => (n_x, area.y.clone()),
        _ => (n_y, area.x.clone()),
    };
    // Without a full centre all measured lines serve.
    let lines: Vec<usize> = if lines.len() >= 4 {
        lines.collect()
    } else if along == Along::X {
        (0..n_y).filter(|y| kspace.mask[y * n_x]).collect()
    } else {
        (0..n_x).filter(|x| kspace.mask[*x]).collect()
    };
    let at = |coil: usize, line: usize, position: usize| match along {
        Along::X => hybrid[(coil * n_y + line) * n_x + position],
        _ => hybrid[(coil * n_y + position) * n_x + line],
    };
    let components: Vec<Components> = (0..positions)
        .into_par_iter()
        .map(|p| {
            let samples: Vec<Vec<Complex64>> = lines
                .iter()
                .map(|&l| (0..c).map(|coil| wide(at(coil, l, p))).collect())
                .collect();
            // A position without signal takes the coils as they are, in their order, and is aligned like the others.
            principal(&covariance(&samples, c), c).unwrap_or_else(|_| {
                let unit = |i: usize| {
                    (0..c)
                        .map(|j| Complex64::from(f64::from(u8::from(i == j))))
                        .collect()
                };
                (vec![0.0; c], (0..c).map(unit).collect())
            })
        })
        .collect();
    let energies: Vec<f64> = (0..c)
        .map(|i| components.iter().map(|(e, _)| e[i].max(0.0)).sum())
        .collect();
    let n_virtual = target.resolve(&energies);
    // Rows conj(u), position by position.
    let mut rows: Vec<Vec<Vec<Complex64>>> = components
        .iter()
        .map(|(_, vectors)| {
            let conj = |u: &Vec<Complex64>| u.iter().map(Complex64::conj).collect();
            vectors[..n_virtual].iter().map(conj).collect()
        })
        .collect();
    let centre = positions / 2;
    for p in centre + 1..positions {
        rows[p] = aligned(&rows[p], &rows[p - 1]);
    }
    for p in (0..centre).rev() {
        rows[p] = aligned(&rows[p], &rows[p + 1]);
    }
    let mut matrices = vec![Complex32::default(); n_virtual * c * positions];
    for (p, rows) in rows.iter().enumerate() {
        for (v, row) in rows.iter().enumerate() {
            for (coil, w) in row.iter().enumerate() {
                matrices[(v * c + coil) * positions + p] = narrow(*w);
            }
        }
    }
    Ok(Compression {
        matrices,
        along,
        n_coils: c,
        n_virtual,
        n_y,
        n_x,
        energy: kept(&energies, n_virtual),
        fft,
    })
}

/// Compresses a scan by [`svd_compression`]: virtual coils and the way back.
///
/// # Errors
/// As [`svd_compression`].
pub fn compress(kspace: &KSpace, target: VirtualCoils) -> Result<(KSpace, Compression)> {
    let compression = svd_compression(kspace, target)?;
    Ok((compression.compress(kspace)?, compression))
}

fn wide(v: Complex32) -> Complex64 {
    Complex64::new(v.re.into(), v.im.into())
}

fn narrow(v: Complex64) -> Complex32 {
    Complex32::new(v.re as f32, v.im as f32)
}

fn kept(energies: &[f64], n: usize) -> f64 {
    let total: f64 = energies.iter().map(|e| e.max(0.0)).sum();
    energies[..n].iter().map(|e| e.max(0.0)).sum::<f64>() / total.max(f64::MIN_POSITIVE)
}

/// Whether rows, and whether columns, are measured whole or not at all.
fn readout(kspace: &KSpace) -> (bool, bool) {
    let first = &kspace.mask[..kspace.n_x];
    let mut rows = kspace.mask.chunks(kspace.n_x);
    let whole_rows = rows.clone().all(|row| row.iter().all(|m| *m == row[0]));
    (whole_rows, rows.all(|row| row == first))
}

fn not_whole() -> Error {
    Error::Pattern {
        step: "geometric coil compression",
        expected: "a fully sampled readout",
        found: "undersampling along both axes",
        hint: "use the SVD compression",
    }
}

/// `sum s s^H`, `[coil][coil]`.
fn covariance(samples: &[Vec<Complex64>], c: usize) -> Vec<Complex64> {
    let mut out = vec![Complex64::default(); c * c];
    for s in samples {
        for (row, a) in out.chunks_mut(c).zip(s) {
            for (v, b) in row.iter_mut().zip(s) {
                *v += a * b.conj();
            }
        }
    }
    out
}

/// Energies and unit vectors of principal components, largest first.
type Components = (Vec<f64>, Vec<Vec<Complex64>>);

/// The principal components of a covariance.
fn principal(covariance: &[Complex64], c: usize) -> Result<Components> {
    let none = Error::NoSignal {
        found: "a centre of k-space without signal",
    };
    if (0..c).all(|i| covariance[i * c + i].re <= 0.0) {
        return Err(none);
    }
    let mut energies = Vec::new();
    let eigen = hermitian_eigen(covariance.to_vec(), c, |values| {
        energies = values.to_vec();
        c
    });
    eigen.map(|e| (energies, e.vectors)).ok_or(none)
}

/// The unitary mixture of `rows` that is nearest to `previous`: the polar factor of `previous rows^H`.
fn aligned(rows: &[Vec<Complex64>], previous: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
    let n = rows.len();
    let mut m = vec![Complex64::default(); n * n];
    for (i, p) in previous.iter().enumerate() {
        for (j, r) in rows.iter().enumerate() {
            m[i * n + j] = p.iter().zip(r).map(|(p, r)| p * r.conj()).sum();
        }
    }
    // M (M^H M)^(-1/2) = M V diag(1 / s) V^H.
    let mut gram = vec![Complex64::default(); n * n];
    for row in m.chunks(n) {
        for i in 0..n {
            for j in 0..n {
                gram[i * n + j] += row[i].conj() * row[j];
            }
        }
    }
    let mut values = Vec::new();
    let Some(eigen) = hermitian_eigen(gram, n, |v| {
        values = v.to_vec();
        n
    }) else {
        return rows.to_vec();
    };
    // Subspaces with a direction at right angles to all of the other have no nearest mixture: keep what is there.
    if values[n - 1] < 1e-10 {
        return rows.to_vec();
    }
    let mut root = vec![Complex64::default(); n * n];
    for (value, v) in values.iter().zip(&eigen.vectors) {
        for i in 0..n {
            for j in 0..n {
                root[i * n + j] += v[i] * v[j].conj() / value.sqrt();
            }
        }
    }
    (0..n)
        .map(|i| {
            let mix: Vec<Complex64> = (0..n)
                .map(|j| (0..n).map(|k| m[i * n + k] * root[k * n + j]).sum())
                .collect();
            let mut out = vec![Complex64::default(); rows[0].len()];
            for (w, row) in mix.iter().zip(rows) {
                for (o, r) in out.iter_mut().zip(row) {
                    *o += w * r;
                }
            }
            out
        })
        .collect()
}

#[cfg(test)]
mod tests;
