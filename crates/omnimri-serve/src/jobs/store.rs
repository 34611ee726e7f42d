//! Jobs and uploads in one SQLite file: what was accepted outlives the process.
//!
//! Every change of state is one transaction. Only the transition that is allowed from the state found is made, so a job that was
//! cancelled or requeued meanwhile is never finished by a late worker.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::job::{Job, Problem, Series, State};

/// Version of the tables.
const SCHEMA_VERSION: i64 = 1;
/// Most jobs that one listing returns.
const MAX_LISTED: i64 = 1000;

const TABLES: &str = "
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL,
    started TEXT,
    finished TEXT,
    message TEXT,
    hint TEXT,
    series TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, crashes, seq);
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    created TEXT NOT NULL
) STRICT;
";

const COLUMNS: &str = "id, name, state, created, started, finished, message, hint, series";

/// Result of this module.
pub(crate) type Result<T> = rusqlite::Result<T>;

/// A job that a worker has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The job.
    pub id: String,
    /// Counts from 1; one more each time the job is taken.
    pub attempt: u32,
    /// How often the process ended while the job was being read.
    pub crashes: u32,
}

/// A resumable upload; how much of it is there, its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Name of the file, made harmless.
    pub name: String,
    /// Who began it.
    pub owner: String,
    /// Size when whole.
    pub bytes: u64,
}

/// The database; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

/// Now, as stored and sent.
pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

impl Store {
    /// Opens or makes the database.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An accepted job survives a power cut as well.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Names of deleted jobs are overwritten.
        connection.pragma_update(None, "secure_delete", true)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
        if version == 0 {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change.execute_batch(TABLES)?;
            change.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            change.commit()?;
        } else if version != SCHEMA_VERSION {
            return Err(odd(format!(
                "expected tables of version {SCHEMA_VERSION}, found {version}"
            )));
        }
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic between statements leaves an open transaction, which is rolled back when it is dropped.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job to the queue unless `most` wait already; false if they do.
    pub fn enqueue(&self, id: &str, name: &str, owner: &str, most: usize) -> Result<bool> {
        let mut db = self.lock();
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let waiting = change.query_row(
            "SELECT count(*) FROM jobs WHERE state = 'queued'",
            [],
            |r| count(r, 0),
        )?;
        if waiting >= most {
            return Ok(false);
        }
        change.execute(
            "INSERT INTO jobs (id, name, owner, state, created) VALUES (?1, ?2, ?3, 'queued', ?4)",
            params![id, name, owner, now()],
        )?;
        change.commit()?;
        Ok(true)
    }

    /// Takes the job that has waited longest; one during which the process ended waits behind those that are above suspicion.
    pub fn claim(&self) -> Result<Option<Claim>> {
        self.lock()
            .query_row(
                "UPDATE jobs SET state = 'running', attempt = attempt + 1, started = ?1
                 WHERE seq = (SELECT seq FROM jobs WHERE state = 'queued' ORDER BY crashes, seq LIMIT 1)
                 RETURNING id, attempt, crashes",
                [now()],
                claim,
            )
            .optional()
    }

    /// Ends a job that this claim still holds: `publish` puts the results in place within the transaction. False if the job was
    /// cancelled, requeued or removed meanwhile; then nothing is published.
    pub fn complete<E: From<rusqlite::Error>>(
        &self,
        claim: &Claim,
        series: &[Series],
        publish: impl FnOnce() -> std::result::Result<(), E>,
    ) -> std::result::Result<bool, E> {
        let json = serde_json::to_string(series).unwrap_or_else(|_| "[]".into());
        let mut db = self.lock();
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ours = change.execute(
            "UPDATE jobs SET state = 'done', finished = ?1, series = ?2, completed = completed + 1
             WHERE id = ?3 AND state = 'running' AND attempt = ?4",
            params![now(), json, claim.id, claim.attempt],
        )?;
        if ours == 0 {
            return Ok(false);
        }
        publish()?;
        change.commit()?;
        Ok(true)
    }

    /// Ends a job that this claim still holds, without results.
    pub fn fail(&self, claim: &Claim, problem: &Problem) -> Result<bool> {
        let ended = self.lock().execute(
            "UPDATE jobs SET state = 'failed', finished = ?1, message = ?2, hint = ?3
             WHERE id = ?4 AND state = 'running' AND attempt = ?5",
            params![
                now(),
                problem.message,
                problem.hint,
                claim.id,
                claim.attempt
            ],
        )?;
        Ok(ended > 0)
    }

    /// Puts a job that this claim still holds back where it was in the queue.
    pub fn requeue(&self, claim: &Claim) -> Result<bool> {
        let ended = self.lock().execute(
            "UPDATE jobs SET state = 'queued', started = NULL
             WHERE id = ?1 AND state = 'running' AND attempt = ?2",
            params![claim.id, claim.attempt],
        )?;
        Ok(ended > 0)
    }

    /// Jobs that were running when the last process ended.
    pub fn interrupted(&self) -> Result<Vec<Claim>> {
        let db = self.lock();
        let mut found = db.prepare(
            "SELECT id, attempt, crashes FROM jobs WHERE state = 'running' ORDER BY seq",
        )?;
        found.query_map([], claim)?.collect()
    }

    /// Puts a job back into the queue during which the process ended.
    pub fn requeue_interrupted(&self, claim: &Claim) -> Result<()> {
        self.lock().execute(
            "UPDATE jobs SET state = 'queued', started = NULL, crashes = crashes + 1
             WHERE id = ?1 AND state = 'running'",
            [&claim.id],
        )?;
        Ok(())
    }

