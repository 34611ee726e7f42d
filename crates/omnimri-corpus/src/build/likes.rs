//! Images of the other split, to keep their likes apart.

use crate::example::DatasetId;
use crate::harmonise::near::Signatures;

/// An image of the other split.
#[derive(Debug)]
pub(super) struct Known {
    pub dataset: DatasetId,
    pub id: String,
    pub signature: Signatures,
}

/// Which of the known images an image is nearly the same as, in words; the first one counts.
pub(super) fn like(known: &[Known], signature: &Signatures) -> Option<String> {
    known.iter().find_map(|k| {
        let correlation = k.signature.near(signature)?;
        Some(format!(
            "nearly the same as {} {} of the other split (correlation {correlation:.4})",
            k.dataset, k.id
        ))
    })
}
