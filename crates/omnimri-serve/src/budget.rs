//! Memory handed out to readers, so that all of them together stay within a bound.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that may be in use.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Mutex<u64>,
    freed: Condvar,
    total: u64,
}

/// Bytes taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub fn new(total: u64) -> Self {
        Self {
            left: Mutex::new(total),
            freed: Condvar::new(),
            total,
        }
    }

    /// Waits until that much is free; what is more than the whole runs alone.
    pub fn take(&self, bytes: u64) -> Held<'_> {
        let bytes = bytes.min(self.total);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self
            .freed
            .wait_while(left, |left| *left < bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        Held {
            budget: self,
            bytes,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self
            .budget
            .left
            .lock()
            .unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let budget = Budget::new(10);
        let a = budget.take(4);
        let b = budget.take(6);
        assert_eq!(*budget.left.lock().unwrap(), 0);
        drop((a, b));
        // More than there is takes all of it.
        let all = budget.take(100);
        assert_eq!(*budget.left.lock().unwrap(), 0);
        drop(all);
        assert_eq!(*budget.left.lock().unwrap(), 10);
    }
}
