//! Sorts the readouts of a measurement into frames and lays out the grid they fall on.

use std::collections::BTreeMap;
use std::path::Path;

use super::header::Protocol;
use super::mdh::{Purpose, Readout};
use crate::raw::{FrameLabel, RampSampling, SlicePosition};
use crate::{Error, OpenOptions, Result, Zyx};

/// A slice of the protocol and one of the readouts are the same if their centres are this close.
const SAME_SLICE_MM: f64 = 0.1;

/// Where readouts of one measurement go.
#[derive(Debug)]
pub(super) struct Plan {
    pub readouts: Vec<Readout>,
    pub frames: Vec<FramePlan>,
    pub grid: Grid,
    pub n_coils: usize,
    pub regrid: Option<RampSampling>,
    /// Lines of the frame that has most.
    pub most_lines: usize,
    /// True if the measurement breaks off.
    pub broken: bool,
    pub warnings: Vec<String>,
}

/// Readouts of one frame, as indices, in file order.
#[derive(Debug, Default)]
pub(super) struct FramePlan {
    pub label: FrameLabel,
    pub lines: Vec<usize>,
    pub navigators: Vec<usize>,
    pub reference: Vec<usize>,
    pub reference_navigators: Vec<usize>,
}

/// The encoded matrix, and which counters lie at its centre.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub size: Zyx<usize>,
    pub is_3d: bool,
    /// Replaces the centre line, or partition, of line headers that leave it zero.
    centre_line: Option<usize>,
    centre_partition: Option<usize>,
}

impl Grid {
    /// Row, `[z][y]`, of a readout; `None` outside the grid.
    pub(super) fn row(&self, r: &Readout) -> Option<usize> {
        let along = |counter: u16, centre: usize, n: usize| {
            let at = i64::from(counter) - centre as i64 + (n / 2) as i64;
            usize::try_from(at).ok().filter(|at| *at < n)
        };
        let y = along(r.line, self.line_centre(r), self.size.y)?;
        let z = match self.is_3d {
            true => along(r.partition, self.partition_centre(r), self.size.z)?,
            false => 0,
        };
        Some(z * self.size.y + y)
    }

    /// Column of a readout's first sample after turning round; may lie outside the grid.
    pub(super) fn first_column(&self, r: &Readout) -> i64 {
        (self.size.x / 2) as i64 - centre_column(r) as i64
    }

    fn line_centre(&self, r: &Readout) -> usize {
        self.centre_line.unwrap_or(r.centre_line.into())
    }

    fn partition_centre(&self, r: &Readout) -> usize {
        self.centre_partition.unwrap_or(r.centre_partition.into())
    }
}

/// Sample at the centre of k-space, counted after lines that ran backwards are turned round.
fn centre_column(r: &Readout) -> usize {
    let n = usize::from(r.n_samples);
    let centre = match usize::from(r.centre_column) {
        // Left out by some sequences: the echo is in the middle.
        0 => n / 2,
        c if c >= n => n / 2,
        c => c,
    };
    // Samples are taken about the middle of the gradient's plateau, so a line's middle stays in place when it is turned.
    if r.reversed() && centre != n / 2 {
        n - centre
    } else {
        centre
    }
}

/// Smallest length with room for `left` samples before the centre `n / 2` and `right` from it on.
fn smallest(left: usize, right: usize) -> usize {
    (2 * left).max((2 * right).saturating_sub(1)).max(1)
}

/// The first nominal length that has the room, or else the smallest.
fn length(left: usize, right: usize, nominal: &[Option<usize>]) -> usize {
    let fits = |n: &usize| n / 2 >= left && n - n / 2 >= right;
    let nominal = nominal.iter().flatten().copied().find(fits);
    nominal.unwrap_or(smallest(left, right))
}

/// Room that counters need before and after their centre.
fn extent(pairs: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    pairs.fold((0, 0), |(left, right), (at, centre)| {
        let before = centre.saturating_sub(at);
        let after = (at + 1).saturating_sub(centre);
        (left.max(before), right.max(after))
    })
}

/// Repetition, phase, set, contrast, slice: the order of frames.
type Key = (u16, u16, u16, u16, u16);

fn key(r: &Readout) -> Key {
    (r.repetition, r.phase, r.set, r.contrast, r.slice)
}

