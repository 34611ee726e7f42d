//! Start and stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use omnimri_workflow::Engine;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::access::{Rate, Tls};
use crate::audit::{Audit, Event};
use crate::budget::Budget;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::jobs::{Bench, Jobs, Receiver, Writing, start};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::retention;
use crate::routes::router;
use crate::slow::Timed;
use crate::state::{AppState, places, unix_time};

/// Most bytes and fields of the head of a request.
const MAX_HEAD: usize = 32 << 10;
const MAX_FIELDS: usize = 64;
/// How long requests under way may go on once the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Takes an address; port 0 takes a free one. One that other machines may reach needs tokens and TLS, or that the caller says
/// explicitly that neither is needed.
///
/// # Errors
/// [`Error::Exposed`] for such an address without them, [`Error::Listen`] if it cannot be taken.
pub async fn bind(
    address: SocketAddr,
    tokens: bool,
    tls: bool,
    insecure: bool,
) -> Result<TcpListener> {
    let missing = match (tokens, tls) {
        (true, true) => None,
        (true, false) => Some("TLS (--tls-cert and --tls-key)"),
        (false, true) => Some("tokens (--tokens)"),
        (false, false) => Some("tokens (--tokens) and TLS (--tls-cert and --tls-key)"),
    };
    if let Some(missing) = missing
        && !address.ip().is_loopback()
        && !insecure
    {
        return Err(Error::Exposed { address, missing });
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })
}

/// A store with its workers, and the interface to it.
#[derive(Debug)]
pub struct Server {
    state: AppState,
    workers: Vec<JoinHandle<()>>,
    stopping: watch::Sender<bool>,
    keep: Option<Duration>,
}

impl Server {
    /// Opens the store and starts the workers; jobs that an earlier process left are read.
    ///
    /// # Errors
    /// If the store cannot be used or another server uses it.
    pub fn start(engine: Arc<Engine>, config: Config) -> Result<Self> {
        let limits = Arc::new(config.limits);
        let jobs = Jobs::open(&config.data, limits.clone())?;
        let place = |source| Error::Store {
            path: config.data.clone(),
            source,
        };
        let audit = Audit::open(&config.data).map_err(place)?;
        let budget = Arc::new(Budget::new(limits.memory));
        let bench = Bench {
            engine: engine.clone(),
            budget: budget.clone(),
            audit: audit.clone(),
        };
        let workers = start(&jobs, &bench).map_err(place)?;
        let (admitted, n_places, readers) = places(&limits);
        let (stopping, stopped) = watch::channel(false);
        audit.write(&Event {
            event: "start",
            ..Event::default()
        });
        let state = AppState {
            engine,
            receiver: Receiver::new(&limits),
            writing: Writing::default(),
            jobs,
            budget,
            recent: Arc::default(),
            metrics: Metrics::default(),
            audit,
            tokens: config.tokens,
            rate: Arc::new(Rate::new(limits.rate)),
            local: config.local,
            admitted,
            places: n_places,
            readers,
            created: unix_time(),
            stopping: stopped,
            limits,
        };
        Ok(Self {
            state,
            workers,
            stopping,
            keep: config.keep,
        })
    }

    /// Answers requests until `stop` is done. Then nothing new is taken; jobs being read may finish within the limits' `grace`, what
    /// is not done by then goes back into the queue for the next start.
    ///
    /// # Errors
    /// If the store cannot be written at the end.
    pub async fn serve(
        self,
        listener: TcpListener,
        tls: Option<Tls>,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let sweeper = tokio::spawn(sweep(self.state.clone(), self.keep));
        let graceful = GracefulShutdown::new();
        let router = router(self.state.clone());
        let limits = self.state.limits.clone();
        let connections = Arc::new(Semaphore::new(limits.connections.max(1)));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = async {
                let permit = connections.clone().acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                accepted = accepted => accepted,
                () = &mut stop => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // A connection that broke at once, or no more handles: neither ends the server.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // Small answers are not held back to be sent together.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection broke");
            }
            let stream = Timed::new(stream, limits.idle_time);
            let (router, limits, tls) = (router.clone(), limits.clone(), tls.clone());
            let (watcher, gauge) = (graceful.watcher(), self.state.metrics.connection());
            tokio::spawn(async move {
                match tls {
                    None => connection(stream, address, router, &limits, watcher).await,
                    Some(Tls(acceptor)) => {
                        let hello =
                            tokio::time::timeout(limits.header_time, acceptor.accept(stream));
                        if let Ok(Ok(stream)) = hello.await {
                            connection(stream, address, router, &limits, watcher).await;
                        }
                    }
                }
                drop((permit, gauge));
            });
        }
        drop(listener);
        // Event streams end, connections that wait for requests close, and answers under way are given.
        let _ = self.stopping.send(true);
        if tokio::time::timeout(LAST_ANSWERS, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were cut that took too long");
        }
        // Whoever opens the store next must find nobody removing anything from it.
        if let Err(error) = sweeper.await {
            tracing::error!(%error, "removing what is old ended abnormally");
        }
        self.finish().await
    }

    /// Lets workers finish, and puts back what they do not.
    async fn finish(self) -> Result<()> {
        let Self { state, workers, .. } = self;
        state.jobs.stop();
        let until = tokio::time::Instant::now() + state.limits.grace;
        while state.jobs.running() > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let put_back = state.jobs.abandon()?;
        if put_back > 0 {
            tracing::warn!(put_back, "jobs go back into the queue");
        } else {
            // They are done or about to be; none of them waits for anything.
            let joined = tokio::task::spawn_blocking(move || {
                for worker in workers {
                    if worker.join().is_err() {
                        tracing::error!("a worker ended abnormally");
                    }
                }
            });
            if let Err(error) = joined.await {
                tracing::error!(%error, "cannot wait for the workers");
            }
        }
        state.audit.write(&Event {
            event: "stop",
            ..Event::default()
        });
        Ok(())
    }
}

/// Removes what is old, now and again, until the server stops.
async fn sweep(state: AppState, keep: Option<Duration>) {
    let mut stopping = state.stopping.clone();
    while !*stopping.borrow() {
        let shared = state.clone();
        let swept = tokio::task::spawn_blocking(move || retention::sweep(&shared, keep));
        match swept.await {
            Ok(Ok(())) => {}
            // What failed is in the log already.
            Ok(Err(_)) => {}
            Err(error) => tracing::error!(%error, "removing what is old ended abnormally"),
        }
        let _ = tokio::time::timeout(retention::EVERY, stopping.wait_for(|stop| *stop)).await;
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    address: SocketAddr,
    router: Router,
    limits: &Limits,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let router = router.layer(axum::Extension(ConnectInfo(address)));
    let service = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        use hyper::service::Service;
        service.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(MAX_FIELDS)
        .max_buf_size(MAX_HEAD);
    let served = watcher.watch(http.serve_connection(TokioIo::new(stream), service));
    if let Err(error) = served.await {
        // Broken connections and malformed heads are the client's affair.
        tracing::debug!(%error, "a connection ended early");
    }
}
