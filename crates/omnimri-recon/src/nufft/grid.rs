//! Spreading samples on a periodic grid and interpolating them from it.
//!
//! The grid is cut into tiles, pencils along the fastest axis. The samples of a tile are worked on in a small array of the tile and
//! its margin, in an order fixed when the plan is made, and tiles are added to the grid in their order: the sum does not depend
//! on the number of threads.

use num_complex::Complex32;
use rayon::prelude::*;

use super::kernel::{Kernel, MAX_WIDTH};

/// Rows of a tile along the two slower axes.
const TILE_2D: [usize; 2] = [1, 16];
const TILE_3D: [usize; 2] = [8, 8];
/// Tiles worked on before they are added to the grid.
const TILE_GROUP: usize = 8;
/// Samples nearby along the fastest axis are worked on together.
const FAST_BIN: usize = 32;

/// Where a sample lies: the first of its kernel's grid points, and how far past it.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Offset of the first grid point in the tile's array.
    offset: u32,
    /// Place in the caller's order.
    index: u32,
    /// Position within the kernel's pieces, -1 to 1, axes as the grid.
    piece: [f32; 3],
}

/// Samples sorted by tiles of a grid.
#[derive(Debug)]
pub(super) struct Gridder {
    kernel: Kernel,
    /// Grid axes, slowest first; the first is 1 in 2D.
    shape: [usize; 3],
    tile: [usize; 2],
    points: Vec<Point>,
    /// First point of every tile, and the end.
    starts: Vec<usize>,
}

impl Gridder {
    /// Sorts samples at these grid positions (in grid samples, any real number, periodic), axes as the grid.
    pub fn new(
        kernel: Kernel,
        shape: [usize; 3],
        positions: impl Iterator<Item = [f64; 3]>,
    ) -> Self {
        let tile = if shape[0] == 1 { TILE_2D } else { TILE_3D };
        let mut gridder = Self {
            kernel,
            shape,
            tile,
            points: Vec::new(),
            starts: Vec::new(),
        };
        let (rows1, pitch) = (gridder.local_rows()[1], gridder.pitch());
        let n_tiles = [shape[0].div_ceil(tile[0]), shape[1].div_ceil(tile[1])];
        let bins = shape[2].div_ceil(FAST_BIN);
        let half = gridder.kernel.width as f64 / 2.0;
        let mut keyed: Vec<(u32, Point)> = positions
            .enumerate()
            .map(|(index, at)| {
                let mut first = [0; 3];
                let mut piece = [0.0; 3];
                for axis in 0..3 {
                    if shape[axis] > 1 {
                        let start = at[axis] - half;
                        let ceil = start.ceil();
                        first[axis] = (ceil as i64).rem_euclid(shape[axis] as i64) as usize;
                        piece[axis] = (2.0 * (ceil - start) - 1.0) as f32;
                    }
                }
                let t = [first[0] / tile[0], first[1] / tile[1]];
                let local = (first[0] - t[0] * tile[0]) * rows1 + first[1] - t[1] * tile[1];
                let key = ((t[0] * n_tiles[1] + t[1]) * bins + first[2] / FAST_BIN) as u32;
                (
                    key,
                    Point {
                        offset: (local * pitch + first[2]) as u32,
                        index: index as u32,
                        piece,
                    },
                )
            })
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        for t in 0..=n_tiles[0] * n_tiles[1] {
            gridder
                .starts
                .push(keyed.partition_point(|(key, _)| (*key as usize) < t * bins));
        }
        gridder.points = keyed.into_iter().map(|(_, p)| p).collect();
        gridder
    }

    /// Number of samples.
    pub fn n_points(&self) -> usize {
        self.points.len()
    }

    /// Integral of the kernel along one axis, in grid samples.
    pub fn kernel_integral(&self) -> f64 {
        self.kernel.transform(0.0)
    }

    /// Taps stored for a kernel: a multiple of the vector length.
    fn lanes(&self) -> usize {
        self.kernel.width.next_multiple_of(8)
    }

    /// Length of a line of a tile.
    fn pitch(&self) -> usize {
        self.shape[2] + self.lanes()
    }

    /// Kernel rows along the slower axes.
    fn spans(&self) -> [usize; 2] {
        [
            if self.shape[0] == 1 {
                1
            } else {
                self.kernel.width
            },
            self.kernel.width,
        ]
    }

    /// Rows of a tile with its margin.
    fn local_rows(&self) -> [usize; 2] {
        let spans = self.spans();
        [self.tile[0] + spans[0] - 1, self.tile[1] + spans[1] - 1]
    }

