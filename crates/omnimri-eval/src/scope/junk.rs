//! Images that are none of the model's: other anatomy, textures, drawings, text, charts, blanks and noise, made from seeds.
//!
//! Nothing of these is real: they are what cheap generators make of the words, and refusing them is a lower bound of what
//! refusing is worth.

use omnimri_image::{Acquisition, Affine, Geometry, SourceKind, Trust, Volume, Zyx};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Sides of the images.
const SIDES: std::ops::Range<usize> = 192..321;

/// A kind of image that is out of scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two bones above each other in muscle, as a sagittal knee.
    Knee,
    /// A flattened body with organs, spine and vessels.
    Abdomen,
    /// Fingers beside each other.
    Hand,
    /// Natural textures: noise whose power falls with frequency, with objects before it.
    Photograph,
    /// Lines and outlines on paper.
    Drawing,
    /// Lines of characters on paper.
    Text,
    /// Bars, checkers and grids.
    Chart,
    /// One grey level, ramps, and halves.
    Blank,
    /// Noise of several kinds, some smoothed.
    Noise,
    /// Computed tomography, from the questions' images.
    Ct,
}

impl Kind {
    /// All that are made here.
    pub const MADE: [Self; 9] = [
        Self::Knee,
        Self::Abdomen,
        Self::Hand,
        Self::Photograph,
        Self::Drawing,
        Self::Text,
        Self::Chart,
        Self::Blank,
        Self::Noise,
    ];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Knee => "simulated knee",
            Self::Abdomen => "simulated abdomen",
            Self::Hand => "simulated hand",
            Self::Photograph => "natural texture",
            Self::Drawing => "drawing",
            Self::Text => "page of text",
            Self::Chart => "chart",
            Self::Blank => "blank or ramp",
            Self::Noise => "noise",
            Self::Ct => "CT (real)",
        }
    }
}

/// One made image of a kind; [`Kind::Ct`] is not made and gives a blank.
pub(crate) fn image(kind: Kind, seed: u64, number: usize) -> Volume {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((kind as u64) << 32) | number as u64);
    let mut canvas = Canvas::new(rng.random_range(SIDES), rng.random_range(SIDES));
    let rng = &mut rng;
    match kind {
        Kind::Knee => knee(&mut canvas, rng),
        Kind::Abdomen => abdomen(&mut canvas, rng),
        Kind::Hand => hand(&mut canvas, rng),
        Kind::Photograph => photograph(&mut canvas, rng),
        Kind::Drawing => drawing(&mut canvas, rng),
        Kind::Text => text(&mut canvas, rng),
        Kind::Chart => chart(&mut canvas, rng),
        Kind::Blank | Kind::Ct => blank(&mut canvas, rng),
        Kind::Noise => noise(&mut canvas, rng),
    }
    canvas.volume()
}

/// A grey image, 0 to 1.
struct Canvas {
    height: usize,
    width: usize,
    grey: Vec<f32>,
}

