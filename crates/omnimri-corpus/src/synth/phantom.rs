//! Labelled examples from nothing: phantoms of `omnimri_recon::simulate` for every task of the model.
//!
//! They are simulations: shapes and contrasts imitate anatomy and disease, and nothing learnt from them alone has seen a patient.

use omnimri_findings::{CardiacClass, Label, Region, Sequence, Term, TumourClass};
use omnimri_image::{Acquisition, Plane, Zyx};
use omnimri_recon::simulate::acquire::add_rician_noise;
use omnimri_recon::simulate::body::Protons;
use omnimri_recon::simulate::detail::{DetailedHead, HeadStructure, detailed_stack};
use omnimri_recon::simulate::heart::{HeartKind, HeartSpec, HeartStructure};
use omnimri_recon::simulate::pathology::{PaintedLesion, PathologyKind, Site};
use omnimri_recon::simulate::spine::{SpineSpec, SpineStructure};
use omnimri_recon::simulate::{Cut, HeadSpec, LesionKind, Tissue, render};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::pathology::labelled;
use super::physics;
use crate::error::{Error, Result};
use crate::example::{Classes, DatasetId, Example, Split};
use crate::stack::Stack;

/// What a phantom is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhantomTask {
    /// A slice of a head in any plane, with a tumour or not; structures by side.
    Head,
    /// An axial slice of a head with a lesion of this kind.
    Lesion(PathologyKind),
    /// A block of slices around one hippocampus.
    Hippocampus,
    /// A short-axis slice of a beating heart.
    Heart,
    /// A sagittal slice of a lumbar spine.
    Spine,
}

/// Matrix of slices.
const MATRIX: usize = 192;

/// A labelled example of the dataset `simulated`; a pure function of its arguments.
///
/// # Errors
/// [`Error::Simulate`] never for these sizes; the signature leaves room for other grids.
pub fn phantom_example(task: PhantomTask, seed: u64) -> Result<Example> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rng = &mut rng;
    match task {
        PhantomTask::Head => head(seed, rng),
        PhantomTask::Lesion(kind) => lesion(kind, seed, rng),
        PhantomTask::Hippocampus => hippocampus(seed, rng),
        PhantomTask::Heart => heart(seed, rng),
        PhantomTask::Spine => spine(seed, rng),
    }
}

/// An image in the making.
struct Made {
    name: &'static str,
    voxels: Vec<f32>,
    size: Zyx<usize>,
    spacing_mm: Zyx<f64>,
    labels: Vec<u8>,
    annotated: Vec<Term>,
    classes: Classes,
}

impl Made {
    /// Noise, scaling and the rest of the example.
    fn finish(mut self, seed: u64, rng: &mut ChaCha8Rng) -> Result<Example> {
        let most = self.voxels.iter().copied().fold(1e-6, f32::max);
        let level = rng.random_range(0.003..0.025) * most;
        add_rician_noise(&mut self.voxels, level, rng.random());
        let id = format!("{}-{seed:016x}", self.name);
        let image = Stack::from_voxels(&self.voxels, self.size, Some(self.spacing_mm), None);
        let image = image.ok_or_else(|| Error::UnfitSource {
            id: id.clone(),
            expected: "finite signals on a grid",
            found: format!("{:?}", self.size),
        })?;
        Ok(Example {
            subject: id.clone(),
            id,
            dataset: DatasetId::new("simulated"),
            split: Split::Train,
            image,
            labels: Some(self.labels),
            annotated: self.annotated,
            boxes: Vec::new(),
            classes: Classes {
                modality_mr: Some(true),
                ..self.classes
            },
            acquisition: Acquisition {
                modality: Some("MR".into()),
                plane: self.classes.plane,
                ..Acquisition::default()
            },
            texts: Vec::new(),
            questions: Vec::new(),
        })
    }
}

/// The term of a structure of the head on one side, as far as the vocabulary has it.
fn head_term(structure: HeadStructure, left: bool) -> Option<Term> {
    let side = if left { "left" } else { "right" };
    Term::from_name(&format!("{side} {}", structure.name()))
        .or_else(|| Term::from_name(structure.name()))
        .or_else(|| match structure {
            HeadStructure::BrainStem => Term::from_name("brainstem"),
            _ => None,
        })
}

