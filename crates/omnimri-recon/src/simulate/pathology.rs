//! Lesions of known extent for any image: shapes, mass effect, oedema, and the signal that a sequence makes of their tissue.
//!
//! A lesion is sampled on a grid as the part of each voxel that each of its tissues fills. Signals mix by these parts, which is
//! exact for partial volumes; signals of tissue come from relaxation times and the concentration of contrast agent through
//! the signal equations of [`super::signal`]. Growth pushes the surroundings away; oedema soaks what is allowed to soak.
//!
//! Relaxation times of plaques and infarcts are representative values within the ranges of the literature (plaques: Stevenson
//! et al., Mult Scler 2000;6:349; infarcts: Ordidge, Helpern, Magn Reson Med 1996;35:335), chosen for this simulation.

use omnimri_image::Zyx;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::body::Material;
use super::deform::Deformation;
use super::field::Waves;
use super::signal::Sequence;
use super::tissue::Tissue;
use crate::{Error, Result};

/// What a lesion imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathologyKind {
    /// A lumpy mass that takes up contrast agent throughout, with oedema.
    Mass,
    /// A ragged mass with a rim that takes up contrast agent around a dead core, with oedema.
    RingMass,
    /// Several small ovals, most beside the ventricles, as in multiple sclerosis.
    Plaques,
    /// A wedge with its base at the surface, as of an artery's territory.
    Infarct,
}

impl PathologyKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Mass, Self::RingMass, Self::Plaques, Self::Infarct];
}

/// What a lesion is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LesionTissue {
    /// Solid, taking up contrast agent.
    Enhancing,
    /// The dead core.
    Necrosis,
    /// Oedema around a mass; no part of its mask.
    Oedema,
    /// A demyelinated plaque.
    Plaque,
    /// A plaque whose barrier is open.
    ActivePlaque,
    /// An infarct some days old.
    Infarct,
}

impl LesionTissue {
    /// Relaxation and uptake.
    pub fn material(self) -> Material {
        match self {
            Self::Enhancing => Material::of(Tissue::EnhancingGlioma, 0.0),
            Self::Necrosis => Material::of(Tissue::Necrosis, 0.0),
            Self::Oedema => Material::of(Tissue::Oedema, 0.0),
            Self::Plaque => Material::new(0.86, [1250.0, 140.0], [1450.0, 135.0], 0.65, 0.03, 0.0),
            Self::ActivePlaque => {
                Material::new(0.86, [1250.0, 140.0], [1450.0, 135.0], 0.65, 0.35, 0.0)
            }
            Self::Infarct => Material::new(0.90, [1450.0, 170.0], [1700.0, 160.0], 0.65, 0.05, 0.0),
        }
    }

    /// True for what belongs to the lesion's mask.
    pub const fn in_mask(self) -> bool {
        !matches!(self, Self::Oedema)
    }
}

/// Where a lesion may lie; masks are `[z][y][x]`.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Grid.
    pub size: Zyx<usize>,
    /// Voxel sizes.
    pub voxel_mm: Zyx<f32>,
    /// Tissue that a lesion may take, for example the brain.
    pub allowed: &'a [bool],
    /// What plaques gather around, for example the ventricles; `None` spreads them.
    pub near: Option<&'a [bool]>,
}

/// A lesion on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintedLesion {
    /// What it imitates.
    pub kind: PathologyKind,
    /// Grid.
    pub size: Zyx<usize>,
    /// Part of each voxel that each tissue fills, `[z][y][x]` each.
    pub parts: Vec<(LesionTissue, Vec<f32>)>,
    /// True where the lesion's own tissues fill at least half of the voxel.
    pub mask: Vec<bool>,
    /// First and last (exclusive) voxel of the mask: `[x0, y0, z0, x1, y1, z1]`.
    pub bounds: [usize; 6],
    /// How it pushes its surroundings; `None` if it does not.
    pub push: Option<Deformation>,
}

/// Plaques drawn at most.
const MAX_PLAQUES: usize = 14;

