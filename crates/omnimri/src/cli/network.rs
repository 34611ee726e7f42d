//! Arguments of what listens: `serve` and `node`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;

use super::{ModelArg, bytes};

/// `serve`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  omnimri serve\n  omnimri serve --listen 127.0.0.1:9000 --data /srv/omnimri --keep 30\n  \
                  omnimri serve --listen 0.0.0.0:8443 --tokens tokens.txt --tls-cert cert.pem --tls-key key.pem\n  \
                  curl -F file=@scan.nii.gz http://127.0.0.1:8080/v1/jobs\n\n\
                  A file of tokens has lines of ROLE NAME TOKEN; roles are read, write and admin.\n\
                  Jobs that were running when the program ended are read again at the next start."
)]
pub struct Serve {
    /// Address; one that other machines reach needs --tokens and TLS
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: std::net::SocketAddr,
    /// Folder of the store: jobs, results, audit log; one server a folder
    #[arg(long, value_name = "DIR", default_value = "omnimri-data")]
    pub data: PathBuf,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
    /// Remove ended jobs after so many days, overwriting their files
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub keep: Option<f64>,
    /// File of tokens; without it everyone who reaches the address may do everything
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Chain of certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve other machines without tokens or TLS: something else keeps strangers out
    #[arg(long)]
    pub insecure: bool,
    /// Jobs read at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64).map(usize::from))]
    pub workers: usize,
    /// Jobs that may wait; one more is answered 429
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub queue: usize,
    /// Requests a second from one client on average; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub rate: u32,
    /// Largest file
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = bytes)]
    pub max_file: u64,
    /// Memory that all readers together may need
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = bytes)]
    pub memory: u64,
    /// Seconds that running jobs may go on once the server is told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub grace: u64,
}

/// `node`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  omnimri node --data node-data --config node.toml\n\nThe configuration is explained in docs/node.md. What is given here overrides it."
)]
pub struct Node {
    /// Address of the DICOM listener; only this machine unless told otherwise
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Application Entity title
    #[arg(long, value_name = "TITLE")]
    pub aet: Option<String>,
    /// Folder for everything that is received and made
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Peers, callers, selection of series, TLS, DICOMweb (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
}

/// A number of days, parts of one included.
fn days(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(days) if (0.0..=36_500.0).contains(&days) => Ok(days),
        _ => Err("expected a number of days, such as 30".into()),
    }
}