/// Labels of a head: structures, and its tumour over them; with all terms that were looked for.
fn head_labels(head: &DetailedHead, tumour: Option<Label>) -> (Vec<u8>, Vec<Term>) {
    let table: Vec<[u8; 2]> = std::iter::once([0; 2])
        .chain(
            HeadStructure::ALL
                .map(|s| [false, true].map(|left| head_term(s, left).map_or(0, Term::value))),
        )
        .collect();
    let labels = (0..head.structures.len())
        .map(|i| match tumour {
            Some(label) if head.phantom.lesion_mask[i] => label.value(),
            _ => table
                .get(usize::from(head.structures[i]))
                .map_or(0, |row| row[usize::from(head.left[i])]),
        })
        .collect();
    let mut annotated: Vec<Term> = HeadStructure::ALL
        .into_iter()
        .flat_map(|s| [head_term(s, false), head_term(s, true)])
        .flatten()
        .chain([Label::Glioma, Label::Meningioma, Label::PituitaryTumour].map(Term::from))
        .collect();
    annotated.sort_by_key(|t| t.value());
    annotated.dedup();
    (labels, annotated)
}

/// A sequence, contrast-enhanced T1 as often as all others.
fn contrast(rng: &mut ChaCha8Rng) -> Sequence {
    match rng.random_range(0..6) {
        0 => Sequence::T1,
        1 => Sequence::T2,
        2 => Sequence::Flair,
        _ => Sequence::T1Post,
    }
}

/// The image of a head; dark where the vocabulary's sequence has no signal equation (it has for all of [`contrast`]).
fn head_image(head: &DetailedHead, sequence: Sequence) -> Vec<f32> {
    match physics(sequence) {
        Some(p) => render(&head.phantom, &p),
        None => vec![0.0; head.structures.len()],
    }
}

fn head(seed: u64, rng: &mut ChaCha8Rng) -> Result<Example> {
    let spec = HeadSpec::random(rng.random());
    let pixel_mm = rng.random_range(1.0..1.25);
    let mut cut = Cut::axial(spec.slice_offset_mm(), pixel_mm);
    let centre = spec.lesion.as_ref().map(|l| {
        let at: [f32; 3] = std::array::from_fn(|a| l.centre[a] * spec.brain_mm[a]);
        at
    });
    match rng.random_range(0..4) {
        0 => {
            cut.plane = Plane::Coronal;
            cut.offset_mm = centre.map_or_else(|| rng.random_range(-40.0..50.0), |c| c[1]);
        }
        1 => {
            cut.plane = Plane::Sagittal;
            cut.offset_mm = centre.map_or_else(|| rng.random_range(-45.0..45.0), |c| c[0]);
        }
        _ => {}
    }
    let scale = rng.random_range(0.8..1.15);
    let head = detailed_stack(&spec, scale, cut, (1, 1.0), (MATRIX, MATRIX))?;
    let (tumour, label) = match spec.lesion.as_ref().map(|l| l.kind) {
        Some(kind) if head.phantom.lesion_mask.contains(&true) => match kind {
            LesionKind::GliomaLike => (TumourClass::Glioma, Some(Label::Glioma)),
            LesionKind::MeningiomaLike => (TumourClass::Meningioma, Some(Label::Meningioma)),
            LesionKind::PituitaryLike => (TumourClass::Pituitary, Some(Label::PituitaryTumour)),
        },
        _ => (TumourClass::None, None),
    };
    let sequence = contrast(rng);
    let (labels, annotated) = head_labels(&head, label);
    Made {
        name: "head",
        voxels: head_image(&head, sequence),
        size: Zyx::new(1, MATRIX, MATRIX),
        spacing_mm: Zyx::new(1.0, pixel_mm.into(), pixel_mm.into()),
        labels,
        annotated,
        classes: Classes {
            plane: Some(cut.plane),
            sequence: Some(sequence),
            region: Some(Region::Brain),
            tumour: Some(tumour),
            ..Classes::default()
        },
    }
    .finish(seed, rng)
}

