//! The threads that read: one job at a time each, results published whole.

use std::fs;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use omnimri_image::OpenOptions;
use omnimri_workflow::{DicomOptions, Engine, Error, FormatOptions, ReadOptions, memory_needed};

use super::beside::{Follower, words};
use super::job::{Problem, Series};
use super::queue::{Jobs, Live, Shared};
use super::store::{self, Claim};
use crate::audit::{Audit, Event};
use crate::budget::Budget;
use crate::erase::erase;

/// How long a worker waits for room on the disk.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(5);

/// What workers share.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    /// The model, loaded once.
    pub engine: Arc<Engine>,
    /// Memory handed out to readers.
    pub budget: Arc<Budget>,
    /// Where what happened is written down.
    pub audit: Audit,
}

/// How reading a job ended.
enum Ended {
    /// Results lie in this folder, whole.
    Read(PathBuf, Vec<Series>),
    Failed(Problem),
    /// Nobody waits for it any more, or the server stops.
    Stopped,
    NoRoom,
}

/// Starts the workers of a queue.
pub(crate) fn start(jobs: &Jobs, bench: &Bench) -> io::Result<Vec<JoinHandle<()>>> {
    (0..jobs.limits().readers.max(1))
        .map(|i| {
            let (shared, bench) = (jobs.shared().clone(), bench.clone());
            std::thread::Builder::new()
                .name(format!("reader-{i}"))
                .spawn(move || {
                    while let Some(claim) = shared.next() {
                        work(&shared, &bench, &claim);
                    }
                })
        })
        .collect()
}

fn work(shared: &Shared, bench: &Bench, claim: &Claim) {
    let stop = Arc::new(AtomicBool::new(false));
    let live = Live {
        progress: 0.0,
        stage: "starting".into(),
        stop: stop.clone(),
    };
    shared.lock_live().insert(claim.id.clone(), live);
    shared.changed();
    let folder = shared.job_folder(&claim.id);
    let attempt = folder.join(format!("work-{}", claim.attempt));
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
        read(shared, bench, claim, &attempt, stop)
    }))
    .unwrap_or_else(|_| Ended::Failed(defect("the program failed on this input")));
    let done = conclude(shared, bench, claim, ended);
    if let Err(error) = erase(&attempt) {
        tracing::warn!(%error, "cannot remove the folder of an attempt");
    }
    shared.lock_live().remove(&claim.id);
    match shared.store.get(&claim.id) {
        // Removed while it was read.
        Ok(None) => {
            if let Err(error) = erase(&folder) {
                tracing::warn!(%error, "cannot remove the folder of a job that was removed");
            }
        }
        Ok(Some(_)) => {}
        Err(error) => tracing::error!(%error, "cannot look up a job"),
    }
    shared.changed();
    if matches!(done, Concluded::Waits) {
        shared.pause(WAIT_FOR_ROOM);
    }
}

/// What became of a claim.
enum Concluded {
    Over,
    /// It is in the queue again, for want of room.
    Waits,
}

/// Writes down how a job ended. A full disk is no reason to lose it: it goes back into the queue.
fn conclude(shared: &Shared, bench: &Bench, claim: &Claim, ended: Ended) -> Concluded {
    loop {
        let written = match &ended {
            Ended::Read(whole, series) => {
                let results = shared.job_folder(&claim.id).join("results");
                shared
                    .store
                    .complete(claim, series, || publish(whole, &results))
                    .inspect(|ours| {
                        if *ours {
                            bench.audit.write(&Event::job("job.done", &claim.id));
                        }
                    })
            }
            Ended::Failed(problem) => shared
                .store
                .fail(claim, problem)
                .map_err(Publish::from)
                .inspect(|ours| {
                    if *ours {
                        bench.audit.write(&Event::job("job.failed", &claim.id));
                    }
                }),
            Ended::Stopped | Ended::NoRoom => shared.store.requeue(claim).map_err(Publish::from),
        };
        match written {
            Ok(_) if matches!(ended, Ended::NoRoom) => return Concluded::Waits,
            Ok(_) => return Concluded::Over,
            Err(error) => {
                tracing::error!(%error, "cannot write down how a job ended; trying again");
                // If the server stops first, the next start finds the job as it is and puts it right.
                if shared.pause(WAIT_FOR_ROOM) {
                    return Concluded::Over;
                }
            }
        }
    }
}

