//! Outlines of DICOM objects painted onto the grid of a volume.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::attributes::Attributes;
use super::header::max_inflated;
use super::layout::{Layout, PixelBytes};
use super::{segmentation, structures};
use crate::guard::{causes, guarded};
use crate::open::files_below;
use crate::{Error, Geometry, OpenOptions, Result};

/// A parsed object: its attributes but the pixels, and where those lie.
pub(super) struct Object {
    pub attributes: InMemDicomObject,
    /// First byte and length of uncompressed pixel data.
    pub pixels: Option<(u64, u64)>,
}

/// Labels `[z][y][x]` on the grid `onto`, painted from a DICOM SEG or RTSTRUCT, or from all of them below a folder.
///
/// `value_of` gives the value of a segment's label or a structure's name; what it does not know is passed over, and what comes
/// later in the object paints over what came before.
///
/// # Errors
/// A path without such an object, an object that cannot be read, or contours that do not lie in the slices of the grid.
pub fn paint_dicom_labels(
    path: &Path,
    onto: &Geometry,
    value_of: &dyn Fn(&str) -> Option<u8>,
    options: &OpenOptions,
) -> Result<Vec<u8>> {
    let files = match path.is_dir() {
        true => files_below(path)?,
        false => vec![path.to_path_buf()],
    };
    let mut labels = vec![0; onto.size.count()];
    let mut n_objects = 0;
    for file in &files {
        let object = match read_object(file, options) {
            Ok(object) => object,
            // A folder may hold anything beside the object; a file that was named may not.
            Err(_) if path.is_dir() => continue,
            Err(error) => return Err(error),
        };
        match Attributes(&object.attributes)
            .text(tags::SOP_CLASS_UID)
            .as_deref()
        {
            Some(uids::SEGMENTATION_STORAGE) => {
                segmentation::paint(file, &object, onto, value_of, options, &mut labels)?;
            }
            Some(uids::RT_STRUCTURE_SET_STORAGE) => {
                structures::paint(file, &object, onto, value_of, &mut labels)?;
            }
            _ => continue,
        }
        n_objects += 1;
    }
    if n_objects == 0 {
        return Err(Error::NoImages {
            path: path.into(),
            expected: "a DICOM segmentation or structure set",
            found: format!("{} files, none of them one", files.len()),
            hint: "check the path",
        });
    }
    Ok(labels)
}

/// Parses a file behind the walker, which holds every declared length against the file.
fn read_object(path: &Path, options: &OpenOptions) -> Result<Object> {
    let layout = Layout::read(path, max_inflated(options))?;
    let ill_formed = |found: String, source| Error::ReadDicom {
        path: path.into(),
        what: "data set".into(),
        expected: "well-formed data elements".into(),
        found,
        source,
    };
    let syntax = TransferSyntaxRegistry
        .get(layout.encoding.uid())
        .ok_or_else(|| ill_formed("an unknown transfer syntax".into(), None))?;
    let header = layout.header.as_slice();
    let attributes = guarded(|| InMemDicomObject::read_dataset_with_ts(header, syntax))
        .map_err(|panic| ill_formed(panic, None))?
        .map_err(|source| ill_formed(causes(&source), Some(Box::new(source))))?;
    let pixels = match (layout.deflated_at, layout.pixels.map(|p| p.bytes)) {
        (None, Some(PixelBytes::Native { offset, len })) => Some((offset, len)),
        _ => None,
    };
    Ok(Object { attributes, pixels })
}

/// Items of a sequence; none where it is absent.
pub(super) fn items(object: Attributes<'_>, tag: dicom_core::Tag) -> &[InMemDicomObject] {
    object
        .0
        .get(tag)
        .and_then(|e| e.items())
        .unwrap_or_default()
}

/// LPS+ millimetres to a fractional voxel index `(i, j, k)`.
pub(super) fn to_index(inverse: &crate::Affine, lps: [f64; 3]) -> [f64; 3] {
    inverse.apply([-lps[0], -lps[1], lps[2]])
}

/// A grid whose affine can be inverted.
pub(super) fn inverse_of(path: &Path, onto: &Geometry) -> Result<crate::Affine> {
    onto.affine.inverse().ok_or_else(|| Error::BadAffine {
        path: path.into(),
        expected: "an image with a position in space".into(),
        found: "a singular affine".into(),
        hint: "the image gives no place for its outlines".into(),
    })
}