impl PaintedLesion {
    /// A random lesion of a kind; a pure function of site and seed. `None` where the site has no room for one.
    ///
    /// # Errors
    /// [`Error::Size`] if a mask does not fill the grid; [`Error::OutOfRange`] for voxels without a size.
    pub fn random(kind: PathologyKind, site: &Site<'_>, seed: u64) -> Result<Option<Self>> {
        site.check()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rng = &mut rng;
        let Some(places) = Places::new(site) else {
            return Ok(None);
        };
        let parts = match kind {
            PathologyKind::Mass | PathologyKind::RingMass => {
                let mass = Mass::random(kind == PathologyKind::RingMass, &places, rng);
                let Some(mass) = mass else { return Ok(None) };
                let parts = mass.parts(site);
                return Ok(Self::new(kind, site, parts, Some(mass.push(site))));
            }
            PathologyKind::Plaques => plaques(site, &places, rng),
            PathologyKind::Infarct => infarct(site, &places, rng),
        };
        Ok(Self::new(kind, site, parts, None))
    }

    fn new(
        kind: PathologyKind,
        site: &Site<'_>,
        mut parts: Vec<(LesionTissue, Vec<f32>)>,
        push: Option<Deformation>,
    ) -> Option<Self> {
        for (_, part) in &mut parts {
            for (v, allowed) in part.iter_mut().zip(site.allowed) {
                *v *= f32::from(u8::from(*allowed));
            }
        }
        let n = site.size.count();
        let mask: Vec<bool> = (0..n)
            .map(|i| {
                let own = parts.iter().filter(|(t, _)| t.in_mask());
                own.map(|(_, part)| part[i]).sum::<f32>() >= 0.5
            })
            .collect();
        let mut bounds = [usize::MAX, usize::MAX, usize::MAX, 0, 0, 0];
        let Zyx { y, x, .. } = site.size;
        for (i, _) in mask.iter().enumerate().filter(|(_, inside)| **inside) {
            for (axis, at) in [i % x, i / x % y, i / (x * y)].into_iter().enumerate() {
                bounds[axis] = bounds[axis].min(at);
                bounds[axis + 3] = bounds[axis + 3].max(at + 1);
            }
        }
        (bounds[3] > 0).then_some(Self {
            kind,
            size: site.size,
            parts,
            mask,
            bounds,
            push,
        })
    }

    /// Paints the lesion into an image in place: surroundings pushed aside, then signals mixed by the parts of each voxel.
    /// `signal` is that of a tissue at a voxel, `host` the image after the push.
    ///
    /// # Errors
    /// [`Error::Size`] if the image does not fill the lesion's grid.
    pub fn paint(
        &self,
        image: &mut Vec<f32>,
        signal: impl Fn(LesionTissue, usize, f32) -> f32,
    ) -> Result<()> {
        let expected = self.size.count();
        if image.len() != expected {
            return Err(Error::Size {
                what: "image to paint a lesion into",
                expected,
                found: image.len(),
                hint: "image and lesion must have one grid",
            });
        }
        if let Some(push) = &self.push {
            let outside = image.iter().copied().fold(f32::MAX, f32::min);
            *image = push.image(image, outside);
        }
        for (i, v) in image.iter_mut().enumerate() {
            let host = *v;
            let (mut sum, mut filled) = (0.0, 0.0);
            for (tissue, part) in &self.parts {
                if part[i] > 0.0 {
                    sum += part[i] * signal(*tissue, i, host);
                    filled += part[i];
                }
            }
            *v = sum + (1.0 - filled).max(0.0) * host;
        }
        Ok(())
    }

    /// As [`Self::paint`] on an image made by a sequence's signal equation, with the shading of its coils (`[z][y][x]`; empty for
    /// none).
    ///
    /// # Errors
    /// [`Error::Size`] if the image does not fill the lesion's grid.
    pub fn paint_simulated(
        &self,
        image: &mut Vec<f32>,
        sequence: &Sequence,
        shading: &[f32],
    ) -> Result<()> {
        let table = self
            .parts
            .iter()
            .map(|(t, _)| (*t, t.material().signal(sequence, 1.0)))
            .collect::<Vec<_>>();
        self.paint(image, |tissue, i, _| {
            let found = table.iter().find(|(t, _)| *t == tissue);
            found.map_or(0.0, |(_, s)| s * shading.get(i).copied().unwrap_or(1.0))
        })
    }
}