/// Why results could not be published.
#[derive(Debug, thiserror::Error)]
enum Publish {
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
    #[error("{0}")]
    File(#[from] io::Error),
}

/// Puts whole results in their place. What stands there already is of this same claim: an earlier try that could not be written down.
fn publish(whole: &Path, results: &Path) -> Result<(), Publish> {
    if results.exists() {
        return Ok(());
    }
    Ok(fs::rename(whole, results)?)
}

fn read(
    shared: &Shared,
    bench: &Bench,
    claim: &Claim,
    attempt: &Path,
    stop: Arc<AtomicBool>,
) -> Ended {
    let folder = shared.job_folder(&claim.id);
    let limits = &shared.limits;
    if claim.crashes >= limits.attempts {
        let times = claim.crashes;
        return Ended::Failed(defect(&format!(
            "the process ended {times} times while reading it"
        )));
    }
    let (input, name) = match input_of(&folder.join("input")) {
        Ok(found) => found,
        Err(error) if is_full(&error) => return Ended::NoRoom,
        Err(error) => return Ended::Failed(defect(&format!("its files are gone ({error})"))),
    };
    let _held = bench.budget.take(memory_needed(&input));
    let mut options = options(&input, limits.max_voxels);
    let told = |progress: omnimri_workflow::Progress| {
        if let Some(live) = shared.lock_live().get_mut(&claim.id) {
            live.progress = progress.done;
            live.stage = words(&progress);
        }
        shared.changed();
    };
    let follower = Follower {
        name: name.clone().into(),
        stop,
        told,
    };
    let mut read = bench
        .engine
        .read_watched(&input, attempt, None, &options, &follower);
    // A series that lacks what DICOM results must refer to is read without them.
    if let Err(Error::Image(omnimri_image::Error::NoDicomSource { .. })) = &read {
        options.formats.dicom = None;
        read = bench
            .engine
            .read_watched(&input, attempt, None, &options, &follower);
    }
    match read {
        Ok(outcome) => {
            // A study is a folder of series already; a single result lies alone in the attempt's folder.
            let whole = if outcome.folder.join("study.json").exists() {
                outcome.folder
            } else {
                attempt.to_owned()
            };
            match series_in(&whole) {
                Ok(series) => Ended::Read(whole, series),
                Err(error) if is_full(&error) => Ended::NoRoom,
                Err(error) => {
                    Ended::Failed(defect(&format!("its results cannot be listed ({error})")))
                }
            }
        }
        Err(Error::Stopped { .. }) => Ended::Stopped,
        Err(error) if error.is_disk_full() => Ended::NoRoom,
        Err(error) => {
            tracing::info!(job = claim.id, "a job failed");
            Ended::Failed(Problem {
                message: clean(&error.to_string(), &input, &folder, attempt, &name),
                hint: None,
            })
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Where the files lay is nobody's business.
fn clean(message: &str, input: &Path, folder: &Path, attempt: &Path, name: &str) -> String {
    let mut message = message.replace(&input.display().to_string(), name);
    for place in [attempt, &folder.join("input"), folder] {
        let place = place.display().to_string();
        message = message
            .replace(&format!("{place}/"), "")
            .replace(&place, name);
    }
    message
}

fn defect(what: &str) -> Problem {
    Problem {
        message: format!("expected to read it, but {what}"),
        hint: Some("please report it with the file".into()),
    }
}

/// How a job's input is read: with DICOM results where it is DICOM.
fn options(input: &Path, max_voxels: usize) -> ReadOptions {
    let is_dicom = omnimri_image::detect(input).is_ok_and(|k| k == omnimri_image::InputKind::Dicom);
    ReadOptions {
        open: OpenOptions {
            max_voxels,
            ..OpenOptions::default()
        },
        formats: FormatOptions {
            dicom: is_dicom.then(DicomOptions::default),
            bids: false,
        },
        ..ReadOptions::default()
    }
}

/// The path to read and what to call it: the only file, the header of a pair, or the folder of a series.
pub(crate) fn input_of(folder: &Path) -> io::Result<(PathBuf, String)> {
    const HEADERS: [&str; 5] = [".hdr", ".hdr.gz", ".mhd", ".nhdr", ".cfl"];
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    let name_of = |path: &Path| {
        path.file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let header = files.iter().find(|f| {
        let name = name_of(f).to_ascii_lowercase();
        HEADERS.iter().any(|h| name.ends_with(h))
    });
    // What belongs to a header is called as it is, up to the suffix.
    let stem = |path: &Path| name_of(path).split('.').next().map(str::to_owned);
    match (files.as_slice(), header) {
        ([], _) => Err(io::ErrorKind::NotFound.into()),
        ([only], _) => Ok((only.clone(), name_of(only))),
        (all, Some(header)) if all.iter().all(|f| stem(f) == stem(header)) => {
            Ok((header.clone(), name_of(header)))
        }
        _ => Ok((folder.to_owned(), "study".into())),
    }
}

/// Series folders of whole results with their files, in order of name.
fn series_in(results: &Path) -> io::Result<Vec<Series>> {
    let mut series = Vec::new();
    for entry in fs::read_dir(results)? {
        let path = entry?.path();
        if !path.join("result.json").is_file() {
            continue;
        }
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        let mut files = Vec::new();
        for file in fs::read_dir(&path)? {
            let file = file?;
            if file.file_type()?.is_file()
                && let Some(file) = file.file_name().to_str()
            {
                files.push(format!("{name}/{file}"));
            }
        }
        files.sort();
        series.push(Series {
            name: name.to_owned(),
            files,
        });
    }
    series.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(series)
}

/// A job that was running when the process ended: finished if its results were in place already, else it waits again.
pub(super) fn recover(shared: &Shared, claim: &Claim) -> store::Result<()> {
    let folder = shared.job_folder(&claim.id);
    let results = folder.join("results");
    for old in 1..=claim.attempt {
        // Half-written results are of no use to anyone.
        if let Err(error) = erase(&folder.join(format!("work-{old}"))) {
            tracing::warn!(%error, "cannot remove the folder of an attempt");
        }
    }
    match series_in(&results) {
        Ok(series) if !series.is_empty() => {
            shared
                .store
                .complete(claim, &series, || Ok::<_, rusqlite::Error>(()))?;
            Ok(())
        }
        _ => shared.store.requeue_interrupted(claim),
    }
}
