//! Why a server does not start or stops.

use std::net::SocketAddr;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the server as a whole; those of a request are answered to the one who asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that other machines can reach.
    #[error(
        "{address}: expected a loopback address such as 127.0.0.1 or [::1], found one that other machines may reach \
         (there is no authentication yet)"
    )]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
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
}
