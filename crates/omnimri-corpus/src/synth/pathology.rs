//! Lesions painted into healthy brain images of a known sequence.
//!
//! The image says how bright tissue is at each place, coils' shading included: the mean over nearby brain. The signal equation of
//! the sequence says how much brighter or darker the lesion is than brain; so the lesion is set relative to its place. Where
//! the sequence is not known, or has no signal equation here, nothing is painted.

use omnimri_findings::{Label, Region, Term, TumourClass};
use omnimri_image::Zyx;
use omnimri_recon::simulate::Tissue;
use omnimri_recon::simulate::field::Waves;
use omnimri_recon::simulate::filter::gaussian;
use omnimri_recon::simulate::pathology::{PaintedLesion, PathologyKind, Site};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{physics, training_only};
use crate::error::{Error, Result};
use crate::example::{Example, LabelBox};
use crate::stack::Stack;

/// A brain voxel is brighter than this share of the bright ones.
const HEAD: f32 = 0.12;
/// From the head's surface to the brain, as a share of the head's width.
const COVER: f32 = 0.11;

/// A healthy example with a lesion; `None` where the image has no room for one. The labels, box and class of the lesion are its
/// truth; sequence, plane and region stay. A pure function of its arguments.
///
/// # Errors
/// [`Error::UnfitSource`] for an example of the validation part, of another region than the brain, of an unknown sequence, or that is
/// not known to be healthy (a tumour class of none, or findings looked for and not there).
pub fn paste_lesion(source: &Example, kind: PathologyKind, seed: u64) -> Result<Option<Example>> {
    training_only(source)?;
    let unfit = |expected: &'static str, found: &str| Error::UnfitSource {
        id: source.id.clone(),
        expected,
        found: found.to_owned(),
    };
    if source.classes.region != Some(Region::Brain) {
        return Err(unfit("an image of the brain", "another region or none"));
    }
    let sequence = source
        .classes
        .sequence
        .and_then(physics)
        .ok_or_else(|| unfit("a known sequence with a signal equation", "none"))?;
    if !is_healthy(source) {
        return Err(unfit(
            "an image in which somebody looked for lesions and found none",
            "a lesion, or nobody's word",
        ));
    }
    let size = source.image.size;
    let mm = source.image.spacing_mm.unwrap_or(Zyx::new(1.0, 1.0, 1.0));
    let voxel_mm = Zyx::new(mm.z as f32, mm.y as f32, mm.x as f32);
    let voxels: Vec<f32> = source
        .image
        .voxels
        .iter()
        .map(|b| f32::from(*b) / 255.0)
        .collect();
    let Some(brain) = Brain::new(&voxels, size, voxel_mm) else {
        return Ok(None);
    };
    let site = Site {
        size,
        voxel_mm,
        allowed: match kind {
            PathologyKind::Plaques => &brain.tissue,
            _ => &brain.swollen,
        },
        near: Some(&brain.fluid),
    };
    let Some(lesion) = PaintedLesion::random(kind, &site, seed)? else {
        return Ok(None);
    };
    let reference = 0.5
        * (sequence.tissue_signal(Tissue::WhiteMatter, 1.0)
            + sequence.tissue_signal(Tissue::GreyMatter, 1.0));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1);
    let texture = Waves::random(&mut rng, 12, 4.0..14.0);
    let mut grain = voxels.clone();
    gaussian(&mut grain, size, Zyx::new(0.0, 1.0, 1.0));
    let grain: Vec<f32> = voxels.iter().zip(&grain).map(|(v, s)| v - s).collect();
    let mut image = voxels;
    lesion.paint(&mut image, |tissue, i, _| {
        let ratio = tissue.material().signal(&sequence, 1.0) / reference;
        let at = [
            (i % size.x) as f32 * voxel_mm.x,
            (i / size.x % size.y) as f32 * voxel_mm.y,
            (i / (size.x * size.y)) as f32 * voxel_mm.z,
        ];
        // The image's own grain goes on inside the lesion.
        brain.level[i] * ratio * (1.0 + 0.05 * texture.value(at)) + 0.6 * grain[i]
    })?;
    let Some(stack) = Stack::from_voxels(&image, size, source.image.spacing_mm, None) else {
        return Ok(None);
    };
    Ok(Some(labelled(source, stack, &lesion, seed)))
}

/// Did somebody look for lesions and find none?
fn is_healthy(source: &Example) -> bool {
    let looked = source.annotated.iter().any(|t| t.is_finding());
    let found = source.present().iter().any(|t| t.is_finding());
    let tumour = source.classes.tumour;
    !found
        && (looked || tumour == Some(TumourClass::None))
        && tumour.is_none_or(|t| t == TumourClass::None)
}

/// The term of a lesion's mask.
fn term_of(kind: PathologyKind) -> Option<Term> {
    match kind {
        PathologyKind::RingMass => Some(Label::Glioma.into()),
        PathologyKind::Plaques => Some(Label::MsLesion.into()),
        PathologyKind::Mass => Term::from_name("brain tumour"),
        PathologyKind::Infarct => Term::from_name("stroke lesion"),
    }
}

