//! The report in words.

use std::fmt;
use std::path::PathBuf;

use super::{CheckReport, Outlier};

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_sound() {
            "sound"
        } else {
            "not sound"
        };
        writeln!(
            f,
            "{} in {}: {verdict}",
            self.dataset,
            self.folder.display()
        )?;
        for c in &self.counts {
            match c.expected {
                Some(e) if e != c.found => {
                    writeln!(f, "  {:20} {} (the catalogue says {e})", c.what, c.found)?;
                }
                _ => writeln!(f, "  {:20} {}", c.what, c.found)?,
            }
        }
        section(f, "bad rows", &self.bad_rows, |r| {
            format!("{}: {}", r.path.display(), r.reason)
        })?;
        section(f, "missing files", &self.missing, |p| {
            p.display().to_string()
        })?;
        section(f, "damaged files", &self.damaged, |r| {
            format!("{}: {}", r.path.display(), r.reason)
        })?;
        let values: Vec<_> = self.unknown_values.iter().collect();
        section(f, "unknown label values", &values, |(v, n)| {
            format!("{v} in {n} masks")
        })?;
        let outlier =
            |o: &Outlier| format!("{}: {} (usual: {})", o.path.display(), o.found, o.usual);
        section(f, "unusual spacing", &self.spacing_outliers, outlier)?;
        section(
            f,
            "unusual orientation",
            &self.orientation_outliers,
            outlier,
        )?;
        section(f, "unusual quality", &self.quality_outliers, |o| {
            format!(
                "{}: {} {:.4} (usual: {:.4})",
                o.path.display(),
                o.measure,
                o.found,
                o.usual
            )
        })?;
        let path = |p: &PathBuf| p.display().to_string();
        section(f, "burnt-in text", &self.burnt_in_text, path)?;
        section(f, "possibly a face", &self.faces, path)?;
        if self.n_faces_unknown > 0 {
            let n = self.n_faces_unknown;
            writeln!(f, "    {n} volumes could not be checked for a face")?;
        }
        section(
            f,
            "subjects in both",
            &self.subjects_in_both_splits,
            String::clone,
        )?;
        section(f, "train near val", &self.near_duplicates, |d| {
            let mirrored = if d.mirrored { ", mirrored" } else { "" };
            format!(
                "{} and {} (correlation {:.4}{mirrored})",
                d.train, d.val, d.correlation
            )
        })?;
        if self.n_not_compared > 0 {
            let n = self.n_not_compared;
            writeln!(f, "    {n} images were not compared for want of memory")?;
        }
        Ok(())
    }
}

/// A count and the first few items.
fn section<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
) -> fmt::Result {
    const SHOWN: usize = 8;
    writeln!(f, "  {title:20} {}", items.len())?;
    for item in items.iter().take(SHOWN) {
        writeln!(f, "    {}", line(item))?;
    }
    if items.len() > SHOWN {
        writeln!(f, "    and {} more", items.len() - SHOWN)?;
    }
    Ok(())
}