    /// Grid rows `(slow0, slow1)` that a tile's rows stand for, in their order.
    fn rows_of(&self, tile: usize) -> impl Iterator<Item = usize> + use<> {
        let n1 = self.shape[1].div_ceil(self.tile[1]);
        let origin = [tile / n1 * self.tile[0], tile % n1 * self.tile[1]];
        let (rows, shape) = (self.local_rows(), self.shape);
        (0..rows[0]).flat_map(move |a| {
            (0..rows[1])
                .map(move |b| (origin[0] + a) % shape[0] * shape[1] + (origin[1] + b) % shape[1])
        })
    }

    /// Values on the grid at the samples, in the caller's order.
    pub fn interpolate(&self, grid: &[Complex32], out: &mut [Complex32]) {
        let n = self.shape[2];
        let tiles: Vec<Vec<Complex32>> = (0..self.starts.len() - 1)
            .into_par_iter()
            .map(|t| {
                let points = &self.points[self.starts[t]..self.starts[t + 1]];
                if points.is_empty() {
                    return Vec::new();
                }
                let mut local =
                    Vec::with_capacity(self.local_rows()[0] * self.local_rows()[1] * self.pitch());
                for row in self.rows_of(t) {
                    let line = &grid[row * n..(row + 1) * n];
                    local.extend_from_slice(line);
                    local.extend(line.iter().cycle().take(self.lanes()));
                }
                let mut values = vec![Complex32::default(); points.len()];
                self.interpolate_tile(points, &local, &mut values);
                values
            })
            .collect();
        for (t, values) in tiles.iter().enumerate() {
            for (p, v) in self.points[self.starts[t]..].iter().zip(values) {
                out[p.index as usize] = *v;
            }
        }
    }

    /// The adjoint of [`Self::interpolate`].
    pub fn spread(&self, values: &[Complex32]) -> Vec<Complex32> {
        let n = self.shape[2];
        let mut grid = vec![Complex32::default(); self.shape.iter().product()];
        let tiles: Vec<usize> = (0..self.starts.len() - 1)
            .filter(|&t| self.starts[t] < self.starts[t + 1])
            .collect();
        for group in tiles.chunks(TILE_GROUP) {
            let locals: Vec<Vec<Complex32>> = group
                .par_iter()
                .map(|&t| {
                    let mut local = vec![
                        Complex32::default();
                        self.local_rows()[0] * self.local_rows()[1] * self.pitch()
                    ];
                    self.spread_tile(
                        &self.points[self.starts[t]..self.starts[t + 1]],
                        values,
                        &mut local,
                    );
                    local
                })
                .collect();
            for (&t, local) in group.iter().zip(&locals) {
                for (row, line) in self.rows_of(t).zip(local.chunks(self.pitch())) {
                    let out = &mut grid[row * n..(row + 1) * n];
                    for (o, v) in out.iter_mut().zip(line) {
                        *o += v;
                    }
                    for (i, v) in line[n..].iter().enumerate() {
                        out[i % n] += v;
                    }
                }
            }
        }
        grid
    }

    fn geometry(&self) -> Geometry<'_> {
        let pitch = 2 * self.pitch();
        Geometry {
            coefficients: &self.kernel.coefficients,
            spans: self.spans(),
            strides: [pitch * self.local_rows()[1], pitch],
        }
    }

    fn interpolate_tile(&self, points: &[Point], local: &[Complex32], values: &mut [Complex32]) {
        let g = self.geometry();
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[expect(unsafe_code, reason = "the processor was asked for these instructions")]
            unsafe {
                match self.lanes() {
                    8 => avx2::interpolate::<8, 16>(&g, points, floats(local), values),
                    _ => avx2::interpolate::<16, 32>(&g, points, floats(local), values),
                }
            }
            return;
        }
        match self.lanes() {
            8 => interpolate::<8, 16, false>(&g, points, floats(local), values),
            _ => interpolate::<16, 32, false>(&g, points, floats(local), values),
        }
    }

    fn spread_tile(&self, points: &[Point], values: &[Complex32], local: &mut [Complex32]) {
        let g = self.geometry();
        let local = floats_mut(local);
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[expect(unsafe_code, reason = "the processor was asked for these instructions")]
            unsafe {
                match self.lanes() {
                    8 => avx2::spread::<8, 16>(&g, points, values, local),
                    _ => avx2::spread::<16, 32>(&g, points, values, local),
                }
            }
            return;
        }
        match self.lanes() {
            8 => spread::<8, 16, false>(&g, points, values, local),
            _ => spread::<16, 32, false>(&g, points, values, local),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Complex numbers as pairs of floats, which `Complex` is laid out as.
fn floats(data: &[Complex32]) -> &[f32] {
    #[expect(unsafe_code, reason = "Complex<f32> is repr(C), two floats")]
    unsafe {
        std::slice::from_raw_parts(data.as_ptr().cast(), 2 * data.len())
    }
}

/// See [`floats`].
fn floats_mut(data: &mut [Complex32]) -> &mut [f32] {
    #[expect(unsafe_code, reason = "Complex<f32> is repr(C), two floats")]
    unsafe {
        std::slice::from_raw_parts_mut(data.as_mut_ptr().cast(), 2 * data.len())
    }
}

/// What the inner loops need: kernel, rows it spans, and floats from row to row of a tile.
struct Geometry<'a> {
    coefficients: &'a [[f32; MAX_WIDTH]],
    spans: [usize; 2],
    strides: [usize; 2],
}

