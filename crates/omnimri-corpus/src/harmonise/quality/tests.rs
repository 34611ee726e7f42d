use super::*;
use crate::harmonise::test_images::{head, rician};

const SIZE: Zyx<usize> = Zyx::new(9, 122, 108);

fn clean() -> Vec<f32> {
    head(SIZE, 3)
}

fn of(voxels: &[f32]) -> Quality {
    Quality::measure(voxels, SIZE, None).unwrap()
}

/// Every measure of a series of growing corruption rises by at least `step` of the one before.
fn rises(values: &[f32], what: &str) {
    for pair in values.windows(2) {
        assert!(pair[1] > pair[0], "{what}: {values:?}");
    }
}

fn near(found: f32, expected: f32, share: f32, what: &str) {
    assert!(
        (found - expected).abs() <= share * expected,
        "{what}: expected {expected}, found {found}"
    );
}

#[test]
fn noise_is_measured_in_object_and_air() {
    let sigmas = [0.01, 0.02, 0.04, 0.08];
    let all: Vec<_> = sigmas.map(|s| of(&rician(&clean(), s, 5))).into();
    for (q, sigma) in all.iter().zip(sigmas) {
        // The phantom is smooth, so the object's estimate holds too.
        near(q.noise.unwrap(), sigma, 0.15, "noise");
        near(q.air_noise.unwrap(), sigma, 0.1, "air noise");
        near(q.snr.unwrap(), 0.6 / sigma, 0.2, "snr");
    }
    rises(
        &all.iter().map(|q| q.noise.unwrap()).collect::<Vec<_>>(),
        "noise",
    );
    let without = of(&clean());
    assert_eq!(
        without.air_noise, None,
        "air that is exactly 0 tells nothing"
    );
    assert!(without.noise.unwrap() < 0.004);
}

/// The image plus a copy of `strength` shifted by half the field of view along y, as every second line out of step gives.
fn ghosted(strength: f32) -> Vec<f32> {
    let clean = clean();
    (0..clean.len())
        .map(|k| {
            let (x, y, z) = (k % SIZE.x, k / SIZE.x % SIZE.y, k / (SIZE.x * SIZE.y));
            let from = SIZE.offset(x, (y + SIZE.y / 2) % SIZE.y, z);
            clean[k] + strength * clean[from]
        })
        .collect()
}

#[test]
fn ghosts_are_told_along_their_axis() {
    let strengths = [0.0, 0.03, 0.06, 0.12];
    let all: Vec<_> = strengths
        .map(|s| of(&rician(&ghosted(s), 0.01, 7)).ghost)
        .into();
    let along: Vec<f32> = all.iter().map(|g| g.y.unwrap()).collect();
    rises(&along, "ghost along y");
    assert!(along[0] < 0.005, "{along:?}");
    // A ghost fills a part of the air beside the object, and the mean is over all of it.
    near(along[3], 0.12, 0.5, "ghost along y");
    // Weak ghosts add to the noise of air by squares, so they grow faster than their strength.
    near(along[3] / along[1], 6.0, 0.4, "growth");
    assert!(all[3].x.unwrap() < 0.2 * along[3], "{all:?}");
}

/// Mean over a square of `2 r + 1` pixels.
fn blurred(r: usize) -> Vec<f32> {
    let clean = clean();
    (0..clean.len())
        .map(|k| {
            let (x, y, z) = (k % SIZE.x, k / SIZE.x % SIZE.y, k / (SIZE.x * SIZE.y));
            let (mut sum, mut n) = (0.0, 0);
            for row in y.saturating_sub(r)..(y + r + 1).min(SIZE.y) {
                for column in x.saturating_sub(r)..(x + r + 1).min(SIZE.x) {
                    sum += clean[SIZE.offset(column, row, z)];
                    n += 1;
                }
            }
            sum / n as f32
        })
        .collect()
}

