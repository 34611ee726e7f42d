//! Studies that have been quiet for a while, to results.

use std::collections::{BTreeMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use omnimri_report::dicom::SegmentationType;
use omnimri_workflow::{DicomOptions, Engine, Error, FormatOptions, ReadOptions};

use super::amend::{self, Succession};
use super::config::NodeConfig;
use super::error::{NodeError, Result};
use super::files::{make_folder, sync_folder, sync_tree};
use super::instance::Instance;
use super::receive::{Intake, next_attempt, now_ms, reading_key};
use super::select::is_read;
use super::store::{Due, NewObject, Reading, Stored};

/// An object of a result.
struct Object {
    path: PathBuf,
    bytes: u64,
    instance: Instance,
}

/// Reads studies, one after the other.
pub(super) struct Reader {
    pub config: Arc<NodeConfig>,
    pub intake: Arc<Intake>,
    pub engine: Arc<Engine>,
    pub stop: Arc<AtomicBool>,
}

impl Reader {
    /// Removes what readings that were not finished left behind.
    pub fn tidy(&self) -> Result<()> {
        let folders = &self.intake.folders;
        let kept: HashSet<String> = self.intake.store.folders()?.into_iter().collect();
        let results = folders.results();
        for entry in std::fs::read_dir(&results).map_err(NodeError::file(&results))? {
            let path = entry.map_err(NodeError::file(&results))?.path();
            if !kept.contains(&folders.relative(&path)) && path.is_dir() {
                std::fs::remove_dir_all(&path).map_err(NodeError::file(&path))?;
            }
        }
        let work = self.work();
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(NodeError::file(&work))?;
        }
        Ok(())
    }

    fn work(&self) -> PathBuf {
        self.intake.folders.root.join("work")
    }

    /// Reads until told to stop; a reading under way is finished first.
    pub fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let quiet = (self.config.quiet_s * 1000.0) as i64;
            let now = now_ms();
            let due = self.intake.store.due(now.saturating_sub(quiet), now);
            let due = due.unwrap_or_else(|error| {
                tracing::error!("{error}");
                Vec::new()
            });
            let Some(study) = due.first() else {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            };
            if let Err(error) = self.study(study) {
                tracing::error!("study {}: {error}", study.study_uid);
                // The index may be out of room, so that nothing could be put off.
                std::thread::sleep(Duration::from_secs_f64(self.config.retry_s.min(5.0)));
            }
        }
    }

    fn study(&self, due: &Due) -> Result<()> {
        let store = &self.intake.store;
        let images = store.images_of(&due.study_uid)?;
        let model = self.engine.model_info().sha256;
        let key = reading_key(images.iter().map(|i| i.sop_uid.as_str()), &model);
        if images.is_empty() || store.is_read(&key)? {
            return store.settle(&due.study_uid, due.last_ms);
        }
        let newest = store.newest_reading(&due.study_uid)?;
        let mut reading = Reading {
            study_uid: due.study_uid.clone(),
            key,
            version: newest.as_ref().map_or(1, |(version, _)| version + 1),
            predecessor: newest.map(|(_, key)| key),
            model,
            n_images: images.len(),
            folder: None,
            error: None,
            last_image_ms: due.last_ms,
            done_ms: 0,
        };
        let selected = self.selected(&images);
        if selected.is_empty() {
            reading.done_ms = now_ms();
            return store.finish(&reading, &[], &[]);
        }
        let made = std::panic::catch_unwind(AssertUnwindSafe(|| self.read(&reading, &selected)));
        let made = made.unwrap_or_else(|_| {
            let path = PathBuf::from(&due.study_uid);
            Err(Error::Panicked { path }.into())
        });
        let made = match made {
            Ok(made) => made,
            Err(error) => return self.failed(due, reading, &error),
        };
        let (folder, objects) = made;
        let folders = &self.intake.folders;
        reading.folder = Some(folders.relative(&folder));
        let new: Vec<NewObject<'_>> = objects
            .iter()
            .map(|object| NewObject {
                instance: &object.instance,
                path: folders.relative(&object.path),
                bytes: object.bytes,
                image: false,
            })
            .collect();
        let peers = &self.config.peers;
        let peers: Vec<_> = peers
            .iter()
            .map(|p| (p.aet.clone(), p.commitment))
            .collect();
        reading.done_ms = now_ms();
        store.finish(&reading, &new, &peers)?;
        tracing::info!(
            "study {} version {}: {} objects of {} images",
            reading.study_uid,
            reading.version,
            new.len(),
            reading.n_images
        );
        Ok(())
    }

    /// A study that cannot be read is not tried again until it has new images; one that failed for another reason is.
    fn failed(&self, due: &Due, mut reading: Reading, error: &NodeError) -> Result<()> {
        let store = &self.intake.store;
        let text = error.to_string();
        tracing::warn!("study {} cannot be read: {text}", due.study_uid);
        let for_good = matches!(error, NodeError::Read(e) if e.is_invalid_input());
        if for_good || due.attempts + 1 >= self.config.read_attempts && !error.is_out_of_resources()
        {
            reading.error = Some(text);
            reading.done_ms = now_ms();
            return store.finish(&reading, &[], &[]);
        }
        let (first, most) = (self.config.retry_s, self.config.retry_most_s);
        let next = next_attempt(now_ms(), due.attempts, first, most);
        store.postpone(&due.study_uid, next, &text)
    }

    /// The images of the series that the rules choose.
    fn selected<'a>(&self, images: &'a [Stored]) -> Vec<&'a Stored> {
        let mut series: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
        for image in images {
            series.entry(&image.series_uid).or_default().push(image);
        }
        let chosen = |of: &Vec<&Stored>| {
            let first = of.first();
            first.is_some_and(|i| is_read(&self.config.rules, &i.traits))
        };
        series.into_values().filter(chosen).flatten().collect()
    }

    /// Reads images into a result folder, all of it on the disk when this returns; and the objects that are kept.
    fn read(&self, reading: &Reading, images: &[&Stored]) -> Result<(PathBuf, Vec<Object>)> {
        let folders = &self.intake.folders;
        let name: String = reading.key.chars().take(32).collect();
        let input = self.work().join(&name);
        let results = folders.results();
        for old in [&input, &results.join(&name)] {
            if old.exists() {
                std::fs::remove_dir_all(old).map_err(NodeError::file(old))?;
            }
        }
        for image in images {
            let folder = input.join(&image.series_uid);
            make_folder(&folder)?;
            let link = folder.join(format!("{}.dcm", image.sop_uid));
            let file = folders.root.join(&image.path);
            std::fs::hard_link(&file, &link).map_err(NodeError::file(&link))?;
        }
        let options = ReadOptions {
            open: self.intake.open.clone(),
            formats: FormatOptions {
                dicom: Some(DicomOptions {
                    segmentation: match self.config.label_map {
                        true => SegmentationType::LabelMap,
                        false => SegmentationType::Binary,
                    },
                    uid_root: self.config.uid_root.clone(),
                }),
                bids: false,
            },
            ..ReadOptions::default()
        };
        let outcome = self.engine.read(&input, &results, Some(&name), &options);
        let _ = std::fs::remove_dir_all(&input);
        let folder = outcome?.folder;
        let succession = match &reading.predecessor {
            Some(key) => Some(Succession {
                version: reading.version,
                earlier: self.intake.store.made_by(key)?,
            }),
            None => None,
        };
        let mut objects = Vec::new();
        for path in dicom_files(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !self.config.results.iter().any(|kind| kind.holds(&name)) {
                continue;
            }
            if let Some(succession) = &succession {
                amend::amend(&path, succession)?;
            }
            let bytes = std::fs::metadata(&path)
                .map_err(NodeError::file(&path))?
                .len();
            let instance = Instance::of(&path, &self.intake.open)?;
            objects.push(Object {
                path,
                bytes,
                instance,
            });
        }
        sync_tree(&folder)?;
        sync_folder(&results)?;
        Ok((folder, objects))
    }
}

/// DICOM files below a folder, sorted.
fn dicom_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(NodeError::file(folder))? {
        let path = entry.map_err(NodeError::file(folder))?.path();
        if path.is_dir() {
            files.extend(dicom_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "dcm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