impl Plan {
    /// Sorts the readouts of the imaging measurement.
    pub(super) fn new(
        path: &Path,
        readouts: Vec<Readout>,
        protocol: &Protocol,
        broken_at: Option<u64>,
        options: &OpenOptions,
    ) -> Result<Self> {
        let mut warnings = Vec::new();
        let in_image = |r: &Readout| {
            let purpose = r.purpose();
            purpose == Purpose::Image
                || (purpose == Purpose::Reference && protocol.reference_in_place)
        };
        refuse_unsupported(path, &readouts, protocol)?;
        let Some(first) = readouts.iter().find(|r| in_image(r)) else {
            return Err(Error::BadShape {
                path: path.into(),
                what: "measurement",
                expected: "image lines".into(),
                found: format!("{} readouts, none of them of an image", readouts.len()),
                hint: "is it an adjustment scan? give the file of the image".into(),
            });
        };
        let n_coils = usize::from(first.n_coils);
        check_coils(path, &readouts, n_coils, &in_image)?;
        let image = || readouts.iter().filter(|r| in_image(r));
        let grid = lay_out(image, protocol, &mut warnings);
        check_size(path, grid.size, n_coils, options)?;
        let regrid = regrid(image, protocol, grid.size, &mut warnings);
        let mut frames = BTreeMap::<Key, FramePlan>::new();
        let mut n_odd = 0;
        for (i, r) in readouts.iter().enumerate().filter(|(_, r)| in_image(r)) {
            let plan = frames.entry(key(r)).or_default();
            plan.lines.push(i);
        }
        // By purpose, then slice: a reference scan serves all frames of its slice.
        let mut others = [(); 3].map(|()| BTreeMap::<u16, Vec<usize>>::new());
        for (i, r) in readouts.iter().enumerate().filter(|(_, r)| !in_image(r)) {
            let which = match r.purpose() {
                Purpose::Navigator => 0,
                Purpose::Reference => 1,
                Purpose::ReferenceNavigator => 2,
                _ => continue,
            };
            if usize::from(r.n_coils) == n_coils {
                others[which].entry(r.slice).or_default().push(i);
            } else {
                n_odd += 1;
            }
        }
        if n_odd > 0 {
            warnings.push(format!(
                "{n_odd} reference or navigator lines have another number of coils than the image and were left out."
            ));
        }
        let mut frames: Vec<FramePlan> = frames
            .into_iter()
            .map(|(k, plan)| {
                let [navigators, reference, reference_navigators] =
                    [0, 1, 2].map(|which| serving(&readouts, others[which].get(&k.4), k));
                FramePlan {
                    label: label(k, &readouts[plan.lines[0]]),
                    lines: plan.lines,
                    navigators,
                    reference,
                    reference_navigators,
                }
            })
            .collect();
        name_slices(&mut frames, &protocol.slices);
        if frames.iter().any(|f| f.label.position.is_none()) {
            warnings.push("The line headers do not say where the slices lie.".into());
        }
        let most_lines = frames.iter().map(|f| f.lines.len()).max().unwrap_or(0);
        if let Some(at) = broken_at {
            let n: usize = frames.iter().map(|f| f.lines.len()).sum();
            warnings.push(format!(
                "The measurement breaks off at byte {at}: {n} image lines in {} frames were read, the protocol asks for \
                 {} a frame.",
                frames.len(),
                grid.size.y * grid.size.z,
            ));
        }
        Ok(Self {
            readouts,
            frames,
            grid,
            n_coils,
            regrid,
            most_lines,
            broken: broken_at.is_some(),
            warnings,
        })
    }
}

/// Kinds of measurement whose image would be silently wrong.
fn refuse_unsupported(path: &Path, readouts: &[Readout], protocol: &Protocol) -> Result<()> {
    let unsupported = |what, expected: &str, found: String, hint: &str| {
        Err(Error::Unsupported {
            path: path.into(),
            what,
            expected: expected.into(),
            found,
            hint: hint.into(),
        })
    };
    if !protocol.is_cartesian {
        return unsupported(
            "trajectory",
            "Cartesian lines",
            "radial, spiral or rotated lines".into(),
            "the file does not hold the trajectory; convert it to ISMRMRD with the trajectory in it",
        );
    }
    let accelerated = readouts
        .iter()
        .any(|r| r.purpose() == Purpose::SliceAcceleration);
    if accelerated || protocol.multiband > 1 {
        return unsupported(
            "simultaneous multi-slice",
            "one slice at a time",
            format!("{} slices at a time", protocol.multiband.max(2)),
            "unfold the slices first and save them as ISMRMRD",
        );
    }
    Ok(())
}

