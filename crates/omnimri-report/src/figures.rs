//! Which pictures a report shows, with captions and texts for those who cannot see them.

use omnimri_findings::Label;
use omnimri_image::{LabelMap, Volume};

use crate::error::Result;
use crate::render::{Picture, check_grid, mosaic, plain_picture, slice_picture};
use crate::view::View;

/// What a report can picture.
#[derive(Debug, Clone, Copy)]
pub struct Pictures<'a> {
    /// The image.
    pub volume: &'a Volume,
    /// Its labels, on the same grid.
    pub labels: Option<&'a LabelMap>,
    /// The reconstruction, where the input was k-space.
    pub reconstruction: Option<&'a ReconPictures>,
}

/// Two reconstructions of one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct ReconPictures {
    /// Zero-filled image `[y][x]`.
    pub zero_filled: Vec<f32>,
    /// The image that was read `[y][x]`.
    pub reconstructed: Vec<f32>,
    /// Rows.
    pub n_y: usize,
    /// Columns.
    pub n_x: usize,
}

/// One picture with its words.
pub(crate) struct Panel {
    pub(crate) picture: Picture,
    /// Below the picture; empty where the heading says it all.
    pub(crate) title: String,
    pub(crate) alt: String,
    /// Letters at the left, right, top and bottom edge, where orientation is trusted.
    pub(crate) letters: Option<[char; 4]>,
    /// A scale bar: length in millimetres and as a share of the picture's width.
    pub(crate) scale_bar: Option<(f64, f64)>,
}

/// Pictures that belong together.
pub(crate) struct Figure {
    pub(crate) heading: &'static str,
    pub(crate) panels: Vec<Panel>,
    pub(crate) caption: String,
    /// Labels that the pictures show, for the legend.
    pub(crate) legend: Vec<Label>,
}

/// Slices of a mosaic.
const MOSAIC: usize = 6;

/// All figures of a report.
pub(crate) fn figures(pictures: &Pictures<'_>) -> Result<Vec<Figure>> {
    check_grid(pictures.volume, pictures.labels)?;
    let mut out = vec![main_figure(pictures)?];
    if !pictures.volume.is_2d() {
        out.push(mosaic_figure(pictures)?);
    }
    if let Some(recon) = pictures.reconstruction {
        out.push(recon_figure(recon)?);
    }
    Ok(out)
}

/// Number of labelled voxels in each slice: findings first, anatomy where there are none.
pub(crate) fn labelled(pictures: &Pictures<'_>) -> Vec<usize> {
    let size = pictures.volume.geometry.size;
    let Some(map) = pictures.labels else {
        return vec![0; size.z];
    };
    let count = |wanted: &dyn Fn(u8) -> bool| -> Vec<usize> {
        map.labels
            .chunks_exact(size.y * size.x)
            .map(|slice| slice.iter().filter(|l| wanted(**l)).count())
            .collect()
    };
    let findings = count(&|l| Label::from_value(l).is_some_and(Label::is_finding));
    if findings.iter().any(|n| *n > 0) {
        findings
    } else {
        count(&|l| l != 0)
    }
}

/// The slice with the most labels, the first of equals; the middle one where nothing is labelled.
pub(crate) fn main_slice(counts: &[usize]) -> usize {
    let best = counts.iter().enumerate().rev().max_by_key(|(_, n)| **n);
    best.filter(|(_, n)| **n > 0)
        .map_or(counts.len() / 2, |(z, _)| z)
}

/// Up to [`MOSAIC`] slices, evenly spread over the labelled range, or over the volume.
pub(crate) fn mosaic_slices(counts: &[usize]) -> Vec<usize> {
    let filled: Vec<usize> = (0..counts.len()).filter(|z| counts[*z] > 0).collect();
    let pool: Vec<usize> = if filled.is_empty() {
        // The outermost slices seldom show anything.
        let margin = counts.len() / 8;
        (margin..counts.len() - margin).collect()
    } else {
        filled
    };
    let n = pool.len().min(MOSAIC);
    (0..n)
        .map(|k| pool[(2 * k + 1) * pool.len() / (2 * n)])
        .collect()
}

/// Labels within the given slices.
pub(crate) fn legend(labels: Option<&LabelMap>, slices: &[usize]) -> Vec<Label> {
    let Some(map) = labels else { return vec![] };
    let area = map.geometry.size.y * map.geometry.size.x;
    let shows = |label: &Label| {
        slices.iter().any(|z| {
            map.labels
                .get(z * area..(z + 1) * area)
                .is_some_and(|s| s.contains(&label.value()))
        })
    };
    Label::ALL.into_iter().filter(shows).collect()
}

