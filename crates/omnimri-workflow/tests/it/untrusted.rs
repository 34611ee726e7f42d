//! Files that do not say, or falsely say, where their voxels lie: pixels, sides of the image, null volumes and a warning.

use omnimri_image::Volume;
use omnimri_image::nifti::{Header, Version, encode_nifti};
use omnimri_workflow::ReadOptions;

use crate::engine::outlining;
use crate::head::head;

/// A NIfTI file of the volume's voxels with a header of the caller's making.
fn file(volume: &Volume, change: impl Fn(&mut Header)) -> Vec<u8> {
    let size = volume.geometry.size;
    let mut header = Header::new(Version::One);
    header.dim = [3, size.x as i64, size.y as i64, size.z as i64, 1, 1, 1, 1];
    change(&mut header);
    let raw: Vec<u8> = volume.voxels.iter().flat_map(|v| v.to_le_bytes()).collect();
    encode_nifti(&header, &raw)
}

#[test]
fn what_a_header_does_not_say_is_not_said() {
    let dir = tempfile::tempdir().unwrap();
    let original = head(5, 112);
    let engine = outlining(dir.path(), &original);
    let spacing = original.geometry.affine.spacing_mm();
    let no_forms = file(&original, |h| {
        h.pixdim[1..4].copy_from_slice(&[spacing.x, spacing.y, spacing.z])
    });
    let unit_voxels = file(&original, |h| {
        h.sform_code = 1;
        h.srow = [
            [-1.0, 0.0, 0.0, 56.0],
            [0.0, -1.0, 0.0, 56.0],
            [0.0, 0.0, 1.0, 0.0],
        ];
    });
    let zero_forms = file(&original, |h| {
        (h.sform_code, h.qform_code) = (1, 1);
        h.pixdim = [0.0; 8];
    });
    for (name, bytes) in [
        ("no-forms", no_forms),
        ("unit-voxels", unit_voxels),
        ("zero-forms", zero_forms),
    ] {
        let path = dir.path().join(format!("{name}.nii"));
        std::fs::write(&path, bytes).unwrap();
        let outcome = engine
            .read(
                &path,
                &dir.path().join("out"),
                None,
                &ReadOptions::default(),
            )
            .unwrap();
        let result = &outcome.results[0];
        assert_eq!(result.input.spacing_mm, None, "{name}");
        assert!(!result.warnings.is_empty(), "{name}");
        let finding = &result.findings[0];
        assert_eq!(
            (finding.volume_ml, finding.diameter_mm),
            (None, None),
            "{name}"
        );
        let side = finding.location.unwrap().name();
        assert!(
            ["image left", "image right", "midline"].contains(&side),
            "{name}: {side}"
        );
        let text = std::fs::read_to_string(outcome.folder.join("report.md")).unwrap();
        assert!(
            !text.contains("patient left") && !text.contains("patient right"),
            "{name}"
        );
        assert!(
            !text.contains(" mL") && !text.contains("diameter"),
            "{name}: {text}"
        );
        assert!(
            outcome.folder.join("segmentation.nii.gz").is_file(),
            "{name}"
        );
    }
}
