//! Images from label maps: a random contrast for every label (Billot et al., SynthSeg, Med Image Anal 2023;86:102789).
//!
//! The labels and the clusters of the unlabelled rest are deformed together; each compartment draws a mean and a spread; then come
//! partial volumes, bias field, gamma, resolution, noise and artefacts, in the order of the acquisition. What is learnt from such
//! images cannot rest on contrast.

use std::collections::{BTreeMap, BTreeSet};

use omnimri_findings::{Term, TumourClass};
use omnimri_image::{Acquisition, Zyx};
use omnimri_recon::sampling::PhaseAxis;
use omnimri_recon::simulate::acquire::{add_rician_noise, normal_pair};
use omnimri_recon::simulate::corrupt::{ComplexSlices, CorruptionKind, corrupt};
use omnimri_recon::simulate::deform::Deformation;
use omnimri_recon::simulate::field::Waves;
use omnimri_recon::simulate::filter::gaussian;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cluster::clusters;
use super::resolution::coarsen;
use super::training_only;
use crate::augment::mirrored_term;
use crate::error::{Error, Result};
use crate::example::{Classes, Example, LabelBox};
use crate::stack::Stack;

/// How far a synthesis goes; every figure is the largest that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthOptions {
    /// Rotation in the plane of the slices, degrees.
    pub rotation_deg: f32,
    /// Relative change of scale of each axis.
    pub scale: f32,
    /// Shear.
    pub shear: f32,
    /// Standard deviation of the velocities of the deformation, in shares of its scale.
    pub flow: f32,
    /// Clusters that the unlabelled rest is split into.
    pub clusters: usize,
    /// Strength of the bias field: the standard deviation of its logarithm.
    pub bias: f32,
    /// Standard deviation of the logarithm of gamma.
    pub gamma: f32,
    /// Coarsest resolution in a slice, in voxels of the source.
    pub in_plane: f32,
    /// Thickest slice, in slices of the source.
    pub thickness: f32,
    /// Noise, in shares of the brightest compartment.
    pub noise: f32,
    /// How often an artefact is added.
    pub artefact: f64,
}

impl Default for SynthOptions {
    fn default() -> Self {
        Self {
            rotation_deg: 15.0,
            scale: 0.15,
            shear: 0.1,
            flow: 0.16,
            clusters: 6,
            bias: 0.35,
            gamma: 0.25,
            in_plane: 2.5,
            thickness: 3.0,
            noise: 0.08,
            artefact: 0.25,
        }
    }
}

/// An image of random contrast with the deformed labels of `source`; a pure function of its arguments.
///
/// What stays true stays: plane, region, annotated terms, boxes around what moved, and the tumour's class while its outline is
/// there. Sequence, heart's diagnosis, header, texts and questions do not: they spoke of the image that was.
///
/// # Errors
/// [`Error::UnfitSource`] for an example of the validation part or without labels.
pub fn synthesise(source: &Example, options: &SynthOptions, seed: u64) -> Result<Example> {
    training_only(source)?;
    let size = source.image.size;
    let labels = source
        .labels
        .as_ref()
        .filter(|l| l.len() == size.count() && !l.is_empty())
        .ok_or_else(|| Error::UnfitSource {
            id: source.id.clone(),
            expected: "a label on every voxel",
            found: "no label map".into(),
        })?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let compartments = compartments(labels, &source.image, options.clusters);
    let deformation = deformation(source, options, &mut rng);
    let moved = deformation.labels(&compartments, OUTSIDE);
    let labels = deformation.labels(labels, 0);
    let mut image = contrast(&moved, size, &mut rng);
    gaussian(&mut image, size, {
        let sigma = rng.random_range(0.35..0.8);
        Zyx::new(if size.z > 1 { 0.5 * sigma } else { 0.0 }, sigma, sigma)
    });
    shade(&mut image, size, options.bias, &mut rng);
    let exponent = (normal(&mut rng) * options.gamma).exp();
    let most = image.iter().copied().fold(1e-6, f32::max);
    for v in &mut image {
        *v = (*v / most).max(0.0).powf(exponent);
    }
    let mut coarse = |most: f32, often: f64| {
        if rng.random_bool(often) && most > 1.0 {
            rng.random_range(1.0..most.min(64.0))
        } else {
            1.0
        }
    };
    let factor = Zyx::new(
        if size.z > 2 {
            coarse(options.thickness, 0.6)
        } else {
            1.0
        },
        coarse(options.in_plane, 0.4),
        coarse(options.in_plane, 0.4),
    );
    let noise = rng.random_range(0.0..1.0f32) * options.noise;
    let noise_seed: u64 = rng.random();
    coarsen(&mut image, size, factor, |coarse| {
        add_rician_noise(coarse, noise, noise_seed);
    });
    if rng.random::<f64>() < options.artefact {
        image = artefact(&image, size, &mut rng)?;
    }
    finish(source, image, labels, &deformation, seed)
}

