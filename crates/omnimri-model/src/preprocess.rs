//! From a volume to the network's grid, and back, exactly.
//!
//! Slices are shown as a radiologist sees them (patient right on image left): voxel axes are brought closest to L, P, S
//! where the orientation is trusted, kept as stored where it is not. Each slice is then resampled to a square with its
//! aspect kept; its neighbours become channels. Every step is an axis map or an affine, so logits go back to the input's
//! own grid by the inverse, and are interpolated there before any threshold.

use omnimri_image::volume_ops::{AxisMap, percentiles};
use omnimri_image::{Geometry, Volume, Zyx};
use rayon::prelude::*;

use crate::config::NEIGHBOURS;
use crate::error::{Error, Result};

/// Side of the network's square for ordinary slices.
pub const SIDE: usize = 192;
/// Side for small crops.
pub const SMALL_SIDE: usize = 96;
/// Longest side, in pixels, of what counts as a small crop.
pub const SMALL_CROP: usize = 96;
/// Percentiles of the volume that become 0 and 1.
pub const WINDOW_PERCENTILES: [f64; 2] = [0.5, 99.5];
/// Ratio of largest to smallest spacing from which a volume counts as acquired in slices.
const ANISOTROPIC: f64 = 1.5;

/// Maps pixel positions of one grid (row, column; pixel centres at integers) to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine2(pub [[f32; 3]; 2]);

impl Affine2 {
    /// The source position of `(y, x)`.
    pub fn apply(&self, y: f32, x: f32) -> (f32, f32) {
        let [a, b] = &self.0;
        (a[0] * y + a[1] * x + a[2], b[0] * y + b[1] * x + b[2])
    }

    /// `self` after `first`.
    pub fn after(&self, first: &Self) -> Self {
        let (s, f) = (&self.0, &first.0);
        let row = |r: usize| {
            [
                s[r][0] * f[0][0] + s[r][1] * f[1][0],
                s[r][0] * f[0][1] + s[r][1] * f[1][1],
                s[r][0] * f[0][2] + s[r][1] * f[1][2] + s[r][2],
            ]
        };
        Self([row(0), row(1)])
    }

    /// The square of `side` pixels that holds `h` x `w` pixels centred, aspect kept: network position to input position.
    ///
    /// `aspect` is the height of an input pixel divided by its width.
    pub fn fit(h: usize, w: usize, aspect: f64, side: usize) -> Self {
        let scale_x = (w as f64).max(h as f64 * aspect) / side as f64;
        let scale_y = scale_x / aspect;
        let centre = (side as f64 - 1.0) / 2.0;
        let offset = |n: usize, scale: f64| ((n as f64 - 1.0) / 2.0 - scale * centre) as f32;
        Self([
            [scale_y as f32, 0.0, offset(h, scale_y)],
            [0.0, scale_x as f32, offset(w, scale_x)],
        ])
    }

    /// Samples along one axis that cover the step from pixel to pixel without aliasing.
    fn oversampling(&self) -> usize {
        let step = self
            .0
            .iter()
            .map(|r| r[0].hypot(r[1]))
            .fold(0.0f32, f32::max);
        (step.ceil() as usize).clamp(1, 4)
    }
}

/// How a volume is cut into slices: the way to display order and the size there.
#[derive(Debug, Clone, PartialEq)]
pub struct SlicePlan {
    /// From the input's voxel order to display order.
    pub map: AxisMap,
    /// Size in display order.
    pub size: Zyx<usize>,
    /// Pixel height divided by pixel width in display order; 1 where spacing is not trusted.
    pub aspect: f64,
    /// Side of the network's square.
    pub side: usize,
}