impl Site<'_> {
    fn check(&self) -> Result<()> {
        let expected = self.size.count();
        for (what, mask) in [
            ("mask of allowed tissue", Some(self.allowed)),
            ("mask of what plaques lie near", self.near),
        ] {
            if let Some(mask) = mask.filter(|m| m.len() != expected) {
                return Err(Error::Size {
                    what,
                    expected,
                    found: mask.len(),
                    hint: "masks must be on the image's grid",
                });
            }
        }
        for mm in [self.voxel_mm.z, self.voxel_mm.y, self.voxel_mm.x] {
            if !(0.05..=100.0).contains(&mm) {
                return Err(Error::OutOfRange {
                    what: "voxel size",
                    min: 0.05,
                    max: 100.0,
                    found: mm.into(),
                    hint: "in millimetres",
                });
            }
        }
        Ok(())
    }

    /// Position of a voxel in millimetres: x, y, z.
    fn point(&self, i: usize) -> [f32; 3] {
        let Zyx { y, x, .. } = self.size;
        [
            (i % x) as f32 * self.voxel_mm.x,
            (i / x % y) as f32 * self.voxel_mm.y,
            (i / (x * y)) as f32 * self.voxel_mm.z,
        ]
    }

    /// The smaller side of a pixel, over which edges are blurred.
    fn pixel(&self) -> f32 {
        self.voxel_mm.y.min(self.voxel_mm.x)
    }

    /// The part of each voxel inside a shape, from the distance in millimetres below its surface.
    fn fill(&self, below: impl Fn([f32; 3]) -> f32 + Sync) -> Vec<f32> {
        let pixel = self.pixel();
        (0..self.size.count())
            .into_par_iter()
            .with_min_len(4096)
            .map(|i| {
                if self.allowed[i] {
                    (0.5 + below(self.point(i)) / pixel).clamp(0.0, 1.0)
                } else {
                    0.0
                }
            })
            .collect()
    }
}

/// Allowed voxels, with their middle and reach.
struct Places<'a> {
    site: &'a Site<'a>,
    allowed: Vec<usize>,
    middle: [f32; 3],
    /// Mean distance from the middle times 1.5: about the radius.
    radius: f32,
}

impl<'a> Places<'a> {
    fn new(site: &'a Site<'a>) -> Option<Self> {
        let allowed: Vec<usize> = (0..site.allowed.len())
            .filter(|i| site.allowed[*i])
            .collect();
        if allowed.len() < 50 {
            return None;
        }
        let n = allowed.len() as f32;
        let mut middle = [0.0f64; 3];
        for &i in &allowed {
            for (m, v) in middle.iter_mut().zip(site.point(i)) {
                *m += f64::from(v);
            }
        }
        let middle = middle.map(|m| (m / f64::from(n)) as f32);
        let far: f64 = allowed
            .iter()
            .map(|i| f64::from(distance(site.point(*i), middle)))
            .sum();
        Some(Self {
            radius: (1.5 * far / f64::from(n)) as f32,
            site,
            allowed,
            middle,
        })
    }

