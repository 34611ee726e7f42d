//! Names, UIDs and days that stand in for others: the same for the same, and not to be turned back without the key.

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The secret that pseudonyms hang on. Keep it and later files of a patient fit the earlier ones; lose it and nobody can
/// tell who was who.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// A key from a secret of any length, at least 16 bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self> {
        if secret.len() < 16 {
            return Err(Error::WeakKey {
                found: secret.len(),
            });
        }
        Ok(Self(Sha256::digest(secret).into()))
    }

    /// A key from the system's random numbers, for one run.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| Error::Io {
            path: "the system's random numbers".into(),
            action: "read",
            source: std::io::Error::other(e.to_string()),
        })?;
        Ok(Self(bytes))
    }

    /// HMAC-SHA-256 (RFC 2104) of a value in a domain.
    fn code(&self, domain: &str, value: &str) -> [u8; 32] {
        let pad = |byte: u8| -> Vec<u8> {
            let mut block = [byte; 64];
            block.iter_mut().zip(self.0).for_each(|(b, k)| *b ^= k);
            block.to_vec()
        };
        let mut inner = Sha256::new();
        inner.update(pad(0x36));
        // No value holds a line break, so domain and value cannot run into each other.
        inner.update(domain.as_bytes());
        inner.update(b"\n");
        inner.update(value.as_bytes());
        let mut outer = Sha256::new();
        outer.update(pad(0x5C));
        outer.update(inner.finalize());
        outer.finalize().into()
    }

    /// Another UID under 2.25 (PS3.5 B.2), whose number is a UUID of version 8 (RFC 9562).
    pub fn uid(&self, uid: &str) -> String {
        let code = self.code("uid", uid);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&code[..16]);
        bytes[6] = bytes[6] & 0x0F | 0x80;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        format!("2.25.{}", u128::from_be_bytes(bytes))
    }

    /// A patient's other name.
    pub fn patient(&self, id: &str) -> String {
        let code = self.code("patient", id);
        code[..6]
            .iter()
            .fold("SUBJECT-".to_owned(), |text, b| format!("{text}{b:02X}"))
    }

    /// Days by which a patient's dates are moved back: 1 to 3650.
    pub fn days(&self, id: &str) -> i64 {
        let code = self.code("days", id);
        let number = u32::from_be_bytes([code[0], code[1], code[2], code[3]]);
        i64::from(number % 3650) + 1
    }
}

/// A DICOM date `YYYYMMDD` moved back by `days`; `None` if it is no date.
pub(super) fn shift_date(date: &str, days: i64) -> Option<String> {
    if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| date[range].parse::<i64>().ok();
    let (y, m, d) = (part(0..4)?, part(4..6)?, part(6..8)?);
    if !(1..=12).contains(&m) || !(1..=31).contains(&d) {
        return None;
    }
    let (y, m, d) = civil(day_number(y, m, d) - days);
    (0..=9999)
        .contains(&y)
        .then(|| format!("{y:04}{m:02}{d:02}"))
}

/// Days since 1970-01-01 of the proleptic Gregorian calendar (Hinnant, chrono-compatible date algorithms).
fn day_number(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let year = y - era * 400;
    let day = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

/// The date of a day number.
fn civil(n: i64) -> (i64, i64, i64) {
    let n = n + 719_468;
    let era = n.div_euclid(146_097);
    let day = n - era * 146_097;
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let rest = day - (365 * year + year / 4 - year / 100);
    let month = (5 * rest + 2) / 153;
    let m = if month < 10 { month + 3 } else { month - 9 };
    let y = year + era * 400 + i64::from(m <= 2);
    (y, m, rest - (153 * month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_steady_and_hang_on_the_key() {
        let (a, b) = (Key([1; 32]), Key([2; 32]));
        assert_eq!(a.uid("1.2.3"), a.uid("1.2.3"));
        assert_ne!(a.uid("1.2.3"), a.uid("1.2.4"));
        assert_ne!(a.uid("1.2.3"), b.uid("1.2.3"));
        let uid = a.uid("1.2.3");
        assert!(uid.starts_with("2.25.") && uid.len() <= 64);
        assert_ne!(a.patient("x"), b.patient("x"));
        assert!((1..=3650).contains(&a.days("x")));
        assert!(Key::from_secret(b"short").is_err());
        assert_ne!(Key::random().unwrap(), Key::random().unwrap());
        assert_eq!(format!("{a:?}"), "Key(..)");
    }

    #[test]
    fn the_code_is_that_of_the_standard() {
        // HMAC-SHA-256 with a key of 32 bytes 0x01 over "uid\nabc", from Python's hmac.
        let code = Key([1; 32]).code("uid", "abc");
        let hex = code
            .iter()
            .fold(String::new(), |t, b| format!("{t}{b:02x}"));
        assert_eq!(
            hex,
            "cd276d58d819e3e171e8aee1d6f2e979c49426022eb2daa9cef0f13c743721d8"
        );
    }

    #[test]
    fn dates_move_over_leap_years() {
        assert_eq!(shift_date("20240301", 1).unwrap(), "20240229");
        assert_eq!(shift_date("20230301", 1).unwrap(), "20230228");
        assert_eq!(shift_date("20000101", 366).unwrap(), "19981231");
        for bad in ["", "2023", "20231301", "20230100", "2023-1-1", "00000101"] {
            assert!(shift_date(bad, 3000).is_none(), "{bad}");
        }
        let mut n = -800_000;
        while n < 800_000 {
            let (y, m, d) = civil(n);
            assert_eq!(day_number(y, m, d), n);
            n += 97;
        }
    }
}
