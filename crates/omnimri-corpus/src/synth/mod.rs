//! Data that makes itself: images from label maps, lesions in healthy images, phantoms.
//!
//! Everything is a pure function of its source and a seed, and belongs to [`Split::Train`]: sources of the validation part are
//! refused. What was made says so in its id; dataset and subject stay those of the source, so that licences and splits hold.
//!
//! | file | holds |
//! | --- | --- |
//! | `label_map` | random contrasts over a label map, in the manner of SynthSeg |
//! | `cluster` | the unlabelled background of an image split by intensity |
//! | `resolution` | coarse voxels and thick slices |
//! | `pathology` | lesions painted into healthy images of a known sequence |
//! | `phantom` | heads, hippocampi, hearts and spines from nothing |

mod cluster;
mod label_map;
mod pathology;
mod phantom;
mod resolution;
#[cfg(test)]
mod tests;

use omnimri_findings::Sequence;
use omnimri_recon::simulate::Sequence as Physics;

use crate::error::{Error, Result};
use crate::example::{Example, Split};

pub use label_map::{SynthOptions, synthesise};
pub use pathology::paste_lesion;
pub use phantom::{PhantomTask, phantom_example};

/// Refuses a source that may not be trained on.
fn training_only(source: &Example) -> Result<()> {
    match source.split {
        Split::Train => Ok(()),
        Split::Val => Err(Error::UnfitSource {
            id: source.id.clone(),
            expected: "an example of the training part",
            found: "one of the validation part".into(),
        }),
    }
}

/// The signal equation that stands for a sequence of the vocabulary; `None` where none does.
fn physics(sequence: Sequence) -> Option<Physics> {
    match sequence {
        Sequence::T1 => Some(Physics::t1()),
        Sequence::T1Post => Some(Physics::t1_post()),
        Sequence::T2 => Some(Physics::t2()),
        Sequence::Flair => Some(Physics::flair()),
        _ => None,
    }
}
