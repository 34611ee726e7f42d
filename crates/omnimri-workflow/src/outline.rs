//! From mask logits to a label map: the strongest task wins, specks go, tumours get the class they are taken for.

use omnimri_findings::components::components;
use omnimri_findings::{Label, TumourClass};
use omnimri_image::Zyx;
use omnimri_model::{Look, MaskTask};

/// Parts of a finding smaller than this share of its largest part are dropped.
const SPECK_SHARE: f64 = 0.1;
/// Parts of a finding smaller than this many voxels are dropped.
const SPECK_VOXELS: usize = 12;

/// Probability of the most probable tumour class other than "no tumour", and that class.
pub fn likely_tumour(look: &Look) -> Option<(TumourClass, f64)> {
    TumourClass::ALL
        .into_iter()
        .zip(&look.tumour)
        .filter(|(c, _)| c.label().is_some())
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(c, p)| (c, f64::from(*p)))
}

/// Is a tumour of some class more probable than none? As the diagnosis ranks them, so that no outline contradicts it.
pub fn tumour_present(look: &Look) -> bool {
    let none = TumourClass::ALL.iter().position(|c| c.label().is_none());
    let none = none.and_then(|i| look.tumour.get(i));
    likely_tumour(look)
        .zip(none)
        .is_some_and(|((_, p), none)| p > f64::from(*none))
}

/// Label values `[z][y][x]` on the input's grid.
pub fn label_map(look: &Look, size: Zyx<usize>) -> Vec<u8> {
    let mut labels = vec![0u8; size.count()];
    let mut strongest = vec![0.0f32; size.count()];
    for (task, logits) in &look.masks {
        let Some(value) = value_of(*task, look) else {
            continue;
        };
        for (i, l) in logits.iter().enumerate() {
            if *l > strongest[i] {
                strongest[i] = *l;
                labels[i] = value;
            }
        }
    }
    for (task, _) in &look.masks {
        if let Some(value) = value_of(*task, look) {
            clean(
                &mut labels,
                value,
                size,
                matches!(
                    task,
                    MaskTask::Tumour | MaskTask::Structure(Label::MsLesion)
                ),
            );
        }
    }
    labels
}

/// The label value a task draws; none for a tumour where none is likely.
fn value_of(task: MaskTask, look: &Look) -> Option<u8> {
    match task {
        MaskTask::Tumour if tumour_present(look) => likely_tumour(look)
            .and_then(|(c, _)| c.label())
            .map(Label::value),
        MaskTask::Tumour => None,
        MaskTask::Structure(label) => Some(label.value()),
    }
}

/// Drops specks; anatomy keeps its largest part only.
fn clean(labels: &mut [u8], value: u8, size: Zyx<usize>, many: bool) {
    let parts = components(size, |i| labels[i] == value);
    let Some(largest) = parts.largest() else {
        return;
    };
    let most = parts.sizes[largest as usize - 1];
    let least = SPECK_VOXELS.max((most as f64 * SPECK_SHARE) as usize);
    for (label, part) in labels.iter_mut().zip(&parts.part) {
        if *part == 0 {
            continue;
        }
        let keep = *part == largest || (many && parts.sizes[*part as usize - 1] >= least);
        if !keep {
            *label = 0;
        }
    }
}
