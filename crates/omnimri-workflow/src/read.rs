//! One input to one result folder, written beside and renamed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use omnimri_image::nifti::{write_label_map, write_nifti};
use omnimri_image::{
    Input, InputKind, LabelMap, OpenOptions, RawScan, SourceKind, SourceSeries, Volume, detect,
    open, open_raw, read_dicom_series, sha256, stem, write_png_labels,
};
use omnimri_recon::{Method, ReconOptions};
use omnimri_report::result::{InputInfo, ReconstructionInfo, SCHEMA};
use omnimri_report::{Pictures, ReconPictures, ResultDoc, write_report};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::formats::{FormatOptions, Formats};
use crate::interpret::Wording;
use crate::scan;
use crate::staged::{STUDY_SCHEMA, Staged, is_result_of};
use crate::watch::{Progress, Step, Watch, tell};

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Limits and k-space axes.
    pub open: OpenOptions,
    /// Reconstruction of k-space inputs.
    pub method: Method,
    /// Weight, iterations and noise of the reconstruction.
    pub recon: ReconOptions,
    /// Formats besides the report.
    pub formats: FormatOptions,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            open: OpenOptions::default(),
            method: Method::Auto,
            recon: ReconOptions::default(),
            formats: FormatOptions::default(),
        }
    }
}

/// What reading an input gave.
#[derive(Debug, Clone)]
pub struct ReadOutcome {
    /// The result folder.
    pub folder: PathBuf,
    /// The results, one a series.
    pub results: Vec<ResultDoc>,
}

/// What is read: an image, or k-space with its reconstruction.
pub struct Subject<'a> {
    /// The image.
    pub volume: &'a Volume,
    /// How it was reconstructed.
    pub reconstruction: Option<(ReconstructionInfo, ReconPictures)>,
    /// The input as results name it.
    pub path: &'a Path,
    /// Hash of the input.
    pub sha256: String,
    /// What to write besides the report.
    pub formats: Formats<'a>,
}

/// An opened input.
enum Opened {
    Raw(Box<RawScan>),
    /// Images, and where DICOM results were asked for, the series of each.
    Volumes(Vec<Volume>, Vec<Option<SourceSeries>>),
}

/// A DICOM input with the series that DICOM results refer to, all of one patient and study.
fn open_series(input: &Path, options: &OpenOptions) -> Result<Opened> {
    let (mut volumes, mut sources) = (Vec::new(), Vec::new());
    let all = read_dicom_series(input, options)?;
    let several = all.len() > 1;
    for mut series in all {
        let source = match series.source {
            Ok(source) => Some(source),
            // One odd series, a screenshot for example, does not keep a study from being filed.
            Err(e @ omnimri_image::Error::NoDicomSource { .. }) if several => {
                let why = format!("No DICOM results of this series: {e}.");
                series.volume.warnings.push(why);
                None
            }
            Err(e) => return Err(e.into()),
        };
        volumes.push(series.volume);
        sources.push(source);
    }
    SourceSeries::check_one_study(sources.iter().flatten())?;
    Ok(Opened::Volumes(volumes, sources))
}

impl Engine {
    /// Reads one input into `out/<name>/`; `name` is the stem unless the caller needs another. What stands there already is
    /// replaced only if it is a result of the same input; else the folder becomes `<name>-2` and so on.
    ///
    /// # Errors
    /// Everything in [`Error`]; nothing is left half-written.
    pub fn read(
        &self,
        input: &Path,
        out: &Path,
        name: Option<&str>,
        options: &ReadOptions,
    ) -> Result<ReadOutcome> {
        self.read_watched(input, out, name, options, &())
    }

