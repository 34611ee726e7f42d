//! What the axes of an array are, from names a user gives; nothing is guessed beyond what is unambiguous.

use std::path::Path;

use super::{FrameLabel, RawHeader};
use crate::npy::shape_text;
use crate::{Acquisition, Error, Result, Zyx};

/// Most coils an array may have; more of them look like matrix rows.
const MOST_COILS: usize = 128;
/// Most frames one array may declare.
const MAX_FRAMES: usize = 1 << 20;

/// A counter that tells frames apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    Slice,
    Contrast,
    Phase,
    Repetition,
    Set,
}

impl Counter {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "slice" | "slices" => Self::Slice,
            "echo" | "echoes" | "contrast" | "te" => Self::Contrast,
            "cardiac" => Self::Phase,
            "time" | "t" | "frame" | "frames" | "rep" | "repetition" => Self::Repetition,
            "set" => Self::Set,
            _ => return None,
        })
    }

    fn set(self, label: &mut FrameLabel, value: usize) {
        *match self {
            Self::Slice => &mut label.slice,
            Self::Contrast => &mut label.contrast,
            Self::Phase => &mut label.phase,
            Self::Repetition => &mut label.repetition,
            Self::Set => &mut label.set,
        } = value;
    }
}

/// Roles of the axes of an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axes {
    pub coil: Option<usize>,
    /// Two or three axes, slowest first: `y, x` or `z, y, x`.
    pub image: Vec<usize>,
    /// Axes that tell frames apart, in the order of the array.
    pub frames: Vec<(usize, Counter)>,
}

impl Axes {
    /// From names for all axes, or for those longer than 1.
    pub fn named(
        path: &Path,
        shape: &[usize],
        names: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        let wrong = |expected: &str, hint: String| {
            let found = format!("axes {} for shape {}", names.join(","), shape_text(shape));
            Err(bad_shape(path, expected, found, hint))
        };
        let names: Vec<String> = names
            .iter()
            .map(|n| n.trim().to_ascii_lowercase())
            .collect();
        if names
            .iter()
            .enumerate()
            .any(|(i, n)| n.is_empty() || names[..i].contains(n))
        {
            return wrong(
                "distinct axis names",
                "name every axis once, as in --axes coil,kz,ky,kx".into(),
            );
        }
        let long: Vec<usize> = (0..shape.len()).filter(|&a| shape[a] != 1).collect();
        let places: Vec<usize> = if names.len() == shape.len() {
            (0..shape.len()).collect()
        } else if names.len() == long.len() {
            long
        } else {
            return wrong(
                "one name for every axis",
                "as in --axes coil,kz,ky,kx".into(),
            );
        };
        let mut axes = Self {
            coil: None,
            image: Vec::new(),
            frames: Vec::new(),
        };
        for (&axis, name) in places.iter().zip(&names) {
            if matches!(name.as_str(), "coil" | "coils" | "channel" | "channels") {
                if axes.coil.replace(axis).is_some() {
                    return wrong(
                        "one coil axis",
                        "name the others, as in --axes coil,y,x".into(),
                    );
                }
            } else if let Some(counter) = Counter::of(name) {
                if axes.frames.iter().any(|f| f.1 == counter) {
                    return wrong(
                        "one axis of every kind",
                        format!("{name} is named twice in other words"),
                    );
                }
                axes.frames.push((axis, counter));
            } else {
                axes.image.push(axis);
            }
        }
        // An image axis of size 1 is none, as long as two are left.
        while axes.image.len() > 2
            && let Some(at) = axes.image.iter().position(|&a| shape[a] == 1)
        {
            axes.image.remove(at);
        }
        if !(2..=3).contains(&axes.image.len()) {
            return wrong(
                "two or three axes of the image beside coil, slice, time, echo, rep, cardiac and set",
                "as in --axes coil,ky,kx or --axes slice,coil,ky,kx".into(),
            );
        }
        axes.check_coils(path, shape, &places, &names, warnings)?;
        Ok(axes)
    }

    /// Axes of an array without names: only what cannot be taken for anything else.
    pub fn guessed(path: &Path, shape: &[usize], warnings: &mut Vec<String>) -> Result<Self> {
        let roles = |coil, y, x| Self {
            coil,
            image: vec![y, x],
            frames: Vec::new(),
        };
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        while axes.len() > 3 {
            match axes.iter().position(|&a| shape[a] == 1) {
                Some(at) => axes.remove(at),
                None => break,
            };
        }
        let text = shape_text(shape);
        match axes[..] {
            [y, x] => {
                warnings.push(format!(
                    "The axes of shape {text} are taken as y, x of a single coil."
                ));
                Ok(roles(None, y, x))
            }
            [c, y, x] => {
                let (nc, ny, nx) = (shape[c], shape[y], shape[x]);
                if nc <= MOST_COILS && nc < ny && nc < nx {
                    warnings.push(format!(
                        "The axes of shape {text} are taken as coil, y, x ({nc} coils)."
                    ));
                    return Ok(roles(Some(c), y, x));
                }
                if nx <= MOST_COILS && nx < nc && nx < ny {
                    return Err(bad_shape(
                        path,
                        "coils first, (coil, y, x)",
                        format!("shape {text}, which looks like coils last"),
                        "say which axis is which with --axes x,y,coil".into(),
                    ));
                }
                Err(bad_shape(
                    path,
                    "coils first and fewer than rows and columns, (coil, y, x)",
                    format!("shape {text}"),
                    "say which axis is which, for example with --axes coil,y,x".into(),
                ))
            }
            _ => Err(bad_shape(
                path,
                "one slice, (coil, y, x) or (y, x)",
                format!("shape {text}"),
                "save one slice, or name axes of size 1 with --axes".into(),
            )),
        }
    }

