//! Shapes of lesions: distances below their surfaces in millimetres, from which the parts of voxels follow.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{LesionTissue, Site};
use crate::simulate::deform::Deformation;
use crate::simulate::field::Waves;

/// Plaques drawn at most.
const MAX_PLAQUES: usize = 14;

/// Allowed voxels, with their middle and reach.
pub(super) struct Places<'a> {
    site: &'a Site<'a>,
    allowed: Vec<usize>,
    middle: [f32; 3],
    /// Mean distance from the middle times 1.5: about the radius.
    radius: f32,
}

impl<'a> Places<'a> {
    pub fn new(site: &'a Site<'a>) -> Option<Self> {
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
pub(super) struct Mass {
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
    pub fn random(ring: bool, places: &Places<'_>, rng: &mut ChaCha8Rng) -> Option<Self> {
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

    pub fn parts(&self, site: &Site<'_>) -> Vec<(LesionTissue, Vec<f32>)> {
        let inside = |p: [f32; 3]| {
            let lumps = self.ragged * (0.2 * self.shape.value(p) + 0.07 * self.inner.value(p));
            self.radius * (1.0 + lumps) - distance(p, self.centre)
        };
        let whole = site.fill(inside);
        let soaked = site.fill(|p| {
            let reach =
                self.oedema * (0.7 + 0.45 * self.shape.value(p) + 0.25 * self.inner.value(p));
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
            whole
                .iter()
                .zip(&core)
                .map(|(w, c)| (w - c).max(0.0))
                .collect(),
        ));
        if self.rim.is_some() {
            let core = core.iter().zip(&whole).map(|(c, w)| c.min(*w)).collect();
            parts.push((LesionTissue::Necrosis, core));
        }
        parts
    }

    /// Tissue is pushed outwards, most at the mass's edge, dying out within three radii.
    pub fn push(&self, site: &Site<'_>) -> Deformation {
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

pub(super) fn plaques(
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

pub(super) fn infarct(
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
        let across = (distance(v, [0.0; 3]).powi(2) - along * along)
            .max(0.0)
            .sqrt();
        along * sin - across * cos + 1.6 * noise.value(p) - 0.8
    });
    vec![(LesionTissue::Infarct, part)]
}
