//! The heads of all acquisitions, read once, a block at a time; samples stay in the file.

use std::path::Path;

use crate::raw::SlicePosition;
use crate::raw::hdf5::{Dataset, bad_structure};
use crate::raw::hdf5_types::{Member, Number, members};
use crate::raw::heap::HeapRef;
use crate::{Error, Result};

/// Bytes of heads read at once.
const BLOCK_BYTES: usize = 4 << 20;

/// Flags of an acquisition: bit `n - 1` of the standard's flag `n`.
pub(super) mod flag {
    pub const NOISE: u64 = 1 << 18;
    pub const CALIBRATION: u64 = 1 << 19;
    pub const CALIBRATION_AND_IMAGING: u64 = 1 << 20;
    pub const REVERSE: u64 = 1 << 21;
    pub const NAVIGATION: u64 = 1 << 22;
    pub const PHASE_CORRECTION: u64 = 1 << 23;
    pub const FEEDBACK: u64 = 1 << 25 | 1 << 27;
    pub const DUMMY: u64 = 1 << 26;
    pub const SURFACE_COIL: u64 = 1 << 28;
    pub const PHASE_STABILISATION: u64 = 1 << 29 | 1 << 30;
}

/// Which frame a line belongs to; the order is that of the frames, slices fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub repetition: u16,
    pub set: u16,
    pub phase: u16,
    pub contrast: u16,
    pub slice: u16,
}

/// Head of one acquisition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Place in the file, counted from 0.
    pub number: u32,
    pub flags: u64,
    pub key: Key,
    pub average: u16,
    pub step_1: u16,
    pub step_2: u16,
    pub encoding: u16,
    pub n_coils: u16,
    pub n_samples: u16,
    pub centre: u16,
    pub discard_pre: u16,
    pub discard_post: u16,
    /// Values a sample of the trajectory.
    pub n_dims: u16,
    /// Time a sample in microseconds; 0 if not known.
    pub dwell_us: f32,
    pub samples: HeapRef,
    pub trajectory: HeapRef,
}

impl Line {
    pub fn has(&self, flags: u64) -> bool {
        self.flags & flags != 0
    }

    /// Samples that are kept: from, and one after the last.
    pub fn kept(&self) -> (usize, usize) {
        let n = usize::from(self.n_samples);
        let from = usize::from(self.discard_pre).min(n);
        (
            from,
            n.saturating_sub(usize::from(self.discard_post)).max(from),
        )
    }
}

/// Where the parts of a record lie.
struct Layout {
    numbers: [Number; 16],
    dwell: Option<Number>,
    /// Position and three directions.
    place: Option<[Number; 4]>,
    samples: Member,
    trajectory: Member,
    reference_bytes: usize,
}

/// Order of [`Layout::numbers`]: those of `head`, then those of `head.idx`.
const HEAD: [&str; 8] = [
    "flags",
    "number_of_samples",
    "active_channels",
    "discard_pre",
    "discard_post",
    "center_sample",
    "encoding_space_ref",
    "trajectory_dimensions",
];
/// Counters of an acquisition, in the order of the file.
pub(in crate::raw) const COUNTERS: [&str; 8] = [
    "kspace_encode_step_1",
    "kspace_encode_step_2",
    "average",
    "slice",
    "contrast",
    "phase",
    "repetition",
    "set",
];

