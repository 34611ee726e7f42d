//! What was done to a volume's grid and intensities, so that it can be undone.

use omnimri_image::{AxisMap, Geometry, Volume, Zyx, reorient};
use serde::{Deserialize, Serialize};

use crate::stack::Stack;

/// A volume's grid as stored, and the way it was turned.
///
/// The geometry is kept rather than computed back, so that undoing gives the input's grid bit for bit and not to
/// rounding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridRecord {
    /// Size, affine and trust of the file.
    pub stored: Geometry,
    /// Three letters of the stored axes, for example `LPS`; `None` where the header does not say or is not trusted.
    pub orientation: Option<String>,
    /// Stored axis (0 x, 1 y, 2 z) of each axis of the turned volume.
    pub source: [usize; 3],
    /// Which axes of the turned volume run against the stored one.
    pub flip: [bool; 3],
}

impl GridRecord {
    /// A record of a grid that is turned so that its axes run closest to R, A, S.
    ///
    /// A grid whose orientation is not trusted is recorded and left as it is: a guess would turn some of a set and not
    /// others.
    pub fn canonical(geometry: &Geometry) -> Self {
        if geometry.orientation.is_trusted() {
            // `closest_axes` gives for each stored axis the world axis and direction it follows.
            let (mut source, mut flip) = ([0; 3], [false; 3]);
            for (axis, (world, sign)) in geometry.affine.closest_axes().into_iter().enumerate() {
                source[world] = axis;
                flip[world] = sign < 0.0;
            }
            Self::of(geometry, source, flip)
        } else {
            Self::as_stored(geometry)
        }
    }

    /// A record of a grid that is left as it is.
    pub fn as_stored(geometry: &Geometry) -> Self {
        Self::of(geometry, [0, 1, 2], [false; 3])
    }

    fn of(geometry: &Geometry, source: [usize; 3], flip: [bool; 3]) -> Self {
        let trusted = geometry.orientation.is_trusted();
        Self {
            stored: geometry.clone(),
            orientation: trusted.then(|| geometry.affine.orientation_code()),
            source,
            flip,
        }
    }

    /// The turn; `None` if a record read from a file holds no permutation.
    pub fn map(&self) -> Option<AxisMap> {
        AxisMap::new(self.source, self.flip)
    }

    /// Voxels, masks or labels `[z][y][x]` of the turned volume on the stored grid again.
    ///
    /// `None` if the record or the length makes no sense.
    pub fn undo<T: Copy + Send + Sync>(&self, turned: &[T]) -> Option<Vec<T>> {
        let map = self.map()?;
        let n = self.stored.size;
        let fits = n.z.checked_mul(n.y)?.checked_mul(n.x)? == turned.len();
        fits.then(|| map.invert().apply(turned, map.size(n)))
    }

    /// Box of the turned volume `[x, y, z]` from (inclusive) and to (exclusive), on the stored grid.
    pub fn undo_box(&self, from: [usize; 3], to: [usize; 3]) -> Option<[[usize; 3]; 2]> {
        self.map()?;
        let n = [self.stored.size.x, self.stored.size.y, self.stored.size.z];
        let mut out = [[0; 3]; 2];
        for axis in 0..3 {
            let stored = self.source[axis];
            let (low, high) = (from[axis], to[axis]);
            if low > high || high > n[stored] {
                return None;
            }
            let (low, high) = if self.flip[axis] {
                (n[stored] - high, n[stored] - low)
            } else {
                (low, high)
            };
            (out[0][stored], out[1][stored]) = (low, high);
        }
        Some(out)
    }
}

/// Turns a volume so that its axes run closest to R, A, S, where its orientation is trusted.
///
/// # Shapes
/// - in and out: `[frame][z][y][x]`, every frame alike
pub fn canonicalise(volume: &Volume) -> (Volume, GridRecord) {
    let record = GridRecord::canonical(&volume.geometry);
    let map = record.map().unwrap_or(AxisMap::IDENTITY);
    (reorient(volume, map), record)
}

/// The volume as it was before [`canonicalise`]; `None` if it is not of this record's size.
pub fn undo_canonical(turned: &Volume, record: &GridRecord) -> Option<Volume> {
    let map = record.map()?;
    if turned.geometry.size != map.size(record.stored.size) {
        return None;
    }
    let mut volume = reorient(turned, map.invert());
    volume.geometry = record.stored.clone();
    Some(volume)
}