impl Canvas {
    fn new(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            grey: vec![0.0; height * width],
        }
    }

    /// Changes every pixel; `f` gets its place, 0 to 1 from the top and from the left, and its value.
    fn each(&mut self, mut f: impl FnMut(f32, f32, f32) -> f32) {
        let (h, w) = (self.height as f32, self.width as f32);
        for (k, v) in self.grey.iter_mut().enumerate() {
            let (y, x) = (k / self.width, k % self.width);
            *v = f((y as f32 + 0.5) / h, (x as f32 + 0.5) / w, *v);
        }
    }

    /// A filled, turned ellipse with a soft edge.
    fn ellipse(&mut self, [cy, cx]: [f32; 2], [ry, rx]: [f32; 2], turn: f32, value: f32) {
        let (sin, cos) = turn.sin_cos();
        self.each(|y, x, v| {
            let (dy, dx) = (y - cy, x - cx);
            let (a, b) = ((dy * cos + dx * sin) / ry, (dx * cos - dy * sin) / rx);
            let inside = ((1.06 - (a * a + b * b).sqrt()) * 12.0).clamp(0.0, 1.0);
            v + (value - v) * inside
        });
    }

    /// A filled rectangle.
    fn rectangle(&mut self, [y0, x0]: [f32; 2], [y1, x1]: [f32; 2], value: f32) {
        self.each(|y, x, v| {
            let inside = (y0..y1).contains(&y) && (x0..x1).contains(&x);
            if inside { value } else { v }
        });
    }

    /// A line of some width.
    fn line(&mut self, [y0, x0]: [f32; 2], [y1, x1]: [f32; 2], width: f32, value: f32) {
        let (dy, dx) = (y1 - y0, x1 - x0);
        let length = (dy * dy + dx * dx).max(1e-6);
        self.each(|y, x, v| {
            let t = (((y - y0) * dy + (x - x0) * dx) / length).clamp(0.0, 1.0);
            let (ey, ex) = (y - y0 - t * dy, x - x0 - t * dx);
            if ey * ey + ex * ex < width * width {
                value
            } else {
                v
            }
        });
    }

    /// Waves whose height falls with frequency, added.
    fn waves(&mut self, rng: &mut impl Rng, height: f32, falling: f32) {
        let waves: Vec<[f32; 4]> = (1..28)
            .map(|k| {
                let f = std::f32::consts::TAU * k as f32 * rng.random_range(0.4f32..1.6);
                let turn = rng.random_range(0.0..std::f32::consts::TAU);
                let phase = rng.random_range(0.0..std::f32::consts::TAU);
                [
                    f * turn.sin(),
                    f * turn.cos(),
                    phase,
                    height / (k as f32).powf(falling),
                ]
            })
            .collect();
        self.each(|y, x, v| {
            let sum: f32 = waves
                .iter()
                .map(|w| w[3] * (w[0] * y + w[1] * x + w[2]).sin())
                .sum();
            v + sum
        });
    }

    /// Independent noise, added.
    fn grain(&mut self, rng: &mut impl Rng, sigma: f32) {
        for v in &mut self.grey {
            // The sum of four even values is near enough to a normal one.
            let sum: f32 = (0..4).map(|_| rng.random_range(-1.0f32..1.0)).sum();
            *v += sigma * sum * 0.866;
        }
    }

    /// A receive coil's shading, and the grain of a scanner.
    fn scanned(&mut self, rng: &mut impl Rng) {
        let (cy, cx) = (
            rng.random_range(-0.2f32..1.2),
            rng.random_range(-0.2f32..1.2),
        );
        let fall = rng.random_range(0.1f32..0.6);
        self.each(|y, x, v| v * (1.0 - fall * ((y - cy).hypot(x - cx))).max(0.2));
        let sigma = rng.random_range(0.005..0.03);
        self.grain(rng, sigma);
        for v in &mut self.grey {
            *v = v.abs();
        }
    }

    fn volume(self) -> Volume {
        let untrusted = || Trust::Untrusted("the image is made".to_owned());
        Volume {
            voxels: self.grey,
            n_frames: 1,
            geometry: Geometry {
                size: Zyx::new(1, self.height, self.width),
                affine: Affine::from_spacing(Zyx::new(1.0, 1.0, 1.0)),
                orientation: untrusted(),
                spacing: untrusted(),
            },
            acquisition: Acquisition::default(),
            source: SourceKind::Image,
            warnings: Vec::new(),
        }
    }
}

fn knee(c: &mut Canvas, rng: &mut impl Rng) {
    let mut near = |v: f32, by: f32| v + rng.random_range(-by..by);
    let (muscle, marrow, fat) = (near(0.35, 0.1), near(0.75, 0.2), near(0.8, 0.15));
    let middle = near(0.5, 0.08);
    let limb = near(0.33, 0.06);
    c.rectangle([0.0, middle - limb], [1.0, middle + limb], fat);
    c.rectangle(
        [0.0, middle - limb * 0.86],
        [1.0, middle + limb * 0.86],
        muscle,
    );
    let gap = near(0.5, 0.05);
    let bone = near(0.15, 0.03);
    // Shafts, then the condyles and the plateau with dark cortex around.
    c.rectangle([0.0, middle - bone], [gap - 0.1, middle + bone], marrow);
    c.rectangle([gap + 0.12, middle - bone], [1.0, middle + bone], marrow);
    let tilt = near(0.0, 0.3);
    c.ellipse([gap - 0.1, middle], [0.13, bone * 1.7], tilt, 0.08);
    c.ellipse([gap - 0.1, middle], [0.115, bone * 1.6], tilt, marrow);
    c.ellipse([gap + 0.13, middle], [0.1, bone * 1.7], 0.0, 0.08);
    c.ellipse([gap + 0.13, middle], [0.085, bone * 1.6], 0.0, marrow);
    // The patella in front.
    let front = middle - bone * 1.9;
    c.ellipse([gap - 0.12, front], [0.07, 0.035], near(0.0, 0.2), 0.08);
    c.ellipse([gap - 0.12, front], [0.06, 0.027], 0.0, marrow);
    c.waves(rng, 0.03, 0.6);
    c.scanned(rng);
}