fn names(labels: &[Label]) -> String {
    labels
        .iter()
        .map(|l| l.name())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A round length that takes up to a third of the width.
pub(crate) fn scale_bar(width_mm: f64) -> Option<(f64, f64)> {
    let length = [200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0]
        .into_iter()
        .find(|mm| *mm <= width_mm / 3.0)?;
    Some((length, length / width_mm))
}

fn main_figure(pictures: &Pictures<'_>) -> Result<Figure> {
    let volume = pictures.volume;
    let z = main_slice(&labelled(pictures));
    let view = View::of(&volume.geometry);
    let bar = view.width_mm.and_then(scale_bar);
    let where_ = if volume.is_2d() {
        "The input slice".to_owned()
    } else {
        format!("Slice {} of {}", z + 1, volume.geometry.size.z)
    };
    let mut panels = vec![Panel {
        picture: slice_picture(volume, None, z)?,
        title: "Image".to_owned(),
        alt: format!("{where_} without marks."),
        letters: view.letters,
        scale_bar: bar,
    }];
    let legend = legend(pictures.labels, &[z]);
    if !legend.is_empty() {
        panels.push(Panel {
            picture: slice_picture(volume, pictures.labels, z)?,
            title: "Outlined".to_owned(),
            alt: format!("{where_} with coloured outlines of: {}.", names(&legend)),
            letters: view.letters,
            scale_bar: bar,
        });
    }
    let orientation = if view.letters.is_some() {
        "Shown in radiological convention: the letters mark the patient's directions."
    } else {
        "Orientation is not known: shown as stored, without patient sides."
    };
    let scale = if bar.is_some() {
        ""
    } else {
        " Pixel size is not known: no scale bar."
    };
    let first = if volume.is_2d() {
        String::new()
    } else if legend.is_empty() {
        format!("{where_}. ")
    } else {
        format!("{where_}, the one with the largest outlined area. ")
    };
    Ok(Figure {
        heading: "Key image",
        panels,
        caption: format!("{first}{orientation}{scale}"),
        legend,
    })
}

fn mosaic_figure(pictures: &Pictures<'_>) -> Result<Figure> {
    let slices = mosaic_slices(&labelled(pictures));
    let legend = legend(pictures.labels, &slices);
    let listed = slices
        .iter()
        .map(|z| (z + 1).to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let alt = if legend.is_empty() {
        format!("Slices {listed} of the volume.")
    } else {
        format!(
            "Slices {listed} of the volume with coloured outlines of: {}.",
            names(&legend)
        )
    };
    let panel = Panel {
        picture: mosaic(pictures.volume, pictures.labels, &slices)?,
        title: String::new(),
        alt,
        letters: None,
        scale_bar: None,
    };
    let n = pictures.volume.geometry.size.z;
    Ok(Figure {
        heading: "Overview",
        panels: vec![panel],
        caption: format!("Slices {listed} of {n}, in reading order."),
        legend,
    })
}

fn recon_figure(recon: &ReconPictures) -> Result<Figure> {
    let panel = |slice: &[f32], title: &str, alt: &str| -> Result<Panel> {
        Ok(Panel {
            picture: plain_picture(slice, &recon.reconstructed, recon.n_y, recon.n_x)?,
            title: title.to_owned(),
            alt: alt.to_owned(),
            letters: None,
            scale_bar: None,
        })
    };
    Ok(Figure {
        heading: "Reconstruction",
        panels: vec![
            panel(
                &recon.zero_filled,
                "Zero-filled",
                "The slice reconstructed with zeros for samples that were not measured.",
            )?,
            panel(
                &recon.reconstructed,
                "Reconstructed",
                "The reconstructed slice that was read.",
            )?,
        ],
        caption: "Both in the grey window of the reconstructed image.".to_owned(),
        legend: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_chosen_where_labels_are() {
        assert_eq!(main_slice(&[0, 3, 9, 9, 1]), 2);
        assert_eq!(main_slice(&[0, 0, 0]), 1);
        assert_eq!(mosaic_slices(&[0, 1, 1, 0]), [1, 2]);
        assert_eq!(mosaic_slices(&[0; 16]), [3, 5, 7, 9, 11, 13]);
        assert_eq!(mosaic_slices(&[5; 24]).len(), MOSAIC);
    }

    #[test]
    fn a_scale_bar_is_round_and_fits() {
        assert_eq!(scale_bar(230.0), Some((50.0, 50.0 / 230.0)));
        assert_eq!(scale_bar(0.5), None);
    }
}
