//! What a catalogue entry says of its layout. Templates hold column names in braces: `images/{id}.png`.
//!
//! [`Adapter::kind`] says how rows are found and pixels are read; everything else (masks, classes, boxes, texts, questions) is
//! the same for every kind.

mod labels;
mod layout;
mod rows;
mod validate;

use serde::{Deserialize, Serialize};

pub use labels::{
    BoxForm, BoxRule, ClassRules, Closed, EmptyWhen, MaskForm, MaskRule, MissingMask, QuestionRule,
    TextRule,
};
pub use layout::{ArrayForm, Bids, BidsImage, Decathlon, DicomChoice, RawForm, Series, VolumeForm};
pub use rows::{Choice, Join, PartTable, Rows, SplitFile, SubjectBlock};

/// How rows are found and pixels are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// 2D pictures (PNG, JPEG) with a table; one or several registered pictures a row; masks, boxes, classes, texts.
    ImageFolderCsv,
    /// Volume files (NIfTI, MetaImage, NRRD), one or several a case, in folders of cases or not, with one or several label maps.
    NiftiCases,
    /// Pictures or volumes with questions and answers, or with captions.
    QuestionAnswer,
    /// Volumes with free text: as `nifti_cases`, and at least one text rule.
    VolumeReport,
    /// A BIDS dataset.
    Bids,
    /// Medical Segmentation Decathlon, nnU-Net.
    Decathlon,
    /// fastMRI's HDF5.
    Fastmri,
    /// ISMRMRD's HDF5.
    Ismrmrd,
    /// DICOM files below folders, grouped by series UID.
    DicomTree,
    /// npy, npz, MATLAB v7.3 and HDF5 arrays.
    Array,
}

impl AdapterKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::ImageFolderCsv,
        Self::NiftiCases,
        Self::QuestionAnswer,
        Self::VolumeReport,
        Self::Bids,
        Self::Decathlon,
        Self::Fastmri,
        Self::Ismrmrd,
        Self::DicomTree,
        Self::Array,
    ];

    /// Name as written in a catalogue entry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImageFolderCsv => "image_folder_csv",
            Self::NiftiCases => "nifti_cases",
            Self::QuestionAnswer => "question_answer",
            Self::VolumeReport => "volume_report",
            Self::Bids => "bids",
            Self::Decathlon => "decathlon",
            Self::Fastmri => "fastmri",
            Self::Ismrmrd => "ismrmrd",
            Self::DicomTree => "dicom_tree",
            Self::Array => "array",
        }
    }
}

/// How a dataset is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// The layout.
    pub kind: AdapterKind,
    /// The rows.
    #[serde(default)]
    pub rows: Rows,
    /// Template of the image (or, for `dicom_tree`, of the folder), for one image a row. One of `image` and `series`, but for
    /// `bids`, which needs neither, and `decathlon`, which needs no `image`.
    #[serde(default)]
    pub image: Option<String>,
    /// Images of a row.
    #[serde(default)]
    pub series: Vec<Series>,
    /// The mask rule, where there is one.
    #[serde(default)]
    pub mask: Option<MaskRule>,
    /// Further mask rules; each paints over those before.
    #[serde(default)]
    pub masks: Vec<MaskRule>,
    /// What is known of an image as a whole.
    #[serde(default)]
    pub classes: ClassRules,
    /// Boxes.
    #[serde(default)]
    pub boxes: Option<BoxRule>,
    /// Texts.
    #[serde(default)]
    pub texts: Vec<TextRule>,
    /// Questions with answers.
    #[serde(default)]
    pub questions: Option<QuestionRule>,
    /// How volumes are turned and trusted.
    #[serde(default)]
    pub form: VolumeForm,
    /// For `bids`.
    #[serde(default)]
    pub bids: Option<Bids>,
    /// For `decathlon`.
    #[serde(default)]
    pub decathlon: Option<Decathlon>,
    /// For `fastmri` and `ismrmrd`.
    #[serde(default)]
    pub raw: Option<RawForm>,
    /// For `array`.
    #[serde(default)]
    pub array: Option<ArrayForm>,
}

impl Adapter {
    /// All mask rules in the order in which they paint.
    pub fn mask_rules(&self) -> impl Iterator<Item = &MaskRule> {
        self.mask.iter().chain(&self.masks)
    }

    /// True where every image is 2D without a trusted voxel size.
    pub const fn is_flat(&self) -> bool {
        matches!(self.kind, AdapterKind::ImageFolderCsv)
    }

    /// The images of a row; one without a name for an adapter of one image a row.
    pub(crate) fn series(&self) -> Vec<Series> {
        if !self.series.is_empty() {
            return self.series.clone();
        }
        let image = match self.kind {
            AdapterKind::Bids => "{path}",
            AdapterKind::Decathlon => "{image}",
            _ => self.image.as_deref().unwrap_or_default(),
        };
        vec![Series {
            image: image.to_owned(),
            ..Series::default()
        }]
    }
}
