//! DICOM files, folders and trees.
//!
//! `layout` and `walker` walk a file with every length checked, `header` and `frames` say what its frames are,
//! `scan` does so for every file below a path, `stacks` groups frames that can lie on one grid,
//! `grid` and `frame_order` put them there, `pixels` and `codec` decode them, `series` joins all of
//! it to volumes. `stored` gives an archive headers and encoded frames. `labels`, `segmentation` and `structures` paint SEG and RTSTRUCT onto a volume's grid. Positions are LPS+ in the files and RAS+ from `grid` on.

mod attributes;
mod codec;
mod codestream;
mod frame_order;
mod frames;
mod grid;
mod header;
mod labels;
mod layout;
mod pixels;
mod rle;
mod scan;
mod segmentation;
mod series;
mod source;
mod stacks;
mod stored;
mod structures;
mod syntax;
mod walker;

pub use labels::paint_dicom_labels;
pub use series::{
    DicomSeries, SeriesFiles, dicom_series, read_dicom, read_dicom_files, read_dicom_series,
};
pub use source::{SourceSeries, SourceSlice};
pub use stored::{DicomHeader, read_dicom_frame};

pub(crate) use layout::looks_like_dicom;
