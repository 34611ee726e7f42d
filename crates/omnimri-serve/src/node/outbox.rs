//! What waits to be sent, until a peer has it: it survives the end of the program, and the peer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use omnimri_report::dicom::Uids;

use super::config::{NodeConfig, Peer};
use super::error::{NodeError, Result};
use super::receive::{Intake, next_attempt, now_ms};
use super::scu::{Answer, Caller};
use super::store::Waiting;

/// Refusals after which an object is no longer offered to a peer.
const MOST_REFUSALS: u32 = 5;
/// Seconds until commitment is asked for again when no report came.
const REPORT_S: f64 = 600.0;

/// Sends to one peer.
pub(super) struct Sender {
    pub config: Arc<NodeConfig>,
    pub peer: Peer,
    pub intake: Arc<Intake>,
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub stop: Arc<AtomicBool>,
}

impl Sender {
    /// Sends until told to stop.
    pub fn run(&self) {
        let mut silent = 0;
        while !self.stop.load(Ordering::Relaxed) {
            match self.round() {
                Ok(true) => silent = 0,
                Ok(false) => std::thread::sleep(Duration::from_millis(200)),
                Err(error) => {
                    silent += 1;
                    // Once an outage in the log, not once an attempt.
                    if silent == 1 {
                        tracing::warn!("cannot send: {error}");
                    }
                    // The index may be out of room, so that nothing could be put off.
                    std::thread::sleep(Duration::from_secs_f64(self.config.retry_s.min(5.0)));
                }
            }
        }
    }

    /// One association for what waits, one for commitment; true if there was anything to do.
    fn round(&self) -> Result<bool> {
        let store = &self.intake.store;
        let caller = Caller {
            config: &self.config,
            peer: &self.peer,
            tls: self.tls.clone(),
        };
        let items = store.waiting(&self.peer.aet, now_ms())?;
        let mut settled = 0;
        if !items.is_empty() {
            let root = &self.intake.folders.root;
            let sent = caller.send(root, &items, &mut |item, answer| {
                settled += 1;
                self.settle(item, answer)
            });
            if let Err(error) = sent {
                self.unreached(&items[settled..], &error)?;
                return Err(error);
            }
        }
        let uncommitted = store.uncommitted(&self.peer.aet, now_ms())?;
        if !uncommitted.is_empty() {
            self.ask(&caller, &uncommitted)?;
        }
        Ok(!items.is_empty() || !uncommitted.is_empty())
    }

    fn settle(&self, item: &Waiting, answer: Answer) -> Result<()> {
        let store = &self.intake.store;
        let (why, refused) = match answer {
            Answer::Stored => return store.sent(item.id, now_ms()),
            Answer::Later(why) => (why, false),
            Answer::Refused(why) => (why, item.attempts + 1 >= MOST_REFUSALS),
        };
        tracing::warn!("{}: {} not stored: {why}", self.peer.aet, item.sop_uid);
        store.unsent(item.id, self.next(item.attempts), refused, &why)
    }

    fn unreached(&self, items: &[Waiting], error: &NodeError) -> Result<()> {
        for item in items {
            let next = self.next(item.attempts);
            let text = error.to_string();
            self.intake.store.unsent(item.id, next, false, &text)?;
        }
        Ok(())
    }

    fn next(&self, attempts: u32) -> i64 {
        let (first, most) = (self.config.retry_s, self.config.retry_most_s);
        next_attempt(now_ms(), attempts, first, most)
    }

    fn ask(&self, caller: &Caller<'_>, items: &[Waiting]) -> Result<()> {
        let store = &self.intake.store;
        let ids: Vec<i64> = items.iter().map(|i| i.id).collect();
        let transaction = Uids::random(self.config.uid_root.as_deref())
            .and_then(|mut uids| uids.uid())
            .map_err(omnimri_workflow::Error::from)?;
        // Recorded before it is asked: the report may come before the answer.
        let again = now_ms().saturating_add((REPORT_S * 1000.0) as i64);
        store.asked(&ids, &transaction, again)?;
        match caller.ask(&transaction, items) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let why = "the peer does not offer storage commitment";
                tracing::warn!("{}: {why}", self.peer.aet);
                store.unasked(&ids, None, why)
            }
            Err(error) => {
                let attempts = items.iter().map(|i| i.attempts).max().unwrap_or(0);
                store.unasked(&ids, Some(self.next(attempts)), &error.to_string())?;
                Err(error)
            }
        }
    }
}
