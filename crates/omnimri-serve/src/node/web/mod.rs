//! DICOMweb (PS3.18): STOW-RS, QIDO-RS and WADO-RS for what the node stores.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /dicom-web/studies`, `/studies/{study}` | STOW-RS: `multipart/related` of `application/dicom` |
//! | `GET /dicom-web/studies`, `/series`, `/instances`, and below a study or series | QIDO-RS: `application/dicom+json` |
//! | `GET .../studies/{study}[/series/{series}[/instances/{instance}]]` | WADO-RS: `multipart/related` of `application/dicom` |
//! | the same with `/metadata` | `application/dicom+json` without pixel data |
//! | `.../instances/{instance}/frames/{list}` | `multipart/related` of encoded frames |

mod gate;
mod multipart;
mod qido;
mod reply;
mod stow;
mod wado;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::config::{NodeConfig, WebConfig};
use super::error::{NodeError, Result};
use super::receive::Intake;
use super::tls;

/// Answers being put together at once: each holds a thread.
const MOST_ANSWERS: usize = 32;

/// What requests share.
#[derive(Clone)]
pub(super) struct Shared {
    pub intake: Arc<Intake>,
    pub web: Arc<WebConfig>,
    pub max_object_bytes: u64,
    pub places: Arc<Semaphore>,
}

/// A running DICOMweb server; stops when dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(web: &WebConfig, config: &NodeConfig, intake: Arc<Intake>) -> Result<Self> {
        let address = web.listen;
        let failed = |source| NodeError::Listen { address, source };
        let certificate = match &config.tls {
            Some(config) if web.tls => Some(tls::server(config, false)?),
            _ => None,
        };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(failed)?;
        let shared = Shared {
            intake,
            web: Arc::new(web.clone()),
            max_object_bytes: config.max_object_bytes,
            places: Arc::new(Semaphore::new(MOST_ANSWERS)),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            // A dropped sender stops the server too.
            let _ = stopped.await;
        };
        let serve = move || {
            let done = runtime.block_on(run(listener, certificate, router(shared), stopped));
            if let Err(error) = done {
                tracing::error!("DICOMweb stopped: {error}");
            }
            // Answers under way may be many megabytes to a slow reader.
            runtime.shutdown_timeout(Duration::from_secs(1));
        };
        let thread = std::thread::Builder::new()
            .name("dicomweb".to_owned())
            .spawn(serve)
            .map_err(failed)?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Already stopped otherwise.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(
    listener: std::net::TcpListener,
    certificate: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    // Requests under way are dropped: clients ask again.
    tokio::pin!(stopped);
    let serving = async {
        match certificate {
            Some(config) => axum::serve(TlsListener::new(listener, config), router).await,
            None => axum::serve(listener, router).await,
        }
    };
    tokio::select! {
        done = serving => done,
        () = &mut stopped => Ok(()),
    }
}

/// Accepts TLS connections; a handshake that fails or stalls ends that connection alone.
struct TlsListener {
    ready: tokio::sync::mpsc::Receiver<(tokio_rustls::server::TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    fn new(listener: TcpListener, config: Arc<rustls::ServerConfig>) -> Self {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let address = listener.local_addr().unwrap_or(unknown);
        let (give, ready) = tokio::sync::mpsc::channel(16);
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        let handshakes = Arc::new(Semaphore::new(64));
        tokio::spawn(async move {
            loop {
                let Ok((stream, peer)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let Ok(place) = Arc::clone(&handshakes).acquire_owned().await else {
                    break;
                };
                let (give, acceptor) = (give.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let _place = place;
                    let shake = acceptor.accept(stream);
                    if let Ok(Ok(stream)) =
                        tokio::time::timeout(Duration::from_secs(10), shake).await
                    {
                        // Nobody listens any more: the server stops.
                        let _ = give.send((stream, peer)).await;
                    }
                });
            }
        });
        Self { ready, address }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

fn router(shared: Shared) -> Router {
    const SERIES: &str = "/studies/{study}/series/{series}";
    let below = |path: &str| format!("{SERIES}{path}");
    let api = Router::new()
        .route("/studies", get(qido::studies).post(stow::all))
        .route("/series", get(qido::series))
        .route("/instances", get(qido::instances))
        .route("/studies/{study}", get(wado::study).post(stow::study))
        .route("/studies/{study}/metadata", get(wado::metadata))
        .route("/studies/{study}/series", get(qido::series_of))
        .route("/studies/{study}/instances", get(qido::instances_of))
        .route(SERIES, get(wado::series))
        .route(&below("/metadata"), get(wado::metadata))
        .route(&below("/instances"), get(qido::instances_of))
        .route(&below("/instances/{instance}"), get(wado::instance))
        .route(
            &below("/instances/{instance}/metadata"),
            get(wado::metadata),
        )
        .route(
            &below("/instances/{instance}/frames/{frames}"),
            get(wado::frames),
        );
    Router::new()
        .nest("/dicom-web", api)
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(
            shared.clone(),
            gate::check,
        ))
        .with_state(shared)
}

/// A place among the answers being put together; 503 when none gets free for a while.
async fn place(
    shared: &Shared,
) -> std::result::Result<tokio::sync::OwnedSemaphorePermit, reply::Refusal> {
    let place = Arc::clone(&shared.places).acquire_owned();
    match tokio::time::timeout(Duration::from_secs(10), place).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(reply::Refusal::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "too many requests at once; try again later",
        )),
    }
}