    /// A random allowed point whose distance from the middle, in radii, lies in a range; any if none was found.
    fn draw(&self, range: std::ops::Range<f32>, rng: &mut ChaCha8Rng) -> [f32; 3] {
        let mut p = self.middle;
        for _ in 0..200 {
            p = self
                .site
                .point(self.allowed[rng.random_range(0..self.allowed.len())]);
            if range.contains(&(distance(p, self.middle) / self.radius)) {
                break;
            }
        }
        p
    }
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// A mass with its noises.
struct Mass {
    centre: [f32; 3],
    radius: f32,
    ragged: f32,
    /// Thickness of the rim; `None` for a solid mass.
    rim: Option<f32>,
    oedema: f32,
    push: f32,
    shape: Waves,
    inner: Waves,
}

impl Mass {
    fn random(ring: bool, places: &Places<'_>, rng: &mut ChaCha8Rng) -> Option<Self> {
        let most = (0.42 * places.radius).min(24.0);
        if most < 4.0 {
            return None;
        }
        let radius = rng.random_range((0.25 * most).max(3.0)..most);
        Some(Self {
            centre: places.draw(0.25..0.8, rng),
            radius,
            ragged: rng.random_range(0.1..0.9),
            rim: ring.then(|| rng.random_range(0.14..0.3) * radius + 0.8),
            oedema: rng.random_range(0.0..1.0) * radius,
            push: rng.random_range(0.1..0.5),
            shape: Waves::random(rng, 12, 1.3 * radius..2.6 * radius),
            inner: Waves::random(rng, 12, 0.4 * radius..1.0 * radius),
        })
    }

    fn parts(&self, site: &Site<'_>) -> Vec<(LesionTissue, Vec<f32>)> {
        let inside = |p: [f32; 3]| {
            let lumps = self.ragged * (0.2 * self.shape.value(p) + 0.07 * self.inner.value(p));
            self.radius * (1.0 + lumps) - distance(p, self.centre)
        };
        let whole = site.fill(inside);
        let soaked = site.fill(|p| {
            let reach = self.oedema * (0.7 + 0.45 * self.shape.value(p) + 0.25 * self.inner.value(p));
            inside(p) + reach.max(0.0)
        });
        let oedema = soaked.iter().zip(&whole).map(|(s, w)| (s - w).max(0.0));
        let mut parts = vec![(LesionTissue::Oedema, oedema.collect())];
        let core = match self.rim {
            Some(rim) => {
                site.fill(|p| inside(p) - (rim * (1.0 + 0.4 * self.inner.value(p))).max(1.0))
            }
            None => vec![0.0; whole.len()],
        };
        parts.push((
            LesionTissue::Enhancing,
            whole.iter().zip(&core).map(|(w, c)| (w - c).max(0.0)).collect(),
        ));
        if self.rim.is_some() {
            let core = core.iter().zip(&whole).map(|(c, w)| c.min(*w)).collect();
            parts.push((LesionTissue::Necrosis, core));
        }
        parts
    }

