//! Versions on disk: one folder each, whole or not there, never written again.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::mask::{self, LABELS};
use super::version::{NewVersion, Version, after, prediction};
use crate::names::below;
use crate::reply::Refusal;

/// What a version says.
pub(super) const VERSION: &str = "version.json";
/// Most versions of one series.
const MAX_VERSIONS: u32 = 9999;

/// One correction is written at a time: numbers follow one another, and one label map at most is in memory.
static WRITING: Mutex<()> = Mutex::new(());

/// Versions of one series.
#[derive(Debug, Clone)]
pub(super) struct Versions {
    /// The prediction.
    pub series: PathBuf,
    /// The corrections; absent while there are none.
    pub folder: PathBuf,
    /// Most voxels that a file may declare.
    pub max_voxels: usize,
}

impl Versions {
    /// The prediction and all corrections, oldest first.
    pub fn list(&self) -> Result<Vec<Version>, Refusal> {
        let result = self.series.join("result.json");
        let text = fs::read(&result).map_err(|e| Refusal::of_io("read the result", &e))?;
        let result_json: Value = parsed(&text)?;
        let written = fs::metadata(&result).and_then(|m| m.modified());
        let written = written.map_err(|e| Refusal::of_io("read the result", &e))?;
        let mut all = vec![prediction(&result_json, rfc3339(written.into()))];
        for number in 1..=MAX_VERSIONS {
            match fs::read(self.at(number).join(VERSION)) {
                Ok(text) => all.push(parsed(&text)?),
                Err(e) if e.kind() == io::ErrorKind::NotFound => break,
                Err(e) => return Err(Refusal::of_io("read a version", &e)),
            }
        }
        Ok(all)
    }

    /// One more version; `signed_in` is the token's name, where there are tokens.
    ///
    /// # Errors
    /// What [`after`] and [`mask::keep`] refuse; [`Refusal::Conflict`] if the last version is not the one that was looked at.
    pub fn add(&self, new: &NewVersion, signed_in: Option<String>) -> Result<Version, Refusal> {
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.list()?;
        let Some(last) = all.last() else {
            return Err(Refusal::NotFound);
        };
        if last.number >= MAX_VERSIONS {
            return Err(Refusal::Invalid(format!(
                "expected at most {MAX_VERSIONS} versions, found that many"
            )));
        }
        let mut version = after(last, new, rfc3339(Utc::now()))?;
        version.signed_in = signed_in;
        let io = |e: io::Error| Refusal::of_io("keep the correction", &e);
        fs::create_dir_all(&self.folder).map_err(io)?;
        // Removed with what it holds if anything fails before the last step.
        let staged = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&self.folder)
            .map_err(io)?;
        if let Some(sent) = &new.segmentation {
            let predicted = mask::predicted(&self.series)?;
            let reference = predicted
                .labels
                .filter(|l| l.ends_with(LABELS))
                .unwrap_or(predicted.image);
            let expected = mask::grid(&reference, self.max_voxels)?;
            let (map, sha256) = mask::keep(sent, &expected, staged.path())?;
            mask::measure(&mut version.findings, &map);
            version.segmentation = Some(LABELS.into());
            version.segmentation_sha256 = Some(sha256);
        } else if let Some(kept) = &version.segmentation {
            // Each version is whole by itself; the same file under another name takes no room where links are possible.
            let (from, to) = (self.at(last.number).join(kept), staged.path().join(kept));
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).map(drop))
                .map_err(io)?;
        }
        let text =
            serde_json::to_vec_pretty(&version).map_err(|e| Refusal::Internal(e.to_string()))?;
        let path = staged.path().join(VERSION);
        fs::File::create_new(&path)
            .and_then(|mut f| f.write_all(&text))
            .map_err(io)?;
        for entry in fs::read_dir(staged.path()).map_err(io)? {
            fs::File::open(entry.map_err(io)?.path())
                .and_then(|f| f.sync_all())
                .map_err(io)?;
        }
        // A folder that is there already is never replaced: renaming onto one that is not empty fails.
        fs::rename(staged.path(), self.at(version.number)).map_err(io)?;
        drop(staged.keep());
        fs::File::open(&self.folder)
            .and_then(|f| f.sync_all())
            .map_err(io)?;
        Ok(version)
    }

    /// A file of a version; of version 0, of the prediction.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a path that leads elsewhere.
    pub fn file(&self, number: u32, path: &str) -> Result<PathBuf, Refusal> {
        let path = below(path)?;
        Ok(if number == 0 {
            self.series.join(path)
        } else {
            self.at(number).join(path)
        })
    }

    /// The folder of a correction.
    pub fn at(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}"))
    }
}

/// A file that this program wrote.
fn parsed<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(text)
        .map_err(|e| Refusal::Internal(format!("a kept file is broken: {e}")))
}

fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
