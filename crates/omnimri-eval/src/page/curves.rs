//! Learning curves of a run, from its log: one JSON object a line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::chart::Line;
use crate::error::{Error, Result};

/// Lines read at most: bounds memory whatever the file holds.
const MOST: usize = 1_000_000;
/// Curves kept at most.
const MOST_CURVES: usize = 400;
/// Points of a curve at most; longer ones are thinned.
const POINTS: usize = 400;

/// One line of a log; what else it says is left.
#[derive(Deserialize)]
struct Step {
    step: f64,
    #[serde(default)]
    mean: BTreeMap<String, f64>,
    #[serde(default)]
    val: BTreeMap<String, f64>,
}

/// Values over the steps of a run, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves(BTreeMap<String, Vec<(f64, f64)>>);

impl Curves {
    /// Reads the log of a run (`log.jsonl`).
    ///
    /// # Errors
    /// If it cannot be read or a line is none of a log; a last line without its end is what a run in progress leaves and is left.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = BufReader::new(std::fs::File::open(path).map_err(fail)?);
        let mut out = Self::default();
        let lines: Vec<String> = file
            .lines()
            .take(MOST)
            .collect::<std::io::Result<_>>()
            .map_err(fail)?;
        for (k, line) in lines.iter().enumerate() {
            match serde_json::from_str::<Step>(line) {
                Ok(step) => out.add(step),
                Err(_) if k + 1 == lines.len() => {}
                Err(e) => return Err(fail(std::io::Error::other(format!("line {}: {e}", k + 1)))),
            }
        }
        Ok(out)
    }

    fn add(&mut self, step: Step) {
        let val = step.val.into_iter().map(|(k, v)| (format!("val/{k}"), v));
        for (name, value) in step.mean.into_iter().chain(val) {
            if self.0.len() < MOST_CURVES || self.0.contains_key(&name) {
                self.0.entry(name).or_default().push((step.step, value));
            }
        }
    }

    /// Curves that belong together: those of equal names but for the last part.
    pub(super) fn groups(&self) -> Vec<(String, Vec<Line>)> {
        let mut out: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for (name, points) in &self.0 {
            let (group, last) = name.rsplit_once('/').unwrap_or(("all", name));
            let every = points.len().div_ceil(POINTS).max(1);
            out.entry(group.trim_matches('/').replace('/', " "))
                .or_default()
                .push(Line {
                    name: last.to_owned(),
                    points: points.iter().step_by(every).copied().collect(),
                });
        }
        out.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_becomes_curves_by_group() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let log = "{\"step\":1,\"mean\":{\"dense/a/mask\":0.5,\"dense/a/class\":0.2}}\n\
                   {\"step\":2,\"mean\":{\"dense/a/mask\":0.4},\"val\":{\"dice\":0.7}}\n{\"step\":3,\"me";
        std::fs::write(&path, log).unwrap();
        let groups = Curves::read(&path).unwrap().groups();
        let names: Vec<&str> = groups.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["dense a", "val"]);
        let mask = groups[0].1.iter().find(|l| l.name == "mask").unwrap();
        assert_eq!(mask.points, [(1.0, 0.5), (2.0, 0.4)]);
        std::fs::write(&path, "{}\n{}\n").unwrap();
        assert!(
            Curves::read(&path)
                .unwrap_err()
                .to_string()
                .contains("line 1")
        );
    }
}
