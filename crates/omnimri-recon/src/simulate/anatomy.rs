//! Which tissue lies where in a head: an analytic model, evaluated point by point.
//!
//! Layers follow the depth below the surface of the cerebrum; the cortex follows the zero lines of two smooth random fields
//! drawn over that surface, which meander as sulci do; deep structures are smooth solids, mirrored and then warped.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::detail::HeadStructure;
use super::field::Waves;
use super::head::HeadSpec;
use super::tissue::Tissue;

/// Radius over which the folding fields are drawn, millimetres.
const FOLD_RADIUS: f32 = 75.0;

/// What is smooth at a point; cheap to interpolate, dear to compute.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Local {
    /// Millimetres below the surface of the cerebrum, negative outside.
    pub depth: f32,
    /// Signed distance in millimetres to the nearest large and small sulcus.
    sulcus: [f32; 2],
    /// Depth in millimetres to which large and small sulci reach.
    reach: [f32; 2],
    /// Displacement of the deep structures, millimetres.
    warp: [f32; 3],
    /// Unit-variance noises: layers of the skull, the tumour's shape, the tumour's inside, tissue texture.
    layers: f32,
    /// The tumour's outline and inside.
    pub lesion: [f32; 2],
    /// Texture within tissues.
    pub texture: f32,
}

impl Local {
    /// Weighted sum of the four corners of a cell.
    pub fn mix(corners: [&Self; 4], w: [f32; 4]) -> Self {
        let sum = |f: fn(&Self) -> f32| {
            f(corners[0]) * w[0]
                + f(corners[1]) * w[1]
                + f(corners[2]) * w[2]
                + f(corners[3]) * w[3]
        };
        Self {
            depth: sum(|c| c.depth),
            sulcus: [sum(|c| c.sulcus[0]), sum(|c| c.sulcus[1])],
            reach: [sum(|c| c.reach[0]), sum(|c| c.reach[1])],
            warp: [sum(|c| c.warp[0]), sum(|c| c.warp[1]), sum(|c| c.warp[2])],
            layers: sum(|c| c.layers),
            lesion: [sum(|c| c.lesion[0]), sum(|c| c.lesion[1])],
            texture: sum(|c| c.texture),
        }
    }
}

/// A head with its random fields drawn.
pub(crate) struct Anatomy<'a> {
    spec: &'a HeadSpec,
    surface: Waves,
    folds: [Waves; 2],
    bend: [Waves; 3],
    reach: Waves,
    layers: Waves,
    lesion: [Waves; 2],
    texture: [Waves; 2],
    /// Size of the hippocampi relative to a typical adult's; none in the plain head.
    hippocampus: Option<f32>,
}

impl<'a> Anatomy<'a> {
    pub fn new(spec: &'a HeadSpec) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(2);
        let rng = &mut rng;
        let radius = spec.lesion.as_ref().map_or(10.0, |l| l.radius_mm);
        Self {
            spec,
            surface: Waves::random(rng, 8, 70.0..130.0),
            folds: [
                Waves::random(rng, 16, 44.0..62.0),
                Waves::random(rng, 16, 23.0..31.0),
            ],
            bend: std::array::from_fn(|_| Waves::random(rng, 8, 45.0..90.0)),
            reach: Waves::random(rng, 8, 30.0..60.0),
            layers: Waves::random(rng, 8, 18.0..60.0),
            lesion: [
                Waves::random(rng, 12, 1.3 * radius..2.6 * radius),
                Waves::random(rng, 12, 6.0..14.0),
            ],
            texture: [
                Waves::random(rng, 8, 25.0..60.0),
                Waves::random(rng, 12, 3.0..8.0),
            ],
            hippocampus: None,
        }
    }

    /// A head with hippocampi of this size.
    pub fn with_hippocampi(spec: &'a HeadSpec, scale: f32) -> Self {
        Self {
            hippocampus: Some(scale),
            ..Self::new(spec)
        }
    }

