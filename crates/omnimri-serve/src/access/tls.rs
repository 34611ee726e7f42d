//! Certificate and key to a TLS configuration (rustls with ring; TLS 1.2 and 1.3).

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// Encrypts connections.
#[derive(Clone)]
pub struct Tls(pub(crate) TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads a chain of certificates and its private key.
    ///
    /// # Errors
    /// [`Error::Tls`] naming the file and what is wrong with it.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self> {
        let wrong = |path: &Path, expected, found: String| Error::Tls {
            path: path.to_owned(),
            expected,
            found,
        };
        let what = "a chain of certificates";
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|e| wrong(certificate, what, e.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(certificate, what, "none".into()));
        }
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|e| wrong(key, "a private key", e.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|b| b.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|e| {
                wrong(
                    certificate,
                    "a certificate that fits its key",
                    e.to_string(),
                )
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}