/// The inner loops compiled for processors with AVX2 and fused multiply-add.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Complex32, Geometry, Point};

    #[target_feature(enable = "avx2,fma")]
    pub fn interpolate<const P: usize, const F: usize>(
        g: &Geometry<'_>,
        points: &[Point],
        local: &[f32],
        values: &mut [Complex32],
    ) {
        super::interpolate::<P, F, true>(g, points, local, values);
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn spread<const P: usize, const F: usize>(
        g: &Geometry<'_>,
        points: &[Point],
        values: &[Complex32],
        local: &mut [f32],
    ) {
        super::spread::<P, F, true>(g, points, values, local);
    }
}

/// `a b + c`, fused where the processor can.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Kernel values at the taps of one axis.
#[inline(always)]
fn taps<const P: usize, const FUSED: bool>(
    coefficients: &[[f32; MAX_WIDTH]],
    piece: f32,
) -> [f32; P] {
    let mut out = [0.0; P];
    for c in coefficients {
        for i in 0..P {
            out[i] = multiply_add::<FUSED>(out[i], piece, c[i]);
        }
    }
    out
}

/// Taps of all axes; a single slowest plane has weight one.
#[inline(always)]
fn all_taps<const P: usize, const FUSED: bool>(g: &Geometry<'_>, p: &Point) -> [[f32; P]; 3] {
    let slow = if g.spans[0] == 1 {
        [1.0; P]
    } else {
        taps::<P, FUSED>(g.coefficients, p.piece[0])
    };
    [
        slow,
        taps::<P, FUSED>(g.coefficients, p.piece[1]),
        taps::<P, FUSED>(g.coefficients, p.piece[2]),
    ]
}

/// `P` taps stored, `F = 2 P` floats a line.
#[inline(always)]
fn interpolate<const P: usize, const F: usize, const FUSED: bool>(
    g: &Geometry<'_>,
    points: &[Point],
    local: &[f32],
    values: &mut [Complex32],
) {
    for (p, value) in points.iter().zip(values) {
        let [slow, middle, fast] = all_taps::<P, FUSED>(g, p);
        let mut sums = [0.0; F];
        for a in 0..g.spans[0] {
            let plane = 2 * p.offset as usize + a * g.strides[0];
            for b in 0..g.spans[1] {
                let at = plane + b * g.strides[1];
                let weight = slow[a] * middle[b];
                if let Some(line) = local.get(at..at + F).and_then(|l| l.as_array::<F>()) {
                    for i in 0..F {
                        sums[i] = multiply_add::<FUSED>(line[i], weight, sums[i]);
                    }
                }
            }
        }
        let (mut re, mut im) = (0.0, 0.0);
        for i in 0..P {
            re = multiply_add::<FUSED>(sums[2 * i], fast[i], re);
            im = multiply_add::<FUSED>(sums[2 * i + 1], fast[i], im);
        }
        *value = Complex32::new(re, im);
    }
}

/// The adjoint of [`interpolate`]; `values` in the caller's order.
#[inline(always)]
fn spread<const P: usize, const F: usize, const FUSED: bool>(
    g: &Geometry<'_>,
    points: &[Point],
    values: &[Complex32],
    local: &mut [f32],
) {
    for p in points {
        let [slow, middle, fast] = all_taps::<P, FUSED>(g, p);
        let v = values[p.index as usize];
        let mut scaled = [0.0; F];
        for i in 0..P {
            scaled[2 * i] = fast[i] * v.re;
            scaled[2 * i + 1] = fast[i] * v.im;
        }
        for a in 0..g.spans[0] {
            let plane = 2 * p.offset as usize + a * g.strides[0];
            for b in 0..g.spans[1] {
                let at = plane + b * g.strides[1];
                let weight = slow[a] * middle[b];
                if let Some(line) = local
                    .get_mut(at..at + F)
                    .and_then(|l| l.as_mut_array::<F>())
                {
                    for i in 0..F {
                        line[i] = multiply_add::<FUSED>(scaled[i], weight, line[i]);
                    }
                }
            }
        }
    }
}
