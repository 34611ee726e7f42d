//! What a node is told: its name and address, who may call, what is read, where results go.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use omnimri_report::dicom::Uids;
use serde::Deserialize;

use super::error::{NodeError, Result};
use super::select::Rule;

/// Configuration of a node; an unknown key is an error.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Application Entity title of the node.
    pub aet: String,
    /// Address of the DICOM listener.
    pub listen: SocketAddr,
    /// Application Entity titles that may call; empty: any, which only a loopback address allows.
    pub callers: Vec<String>,
    /// Refuse an association that calls another title than ours.
    pub check_called: bool,
    /// Seconds without a new image after which a study is read.
    pub quiet_s: f64,
    /// Associations at once; further ones are rejected for the time being.
    pub max_associations: usize,
    /// Longest PDU that is received, in bytes.
    pub max_pdu: u32,
    /// Seconds of silence after which a connection is given up.
    pub idle_s: u64,
    /// Largest object in bytes.
    pub max_object_bytes: u64,
    /// Most voxels of a study that is read.
    pub max_voxels: usize,
    /// Times that a study which fails to be read is tried.
    pub read_attempts: u32,
    /// Seconds before the second attempt to send or read; doubled for each further one.
    pub retry_s: f64,
    /// Longest time between attempts, in seconds.
    pub retry_most_s: f64,
    /// Root of new UIDs; `2.25` without one.
    pub uid_root: Option<String>,
    /// Segmentations as label maps instead of one bit a voxel and segment.
    pub label_map: bool,
    /// Which objects of a result are kept and sent.
    pub results: Vec<ResultKind>,
    /// Where results are sent.
    #[serde(rename = "peer")]
    pub peers: Vec<Peer>,
    /// Which series are read; the first rule that matches decides.
    #[serde(rename = "select")]
    pub rules: Vec<Rule>,
    /// DICOMweb; not served without it.
    pub dicomweb: Option<WebConfig>,
    /// Certificates; without them nothing is encrypted.
    pub tls: Option<TlsConfig>,
}

/// An object of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultKind {
    /// `segmentation.dcm`.
    Segmentation,
    /// `report.dcm`, the measurements (TID 1500).
    Report,
    /// `report-text.dcm`.
    ReportText,
    /// `report-pdf.dcm`.
    ReportPdf,
    /// `key-image-1.dcm` and so on.
    KeyImages,
}

impl ResultKind {
    /// Is it the object in the file `name`?
    pub(super) fn holds(self, name: &str) -> bool {
        match self {
            Self::Segmentation => name == "segmentation.dcm",
            Self::Report => name == "report.dcm",
            Self::ReportText => name == "report-text.dcm",
            Self::ReportPdf => name == "report-pdf.dcm",
            Self::KeyImages => name.starts_with("key-image-") && name.ends_with(".dcm"),
        }
    }
}

/// A node that gets results.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its Application Entity title.
    pub aet: String,
    /// Host and port.
    pub address: String,
    /// Ask it to commit to what it was sent (Storage Commitment, PS3.4 J), where it offers that.
    #[serde(default)]
    pub commitment: bool,
    /// Connect over TLS.
    #[serde(default)]
    pub tls: bool,
}

/// DICOMweb.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// Address.
    pub listen: SocketAddr,
    /// Origins of pages that may ask besides those of this machine, for example `https://viewer.example.org`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// What requests must carry as `Authorization: Bearer`; needed on an address that other machines reach.
    #[serde(default)]
    pub token: Option<String>,
    /// Over TLS, with the certificate of `[tls]`.
    #[serde(default)]
    pub tls: bool,
}

/// Certificates in PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Our certificate and what it was signed with.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// What peers' certificates are signed with.
    pub authority: PathBuf,
    /// Callers need no certificate of their own.
    #[serde(default)]
    pub anonymous_callers: bool,
    /// The DICOM listener stays unencrypted (only DICOMweb or peers use TLS).
    #[serde(default)]
    pub plain_dicom: bool,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            aet: "OMNIMRI".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 11112)),
            callers: Vec::new(),
            check_called: true,
            quiet_s: 30.0,
            max_associations: 64,
            max_pdu: 128 << 10,
            idle_s: 60,
            max_object_bytes: 4 << 30,
            max_voxels: 1 << 28,
            read_attempts: 3,
            retry_s: 5.0,
            retry_most_s: 600.0,
            uid_root: None,
            label_map: false,
            results: vec![ResultKind::Segmentation, ResultKind::Report],
            peers: Vec::new(),
            rules: Vec::new(),
            dicomweb: None,
            tls: None,
        }
    }
}

