//! All files of a result, whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::figures::{Pictures, figures};
use crate::html::render_html;
use crate::markdown::render_markdown;
use crate::pdf::render_pdf;
use crate::result::ResultDoc;

/// Files written beside their final names; those not renamed are removed when this is dropped.
#[derive(Default)]
struct Staged(Vec<(PathBuf, PathBuf)>);

impl Staged {
    fn add(&mut self, path: PathBuf, bytes: &[u8]) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let written = File::create(&beside).and_then(|mut file| {
            // Listed as soon as it exists, so that a failed write is cleaned up too.
            self.0.push((beside.clone(), path.clone()));
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|e| Error::write(&path, e))
    }

    fn commit(mut self) -> Result<()> {
        while let Some((beside, path)) = self.0.first().cloned() {
            fs::rename(&beside, &path).map_err(|e| Error::write(&path, e))?;
            self.0.remove(0);
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for (beside, _) in &self.0 {
            // Nothing more can be done for a file that cannot be removed.
            let _ = fs::remove_file(beside);
        }
    }
}

/// Writes `report.html`, `report.md`, `report.pdf` and `result.json` into `dir`, which is made if it is not there.
///
/// Everything is rendered and written beside before the first file takes its name, `result.json` last: its presence means that the
/// others are complete.
pub fn write_report(dir: &Path, result: &ResultDoc, pictures: &Pictures<'_>) -> Result<()> {
    result.validate()?;
    let figures = figures(pictures)?;
    let html = render_html(result, &figures);
    let markdown = render_markdown(result);
    let pdf = render_pdf(result, pictures)?;
    let path = dir.join("result.json");
    let mut json = serde_json::to_vec_pretty(result).map_err(|source| Error::EncodeJson {
        path: path.clone(),
        source,
    })?;
    json.push(b'\n');
    fs::create_dir_all(dir).map_err(|source| Error::CreateFolder {
        path: dir.to_owned(),
        source,
    })?;
    let mut staged = Staged::default();
    staged.add(dir.join("report.html"), html.as_bytes())?;
    staged.add(dir.join("report.md"), markdown.as_bytes())?;
    staged.add(dir.join("report.pdf"), &pdf)?;
    staged.add(path, &json)?;
    staged.commit()
}
