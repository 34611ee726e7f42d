//! Names and paths that clients give, made harmless.

use std::path::{Component, Path};

use crate::reply::Refusal;

/// Longest file name that is kept.
const MAX_NAME: usize = 100;
/// Longest name of a job.
const MAX_TITLE: usize = 200;

/// The last part of a name, in letters, digits, dots, dashes and underscores; never hidden, never empty.
pub(crate) fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let kept = kept.trim_start_matches('.');
    // The end holds the suffix.
    let kept = &kept[kept.len().saturating_sub(MAX_NAME)..];
    let kept = kept.trim_start_matches('.');
    if kept.is_empty() {
        "upload".into()
    } else {
        kept.into()
    }
}

/// A title on one line, without control characters.
pub(crate) fn title(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_TITLE)
        .collect();
    clean.trim().to_owned()
}

/// A path below a folder: plain names only, none of them hidden.
///
/// # Errors
/// [`Refusal::NotFound`] for anything else; it is not said what lies elsewhere.
pub(crate) fn below(path: &str) -> Result<&Path, Refusal> {
    let path = Path::new(path);
    let plain = path.components().all(|c| match c {
        Component::Normal(name) => name
            .to_str()
            .is_some_and(|n| !n.starts_with('.') && !n.contains(['\\', '\0'])),
        _ => false,
    });
    if plain && path.components().next().is_some() {
        Ok(path)
    } else {
        Err(Refusal::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(harmless("scan.nii.gz"), "scan.nii.gz");
        assert_eq!(harmless("../../etc/passwd"), "passwd");
        assert_eq!(harmless("C:\\scans\\a b.png"), "a_b.png");
        for name in ["", "..", ".", "a/", "..."] {
            assert_eq!(harmless(name), "upload", "{name:?}");
        }
        assert_eq!(harmless(".hidden"), "hidden");
        assert_eq!(harmless("schädel.png"), "sch_del.png");
        let long = harmless(&format!("{}.png", "x".repeat(500)));
        assert!(long.len() == MAX_NAME && long.ends_with(".png"));
    }

    #[test]
    fn titles_are_one_line() {
        assert_eq!(title(" a\nb\u{7} "), "a b");
        assert_eq!(title(&"ä".repeat(500)).chars().count(), MAX_TITLE);
    }

    #[test]
    fn paths_stay_below() {
        assert!(below("head/result.json").is_ok());
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "./a",
            ".tmp/x",
            "a/.b",
            "a\\b",
            "a\0",
        ] {
            assert!(below(bad).is_err(), "{bad:?}");
        }
    }
}