fn abdomen(c: &mut Canvas, rng: &mut impl Rng) {
    let mut near = |v: f32, by: f32| v + rng.random_range(-by..by);
    let (ry, rx) = (near(0.31, 0.04), near(0.44, 0.03));
    let (fat, inside, liver, spleen) = (
        near(0.85, 0.1),
        near(0.3, 0.1),
        near(0.5, 0.1),
        near(0.6, 0.15),
    );
    c.ellipse([0.5, 0.5], [ry, rx], 0.0, fat);
    c.ellipse([0.5, 0.5], [ry * 0.86, rx * 0.88], 0.0, inside);
    c.ellipse(
        [near(0.45, 0.03), near(0.32, 0.03)],
        [0.17, 0.16],
        near(0.4, 0.2),
        liver,
    );
    c.ellipse(
        [near(0.52, 0.03), near(0.75, 0.03)],
        [0.1, 0.06],
        near(-0.4, 0.2),
        spleen,
    );
    for x in [0.36, 0.64] {
        c.ellipse(
            [near(0.6, 0.02), near(x, 0.02)],
            [0.06, 0.04],
            near(0.3, 0.3),
            near(0.7, 0.2),
        );
    }
    c.ellipse([near(0.64, 0.02), 0.5], [0.06, 0.06], 0.0, near(0.6, 0.2));
    c.ellipse([near(0.68, 0.02), 0.5], [0.025, 0.025], 0.0, near(0.9, 0.1));
    c.ellipse(
        [near(0.53, 0.02), near(0.47, 0.02)],
        [0.025, 0.025],
        0.0,
        near(0.1, 0.1),
    );
    for _ in 0..7 {
        let at = [near(0.4, 0.1), near(0.55, 0.17)];
        let size = [near(0.035, 0.015), near(0.04, 0.02)];
        c.ellipse(at, size, near(0.0, 1.0), near(0.5, 0.4));
    }
    c.waves(rng, 0.02, 0.6);
    c.scanned(rng);
}

fn hand(c: &mut Canvas, rng: &mut impl Rng) {
    let mut near = |v: f32, by: f32| v + rng.random_range(-by..by);
    let (flesh, marrow) = (near(0.4, 0.1), near(0.8, 0.15));
    c.ellipse([0.8, 0.5], [0.26, 0.26], 0.0, flesh);
    for finger in 0..4 {
        let x = 0.28 + 0.14 * finger as f32 + near(0.0, 0.02);
        let top = 0.15 + 0.05 * (finger as f32 - 1.3).abs() + near(0.0, 0.03);
        let lean = near(0.0, 0.05);
        c.line([top, x + lean], [0.75, x], 0.055, flesh);
        let mut y = top + 0.02;
        for length in [0.1, 0.14, 0.2, 0.22] {
            c.line([y, x + lean * 0.5], [y + length, x], 0.024, marrow);
            y += length + 0.035;
        }
    }
    c.line([0.5, 0.08], [0.85, 0.35], 0.06, flesh);
    c.line([0.53, 0.1], [0.82, 0.33], 0.025, marrow);
    c.waves(rng, 0.02, 0.6);
    c.scanned(rng);
}

