//! Could a face be seen on a rendering of this volume?

use omnimri_image::{AxisMap, Zyx};
use serde::{Deserialize, Serialize};

use super::quality::Foreground;
use crate::stack::Stack;

/// Fewest slices of a volume that a surface can be rendered from.
const LEAST_SLICES: usize = 12;
/// Sizes of a head in millimetres, from and to: left-right, front-back, and the least height that is there.
const WIDE_MM: [f64; 2] = [105.0, 230.0];
const DEEP_MM: [f64; 2] = [130.0, 290.0];
const HIGH_MM: f64 = 60.0;
/// Depth in millimetres within which skin, bone and what is behind it follow each other.
const SKIN_MM: f64 = 9.0;
const BONE_MM: f64 = 26.0;
const BEHIND_MM: f64 = 42.0;
/// Brightness of bone against the darker of skin and what is behind it.
const BONE: f32 = 0.65;
/// Share of the rays from the front that must show it.
const LEAST_SHARE: f64 = 0.25;

/// Whether a face may be recognised, from less to more reason to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// No head with skin in front was seen.
    NotSeen,
    /// A volume whose front or size is not known.
    Unknown,
    /// A head whose lower front has skin over bone.
    PossiblyIntact,
}

/// Looks for skin over bone at the lower front of a head.
///
/// Rays run from the front backwards, below the middle of the head's height and in the middle half of its width. Where
/// skin is there, a ray meets it bright, then dark bone or sinus, then something bright again; a stripped brain and a
/// defaced head begin with what lies behind. `orientation` holds the three letters of the stack's axes. The rule only
/// flags: a volume that it does not flag was not shown to be without a face, and nothing is removed.
pub fn face(stack: &Stack, orientation: Option<&str>) -> Face {
    if stack.size.z < LEAST_SLICES && stack.size.y.min(stack.size.x) >= LEAST_SLICES {
        return Face::NotSeen;
    }
    let (Some(map), Some(mm)) = (orientation.and_then(to_canonical), stack.spacing_mm) else {
        return Face::Unknown;
    };
    let size = map.size(stack.size);
    let voxels: Vec<f32> = map
        .apply(&stack.voxels, stack.size)
        .into_iter()
        .map(|v| f32::from(v) / 255.0)
        .collect();
    let mm = map.size_mm(mm);
    let object = Foreground::of(&voxels, size).object;
    let Some([x, y, z]) = extent(&object, size) else {
        return Face::NotSeen;
    };
    let long = |range: [usize; 2], mm: f64| (range[1] - range[0] + 1) as f64 * mm;
    let inside = |v: f64, range: [f64; 2]| (range[0]..=range[1]).contains(&v);
    if !inside(long(x, mm.x), WIDE_MM) || !inside(long(y, mm.y), DEEP_MM) || long(z, mm.z) < HIGH_MM
    {
        return Face::NotSeen;
    }
    let quarter = (x[1] - x[0]) / 4;
    let (mut rays, mut skinned) = (0usize, 0usize);
    for k in z[0]..=z[0] + (z[1] - z[0]) / 2 {
        for i in x[0] + quarter..=x[1] - quarter {
            // R, A, S axes: the front is where y is largest.
            let Some(front) = (0..size.y).rfind(|&j| object[size.offset(i, j, k)]) else {
                continue;
            };
            rays += 1;
            // Voxel of the ray at a depth in millimetres.
            let at = |d: f64| {
                let step = ((d / mm.y).round() as usize).min(front);
                voxels[size.offset(i, front - step, k)]
            };
            let depths = |from: f64, to: f64| {
                let n = ((to - from) / mm.y).max(0.0) as usize;
                (0..=n).map(move |step| from + step as f64 * mm.y)
            };
            let brightest = |from, to| depths(from, to).map(at).fold(0.0, f32::max);
            let skin = brightest(0.0, SKIN_MM);
            let bone = depths(mm.y, BONE_MM).min_by(|a, b| at(*a).total_cmp(&at(*b)));
            let bone = bone.unwrap_or_default();
            let behind = brightest(bone, BEHIND_MM);
            let dark = at(bone) < BONE * skin.min(behind);
            skinned += usize::from(dark);
        }
    }
    if rays > 0 && skinned as f64 >= LEAST_SHARE * rays as f64 {
        Face::PossiblyIntact
    } else {
        Face::NotSeen
    }
}

