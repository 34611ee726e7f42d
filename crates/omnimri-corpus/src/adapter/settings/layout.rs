//! Settings of single layouts: how volumes are trusted, and what BIDS, Decathlon, DICOM, raw data and arrays need.

use std::collections::BTreeMap;

use omnimri_findings::Sequence;
use serde::{Deserialize, Serialize};

/// What to believe of a volume's header and how to turn it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeForm {
    /// Turn volumes so that their axes run closest to R, A, S; left as stored if false.
    pub canonical: bool,
    /// The header's voxel sizes are known to be wrong.
    pub spacing_wrong: bool,
}

/// One of several images of a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Series {
    /// Name, appended to the id.
    pub name: String,
    /// Template of the image.
    pub image: String,
    /// Template of its own mask; that of the mask rules if absent.
    pub mask: Option<String>,
    /// Its sequence, before that of the class rules.
    pub sequence: Option<Sequence>,
    /// Which frame of the fourth axis, counted from 0; the first if absent.
    pub frame: Option<usize>,
    /// True: a row without this file simply lacks the series. False: the file is missing and the row is rejected.
    pub optional: bool,
    /// Name of the array within the file, for `array`.
    pub array: Option<String>,
    /// Which series of a folder, for `dicom_tree`.
    pub dicom: Option<DicomChoice>,
}

/// Which DICOM series below the folder `image` are meant. All conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DicomChoice {
    /// Modality code; `MR` if absent.
    pub modality: Option<String>,
    /// The description contains one of these, letter case ignored; any if empty.
    pub description: Vec<String>,
    /// The description contains none of these.
    pub not: Vec<String>,
    /// Fewest files.
    pub min_files: usize,
    /// True: every series that fits is an example, its UID's last part appended to the id. False: the first by series number.
    pub all: bool,
}

/// Which images of a BIDS dataset (bids-specification.readthedocs.io) are examples.
///
/// A row is an image; its columns are `id` (the name without its suffixes, `sub-01_ses-1_T1w`), `entities` (that without the BIDS
/// suffix, `sub-01_ses-1`), `path`, `folder` (`sub-01/ses-1`), `datatype`, `suffix`, `subject` (`sub-01`), the other entities by their short key
/// (`ses`, `acq`, `run`, ...), and the columns of `participants.tsv`. The JSON sidecar beside an image gives parameters; those of
/// folders above are not looked for.
/// Without a rule the sequence follows from the suffix (T1w, T2w, FLAIR, PDw, T2starw, dwi, bold, asl, angio, ...; T1w with `ce`
/// is contrast-enhanced).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bids {
    /// Folder of the raw dataset below the dataset's folder; itself if absent.
    #[serde(default)]
    pub root: Option<String>,
    /// The images.
    pub images: Vec<BidsImage>,
}

/// Images of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BidsImage {
    /// BIDS suffix, for example `T1w`.
    pub suffix: String,
    /// Folder of the data type; `anat` if absent.
    #[serde(default = "anat")]
    pub datatype: String,
    /// Entities that must have this value, by short key; an empty value means that the entity must be absent.
    #[serde(default)]
    pub entities: BTreeMap<String, String>,
    /// Its sequence, before that of the suffix.
    #[serde(default)]
    pub sequence: Option<Sequence>,
}

fn anat() -> String {
    "anat".into()
}

/// The Medical Segmentation Decathlon and nnU-Net: `dataset.json` with `imagesTr`, `labelsTr` and `imagesTs` beside it.
///
/// Columns: `id` (the case), `split`, `image` and `label` (paths). Channels are the series: their `frame` is the channel's number,
/// read from the fourth axis of one file or from the files `CASE_0000` and so on; their `image` and `mask` are not given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decathlon {
    /// Path of `dataset.json`; that name in the dataset's folder if absent.
    pub file: Option<String>,
    /// True: test images, which have no labels, are offered as val. False: they are left out.
    pub test: bool,
}

/// How raw data becomes an image, for `fastmri` and `ismrmrd`.
///
/// Fully sampled frames are combined by the root of the sum of squares over coils; frames with gaps are rejected, unless the file
/// has a reconstruction of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawForm {
    /// Names of datasets with the file's own reconstruction `[slice][y][x]`; the first that is there is the image.
    pub reconstructions: Vec<String>,
    /// Which contrast (echo) of several; the first if absent.
    pub contrast: usize,
    /// Which repetition of several; the first if absent.
    pub repetition: usize,
}

/// How an array becomes an image, for `array`: `.npy`, `.npz`, MATLAB v7.3 and other HDF5. Complex values give their magnitude.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArrayForm {
    /// Names of the axes in the order of the array (MATLAB's own order for MATLAB files): `z`, `y`, `x`, `frame`.
    ///
    /// An axis of another name is cut at the place that `at` gives, the first if it gives none.
    pub axes: Vec<String>,
    /// Places of axes of other names, counted from 0.
    pub at: BTreeMap<String, usize>,
    /// Name of the array of the image, for files that hold several.
    pub array: Option<String>,
    /// Voxel sizes `[z, y, x]` in millimetres, where the dataset's paper states one for all.
    pub spacing_mm: Option<[f64; 3]>,
}