/// The source with the lesion's image, mask, box and class.
pub(super) fn labelled(
    source: &Example,
    image: Stack,
    lesion: &PaintedLesion,
    seed: u64,
) -> Example {
    let mut out = Example {
        id: format!("{}-lesion-{seed:016x}", source.id),
        image,
        texts: Vec::new(),
        questions: Vec::new(),
        ..source.clone()
    };
    let Some(term) = term_of(lesion.kind) else {
        return out;
    };
    let n = lesion.size.count();
    let mut labels = match out.labels.take().filter(|l| l.len() == n) {
        Some(labels) => match &lesion.push {
            Some(push) => push.labels(&labels, 0),
            None => labels,
        },
        None => vec![0; n],
    };
    for (label, inside) in labels.iter_mut().zip(&lesion.mask) {
        if *inside {
            *label = term.value();
        }
    }
    out.labels = Some(labels);
    if !out.annotated.contains(&term) {
        out.annotated.push(term);
    }
    let [x0, y0, z0, x1, y1, z1] = lesion.bounds;
    let share = |z: usize, y: usize, x: usize| {
        Zyx::new(
            z as f64 / lesion.size.z as f64,
            y as f64 / lesion.size.y as f64,
            x as f64 / lesion.size.x as f64,
        )
    };
    out.boxes.push(LabelBox {
        label: term,
        lower: share(z0, y0, x0),
        upper: share(z1, y1, x1),
    });
    out.classes.tumour = match lesion.kind {
        PathologyKind::RingMass => Some(TumourClass::Glioma),
        // A tumour, of no class that the vocabulary has.
        PathologyKind::Mass => None,
        PathologyKind::Plaques | PathologyKind::Infarct => source.classes.tumour,
    };
    out
}

/// Where the brain lies in a head, as far as grey levels tell.
struct Brain {
    /// Brain without fluid.
    tissue: Vec<bool>,
    /// Brain with its sulci, which masses and infarcts fill as they swell.
    swollen: Vec<bool>,
    /// Fluid well inside the brain: the ventricles, mostly.
    fluid: Vec<bool>,
    /// Mean of nearby brain.
    level: Vec<f32>,
}

impl Brain {
    fn new(voxels: &[f32], size: Zyx<usize>, mm: Zyx<f32>) -> Option<Self> {
        let area = size.y * size.x;
        let mut inside = vec![false; voxels.len()];
        let mut deep = vec![false; voxels.len()];
        for z in 0..size.z {
            let slice = z * area..(z + 1) * area;
            let head: Vec<f32> = voxels[slice.clone()]
                .iter()
                .map(|v| if *v > HEAD { 1.0 } else { 0.0 })
                .collect();
            let columns: Vec<usize> = (0..area)
                .filter(|i| head[*i] > 0.0)
                .map(|i| i % size.x)
                .collect();
            let (Some(first), Some(last)) = (columns.iter().min(), columns.iter().max()) else {
                continue;
            };
            let width = (last - first) as f32 * mm.x;
            // The share of head in a wide window falls from one to a half at the surface: a distance without a transform.
            let filled = fill(&head, (size.y, size.x));
            let mut near = filled;
            let sigma = COVER * width;
            let plane = Zyx::new(1, size.y, size.x);
            gaussian(&mut near, plane, Zyx::new(0.0, sigma / mm.y, sigma / mm.x));
            for (i, share) in near.into_iter().enumerate() {
                inside[slice.start + i] = share > 0.84;
                deep[slice.start + i] = share > 0.985;
            }
        }
        let mut sorted: Vec<f32> = voxels
            .iter()
            .zip(&inside)
            .filter(|(_, b)| **b)
            .map(|(v, _)| *v)
            .collect();
        if sorted.len() < 200 {
            return None;
        }
        sorted.sort_by(f32::total_cmp);
        let median = sorted[sorted.len() / 2];
        let range = 0.55 * median..1.6 * median;
        let tissue: Vec<bool> = (0..voxels.len())
            .map(|i| inside[i] && range.contains(&voxels[i]))
            .collect();
        let fluid: Vec<bool> = (0..voxels.len())
            .map(|i| deep[i] && !range.contains(&voxels[i]))
            .collect();
        let swollen = inside.iter().zip(&fluid).map(|(i, f)| *i && !*f).collect();
        // Normalised convolution: a mean over brain alone.
        let sigma = Zyx::new(4.0 / mm.z, 12.0 / mm.y, 12.0 / mm.x);
        let mut weight: Vec<f32> = tissue.iter().map(|t| f32::from(u8::from(*t))).collect();
        let mut level: Vec<f32> = voxels.iter().zip(&weight).map(|(v, w)| v * w).collect();
        gaussian(&mut level, size, sigma);
        gaussian(&mut weight, size, sigma);
        for (l, w) in level.iter_mut().zip(weight) {
            *l = if w > 1e-3 { *l / w } else { median };
        }
        Some(Self {
            tissue,
            swollen,
            fluid,
            level,
        })
    }
}

/// A mask with everything between its first and last pixel of each row and each column.
fn fill(mask: &[f32], (h, w): (usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; mask.len()];
    let span = |line: &mut dyn Iterator<Item = usize>| {
        let on: Vec<usize> = line.filter(|i| mask[*i] > 0.0).collect();
        Some((*on.first()?, *on.last()?))
    };
    let rows: Vec<_> = (0..h).map(|y| span(&mut (y * w..(y + 1) * w))).collect();
    let columns: Vec<_> = (0..w).map(|x| span(&mut (x..h * w).step_by(w))).collect();
    for (i, v) in out.iter_mut().enumerate() {
        let across = rows[i / w].is_some_and(|(a, b)| (a..=b).contains(&i));
        let down = columns[i % w].is_some_and(|(a, b)| (a..=b).contains(&i));
        *v = if across && down { 1.0 } else { 0.0 };
    }
    out
}