fn lesion(kind: PathologyKind, seed: u64, rng: &mut ChaCha8Rng) -> Result<Example> {
    let spec = HeadSpec {
        lesion: None,
        ..HeadSpec::random(rng.random())
    };
    let pixel_mm = rng.random_range(1.0..1.25f32);
    let cut = Cut::axial(rng.random_range(2.0..30.0), pixel_mm);
    let head = detailed_stack(&spec, 1.0, cut, (1, 1.0), (MATRIX, MATRIX))?;
    let sequence = match kind {
        PathologyKind::Plaques | PathologyKind::Infarct if rng.random_bool(0.6) => Sequence::Flair,
        _ => contrast(rng),
    };
    let brain = [
        Tissue::GreyMatter,
        Tissue::WhiteMatter,
        Tissue::DeepGrey,
        Tissue::Pallidum,
    ];
    let n = head.structures.len();
    let ventricle = [
        HeadStructure::LateralVentricle as u8,
        HeadStructure::ThirdVentricle as u8,
    ];
    let allowed: Vec<bool> = (0..n)
        .map(|i| {
            let tissue = head.phantom.labels[i];
            match kind {
                PathologyKind::Plaques => tissue == Tissue::WhiteMatter as u8,
                // Masses and infarcts fill the sulci as they swell, the ventricles not.
                _ => {
                    let fluid = tissue == Tissue::Csf as u8;
                    brain.iter().any(|t| *t as u8 == tissue)
                        || (fluid && !ventricle.contains(&head.structures[i]))
                }
            }
        })
        .collect();
    let near: Vec<bool> = head
        .structures
        .iter()
        .map(|s| *s == HeadStructure::LateralVentricle as u8)
        .collect();
    let size = Zyx::new(1, MATRIX, MATRIX);
    let site = Site {
        size,
        voxel_mm: Zyx::new(5.0, pixel_mm, pixel_mm),
        allowed: &allowed,
        near: Some(&near),
    };
    let lesion_seed: u64 = rng.random();
    let lesion = PaintedLesion::random(kind, &site, lesion_seed)?;
    let mut voxels = head_image(&head, sequence);
    if let (Some(lesion), Some(physics)) = (&lesion, physics(sequence)) {
        lesion.paint_simulated(&mut voxels, &physics, &head.phantom.bias)?;
    }
    let (labels, mut annotated) = head_labels(&head, None);
    for term in ["brain tumour", "stroke lesion"] {
        annotated.extend(Term::from_name(term));
    }
    annotated.push(Label::MsLesion.into());
    annotated.sort_by_key(|t| t.value());
    let healthy = Made {
        name: "lesion",
        voxels,
        size,
        spacing_mm: Zyx::new(1.0, pixel_mm.into(), pixel_mm.into()),
        labels,
        annotated,
        classes: Classes {
            plane: Some(Plane::Axial),
            sequence: Some(sequence),
            region: Some(Region::Brain),
            tumour: Some(TumourClass::None),
            ..Classes::default()
        },
    }
    .finish(seed, rng)?;
    Ok(match lesion {
        Some(lesion) => {
            let image = healthy.image.clone();
            labelled(&healthy, image, &lesion, lesion_seed)
        }
        None => healthy,
    })
}

fn hippocampus(seed: u64, rng: &mut ChaCha8Rng) -> Result<Example> {
    let spec = HeadSpec {
        lesion: None,
        rotation_deg: [0; 3].map(|_| rng.random_range(-8.0..8.0)),
        offset_mm: [0.0; 3],
        ..HeadSpec::random(rng.random())
    };
    // The block reaches about 35 x 50 x 36 mm, as the crops of the Medical Segmentation Decathlon do.
    let (n_z, n_y, n_x) = (36, 50, 35);
    let left = rng.random_bool(0.5);
    let middle = [if left { 27.0f32 } else { -27.0 }, 15.0, -13.0];
    let jitter: [f32; 3] = std::array::from_fn(|_| rng.random_range(-3.0..3.0));
    let at: [f32; 3] = std::array::from_fn(|a| middle[a] + jitter[a]);
    let shifted = HeadSpec {
        // The slices' centre lies on the axis; the head is moved instead.
        offset_mm: [-at[0], -at[1], 0.0],
        ..spec
    };
    let cut = Cut::axial(at[2] - (n_z as f32 - 1.0) / 2.0, 1.0);
    let scale = rng.random_range(0.75..1.2);
    let head = detailed_stack(&shifted, scale, cut, (n_z, 1.0), (n_y, n_x))?;
    let keep = [
        HeadStructure::AnteriorHippocampus as u8,
        HeadStructure::PosteriorHippocampus as u8,
    ];
    let labels = head
        .structures
        .iter()
        .map(|s| match keep.iter().position(|k| k == s) {
            Some(0) => Label::AnteriorHippocampus.value(),
            Some(_) => Label::PosteriorHippocampus.value(),
            None => 0,
        })
        .collect();
    let size = Zyx::new(n_z, n_y, n_x);
    let made = Made {
        name: "hippocampus",
        voxels: head_image(&head, Sequence::T1),
        size,
        spacing_mm: Zyx::new(1.0, 1.0, 1.0),
        labels,
        annotated: [Label::AnteriorHippocampus, Label::PosteriorHippocampus]
            .map(Term::from)
            .to_vec(),
        classes: Classes {
            plane: None,
            sequence: Some(Sequence::T1),
            region: Some(Region::Hippocampus),
            ..Classes::default()
        },
    };
    let mut example = made.finish(seed, rng)?;
    // Volumes of the corpus run to the right, anterior and superior; phantoms are sampled as displayed.
    let area = n_y * n_x;
    example
        .image
        .voxels
        .chunks_exact_mut(area)
        .for_each(<[u8]>::reverse);
    for labels in example.labels.iter_mut() {
        labels.chunks_exact_mut(area).for_each(<[u8]>::reverse);
    }
    Ok(example)
}

