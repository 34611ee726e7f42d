//! Is this an image the model knows? And what the header says of it.

use omnimri_findings::{Region, Sequence};
use omnimri_image::Volume;
use omnimri_model::Look;
use omnimri_model::heads::OUT_OF_SCOPE;

/// Probability from which an image counts as one the model does not know.
const OUT: f32 = 0.5;
/// A class head that is less sure than this is not quoted.
pub const SURE: f32 = 0.5;

/// What the model may answer for.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// A region the model knows, and how sure it is.
    Known(Region, f64),
    /// Nothing; the reason in words.
    OutOfScope(String),
}

/// Decides by the header's modality first, then by the model.
pub fn scope(volume: &Volume, look: &Look) -> Scope {
    if let Some(modality) = &volume.acquisition.modality
        && modality != "MR"
    {
        return Scope::OutOfScope(format!(
            "The header says modality {modality}; this model reads magnetic resonance (MR) only."
        ));
    }
    let best = (0..look.region.len()).fold(0, |b, i| {
        if look.region[i] > look.region[b] {
            i
        } else {
            b
        }
    });
    let strange = look.region.get(OUT_OF_SCOPE).copied().unwrap_or(0.0);
    match Region::ALL.get(best) {
        Some(region) if strange < OUT => Scope::Known(*region, f64::from(look.region[best])),
        _ => Scope::OutOfScope(format!(
            "The image does not look like an MRI slice of a region this model knows (probability {strange:.2} that it is none)."
        )),
    }
}

/// The weighting a header's words name, if they name one clearly.
pub fn header_sequence(volume: &Volume) -> Option<Sequence> {
    let a = &volume.acquisition;
    let text = format!(
        "{} {}",
        a.description.as_deref().unwrap_or_default(),
        a.sequence_name.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    let has = |w: &str| text.contains(w);
    let post =
        a.contrast_agent.is_some() || ["post", "gad", "+c", "gd", "t1ce"].iter().any(|w| has(w));
    if has("flair") {
        Some(Sequence::Flair)
    } else if has("t2") && !has("t2*") {
        Some(Sequence::T2)
    } else if has("t1") || has("mprage") {
        Some(if post && !has("pre") {
            Sequence::T1Post
        } else {
            Sequence::T1
        })
    } else {
        None
    }
}
