//! Which series of a study are read.

use omnimri_image::Plane;
use serde::{Deserialize, Serialize};

/// What a series says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeriesTraits {
    pub modality: String,
    pub description: String,
    pub plane: Option<Plane>,
    /// Contrast agent given.
    pub contrast: bool,
}

/// A rule: every condition that is given must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Modality codes.
    #[serde(default)]
    pub modality: Vec<String>,
    /// Series description with `*` and `?`, whatever the case.
    #[serde(default)]
    pub description: Option<String>,
    /// `axial`, `coronal` or `sagittal`: the plane nearest to the slices.
    #[serde(default)]
    pub plane: Vec<Plane>,
    /// Whether a contrast agent was given.
    #[serde(default)]
    pub contrast: Option<bool>,
    /// Read a series for which this rule holds, or leave it.
    pub read: bool,
}

impl Rule {
    fn holds(&self, series: &SeriesTraits) -> bool {
        let modality = self.modality.is_empty() || self.modality.contains(&series.modality);
        let description = self
            .description
            .as_deref()
            .is_none_or(|pattern| matches_pattern(pattern, &series.description));
        let plane = self.plane.is_empty() || series.plane.is_some_and(|p| self.plane.contains(&p));
        let contrast = self.contrast.is_none_or(|c| c == series.contrast);
        modality && description && plane && contrast
    }
}

/// What the first rule that holds says; read where none does.
pub(super) fn is_read(rules: &[Rule], series: &SeriesTraits) -> bool {
    rules
        .iter()
        .find(|r| r.holds(series))
        .is_none_or(|r| r.read)
}

/// Does `text` match `pattern`, in which `*` is any text and `?` any character? Case does not matter (PS3.4 C.2.2.2.4).
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            p = after;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The plane nearest to slices with these row and column directions (Image Orientation (Patient), PS3.3 C.7.6.2.1.1).
pub(super) fn plane_of(orientation: [f64; 6]) -> Option<Plane> {
    let [ax, ay, az, bx, by, bz] = orientation;
    let normal = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx].map(f64::abs);
    let largest = normal.into_iter().fold(0.0, f64::max);
    if !(largest.is_finite() && largest > 0.1) {
        return None;
    }
    Some(match normal.iter().position(|n| *n == largest) {
        Some(0) => Plane::Sagittal,
        Some(1) => Plane::Coronal,
        _ => Plane::Axial,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("*flair*", "AX FLAIR fs", true),
            ("t1?post", "T1-post", true),
            ("t1", "t1 post", false),
            ("*", "", true),
            ("", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?", "", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn planes() {
        assert_eq!(plane_of([1., 0., 0., 0., 1., 0.]), Some(Plane::Axial));
        assert_eq!(plane_of([0., 1., 0., 0., 0., -1.]), Some(Plane::Sagittal));
        assert_eq!(plane_of([1., 0., 0., 0., 0.1, -0.9]), Some(Plane::Coronal));
        assert_eq!(plane_of([0.; 6]), None);
        assert_eq!(plane_of([f64::NAN; 6]), None);
    }

    #[test]
    fn the_first_rule_decides() {
        let rules: Vec<Rule> = ["*scout*", "*"]
            .into_iter()
            .zip([false, true])
            .map(|(description, read)| Rule {
                modality: vec!["MR".into()],
                description: Some(description.into()),
                plane: vec![Plane::Axial],
                contrast: None,
                read,
            })
            .collect();
        let mut series = SeriesTraits {
            modality: "MR".into(),
            description: "Scout 3 planes".into(),
            plane: Some(Plane::Axial),
            contrast: true,
        };
        assert!(!is_read(&rules, &series));
        series.description = "T1".into();
        assert!(is_read(&rules, &series));
        // No rule speaks of it.
        series.plane = Some(Plane::Coronal);
        assert!(is_read(&rules, &series) && is_read(&[], &series));
    }
}
