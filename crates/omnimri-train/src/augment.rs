//! How training slices are changed: limits of geometry by region, and the intensities and artefacts of
//! [`omnimri_corpus::augment`]; a pure function of the generator given.
//!
//! Geometry is drawn here and done by the resampling that brings a slice onto the network's square, so that pixels are
//! interpolated once and masks are shared out from the grid they were drawn on.

use omnimri_corpus::augment::{Affine, AffineLimits, Recipe, Slice};
use omnimri_findings::Region;
use omnimri_model::config::NEIGHBOURS;
use omnimri_model::mirror::MIRRORED;
use omnimri_model::preprocess::Affine2;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Rotation of a heart, whose position in the chest differs more between people than that of a head between scans.
const HEART_DEG: f32 = 25.0;
/// Strength beyond which nothing can be recognised.
const STRONGEST: f32 = 5.0;

/// How strongly the slices of an ingredient are changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Of the geometry that the batch's kind allows; 1 is all of it, 0 none.
    pub geometry: f32,
    /// Steps that change intensities; an empty list leaves them.
    pub intensities: Recipe,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            geometry: 1.0,
            intensities: Recipe::training().intensities(),
        }
    }
}

impl Augment {
    /// Where a value is impossible: the key, what was expected, what was found.
    pub fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        if !(0.0..=STRONGEST).contains(&self.geometry) {
            let key = "mixture.augment.geometry";
            return Some((key, "between 0 and 5", self.geometry.to_string()));
        }
        let key = "mixture.augment.intensities";
        for step in &self.intensities.0 {
            if step.transform.is_geometric() {
                let found = step.transform.name().to_owned();
                return Some((key, "intensities; geometry has a key of its own", found));
            }
            if !(0.0..=1.0).contains(&step.probability)
                || !(0.0..=STRONGEST).contains(&step.strength)
            {
                let found = format!("{} and {}", step.probability, step.strength);
                return Some((key, "a probability of 0 to 1, a strength of 0 to 5", found));
            }
        }
        None
    }

    /// The change of a labelled slice of a region; mirrored where both sides look alike and no label depends on the side.
    pub fn full(&self, region: Option<Region>) -> Change {
        let most = AffineLimits::TRAINING;
        let rotation_deg = match region {
            Some(Region::Heart) => HEART_DEG,
            _ => most.rotation_deg,
        };
        let limits = AffineLimits {
            rotation_deg,
            shift: match region {
                // A vertebra's level is counted from the sacrum, not read off its place in the picture: where the field of view
                // sits along the spine must tell little.
                Some(Region::LumbarSpine) => [0.25, 0.12],
                _ => most.shift,
            },
            ..most
        };
        self.within(limits, region.is_some_and(|r| MIRRORED.contains(&r)))
    }

    /// The change of a slice of which text is true: sides, planes and sizes stay so.
    pub fn mild(&self) -> Change {
        let limits = AffineLimits {
            rotation_deg: 6.0,
            scale: 0.08,
            shift: [0.04; 2],
        };
        self.within(limits, false)
    }

    /// The change of a slice whose acquisition is simulated.
    pub fn scanned(&self) -> Change {
        let limits = AffineLimits {
            rotation_deg: 8.0,
            scale: 0.1,
            shift: [0.03; 2],
        };
        let mut change = self.within(limits, true);
        // What is measured is the truth that the network is to find: it may be noisy, but not ghosted.
        change.intensities.0.retain(|s| !s.transform.is_artefact());
        change
    }

    fn within(&self, limits: AffineLimits, mirror: bool) -> Change {
        Change {
            limits: limits.scaled(self.geometry),
            mirror,
            intensities: self.intensities.clone(),
        }
    }
}

/// How far one slice may be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    limits: AffineLimits,
    /// May left and right be exchanged? Only where no label names a side or level along that axis.
    mirror: bool,
    intensities: Recipe,
}

impl Change {
    /// A random map from network position to (unchanged) network position on a square of `side` pixels.
    pub fn geometry(&self, rng: &mut ChaCha8Rng, side: usize) -> Affine2 {
        let map = Affine2(Affine::random(self.limits, side, side, rng).0);
        if self.mirror && rng.random_bool(0.5) {
            map.after(&Affine2(Affine::mirror(side).0))
        } else {
            map
        }
    }

    /// `image` with its intensities changed; the same seed changes every slice of a volume alike.
    ///
    /// # Shapes
    /// - `image`: `[side, side, 3]` in the network's range
    pub fn intensity(&self, image: Vec<f32>, side: usize, seed: u64) -> Vec<f32> {
        let slice = Slice {
            image,
            height: side,
            width: side,
            channels: NEIGHBOURS,
            labels: None,
            boxes: Vec::new(),
            facts: Vec::new(),
            mirror: false,
        };
        self.intensities.apply(&slice, seed).image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_corpus::augment::Transform;
    use rand::SeedableRng;

    #[test]
    fn strength_0_changes_nothing_and_hearts_keep_their_sides() {
        let still = Augment {
            geometry: 0.0,
            intensities: Recipe(Vec::new()),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let change = still.full(Some(Region::Heart));
        let (y, x) = change.geometry(&mut rng, 31).apply(4.0, 27.0);
        assert!((y - 4.0).abs() < 1e-4 && (x - 27.0).abs() < 1e-4);
        let image: Vec<f32> = (0..31 * 31 * NEIGHBOURS)
            .map(|k| (k % 7) as f32 / 7.0)
            .collect();
        assert_eq!(change.intensity(image.clone(), 31, 5), image);
        let usual = Augment::default();
        assert_ne!(usual.full(None).intensity(image.clone(), 31, 5), image);
        // Some of the brains are mirrored, and none of the hearts.
        let mirrored = |region, seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let map = usual.full(Some(region)).geometry(&mut rng, 31);
            map.apply(15.0, 20.0).1 < map.apply(15.0, 10.0).1
        };
        let n = (0..40).filter(|k| mirrored(Region::Brain, *k)).count();
        assert!((8..32).contains(&n), "{n} of 40");
        assert!((0..40).all(|k| !mirrored(Region::Heart, k)));
    }

    #[test]
    fn geometry_among_the_intensities_is_a_fault() {
        assert_eq!(Augment::default().fault(), None);
        let with = |transform, strength| Augment {
            geometry: 1.0,
            intensities: Recipe::only(transform, strength),
        };
        assert!(with(Transform::Elastic, 1.0).fault().is_some());
        assert!(with(Transform::Noise, f32::NAN).fault().is_some());
        assert_eq!(with(Transform::Noise, 0.5).fault(), None);
    }
}
