//! Affine and elastic maps of slices: drawn one after the other, resampled once.

use omnimri_findings::Term;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::mirror::{mirrored_fact, mirrored_term};
use super::{PixelBox, Slice, Step, Transform};

/// From a pixel position of the result (row, column; centres at whole numbers) to one of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [[f32; 3]; 2]);

/// How far an affine map may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffineLimits {
    /// Largest rotation in degrees.
    pub rotation_deg: f32,
    /// Largest relative change of scale; a third of it stretches.
    pub scale: f32,
    /// Largest shift along rows (down) and columns in shares of the sides; small shifts are the rule.
    pub shift: [f32; 2],
}

impl AffineLimits {
    /// Limits of training for most regions.
    pub const TRAINING: Self = Self {
        rotation_deg: 12.0,
        scale: 0.18,
        shift: [0.08; 2],
    };

    /// Limits times a strength: 0 leaves every pixel where it is.
    #[must_use]
    pub fn scaled(self, strength: f32) -> Self {
        Self {
            rotation_deg: self.rotation_deg * strength,
            // Beyond this the slice would turn inside out.
            scale: (self.scale * strength).min(0.9),
            shift: self.shift.map(|s| s * strength),
        }
    }
}

impl Affine {
    /// A random map about the centre of `height` x `width` pixels.
    pub fn random(limits: AffineLimits, height: usize, width: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut within = |a: f32| {
            if a > 0.0 {
                rng.random_range(-a..a)
            } else {
                0.0
            }
        };
        let angle = within(limits.rotation_deg).to_radians();
        let (zoom, stretch) = (1.0 + within(limits.scale), 1.0 + within(limits.scale / 3.0));
        // Small shifts are the rule and large ones happen: a product of two draws peaks at zero.
        let mut shift = |a: f32, side: usize| within(a) * within(1.0).abs() * side as f32;
        let (dy, dx) = (
            shift(limits.shift[0], height),
            shift(limits.shift[1], width),
        );
        let (s, c) = angle.sin_cos();
        let centre = [(height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0];
        let rows = [
            [zoom * stretch * c, -zoom * s],
            [zoom * s, zoom / stretch * c],
        ];
        let offset = |r: [f32; 2], at: f32, d: f32| at + d - r[0] * centre[0] - r[1] * centre[1];
        Self([
            [rows[0][0], rows[0][1], offset(rows[0], centre[0], dy)],
            [rows[1][0], rows[1][1], offset(rows[1], centre[1], dx)],
        ])
    }

    /// Left and right exchanged.
    pub const fn mirror(width: usize) -> Self {
        Self([[1.0, 0.0, 0.0], [0.0, -1.0, width as f32 - 1.0]])
    }

    /// The source position of `(y, x)`.
    pub fn apply(&self, y: f32, x: f32) -> (f32, f32) {
        let [a, b] = &self.0;
        (a[0] * y + a[1] * x + a[2], b[0] * y + b[1] * x + b[2])
    }
}

/// A smooth displacement: cubic B-splines over a coarse grid of random knots.
#[derive(Debug, Clone, PartialEq)]
pub struct Elastic {
    cells: [usize; 2],
    cell_px: f32,
    knots: Vec<[f32; 2]>,
}

impl Elastic {
    /// Displacements of up to about `amplitude_px`, smooth over `cell_px`. Below a third of `cell_px` nothing folds.
    pub fn random(
        amplitude_px: f32,
        cell_px: f32,
        height: usize,
        width: usize,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let cell_px = cell_px.max(2.0);
        let cells = [height, width].map(|n| (n as f32 / cell_px).ceil() as usize + 1);
        let n = (cells[0] + 3) * (cells[1] + 3);
        Self {
            knots: (0..n)
                .map(|_| std::array::from_fn(|_| rng.random_range(-1.0..1.0f32) * amplitude_px))
                .collect(),
            cells,
            cell_px,
        }
    }

    /// Weights of the four knots about a position, and the first of them.
    fn spline(&self, at: f32, axis: usize) -> (usize, [f32; 4]) {
        let t = (at / self.cell_px).clamp(0.0, self.cells[axis] as f32 - 0.001);
        let (cell, t) = (t as usize, t.fract());
        let u = 1.0 - t;
        (
            cell,
            [
                u * u * u / 6.0,
                (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
                (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
                t * t * t / 6.0,
            ],
        )
    }

    /// The knots of one row, the weights of rows applied: what [`Self::shift_in`] needs.
    pub fn row(&self, y: f32) -> Vec<[f32; 2]> {
        let (first, weights) = self.spline(y, 0);
        let n = self.cells[1] + 3;
        let mut out = vec![[0.0; 2]; n];
        for (i, w) in weights.into_iter().enumerate() {
            let knots = &self.knots[(first + i) * n..(first + i + 1) * n];
            for (o, k) in out.iter_mut().zip(knots) {
                o[0] += w * k[0];
                o[1] += w * k[1];
            }
        }
        out
    }

    /// Displacement at a column of a row.
    pub fn shift_in(&self, row: &[[f32; 2]], x: f32) -> [f32; 2] {
        let (first, weights) = self.spline(x, 1);
        let mut sum = [0.0; 2];
        for (knot, w) in row[first..first + 4].iter().zip(weights) {
            sum[0] += w * knot[0];
            sum[1] += w * knot[1];
        }
        sum
    }
}

/// All geometry of one slice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geometry {
    /// Done last on the way to the source.
    pub affine: Option<Affine>,
    /// Done first.
    pub elastic: Option<Elastic>,
    /// Left and right exchanged, in the source.
    pub mirrored: bool,
}

impl Geometry {
    pub(super) fn add(&mut self, step: &Step, slice: &Slice, rng: &mut ChaCha8Rng) {
        let (h, w) = (slice.height, slice.width);
        match step.transform {
            Transform::Affine => {
                let limits = AffineLimits::TRAINING.scaled(step.strength);
                self.affine = Some(Affine::random(limits, h, w, rng));
            }
            Transform::Elastic => {
                let cell = h.min(w) as f32 / 6.0;
                let amplitude = (6.0 * step.strength).min(0.3 * cell);
                self.elastic = Some(Elastic::random(amplitude, cell, h, w, rng));
            }
            Transform::Mirror if slice.mirror => {
                // A term without a mirrored one cannot follow.
                let known = |t: Term| mirrored_term(t).is_some();
                let values = present(slice.labels.as_deref().unwrap_or_default());
                let known = values.into_iter().filter_map(Term::from_value).all(known);
                self.mirrored = known;
            }
            _ => {}
        }
    }