    /// The smooth quantities at an undisturbed position, and the tumour's noises at the actual one.
    pub fn local(&self, actual: [f32; 3], p: [f32; 3]) -> Local {
        let length = norm(p).max(1.0);
        let bend: [f32; 3] = std::array::from_fn(|i| self.bend[i].value(p));
        let depth = self.depth(p) + 1.1 * self.surface.value(p);
        // Sulci run inwards: the fields are read on a sphere, where the point's direction meets it, with a drift that makes
        // the walls bend. Large sulci are nearly mirrored, small ones are not.
        let onto = FOLD_RADIUS / length;
        let drift =
            |amount: f32| -> [f32; 3] { std::array::from_fn(|i| p[i] * onto + amount * bend[i]) };
        let mut large = drift(5.0);
        large[0] = large[0].abs();
        let stretch = length / FOLD_RADIUS;
        let distance = |waves: &Waves, q: [f32; 3]| {
            let (value, slope) = waves.value_and_slope(q);
            (value / slope.max(0.02) * stretch).clamp(-12.0, 12.0)
        };
        let sulcus = [
            distance(&self.folds[0], large),
            distance(&self.folds[1], drift(6.0)),
        ];
        let r = self.reach.value(p);
        Local {
            depth,
            sulcus,
            reach: [20.0 + 5.0 * r, 10.5 - 3.5 * r],
            warp: bend.map(|b| 1.6 * b),
            layers: self.layers.value(p),
            lesion: [self.lesion[0].value(actual), self.lesion[1].value(actual)],
            texture: 0.6 * self.texture[0].value(p) + 0.8 * self.texture[1].value(p),
        }
    }

    /// Millimetres below the surface of the cerebrum along the ray from its centre.
    fn depth(&self, [x, y, z]: [f32; 3]) -> f32 {
        let [a, b, c] = self.spec.brain_mm;
        // Wider behind than in front; flatter below than above.
        let half_width = a * (1.0 + 0.10 * (y / b).clamp(-1.0, 1.0));
        let height = if z > 0.0 { c } else { 0.62 * c };
        let (u, v, w) = (x / half_width, y / b, z / height);
        // Between an ellipsoid and a box: heads are a little square.
        let fourth = u.powi(4) + v.powi(4) + w.powi(4);
        let second = u * u + v * v + w * w;
        let g = (0.35 * fourth.sqrt() + 0.65 * second).sqrt().max(1e-3);
        norm([x, y, z]).max(1.0) * (1.0 / g - 1.0)
    }

    /// The tissue at an undisturbed position.
    pub fn tissue(&self, p: [f32; 3], l: &Local) -> Tissue {
        if let Some((tissue, _)) = self.medial_temporal(p, l) {
            return tissue;
        }
        if let Some(tissue) = self.posterior_fossa(p, l) {
            return tissue;
        }
        if l.depth > 0.0 {
            self.cerebrum(p, l)
        } else {
            self.outside(p, l)
        }
    }

    /// The structure at an undisturbed position.
    pub fn structure(&self, p: [f32; 3], l: &Local) -> Option<HeadStructure> {
        if let Some((_, structure)) = self.medial_temporal(p, l) {
            return structure;
        }
        if let Some(tissue) = self.posterior_fossa(p, l) {
            return match tissue {
                Tissue::BrainStem => Some(HeadStructure::BrainStem),
                Tissue::GreyMatter | Tissue::WhiteMatter => Some(HeadStructure::Cerebellum),
                _ => None,
            };
        }
        if l.depth <= 0.0 {
            return None;
        }
        let warped: [f32; 3] = std::array::from_fn(|i| p[i] + l.warp[i]);
        if let Some((_, structure)) = self.deep(warped) {
            return Some(structure);
        }
        match self.cerebrum(p, l) {
            Tissue::GreyMatter => Some(HeadStructure::CerebralCortex),
            Tissue::WhiteMatter => Some(HeadStructure::CerebralWhiteMatter),
            _ => None,
        }
    }