    /// Finds names that cannot be right: more coils than a scanner has while another axis would do.
    fn check_coils(
        &self,
        path: &Path,
        shape: &[usize],
        places: &[usize],
        names: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let n_coils = self.coil.map_or(1, |a| shape[a]);
        let Some(&least) = self.image.iter().min_by_key(|&&a| shape[a]) else {
            return Ok(());
        };
        let name = |axis: usize| {
            let at = places.iter().position(|&p| p == axis);
            at.map_or("", |i| names[i].as_str())
        };
        let text = format!(
            "axis {} ({}, {} long) looks like coils",
            least,
            name(least),
            shape[least]
        );
        let most = self.image.iter().map(|&a| shape[a]).max().unwrap_or(1);
        if n_coils > MOST_COILS && shape[least] <= MOST_COILS {
            return Err(bad_shape(
                path,
                &format!("at most {MOST_COILS} coils"),
                format!("{n_coils} for shape {}; {text}", shape_text(shape)),
                "name the axes in the order in which they are stored".into(),
            ));
        }
        if n_coils > most {
            warnings.push(format!(
                "There are more coils ({n_coils}) than samples along any axis; {text}."
            ));
        } else if self.coil.is_none()
            && self.image.len() == 3
            && shape[least] <= 64
            && 4 * shape[least] <= most
        {
            warnings.push(format!("No axis is named coil; {text}."));
        }
        Ok(())
    }

    /// Image matrix.
    pub fn size(&self, shape: &[usize]) -> Zyx<usize> {
        match self.image[..] {
            [z, y, x] => Zyx::new(shape[z], shape[y], shape[x]),
            [y, x] => Zyx::new(1, shape[y], shape[x]),
            _ => Zyx::new(1, 1, 1),
        }
    }

    /// Number of coils.
    pub fn n_coils(&self, shape: &[usize]) -> usize {
        self.coil.map_or(1, |a| shape[a])
    }

    /// Labels of all frames, the last frame axis fastest.
    pub fn labels(&self, path: &Path, shape: &[usize]) -> Result<Vec<FrameLabel>> {
        let n = self
            .frames
            .iter()
            .try_fold(1_usize, |n, f| n.checked_mul(shape[f.0]));
        let Some(n) = n.filter(|&n| n <= MAX_FRAMES) else {
            return Err(Error::TooLarge {
                path: path.into(),
                what: "declared number of frames",
                expected: MAX_FRAMES as u64,
                found: shape_text(shape),
                hint: "are the axes named in the order in which they are stored?",
            });
        };
        let label = |index: usize| {
            let mut label = FrameLabel::default();
            for ((_, counter), at) in self.frames.iter().zip(self.counters(shape, index)) {
                counter.set(&mut label, at);
            }
            label
        };
        Ok((0..n).map(label).collect())
    }

    /// Place along every frame axis of the `index`-th frame.
    fn counters(&self, shape: &[usize], mut index: usize) -> Vec<usize> {
        let mut places = vec![0; self.frames.len()];
        for (place, (axis, _)) in places.iter_mut().zip(&self.frames).rev() {
            *place = index % shape[*axis];
            index /= shape[*axis];
        }
        places
    }

    /// Start and size of the block that holds the `index`-th frame.
    pub fn block(&self, shape: &[usize], index: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut start, mut count) = (vec![0; shape.len()], shape.to_vec());
        for ((axis, _), place) in self.frames.iter().zip(self.counters(shape, index)) {
            start[*axis] = place;
            count[*axis] = 1;
        }
        (start, count)
    }

    /// A header that says what an array says: matrix, coils and frames.
    pub fn header(
        &self,
        path: &Path,
        format: &'static str,
        shape: &[usize],
        warnings: Vec<String>,
    ) -> Result<RawHeader> {
        Ok(RawHeader {
            path: path.into(),
            format,
            n_coils: self.n_coils(shape),
            encoded: self.size(shape),
            recon: self.size(shape),
            encoded_fov_mm: None,
            recon_fov_mm: None,
            frames: self.labels(path, shape)?,
            noise: None,
            acquisition: Acquisition::default(),
            warnings,
        })
    }
}

pub(super) fn bad_shape(path: &Path, expected: &str, found: String, hint: String) -> Error {
    Error::BadShape {
        path: path.into(),
        what: "k-space",
        expected: expected.into(),
        found,
        hint,
    }
}

/// The axis of `shape` that looks like coils, for errors: the shortest one longer than 1.
pub(super) fn coil_like(shape: &[usize]) -> String {
    let long = || (0..shape.len()).filter(|&a| shape[a] > 1);
    let most = long().map(|a| shape[a]).max().unwrap_or(1);
    match long().min_by_key(|&a| shape[a]) {
        Some(axis) if shape[axis] <= MOST_COILS && 2 * shape[axis] <= most => {
            format!("axis {axis} ({} long) looks like coils", shape[axis])
        }
        _ => "no axis looks like coils".into(),
    }
}
