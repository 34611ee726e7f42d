//! Why a server does not start or stops.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the server as a whole; those of a request are answered to the one who asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that other machines can reach, without what keeps them out.
    #[error(
        "{address}: expected a loopback address such as 127.0.0.1, or both --tokens and --tls-cert with --tls-key, found an address \
         that other machines may reach without {missing}; add it, or say --insecure if something else keeps them out"
    )]
    Exposed {
        /// The address asked for.
        address: SocketAddr,
        /// What is missing.
        missing: &'static str,
    },
    /// The address could not be taken.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The listening socket failed.
    #[error("the server stopped: {source}")]
    Serve {
        /// Why.
        source: std::io::Error,
    },
    /// A file or folder of the server cannot be used.
    #[error("{}: cannot be used: {source}", path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("{}: expected this program's database, found: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Another server uses the store.
    #[error("{}: expected a store that no other server uses, found one in use; give another with --data", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The file of tokens is wrong.
    #[error("{}: line {line}: expected ROLE NAME TOKEN with a role of read, write or admin, found {found}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 for the whole.
        line: usize,
        /// What is there.
        found: String,
    },
    /// The certificate or its key cannot be used.
    #[error("{}: expected {expected} in PEM, found: {found}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}
