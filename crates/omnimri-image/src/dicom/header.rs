//! What a reader needs of one file's header: identity, pixel format, acquisition and one record a
//! frame.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::codec::Codec;
use super::frames::{FrameRecord, frame_records};
use super::layout::{Layout, PixelBytes, PixelElement, SampleKind};
use super::source::Identity;
use super::stored::DicomHeader;
use crate::{Acquisition, Error, OpenOptions, Result};

/// Most frames one object may declare.
const MAX_FRAMES: i64 = 100_000;

/// How the samples of a frame are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelFormat {
    pub rows: usize,
    pub columns: usize,
    pub kind: SampleKind,
    pub bits_allocated: u32,
    pub bits_stored: u32,
    pub high_bit: u32,
    pub signed: bool,
    /// MONOCHROME1: the smallest value is white.
    pub inverted: bool,
}

impl PixelFormat {
    /// Samples of a frame.
    pub fn n_samples(&self) -> usize {
        self.rows * self.columns
    }

    /// Bytes of an uncompressed frame.
    pub fn n_bytes(&self) -> u64 {
        self.n_samples() as u64 * u64::from(self.bits_allocated / 8)
    }
}

/// One readable image file: everything but its pixels.
#[derive(Debug)]
pub(super) struct FileInfo {
    pub path: PathBuf,
    pub transfer_syntax: String,
    pub big_endian: bool,
    pub codec: Codec,
    pub deflated_at: Option<u64>,
    /// Uncompressed samples of a deflated file, once they were read.
    pub inflated: OnceLock<Vec<u8>>,
    pub pixels: PixelElement,
    /// Extended offset table (7FE0,0001), for objects whose basic table is empty.
    pub extended_offsets: Option<Vec<u64>>,
    pub format: PixelFormat,
    pub n_frames: usize,
    pub series_uid: String,
    pub sop_uid: Option<String>,
    /// Image type from its third value on, which tells magnitude from phase and water from fat.
    pub image_type: String,
    /// Parameters of the first frame.
    pub acquisition: Acquisition,
    /// What objects derived from it repeat.
    pub identity: Identity,
}

/// Largest inflated data set for a voxel limit: four bytes a voxel and a generous header.
pub(super) fn max_inflated(options: &OpenOptions) -> u64 {
    (options.max_voxels as u64)
        .saturating_mul(4)
        .saturating_add(64 << 20)
}

/// Reads the header of the file at `path`, and one record for each of its frames.
pub(super) fn read_header(
    path: &Path,
    options: &OpenOptions,
) -> Result<(FileInfo, Vec<FrameRecord>)> {
    let layout = Layout::read(path, max_inflated(options))?;
    let bytes = layout.header.as_slice();
    let parsed = DicomHeader::parse(
        path,
        layout.transfer_syntax.clone(),
        bytes,
        layout.encoding.uid(),
    )?;
    let object = parsed.object;
    let header = Attributes(&object);
    refuse_non_images(path, header)?;
    let Some(pixels) = layout.pixels else {
        let found = object_name(header);
        return Err(unsupported(
            path,
            "DICOM object",
            "an image",
            &found,
            "it has no pixel data",
        ));
    };
    let codec = Codec::of(path, &layout.transfer_syntax)?;
    let format = pixel_format(path, header, pixels.kind)?;
    let n_frames = number_of_frames(path, header, &format, options)?;
    let records = frame_records(path, header, n_frames)?;
    let info = FileInfo {
        path: path.into(),
        transfer_syntax: layout.transfer_syntax,
        codec,
        big_endian: layout.encoding.big_endian,
        deflated_at: layout.deflated_at,
        inflated: OnceLock::new(),
        pixels,
        extended_offsets: extended_offsets(header),
        format,
        n_frames,
        // Without a UID nothing says which files belong together but the folder they lie in.
        series_uid: header.text(tags::SERIES_INSTANCE_UID).unwrap_or_else(|| {
            format!("no series UID, {}", path.parent().unwrap_or(path).display())
        }),
        sop_uid: header.text(tags::SOP_INSTANCE_UID),
        image_type: image_type(header),
        acquisition: parsed.acquisition,
        identity: Identity::of(header),
    };
    info.check_length()?;
    Ok((info, records))
}

impl FileInfo {
    /// Refuses pixel data that cannot hold the frames that the header declares.
    fn check_length(&self) -> Result<()> {
        let refuse = |expected, found| {
            let hint = "the file was cut or its matrix size is wrong";
            Err(bad_header(&self.path, "Pixel Data", expected, found, hint))
        };
        match &self.pixels.bytes {
            PixelBytes::Native { len, .. } if self.codec == Codec::Native => {
                let expected = self.format.n_bytes().saturating_mul(self.n_frames as u64);
                if *len >= expected {
                    return Ok(());
                }
                let frames = format!("{expected} bytes for {} frames", self.n_frames);
                refuse(frames, format!("{len} bytes"))
            }
            PixelBytes::Native { .. } => {
                refuse("compressed fragments".into(), "uncompressed samples".into())
            }
            PixelBytes::Fragments { .. } if self.codec == Codec::Native => {
                refuse("uncompressed samples".into(), "compressed fragments".into())
            }
            PixelBytes::Fragments { fragments, .. } if fragments.len() < self.n_frames => {
                let expected = format!("a fragment for each of {} frames", self.n_frames);
                refuse(expected, format!("{} fragments", fragments.len()))
            }
            PixelBytes::Fragments { .. } => Ok(()),
        }
    }
}