fn check_coils(
    path: &Path,
    readouts: &[Readout],
    n_coils: usize,
    in_image: &impl Fn(&Readout) -> bool,
) -> Result<()> {
    let odd = readouts
        .iter()
        .find(|r| in_image(r) && usize::from(r.n_coils) != n_coils);
    match odd {
        None => Ok(()),
        Some(r) => Err(Error::BadShape {
            path: path.into(),
            what: "image lines",
            expected: format!("{n_coils} coils in every line"),
            found: format!(
                "{} in the line whose samples begin at byte {}",
                r.n_coils, r.samples_at
            ),
            hint: "the file is damaged; copy or export it again".into(),
        }),
    }
}

fn check_size(path: &Path, size: Zyx<usize>, n_coils: usize, options: &OpenOptions) -> Result<()> {
    let n = [size.y, size.x, n_coils]
        .iter()
        .try_fold(size.z, |n, &f| n.checked_mul(f));
    if n.is_some_and(|n| n <= options.max_voxels) {
        return Ok(());
    }
    Err(Error::TooLarge {
        path: path.into(),
        what: "samples of a frame",
        expected: options.max_voxels as u64,
        found: format!("{n_coils} coils of {} x {} x {}", size.z, size.y, size.x),
        hint: "raise the limit if the size is right",
    })
}

/// The encoded matrix: as the protocol says where the lines fit, else as large as they need.
fn lay_out<'a, I: Iterator<Item = &'a Readout>>(
    image: impl Fn() -> I,
    protocol: &Protocol,
    warnings: &mut Vec<String>,
) -> Grid {
    let is_3d = protocol.is_3d || image().any(|r| r.partition > 0);
    let (left, right) = image().fold((0, 0), |(left, right), r| {
        let centre = centre_column(r);
        (
            left.max(centre),
            right.max(usize::from(r.n_samples) - centre),
        )
    });
    let most = image().map(|r| usize::from(r.n_samples)).max().unwrap_or(1);
    let x = if smallest(left, right) == most {
        most
    } else {
        // An asymmetric echo: the protocol knows the whole line.
        let whole = protocol
            .base_resolution
            .zip(protocol.read_oversampling)
            .map(|(n, factor)| (n as f64 * factor).round() as usize);
        length(left, right, &[whole])
    };
    let mut centre =
        |values: &dyn Fn(&Readout) -> (u16, u16), nominal: Option<usize>, what: &str| {
            let most = image().map(|r| values(r).0).max().unwrap_or(0);
            let unset = most > 0 && image().all(|r| values(r).1 == 0);
            unset.then(|| {
                let n = nominal.unwrap_or(usize::from(most) + 1);
                warnings.push(format!(
                    "The line headers leave the central {what} at zero; {} of {n} is taken.",
                    n / 2
                ));
                n / 2
            })
        };
    let centre_line = centre(&|r| (r.line, r.centre_line), protocol.phase_lines, "line");
    let centre_partition = match is_3d {
        true => centre(
            &|r| (r.partition, r.centre_partition),
            protocol.partitions,
            "partition",
        ),
        false => None,
    };
    let mut grid = Grid {
        size: Zyx::new(1, 1, x),
        is_3d,
        centre_line,
        centre_partition,
    };
    let (left, right) = extent(image().map(|r| (r.line.into(), grid.line_centre(r))));
    grid.size.y = length(left, right, &[protocol.phase_lines, protocol.fourier_lines]);
    if is_3d {
        let (left, right) = extent(image().map(|r| (r.partition.into(), grid.partition_centre(r))));
        grid.size.z = length(left, right, &[protocol.partitions]);
    }
    grid
}

