//! An object that arrived, by C-STORE or STOW-RS: checked, kept, recorded; or refused with a reason.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use omnimri_image::{DicomHeader, OpenOptions};
use sha2::{Digest, Sha256};

use super::error::NodeError;
use super::files::{Folders, Incoming};
use super::instance::{Instance, to_json};
use super::store::{NewObject, Store, Stored};
use super::syntaxes::{SYNTAXES, is_read_class, is_stored_class};

/// What became of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Accepted {
    pub instance: Instance,
    /// False: it was there already.
    pub new: bool,
}

/// Why an object was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Its data set is malformed or says something else than the command.
    Malformed(String),
    /// A class or transfer syntax that is not stored.
    Unsupported(String),
    /// Another object has its UID.
    Conflict(String),
    /// Its study belongs to another patient.
    OtherPatient(String),
    /// No room, or the disk failed.
    Failed(Box<NodeError>),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) | Self::Unsupported(why) => f.write_str(why),
            Self::Conflict(why) | Self::OtherPatient(why) => f.write_str(why),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// Takes objects in.
#[derive(Debug)]
pub(super) struct Intake {
    pub folders: Folders,
    pub store: std::sync::Arc<Store>,
    pub open: OpenOptions,
    /// One object of a study at a time, by the hash of its UID: two associations may send the same one.
    turns: Vec<Mutex<()>>,
}

impl Intake {
    pub fn new(folders: Folders, store: std::sync::Arc<Store>, open: OpenOptions) -> Self {
        Self {
            folders,
            store,
            open,
            turns: (0..64).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Keeps a received object; when this returns, file, folder and record are on the disk.
    ///
    /// `named` are the SOP class and instance that the command spoke of, `study` is the one that it must belong to.
    pub fn keep(
        &self,
        mut incoming: Incoming,
        named: Option<(&str, &str)>,
        study: Option<&str>,
    ) -> Result<Accepted, Refusal> {
        let bytes = incoming.sync()?;
        let header = DicomHeader::read(incoming.path(), &self.open)
            .map_err(|e| Refusal::Malformed(e.to_string()))?;
        let instance =
            Instance::of_header(&header).map_err(|e| Refusal::Malformed(e.to_string()))?;
        if named.is_some_and(|n| n != (&instance.class_uid, &instance.sop_uid)) {
            let why = "the data set has other UIDs than the command";
            return Err(Refusal::Malformed(why.to_owned()));
        }
        if study.is_some_and(|s| s != instance.study_uid) {
            let why = "the object belongs to another study";
            return Err(Refusal::Malformed(why.to_owned()));
        }
        if !is_stored_class(&instance.class_uid) {
            let why = format!("SOP class {} is not stored", instance.class_uid);
            return Err(Refusal::Unsupported(why));
        }
        if !SYNTAXES.contains(&instance.transfer_syntax.as_str()) {
            let why = format!("transfer syntax {} is not read", instance.transfer_syntax);
            return Err(Refusal::Unsupported(why));
        }
        let digest = Sha256::digest(instance.study_uid.as_bytes());
        let turn = &self.turns[usize::from(digest[0]) % self.turns.len()];
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = self.store.find(&instance.sop_uid)? {
            return self.again(&header, instance, &earlier);
        }
        let patient = self.store.patient_of(&instance.study_uid)?;
        if patient.is_some_and(|p| p != instance.patient) {
            let why = "the study belongs to another patient";
            return Err(Refusal::OtherPatient(why.to_owned()));
        }
        let path = self.path_of(&instance);
        incoming.keep(&path)?;
        let new = NewObject {
            instance: &instance,
            path: self.folders.relative(&path),
            bytes,
            image: is_read_class(&instance.class_uid),
        };
        if let Err(error) = self.store.add(&new, now_ms()) {
            // Not recorded, hence not acknowledged: the file would only take room.
            let _ = std::fs::remove_file(&path);
            return Err(error.into());
        }
        Ok(Accepted {
            instance,
            new: true,
        })
    }

    fn path_of(&self, instance: &Instance) -> PathBuf {
        let folder = self.folders.instances();
        folder
            .join(&instance.study_uid)
            .join(&instance.series_uid)
            .join(format!("{}.dcm", instance.sop_uid))
    }

    /// An object whose UID is known: the same one is nothing new, another one is refused.
    fn again(
        &self,
        header: &DicomHeader,
        instance: Instance,
        earlier: &Stored,
    ) -> Result<Accepted, Refusal> {
        let path = self.folders.root.join(&earlier.path);
        let before = DicomHeader::read(&path, &self.open).map_err(NodeError::from)?;
        // The same elements may come in another transfer syntax, or with other lengths of sequences.
        if to_json(&before.object) == to_json(&header.object) {
            return Ok(Accepted {
                instance,
                new: false,
            });
        }
        let why = "another object with this SOP Instance UID is stored";
        Err(Refusal::Conflict(why.to_owned()))
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Time of the next attempt after `attempts` failed ones: doubled each time, at most the longest.
pub(super) fn next_attempt(now_ms: i64, attempts: u32, first_s: f64, most_s: f64) -> i64 {
    let seconds = (first_s * 2f64.powi(attempts.min(30) as i32)).min(most_s);
    now_ms.saturating_add((seconds * 1000.0) as i64)
}

/// Key of a reading: the SHA-256 of the sorted SOP instance UIDs and the model's hash.
pub(super) fn reading_key<'a>(uids: impl Iterator<Item = &'a str>, model: &str) -> String {
    let mut uids: Vec<&str> = uids.collect();
    uids.sort_unstable();
    let mut hash = Sha256::new();
    for uid in uids {
        hash.update(uid.as_bytes());
        hash.update(b"\n");
    }
    hash.update(model.as_bytes());
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