#[test]
fn blur_lowers_sharpness_and_ghosts_raise_entropy() {
    let sharp = [3, 2, 1, 0].map(|r| of(&blurred(r)).sharpness.unwrap());
    rises(&sharp, "sharpness");
    let entropy = [0.0, 0.03, 0.06, 0.12].map(|s| of(&ghosted(s)).entropy_focus.unwrap());
    rises(&entropy, "entropy");
    let one = {
        let mut v = vec![0.0; SIZE.count()];
        v[SIZE.offset(40, 40, 4)] = 1.0;
        of(&v).entropy_focus.unwrap()
    };
    assert!(one.abs() < 1e-6, "{one}");
    near(
        of(&vec![0.5; SIZE.count()]).entropy_focus.unwrap(),
        1.0,
        1e-4,
        "flat",
    );
}

#[test]
fn a_bias_field_is_measured() {
    let clean = clean();
    // ln field = a (u + w / 2): its standard deviation over the head is what a fit should find.
    let with = |a: f32| -> Vec<f32> {
        (0..clean.len())
            .map(|k| {
                let u = 2.0 * (k % SIZE.x) as f32 / SIZE.x as f32 - 1.0;
                let w = 2.0 * (k / (SIZE.x * SIZE.y)) as f32 / SIZE.z as f32 - 1.0;
                0.6 * clean[k] * (a * (u + 0.5 * w)).exp()
            })
            .collect()
    };
    let found = [0.0, 0.2, 0.4, 0.7].map(|a| of(&with(a)).bias.unwrap());
    rises(&found, "bias");
    // The phantom's own soft blobs count as field.
    assert!(found[0] < 0.08, "{found:?}");
    // Over an ellipse of half axis 0.6 the deviation of u is 0.3, over w it is 0.58.
    near(found[2], 0.4 * 0.3f32.hypot(0.29), 0.3, "bias");
}

#[test]
fn coverage_counts_empty_slices_and_what_the_border_cuts() {
    let mut voxels = rician(&clean(), 0.01, 2);
    let whole = of(&voxels);
    assert_eq!((whole.n_slices, whole.n_empty_slices), (9, 0));
    assert!(whole.cut_off.x.unwrap() < 0.05 && whole.cut_off.y.unwrap() < 0.05);
    near(whole.object_share, 0.36, 0.15, "share");
    let n = SIZE.x * SIZE.y;
    let noise = rician(&vec![0.0; 2 * n], 0.01, 3);
    voxels[..2 * n].copy_from_slice(&noise);
    let empty = of(&voxels);
    assert_eq!(empty.n_empty_slices, 2);
    assert!(whole.cut_off.z.unwrap() > 0.9 && empty.object_share < whole.object_share);
    // The left half alone: the border runs through the middle.
    let half = Zyx::new(SIZE.z, SIZE.y, SIZE.x / 2);
    let left: Vec<f32> = clean()
        .chunks_exact(SIZE.x)
        .flat_map(|row| row[..half.x].to_vec())
        .collect();
    let cut = Quality::measure(&left, half, None).unwrap();
    assert!(cut.cut_off.x.unwrap() > 0.9, "{:?}", cut.cut_off);
}

#[test]
fn clipping_and_voxel_shape_are_told() {
    let clip = |at: f32| of(&clean().iter().map(|v| v.min(at)).collect::<Vec<_>>()).saturated;
    let found = [0.9, 0.62, 0.5].map(clip);
    rises(&found, "saturated");
    let mm = Some(Zyx::new(6.5, 0.86, 0.86));
    let q = Quality::measure(&clean(), SIZE, mm).unwrap();
    near(q.anisotropy.unwrap(), 7.56, 0.01, "anisotropy");
}

#[test]
fn nothing_is_not_a_number_and_bad_input_is_refused() {
    for voxels in [vec![0.0; 12], vec![1.0; 12], vec![0.3; 12]] {
        let q = Quality::measure(&voxels, Zyx::new(1, 3, 4), None).unwrap();
        let json = serde_json::to_string(&q).unwrap();
        assert_eq!(serde_json::from_str::<Quality>(&json).unwrap(), q);
        assert_eq!(q.snr, None);
    }
    assert!(Quality::measure(&[f32::NAN], Zyx::new(1, 1, 1), None).is_none());
    assert!(Quality::measure(&[0.0], Zyx::new(1, 1, 2), None).is_none());
    assert!(Quality::measure(&[], Zyx::new(0, 0, 0), None).is_none());
    assert!(Quality::measure(&[], Zyx::new(usize::MAX, 2, 2), None).is_none());
}