/// How a volume's intensities became bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntensityRecord {
    /// Source intensities of 0 and 255: the 0.1 and 99.9 percentiles.
    pub window: [f32; 2],
    /// Largest source intensity; above `window[1]` the source was cut.
    pub peak: f32,
    /// Size in the file; slices were shrunk where it is not that of the bytes.
    pub native_size: Zyx<usize>,
}

impl IntensityRecord {
    /// The record of a stack.
    pub fn of(stack: &Stack) -> Self {
        Self {
            window: stack.window,
            peak: stack.peak,
            native_size: stack.native_size,
        }
    }

    /// Largest error of an undone intensity inside the window: half of a byte's step.
    pub fn step(&self) -> f32 {
        (self.window[1] - self.window[0]) / 510.0
    }

    /// Source intensities of bytes; what lay outside the window comes back as its edge.
    pub fn undo(&self, bytes: &[u8]) -> Vec<f32> {
        let [low, high] = self.window;
        bytes
            .iter()
            .map(|&b| low + f32::from(b) / 255.0 * (high - low))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmonise::test_images::Random;
    use omnimri_image::{Acquisition, Affine, SourceKind, Trust};

    fn volume(map: AxisMap, orientation: Trust) -> Volume {
        // An oblique grid whose numbers are no round binary fractions.
        let affine = Affine([
            [0.1, -0.9, 0.2, 4.1],
            [-0.8, 0.1, 0.1, -3.3],
            [0.1, 0.2, 2.0, 9.7],
            [0.0, 0.0, 0.0, 1.0],
        ]);
        let geometry = map.apply_geometry(&Geometry {
            size: Zyx::new(3, 5, 7),
            affine,
            orientation,
            spacing: Trust::Trusted,
        });
        Volume {
            voxels: (0..210).map(|v| v as f32).collect(),
            n_frames: 2,
            geometry,
            acquisition: Acquisition::default(),
            source: SourceKind::Nifti,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn canonical_and_back_is_the_input_exactly_for_all_layouts() {
        for map in AxisMap::all() {
            let input = volume(map, Trust::Trusted);
            let (turned, record) = canonicalise(&input);
            assert_eq!(turned.geometry.affine.orientation_code(), "RAS");
            assert_eq!(
                record.orientation.as_deref(),
                Some(input.geometry.affine.orientation_code().as_str())
            );
            let json = serde_json::to_string(&record).unwrap();
            let record: GridRecord = serde_json::from_str(&json).unwrap();
            assert_eq!(undo_canonical(&turned, &record).unwrap(), input);
            assert_eq!(record.undo(turned.frame(1)).unwrap(), input.frame(1));
            // One voxel is found where it was.
            let n = turned.geometry.size;
            let at = [n.x - 2, 1, n.z - 1];
            let [from, to] = record.undo_box(at, at.map(|v| v + 1)).unwrap();
            assert!((0..3).all(|a| to[a] == from[a] + 1));
            assert_eq!(
                input.voxels[input.geometry.size.offset(from[0], from[1], from[2])],
                turned.voxels[n.offset(at[0], at[1], at[2])]
            );
        }
    }

    #[test]
    fn an_untrusted_orientation_is_left_alone_and_bad_records_are_refused() {
        let map = AxisMap::new([2, 0, 1], [true, false, true]).unwrap();
        let input = volume(map, Trust::Untrusted("no form".into()));
        let (turned, mut record) = canonicalise(&input);
        assert_eq!((&turned, &record.orientation), (&input, &None));
        assert!(record.undo(&[0u8; 3]).is_none());
        assert!(record.undo_box([0; 3], [9; 3]).is_none());
        record.source = [0, 0, 1];
        assert!(record.map().is_none() && undo_canonical(&turned, &record).is_none());
    }

    #[test]
    fn intensities_come_back_within_half_a_step() {
        let mut random = Random(4);
        let voxels: Vec<f32> = (0..600).map(|_| 40.0 + 900.0 * random.unit()).collect();
        let stack = Stack::from_voxels(&voxels, Zyx::new(1, 20, 30), None, None).unwrap();
        let record = IntensityRecord::of(&stack);
        for (back, v) in record.undo(&stack.voxels).into_iter().zip(voxels) {
            let inside = v.clamp(record.window[0], record.window[1]);
            assert!((back - inside).abs() <= record.step() * 1.001);
        }
    }
}