    /// Cancels a job that has not ended; false if it has, or is not there.
    pub fn cancel(&self, id: &str) -> Result<bool> {
        let ended = self.lock().execute(
            "UPDATE jobs SET state = 'cancelled', finished = ?1
             WHERE id = ?2 AND state IN ('queued', 'running')",
            params![now(), id],
        )?;
        Ok(ended > 0)
    }

    /// Forgets a job; its name is overwritten in the file.
    pub fn remove(&self, id: &str) -> Result<bool> {
        let db = self.lock();
        let gone = db.execute("DELETE FROM jobs WHERE id = ?1", [id])?;
        wipe_log(&db)?;
        Ok(gone > 0)
    }

    /// A job and who owns it.
    pub fn get(&self, id: &str) -> Result<Option<(Job, String)>> {
        self.lock()
            .query_row(
                &format!("SELECT {COLUMNS}, owner FROM jobs WHERE id = ?1"),
                [id],
                |r| Ok((job(r)?, r.get(9)?)),
            )
            .optional()
    }

    /// Jobs, newest first.
    pub fn list(&self) -> Result<Vec<Job>> {
        let db = self.lock();
        let mut found = db.prepare(&format!(
            "SELECT {COLUMNS} FROM jobs ORDER BY seq DESC LIMIT {MAX_LISTED}"
        ))?;
        found.query_map([], job)?.collect()
    }

    /// Identifiers of all jobs.
    pub fn ids(&self) -> Result<Vec<String>> {
        let db = self.lock();
        let mut found = db.prepare("SELECT id FROM jobs")?;
        found.query_map([], |r| r.get(0))?.collect()
    }

    /// Jobs that ended before a moment (RFC 3339).
    pub fn ended_before(&self, moment: &str) -> Result<Vec<String>> {
        let db = self.lock();
        let mut found =
            db.prepare("SELECT id FROM jobs WHERE finished IS NOT NULL AND finished < ?1")?;
        found.query_map([moment], |r| r.get(0))?.collect()
    }

    /// How many jobs are in each state, in the order of [`State::ALL`].
    pub fn counts(&self) -> Result<[usize; 5]> {
        let db = self.lock();
        let mut found = db.prepare("SELECT state, count(*) FROM jobs GROUP BY state")?;
        let mut counts = [0; 5];
        let rows = found.query_map([], |r| Ok((r.get::<_, String>(0)?, count(r, 1)?)))?;
        for row in rows {
            let (name, n) = row?;
            if let Some(i) = State::ALL.iter().position(|s| s.name() == name) {
                counts[i] = n;
            }
        }
        Ok(counts)
    }

    /// Begins a resumable upload unless `most` are open; false if they are.
    pub fn begin_upload(&self, upload: &Upload, most: usize) -> Result<bool> {
        let mut db = self.lock();
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let open = change.query_row("SELECT count(*) FROM uploads", [], |r| count(r, 0))?;
        if open >= most {
            return Ok(false);
        }
        change.execute(
            "INSERT INTO uploads (id, name, owner, bytes, created) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                upload.id,
                upload.name,
                upload.owner,
                // Bounded by the limit on files, far below the range.
                i64::try_from(upload.bytes).unwrap_or(i64::MAX),
                now()
            ],
        )?;
        change.commit()?;
        Ok(true)
    }

    /// A resumable upload.
    pub fn upload(&self, id: &str) -> Result<Option<Upload>> {
        self.lock()
            .query_row(
                "SELECT id, name, owner, bytes FROM uploads WHERE id = ?1",
                [id],
                |r| {
                    Ok(Upload {
                        id: r.get(0)?,
                        name: r.get(1)?,
                        owner: r.get(2)?,
                        bytes: r.get::<_, i64>(3)?.unsigned_abs(),
                    })
                },
            )
            .optional()
    }

    /// Forgets an upload.
    pub fn remove_upload(&self, id: &str) -> Result<()> {
        let db = self.lock();
        db.execute("DELETE FROM uploads WHERE id = ?1", [id])?;
        wipe_log(&db)
    }

    /// Uploads begun before a moment (RFC 3339).
    pub fn uploads_before(&self, moment: &str) -> Result<Vec<String>> {
        let db = self.lock();
        let mut found = db.prepare("SELECT id FROM uploads WHERE created < ?1")?;
        found.query_map([moment], |r| r.get(0))?.collect()
    }
}

/// A value that this program did not write.
fn odd(found: String) -> rusqlite::Error {
    let found = std::io::Error::other(found);
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(found))
}

/// What `count(*)` gives.
fn count(row: &Row<'_>, column: usize) -> Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// Empties the write-ahead log, which still holds what was deleted.
fn wipe_log(db: &Connection) -> Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn claim(row: &Row<'_>) -> Result<Claim> {
    Ok(Claim {
        id: row.get(0)?,
        attempt: row.get(1)?,
        crashes: row.get(2)?,
    })
}

fn job(row: &Row<'_>) -> Result<Job> {
    let state: String = row.get(2)?;
    let state = State::from_name(&state)
        .ok_or_else(|| odd(format!("expected a state, found {state:?}")))?;
    let message: Option<String> = row.get(6)?;
    let hint: Option<String> = row.get(7)?;
    let series: String = row.get(8)?;
    let (progress, stage) = match state {
        State::Queued => (0.0, "waiting for a worker"),
        State::Running => (0.0, "starting"),
        State::Done => (1.0, "done"),
        State::Failed => (1.0, "failed"),
        State::Cancelled => (1.0, "cancelled"),
    };
    Ok(Job {
        id: row.get(0)?,
        name: row.get(1)?,
        state,
        progress,
        stage: stage.into(),
        created: row.get(3)?,
        started: row.get(4)?,
        finished: row.get(5)?,
        error: message.map(|message| Problem { message, hint }),
        series: serde_json::from_str(&series).unwrap_or_default(),
    })
}