impl SlicePlan {
    /// Chooses the slices: the stored ones (normal along `k`) for a 2D image or an untrusted orientation; else across the
    /// axis of the largest spacing if the volume is anisotropic, across superior-inferior if not. Rows run from anterior or
    /// superior, columns from patient right or anterior.
    ///
    /// # Errors
    /// [`Error::Image`] for an empty grid.
    pub fn new(geometry: &Geometry) -> Result<Self> {
        if geometry.size.count() == 0 {
            return Err(Error::Image {
                expected: "at least one voxel".into(),
                found: format!("{:?}", geometry.size),
            });
        }
        let map = if geometry.orientation.is_trusted() && geometry.size.z > 1 {
            display_order(geometry)
        } else {
            AxisMap::IDENTITY
        };
        let size = map.size(geometry.size);
        let aspect = geometry.trusted_spacing_mm().map_or(1.0, |_| {
            let spacing = map.apply_geometry(geometry).affine.spacing_mm();
            spacing.y / spacing.x
        });
        let side = if size.y.max(size.x) <= SMALL_CROP {
            SMALL_SIDE
        } else {
            SIDE
        };
        Ok(Self {
            map,
            size,
            aspect,
            side,
        })
    }

    /// Network position to slice position.
    pub fn to_slice(&self) -> Affine2 {
        Affine2::fit(self.size.y, self.size.x, self.aspect, self.side)
    }
}

/// Input order to L, P, S display order, slices last.
fn display_order(geometry: &Geometry) -> AxisMap {
    let axes = geometry.affine.closest_axes();
    let spacing = geometry.affine.spacing_mm();
    let by_axis = [spacing.x, spacing.y, spacing.z];
    let (low, high) = (
        by_axis.iter().copied().fold(f64::MAX, f64::min),
        by_axis.iter().copied().fold(0.0, f64::max),
    );
    let input_axis = |world: usize| axes.iter().position(|a| a.0 == world).unwrap_or(world);
    let through = if high / low > ANISOTROPIC {
        axes[(0..3)
            .max_by(|a, b| by_axis[*a].total_cmp(&by_axis[*b]))
            .unwrap_or(2)]
        .0
    } else {
        2
    };
    // World axis and wanted sign of columns, rows and slices: axial, coronal or sagittal as displayed.
    let wanted = match through {
        2 => [(0, -1.0), (1, -1.0), (2, 1.0)],
        1 => [(0, -1.0), (2, -1.0), (1, -1.0)],
        _ => [(1, -1.0), (2, -1.0), (0, -1.0)],
    };
    let source = wanted.map(|(world, _)| input_axis(world));
    let flip = std::array::from_fn(|a| axes[source[a]].1 != wanted[a].1);
    AxisMap::new(source, flip).unwrap_or(AxisMap::IDENTITY)
}

/// Bilinear value at `(y, x)`; `outside` beyond half a pixel from the edge.
fn bilinear(image: &[f32], h: usize, w: usize, y: f32, x: f32, outside: f32) -> f32 {
    if !(y > -0.5 && x > -0.5 && y < h as f32 - 0.5 && x < w as f32 - 0.5) {
        return outside;
    }
    let (y, x) = (y.clamp(0.0, (h - 1) as f32), x.clamp(0.0, (w - 1) as f32));
    let (y0, x0) = (y as usize, x as usize);
    let (y1, x1) = ((y0 + 1).min(h - 1), (x0 + 1).min(w - 1));
    let (fy, fx) = (y - y0 as f32, x - x0 as f32);
    let top = image[y0 * w + x0] * (1.0 - fx) + image[y0 * w + x1] * fx;
    let bottom = image[y1 * w + x0] * (1.0 - fx) + image[y1 * w + x1] * fx;
    top * (1.0 - fy) + bottom * fy
}

/// Resamples a slice: `out[y, x]` = mean of the slice around `affine(y, x)`, written with a stride (channels last).
///
/// # Shapes
/// - `slice`: `[h, w]`; `out`: `[side, side, stride]`, channel `channel` is written
pub fn resample(
    slice: &[f32],
    (h, w): (usize, usize),
    affine: &Affine2,
    outside: f32,
    out: &mut [f32],
    side: usize,
    (channel, stride): (usize, usize),
) {
    let n = affine.oversampling();
    for y in 0..side {
        for x in 0..side {
            let mut sum = 0.0;
            for sy in 0..n {
                for sx in 0..n {
                    let at = |i: usize, s: usize| i as f32 + (s as f32 + 0.5) / n as f32 - 0.5;
                    let (py, px) = affine.apply(at(y, sy), at(x, sx));
                    sum += bilinear(slice, h, w, py, px, outside);
                }
            }
            out[(y * side + x) * stride + channel] = sum / (n * n) as f32;
        }
    }
}