fn refuse_non_images(path: &Path, header: Attributes<'_>) -> Result<()> {
    let class = header.text(tags::SOP_CLASS_UID).unwrap_or_default();
    let modality = header.text(tags::MODALITY).unwrap_or_default();
    // A segmentation's pixels are labels, and a Siemens mosaic's are tiles of many slices: neither
    // is a slice.
    if modality == "SEG" || class.starts_with("1.2.840.10008.5.1.4.1.1.66") {
        return Err(unsupported(
            path,
            "DICOM object",
            "an image",
            &object_name(header),
            "skipped",
        ));
    }
    if header
        .text(tags::IMAGE_TYPE)
        .is_some_and(|t| t.split('\\').any(|v| v == "MOSAIC"))
    {
        let hint = "export it as enhanced multi-frame or convert it to NIfTI";
        return Err(unsupported(
            path,
            "image type",
            "one slice a frame",
            "a mosaic of slices",
            hint,
        ));
    }
    Ok(())
}

/// Modality and SOP class in words, for a message.
fn object_name(header: Attributes<'_>) -> String {
    let modality = header.text(tags::MODALITY).unwrap_or_default();
    let name = match modality.as_str() {
        "SR" => "a structured report (SR)",
        "SEG" => "a segmentation (SEG)",
        "PR" => "a presentation state (PR)",
        "KO" => "a key object selection (KO)",
        "RTSTRUCT" => "a structure set (RTSTRUCT)",
        "DOC" => "a document (DOC)",
        _ => "",
    };
    if !name.is_empty() {
        return name.into();
    }
    // Its class stands in the file meta information alone.
    if header.0.get(tags::DIRECTORY_RECORD_SEQUENCE).is_some() {
        return "a directory (DICOMDIR)".into();
    }
    match (modality.as_str(), header.text(tags::SOP_CLASS_UID)) {
        ("", Some(class)) => format!("SOP class {class}"),
        ("", None) => "an object without SOP class".into(),
        (modality, _) => format!("an object of modality {modality}"),
    }
}

fn pixel_format(path: &Path, header: Attributes<'_>, kind: SampleKind) -> Result<PixelFormat> {
    let bounded = |tag, name: &str, min: i64, max: i64| {
        let found = header.integer(tag);
        found.filter(|v| (min..=max).contains(v)).ok_or_else(|| {
            let found = found.map_or("nothing".into(), |v| v.to_string());
            bad_header(
                path,
                name,
                format!("{min} to {max}"),
                found,
                "the file is not a valid image",
            )
        })
    };
    let rows = bounded(tags::ROWS, "Rows", 1, 65_535)? as usize;
    let columns = bounded(tags::COLUMNS, "Columns", 1, 65_535)? as usize;
    if header.integer(tags::SAMPLES_PER_PIXEL).unwrap_or(1) != 1 {
        return Err(Error::ColourImage {
            path: path.into(),
            found: "more than one sample a pixel".into(),
            hint: "colour captures and overlays are not read",
        });
    }
    let photometric = header
        .text(tags::PHOTOMETRIC_INTERPRETATION)
        .unwrap_or_default();
    if !matches!(photometric.as_str(), "" | "MONOCHROME1" | "MONOCHROME2") {
        let hint = "colour images are not read";
        return Err(unsupported(
            path,
            "photometric interpretation",
            "MONOCHROME1 or MONOCHROME2",
            &photometric,
            hint,
        ));
    }
    let bits_allocated = match kind {
        SampleKind::Float32 => 32,
        SampleKind::Float64 => 64,
        SampleKind::Integer => bounded(tags::BITS_ALLOCATED, "Bits Allocated", 1, 64)?,
    };
    if kind == SampleKind::Integer && !matches!(bits_allocated, 8 | 16 | 32) {
        let found = bits_allocated.to_string();
        return Err(unsupported(
            path,
            "bits allocated",
            "8, 16 or 32",
            &found,
            "convert the file",
        ));
    }
    let or_default = |tag, name, min, max, default| match header.integer(tag) {
        Some(_) => bounded(tag, name, min, max),
        None => Ok(default),
    };
    let (bits_stored, high_bit) = if kind == SampleKind::Integer {
        let stored = or_default(
            tags::BITS_STORED,
            "Bits Stored",
            1,
            bits_allocated,
            bits_allocated,
        )?;
        (
            stored,
            or_default(
                tags::HIGH_BIT,
                "High Bit",
                stored - 1,
                bits_allocated - 1,
                stored - 1,
            )?,
        )
    } else {
        (bits_allocated, bits_allocated - 1)
    };
    Ok(PixelFormat {
        rows,
        columns,
        kind,
        bits_allocated: bits_allocated as u32,
        bits_stored: bits_stored as u32,
        high_bit: high_bit as u32,
        signed: header.integer(tags::PIXEL_REPRESENTATION) == Some(1),
        inverted: photometric == "MONOCHROME1",
    })
}

