//! Choices that depend on nothing but the seed, the example and the task.

use omnimri_findings::{Fact, Voice, describe_as};
use sha2::{Digest, Sha256};

use super::{Known, Task};

/// A stream of choices.
#[derive(Debug)]
pub(super) struct Draw {
    key: [u8; 32],
    counter: u64,
}

impl Draw {
    pub fn new(seed: u64, known: &Known, task: Task) -> Self {
        let mut digest = Sha256::new();
        digest.update(seed.to_le_bytes());
        for part in [known.dataset.name(), known.id.as_str()] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update([task as u8]);
        Self {
            key: digest.finalize().into(),
            counter: 0,
        }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.counter += 1;
        let mut digest = Sha256::new();
        digest.update(self.key);
        digest.update(self.counter.to_le_bytes());
        let bytes: [u8; 32] = digest.finalize().into();
        bytes.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
    }

    /// One of `0..n`; 0 for an empty range.
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }

    /// One of some items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = self.below(items.len());
        items.get(at)
    }

    /// One of some wordings, with `{x}` for a name.
    pub fn wording(&mut self, wordings: &[&str], name: &str) -> String {
        self.pick(wordings)
            .map_or_else(String::new, |w| w.replace("{x}", name))
    }

    /// Puts items in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for k in (1..items.len()).rev() {
            let other = self.below(k + 1);
            items.swap(k, other);
        }
    }

    /// Facts as one text of the grammar, without the titles of sections.
    pub fn told(&mut self, facts: &[Fact]) -> String {
        let variant = self.number();
        let sentences: Vec<String> = describe_as(Voice::Record, facts, variant)
            .into_iter()
            .map(|s| s.text)
            .collect();
        sentences.join(" ")
    }
}