impl Layout {
    fn of(dataset: &Dataset) -> Result<Self> {
        let bad = |expected: &str, found: &str| {
            bad_structure(&dataset.disk.path, &dataset.name, expected, found.into())
        };
        let record = members(&dataset.kind);
        let member = |name: &str| {
            let found = record.iter().find(|m| m.name == name);
            found
                .cloned()
                .ok_or_else(|| bad("members head, traj and data", &format!("no {name}")))
        };
        let (head, samples, trajectory) = (member("head")?, member("data")?, member("traj")?);
        let head_members = members(&head.kind);
        let counters = head_members
            .iter()
            .find(|m| m.name == "idx")
            .cloned()
            .ok_or_else(|| bad("counters head.idx", "none"))?;
        let counter_members = members(&counters.kind);
        let find = |list: &[Member], name: &str, base: usize| {
            list.iter()
                .find(|m| m.name == name)
                .and_then(|m| Number::of(m, base))
        };
        let mut numbers = Vec::new();
        for name in HEAD {
            let found = find(&head_members, name, head.at);
            numbers.push(found.ok_or_else(|| bad(&format!("a number head.{name}"), "none"))?);
        }
        for name in COUNTERS {
            let found = find(&counter_members, name, head.at + counters.at);
            numbers.push(found.ok_or_else(|| bad(&format!("a number head.idx.{name}"), "none"))?);
        }
        let numbers: [Number; 16] = numbers.try_into().map_err(|_| bad("16 numbers", "fewer"))?;
        let vector = |name: &str| {
            let found = find(&head_members, name, head.at)?;
            (found.nth(2).end() <= dataset.element).then_some(found)
        };
        let place = match ["position", "read_dir", "phase_dir", "slice_dir"].map(vector) {
            [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
            _ => None,
        };
        let reference_bytes = 8 + dataset.disk.address_bytes;
        for member in [&samples, &trajectory] {
            if member.size != reference_bytes {
                let found = format!("{} of {} bytes", member.name, member.size);
                return Err(bad("values of variable length", &found));
            }
        }
        Ok(Self {
            numbers,
            dwell: find(&head_members, "sample_time_us", head.at),
            place,
            samples,
            trajectory,
            reference_bytes,
        })
    }

    fn line(&self, number: u32, record: &[u8]) -> Line {
        let n: [u64; 16] = std::array::from_fn(|i| self.numbers[i].whole(record));
        let small = |i: usize| n[i].min(u64::from(u16::MAX)) as u16;
        let reference = |m: &Member| HeapRef::decode(&record[m.at..m.at + self.reference_bytes]);
        Line {
            number,
            flags: n[0],
            n_samples: small(1),
            n_coils: small(2),
            discard_pre: small(3),
            discard_post: small(4),
            centre: small(5),
            encoding: small(6),
            n_dims: small(7),
            step_1: small(8),
            step_2: small(9),
            average: small(10),
            key: Key {
                slice: small(11),
                contrast: small(12),
                phase: small(13),
                repetition: small(14),
                set: small(15),
            },
            dwell_us: self.dwell.map_or(0.0, |d| d.real(record) as f32),
            samples: reference(&self.samples),
            trajectory: reference(&self.trajectory),
        }
    }

    fn position(&self, record: &[u8]) -> Option<SlicePosition> {
        let [centre_mm, read, phase, slice] = self
            .place?
            .map(|number| std::array::from_fn(|axis| number.nth(axis).real(record)));
        let unit = |v: &[f64; 3]| (v.iter().map(|c| c * c).sum::<f64>() - 1.0).abs() < 1e-2;
        let known = unit(&read) && unit(&phase) && unit(&slice);
        (known && centre_mm.iter().all(|c: &f64| c.is_finite())).then_some(SlicePosition {
            centre_mm,
            read,
            phase,
            slice,
        })
    }
}

/// Reads the heads of all acquisitions, each with where it lies in the patient.
pub(super) fn read_heads(
    path: &Path,
    dataset: &Dataset,
    mut each: impl FnMut(Line, Option<SlicePosition>),
) -> Result<()> {
    let layout = Layout::of(dataset)?;
    let n = dataset.shape.iter().product::<usize>();
    // However well heads are compressed, each takes some bytes of the file.
    let most = dataset.disk.length() / 8;
    if n as u64 > most || u32::try_from(n).is_err() {
        return Err(Error::TooLarge {
            path: path.into(),
            what: "declared number of acquisitions",
            expected: most,
            found: n.to_string(),
            hint: "the file may be truncated",
        });
    }
    let [rows, rest @ ..] = dataset.shape.as_slice() else {
        return Err(bad_structure(
            path,
            &dataset.name,
            "a list of acquisitions",
            "one value".into(),
        ));
    };
    let mut number = 0;
    let width = rest.iter().product::<usize>();
    let step = (BLOCK_BYTES / (dataset.element * width.max(1))).max(1);
    for first in (0..*rows).step_by(step) {
        let mut start = vec![0; dataset.shape.len()];
        let mut count = dataset.shape.clone();
        start[0] = first;
        count[0] = step.min(rows - first);
        let block = dataset.read_block(&start, &count)?;
        for record in block.chunks_exact(dataset.element) {
            each(layout.line(number, record), layout.position(record));
            number += 1;
        }
    }
    Ok(())
}
