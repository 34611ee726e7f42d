//! A result folder, written beside its place and renamed when whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use omnimri_report::result::SCHEMA;
use serde_json::Value;

use crate::error::{Error, Result};

/// Schema of `study.json`.
pub(crate) const STUDY_SCHEMA: &str = "omnimri.study/1";
/// Numbers tried for a folder whose name is taken.
const MOST_NAMES: u32 = 10_000;

/// A folder filled beside its place; removed when dropped unfinished.
#[derive(Debug)]
pub struct Staged {
    out: PathBuf,
    name: String,
    /// Where to write.
    pub fresh: PathBuf,
    done: bool,
}

impl Staged {
    /// Makes the folder to fill.
    ///
    /// # Errors
    /// [`Error::Output`] if the output folder cannot be written.
    pub fn new(out: &Path, name: &str) -> Result<Self> {
        // Unique in this process and among processes: two readers may share an output folder.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let fresh = out.join(format!(".omnimri-{}-{n}.tmp", std::process::id()));
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(output(&fresh))?;
        }
        std::fs::create_dir_all(&fresh).map_err(output(out))?;
        Ok(Self {
            out: out.to_owned(),
            name: name.to_owned(),
            fresh,
            done: false,
        })
    }

    /// Runs `write` on the fresh folder; what fails is named by the place it was meant for.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn fill<T>(&self, write: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        write(&self.fresh).map_err(|e| e.placed(&self.fresh, &self.out.join(&self.name)))
    }

    /// Puts the folder in its place and says where that is.
    ///
    /// An earlier result for which `replaces` holds is replaced whole. Anything else of that name (another input's result,
    /// the input itself) stays, and the folder becomes `<name>-2`, `<name>-3`, ...
    ///
    /// # Errors
    /// [`Error::Output`] if renaming fails.
    pub fn finish(mut self, replaces: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        for n in 1..MOST_NAMES {
            let target = match n {
                1 => self.out.join(&self.name),
                n => self.out.join(format!("{}-{n}", self.name)),
            };
            let old = self.fresh.with_extension("old");
            let earlier = target.is_dir() && replaces(&target);
            if earlier {
                std::fs::rename(&target, &old).map_err(output(&target))?;
            } else if target.symlink_metadata().is_ok() {
                continue;
            }
            match std::fs::rename(&self.fresh, &target) {
                Ok(()) => {
                    self.done = true;
                    if earlier {
                        std::fs::remove_dir_all(&old).map_err(output(&old))?;
                    }
                    return Ok(target);
                }
                // Another reader took the name meanwhile.
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::DirectoryNotEmpty
                            | ErrorKind::AlreadyExists
                            | ErrorKind::NotADirectory
                    ) =>
                {
                    if earlier {
                        std::fs::remove_dir_all(&old).map_err(output(&old))?;
                    }
                }
                Err(e) => {
                    if earlier {
                        // Back to where it was; the error that matters is the one above.
                        let _ = std::fs::rename(&old, &target);
                    }
                    return Err(output(&target)(e));
                }
            }
        }
        let taken = std::io::Error::from(ErrorKind::AlreadyExists);
        Err(output(&self.out.join(&self.name))(taken))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            // Nothing more can be done about a folder that cannot be removed: the error that led here is reported.
            let _ = std::fs::remove_dir_all(&self.fresh);
        }
    }
}

fn output(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Output { path, source }
}

/// Does `folder` hold a result of the input with this hash?
pub(crate) fn is_result_of(folder: &Path, sha256: &str) -> bool {
    let hash = |doc: Value| doc["input"]["sha256"] == sha256;
    document(folder, "result.json", SCHEMA).is_some_and(hash)
        || document(folder, "study.json", STUDY_SCHEMA).is_some_and(hash)
}

/// Does `folder` hold a result of an input that was named `path`?
pub(crate) fn is_result_named(folder: &Path, path: &str) -> bool {
    document(folder, "result.json", SCHEMA).is_some_and(|doc| doc["input"]["path"] == path)
}

fn document(folder: &Path, name: &str, schema: &str) -> Option<Value> {
    let text = std::fs::read(folder.join(name)).ok()?;
    let doc: Value = serde_json::from_slice(&text).ok()?;
    (doc["schema"] == schema).then_some(doc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(out: &Path, name: &str, text: &str, replaces: bool) -> PathBuf {
        let staged = Staged::new(out, name).unwrap();
        std::fs::write(staged.fresh.join("a"), text).unwrap();
        staged.finish(|_| replaces).unwrap()
    }

    #[test]
    fn only_an_earlier_result_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path();
        assert_eq!(fill(out, "x", "one", false), out.join("x"));
        assert_eq!(fill(out, "x", "two", true), out.join("x"));
        assert_eq!(std::fs::read(out.join("x/a")).unwrap(), b"two");
        assert_eq!(fill(out, "x", "three", false), out.join("x-2"));
        assert_eq!(std::fs::read(out.join("x/a")).unwrap(), b"two");
        std::fs::write(out.join("y"), "a file of the user").unwrap();
        assert_eq!(fill(out, "y", "four", true), out.join("y-2"));
        assert_eq!(std::fs::read(out.join("y")).unwrap(), b"a file of the user");
        // Nothing temporary is left.
        assert_eq!(std::fs::read_dir(out).unwrap().count(), 4);
    }

    #[test]
    fn an_unfinished_folder_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let staged = Staged::new(dir.path(), "x").unwrap();
        std::fs::write(staged.fresh.join("a"), "half").unwrap();
        drop(staged);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_told_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        std::fs::write(&file, "x").unwrap();
        let error = Staged::new(&file, "x").unwrap_err().to_string();
        assert!(
            error.contains("out: expected a folder") && error.contains("--out"),
            "{error}"
        );
        assert!(!error.contains('\n'));
    }

    #[test]
    fn what_cannot_be_written_is_named_by_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let staged = Staged::new(dir.path(), "x").unwrap();
        let error = staged
            .fill(|fresh| -> Result<()> {
                let full = std::io::Error::from(ErrorKind::StorageFull);
                Err(output(&fresh.join("report.md"))(full))
            })
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("x/report.md: ") && error.contains("a full disk"),
            "{error}"
        );
    }

    #[test]
    fn results_are_told_by_their_input() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_result_of(dir.path(), "ab"));
        let text = format!(r#"{{"schema": "{SCHEMA}", "input": {{"path": "p", "sha256": "ab"}}}}"#);
        std::fs::write(dir.path().join("result.json"), text).unwrap();
        assert!(is_result_of(dir.path(), "ab") && !is_result_of(dir.path(), "cd"));
        assert!(is_result_named(dir.path(), "p") && !is_result_named(dir.path(), "q"));
    }
}