    /// The hippocampus on the floor of the temporal horn: head, body and tail, a white layer towards the ventricle, a dark
    /// line within, the horn's fluid beside it. `None` away from it and in heads without hippocampi.
    fn medial_temporal(&self, p: [f32; 3], l: &Local) -> Option<(Tissue, Option<HeadStructure>)> {
        let scale = self.hippocampus?;
        let q = [(p[0] + l.warp[0]).abs(), p[1] + l.warp[1], p[2] + l.warp[2]];
        if !(14.0..42.0).contains(&q[0])
            || !(-8.0..44.0).contains(&q[1])
            || !(-30.0..4.0).contains(&q[2])
            || l.depth < 1.0
        {
            return None;
        }
        let head = solid(q, [25.0, 4.0, -19.0], [7.4, 8.6, 5.6].map(|r| r * scale));
        let body = capsule(
            q,
            [26.5, 9.0, -18.0],
            4.6 * scale,
            [30.0, 22.0, -12.0],
            4.0 * scale,
        )
        .max(capsule(
            q,
            [30.0, 22.0, -12.0],
            4.0 * scale,
            [22.5, 36.0, -3.0],
            2.4 * scale,
        ));
        // Flat above, and scalloped at the head.
        let inside = head.max(body) + 0.35 * l.texture.clamp(-1.5, 1.5);
        if inside > 0.0 {
            let part = if q[1] < 12.0 {
                HeadStructure::AnteriorHippocampus
            } else {
                HeadStructure::PosteriorHippocampus
            };
            let line = capsule(q, [23.5, 2.0, -19.5], 0.8, [28.5, 22.0, -12.8], 0.7);
            let tissue = if line > 0.0 {
                Tissue::WhiteMatter
            } else {
                Tissue::GreyMatter
            };
            return Some((tissue, Some(part)));
        }
        let horn = capsule(
            q,
            [31.5, 1.0, -16.5],
            2.6 * self.spec.ventricle_scale,
            [36.0, 20.0, -10.5],
            2.0 * self.spec.ventricle_scale,
        );
        if horn > 0.0 {
            return Some((Tissue::Csf, Some(HeadStructure::LateralVentricle)));
        }
        if inside > -1.3 {
            // The fimbria and the white matter under the subiculum.
            return Some((Tissue::WhiteMatter, None));
        }
        // Fluid of the choroidal fissure, medially.
        let fissure = capsule(q, [18.5, 2.0, -15.0], 1.7, [21.5, 24.0, -9.0], 1.5);
        if fissure > 0.0 {
            return Some((Tissue::Csf, None));
        }
        // The parahippocampal gyrus: a ribbon below.
        let ribbon = inside > -5.2 && q[2] < -15.0 - 0.3 * (q[1] - 8.0).abs() * 0.2 && q[0] < 30.0;
        (ribbon && inside < -2.0).then_some((Tissue::GreyMatter, None))
    }

    /// Fluid, meninges, skull and scalp.
    fn outside(&self, p: [f32; 3], l: &Local) -> Tissue {
        let spec = self.spec;
        let [x, y, z] = p;
        let out = -l.depth;
        // Fluid collects over the frontal and occipital poles.
        let csf = spec.csf_mm * (1.0 + 0.35 * (y / 84.0) * (y / 84.0)) + 0.5 * l.layers;
        let mut edge = csf.max(0.8);
        // The superior sagittal sinus, a wedge between the hemispheres under the skull.
        let wedge = out + 2.5;
        if z > -20.0 && (y > 40.0 || z > 40.0 || y < -60.0) && wedge > 0.0 && out < edge + 2.2 {
            let width = if y > 0.0 || z > 40.0 {
                1.2 + 0.55 * wedge
            } else {
                0.5 + 0.25 * wedge
            };
            if (x - l.warp[0] * 0.5).abs() < width {
                return Tissue::Blood;
            }
        }
        if out < edge {
            return Tissue::Csf;
        }
        edge += 0.9;
        if out < edge {
            return Tissue::Dura;
        }
        let below = z < -0.45 * spec.brain_mm[2];
        if below {
            return self.face_and_neck(p, l, out - edge);
        }
        // Tables of the skull and the marrow between them; thin at the temples.
        let temple = smooth((x.abs() - 45.0) / 15.0) * smooth((12.0 - y.abs()) / 40.0 + 0.4);
        let skull = (spec.skull_mm * (1.0 - 0.45 * temple) + 0.7 * l.layers).max(2.6);
        let table = 0.27 * skull;
        if out < edge + skull {
            let within = out - edge;
            let marrow = within > table && within < skull - table && skull > 4.2;
            return if marrow { Tissue::Marrow } else { Tissue::Bone };
        }
        edge += skull;
        // The temporal muscle.
        let muscle = 8.5
            * smooth((x.abs() - 40.0) / 16.0)
            * smooth((28.0 - z) / 26.0)
            * smooth((14.0 - y) / 26.0)
            * smooth((y + 74.0) / 22.0);
        if out < edge + muscle {
            return Tissue::Muscle;
        }
        edge += muscle;
        let fat =
            (spec.fat_mm * (1.0 + 0.25 * (y / 84.0)) - 0.25 * muscle + 0.6 * l.layers).max(1.0);
        if out < edge + fat {
            // Septa make fat look like fat.
            return if (l.texture > 1.5) && fat > 2.0 {
                Tissue::Skin
            } else {
                Tissue::Fat
            };
        }
        if out < edge + fat + 1.9 {
            Tissue::Skin
        } else {
            Tissue::Air
        }
    }

