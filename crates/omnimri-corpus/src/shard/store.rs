//! Where shards lie: a folder, `s3://bucket/path` or `http(s)://host/path`, behind the same blocking calls.
//!
//! Credentials, region and endpoint of S3 come from the environment, by the names its own tools use
//! (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`). An HTTP root is
//! read only. A call must not be made from inside an asynchronous runtime: it would block it, and panics there.

use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ClientOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// Bytes of one part of an upload; S3 wants at least 5 MiB and at most 10,000 parts.
pub(crate) const PART_BYTES: usize = 8 << 20;

/// A root and the calls below it; clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: String,
    /// The folder, where the root is one.
    folder: Option<PathBuf>,
    inner: Arc<dyn ObjectStore>,
    prefix: Key,
    runtime: Arc<Runtime>,
}

/// What to do where a local root does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// Refuse.
    MustExist,
    /// Make the folder.
    Create,
}

impl Store {
    /// Opens a root: a path, or a URL with `file`, `s3`, `http` or `https`.
    pub fn open(root: &str, on_missing: Root) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io(root, "start a runtime for"))?;
        let failed = |source| Error::Store {
            url: root.to_owned(),
            action: "open",
            source: Box::new(source),
        };
        let scheme = root.split_once("://").map(|(scheme, _)| scheme);
        let (inner, prefix, folder): (Arc<dyn ObjectStore>, Key, _) = match scheme {
            None | Some("file") => {
                let folder = PathBuf::from(root.strip_prefix("file://").unwrap_or(root));
                if on_missing == Root::Create {
                    std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "create"))?;
                } else if !folder.is_dir() {
                    return Err(Error::Missing {
                        path: folder,
                        expected: "a folder of shards".into(),
                        hint: "`corpus build` makes one".into(),
                    });
                }
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(failed)?;
                (Arc::new(store), Key::default(), Some(folder))
            }
            Some("s3") => {
                with_provider();
                let store = AmazonS3Builder::from_env().with_url(root).build();
                let rest = root.trim_start_matches("s3://");
                let prefix = rest.split_once('/').map_or("", |(_, path)| path);
                (Arc::new(store.map_err(failed)?), Key::from(prefix), None)
            }
            Some("http" | "https") => {
                with_provider();
                let options = ClientOptions::new().with_allow_http(true);
                let store = HttpBuilder::new()
                    .with_url(root.trim_end_matches('/'))
                    .with_client_options(options)
                    .build();
                (Arc::new(store.map_err(failed)?), Key::default(), None)
            }
            Some(other) => {
                return Err(Error::BadUrl {
                    url: root.into(),
                    expected: "a path, or a URL with file, s3, http or https".into(),
                    found: other.into(),
                });
            }
        };
        Ok(Self {
            root: root.trim_end_matches('/').to_owned(),
            folder,
            inner,
            prefix,
            runtime: Arc::new(runtime),
        })
    }

    /// A path below the root, for messages.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    fn key(&self, path: &str) -> Key {
        path.split('/')
            .fold(self.prefix.clone(), |key, part| key.join(part))
    }

    fn failed(
        &self,
        path: &str,
        action: &'static str,
    ) -> impl FnOnce(object_store::Error) -> Error + use<> {
        let url = self.url_of(path);
        move |source| Error::Store {
            url,
            action,
            source: Box::new(source),
        }
    }

    /// Size in bytes; `None` where there is no such file.
    pub fn size(&self, path: &str) -> Result<Option<u64>> {
        match self
            .runtime
            .block_on(async { self.inner.head(&self.key(path)).await })
        {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed(path, "look at")(e)),
        }
    }

    /// A whole file of at most `max` bytes; `None` where there is none.
    pub fn get(&self, path: &str, max: u64) -> Result<Option<Bytes>> {
        let read = self.runtime.block_on(async {
            let got = self.inner.get(&self.key(path)).await?;
            let size = got.meta.size;
            if size > max {
                return Ok(Err(size));
            }
            got.bytes().await.map(Ok)
        });
        match read {
            Ok(Ok(bytes)) => Ok(Some(bytes)),
            Ok(Err(size)) => Err(Error::BadShard {
                url: self.url_of(path),
                expected: format!("at most {max} bytes"),
                found: format!("{size} bytes"),
            }),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed(path, "read")(e)),
        }
    }

    /// Bytes of a part of a file.
    pub fn get_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end.saturating_sub(range.start);
        let bytes = self
            .runtime
            .block_on(async { self.inner.get_range(&self.key(path), range).await })
            .map_err(self.failed(path, "read"))?;
        if bytes.len() as u64 != wanted {
            return Err(Error::BadShard {
                url: self.url_of(path),
                expected: format!("{wanted} bytes"),
                found: format!("{} bytes", bytes.len()),
            });
        }
        Ok(bytes)
    }

    /// Writes a small file in one go; readers see the old one or the new one, never a part.
    pub fn put(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.runtime
            .block_on(async {
                self.inner
                    .put(&self.key(path), PutPayload::from(bytes))
                    .await
            })
            .map(|_| ())
            .map_err(self.failed(path, "write"))
    }

    /// Begins to write a large file, which appears when [`Upload::finish`] returns.
    pub fn upload(&self, path: &str) -> Result<Upload> {
        let inner = self
            .runtime
            .block_on(self.inner.put_multipart(&self.key(path)))
            .map_err(self.failed(path, "write"))?;
        Ok(Upload {
            url: self.url_of(path),
            runtime: Arc::clone(&self.runtime),
            inner,
            buffer: Vec::with_capacity(PART_BYTES),
            hash: Sha256::new(),
            n_bytes: 0,
            finished: false,
        })
    }

    /// Removes what a build that was killed left half written below `folder`. Object stores keep such parts out of
    /// sight, so there is nothing to do there.
    pub fn clean(&self, folder: &str) -> Result<usize> {
        let Some(root) = &self.folder else {
            return Ok(0);
        };
        let folder = root.join(folder);
        let Ok(files) = std::fs::read_dir(&folder) else {
            return Ok(0);
        };
        let mut removed = 0;
        for file in files {
            let path = file.map_err(Error::io(&folder, "list"))?.path();
            // The local store stages an upload under its name, `#` and a number.
            let staged = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| {
                n.rsplit_once(".parquet#")
                    .is_some_and(|(_, k)| !k.is_empty() && k.bytes().all(|b| b.is_ascii_digit()))
            });
            if staged {
                std::fs::remove_file(&path).map_err(Error::io(&path, "remove"))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The cryptography behind TLS, chosen once for the process.
fn with_provider() {
    // An error says that one is chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A file being written in parts, hashed on the way.
#[derive(Debug)]
pub(crate) struct Upload {
    url: String,
    runtime: Arc<Runtime>,
    inner: Box<dyn MultipartUpload>,
    buffer: Vec<u8>,
    hash: Sha256,
    n_bytes: u64,
    finished: bool,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uploaded {
    pub n_bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Upload {
    fn send(&mut self) -> io::Result<()> {
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART_BYTES));
        Arc::clone(&self.runtime)
            .block_on(self.inner.put_part(PutPayload::from(part)))
            .map_err(io::Error::other)
    }

    /// Sends the rest and makes the file appear.
    pub fn finish(mut self) -> Result<Uploaded> {
        let failed = |url: &str, source| Error::Store {
            url: url.to_owned(),
            action: "write",
            source: Box::new(source),
        };
        if !self.buffer.is_empty() {
            let part = PutPayload::from(std::mem::take(&mut self.buffer));
            Arc::clone(&self.runtime)
                .block_on(self.inner.put_part(part))
                .map_err(|e| failed(&self.url, e))?;
        }
        Arc::clone(&self.runtime)
            .block_on(self.inner.complete())
            .map_err(|e| failed(&self.url, e))?;
        self.finished = true;
        Ok(Uploaded {
            n_bytes: self.n_bytes,
            sha256: hex(&self.hash.clone().finalize()),
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.finished {
            // The file was given up; that its parts stay behind harms nobody.
            let _ = Arc::clone(&self.runtime).block_on(self.inner.abort());
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(PART_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..n]);
        self.hash.update(&bytes[..n]);
        self.n_bytes += n as u64;
        if self.buffer.len() == PART_BYTES {
            self.send()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A part in the middle must be whole, so nothing is sent before it is.
        Ok(())
    }
}

/// Hexadecimal digits of a digest.
pub(crate) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_and_read_back_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("new");
        let store = Store::open(root.to_str().unwrap(), Root::Create).unwrap();
        let bytes: Vec<u8> = (0..PART_BYTES + 12_345).map(|k| (k % 251) as u8).collect();
        let mut upload = store.upload("a/b.parquet").unwrap();
        upload.write_all(&bytes).unwrap();
        assert!(store.size("a/b.parquet").unwrap().is_none(), "too early");
        let done = upload.finish().unwrap();
        assert_eq!(done.n_bytes, bytes.len() as u64);
        assert_eq!(done.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(store.size("a/b.parquet").unwrap(), Some(done.n_bytes));
        let part = store
            .get_range("a/b.parquet", 8_388_600..8_388_620)
            .unwrap();
        assert_eq!(part, &bytes[8_388_600..8_388_620]);
        assert!(store.get("a/b.parquet", 100).is_err());
        assert!(store.get("a/none", 100).unwrap().is_none());
    }

    #[test]
    fn what_a_killed_build_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), Root::Create).unwrap();
        let mut upload = store.upload("t/x.parquet").unwrap();
        upload.write_all(&vec![1; PART_BYTES]).unwrap();
        std::mem::forget(upload);
        store.put("t/y#1.parquet", vec![1]).unwrap();
        let n = || std::fs::read_dir(dir.path().join("t")).unwrap().count();
        assert_eq!(n(), 2);
        assert_eq!(store.clean("t").unwrap(), 1);
        assert_eq!(n(), 1);
    }

    #[test]
    fn a_root_that_is_not_there_or_not_known_is_refused() {
        let none = Store::open("/nowhere/at/all", Root::MustExist).unwrap_err();
        assert!(none.to_string().contains("corpus build"), "{none}");
        let odd = Store::open("ftp://host/x", Root::MustExist).unwrap_err();
        assert!(odd.to_string().contains("ftp"), "{odd}");
    }
}