/// Ramp sampling as the protocol says, if every image line has the samples it speaks of.
fn regrid<'a, I: Iterator<Item = &'a Readout>>(
    image: impl Fn() -> I,
    protocol: &Protocol,
    size: Zyx<usize>,
    warnings: &mut Vec<String>,
) -> Option<RampSampling> {
    let ramp = protocol.regrid?;
    let whole = |r: &Readout| usize::from(r.n_samples) == size.x && centre_column(r) == size.x / 2;
    if ramp.n_samples != size.x || !image().all(whole) {
        warnings.push(format!(
            "The protocol asks for regridding of {} samples on ramps, which the lines do not have; they are left as \
             they are.",
            ramp.n_samples
        ));
        return None;
    }
    // The same for every frame: the slices of one measurement share their in-plane centre.
    let off_centre_mm = image().next().map_or(0.0, |r| f64::from(r.off_centre_mm));
    let fov_mm = protocol
        .read_fov_mm
        .map(|fov| fov * protocol.read_oversampling.unwrap_or(1.0));
    let off_centre = fov_mm.map_or(0.0, |fov| off_centre_mm / fov);
    Some(RampSampling {
        // The image axis runs against the scanner's, see `position`.
        off_centre: if off_centre.abs() < 1.0 {
            -off_centre
        } else {
            0.0
        },
        ..ramp
    })
}

fn label(key: Key, first: &Readout) -> FrameLabel {
    let (repetition, phase, set, contrast, slice) = key;
    FrameLabel {
        slice: slice.into(),
        contrast: contrast.into(),
        phase: phase.into(),
        repetition: repetition.into(),
        set: set.into(),
        position: position(first),
    }
}

/// Where the slice lies.
///
/// The quaternion's columns are the phase, read and slice axes of an image made by the forward transform of k-space,
/// which is how the scanner reconstructs. Under this project's convention (k-space is the forward transform of the
/// image) all three run the other way.
fn position(r: &Readout) -> Option<SlicePosition> {
    let q = r.quaternion.map(f64::from);
    let norm = q.iter().map(|v| v * v).sum::<f64>().sqrt();
    let centre_mm = r.position.map(f64::from);
    if (norm - 1.0).abs() > 0.01 || !centre_mm.iter().all(|v| v.abs() < 1e4) {
        return None;
    }
    let [w, x, y, z] = q.map(|v| v / norm);
    let phase = [
        1.0 - 2.0 * (y * y + z * z),
        2.0 * (x * y + w * z),
        2.0 * (x * z - w * y),
    ];
    let read = [
        2.0 * (x * y - w * z),
        1.0 - 2.0 * (x * x + z * z),
        2.0 * (y * z + w * x),
    ];
    let slice = [
        2.0 * (x * z + w * y),
        2.0 * (y * z - w * x),
        1.0 - 2.0 * (x * x + y * y),
    ];
    Some(SlicePosition {
        centre_mm,
        read: read.map(|v| -v),
        phase: phase.map(|v| -v),
        slice: slice.map(|v| -v),
    })
}

/// Which of a slice's navigators or reference lines serve a frame: its own, or else those of the first frame that has any.
fn serving(readouts: &[Readout], of_slice: Option<&Vec<usize>>, frame: Key) -> Vec<usize> {
    let of_slice = of_slice.map_or(&[][..], |list| list);
    let all_of = |k: Key| {
        let list = of_slice.iter().copied();
        list.filter(move |i| key(&readouts[*i]) == k)
            .collect::<Vec<_>>()
    };
    let own = all_of(frame);
    if !own.is_empty() {
        return own;
    }
    let first = of_slice.iter().map(|i| key(&readouts[*i])).min();
    first.map_or_else(Vec::new, all_of)
}

/// Numbers slices as the protocol does, which is by position; line headers count in the order of acquisition.
fn name_slices(frames: &mut [FramePlan], protocol: &[[f64; 3]]) {
    let mut names = BTreeMap::new();
    for frame in frames.iter() {
        let Some(position) = frame.label.position else {
            return;
        };
        let near =
            |c: &&[f64; 3]| (0..3).all(|i| (c[i] - position.centre_mm[i]).abs() < SAME_SLICE_MM);
        let mut matches = protocol.iter().enumerate().filter(|(_, c)| near(c));
        let (Some((name, _)), None) = (matches.next(), matches.next()) else {
            return;
        };
        if *names.entry(frame.label.slice).or_insert(name) != name {
            return;
        }
    }
    let distinct: std::collections::BTreeSet<_> = names.values().collect();
    if distinct.len() < names.len() {
        return;
    }
    for frame in frames.iter_mut() {
        frame.label.slice = names[&frame.label.slice];
    }
    frames.sort_by_key(|f| {
        let l = &f.label;
        (l.repetition, l.phase, l.set, l.contrast, l.slice)
    });
}