    /// Below the skull base: a coarse face and neck, for coronal and sagittal cuts.
    fn face_and_neck(&self, [x, y, z]: [f32; 3], l: &Local, out: f32) -> Tissue {
        if out < 3.5 + l.layers {
            return Tissue::Bone;
        }
        let face = 1.0 - norm([x / 62.0, (y + 38.0) / 56.0, (z + 62.0) / 60.0]);
        let neck = 1.0 - norm([x / 54.0, (y - 22.0) / 58.0, 0.0]);
        let skin = (face * 56.0).max(neck * 55.0);
        if skin < 0.0 {
            return Tissue::Air;
        }
        if skin < 2.0 {
            return Tissue::Skin;
        }
        if skin < 2.0 + self.spec.fat_mm + l.layers {
            return Tissue::Fat;
        }
        let hollow = |c: [f32; 3], r: [f32; 3]| {
            norm([
                (x.abs() - c[0]) / r[0],
                (y - c[1]) / r[1],
                (z - c[2]) / r[2],
            ]) < 1.0 + 0.12 * l.layers
        };
        let nose = hollow([5.0, -62.0, -62.0], [5.0, 26.0, 16.0]);
        let maxillary = hollow([26.0, -56.0, -62.0], [12.0, 14.0, 14.0]);
        let sphenoid = hollow([6.0, -28.0, -48.0], [8.0, 11.0, 7.0]);
        let throat = hollow([0.0, -18.0, -86.0], [9.0, 6.0, 34.0]);
        if nose || maxillary || sphenoid || throat {
            return Tissue::Air;
        }
        if hollow([31.0, -60.0, -34.0], [12.0, 13.0, 12.0]) {
            return Tissue::Csf;
        }
        match l.texture {
            t if t > 0.9 => Tissue::Fat,
            t if t < -1.4 => Tissue::Bone,
            _ => Tissue::Muscle,
        }
    }

    /// Cerebellum and brain stem with the fluid around them; `None` where the cerebrum is.
    fn posterior_fossa(&self, p: [f32; 3], l: &Local) -> Option<Tissue> {
        let [x, y, z] = p;
        if z > -8.0 {
            return None;
        }
        let cerebellum = solid([x, y, z], [0.0, 44.0, -40.0], [50.0, 30.0, 27.0]) + 0.8 * l.layers;
        let stem = solid([x, 0.0, 0.0], [0.0; 3], [14.0, 1e6, 1e6])
            .min(13.0 - (y - (10.0 - 0.22 * (z + 20.0))).abs());
        let pons = solid([x, y, z], [0.0, 8.0, -38.0], [17.0, 14.0, 15.0]);
        let roof = -16.0 - 0.16 * x.abs() + 0.10 * (y - 30.0);
        if stem.max(pons) > 0.0 && z < -14.0 {
            return Some(Tissue::BrainStem);
        }
        if z < roof && y > 12.0 && cerebellum > -2.5 {
            if z > roof - 1.2 {
                return Some(Tissue::Dura);
            }
            // The fourth ventricle lies between stem and cerebellum.
            let fourth = solid([x, y, z], [0.0, 25.0, -42.0], [7.0, 4.5, 10.0]);
            if fourth > 0.0 || cerebellum < 0.0 || z > roof - 2.6 {
                return Some(Tissue::Csf);
            }
            return Some(self.folia(p, l, cerebellum));
        }
        // Cisterns between stem, temporal lobes and frontal lobes.
        let cistern = solid([x, y, z], [0.0, -4.0, -30.0], [21.0, 22.0, 14.0]);
        (cistern > 0.0 && z < -16.0).then_some(Tissue::Csf)
    }

