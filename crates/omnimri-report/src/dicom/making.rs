//! When objects are made and under which identifiers: both can be injected, so that the same input gives the same bytes.

use chrono::{DateTime, FixedOffset, Local};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Longest UID in characters (PS3.5 9.1).
const LONGEST: usize = 64;
/// Decimal digits of the part below a root, at least: 63 bits.
const FEWEST_DIGITS: usize = 19;

/// The moment and the identifiers of new objects.
#[derive(Debug, Clone)]
pub struct Making {
    /// Local time with its distance from UTC.
    pub at: DateTime<FixedOffset>,
    /// Where UIDs come from.
    pub uids: Uids,
}

impl Making {
    /// Now, with random UIDs under `root`.
    ///
    /// # Errors
    /// [`Error::UidRoot`] if `root` is no root of UIDs.
    pub fn now(root: Option<&str>) -> Result<Self> {
        Ok(Self {
            at: Local::now().fixed_offset(),
            uids: Uids::random(root)?,
        })
    }
}

/// A source of UIDs: `2.25.<UUID as an integer>` (PS3.5 B.2), or the same number below a root of one's own.
#[derive(Debug, Clone)]
pub struct Uids {
    root: String,
    /// Seed and count of a reproducible source; `None` for the system's random numbers.
    seeded: Option<(u64, u64)>,
}

impl Uids {
    /// Random UIDs under `root`; `2.25` without one.
    ///
    /// # Errors
    /// [`Error::UidRoot`] if `root` is not digits and single dots, or leaves no room for a number that is unique.
    pub fn random(root: Option<&str>) -> Result<Self> {
        let root = root.unwrap_or("2.25");
        let sound = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        if !root.split('.').all(sound) || root.len() + 1 + FEWEST_DIGITS > LONGEST {
            return Err(Error::UidRoot {
                expected: "digits in parts with dots between, none with a leading zero, at most 44 characters",
                found: root.to_owned(),
            });
        }
        Ok(Self {
            root: root.to_owned(),
            seeded: None,
        })
    }

    /// The same UIDs whenever the seed is the same: for tests.
    pub fn seeded(seed: u64) -> Self {
        Self {
            root: "2.25".to_owned(),
            seeded: Some((seed, 0)),
        }
    }

    /// A new UUID (RFC 9562, version 4).
    ///
    /// # Errors
    /// [`Error::Random`] if the system gives no random numbers.
    pub fn uuid(&mut self) -> Result<u128> {
        let mut bytes = [0; 16];
        match &mut self.seeded {
            Some((seed, count)) => {
                *count += 1;
                let hash = Sha256::digest([seed.to_le_bytes(), count.to_le_bytes()].concat());
                bytes.copy_from_slice(&hash[..16]);
            }
            None => getrandom::fill(&mut bytes).map_err(|e| Error::Random {
                source: std::io::Error::other(e.to_string()),
            })?,
        }
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(u128::from_be_bytes(bytes))
    }

    /// A new UID.
    ///
    /// # Errors
    /// [`Error::Random`] if the system gives no random numbers.
    pub fn uid(&mut self) -> Result<String> {
        let digits = self.uuid()?.to_string();
        let room = LONGEST - self.root.len() - 1;
        // The last digits: the first ones of a UUID vary less evenly.
        let kept = digits[digits.len().saturating_sub(room)..].trim_start_matches('0');
        let kept = if kept.is_empty() { "0" } else { kept };
        Ok(format!("{}.{kept}", self.root))
    }
}

/// A UUID as text with hyphens.
pub(crate) fn hyphenated(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_new_short_and_repeatable() {
        let (mut a, mut b) = (Uids::seeded(7), Uids::seeded(7));
        let first: Vec<String> = (0..50).map(|_| a.uid().unwrap()).collect();
        let again: Vec<String> = (0..50).map(|_| b.uid().unwrap()).collect();
        assert_eq!(first, again);
        let mut sorted = first.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 50);
        assert!(
            first
                .iter()
                .all(|u| u.starts_with("2.25.") && u.len() <= 64)
        );
        let root = "1.2.826.0.1.3680043.9.1234567.1.2.3.4";
        let mut own = Uids::random(Some(root)).unwrap();
        let uid = own.uid().unwrap();
        assert!(
            uid.len() <= 64 && !uid[root.len()..].starts_with(".0"),
            "{uid}"
        );
        assert_ne!(uid, own.uid().unwrap());
    }

    #[test]
    fn bad_roots_are_refused() {
        for root in [
            "",
            "1.",
            "1..2",
            "1.02",
            "a.b",
            "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22",
        ] {
            assert!(Uids::random(Some(root)).is_err(), "{root}");
        }
    }

    #[test]
    fn a_uuid_says_its_version() {
        let text = hyphenated(Uids::seeded(1).uuid().unwrap());
        assert_eq!((text.len(), &text[14..15]), (36, "4"));
    }
}
