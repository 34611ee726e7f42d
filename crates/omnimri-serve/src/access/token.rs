//! Tokens with roles, from a file.
//!
//! One a line, `ROLE NAME TOKEN`; empty lines and lines that begin with `#` do not count. `TOKEN` is the token itself (at least 16
//! characters; then only the file's owner may read the file) or `sha256:` with the hexadecimal hash of it.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::reply::Refusal;

/// Largest file of tokens in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Shortest token in characters.
const MIN_TOKEN: usize = 16;

/// What a token allows; each role allows what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// See jobs and results.
    Read,
    /// Send images, ask questions, remove one's own jobs.
    Write,
    /// Remove any job.
    Admin,
}

impl Role {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// Name of the token.
    pub name: String,
    /// What it allows.
    pub role: Role,
}

impl Who {
    /// Everyone, where there are no tokens.
    pub fn local() -> Self {
        Self {
            name: "local".into(),
            role: Role::Admin,
        }
    }

    /// Refuses a role that is too low.
    pub fn needs(&self, role: Role) -> std::result::Result<(), Refusal> {
        if self.role >= role {
            return Ok(());
        }
        Err(Refusal::Forbidden(format!(
            "expected a token with the role {}, found one with {}",
            role.name(),
            self.role.name()
        )))
    }

    /// Refuses to remove what belongs to another, unless the role is that of an administrator.
    pub fn may_remove(&self, owner: &str) -> std::result::Result<(), Refusal> {
        if self.name == owner {
            Ok(())
        } else {
            self.needs(Role::Admin)
        }
    }
}

/// Known tokens, as hashes.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<Vec<([u8; 32], Who)>>);

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    /// [`Error::Tokens`] naming the file, the line and what is wrong with it.
    pub fn from_file(path: &Path) -> Result<Self> {
        let wrong = |line: usize, found: &str| Error::Tokens {
            path: path.to_owned(),
            line,
            found: found.to_owned(),
        };
        let io = |source| Error::Store {
            path: path.to_owned(),
            source,
        };
        let meta = std::fs::metadata(path).map_err(io)?;
        if meta.len() > MAX_FILE {
            return Err(wrong(0, "a file of more than 1 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let mut tokens: Vec<([u8; 32], Who)> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts: Vec<&str> = line.split_whitespace().collect();
            let [role, name, token] = parts[..] else {
                return Err(wrong(i + 1, "a line of other than three parts"));
            };
            let role =
                Role::from_name(role).ok_or_else(|| wrong(i + 1, "a role of another name"))?;
            let hash = match token.strip_prefix("sha256:") {
                Some(hex) => from_hex(hex)
                    .ok_or_else(|| wrong(i + 1, "a hash of other than 64 hexadecimal digits"))?,
                None if token.len() < MIN_TOKEN => {
                    return Err(wrong(i + 1, "a token of fewer than 16 characters"));
                }
                None if readable_by_others(&meta) => {
                    return Err(wrong(
                        i + 1,
                        "a token in a file that others may read (chmod 600, or give its hash as sha256:HEX)",
                    ));
                }
                None => hash(token),
            };
            if tokens.iter().any(|(h, w)| *h == hash || w.name == name) {
                return Err(wrong(i + 1, "a name or token that stands above already"));
            }
            let name = name.to_owned();
            tokens.push((hash, Who { name, role }));
        }
        if tokens.is_empty() {
            return Err(wrong(0, "no token"));
        }
        Ok(Self(Arc::new(tokens)))
    }

    /// Who holds a token.
    pub(crate) fn find(&self, token: &str) -> Option<&Who> {
        let hash = hash(token);
        // The time tells at most how much of a hash agrees, of which no token can be made.
        self.0.iter().find(|(h, _)| *h == hash).map(|(_, who)| who)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; 32];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(out)
}

fn readable_by_others(meta: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        meta.permissions().mode() & 0o077 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mode: u32) -> Result<Tokens> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens");
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Tokens::from_file(&path)
    }

    #[test]
    fn tokens_and_hashes_are_known() {
        let hashed: String = hash("another long token")
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let text = format!("# people\nread ann 0123456789abcdef\n\nadmin bob sha256:{hashed}\n");
        let tokens = read(&text, 0o600).unwrap();
        let ann = tokens.find("0123456789abcdef").unwrap();
        assert_eq!((ann.name.as_str(), ann.role), ("ann", Role::Read));
        assert_eq!(
            tokens.find("another long token").map(|w| w.role),
            Some(Role::Admin)
        );
        assert!(tokens.find("0123456789abcdee").is_none() && tokens.find("").is_none());
    }

    #[test]
    fn roles_include_those_below() {
        let who = |role| Who {
            name: "ann".into(),
            role,
        };
        assert!(who(Role::Write).needs(Role::Read).is_ok());
        assert!(who(Role::Read).needs(Role::Write).is_err());
        assert!(who(Role::Write).may_remove("ann").is_ok());
        assert!(who(Role::Write).may_remove("bob").is_err());
        assert!(who(Role::Admin).may_remove("bob").is_ok());
    }

    #[test]
    fn wrong_files_are_named_with_the_line() {
        for (text, found) in [
            ("", "no token"),
            ("read ann", "three parts"),
            ("root ann 0123456789abcdef", "a role"),
            ("read ann short", "fewer than 16"),
            ("read ann sha256:12", "64 hexadecimal"),
            (
                "read a 0123456789abcdef\nread a 0123456789abcdee",
                "already",
            ),
        ] {
            let error = read(text, 0o600).unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
        #[cfg(unix)]
        {
            let error = read("read ann 0123456789abcdef", 0o644)
                .unwrap_err()
                .to_string();
            assert!(error.contains("others may read"), "{error}");
        }
    }
}