    /// As [`Engine::read`], followed by `watch`.
    ///
    /// # Errors
    /// Everything in [`Error`]; [`Error::Stopped`] if `watch` says so. Nothing is left half-written.
    pub fn read_watched(
        &self,
        input: &Path,
        out: &Path,
        name: Option<&str>,
        options: &ReadOptions,
        watch: &dyn Watch,
    ) -> Result<ReadOutcome> {
        let started = Instant::now();
        tell(watch, input, Progress::of_image(Step::Open, 0.0, (0, 1)))?;
        let name = name.map_or_else(|| stem(input), str::to_owned);
        let kind = detect(input)?;
        let formats = &options.formats;
        formats.check(input, kind)?;
        let opened = match kind {
            InputKind::KSpace => Opened::Raw(Box::new(open_raw(input, &options.open)?)),
            InputKind::Dicom if formats.dicom.is_some() => open_series(input, &options.open)?,
            _ => match open(input, &options.open)? {
                Input::Volumes(volumes) => Opened::Volumes(volumes, Vec::new()),
                Input::KSpace(_) => Opened::Raw(Box::new(open_raw(input, &options.open)?)),
            },
        };
        let hash = sha256(input)?;
        let input = watch.name().unwrap_or(input);
        let folder = Staged::new(out, &name)?;
        let results = folder.fill(|fresh| match opened {
            Opened::Raw(scan) => {
                let doc =
                    self.read_scan(&scan, input, hash.clone(), fresh, options, started, watch)?;
                Ok(vec![doc])
            }
            Opened::Volumes(volumes, sources) if volumes.len() == 1 => {
                let subject = Subject {
                    volume: &volumes[0],
                    reconstruction: None,
                    path: input,
                    sha256: hash.clone(),
                    formats: formats.of(input, None, sources.first().and_then(Option::as_ref)),
                };
                let doc = self.read_image(&subject, fresh, started, watch, (0, 1))?;
                Ok(vec![doc])
            }
            Opened::Volumes(volumes, sources) => {
                self.read_study(&volumes, &sources, input, &hash, fresh, formats, watch)
            }
        })?;
        Ok(ReadOutcome {
            folder: folder.finish(|earlier| is_result_of(earlier, &hash))?,
            results,
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one call of `read_watched`, which nothing else makes"
    )]
    fn read_scan(
        &self,
        raw: &RawScan,
        input: &Path,
        hash: String,
        folder: &Path,
        options: &ReadOptions,
        started: Instant,
        watch: &dyn Watch,
    ) -> Result<ResultDoc> {
        let (method, recon) = (options.method, &options.recon);
        let at = |within| Progress::of_image(Step::Reconstruct, within, (0, 1));
        tell(watch, input, at(0.0))?;
        let n_frames = raw.header.frames.len().max(1) as f64;
        let told = |n: usize| watch.progress(at(n as f64 / n_frames));
        let made = scan::reconstruct_scan(Some(self), raw, method, recon, &told)?;
        write_nifti(&folder.join("reconstruction.nii.gz"), &made.volume)?;
        watch.scan(folder, raw, &made)?;
        let info = ReconstructionInfo {
            method: made.method.clone(),
            acceleration: made.acceleration,
        };
        let pictures = scan::pictures(raw, &made, recon)?;
        let subject = Subject {
            volume: &made.volume,
            reconstruction: Some((info, pictures)),
            path: input,
            sha256: hash,
            formats: options.formats.of(input, None, None),
        };
        self.read_image(&subject, folder, started, watch, (0, 1))
    }

    /// A study: one folder a series, and `study.json`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one call of `read_watched`, which nothing else makes"
    )]
    fn read_study(
        &self,
        volumes: &[Volume],
        sources: &[Option<SourceSeries>],
        input: &Path,
        hash: &str,
        folder: &Path,
        formats: &FormatOptions,
        watch: &dyn Watch,
    ) -> Result<Vec<ResultDoc>> {
        let mut results = Vec::new();
        let mut index = Vec::new();
        for (i, volume) in volumes.iter().enumerate() {
            let started = Instant::now();
            let mut series = series_name(volume, i);
            if index
                .iter()
                .any(|e: &serde_json::Value| e["folder"] == series.as_str())
            {
                series = format!("{series}-{i}");
            }
            let dir = folder.join(&series);
            std::fs::create_dir_all(&dir).map_err(|source| Error::Output {
                path: dir.clone(),
                source,
            })?;
            let subject = Subject {
                volume,
                reconstruction: None,
                path: input,
                sha256: hash.to_owned(),
                formats: formats.of(
                    input,
                    Some(&series),
                    sources.get(i).and_then(Option::as_ref),
                ),
            };
            let result = self.read_image(&subject, &dir, started, watch, (i, volumes.len()))?;
            index.push(serde_json::json!({
                "folder": series,
                "series_uid": volume.acquisition.series_uid,
                "series_number": volume.acquisition.series_number,
                "description": volume.acquisition.description,
                "status": result.status,
            }));
            results.push(result);
        }
        let study = serde_json::json!({
            "schema": STUDY_SCHEMA,
            "input": { "path": input.display().to_string(), "sha256": hash },
            "series": index,
        });
        let path = folder.join("study.json");
        std::fs::write(&path, format!("{study:#}\n"))
            .map_err(|source| Error::Output { path, source })?;
        Ok(results)
    }

    /// Reads an image and writes its result into `folder`.
    ///
    /// # Errors
    /// If the model fails or a file cannot be written.
    pub fn read_volume(
        &self,
        subject: &Subject<'_>,
        folder: &Path,
        started: Instant,
    ) -> Result<ResultDoc> {
        self.read_image(subject, folder, started, &(), (0, 1))
    }

    fn read_image(
        &self,
        subject: &Subject<'_>,
        folder: &Path,
        started: Instant,
        watch: &dyn Watch,
        image: (usize, usize),
    ) -> Result<ResultDoc> {
        let volume = subject.volume;
        let at = |step| tell(watch, subject.path, Progress::of_image(step, 0.0, image));
        watch.image(folder, volume)?;
        at(Step::Look)?;
        let (result, labels) = self.result_of(subject, started)?;
        at(Step::Write)?;
        if let Some(map) = &labels {
            watch.labels(folder, volume, map)?;
            let file = segmentation_file(volume);
            let path = folder.join(file);
            if file.ends_with(".png") {
                let size = volume.geometry.size;
                write_png_labels(&path, &map.labels, size.x, size.y)?;
            } else {
                write_label_map(&path, map)?;
            }
        }
        let pictures = Pictures {
            volume,
            labels: labels.as_ref(),
            reconstruction: subject.reconstruction.as_ref().map(|(_, p)| p),
        };
        // `result.json` comes last: where it is, everything is.
        subject.formats.write(folder, &result, &pictures)?;
        write_report(folder, &result, &pictures)?;
        Ok(result)
    }

    /// The result of an image and its label map; nothing is written.
    pub(crate) fn result_of(
        &self,
        subject: &Subject<'_>,
        started: Instant,
    ) -> Result<(ResultDoc, Option<LabelMap>)> {
        let volume = subject.volume;
        let said = self.interpret_volume(volume, subject.path, Wording::Decoded)?;
        let file = segmentation_file(volume);
        let mut warnings = volume.warnings.clone();
        warnings.extend(said.warnings);
        if volume.n_frames > 1 {
            warnings.push(format!("Of {} frames the first was read.", volume.n_frames));
        }
        let size = volume.geometry.size;
        let mut shape = if size.z == 1 && file.ends_with(".png") {
            vec![size.x, size.y]
        } else {
            vec![size.x, size.y, size.z]
        };
        if volume.n_frames > 1 {
            shape.push(volume.n_frames);
        }
        let spacing_mm = volume
            .geometry
            .trusted_spacing_mm()
            .map(|s| vec![s.x, s.y, s.z]);
        let result = ResultDoc {
            schema: SCHEMA.to_owned(),
            input: InputInfo {
                path: subject.path.display().to_string(),
                kind: volume.source,
                sha256: subject.sha256.clone(),
                shape,
                spacing_mm,
            },
            model: self.model_info(),
            status: said.status,
            acquisition: said.acquisition,
            reconstruction: subject
                .reconstruction
                .as_ref()
                .map(|(info, _)| info.clone()),
            anatomy: said.anatomy,
            findings: said.findings,
            diagnosis: said.diagnosis,
            report: said.report,
            warnings,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok((result, said.labels))
    }
}

/// Where the label map of an input goes: a PNG for a 2D image file, NIfTI for everything else.
pub(crate) fn segmentation_file(volume: &Volume) -> &'static str {
    if volume.source == SourceKind::Image || (volume.is_2d() && volume.source == SourceKind::KSpace)
    {
        "segmentation.png"
    } else {
        "segmentation.nii.gz"
    }
}

/// `<series number>-<eight hexadecimal digits of the UID's hash>`.
fn series_name(volume: &Volume, index: usize) -> String {
    use sha2::{Digest, Sha256};
    let a = &volume.acquisition;
    let uid = a.series_uid.clone().unwrap_or_else(|| index.to_string());
    let hash: String = Sha256::digest(uid.as_bytes())
        .iter()
        .take(4)
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("{}-{hash}", a.series_number.unwrap_or(index as i64))
}