fn number_of_frames(
    path: &Path,
    header: Attributes<'_>,
    format: &PixelFormat,
    options: &OpenOptions,
) -> Result<usize> {
    let n = header.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    if !(1..=MAX_FRAMES).contains(&n) {
        let expected = format!("1 to {MAX_FRAMES}");
        return Err(bad_header(
            path,
            "Number of Frames",
            expected,
            n.to_string(),
            "the file is damaged",
        ));
    }
    let n_voxels = format.n_samples().saturating_mul(n as usize);
    if n_voxels > options.max_voxels {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "voxels",
            expected: options.max_voxels as u64,
            found: format!("{} x {} x {n}", format.rows, format.columns),
            hint: "raise the voxel limit if the file is sound",
        });
    }
    Ok(n as usize)
}

fn extended_offsets(header: Attributes<'_>) -> Option<Vec<u64>> {
    let element = header.0.get(tags::EXTENDED_OFFSET_TABLE)?;
    let bytes = element.to_bytes().ok()?;
    let (words, _) = bytes.as_chunks::<8>();
    Some(words.iter().map(|w| u64::from_le_bytes(*w)).collect())
}

fn image_type(header: Attributes<'_>) -> String {
    let text = header.text(tags::IMAGE_TYPE).unwrap_or_default();
    text.split('\\')
        .skip(2)
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\\")
}

/// Acquisition parameters; those of enhanced objects lie in the functional groups of the first
/// frame.
pub(super) fn acquisition(header: Attributes<'_>) -> Acquisition {
    let shared = header.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let first = header.item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let number = |tag, macro_tag, macro_value| {
        header.number(tag).or_else(|| {
            let groups = [first, shared];
            groups
                .into_iter()
                .flatten()
                .find_map(|g| g.item(macro_tag)?.number(macro_value))
        })
    };
    let timing = tags::MR_TIMING_AND_RELATED_PARAMETERS_SEQUENCE;
    let agent = header.item(tags::CONTRAST_BOLUS_AGENT_SEQUENCE);
    let parts = [tags::MANUFACTURER, tags::MANUFACTURER_MODEL_NAME].map(|tag| header.text(tag));
    let scanner = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Acquisition {
        modality: header.text(tags::MODALITY),
        plane: None,
        description: header
            .text(tags::SERIES_DESCRIPTION)
            .or_else(|| header.text(tags::PROTOCOL_NAME)),
        sequence_name: header
            .text(tags::SEQUENCE_NAME)
            .or_else(|| header.text(tags::PULSE_SEQUENCE_NAME))
            .or_else(|| header.text(tags::SCANNING_SEQUENCE)),
        repetition_time_ms: number(tags::REPETITION_TIME, timing, tags::REPETITION_TIME),
        echo_time_ms: number(
            tags::ECHO_TIME,
            tags::MR_ECHO_SEQUENCE,
            tags::EFFECTIVE_ECHO_TIME,
        ),
        inversion_time_ms: number(
            tags::INVERSION_TIME,
            tags::MR_MODIFIER_SEQUENCE,
            tags::INVERSION_TIMES,
        )
        .filter(|v| *v > 0.0),
        flip_angle_deg: number(tags::FLIP_ANGLE, timing, tags::FLIP_ANGLE),
        field_strength_t: header
            .number(tags::MAGNETIC_FIELD_STRENGTH)
            .filter(|v| *v > 0.0)
            // Some scanners write gauss.
            .map(|v| if v > 100.0 { v / 10_000.0 } else { v }),
        contrast_agent: header
            .text(tags::CONTRAST_BOLUS_AGENT)
            .or_else(|| agent?.text(tags::CODE_MEANING)),
        scanner: (!scanner.is_empty()).then_some(scanner),
        slice_thickness_mm: number(
            tags::SLICE_THICKNESS,
            tags::PIXEL_MEASURES_SEQUENCE,
            tags::SLICE_THICKNESS,
        ),
        series_number: header.integer(tags::SERIES_NUMBER),
        series_uid: header.text(tags::SERIES_INSTANCE_UID),
        study_uid: header.text(tags::STUDY_INSTANCE_UID),
        sop_uids: Vec::new(),
    }
}

pub(super) fn bad_header(
    path: &Path,
    field: &str,
    expected: String,
    found: String,
    hint: &str,
) -> Error {
    Error::BadHeader {
        path: path.into(),
        field: field.into(),
        expected,
        found,
        hint: hint.into(),
    }
}

pub(super) fn unsupported(
    path: &Path,
    what: &'static str,
    expected: &str,
    found: &str,
    hint: &str,
) -> Error {
    Error::Unsupported {
        path: path.into(),
        what,
        expected: expected.into(),
        found: found.into(),
        hint: hint.into(),
    }
}
