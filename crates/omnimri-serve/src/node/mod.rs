//! A node of a hospital's network: studies come in over DICOM, results go out.
//!
//! In: C-STORE and STOW-RS. Out: segmentations and reports by C-STORE to peers, and everything stored by QIDO-RS and WADO-RS.
//! What the node does and does not do is in `docs/dicom-conformance.md`, how to use it in `docs/node.md`.
//!
//! Nothing acknowledged is lost: an object is written, synchronised and recorded before success is answered; a reading, its
//! objects and what is to be sent are recorded in one transaction; what waits to be sent waits on the disk.
//!
//! - `config`: what a node is told; `tls`: certificates
//! - `scp`: associations of others; `scu`: ours; `dimse`: messages; `syntaxes`: what is negotiated; `commitment`: who keeps results
//! - `receive`: an object to a file and a record; `files`: durable files; `instance`: what is recorded; `store`: the index
//! - `select`, `reader`, `amend`: a quiet study to results; `outbox`: results to peers
//! - `web`: DICOMweb

mod amend;
mod commitment;
mod config;
mod dimse;
mod error;
mod files;
mod instance;
mod outbox;
mod reader;
mod receive;
mod scp;
mod scu;
mod select;
mod store;
mod syntaxes;
mod tls;
mod web;

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use omnimri_image::OpenOptions;
use omnimri_workflow::Engine;

pub use config::{NodeConfig, Peer, ResultKind, TlsConfig, WebConfig};
pub use error::{NodeError, Result};
pub use select::Rule;

use files::Folders;
use receive::Intake;
use store::Store;

/// A running node; stops when dropped.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    web: Option<web::Server>,
    stop: Arc<AtomicBool>,
    intake: Arc<Intake>,
    threads: Vec<JoinHandle<()>>,
    /// Held while the node runs: two nodes in one folder would undo each other's work.
    _lock: File,
}

impl Node {
    /// Starts a node that keeps everything below `data`; port 0 takes a free one.
    ///
    /// # Errors
    /// A configuration, folder, certificate or address that cannot be used.
    pub fn start(config: NodeConfig, data: &Path, engine: Arc<Engine>) -> Result<Self> {
        config.validate()?;
        files::make_folder(data)?;
        let lock = lock(data)?;
        let server_tls = match &config.tls {
            Some(tls) if !tls.plain_dicom => Some(tls::server(tls, !tls.anonymous_callers)?),
            _ => None,
        };
        let client_tls = match &config.tls {
            Some(tls) if config.peers.iter().any(|p| p.tls) => Some(tls::client(tls)?),
            _ => None,
        };
        let open = OpenOptions {
            max_voxels: config.max_voxels,
            ..OpenOptions::default()
        };
        let folders = Folders::prepare(data)?;
        let store = Arc::new(Store::open(&data.join("index.sqlite"))?);
        let intake = Arc::new(Intake::new(folders, store, open));
        let address = config.listen;
        let listen = |source| NodeError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let config = Arc::new(config);
        let web = match &config.dicomweb {
            Some(web) => Some(web::Server::start(web, &config, Arc::clone(&intake))?),
            None => None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let reader = reader::Reader {
            config: Arc::clone(&config),
            intake: Arc::clone(&intake),
            engine,
            stop: Arc::clone(&stop),
        };
        reader.tidy()?;
        let mut node = Self {
            address,
            web,
            stop: Arc::clone(&stop),
            intake: Arc::clone(&intake),
            threads: Vec::new(),
            _lock: lock,
        };
        for peer in &config.peers {
            let sender = outbox::Sender {
                config: Arc::clone(&config),
                peer: peer.clone(),
                intake: Arc::clone(&intake),
                tls: client_tls.clone().filter(|_| peer.tls),
                stop: Arc::clone(&stop),
            };
            node.spawn("send", move || sender.run())?;
        }
        node.spawn("read", move || reader.run())?;
        let acceptor = Arc::new(scp::Acceptor {
            config,
            intake,
            tls: server_tls,
            stop,
        });
        node.spawn("accept", move || acceptor.run(&listener))?;
        Ok(node)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(NodeError::file(Path::new("a thread of the node")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Where associations are accepted.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where DICOMweb answers.
    pub fn web_address(&self) -> Option<SocketAddr> {
        self.web.as_ref().map(web::Server::address)
    }

    /// How much is stored, read and sent.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn counts(&self) -> Result<Counts> {
        let [objects, due, readings, failed, waiting, sent, refused] =
            self.intake.store.counts()?;
        Ok(Counts {
            objects,
            due,
            readings,
            failed,
            waiting,
            sent,
            refused,
        })
    }
}

/// Numbers of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Objects stored, results included.
    pub objects: i64,
    /// Studies with images that were not read.
    pub due: i64,
    /// Readings, failed ones included.
    pub readings: i64,
    /// Readings that gave no result.
    pub failed: i64,
    /// Objects that wait to be sent.
    pub waiting: i64,
    /// Objects that a peer has.
    pub sent: i64,
    /// Objects that a peer did not take.
    pub refused: i64,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the acceptor.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        self.web = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked said so already.
            let _ = thread.join();
        }
    }
}

fn lock(data: &Path) -> Result<File> {
    let path = data.join("lock");
    let file = File::create(&path).map_err(NodeError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(NodeError::BadConfig {
            key: "--data",
            expected: "a folder that no other node uses",
            found: data.display().to_string(),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(NodeError::file(&path)(source)),
    }
}