fn photograph(c: &mut Canvas, rng: &mut impl Rng) {
    let level = rng.random_range(0.3..0.7);
    let horizon = rng.random_range(0.3f32..0.7);
    let sky = rng.random_range(-0.3f32..0.3);
    c.each(|y, _, _| {
        if y < horizon {
            level + sky * (1.0 - y)
        } else {
            level - sky * y
        }
    });
    let falling = rng.random_range(0.7..1.3);
    c.waves(rng, 0.25, falling);
    for _ in 0..rng.random_range(0..6) {
        let at = [rng.random_range(0.0..1.0), rng.random_range(0.0..1.0)];
        let size = [rng.random_range(0.03..0.3), rng.random_range(0.03..0.3)];
        let (turn, value) = (rng.random_range(0.0..3.0), rng.random_range(0.0..1.0));
        if rng.random_bool(0.5) {
            c.ellipse(at, size, turn, value);
        } else {
            c.rectangle(at, [at[0] + size[0], at[1] + size[1]], value);
        }
    }
    c.grain(rng, 0.03);
}

fn drawing(c: &mut Canvas, rng: &mut impl Rng) {
    let (paper, ink) = paper(rng);
    c.each(|_, _, _| paper);
    for _ in 0..rng.random_range(4..16) {
        let mut place = || {
            [
                rng.random_range(0.05f32..0.95),
                rng.random_range(0.05f32..0.95),
            ]
        };
        let (a, b) = (place(), place());
        let width = rng.random_range(0.002..0.012);
        if rng.random_bool(0.5) {
            c.line(a, b, width, ink);
        } else {
            // An outline: a shape and the paper again inside.
            let size = [
                rng.random_range(0.04f32..0.3),
                rng.random_range(0.04f32..0.3),
            ];
            let turn = rng.random_range(0.0..3.0);
            c.ellipse(a, size, turn, ink);
            c.ellipse(
                a,
                [size[0] - width * 2.0, size[1] - width * 2.0].map(|s| s.max(0.01)),
                turn,
                paper,
            );
        }
    }
}

fn text(c: &mut Canvas, rng: &mut impl Rng) {
    let (paper, ink) = paper(rng);
    c.each(|_, _, _| paper);
    let step = rng.random_range(0.03f32..0.07);
    let (left, right) = (
        rng.random_range(0.04f32..0.15),
        rng.random_range(0.8f32..0.96),
    );
    let mut y = rng.random_range(0.04f32..0.2);
    while y < 0.94 {
        let end = if rng.random_bool(0.2) {
            rng.random_range(left..right)
        } else {
            right
        };
        let mut x = left;
        while x < end {
            // A character is a few strokes in a box; one in six is a space.
            let (w, h) = (step * 0.42, step * 0.6);
            if !rng.random_bool(1.0 / 6.0) {
                for _ in 0..rng.random_range(2..4) {
                    let mut corner = || {
                        [
                            y + h * rng.random_range(0..3) as f32 / 2.0,
                            x + w * rng.random_range(0..3) as f32 / 2.0,
                        ]
                    };
                    let (a, b) = (corner(), corner());
                    stroke(c, a, b, step * 0.05, ink);
                }
            }
            x += step * 0.6;
        }
        y += step * if rng.random_bool(0.1) { 2.0 } else { 1.15 };
    }
}

/// A short line, by its own pixels only: pages hold thousands.
fn stroke(c: &mut Canvas, a: [f32; 2], b: [f32; 2], width: f32, value: f32) {
    let (h, w) = (c.height as f32, c.width as f32);
    let steps = 12;
    let reach = (width * h).max(0.6);
    for k in 0..=steps {
        let t = k as f32 / steps as f32;
        let (y, x) = (
            (a[0] + (b[0] - a[0]) * t) * h,
            (a[1] + (b[1] - a[1]) * t) * w,
        );
        let (y0, y1) = ((y - reach).max(0.0) as usize, (y + reach).max(0.0) as usize);
        let (x0, x1) = ((x - reach).max(0.0) as usize, (x + reach).max(0.0) as usize);
        for py in y0..=y1.min(c.height - 1) {
            for px in x0..=x1.min(c.width - 1) {
                c.grey[py * c.width + px] = value;
            }
        }
    }
}