/// Content from beyond the grid.
const OUTSIDE: u16 = u16::MAX;
/// First value of the clusters of what is not labelled.
const REST: u16 = 256;

/// Labels, and clusters of the image where there is none; the image is smoothed a little first, so that its noise makes no
/// compartments.
fn compartments(labels: &[u8], image: &Stack, n: usize) -> Vec<u16> {
    let mut smooth: Vec<f32> = image.voxels.iter().map(|v| f32::from(*v)).collect();
    gaussian(&mut smooth, image.size, Zyx::new(0.0, 0.9, 0.9));
    let grey: Vec<u8> = smooth.into_iter().map(|v| v as u8).collect();
    let rest = grey.iter().zip(labels);
    let table = clusters(rest.filter(|(_, l)| **l == 0).map(|(v, _)| *v), n);
    labels
        .iter()
        .zip(&grey)
        .map(|(&label, &v)| match label {
            0 => REST + u16::from(table[usize::from(v)]),
            _ => u16::from(label),
        })
        .collect()
}

/// An affine map about the centre, in the plane of the slices, and a flow.
fn deformation(source: &Example, o: &SynthOptions, rng: &mut ChaCha8Rng) -> Deformation {
    let size = source.image.size;
    let mm = source.image.spacing_mm.unwrap_or(Zyx::new(1.0, 1.0, 1.0));
    let voxel = Zyx::new(mm.z as f32, mm.y as f32, mm.x as f32);
    let mut within = |a: f32| (rng.random::<f32>() * 2.0 - 1.0) * a;
    let (sin, cos) = within(o.rotation_deg).to_radians().sin_cos();
    let zoom = [0; 3].map(|_| 1.0 + within(o.scale.min(0.8)));
    let shear = within(o.shear);
    let middle = [size.z, size.y, size.x].map(|n| (n as f32 - 1.0) / 2.0);
    let affine = Deformation::from_map(size, |[z, y, x]| {
        // In millimetres, so that a rotation is one.
        let v = [
            (z - middle[0]) * voxel.z,
            (y - middle[1]) * voxel.y,
            (x - middle[2]) * voxel.x,
        ];
        let (y, x) = (
            cos * v[1] - sin * v[2],
            sin * v[1] + cos * v[2] + shear * v[1],
        );
        [
            v[0] * zoom[0] / voxel.z + middle[0],
            y * zoom[1] / voxel.y + middle[1],
            x * zoom[2] / voxel.x + middle[2],
        ]
    });
    let scale_mm = 0.2 * (size.y as f32 * voxel.y).max(size.x as f32 * voxel.x);
    let amplitude = rng.random_range(0.3..1.0) * o.flow * scale_mm;
    let flow = Deformation::random_flow(size, voxel, amplitude, scale_mm, rng.random());
    affine.after(&flow)
}

/// The compartment whose contrast a compartment has: the left and the right one of a pair are alike.
fn alike(compartment: u16) -> u16 {
    let term = u8::try_from(compartment).ok().and_then(Term::from_value);
    let other = term.and_then(mirrored_term).map(|t| t.value().into());
    other.map_or(compartment, |other| compartment.min(other))
}

/// A mean and a spread for every compartment, and the voxels drawn from them.
fn contrast(compartments: &[u16], size: Zyx<usize>, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let there: BTreeSet<u16> = compartments.iter().copied().collect();
    let mut found: BTreeMap<u16, [f32; 2]> = there.iter().map(|c| (alike(*c), [0.0; 2])).collect();
    // Air is dark in every magnitude image; the darkest cluster of the rest is mostly air.
    for (&c, v) in &mut found {
        let air = c == OUTSIDE || (c == REST && rng.random_bool(0.95));
        *v = if air {
            [rng.random_range(0.0..0.06), rng.random_range(0.002..0.015)]
        } else {
            [rng.random_range(0.08..1.0), rng.random_range(0.005..0.07)]
        };
    }
    let drawn = |c: u16| found.get(&alike(c)).copied().unwrap_or_default();
    let table: Vec<(u16, [f32; 2])> = there.into_iter().map(|c| (c, drawn(c))).collect();
    let seed: u64 = rng.random();
    let area = (size.y * size.x).max(1);
    let mut out = vec![0.0; compartments.len()];
    out.par_chunks_mut(area)
        .zip(compartments.par_chunks(area))
        .enumerate()
        .for_each(|(z, (out, compartments))| {
            // A stream a slice: the draw does not depend on how slices are handed to threads.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(z as u64);
            for (v, c) in out.iter_mut().zip(compartments) {
                let at = table.binary_search_by_key(c, |(k, _)| *k);
                let [mean, spread] = at.map_or([0.0; 2], |i| table[i].1);
                *v = mean + spread * normal(&mut rng);
            }
        });
    out
}