    /// Tissue is pushed outwards, most at the mass's edge, dying out within three radii.
    fn push(&self, site: &Site<'_>) -> Deformation {
        let mm = site.voxel_mm;
        Deformation::from_map(site.size, |[z, y, x]| {
            let v = [
                x * mm.x - self.centre[0],
                y * mm.y - self.centre[1],
                z * mm.z - self.centre[2],
            ];
            let d2 = v.iter().map(|v| v * v).sum::<f32>();
            let scale = 1.0 - self.push * (-d2 / (1.6 * self.radius * self.radius)).exp();
            let back: [f32; 3] = std::array::from_fn(|a| self.centre[a] + v[a] * scale);
            [back[2] / mm.z, back[1] / mm.y, back[0] / mm.x]
        })
    }
}

fn plaques(
    site: &Site<'_>,
    places: &Places<'_>,
    rng: &mut ChaCha8Rng,
) -> Vec<(LesionTissue, Vec<f32>)> {
    /// Three in four plaques lie within this of what they gather around.
    const NEAR_MM: f32 = 9.0;
    let beside: Vec<[f32; 3]> = match site.near {
        Some(near) => (0..near.len())
            .filter(|i| near[*i])
            .map(|i| site.point(i))
            .collect(),
        None => Vec::new(),
    };
    let n = rng.random_range(2..=MAX_PLAQUES);
    let mut active = Vec::new();
    let mut quiet = Vec::new();
    for _ in 0..n {
        let mut centre = places.draw(0.0..0.75, rng);
        if !beside.is_empty() && rng.random_bool(0.75) {
            let anchor = beside[rng.random_range(0..beside.len())];
            for _ in 0..50 {
                let p = places.draw(0.0..0.9, rng);
                let nearest = distance(p, anchor);
                if nearest < NEAR_MM {
                    centre = p;
                    break;
                }
            }
        }
        let long = rng.random_range(1.8f32..6.5);
        let narrow = long * rng.random_range(0.45..0.9);
        // Plaques point away from the ventricles, along the veins.
        let away: [f32; 3] = std::array::from_fn(|a| centre[a] - places.middle[a]);
        let length = distance(away, [0.0; 3]).max(1e-3);
        let axis = away.map(|v| v / length);
        let plaque = (centre, axis, long, narrow);
        if rng.random_bool(0.2) {
            active.push(plaque);
        } else {
            quiet.push(plaque);
        }
    }
    let noise = Waves::random(rng, 12, 4.0..12.0);
    let fill = |list: &[([f32; 3], [f32; 3], f32, f32)]| {
        site.fill(|p| {
            list.iter()
                .map(|(centre, axis, long, narrow)| {
                    let v: [f32; 3] = std::array::from_fn(|a| p[a] - centre[a]);
                    let along: f32 = v.iter().zip(axis).map(|(a, b)| a * b).sum();
                    let across = (distance(v, [0.0; 3]).powi(2) - along * along).max(0.0);
                    let q = ((along / long).powi(2) + across / (narrow * narrow)).sqrt();
                    (1.0 + 0.12 * noise.value(p) - q) * narrow
                })
                .fold(f32::MIN, f32::max)
        })
    };
    let active = fill(&active);
    let quiet = fill(&quiet)
        .iter()
        .zip(&active)
        .map(|(q, a)| q.min(1.0 - a))
        .collect();
    vec![
        (LesionTissue::Plaque, quiet),
        (LesionTissue::ActivePlaque, active),
    ]
}

fn infarct(
    site: &Site<'_>,
    places: &Places<'_>,
    rng: &mut ChaCha8Rng,
) -> Vec<(LesionTissue, Vec<f32>)> {
    let base = places.draw(0.75..1.2, rng);
    let out: [f32; 3] = std::array::from_fn(|a| base[a] - places.middle[a]);
    let length = distance(out, [0.0; 3]).max(1e-3);
    let axis = out.map(|v| v / length);
    // The apex lies part of the way from the middle; the wedge widens from there to the surface.
    let apex_at = rng.random_range(0.3f32..0.6) * length;
    let apex: [f32; 3] = std::array::from_fn(|a| places.middle[a] + axis[a] * apex_at);
    let half_angle = rng.random_range(0.25f32..0.7);
    let noise = Waves::random(rng, 12, 8.0..26.0);
    let (sin, cos) = half_angle.sin_cos();
    let part = site.fill(|p| {
        let v: [f32; 3] = std::array::from_fn(|a| p[a] - apex[a]);
        let along: f32 = v.iter().zip(axis).map(|(a, b)| a * b).sum();
        let across = (distance(v, [0.0; 3]).powi(2) - along * along).max(0.0).sqrt();
        along * sin - across * cos + 1.6 * noise.value(p) - 0.8
    });
    vec![(LesionTissue::Infarct, part)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Zyx<usize> = Zyx::new(5, 90, 80);

    fn ball() -> Vec<bool> {
        (0..SIZE.count())
            .map(|i| {
                let (y, x) = ((i / 80 % 90) as f32, (i % 80) as f32);
                ((y - 45.0) / 40.0).hypot((x - 40.0) / 34.0) < 1.0
            })
            .collect()
    }

    fn site(allowed: &[bool]) -> Site<'_> {
        Site {
            size: SIZE,
            voxel_mm: Zyx::new(5.0, 1.5, 1.5),
            allowed,
            near: None,
        }
    }

    #[test]
    fn every_kind_has_a_mask_a_box_and_parts_that_fit_a_voxel() {
        let allowed = ball();
        for kind in PathologyKind::ALL {
            for seed in 0..4 {
                let lesion = PaintedLesion::random(kind, &site(&allowed), seed)
                    .unwrap()
                    .unwrap();
                let [x0, y0, z0, x1, y1, z1] = lesion.bounds;
                for (i, inside) in lesion.mask.iter().enumerate() {
                    let (z, y, x) = (i / (90 * 80), i / 80 % 90, i % 80);
                    if *inside {
                        assert!(allowed[i]);
                        assert!((x0..x1).contains(&x) && (y0..y1).contains(&y));
                        assert!((z0..z1).contains(&z));
                    }
                    let filled: f32 = lesion.parts.iter().map(|(_, p)| p[i]).sum();
                    assert!(filled < 1.0 + 1e-4, "{kind:?} {filled}");
                }
                let again = PaintedLesion::random(kind, &site(&allowed), seed).unwrap();
                assert_eq!(again.unwrap(), lesion);
            }
        }
    }

    #[test]
    fn signals_follow_the_sequence() {
        let allowed = ball();
        let lesion = PaintedLesion::random(PathologyKind::RingMass, &site(&allowed), 2)
            .unwrap()
            .unwrap();
        let mean = |sequence: Sequence, tissue: LesionTissue| {
            let white = sequence.tissue_signal(Tissue::WhiteMatter, 1.0);
            let mut image = vec![white; SIZE.count()];
            lesion.paint_simulated(&mut image, &sequence, &[]).unwrap();
            let part = &lesion.parts.iter().find(|(t, _)| *t == tissue).unwrap().1;
            let (sum, n) = image
                .iter()
                .zip(part)
                .filter(|(_, p)| **p > 0.99)
                .fold((0.0, 0), |(s, n), (v, _)| (s + v, n + 1));
            sum / n as f32 / white
        };
        assert!(mean(Sequence::t1_post(), LesionTissue::Enhancing) > 1.2);
        assert!(mean(Sequence::t1_post(), LesionTissue::Necrosis) < 0.8);
        assert!(mean(Sequence::t1(), LesionTissue::Enhancing) < 1.0);
        assert!(mean(Sequence::t2(), LesionTissue::Necrosis) > 1.5);
        assert!(mean(Sequence::flair(), LesionTissue::Enhancing) > 1.2);
    }

    #[test]
    fn plaques_gather_where_they_are_told() {
        let allowed = ball();
        let near: Vec<bool> = (0..SIZE.count())
            .map(|i| {
                let (y, x) = ((i / 80 % 90) as f32, (i % 80) as f32);
                (y - 45.0).hypot(x - 30.0) < 5.0
            })
            .collect();
        let count = |near: Option<&[bool]>| {
            let mut close = 0.0;
            let mut all = 0.0;
            for seed in 0..12 {
                let at = Site {
                    near,
                    ..site(&allowed)
                };
                let Some(lesion) = PaintedLesion::random(PathologyKind::Plaques, &at, seed).unwrap()
                else {
                    continue;
                };
                for (i, _) in lesion.mask.iter().enumerate().filter(|(_, m)| **m) {
                    let (y, x) = ((i / 80 % 90) as f32, (i % 80) as f32);
                    all += 1.0;
                    close += f32::from(u8::from((y - 45.0).hypot(x - 30.0) < 14.0));
                }
            }
            close / all
        };
        assert!(count(Some(&near)) > 1.5 * count(None));
    }

    #[test]
    fn a_mass_pushes_and_what_does_not_fit_is_refused() {
        let allowed = ball();
        let lesion = PaintedLesion::random(PathologyKind::Mass, &site(&allowed), 1)
            .unwrap()
            .unwrap();
        let push = lesion.push.as_ref().unwrap();
        assert!(push.shift.iter().any(|s| s[1].hypot(s[2]) > 0.5));
        assert!(lesion.paint(&mut vec![0.0; 3], |_, _, _| 1.0).is_err());
        let bad = Site {
            allowed: &allowed[1..],
            ..site(&allowed)
        };
        assert!(PaintedLesion::random(PathologyKind::Mass, &bad, 0).is_err());
        let nothing = vec![false; SIZE.count()];
        let none = PaintedLesion::random(PathologyKind::Mass, &site(&nothing), 0).unwrap();
        assert!(none.is_none());
    }
}