fn heart(seed: u64, rng: &mut ChaCha8Rng) -> Result<Example> {
    let kind = HeartKind::ALL[rng.random_range(0..HeartKind::ALL.len())];
    let spec = HeartSpec::random(kind, rng.random());
    let pixel_mm = rng.random_range(1.3..1.9f32);
    // Any slice through the ventricle, at any moment of the beat.
    let level = rng.random_range(-0.32..0.42) * spec.length_mm;
    let moment = rng.random_range(0.0..1.0);
    let size = Zyx::new(1, MATRIX, MATRIX);
    let phantom = spec.slice(
        moment,
        level,
        (MATRIX, MATRIX),
        Zyx::new(8.0, pixel_mm, pixel_mm),
    )?;
    let cavity = Label::LeftVentricleCavity.value();
    let wall = Term::from_name("left ventricle myocardium");
    let right = Term::from_name("right ventricle cavity");
    let labels = phantom
        .structures
        .iter()
        .map(|&s| match s {
            s if s == HeartStructure::LeftCavity as u8 => cavity,
            s if s == HeartStructure::LeftWall as u8 => wall.map_or(0, Term::value),
            s if s == HeartStructure::RightCavity as u8 => right.map_or(0, Term::value),
            _ => 0,
        })
        .collect();
    Made {
        name: "heart",
        voxels: phantom.render(&HeartSpec::cine(), Protons::All),
        size,
        spacing_mm: Zyx::new(8.0, pixel_mm.into(), pixel_mm.into()),
        labels,
        annotated: std::iter::once(Term::from(Label::LeftVentricleCavity))
            .chain(wall)
            .chain(right)
            .collect(),
        classes: Classes {
            // Short-axis slices lie in none of the three planes.
            plane: None,
            sequence: Some(Sequence::Cine),
            region: Some(Region::Heart),
            cardiac: Some(match kind {
                HeartKind::Normal => CardiacClass::Normal,
                HeartKind::Hypertrophy => CardiacClass::Hypertrophy,
                HeartKind::Dilated => CardiacClass::HeartFailureNoInfarct,
                HeartKind::DilatedInfarct => CardiacClass::HeartFailureInfarct,
            }),
            ..Classes::default()
        },
    }
    .finish(seed, rng)
}

fn spine(seed: u64, rng: &mut ChaCha8Rng) -> Result<Example> {
    let spec = SpineSpec::random(rng.random());
    let pixel_mm = rng.random_range(1.15..1.4f32);
    let centre = [
        rng.random_range(-16.0..16.0f32),
        rng.random_range(-15.0..25.0),
        rng.random_range(-15.0..15.0),
    ];
    let size = Zyx::new(1, MATRIX, MATRIX);
    let phantom = spec.stack(centre, size, Zyx::new(4.0, pixel_mm, pixel_mm))?;
    let (weighting, voxels) = match rng.random_range(0..4) {
        0 => (Sequence::T1, SPIN_ECHO_T1),
        1 => (Sequence::T2, omnimri_recon::simulate::Sequence::t2()),
        _ => (Sequence::WaterFat, SpineSpec::water_fat()),
    };
    let protons = match weighting {
        Sequence::WaterFat if rng.random_bool(0.8) => Protons::Water,
        Sequence::WaterFat => Protons::Fat,
        _ => Protons::All,
    };
    let levels = [
        Label::VertebraL1,
        Label::VertebraL2,
        Label::VertebraL3,
        Label::VertebraL4,
        Label::VertebraL5,
    ];
    let disc = Term::from_name("intervertebral disc");
    let canal = Term::from_name("spinal canal");
    let labels = phantom
        .structures
        .iter()
        .map(|&s| match s {
            0 => 0,
            s if s == SpineStructure::Disc as u8 => disc.map_or(0, Term::value),
            s if s == SpineStructure::Canal as u8 => canal.map_or(0, Term::value),
            s => levels.get(usize::from(s) - 1).map_or(0, |l| l.value()),
        })
        .collect();
    Made {
        name: "spine",
        voxels: phantom.render(&voxels, protons),
        size,
        spacing_mm: Zyx::new(4.0, pixel_mm.into(), pixel_mm.into()),
        labels,
        annotated: levels
            .into_iter()
            .map(Term::from)
            .chain(disc)
            .chain(canal)
            .collect(),
        classes: Classes {
            plane: Some(Plane::Sagittal),
            sequence: Some(weighting),
            region: Some(Region::LumbarSpine),
            ..Classes::default()
        },
    }
    .finish(seed, rng)
}

/// T1-weighted spin echo of the spine at 3 T (600/10).
const SPIN_ECHO_T1: omnimri_recon::simulate::Sequence = omnimri_recon::simulate::Sequence {
    kind: omnimri_recon::simulate::signal::SequenceKind::SpinEcho {
        tr_ms: 600.0,
        te_ms: 10.0,
    },
    field: omnimri_recon::simulate::FieldStrength::Three,
    contrast_agent: omnimri_recon::simulate::signal::ContrastAgent::None,
};
