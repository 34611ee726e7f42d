//! Simulated heads with and without a tumour (`omnimri_recon::simulate`): outlines and classes without any data.

use omnimri_corpus::{Classes, DatasetId, Example, Split, Stack};
use omnimri_findings::{Label, Region, Sequence as Weighting, Term, TumourClass};
use omnimri_image::volume_ops::percentiles;
use omnimri_image::{Acquisition, Plane, Zyx};
use omnimri_model::preprocess::SIDE;
use omnimri_model::task::MaskTask;
use omnimri_recon::simulate::phantom::{Cut, slice};
use omnimri_recon::simulate::{HeadSpec, LesionKind, Sequence, render};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::augment::Strength;
use crate::batch::{
    ClassTargets, DenseBatch, Slices, class_targets, mask_targets, sample, step_rng,
};
use crate::config::Ingredient;

/// Matrix of the simulated slices.
const MATRIX: usize = 192;
/// Percentiles that become 0 and 255.
const RANGE: [f64; 2] = [0.1, 99.9];

/// A simulated slice as an example; none if the simulation refuses (it does not for these sizes).
pub fn example(seed: u64) -> Option<Example> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spec = HeadSpec::random(rng.random());
    let cut = Cut::axial(spec.slice_offset_mm(), rng.random_range(1.0..1.25));
    let phantom = slice(&spec, cut, MATRIX, MATRIX).ok()?;
    let (sequence, weighting) = match rng.random_range(0..6) {
        0 => (Sequence::t1(), Weighting::T1),
        1 => (Sequence::t2(), Weighting::T2),
        2 => (Sequence::flair(), Weighting::Flair),
        _ => (Sequence::t1_post(), Weighting::T1Post),
    };
    let image = render(&phantom, &sequence);
    let p = percentiles(&image, &RANGE);
    let (low, high) = (*p.first()?, *p.get(1)?);
    let byte = |v: &f32| ((v - low) / (high - low).max(1e-9) * 255.0).clamp(0.0, 255.0) as u8;
    let kind = spec.lesion.as_ref().map(|l| l.kind);
    let (tumour, label) = match kind.filter(|_| phantom.lesion_mask.contains(&true)) {
        None => (TumourClass::None, Label::Glioma),
        Some(LesionKind::GliomaLike) => (TumourClass::Glioma, Label::Glioma),
        Some(LesionKind::MeningiomaLike) => (TumourClass::Meningioma, Label::Meningioma),
        Some(LesionKind::PituitaryLike) => (TumourClass::Pituitary, Label::PituitaryTumour),
    };
    let size = Zyx::new(1, MATRIX, MATRIX);
    Some(Example {
        id: format!("simulated-{seed}"),
        dataset: DatasetId::new("simulated"),
        subject: seed.to_string(),
        split: Split::Train,
        image: Stack {
            voxels: image.iter().map(byte).collect(),
            size,
            native_size: size,
            spacing_mm: None,
            window: [low, high],
            peak: high,
        },
        labels: Some(
            phantom
                .lesion_mask
                .iter()
                .map(|m| if *m { label.value() } else { 0 })
                .collect(),
        ),
        annotated: [Label::Glioma, Label::Meningioma, Label::PituitaryTumour]
            .map(Term::from)
            .to_vec(),
        boxes: Vec::new(),
        classes: Classes {
            plane: Some(Plane::Axial),
            sequence: Some(weighting),
            region: Some(Region::Brain),
            tumour: Some(tumour),
            cardiac: None,
            modality_mr: Some(true),
        },
        acquisition: Acquisition::default(),
        texts: Vec::new(),
        questions: Vec::new(),
    })
}

/// A batch of simulated slices.
pub fn batch(seed: u64, step: u64, i: &Ingredient) -> Option<DenseBatch> {
    let mut rng = step_rng(seed, step);
    let seeds: Vec<[u64; 2]> = (0..i.batch).map(|_| rng.random()).collect();
    let tasks = vec![MaskTask::Tumour];
    /// Slices, masks and classes of one head.
    type Part = (Vec<f32>, Vec<f32>, [Option<usize>; 5]);
    let parts: Vec<Part> = seeds
        .par_iter()
        .filter_map(|[s, change]| {
            let e = example(*s)?;
            let mut rng = ChaCha8Rng::seed_from_u64(*change);
            let strength = Some(Strength::of(e.classes.region));
            let sampled = sample(&mut rng, &e, SIDE, 1, strength);
            let masks = mask_targets(&e, &sampled, &tasks, SIDE, SIDE / 2);
            Some((sampled.data, masks, class_targets(&e)))
        })
        .collect();
    let mut out = DenseBatch {
        slices: Slices {
            side: SIDE,
            per_study: 1,
            ..Slices::default()
        },
        tasks,
        masks: Vec::new(),
        classes: ClassTargets::default(),
    };
    for (data, masks, targets) in parts {
        out.slices.n += 1;
        out.slices.data.extend(data);
        out.masks.extend(masks);
        for (column, target) in out.classes.iter_mut().zip(targets) {
            column.push(target);
        }
    }
    (out.slices.n > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::example;

    #[test]
    fn simulated_slices_say_what_they_show() {
        let mut with = 0;
        for seed in 0..12 {
            let e = example(seed).unwrap();
            let there = e.labels.as_ref().unwrap().iter().any(|v| *v > 0);
            assert_eq!(there, e.classes.tumour.unwrap().label().is_some());
            with += usize::from(there);
        }
        assert!((4..12).contains(&with), "{with} of 12 with a tumour");
    }
}