    /// Leaves of the cerebellum: grey with fine fluid lines, a white core.
    fn folia(&self, [x, y, z]: [f32; 3], l: &Local, inside: f32) -> Tissue {
        let core =
            solid([x.abs(), y, z], [20.0, 38.0, -41.0], [17.0, 15.0, 10.0]) + 2.5 * l.texture;
        if core > 0.0 {
            return Tissue::WhiteMatter;
        }
        let phase = (norm([0.8 * x, y - 18.0, 1.2 * (z + 40.0)]) + l.warp[0]) / 4.6;
        let wave = phase - phase.floor();
        if wave < 0.14 && inside < 13.0 {
            Tissue::Csf
        } else if (0.48..0.62).contains(&wave) && inside > 3.0 {
            Tissue::WhiteMatter
        } else {
            Tissue::GreyMatter
        }
    }

    fn cerebrum(&self, p: [f32; 3], l: &Local) -> Tissue {
        let warped: [f32; 3] = std::array::from_fn(|i| p[i] + l.warp[i]);
        if let Some((tissue, _)) = self.deep(warped) {
            return tissue;
        }
        if let Some(tissue) = self.midline(warped, l) {
            return tissue;
        }
        if let Some(tissue) = self.sylvian(warped, l) {
            return tissue;
        }
        let cortex = self.spec.cortex_mm;
        let mut ribbon = l.depth < cortex;
        for ((s, reach), width) in l.sulcus.into_iter().zip(l.reach).zip([1.15, 0.8]) {
            let left = 1.0 - l.depth / reach;
            if left > 0.0 {
                // Open at the surface, closed at the bottom.
                let half = self.spec.sulcus_mm * width * (0.35 + 0.65 * left);
                if s.abs() < half {
                    return Tissue::Csf;
                }
                ribbon |= s.abs() < half + cortex;
            } else {
                // Round the bottom of the sulcus.
                let under = l.depth - reach;
                ribbon |= s * s + under * under < cortex * cortex;
            }
        }
        if ribbon {
            Tissue::GreyMatter
        } else {
            Tissue::WhiteMatter
        }
    }

    /// The fissure between the hemispheres with the falx in it, and the cortex along it.
    fn midline(&self, [x, y, z]: [f32; 3], l: &Local) -> Option<Tissue> {
        let x = x - 0.8 * l.warp[1] * 0.5;
        if x.abs() > 6.0 || z < -22.0 {
            return None;
        }
        // The callosum and all below it bridge the midline inside this ellipse.
        let bridge = norm([0.0, (y + 1.0) / 43.0, (z - 4.0) / 27.0]);
        if bridge < 1.0 {
            return None;
        }
        let gap = self.spec.sulcus_mm * 1.2 + 0.25;
        let free = (bridge - 1.0) * 30.0;
        if free > 5.0 && x.abs() < 0.55 {
            return Some(Tissue::Dura);
        }
        if x.abs() < gap {
            return Some(if free < 1.0 {
                Tissue::GreyMatter
            } else {
                Tissue::Csf
            });
        }
        (x.abs() < gap + self.spec.cortex_mm && free > 1.5).then_some(Tissue::GreyMatter)
    }

    /// The lateral fissure and the insula behind it.
    fn sylvian(&self, [x, y, z]: [f32; 3], l: &Local) -> Option<Tissue> {
        if !(-30.0..18.0).contains(&z) || x.abs() < 28.0 {
            return None;
        }
        let q = [x.abs() - 0.12 * z, y - 0.5 * z];
        let line = |a: [f32; 2], b: [f32; 2]| segment(q, a, b);
        let d = line([70.0, -6.0], [47.0, -14.0])
            .min(line([47.0, -14.0], [42.0, 14.0]))
            .min(line([47.0, -14.0], [43.0, -30.0]));
        // The fissure fades towards its upper end.
        let half = (self.spec.sulcus_mm * 1.7) * smooth((20.0 - z) / 10.0);
        if d < half {
            Some(Tissue::Csf)
        } else if d < half + self.spec.cortex_mm + 0.3 * l.layers {
            Some(Tissue::GreyMatter)
        } else {
            None
        }
    }

