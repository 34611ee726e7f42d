//! Certificates for associations and DICOMweb (PS3.15 B.9, BCP 195 by rustls' defaults: TLS 1.2 and 1.3).

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::config::TlsConfig;
use super::error::{NodeError, Result};

fn bad(path: &Path, found: &dyn std::fmt::Display) -> NodeError {
    NodeError::Tls {
        path: path.to_owned(),
        found: found.to_string(),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|e| bad(path, &e))?
        .collect();
    let all = all.map_err(|e| bad(path, &e))?;
    if all.is_empty() {
        return Err(bad(path, &"expected a certificate, found none"));
    }
    Ok(all)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| bad(path, &e))
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| bad(path, &e))?;
    }
    Ok(Arc::new(roots))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// For those who call us; `mutual`: they must have a certificate that the authority signed.
pub(super) fn server(config: &TlsConfig, mutual: bool) -> Result<Arc<ServerConfig>> {
    let wrong = |e: &dyn std::fmt::Display| bad(&config.certificate, e);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&e))?;
    let builder = if mutual {
        let roots = authorities(&config.authority)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        builder.with_client_cert_verifier(verifier.map_err(|e| bad(&config.authority, &e))?)
    } else {
        builder.with_no_client_auth()
    };
    let chain = certificates(&config.certificate)?;
    let config = builder.with_single_cert(chain, key(&config.key)?);
    Ok(Arc::new(config.map_err(|e| wrong(&e))?))
}

/// For those whom we call: they must have a certificate that the authority signed, and see ours.
pub(super) fn client(config: &TlsConfig) -> Result<Arc<ClientConfig>> {
    let wrong = |e: &dyn std::fmt::Display| bad(&config.certificate, e);
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&e))?
        .with_root_certificates(authorities(&config.authority)?)
        .with_client_auth_cert(certificates(&config.certificate)?, key(&config.key)?);
    Ok(Arc::new(client.map_err(|e| wrong(&e))?))
}
