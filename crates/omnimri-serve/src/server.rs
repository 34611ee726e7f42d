//! Start and stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use omnimri_workflow::Engine;
use tokio::net::TcpListener;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::routes::router;

/// Takes an address of this machine; port 0 takes a free one.
///
/// # Errors
/// [`Error::NotLoopback`] for an address that other machines may reach, [`Error::Listen`] if it cannot be taken.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback { address });
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })
}

/// Answers requests until `stop` is done; requests under way are finished first.
///
/// # Errors
/// [`Error::Serve`] if the socket fails.
pub async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    limits: Limits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    axum::serve(listener, router(engine, limits))
        .with_graceful_shutdown(stop)
        .await
        .map_err(|source| Error::Serve { source })
}
