//! Work on many items at once, with results in order and a bound on what is in memory.
//!
//! Items are admitted in order, each when its estimate fits what is free of the budget (or when nothing else is in
//! flight, so that an item larger than the budget still passes, alone). The earliest item that was not taken is therefore
//! always at work or done, and nothing can wait for ever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many threads, and how much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub threads: usize,
    pub bytes: u64,
}

/// The most that was in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Bytes by the estimates.
    pub bytes: u64,
    /// Items.
    pub items: usize,
}

impl Peak {
    /// The larger of both, each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            items: self.items.max(other.items),
        }
    }
}

/// What is done with each item.
pub(crate) trait Work: Sync {
    /// What becomes of an item.
    type Out: Send;

    /// Bytes that the work on item `k` takes at most.
    fn estimate(&self, k: usize) -> u64;

    /// Works on item `k`, whose estimate was `estimate`.
    fn run(&self, k: usize, estimate: u64) -> Self::Out;

    /// Bytes that a result takes until it is taken.
    fn kept(&self, out: &Self::Out) -> u64;
}

/// Works on items `0..n` and hands the results to `take` in order, on the calling thread. Ends early when `take` fails.
pub(crate) fn ordered<W: Work, E>(
    n: usize,
    limits: Limits,
    work: &W,
    mut take: impl FnMut(usize, W::Out) -> Result<(), E>,
) -> Result<Peak, E> {
    let budget = Budget::new(limits.bytes);
    let next = Mutex::new(0);
    let stop = AtomicBool::new(false);
    let (sender, results) = channel();
    let taken = std::thread::scope(|scope| {
        for _ in 0..limits.threads.clamp(1, n.max(1)) {
            let sender = sender.clone();
            let (budget, next, stop) = (&budget, &next, &stop);
            scope.spawn(move || {
                loop {
                    let (k, bytes, mut permit) = {
                        let mut next = held(next);
                        let k = *next;
                        if k >= n || stop.load(Ordering::Relaxed) {
                            return;
                        }
                        *next += 1;
                        // The lock is kept while waiting: a later item must not be admitted before this one.
                        let bytes = work.estimate(k);
                        (k, bytes, budget.admit(bytes, stop))
                    };
                    let out = work.run(k, bytes);
                    permit.shrink(work.kept(&out));
                    if sender.send((k, out, permit)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut at = 0;
        let mut taken = Ok(());
        while at < n && taken.is_ok() {
            // No sender is left where a worker panicked; the scope passes that on.
            let Ok((k, out, permit)) = results.recv() else {
                break;
            };
            waiting.insert(k, (out, permit));
            while let Some((out, permit)) = waiting.remove(&at) {
                taken = take(at, out);
                drop(permit);
                at += 1;
                if taken.is_err() {
                    break;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        waiting.clear();
        // Results on their way hold permits that others wait for.
        drop(results);
        budget.wake();
        taken
    });
    taken.map(|()| held(&budget.state).peak)
}

/// A lock whatever became of its last holder: the state is counts that are right at every step.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct State {
    now: Peak,
    peak: Peak,
}

#[derive(Debug)]
struct Budget {
    limit: u64,
    state: Mutex<State>,
    freed: Condvar,
}

/// Bytes of the budget; given back when dropped.
#[derive(Debug)]
struct Permit<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    fn admit(&self, bytes: u64, stop: &AtomicBool) -> Permit<'_> {
        let mut state = held(&self.state);
        while state.now.items > 0
            && state.now.bytes.saturating_add(bytes) > self.limit
            && !stop.load(Ordering::Relaxed)
        {
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.now.bytes = state.now.bytes.saturating_add(bytes);
        state.now.items += 1;
        state.peak = state.peak.max(state.now);
        Permit {
            budget: self,
            bytes,
        }
    }

    /// Wakes who waits, after the stop was set.
    fn wake(&self) {
        let _state = held(&self.state);
        self.freed.notify_all();
    }
}

impl Permit<'_> {
    /// Gives back what the result does not need.
    fn shrink(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        held(&self.budget.state).now.bytes -= less;
        self.budget.freed.notify_all();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = held(&self.budget.state);
        state.now.bytes -= self.bytes;
        state.now.items -= 1;
        drop(state);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes are spread so that later items would overtake earlier ones.
    struct Spread;

    impl Work for Spread {
        type Out = usize;
        fn estimate(&self, k: usize) -> u64 {
            [70, 10, 30, 5][k % 4]
        }
        fn run(&self, k: usize, _: u64) -> usize {
            (0..(k % 5) * 1000).fold(k, |a, b| std::hint::black_box(a ^ b ^ b))
        }
        fn kept(&self, _: &usize) -> u64 {
            3
        }
    }

    #[test]
    fn results_come_in_order_and_the_budget_holds() {
        for (threads, bytes) in [(1, 100), (4, 100), (4, 80), (8, 1000)] {
            let mut out = Vec::new();
            let limits = Limits { threads, bytes };
            let peak = ordered(200, limits, &Spread, |k, v| {
                assert_eq!(k, v);
                out.push(v);
                Ok::<_, ()>(())
            })
            .unwrap();
            assert!(out.iter().copied().eq(0..200));
            assert!(peak.bytes <= bytes && peak.bytes >= 70, "{peak:?}");
        }
    }

    #[test]
    fn an_item_above_the_budget_passes_alone() {
        let limits = Limits {
            threads: 4,
            bytes: 20,
        };
        let mut n = 0;
        let peak = ordered(40, limits, &Spread, |_, _| {
            n += 1;
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!((n, peak.bytes), (40, 70));
    }

    #[test]
    fn a_failure_ends_the_work() {
        let limits = Limits {
            threads: 3,
            bytes: 75,
        };
        let mut seen = 0;
        let ended = ordered(10_000, limits, &Spread, |k, _| {
            seen += 1;
            if k == 7 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((ended, seen), (Err("enough"), 8));
    }
}