/// Multiplies by a smooth field about one.
fn shade(image: &mut [f32], size: Zyx<usize>, bias: f32, rng: &mut ChaCha8Rng) {
    let side = size.y.max(size.x) as f32;
    let strength = rng.random_range(0.0..1.0f32) * bias;
    let waves = Waves::random(rng, 8, 0.8 * side..3.0 * side);
    let depth = side / size.z.max(1) as f32;
    let row = size.x.max(1);
    image.par_chunks_mut(row).enumerate().for_each(|(r, row)| {
        let (z, y) = ((r / size.y) as f32 * depth, (r % size.y) as f32);
        for (x, v) in row.iter_mut().enumerate() {
            *v *= (strength * waves.value([x as f32, y, z])).exp();
        }
    });
}

/// One artefact that leaves everything in its place.
fn artefact(image: &[f32], size: Zyx<usize>, rng: &mut ChaCha8Rng) -> Result<Vec<f32>> {
    const KINDS: [CorruptionKind; 6] = [
        CorruptionKind::Motion,
        CorruptionKind::Ghosting,
        CorruptionKind::PartialFourier,
        CorruptionKind::Zipper,
        CorruptionKind::Spike,
        CorruptionKind::Gibbs,
    ];
    let kind = KINDS[rng.random_range(0..KINDS.len())];
    let axis = if rng.random_bool(0.5) {
        PhaseAxis::Y
    } else {
        PhaseAxis::X
    };
    let severity = rng.random_range(0.05..0.45);
    let corruption = kind.draw(severity, size.y.min(size.x), rng);
    let slices = ComplexSlices::from_magnitude(image, size);
    let corrupted = corrupt(&slices, axis, &[corruption], rng.random())?;
    Ok(corrupted.image.magnitude())
}

fn finish(
    source: &Example,
    image: Vec<f32>,
    labels: Vec<u8>,
    deformation: &Deformation,
    seed: u64,
) -> Result<Example> {
    let size = source.image.size;
    let stack = Stack::from_voxels(&image, size, source.image.spacing_mm, None);
    let stack = stack.ok_or_else(|| Error::UnfitSource {
        id: source.id.clone(),
        expected: "a grid of at least one voxel",
        found: format!("{size:?}"),
    })?;
    let outlined = |class: TumourClass| {
        let value = class.label().map(|l| l.value());
        value.is_some_and(|v| labels.contains(&v))
    };
    Ok(Example {
        id: format!("{}-synth-{seed:016x}", source.id),
        image: stack,
        classes: Classes {
            plane: source.classes.plane,
            region: source.classes.region,
            tumour: source.classes.tumour.filter(|t| outlined(*t)),
            modality_mr: source.classes.modality_mr,
            ..Classes::default()
        },
        boxes: source
            .boxes
            .iter()
            .filter_map(|b| moved_box(b, deformation))
            .collect(),
        labels: Some(labels),
        acquisition: Acquisition::default(),
        texts: Vec::new(),
        questions: Vec::new(),
        dataset: source.dataset.clone(),
        subject: source.subject.clone(),
        split: source.split,
        annotated: source.annotated.clone(),
    })
}

/// The box around what came from inside a box.
fn moved_box(b: &LabelBox, deformation: &Deformation) -> Option<LabelBox> {
    let size = deformation.size;
    let n = [size.z, size.y, size.x];
    let within = |i: usize, n: usize, low: f64, high: f64| {
        let at = (i as f64 + 0.5) / n as f64;
        at >= low && at < high
    };
    let inside: Vec<bool> = (0..size.count())
        .map(|i| {
            let (z, y, x) = (i / (size.y * size.x), i / size.x % size.y, i % size.x);
            within(z, size.z, b.lower.z, b.upper.z)
                && within(y, size.y, b.lower.y, b.upper.y)
                && within(x, size.x, b.lower.x, b.upper.x)
        })
        .collect();
    let (mut low, mut high) = ([usize::MAX; 3], [0usize; 3]);
    let moved = deformation.labels(&inside, false);
    for (i, _) in moved.iter().enumerate().filter(|(_, m)| **m) {
        let at = [i / (size.y * size.x), i / size.x % size.y, i % size.x];
        for a in 0..3 {
            low[a] = low[a].min(at[a]);
            high[a] = high[a].max(at[a] + 1);
        }
    }
    let share = |at: [usize; 3]| {
        let s: [f64; 3] = std::array::from_fn(|a| at[a] as f64 / n[a] as f64);
        Zyx::new(s[0], s[1], s[2])
    };
    (high[0] > 0).then(|| LabelBox {
        label: b.label,
        lower: share(low),
        upper: share(high),
    })
}

/// One normal number.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    normal_pair(rng).0 as f32
}
