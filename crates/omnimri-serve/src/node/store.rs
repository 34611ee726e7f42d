//! The index: objects, studies, readings and what is to be sent, in SQLite.
//!
//! Write-ahead log, `synchronous = FULL`: what a transaction recorded is on the disk when it returns. An object is recorded before it is
//! acknowledged; a reading, its objects and what is to be sent are recorded in one transaction.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{NodeError, Result};
use super::instance::Instance;
use super::select::SeriesTraits;

/// Version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE study (
    study_uid TEXT PRIMARY KEY,
    patient TEXT NOT NULL,
    last_ms INTEGER NOT NULL,      -- arrival of the newest image
    due INTEGER NOT NULL,          -- 1: images that no reading has
    attempts INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;
CREATE INDEX study_due ON study (due, last_ms);
CREATE TABLE instance (
    sop_uid TEXT PRIMARY KEY,
    class_uid TEXT NOT NULL,
    study_uid TEXT NOT NULL REFERENCES study,
    series_uid TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    path TEXT NOT NULL,            -- below the node's folder
    bytes INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    made_by INTEGER REFERENCES reading, -- NULL: received
    image INTEGER NOT NULL,        -- 1: of a class that is read
    traits TEXT NOT NULL,          -- what selection asks, JSON
    attributes TEXT NOT NULL       -- what QIDO-RS asks, DICOM JSON
) STRICT;
CREATE INDEX instance_series ON instance (study_uid, series_uid);
CREATE TABLE reading (
    id INTEGER PRIMARY KEY,
    study_uid TEXT NOT NULL REFERENCES study,
    key TEXT NOT NULL UNIQUE,      -- hash of the sorted SOP instance UIDs and the model's hash
    version INTEGER NOT NULL,
    predecessor TEXT,              -- key of the version before
    model TEXT NOT NULL,
    n_images INTEGER NOT NULL,
    folder TEXT,                   -- NULL: no series was selected
    error TEXT,                    -- the study cannot be read
    last_image_ms INTEGER NOT NULL,
    done_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX reading_study ON reading (study_uid, version);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    sop_uid TEXT NOT NULL REFERENCES instance,
    peer TEXT NOT NULL,
    state TEXT NOT NULL,           -- waiting, sent, refused
    attempts INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    sent_ms INTEGER,
    commitment TEXT,               -- NULL: not asked; wanted, asked, committed, failed
    transaction_uid TEXT,
    denials INTEGER NOT NULL DEFAULT 0, -- times that the peer did not commit to it
    UNIQUE (sop_uid, peer)
) STRICT;
CREATE INDEX outbox_next ON outbox (peer, state, next_ms);
";

/// The index of a node.
#[derive(Debug)]
pub(super) struct Store {
    db: Mutex<Connection>,
}

/// An object that is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub sop_uid: String,
    pub class_uid: String,
    pub study_uid: String,
    pub series_uid: String,
    pub transfer_syntax: String,
    /// Below the node's folder.
    pub path: String,
    pub bytes: u64,
    pub traits: SeriesTraits,
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// Columns of [`Stored`], in its order.
const STORED: &str =
    "sop_uid, class_uid, study_uid, series_uid, transfer_syntax, path, bytes, traits, attributes";

impl Stored {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes: i64 = row.get(6)?;
        let (traits, attributes): (String, String) = (row.get(7)?, row.get(8)?);
        Ok(Self {
            sop_uid: row.get(0)?,
            class_uid: row.get(1)?,
            study_uid: row.get(2)?,
            series_uid: row.get(3)?,
            transfer_syntax: row.get(4)?,
            path: row.get(5)?,
            bytes: bytes.unsigned_abs(),
            traits: serde_json::from_str(&traits).unwrap_or_default(),
            attributes: serde_json::from_str(&attributes).unwrap_or_default(),
        })
    }
}

/// A study whose images wait to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub study_uid: String,
    pub last_ms: i64,
    pub attempts: u32,
}

/// A finished reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub study_uid: String,
    pub key: String,
    pub version: i64,
    pub predecessor: Option<String>,
    pub model: String,
    pub n_images: usize,
    pub folder: Option<String>,
    pub error: Option<String>,
    /// Arrival of the newest image that it saw.
    pub last_image_ms: i64,
    pub done_ms: i64,
}

/// An object that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub id: i64,
    pub attempts: u32,
    pub sop_uid: String,
    pub class_uid: String,
    pub path: String,
}

