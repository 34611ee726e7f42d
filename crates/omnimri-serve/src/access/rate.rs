//! A bucket of requests a client, refilled steadily.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seconds' worth of requests that a client may make at once.
const BURST_S: f64 = 5.0;
/// Clients remembered; when there are more, those with full buckets are forgotten.
const MAX_CLIENTS: usize = 10_000;

/// How often each client may still ask.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Requests a second; 0 for no limit.
    a_second: f64,
    clients: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rate {
    pub fn new(a_second: u32) -> Self {
        Self {
            a_second: f64::from(a_second),
            clients: Mutex::default(),
        }
    }

    /// Counts a request made now; the seconds to wait if it is one too many.
    pub fn ask(&self, client: &str, now: Instant) -> Result<(), u64> {
        if self.a_second == 0.0 {
            return Ok(());
        }
        let full = self.a_second * BURST_S;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let refill = |b: &Bucket| {
            let since = now.saturating_duration_since(b.at).as_secs_f64();
            (b.left + since * self.a_second).min(full)
        };
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(client) {
            clients.retain(|_, b| refill(b) < full);
            if clients.len() >= MAX_CLIENTS {
                return Err(1);
            }
        }
        let bucket = clients.entry(client.to_owned()).or_insert(Bucket {
            left: full,
            at: now,
        });
        bucket.left = refill(bucket);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(((1.0 - bucket.left) / self.a_second).ceil().max(1.0) as u64);
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_too_many_waits_and_others_do_not() {
        let rate = Rate::new(2);
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(rate.ask("a", start), Ok(()));
        }
        assert_eq!(rate.ask("a", start), Err(1));
        assert_eq!(rate.ask("b", start), Ok(()));
        let later = start + Duration::from_millis(500);
        assert_eq!(rate.ask("a", later), Ok(()));
        assert_eq!(rate.ask("a", later), Err(1));
        // Time that runs backwards refills nothing.
        assert_eq!(rate.ask("a", start), Err(1));
    }

    #[test]
    fn no_limit() {
        let rate = Rate::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| rate.ask("a", now).is_ok()));
    }
}