/// Share of every cell of a coarse grid that a label covers, for training: `[grid, grid]`, `side / grid` network pixels a cell.
pub fn label_share(
    labels: &[u8],
    (h, w): (usize, usize),
    affine: &Affine2,
    (side, grid): (usize, usize),
    holds: impl Fn(u8) -> bool,
) -> Vec<f32> {
    const SAMPLES: usize = 3;
    let step = side as f32 / grid as f32;
    let mut out = vec![0.0; grid * grid];
    for (i, cell) in out.iter_mut().enumerate() {
        let (gy, gx) = ((i / grid) as f32, (i % grid) as f32);
        for s in 0..SAMPLES * SAMPLES {
            let at = |g: f32, s: usize| (g + (s as f32 + 0.5) / SAMPLES as f32) * step - 0.5;
            let (y, x) = affine.apply(at(gy, s / SAMPLES), at(gx, s % SAMPLES));
            let (y, x) = (y.round(), x.round());
            if y >= 0.0 && x >= 0.0 && (y as usize) < h && (x as usize) < w {
                *cell += f32::from(u8::from(holds(labels[y as usize * w + x as usize])));
            }
        }
        *cell /= (SAMPLES * SAMPLES) as f32;
    }
    out
}

/// Intensities of the volume that become 0 and 1; equal for a constant image.
pub fn window(voxels: &[f32]) -> [f32; 2] {
    let p = percentiles(voxels, &WINDOW_PERCENTILES);
    [
        p.first().copied().unwrap_or(0.0),
        p.get(1).copied().unwrap_or(0.0),
    ]
}

/// Brings an intensity into the network's range: about -1 to 1, bright outliers up to 2.
pub fn normalise(value: f32, [low, high]: [f32; 2]) -> f32 {
    if high > low {
        ((value - low) / (high - low)).clamp(0.0, 1.5) * 2.0 - 1.0
    } else {
        -1.0
    }
}

/// A volume on the network's grid.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// How it was cut.
    pub plan: SlicePlan,
    /// Slices with their neighbours, `[z, side, side, 3]`.
    pub slices: Vec<f32>,
}

/// Cuts, scales and resamples one frame of a volume.
///
/// # Errors
/// [`Error::Image`] for an empty grid.
pub fn prepare(volume: &Volume, frame: usize) -> Result<Prepared> {
    let plan = SlicePlan::new(&volume.geometry)?;
    let voxels = plan.map.apply(volume.frame(frame), volume.geometry.size);
    let range = window(&voxels);
    let (side, area) = (plan.side, plan.size.y * plan.size.x);
    let affine = plan.to_slice();
    let planes: Vec<Vec<f32>> = voxels
        .par_chunks(area)
        .map(|slice| {
            let scaled: Vec<f32> = slice.iter().map(|v| normalise(*v, range)).collect();
            let mut out = vec![0.0; side * side];
            let grid = (plan.size.y, plan.size.x);
            resample(&scaled, grid, &affine, -1.0, &mut out, side, (0, 1));
            out
        })
        .collect();
    Ok(Prepared {
        slices: stack_neighbours(&planes),
        plan,
    })
}

/// Puts every slice between its neighbours (the outermost repeated): `[z, side, side, 3]` from `z` planes.
pub fn stack_neighbours(planes: &[Vec<f32>]) -> Vec<f32> {
    let last = planes.len().saturating_sub(1);
    let mut out = Vec::with_capacity(planes.iter().map(Vec::len).sum::<usize>() * NEIGHBOURS);
    for z in 0..planes.len() {
        let around = [
            &planes[z.saturating_sub(1)],
            &planes[z],
            &planes[(z + 1).min(last)],
        ];
        for i in 0..planes[z].len() {
            out.extend(around.map(|p| p[i]));
        }
    }
    out
}

