//! Images of the other split, to keep their likes apart.

use crate::harmonise::near::{NearIndex, NearOptions, Owner, Signatures};

/// Images of the other split, looked up by their signatures.
#[derive(Debug)]
pub(super) struct Likes(NearIndex);

impl Likes {
    pub fn of(others: Vec<(Owner, Signatures)>) -> Self {
        let mut index = NearIndex::new(NearOptions {
            // They are all in memory already: nothing may go uncompared.
            max_bytes: usize::MAX,
            ..NearOptions::default()
        });
        for (owner, signatures) in others {
            index.add(owner, signatures);
        }
        Self(index)
    }

    /// Which of them an image is nearly the same as, in words; the first one counts.
    pub fn like(&self, signature: &Signatures) -> Option<String> {
        let (owner, correlation) = self.0.first_like(signature)?;
        Some(format!(
            "nearly the same as {} {} of the other split (correlation {correlation:.4})",
            owner.dataset, owner.id
        ))
    }
}
