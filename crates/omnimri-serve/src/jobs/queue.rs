//! Accepting, waking, following and removing jobs.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::job::{Job, State, is_id};
use super::store::{Claim, Store};
use crate::erase::erase;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::reply::Refusal;

/// How far a running job is, in memory only.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub progress: f64,
    pub stage: String,
    /// Set to stop the job at its next step.
    pub stop: Arc<AtomicBool>,
}

/// The queue and its folders; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Jobs(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub store: Store,
    pub limits: Arc<Limits>,
    folder: PathBuf,
    live: Mutex<HashMap<String, Live>>,
    /// Counts changes of any job.
    changes: watch::Sender<u64>,
    /// True once workers are to take no more jobs.
    stopping: Mutex<bool>,
    wake: Condvar,
    /// Held as long as the server runs.
    _lock: fs::File,
}

/// Files received for a job that is not accepted yet; removed when dropped.
#[derive(Debug)]
pub(crate) struct Staged {
    /// Identifier of the job to be.
    pub id: String,
    folder: PathBuf,
}

impl Staged {
    /// Where the files go.
    pub fn input(&self) -> PathBuf {
        self.folder.join("input")
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.folder.exists()
            && let Err(error) = erase(&self.folder)
        {
            tracing::warn!(%error, "cannot remove what was received");
        }
    }
}

/// 32 hexadecimal digits that nobody can guess.
pub(crate) fn new_id() -> std::result::Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|e| Refusal::Internal(format!("no random numbers: {e}")))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

impl Jobs {
    /// Opens the store, takes it for this process, and puts right what an interrupted process left.
    pub fn open(folder: &Path, limits: Arc<Limits>) -> Result<Self> {
        let place = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Store { path, source }
        };
        for sub in ["", "incoming", "uploads", "jobs"] {
            let dir = folder.join(sub);
            fs::create_dir_all(&dir).map_err(place(&dir))?;
        }
        private(folder).map_err(place(folder))?;
        let path = folder.join("lock");
        let lock = fs::File::create(&path).map_err(place(&path))?;
        lock.try_lock().map_err(|e| match e {
            fs::TryLockError::WouldBlock => Error::InUse {
                path: folder.to_owned(),
            },
            fs::TryLockError::Error(source) => Error::Store {
                path: path.clone(),
                source,
            },
        })?;
        let path = folder.join("omnimri.sqlite");
        let store = Store::open(&path).map_err(|source| Error::Database { path, source })?;
        let shared = Shared {
            store,
            limits,
            folder: folder.to_owned(),
            live: Mutex::default(),
            changes: watch::Sender::new(0),
            stopping: Mutex::new(false),
            wake: Condvar::new(),
            _lock: lock,
        };
        let jobs = Self(Arc::new(shared));
        jobs.recover()?;
        Ok(jobs)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Bounds.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Folder of the store.
    pub fn root(&self) -> &Path {
        &self.0.folder
    }

    /// A folder for files to come.
    pub fn stage(&self) -> std::result::Result<Staged, Refusal> {
        let id = new_id()?;
        let folder = self.0.folder.join("incoming").join(&id);
        fs::create_dir_all(folder.join("input"))
            .map_err(|e| Refusal::of_io("make a folder", &e))?;
        Ok(Staged { id, folder })
    }

    /// Accepts received files as a job: from here on it is read, whatever happens to this process.
    pub fn accept(
        &self,
        staged: Staged,
        name: &str,
        owner: &str,
    ) -> std::result::Result<Job, Refusal> {
        let id = staged.id.clone();
        let folder = self.folder(&id);
        fs::rename(&staged.folder, &folder).map_err(|e| Refusal::of_io("keep the files", &e))?;
        let kept = sync_folder(&self.0.folder.join("jobs"))
            .map_err(|e| Refusal::of_io("keep the files", &e))
            .and_then(|()| {
                let most = self.0.limits.queued;
                let entered = self.0.store.enqueue(&id, name, owner, most);
                entered.map_err(|e| Refusal::of_store(&e))
            });
        match kept {
            Ok(true) => {}
            refused => {
                if let Err(error) = erase(&folder) {
                    tracing::warn!(%error, "cannot remove what was received");
                }
                return Err(refused.err().unwrap_or(Refusal::Busy));
            }
        }
        self.0.changed();
        self.0.wake.notify_one();
        self.get(&id)
    }

    /// A job with how far it is.
    pub fn get(&self, id: &str) -> std::result::Result<Job, Refusal> {
        Ok(self.with_owner(id)?.0)
    }

    /// A job and who owns it.
    pub fn with_owner(&self, id: &str) -> std::result::Result<(Job, String), Refusal> {
        if !is_id(id) {
            return Err(Refusal::NoJob);
        }
        let found = self.0.store.get(id).map_err(|e| Refusal::of_store(&e))?;
        let (mut job, owner) = found.ok_or(Refusal::NoJob)?;
        self.0.fill_in(&mut job);
        Ok((job, owner))
    }

