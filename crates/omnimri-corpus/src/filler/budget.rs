//! What a filler may spend, and what it has spent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Upper bounds of what a model may be asked; what lies in the cache costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Most requests over the wire, tries after a failure among them.
    pub max_requests: u64,
    /// Most tokens of prompts and answers together, as the server counts them; where it does not, as estimated before asking.
    pub max_tokens: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            max_requests: 1000,
            max_tokens: 1_000_000,
        }
    }
}

/// What a filler did, for the card.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Requests over the wire, tries after a failure among them.
    pub requests: u64,
    /// Of these: tries after a failure.
    pub retries: u64,
    /// Tokens, see [`Budget::max_tokens`].
    pub tokens: u64,
    /// Levels answered from the cache.
    pub cached: u64,
    /// Levels on which the model wrote at least one sentence.
    pub written: u64,
    /// Levels on which the model said that it cannot tell, or refused.
    pub declined: u64,
    /// Levels told by measured statements because the model could not be asked or gave nothing usable.
    pub fallen_back: u64,
}

/// Counts under a lock, so that workers side by side never pass the budget together.
#[derive(Debug, Default)]
pub(super) struct Purse {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    /// Tokens of requests under way, as estimated.
    reserved: u64,
}

/// One request that may be sent.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    purse: &'a Purse,
    estimate: u64,
    settled: bool,
}

impl Purse {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts stay true whatever a worker died of.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub fn note(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    /// Takes one request of about `estimate` tokens; the error names what is spent.
    pub fn take(
        &self,
        budget: &Budget,
        estimate: u64,
        retry: bool,
    ) -> Result<Ticket<'_>, &'static str> {
        let mut state = self.lock();
        if state.counts.requests >= budget.max_requests {
            return Err("max_requests");
        }
        let after = state
            .counts
            .tokens
            .saturating_add(state.reserved)
            .saturating_add(estimate);
        if after > budget.max_tokens {
            return Err("max_tokens");
        }
        state.counts.requests += 1;
        state.counts.retries += u64::from(retry);
        state.reserved += estimate;
        Ok(Ticket {
            purse: self,
            estimate,
            settled: false,
        })
    }
}

impl Ticket<'_> {
    /// The answer came: `tokens` as the server counted them, else the estimate.
    pub fn settle(mut self, tokens: Option<u64>) {
        self.settled = true;
        let mut state = self.purse.lock();
        state.reserved = state.reserved.saturating_sub(self.estimate);
        let tokens = tokens.unwrap_or(self.estimate);
        state.counts.tokens = state.counts.tokens.saturating_add(tokens);
    }
}

impl Drop for Ticket<'_> {
    /// A request without an answer is taken to have cost nothing but itself.
    fn drop(&mut self) {
        if !self.settled {
            let mut state = self.purse.lock();
            state.reserved = state.reserved.saturating_sub(self.estimate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_under_way_count_against_the_tokens() {
        let budget = Budget {
            max_requests: 3,
            max_tokens: 100,
        };
        let purse = Purse::default();
        let first = purse.take(&budget, 60, false).unwrap();
        assert_eq!(purse.take(&budget, 60, false).unwrap_err(), "max_tokens");
        first.settle(Some(30));
        drop(purse.take(&budget, 60, true).unwrap());
        purse.take(&budget, 60, false).unwrap().settle(None);
        assert_eq!(purse.take(&budget, 1, false).unwrap_err(), "max_requests");
        let counts = purse.counts();
        assert_eq!((counts.requests, counts.retries, counts.tokens), (3, 1, 90));
    }
}
