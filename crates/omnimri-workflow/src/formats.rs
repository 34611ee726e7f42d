//! What is written beside `result.json` on request: DICOM objects with a FHIR bundle, and BIDS derivatives.

use std::path::Path;
use std::time::Instant;

use omnimri_image::{Input, InputKind, SourceSeries, open, sha256, write_beside};
use omnimri_report::bids::{BidsInput, BidsName, write_bids, write_bids_description};
use omnimri_report::dicom::{Making, SegmentationType, write_dicom};
use omnimri_report::fhir::fhir_bundle;
use omnimri_report::{Pictures, ResultDoc};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::read::{ReadOptions, Subject};

/// Which formats to write besides the report.
#[derive(Debug, Clone, Default)]
pub struct FormatOptions {
    /// DICOM objects and a FHIR bundle.
    pub dicom: Option<DicomOptions>,
    /// BIDS derivatives in `bids/`.
    pub bids: bool,
}

/// How DICOM objects are made.
#[derive(Debug, Clone, Default)]
pub struct DicomOptions {
    /// How the segmentation stores its voxels.
    pub segmentation: SegmentationType,
    /// Root of new UIDs; `2.25` with a UUID without one.
    pub uid_root: Option<String>,
}

/// What the formats of one subject need.
#[derive(Debug, Default)]
pub struct Formats<'a> {
    /// The series that DICOM objects refer to.
    pub dicom: Option<(&'a SourceSeries, &'a DicomOptions)>,
    /// What BIDS derivatives are called.
    pub bids: Option<BidsName>,
}

impl FormatOptions {
    /// Refuses DICOM results of an input that is no DICOM.
    pub(crate) fn check(&self, input: &Path, kind: InputKind) -> Result<()> {
        let found = match kind {
            InputKind::Dicom => return Ok(()),
            _ if self.dicom.is_none() => return Ok(()),
            InputKind::Nifti => "NIfTI",
            InputKind::MetaImage => "MetaImage",
            InputKind::Nrrd => "NRRD",
            InputKind::Image => "a PNG or JPEG image",
            InputKind::KSpace => "k-space",
        };
        Err(Error::Kind {
            path: input.to_owned(),
            expected: "a DICOM series, which DICOM results refer to",
            found: found.to_owned(),
            hint: "read it without --dicom",
        })
    }

    /// The formats of the image `part` of `input`, where the input has several.
    pub(crate) fn of<'a>(
        &'a self,
        input: &Path,
        part: Option<&str>,
        source: Option<&'a SourceSeries>,
    ) -> Formats<'a> {
        Formats {
            dicom: source.zip(self.dicom.as_ref()),
            bids: self.bids.then(|| BidsName::of_input(input, part)),
        }
    }
}

impl Formats<'_> {
    /// Writes them into the result folder.
    pub(crate) fn write(
        &self,
        folder: &Path,
        result: &ResultDoc,
        pictures: &Pictures<'_>,
    ) -> Result<()> {
        if let Some((source, options)) = self.dicom {
            let mut making = Making::now(options.uid_root.as_deref())?;
            let kind = options.segmentation;
            write_dicom(folder, result, pictures, source, kind, &mut making)?;
            let bundle = fhir_bundle(result, Some(source), &mut making)?;
            let path = folder.join("fhir.json");
            write_beside(&path, |w| writeln!(w, "{bundle:#}"))?;
        }
        if let Some(name) = &self.bids {
            let out = folder.join("bids");
            write_bids_description(&out, None)?;
            write_bids(&out, name, None, result, pictures)?;
        }
        Ok(())
    }
}

impl Engine {
    /// Reads one image of a BIDS dataset and writes its derivatives below `out`, whose description is there already.
    ///
    /// # Errors
    /// Everything in [`Error`]; each file is whole or not there, the report's JSON last.
    pub fn read_bids(
        &self,
        input: &BidsInput,
        out: &Path,
        options: &ReadOptions,
    ) -> Result<ResultDoc> {
        let started = Instant::now();
        let kind = || Error::Kind {
            path: input.path.clone(),
            expected: "a NIfTI image",
            found: "another kind of file".to_owned(),
            hint: "check the dataset",
        };
        let Input::Volumes(volumes) = open(&input.path, &options.open)? else {
            return Err(kind());
        };
        let volume = volumes.first().ok_or_else(kind)?;
        let subject = Subject {
            volume,
            reconstruction: None,
            path: &input.path,
            sha256: sha256(&input.path)?,
            formats: Formats::default(),
        };
        let (result, labels) = self.result_of(&subject, started)?;
        let pictures = Pictures {
            volume,
            labels: labels.as_ref(),
            reconstruction: None,
        };
        write_bids(out, &input.name, Some(&input.relative), &result, &pictures)?;
        Ok(result)
    }
}