impl NodeConfig {
    /// From a TOML file.
    ///
    /// # Errors
    /// [`NodeError::ReadConfig`], [`NodeError::ParseConfig`].
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| NodeError::ReadConfig {
            path: path.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|source| NodeError::ParseConfig {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// Refuses what cannot work, and what would be open to others by mistake.
    ///
    /// # Errors
    /// [`NodeError::BadConfig`] naming the key.
    pub fn validate(&self) -> Result<()> {
        let bad = |key, expected, found: &dyn std::fmt::Display| {
            let found = found.to_string();
            Err(NodeError::BadConfig {
                key,
                expected,
                found,
            })
        };
        let title = "1 to 16 characters without a backslash or control character";
        if !is_title(&self.aet) {
            return bad("aet", title, &self.aet);
        }
        if let Some(wrong) = self.callers.iter().find(|c| !is_title(c)) {
            return bad("callers", title, wrong);
        }
        let mut seen = HashSet::new();
        for peer in &self.peers {
            if !is_title(&peer.aet) || !seen.insert(&peer.aet) {
                return bad("peer.aet", "a title that no other peer has", &peer.aet);
            }
            if peer.tls && self.tls.is_none() {
                return bad("peer.tls", "a section [tls]", &"none");
            }
        }
        if !self.listen.ip().is_loopback() && self.callers.is_empty() {
            let expected = "the titles that may call, on an address that other machines reach";
            return bad("callers", expected, &"none");
        }
        for (key, value) in [
            ("quiet_s", self.quiet_s),
            ("retry_s", self.retry_s),
            ("retry_most_s", self.retry_most_s),
        ] {
            if !(0.01..=1e7).contains(&value) {
                return bad(key, "seconds from 0.01 to 10,000,000", &value);
            }
        }
        if !(1..=4096).contains(&self.max_associations) {
            return bad("max_associations", "1 to 4096", &self.max_associations);
        }
        if !(4096..=1 << 20).contains(&self.max_pdu) {
            return bad("max_pdu", "4096 to 1048576 bytes", &self.max_pdu);
        }
        if self.idle_s == 0 || self.max_object_bytes == 0 || self.read_attempts == 0 {
            let key = "idle_s, max_object_bytes, read_attempts";
            return bad(key, "more than 0", &0);
        }
        if let Some(root) = self
            .uid_root
            .as_deref()
            .filter(|r| Uids::random(Some(r)).is_err())
        {
            return bad("uid_root", "a root of UIDs of at most 44 characters", &root);
        }
        if let Some(web) = &self.dicomweb {
            if !web.listen.ip().is_loopback() && web.token.as_ref().is_none_or(|t| t.len() < 16) {
                let expected =
                    "a token of 16 characters or more, on an address that other machines reach";
                return bad("dicomweb.token", expected, &"none or a shorter one");
            }
            if web.tls && self.tls.is_none() {
                return bad("dicomweb.tls", "a section [tls]", &"none");
            }
        }
        Ok(())
    }
}

/// PS3.5 6.2, AE: at most 16 characters of the default repertoire, not all spaces.
fn is_title(text: &str) -> bool {
    let sound = |b: u8| (0x20..0x7f).contains(&b) && b != b'\\';
    (1..=16).contains(&text.len()) && text.trim() == text && text.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> std::result::Result<NodeConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn nothing_said_is_a_node_for_this_machine() {
        let config = parse("").unwrap();
        assert!(config.listen.ip().is_loopback());
        config.validate().unwrap();
    }

    #[test]
    fn everything_can_be_said() {
        let text = r#"
            aet = "READER"
            callers = ["PACS"]
            quiet_s = 2.5
            results = ["segmentation", "report", "report-text", "report-pdf", "key-images"]
            [[peer]]
            aet = "PACS"
            address = "127.0.0.1:4242"
            commitment = true
            [[select]]
            description = "*flair*"
            plane = ["axial"]
            contrast = false
            read = true
            [[select]]
            read = false
            [dicomweb]
            listen = "127.0.0.1:8042"
            origins = ["http://localhost:3000"]
        "#;
        let config = parse(text).unwrap();
        config.validate().unwrap();
        assert_eq!((config.peers.len(), config.rules.len()), (1, 2));
    }

    #[test]
    fn what_is_open_by_mistake_is_refused() {
        for (text, key) in [
            ("listen = '0.0.0.0:104'", "callers"),
            ("aet = 'SEVENTEEN LETTERS'", "aet"),
            ("[dicomweb]\nlisten = '0.0.0.0:80'", "dicomweb.token"),
            ("[[peer]]\naet='A'\naddress='b:1'\ntls=true", "peer.tls"),
            ("quiet_s = nan", "quiet_s"),
        ] {
            let error = parse(text).unwrap().validate().unwrap_err().to_string();
            assert!(error.starts_with(key), "{text}: {error}");
        }
        assert!(parse("quiet = 3").is_err());
    }
}