fn chart(c: &mut Canvas, rng: &mut impl Rng) {
    let (paper, ink) = paper(rng);
    c.each(|_, _, _| paper);
    match rng.random_range(0..3) {
        0 => {
            let n = rng.random_range(4..14);
            for k in 0..n {
                let x = 0.1 + 0.8 * k as f32 / n as f32;
                let tall = rng.random_range(0.05f32..0.75);
                c.rectangle([0.88 - tall, x], [0.88, x + 0.55 / n as f32], ink);
            }
            c.line([0.88, 0.08], [0.88, 0.95], 0.004, ink);
        }
        1 => {
            let (ny, nx) = (
                rng.random_range(3..12) as f32,
                rng.random_range(3..12) as f32,
            );
            c.each(|y, x, v| {
                let odd = ((y * ny) as usize + (x * nx) as usize) % 2 == 1;
                if odd { ink } else { v }
            });
        }
        _ => {
            let n = rng.random_range(4..20);
            for k in 1..n {
                let at = k as f32 / n as f32;
                c.line([at, 0.0], [at, 1.0], 0.002, ink);
                c.line([0.0, at], [1.0, at], 0.002, ink);
            }
        }
    }
}

fn blank(c: &mut Canvas, rng: &mut impl Rng) {
    let (level, slope) = (
        rng.random_range(0.0f32..1.0),
        rng.random_range(-0.6f32..0.6),
    );
    match rng.random_range(0..4) {
        0 => c.each(|_, _, _| level),
        1 => c.each(|y, x, _| level + slope * (y + 0.7 * x)),
        2 => {
            let at = rng.random_range(0.2f32..0.8);
            c.each(|y, _, _| if y < at { level } else { level + slope });
        }
        _ => c.each(|y, x, _| level + slope * (y - 0.5).hypot(x - 0.5)),
    }
}

fn noise(c: &mut Canvas, rng: &mut impl Rng) {
    match rng.random_range(0..4) {
        0 => c.grain(rng, 0.3),
        1 => {
            for v in &mut c.grey {
                *v = rng.random_range(0.0..1.0);
            }
        }
        2 => {
            let share = rng.random_range(0.02..0.3);
            for v in &mut c.grey {
                *v = f32::from(u8::from(rng.random_bool(share)));
            }
        }
        _ => {
            // Smoothed, so that neighbours are alike and it is no longer told by that.
            c.grain(rng, 0.3);
            for _ in 0..rng.random_range(2..9) {
                let (w, from) = (c.width, c.grey.clone());
                let n = from.len();
                for (k, v) in c.grey.iter_mut().enumerate() {
                    let near = [
                        k,
                        (k + 1) % n,
                        (k + n - 1) % n,
                        (k + w) % n,
                        (k + n - w) % n,
                    ];
                    *v = near.iter().map(|k| from[*k]).sum::<f32>() / 5.0;
                }
            }
        }
    }
}

/// Grey levels of paper and ink, either way around.
fn paper(rng: &mut impl Rng) -> (f32, f32) {
    let (light, dark) = (
        rng.random_range(0.75f32..1.0),
        rng.random_range(0.0f32..0.25),
    );
    if rng.random_bool(0.8) {
        (light, dark)
    } else {
        (dark, light)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_make_equal_images_and_others_do_not() {
        for kind in Kind::MADE {
            let voxels = |seed, number| image(kind, seed, number).voxels;
            assert_eq!(voxels(3, 1), voxels(3, 1), "{kind:?}");
            assert!(
                voxels(3, 1) != voxels(3, 2) && voxels(3, 1) != voxels(4, 1),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_image_is_finite_and_all_but_blanks_show_something() {
        for kind in Kind::MADE {
            for number in 0..4 {
                let volume = image(kind, 9, number);
                assert_eq!(volume.voxels.len(), volume.geometry.size.count());
                assert!(volume.voxels.iter().all(|v| v.is_finite()), "{kind:?}");
                let first = volume.voxels[0];
                let shows = volume.voxels.iter().any(|v| (v - first).abs() > 0.05);
                assert!(shows || kind == Kind::Blank, "{kind:?} {number}");
            }
        }
    }
}
