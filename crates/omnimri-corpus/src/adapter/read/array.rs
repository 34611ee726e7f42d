//! Arrays whose axes the settings name.

use std::path::Path;

use omnimri_image::{Acquisition, NpyArray, Zyx, read_array};

use super::pixels::unplaced;
use super::{Fault, MAX_VOXELS, Opened, Result, options};
use crate::adapter::settings::ArrayForm;

/// Reads an array as a volume.
pub(super) fn open(
    path: &Path,
    form: &ArrayForm,
    name: Option<&str>,
    frame: usize,
) -> Result<Opened> {
    let (voxels, size) = values(path, form, name, frame)?;
    let spacing_mm = form.spacing_mm.map(|[z, y, x]| Zyx::new(z, y, x));
    Ok(unplaced(voxels, size, spacing_mm, Acquisition::default()))
}

/// The values `[z][y][x]` of an array, cut at the places that the settings give.
pub(super) fn values(
    path: &Path,
    form: &ArrayForm,
    name: Option<&str>,
    frame: usize,
) -> Result<(Vec<f32>, Zyx<usize>)> {
    if !path.is_file() {
        return Err(Fault::Missing(path.into()));
    }
    let array = read_array(path, name, &options())?;
    cut(&array, form, frame).map_err(|found| {
        Fault::Damaged(format!(
            "{}: expected an array with the axes {}, found {found} for shape {:?}",
            path.display(),
            form.axes.join(", "),
            array.shape
        ))
    })
}

fn cut(
    array: &NpyArray,
    form: &ArrayForm,
    frame: usize,
) -> std::result::Result<(Vec<f32>, Zyx<usize>), String> {
    let shape = &array.shape;
    if shape.len() != form.axes.len() {
        return Err(format!("{} axes", shape.len()));
    }
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    let mut start = 0usize;
    let mut along = [(1usize, 0usize); 3];
    for (axis, name) in form.axes.iter().enumerate() {
        let at = match name.as_str() {
            "z" => {
                along[0] = (shape[axis], strides[axis]);
                continue;
            }
            "y" => {
                along[1] = (shape[axis], strides[axis]);
                continue;
            }
            "x" => {
                along[2] = (shape[axis], strides[axis]);
                continue;
            }
            "frame" => frame,
            other => form.at.get(other).copied().unwrap_or(0),
        };
        if at >= shape[axis] {
            return Err(format!("no place {at} on axis {name}"));
        }
        start += at * strides[axis];
    }
    let size = Zyx::new(along[0].0, along[1].0, along[2].0);
    let count = size
        .y
        .checked_mul(size.x)
        .and_then(|n| n.checked_mul(size.z))
        .filter(|n| (1..=MAX_VOXELS).contains(n));
    let Some(count) = count else {
        return Err(format!("{} x {} x {} voxels", size.z, size.y, size.x));
    };
    let all = array.data.magnitudes();
    let mut out = Vec::with_capacity(count);
    for z in 0..size.z {
        for y in 0..size.y {
            let row = start + z * along[0].1 + y * along[1].1;
            for x in 0..size.x {
                let value = all.get(row + x * along[2].1).copied().unwrap_or(f32::NAN);
                out.push(value);
            }
        }
    }
    if out.iter().all(|v| v.is_finite()) {
        Ok((out, size))
    } else {
        Err("values that are not finite".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnimri_image::NpyData;

    #[test]
    fn axes_are_put_in_order_and_others_cut() {
        let array = NpyArray {
            shape: vec![2, 3, 2, 5],
            data: NpyData::F64((0..60).map(f64::from).collect()),
        };
        let form = ArrayForm {
            axes: ["x", "channel", "frame", "y"].map(String::from).to_vec(),
            at: [("channel".to_owned(), 1)].into(),
            ..ArrayForm::default()
        };
        let (values, size) = cut(&array, &form, 1).unwrap();
        assert_eq!(size, Zyx::new(1, 5, 2));
        // x strides 30, channel 10, frame 5, y 1.
        assert_eq!(values[..4], [15.0, 45.0, 16.0, 46.0]);
        assert!(cut(&array, &form, 2).unwrap_err().contains("axis frame"));
        let short = ArrayForm {
            axes: ["y", "x"].map(String::from).to_vec(),
            ..ArrayForm::default()
        };
        assert!(cut(&array, &short, 0).is_err());
    }
}