    /// Jobs, newest first.
    pub fn list(&self) -> std::result::Result<Vec<Job>, Refusal> {
        let mut jobs = self.0.store.list().map_err(|e| Refusal::of_store(&e))?;
        for job in &mut jobs {
            self.0.fill_in(job);
        }
        Ok(jobs)
    }

    /// Stops a job, forgets it and overwrites its files.
    pub fn remove(&self, id: &str) -> std::result::Result<(), Refusal> {
        self.get(id)?;
        let stopped = self.0.store.cancel(id).map_err(|e| Refusal::of_store(&e))?;
        if let Some(live) = self.0.lock_live().get(id) {
            live.stop.store(true, Ordering::Relaxed);
        }
        if stopped {
            // Those who follow it see how it ended.
            self.0.changed();
        }
        // The row first: a worker that still writes finds it gone when it is done, and removes the folder again.
        self.0.store.remove(id).map_err(|e| Refusal::of_store(&e))?;
        self.0.changed();
        match erase(&self.folder(id)) {
            Err(e) if !stopped => Err(Refusal::of_io("remove the files", &e)),
            _ => Ok(()),
        }
    }

    /// Folder of a job.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.0.folder.join("jobs").join(id)
    }

    /// Folder of one series of a job that is done; the first series when none is named.
    pub fn series_folder(
        &self,
        id: &str,
        series: Option<&str>,
    ) -> std::result::Result<PathBuf, Refusal> {
        let job = self.get(id)?;
        if job.state != State::Done {
            return Err(Refusal::NotDone(job.state.name()));
        }
        let found = match series {
            None => job.series.first(),
            Some(name) => job.series.iter().find(|s| s.name == name),
        };
        let name = &found.ok_or(Refusal::NotFound)?.name;
        Ok(self.folder(id).join("results").join(name))
    }

    /// Tells whenever a job has changed; the number means nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Workers finish what they have and take no more; waits until `grace` for them, then what still runs goes back into the queue.
    pub fn stop(&self) {
        *self
            .0
            .stopping
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.0.wake.notify_all();
    }

    /// Jobs being read.
    pub fn running(&self) -> usize {
        self.0.lock_live().len()
    }

    /// Puts back into the queue what still runs, and stops it at its next step.
    pub fn abandon(&self) -> Result<usize> {
        let database = |source| Error::Database {
            path: self.0.folder.join("omnimri.sqlite"),
            source,
        };
        let interrupted = self.0.store.interrupted().map_err(database)?;
        for live in self.0.lock_live().values() {
            live.stop.store(true, Ordering::Relaxed);
        }
        for claim in &interrupted {
            self.0.store.requeue(claim).map_err(database)?;
        }
        Ok(interrupted.len())
    }

    /// Finishes or requeues what a process left that ended without warning, and removes what belongs to no job.
    fn recover(&self) -> Result<()> {
        let database = |source| Error::Database {
            path: self.0.folder.join("omnimri.sqlite"),
            source,
        };
        for claim in self.0.store.interrupted().map_err(database)? {
            super::worker::recover(&self.0, &claim).map_err(database)?;
        }
        let known = self.0.store.ids().map_err(database)?;
        let removed = |path: &Path| {
            erase(path).map_err(|source| Error::Store {
                path: path.to_owned(),
                source,
            })
        };
        for path in entries(&self.0.folder.join("incoming"))? {
            removed(&path)?;
        }
        for path in entries(&self.0.folder.join("jobs"))? {
            let name = path.file_name().and_then(|n| n.to_str());
            if !name.is_some_and(|n| known.iter().any(|k| k == n)) {
                removed(&path)?;
            }
        }
        Ok(())
    }
}

impl Shared {
    pub(super) fn lock_live(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folder of a job.
    pub(super) fn job_folder(&self, id: &str) -> PathBuf {
        self.folder.join("jobs").join(id)
    }

    /// Wakes those who follow a job.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn fill_in(&self, job: &mut Job) {
        if job.state == State::Running
            && let Some(live) = self.lock_live().get(&job.id)
        {
            job.progress = live.progress;
            job.stage.clone_from(&live.stage);
        }
    }

    /// The next job, waiting for one; `None` once the server stops.
    pub(super) fn next(&self) -> Option<Claim> {
        let mut stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if *stopping {
                return None;
            }
            match self.store.claim() {
                Ok(Some(claim)) => return Some(claim),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "cannot take a job; trying again"),
            }
            let waited = self
                .wake
                .wait_timeout(stopping, Duration::from_secs(2))
                .unwrap_or_else(PoisonError::into_inner);
            stopping = waited.0;
        }
    }

    /// Waits, at most that long; true if the server stops.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .wake
            .wait_timeout_while(stopping, time, |stopping| !*stopping)
            .unwrap_or_else(PoisonError::into_inner);
        *waited.0
    }
}

/// What lies in a folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let fail = |source| Error::Store {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        paths.push(entry.map_err(fail)?.path());
    }
    Ok(paths)
}

/// The folder's own entries reach the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Nobody else of this machine looks into the store.
fn private(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