    /// Where the pixels of a row of the result come from.
    pub fn sources(&self, row: usize, width: usize) -> Vec<(f32, f32)> {
        let y = row as f32;
        let knots = self.elastic.as_ref().map(|e| (e, e.row(y)));
        let mirror = Affine::mirror(width);
        (0..width)
            .map(|x| {
                let x = x as f32;
                let [dy, dx] = match &knots {
                    Some((elastic, row)) => elastic.shift_in(row, x),
                    None => [0.0; 2],
                };
                let (y, x) = match &self.affine {
                    Some(affine) => affine.apply(y + dy, x + dx),
                    None => (y + dy, x + dx),
                };
                match self.mirrored {
                    true => mirror.apply(y, x),
                    false => (y, x),
                }
            })
            .collect()
    }

    /// Resamples image (bilinear, dark outside), labels (nearest) and boxes; mirrors labels and facts.
    pub(super) fn apply(&self, slice: &Slice) -> Slice {
        if *self == Self::default() {
            return slice.clone();
        }
        let (h, w, channels) = (slice.height, slice.width, slice.channels);
        let mut out = Slice {
            image: vec![-1.0; slice.image.len()],
            labels: slice.labels.as_ref().map(|l| vec![0; l.len()]),
            boxes: Vec::with_capacity(slice.boxes.len()),
            ..slice.clone()
        };
        let mut found = vec![[usize::MAX, usize::MAX, 0, 0]; slice.boxes.len()];
        let mut sources = Vec::new();
        for (i, pixel) in out.image.chunks_exact_mut(channels).enumerate() {
            let (row, column) = (i / w, i % w);
            if column == 0 {
                sources = self.sources(row, w);
            }
            let (y, x) = sources[column];
            if !(y > -0.5 && x > -0.5 && y < h as f32 - 0.5 && x < w as f32 - 0.5) {
                continue;
            }
            let near = [y.round().max(0.0) as usize, x.round().max(0.0) as usize];
            if let (Some(to), Some(from)) = (&mut out.labels, &slice.labels) {
                to[i] = from[near[0].min(h - 1) * w + near[1].min(w - 1)];
            }
            for (b, f) in slice.boxes.iter().zip(&mut found) {
                if (b.y0..b.y1).contains(&near[0]) && (b.x0..b.x1).contains(&near[1]) {
                    *f = [
                        f[0].min(row),
                        f[1].min(column),
                        f[2].max(row + 1),
                        f[3].max(column + 1),
                    ];
                }
            }
            let (y, x) = (y.clamp(0.0, (h - 1) as f32), x.clamp(0.0, (w - 1) as f32));
            let (y0, x0) = (y as usize, x as usize);
            let (y1, x1) = ((y0 + 1).min(h - 1), (x0 + 1).min(w - 1));
            let (fy, fx) = (y - y0 as f32, x - x0 as f32);
            for (c, v) in pixel.iter_mut().enumerate() {
                let at = |y: usize, x: usize| slice.image[(y * w + x) * channels + c];
                let top = at(y0, x0) * (1.0 - fx) + at(y0, x1) * fx;
                let bottom = at(y1, x0) * (1.0 - fx) + at(y1, x1) * fx;
                *v = top * (1.0 - fy) + bottom * fy;
            }
        }
        let follow = |term: Term| match self.mirrored {
            true => mirrored_term(term).unwrap_or(term),
            false => term,
        };
        out.boxes = slice
            .boxes
            .iter()
            .zip(found)
            .filter(|(_, f)| f[2] > 0)
            .map(|(b, [y0, x0, y1, x1])| PixelBox {
                label: follow(b.label),
                y0,
                x0,
                y1,
                x1,
            })
            .collect();
        if self.mirrored {
            if let Some(labels) = &mut out.labels {
                let mut table: [u8; 256] = std::array::from_fn(|v| v as u8);
                for value in present(labels) {
                    if let Some(term) = Term::from_value(value) {
                        table[usize::from(value)] = follow(term).value();
                    }
                }
                labels.iter_mut().for_each(|v| *v = table[usize::from(*v)]);
            }
            out.facts = slice.facts.iter().map(|f| mirrored_fact(*f)).collect();
        }
        out
    }
}

/// Values that occur.
fn present(labels: &[u8]) -> Vec<u8> {
    let mut seen = [false; 256];
    labels.iter().for_each(|v| seen[usize::from(*v)] = true);
    (0..=u8::MAX).filter(|v| seen[usize::from(*v)]).collect()
}