/// A new object of a file.
#[derive(Debug, Clone)]
pub(super) struct NewObject<'a> {
    pub instance: &'a Instance,
    pub path: String,
    pub bytes: u64,
    pub image: bool,
}

impl Store {
    /// Opens the index in a file, or makes it.
    ///
    /// # Errors
    /// If it cannot be opened or was made by another version.
    pub fn open(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        let version: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
        match version {
            0 => {
                let sql = format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
                db.execute_batch(&sql)?;
            }
            VERSION => {}
            other => {
                return Err(NodeError::BadConfig {
                    key: "--data",
                    expected: "the folder of a node of this version of omnimri",
                    found: format!("tables of version {other}"),
                });
            }
        }
        Ok(Self { db: Mutex::new(db) })
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic ended was rolled back.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object with this UID.
    pub fn find(&self, sop_uid: &str) -> Result<Option<Stored>> {
        let sql = format!("SELECT {STORED} FROM instance WHERE sop_uid = ?1");
        let db = self.db();
        let mut statement = db.prepare(&sql)?;
        Ok(statement.query_row([sop_uid], Stored::of).optional()?)
    }

    /// Patient of a study that has objects.
    pub fn patient_of(&self, study_uid: &str) -> Result<Option<String>> {
        let db = self.db();
        let sql = "SELECT patient FROM study WHERE study_uid = ?1";
        let mut statement = db.prepare(sql)?;
        Ok(statement.query_row([study_uid], |r| r.get(0)).optional()?)
    }

    /// Records a received object; an image makes its study due.
    pub fn add(&self, new: &NewObject<'_>, now_ms: i64) -> Result<()> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        let i = new.instance;
        transaction
            .prepare(
                "INSERT INTO study (study_uid, patient, last_ms, due) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (study_uid) DO UPDATE SET
                     last_ms = CASE WHEN ?4 THEN MAX(last_ms, ?3) ELSE last_ms END,
                     attempts = CASE WHEN ?4 THEN 0 ELSE attempts END,
                     next_ms = CASE WHEN ?4 THEN 0 ELSE next_ms END,
                     due = MAX(due, ?4)",
            )?
            .execute(params![i.study_uid, i.patient, now_ms, new.image])?;
        insert(&transaction, new, now_ms, None)?;
        Ok(transaction.commit()?)
    }

    /// Studies with unread images, none newer than `before_ms`; those that failed only from their next attempt on.
    pub fn due(&self, before_ms: i64, now_ms: i64) -> Result<Vec<Due>> {
        let db = self.db();
        let mut statement = db.prepare(
            "SELECT study_uid, last_ms, attempts FROM study
             WHERE due = 1 AND last_ms <= ?1 AND next_ms <= ?2 ORDER BY last_ms LIMIT 64",
        )?;
        let rows = statement.query_map([before_ms, now_ms], |r| {
            Ok(Due {
                study_uid: r.get(0)?,
                last_ms: r.get(1)?,
                attempts: r.get(2)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Images of a study that were received, sorted by UID.
    pub fn images_of(&self, study_uid: &str) -> Result<Vec<Stored>> {
        let filter = "study_uid = ?1 AND image = 1 AND made_by IS NULL ORDER BY sop_uid";
        self.select(filter, &[&study_uid])
    }

    /// Objects for which the SQL condition `filter` holds.
    pub fn select(&self, filter: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Stored>> {
        let sql = format!("SELECT {STORED} FROM instance WHERE {filter}");
        let db = self.db();
        let mut statement = db.prepare(&sql)?;
        let rows = statement.query_map(values, Stored::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Is there a reading with this key?
    pub fn is_read(&self, key: &str) -> Result<bool> {
        let db = self.db();
        let mut statement = db.prepare("SELECT 1 FROM reading WHERE key = ?1")?;
        Ok(statement.exists([key])?)
    }

    /// Version and key of the newest reading of a study.
    pub fn newest_reading(&self, study_uid: &str) -> Result<Option<(i64, String)>> {
        let db = self.db();
        let sql =
            "SELECT version, key FROM reading WHERE study_uid = ?1 ORDER BY version DESC LIMIT 1";
        let mut statement = db.prepare(sql)?;
        let row = statement.query_row([study_uid], |r| Ok((r.get(0)?, r.get(1)?)));
        Ok(row.optional()?)
    }

    /// Objects that the reading with this key made.
    pub fn made_by(&self, key: &str) -> Result<Vec<Stored>> {
        let filter = "made_by = (SELECT id FROM reading WHERE key = ?1) ORDER BY path";
        self.select(filter, &[&key])
    }

    /// Folders of all readings, below the node's folder.
    pub fn folders(&self) -> Result<Vec<String>> {
        let db = self.db();
        let sql = "SELECT folder FROM reading WHERE folder IS NOT NULL";
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([], |r| r.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The study has no image that was not read.
    pub fn settle(&self, study_uid: &str, last_image_ms: i64) -> Result<()> {
        let sql = "UPDATE study SET due = (last_ms > ?2), error = NULL WHERE study_uid = ?1";
        self.db().execute(sql, params![study_uid, last_image_ms])?;
        Ok(())
    }

    /// Records a reading, the objects that it made and to whom (title, whether to ask for commitment) they are sent.
    pub fn finish(
        &self,
        reading: &Reading,
        made: &[NewObject<'_>],
        peers: &[(String, bool)],
    ) -> Result<()> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        transaction.execute(
            "INSERT INTO reading (study_uid, key, version, predecessor, model, n_images, folder, error, last_image_ms, done_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                reading.study_uid,
                reading.key,
                reading.version,
                reading.predecessor,
                reading.model,
                reading.n_images as i64,
                reading.folder,
                reading.error,
                reading.last_image_ms,
                reading.done_ms,
            ],
        )?;
        let id = transaction.last_insert_rowid();
        for new in made {
            insert(&transaction, new, reading.done_ms, Some(id))?;
            for (peer, commitment) in peers {
                transaction.execute(
                    "INSERT INTO outbox (sop_uid, peer, state, commitment) VALUES (?1, ?2, 'waiting', ?3)",
                    params![new.instance.sop_uid, peer, commitment.then_some("wanted")],
                )?;
            }
        }
        transaction.execute(
            "UPDATE study SET due = (last_ms > ?2), attempts = 0, error = ?3 WHERE study_uid = ?1",
            params![reading.study_uid, reading.last_image_ms, reading.error],
        )?;
        Ok(transaction.commit()?)
    }

    /// Records that a study could not be read this time.
    pub fn postpone(&self, study_uid: &str, next_ms: i64, error: &str) -> Result<()> {
        self.db().execute(
            "UPDATE study SET attempts = attempts + 1, next_ms = ?2, error = ?3 WHERE study_uid = ?1",
            params![study_uid, next_ms, error],
        )?;
        Ok(())
    }

    /// What may be sent to a peer now, oldest first.
    pub fn waiting(&self, peer: &str, now_ms: i64) -> Result<Vec<Waiting>> {
        let db = self.db();
        let mut statement = db.prepare(
            "SELECT o.id, o.attempts, i.sop_uid, i.class_uid, i.path FROM outbox o JOIN instance i USING (sop_uid)
             WHERE o.peer = ?1 AND o.state = 'waiting' AND o.next_ms <= ?2 ORDER BY o.id LIMIT 64",
        )?;
        let rows = statement.query_map(params![peer, now_ms], waiting_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What was sent to a peer and is to be committed to.
    pub fn uncommitted(&self, peer: &str, now_ms: i64) -> Result<Vec<Waiting>> {
        let db = self.db();
        let mut statement = db.prepare(
            "SELECT o.id, o.attempts, i.sop_uid, i.class_uid, i.path FROM outbox o JOIN instance i USING (sop_uid)
             WHERE o.peer = ?1 AND o.state = 'sent' AND o.commitment IN ('wanted', 'asked') AND o.next_ms <= ?2
             ORDER BY o.id LIMIT 256",
        )?;
        let rows = statement.query_map(params![peer, now_ms], waiting_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Records that a peer has an object.
    pub fn sent(&self, id: i64, now_ms: i64) -> Result<()> {
        self.db().execute(
            "UPDATE outbox SET state = 'sent', sent_ms = ?2, error = NULL, attempts = 0, next_ms = 0 WHERE id = ?1",
            params![id, now_ms],
        )?;
        Ok(())
    }

    /// Records that an object could not be sent; `refused` for good, or until `next_ms`.
    pub fn unsent(&self, id: i64, next_ms: i64, refused: bool, error: &str) -> Result<()> {
        let state = if refused { "refused" } else { "waiting" };
        self.db().execute(
            "UPDATE outbox SET state = ?4, attempts = attempts + 1, next_ms = ?2, error = ?3 WHERE id = ?1",
            params![id, next_ms, error, state],
        )?;
        Ok(())
    }

    /// Records that commitment was asked for under a transaction, and when to ask again.
    pub fn asked(&self, ids: &[i64], transaction_uid: &str, next_ms: i64) -> Result<()> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        for id in ids {
            transaction.execute(
                "UPDATE outbox SET commitment = 'asked', transaction_uid = ?2, next_ms = ?3, attempts = attempts + 1
                 WHERE id = ?1",
                params![id, transaction_uid, next_ms],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Records when to ask for commitment again, or that the peer does not offer it.
    pub fn unasked(&self, ids: &[i64], next_ms: Option<i64>, error: &str) -> Result<()> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        for id in ids {
            transaction.execute(
                "UPDATE outbox SET commitment = CASE WHEN ?2 IS NULL THEN NULL ELSE commitment END,
                 next_ms = COALESCE(?2, 0), attempts = attempts + 1, error = ?3 WHERE id = ?1",
                params![id, next_ms, error],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Records what a peer answered under a transaction: committed to, or not, in which case the object is sent again.
    /// Says how many rows that were asked for it concerned.
    pub fn committed(
        &self,
        transaction_uid: &str,
        peer: &str,
        sop_uid: &str,
        success: bool,
        next_ms: i64,
    ) -> Result<usize> {
        let sql = if success {
            "UPDATE outbox SET commitment = 'committed', error = NULL, next_ms = 0
             WHERE transaction_uid = ?1 AND peer = ?2 AND sop_uid = ?3 AND commitment = 'asked'"
        } else {
            // Sent again a few times; then a person must look.
            "UPDATE outbox SET
                 commitment = CASE WHEN denials < 4 THEN 'wanted' ELSE 'failed' END,
                 state = CASE WHEN denials < 4 THEN 'waiting' ELSE state END,
                 denials = denials + 1,
                 error = 'the peer did not commit to it', next_ms = ?4
             WHERE transaction_uid = ?1 AND peer = ?2 AND sop_uid = ?3 AND commitment = 'asked'"
        };
        let db = self.db();
        let changed = if success {
            db.execute(sql, params![transaction_uid, peer, sop_uid])?
        } else {
            db.execute(sql, params![transaction_uid, peer, sop_uid, next_ms])?
        };
        Ok(changed)
    }

    /// Numbers for people: objects, studies due, readings, failed ones, waiting, sent and refused objects.
    pub fn counts(&self) -> Result<[i64; 7]> {
        let db = self.db();
        let one = |sql: &str| -> rusqlite::Result<i64> { db.query_row(sql, [], |r| r.get(0)) };
        Ok([
            one("SELECT COUNT(*) FROM instance")?,
            one("SELECT COUNT(*) FROM study WHERE due = 1")?,
            one("SELECT COUNT(*) FROM reading")?,
            one("SELECT COUNT(*) FROM reading WHERE error IS NOT NULL")?,
            one("SELECT COUNT(*) FROM outbox WHERE state = 'waiting'")?,
            one("SELECT COUNT(*) FROM outbox WHERE state = 'sent'")?,
            one("SELECT COUNT(*) FROM outbox WHERE state = 'refused'")?,
        ])
    }
}

fn waiting_row(r: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        id: r.get(0)?,
        attempts: r.get(1)?,
        sop_uid: r.get(2)?,
        class_uid: r.get(3)?,
        path: r.get(4)?,
    })
}

fn insert(db: &Connection, new: &NewObject<'_>, now_ms: i64, made_by: Option<i64>) -> Result<()> {
    let i = new.instance;
    let json = |e: serde_json::Error| NodeError::protocol(e.to_string());
    db.prepare(
        "INSERT INTO instance (sop_uid, class_uid, study_uid, series_uid, transfer_syntax, path, bytes, received_ms, made_by,
             image, traits, attributes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        i.sop_uid,
        i.class_uid,
        i.study_uid,
        i.series_uid,
        i.transfer_syntax,
        new.path,
        new.bytes as i64,
        now_ms,
        made_by,
        new.image,
        serde_json::to_string(&i.traits).map_err(json)?,
        serde_json::to_string(&i.attributes).map_err(json)?,
    ])?;
    Ok(())
}