    /// Ventricles and deep grey matter.
    fn deep(&self, [x, y, z]: [f32; 3]) -> Option<(Tissue, HeadStructure)> {
        let q = [x.abs(), y, z];
        if q[0] > 46.0 || !(-42.0..64.0).contains(&y) || !(-28.0..34.0).contains(&z) {
            return None;
        }
        let w = self.spec.ventricle_scale;
        let tube = |a: [f32; 3], ra: f32, b: [f32; 3], rb: f32| capsule(q, a, ra * w, b, rb * w);
        // Frontal horn, body, atrium, occipital and temporal horn.
        let ventricle = tube([11.0, -33.0, 4.0], 2.4, [6.5, -20.0, 10.0], 4.2)
            .max(tube([6.5, -20.0, 10.0], 4.2, [8.5, 2.0, 19.0], 4.0))
            .max(tube([8.5, 2.0, 19.0], 4.0, [17.0, 25.0, 15.0], 5.0))
            .max(tube([17.0, 25.0, 15.0], 5.0, [24.0, 36.0, 3.0], 5.6))
            .max(tube([24.0, 36.0, 3.0], 5.6, [23.0, 54.0, 1.0], 2.2))
            .max(tube([24.0, 36.0, 3.0], 4.6, [32.0, 14.0, -14.0], 1.8));
        let septum = q[0] < 0.7;
        let third = (1.6 * w - q[0]).min(13.0 - norm([0.0, y - 6.0, (z + 4.0) * 1.3]));
        // The caudate indents the frontal horn from the side.
        let caudate = solid(q, [13.5, -18.0, 8.0], [6.0, 11.0, 10.0]).max(capsule(
            q,
            [14.5, -10.0, 16.0],
            3.5,
            [20.0, 16.0, 19.0],
            1.8,
        ));
        if caudate > 0.0 && (ventricle < 1.0 || q[0] > 10.5) {
            return Some((Tissue::DeepGrey, HeadStructure::Caudate));
        }
        if ventricle > 0.0 && !septum {
            let plexus = solid(q, [21.5, 33.0, 8.0], [3.0, 6.5, 4.5]).max(capsule(
                q,
                [9.0, 4.0, 15.5],
                1.2,
                [18.0, 26.0, 12.0],
                1.8,
            ));
            let tissue = if plexus > 0.0 {
                Tissue::Choroid
            } else {
                Tissue::Csf
            };
            return Some((tissue, HeadStructure::LateralVentricle));
        }
        if third > 0.0 {
            return Some((Tissue::Csf, HeadStructure::ThirdVentricle));
        }
        if solid(q, [10.5, 13.0, 6.0], [9.0, 15.0, 10.0]) > 0.0 {
            return Some((Tissue::DeepGrey, HeadStructure::Thalamus));
        }
        // The lentiform nucleus leans outwards behind.
        let lens = [q[0] - 0.22 * (y + 4.0), y, z];
        if solid(lens, [20.0, 0.0, 1.0], [4.8, 9.5, 7.5]) > 0.0 {
            return Some((Tissue::Pallidum, HeadStructure::Pallidum));
        }
        (solid(lens, [27.0, -3.0, 3.0], [5.4, 16.5, 12.0]) > 0.0)
            .then_some((Tissue::DeepGrey, HeadStructure::Putamen))
    }
}

fn norm([x, y, z]: [f32; 3]) -> f32 {
    (x * x + y * y + z * z).sqrt()
}

/// 0 below 0, 1 above 1, smooth between.
fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Roughly the distance in millimetres below the surface of an ellipsoid, negative outside.
fn solid(p: [f32; 3], centre: [f32; 3], semi_axes: [f32; 3]) -> f32 {
    let u: [f32; 3] = std::array::from_fn(|i| (p[i] - centre[i]) / semi_axes[i]);
    (1.0 - norm(u)) * semi_axes[0].min(semi_axes[1]).min(semi_axes[2])
}

/// Distance below the surface of a tube whose radius changes from `ra` to `rb`, negative outside.
fn capsule(p: [f32; 3], a: [f32; 3], ra: f32, b: [f32; 3], rb: f32) -> f32 {
    let (mut dot, mut length) = (0.0, 0.0);
    for i in 0..3 {
        dot += (p[i] - a[i]) * (b[i] - a[i]);
        length += (b[i] - a[i]) * (b[i] - a[i]);
    }
    let h = (dot / length).clamp(0.0, 1.0);
    let d: [f32; 3] = std::array::from_fn(|i| p[i] - a[i] - h * (b[i] - a[i]));
    ra + h * (rb - ra) - norm(d)
}

/// Distance to a line segment in a plane.
fn segment(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let h = (((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (p[0] - a[0] - h * dx).hypot(p[1] - a[1] - h * dy)
}