/// First and last index that holds something, along x, y and z.
fn extent(object: &[bool], size: Zyx<usize>) -> Option<[[usize; 2]; 3]> {
    let mut out: Option<[[usize; 2]; 3]> = None;
    for (k, _) in object.iter().enumerate().filter(|(_, o)| **o) {
        let at = [k % size.x, k / size.x % size.y, k / (size.x * size.y)];
        let range = out.get_or_insert(at.map(|v| [v, v]));
        for (r, v) in range.iter_mut().zip(at) {
            *r = [r[0].min(v), r[1].max(v)];
        }
    }
    out
}

/// The turn to R, A, S from three letters such as `LPS`.
fn to_canonical(code: &str) -> Option<Turn> {
    let (mut source, mut flip) = ([3; 3], [false; 3]);
    let letters: Vec<char> = code.chars().collect();
    if letters.len() != 3 {
        return None;
    }
    for (axis, letter) in letters.into_iter().enumerate() {
        let (world, against) = match letter {
            'R' => (0, false),
            'L' => (0, true),
            'A' => (1, false),
            'P' => (1, true),
            'S' => (2, false),
            'I' => (2, true),
            _ => return None,
        };
        source[world] = axis;
        flip[world] = against;
    }
    let map = AxisMap::new(source, flip)?;
    Some(Turn { map, source })
}

/// A turn that knows where its axes come from.
struct Turn {
    map: AxisMap,
    source: [usize; 3],
}

impl Turn {
    fn size(&self, size: Zyx<usize>) -> Zyx<usize> {
        self.map.size(size)
    }

    fn apply(&self, voxels: &[u8], size: Zyx<usize>) -> Vec<u8> {
        self.map.apply(voxels, size)
    }

    fn size_mm(&self, mm: Zyx<f64>) -> Zyx<f64> {
        let from = [mm.x, mm.y, mm.z];
        let [x, y, z] = self.source.map(|axis| from[axis]);
        Zyx::new(z, y, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmonise::test_images::head;

    const SIZE: Zyx<usize> = Zyx::new(20, 110, 90);

    fn of(voxels: &[f32], code: Option<&str>, mm: Option<Zyx<f64>>) -> Face {
        face(&Stack::from_voxels(voxels, SIZE, mm, None).unwrap(), code)
    }

    /// 220 mm wide, 230 mm deep and 140 mm high with air: a head of about 140 x 170 mm.
    const MM: Option<Zyx<f64>> = Some(Zyx::new(7.0, 2.1, 2.45));

    #[test]
    fn skin_over_bone_is_flagged_and_its_absence_is_not() {
        let whole = head(SIZE, 4);
        assert_eq!(of(&whole, Some("RAS"), MM), Face::PossiblyIntact);
        // The phantom is alike in front and behind, so a turned grid is flagged as well.
        assert_eq!(of(&whole, Some("LPS"), MM), Face::PossiblyIntact);
        let stripped: Vec<f32> = (0..whole.len())
            .map(|k| {
                let u = 2.0 * ((k % SIZE.x) as f32 + 0.5) / SIZE.x as f32 - 1.0;
                let v = 2.0 * ((k / SIZE.x % SIZE.y) as f32 + 0.5) / SIZE.y as f32 - 1.0;
                let r = ((u / 0.62).powi(2) + (v / 0.74).powi(2)).sqrt();
                if r < 0.78 { whole[k] } else { 0.0 }
            })
            .collect();
        assert_eq!(of(&stripped, Some("RAS"), MM), Face::NotSeen);
        // The lower half of the front cut away, as defacing does; behind it the head is whole.
        let defaced: Vec<f32> = (0..whole.len())
            .map(|k| {
                let (y, z) = (k / SIZE.x % SIZE.y, k / (SIZE.x * SIZE.y));
                let cut = z <= SIZE.z / 2 && y > SIZE.y * 7 / 10;
                if cut { 0.0 } else { whole[k] }
            })
            .collect();
        assert_eq!(of(&defaced, Some("RAS"), MM), Face::NotSeen);
        assert_eq!(of(&defaced, Some("RPS"), MM), Face::PossiblyIntact);
    }

    #[test]
    fn what_is_not_known_is_said_and_what_is_no_head_is_not_flagged() {
        let whole = head(SIZE, 4);
        assert_eq!(of(&whole, None, MM), Face::Unknown);
        assert_eq!(of(&whole, Some("RAS"), None), Face::Unknown);
        assert_eq!(of(&whole, Some("RRS"), MM), Face::Unknown);
        let small = Some(Zyx::new(1.0, 1.0, 1.0));
        assert_eq!(of(&whole, Some("RAS"), small), Face::NotSeen);
        let slice = Stack::from_voxels(&[0.5; 400], Zyx::new(1, 20, 20), None, None).unwrap();
        assert_eq!(face(&slice, None), Face::NotSeen);
    }
}