impl Prepared {
    /// Slices.
    pub fn len(&self) -> usize {
        self.plan.size.z
    }

    /// True for a volume without slices.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Logits on a coarse network grid to the input's own grid and voxel order, interpolated.
    ///
    /// # Shapes
    /// - `logits`: `[z, grid, grid]`; returns `[z][y][x]` of the input
    pub fn to_input_grid(&self, logits: &[f32], grid: usize) -> Vec<f32> {
        let (h, w) = (self.plan.size.y, self.plan.size.x);
        let step = self.plan.side as f32 / grid as f32;
        let [[sy, _, oy], [_, sx, ox]] = self.plan.to_slice().0;
        let mut out = vec![0.0; self.plan.size.count()];
        out.par_chunks_mut(h * w)
            .zip(logits.par_chunks(grid * grid))
            .for_each(|(out, logits)| {
                for y in 0..h {
                    for x in 0..w {
                        // Slice position to network position to grid position, pixel centres at integers.
                        let ny = ((y as f32 - oy) / sy + 0.5) / step - 0.5;
                        let nx = ((x as f32 - ox) / sx + 0.5) / step - 0.5;
                        let edge = (grid - 1) as f32;
                        let (ny, nx) = (ny.clamp(0.0, edge), nx.clamp(0.0, edge));
                        out[y * w + x] = bilinear(logits, grid, grid, ny, nx, 0.0);
                    }
                }
            });
        self.plan.map.invert().apply(&out, self.plan.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_image::{Acquisition, Affine, SourceKind, Trust};

    fn volume(size: Zyx<usize>, affine: Affine) -> Volume {
        Volume {
            voxels: vec![0.0; size.count()],
            n_frames: 1,
            geometry: Geometry {
                size,
                affine,
                orientation: Trust::Trusted,
                spacing: Trust::Trusted,
            },
            acquisition: Acquisition::default(),
            source: SourceKind::Nifti,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_mask_comes_back_where_it_was() {
        let size = Zyx::new(9, 70, 53);
        let mut v = volume(size, Affine::from_spacing(Zyx::new(5.0, 1.1, 0.9)));
        for k in 2..6 {
            for j in 20..41 {
                for i in 9..30 {
                    v.voxels[size.offset(i, j, k)] = 1.0;
                }
            }
        }
        let p = prepare(&v, 0).unwrap();
        let grid = p.plan.side / 2;
        // The middle channel, averaged to the coarse grid, as logits around zero.
        let side = p.plan.side;
        let mut logits = vec![0.0; p.len() * grid * grid];
        for (i, l) in logits.iter_mut().enumerate() {
            let (z, y, x) = (i / (grid * grid), i / grid % grid, i % grid);
            for d in 0..4 {
                let at = (z * side + 2 * y + d / 2) * side + 2 * x + d % 2;
                *l += p.slices[at * 3 + 1] / 4.0;
            }
        }
        let back = p.to_input_grid(&logits, grid);
        let (mut both, mut sum) = (0, 0);
        for (a, b) in back.iter().zip(&v.voxels) {
            let (a, b) = (*a > 0.0, *b > 0.5);
            both += usize::from(a && b);
            sum += usize::from(a) + usize::from(b);
        }
        assert!(2.0 * both as f64 / sum as f64 > 0.97, "{both} of {sum}");
    }

    #[test]
    fn fit_keeps_the_centre_and_the_aspect() {
        let a = Affine2::fit(50, 100, 1.0, 192);
        let (y, x) = a.apply(95.5, 95.5);
        assert!((y - 24.5).abs() < 1e-4 && (x - 49.5).abs() < 1e-4);
        assert!((a.0[0][0] - a.0[1][1]).abs() < 1e-6);
    }
}
