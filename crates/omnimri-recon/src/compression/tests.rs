use super::*;
use crate::operator::tests::{assert_adjoint, random_array};
use crate::sampling::SamplingMask;
use crate::simulate::acquire::{acquire, coil_maps_birdcage};
use crate::zero_filled::{coil_images, root_sum_of_squares};

const N_Y: usize = 40;
const N_X: usize = 47;

fn scan(n_coils: usize, keep: impl Fn(usize, usize) -> bool) -> KSpace {
    let image: Vec<Complex32> = (0..N_Y * N_X)
        .map(|i| {
            let (y, x) = ((i / N_X) as f32 / 40.0 - 0.5, (i % N_X) as f32 / 47.0 - 0.5);
            let inside = (y / 0.42).powi(2) + (x / 0.38).powi(2) < 1.0;
            Complex32::from_polar(
                if inside {
                    1.0 + 0.5 * (20.0 * x).sin()
                } else {
                    0.0
                },
                y,
            )
        })
        .collect();
    let mask = SamplingMask {
        mask: (0..N_Y * N_X).map(|i| keep(i / N_X, i % N_X)).collect(),
        n_y: N_Y,
        n_x: N_X,
    };
    acquire(
        &image,
        &coil_maps_birdcage(n_coils, N_Y, N_X, 4),
        &mask,
        0.005,
        1,
    )
    .unwrap()
}

fn image(kspace: &KSpace) -> Vec<f32> {
    root_sum_of_squares(&coil_images(kspace), N_Y * N_X)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let energy = |v: &mut dyn Iterator<Item = f32>| v.map(|v| v * v).sum::<f32>();
    (energy(&mut a.iter().zip(b).map(|(a, b)| a - b)) / energy(&mut b.iter().copied())).sqrt()
}

#[test]
fn few_virtual_coils_keep_the_image_in_its_units() {
    let kspace = scan(12, |_, _| true);
    let (compressed, compression) = compress(&kspace, VirtualCoils::Count(6)).unwrap();
    assert_eq!(compressed.n_coils, 6);
    assert!(compression.energy() > 0.98);
    let svd = distance(&image(&compressed), &image(&kspace));
    assert!(svd < 0.06, "{svd}");
    let back = compression.expand(&compressed).unwrap();
    assert!(distance(&image(&back), &image(&compressed)) < 1e-4);
    // At the same number of coils the geometric kind loses less.
    let geometric = geometric_compression(&kspace, VirtualCoils::Count(4)).unwrap();
    let svd = svd_compression(&kspace, VirtualCoils::Count(4)).unwrap();
    let loss = |c: &Compression| distance(&image(&c.compress(&kspace).unwrap()), &image(&kspace));
    assert!(
        loss(&geometric) < loss(&svd),
        "{} against {}",
        loss(&geometric),
        loss(&svd)
    );
    let back = geometric
        .expand(&geometric.compress(&kspace).unwrap())
        .unwrap();
    assert!(distance(&image(&back), &image(&kspace)) < 0.1);
}

#[test]
fn as_many_virtual_coils_as_coils_lose_nothing() {
    let kspace = scan(5, |y, _| y % 2 == 0 || (14..26).contains(&y));
    for compression in [
        svd_compression(&kspace, VirtualCoils::Energy(1.0)).unwrap(),
        geometric_compression(&kspace, VirtualCoils::Count(5)).unwrap(),
    ] {
        assert!((compression.energy() - 1.0).abs() < 1e-9);
        let there = compression.compress(&kspace).unwrap();
        assert_eq!(there.mask, kspace.mask);
        let back = compression.expand(&there).unwrap();
        assert!(
            back.samples
                .iter()
                .zip(&kspace.samples)
                .all(|(a, b)| (a - b).norm() < 1e-4)
        );
    }
}

#[test]
fn operators_are_adjoint_and_rows_orthonormal_along_either_readout() {
    let along_x = scan(6, |y, _| y % 3 == 0 || (14..26).contains(&y));
    let along_y = scan(6, |_, x| x % 3 == 0 || (17..31).contains(&x));
    for kspace in [&along_x, &along_y] {
        let geometric = geometric_compression(kspace, VirtualCoils::Count(3)).unwrap();
        assert_adjoint(&geometric, 3);
        assert_adjoint(&svd_compression(kspace, VirtualCoils::Count(2)).unwrap(), 5);
        let positions = geometric.matrices.len() / 18;
        for p in 0..positions {
            for v in 0..3 {
                for w in 0..3 {
                    let dot: Complex32 = (0..6)
                        .map(|c| {
                            geometric.matrices[(v * 6 + c) * positions + p]
                                * geometric.matrices[(w * 6 + c) * positions + p].conj()
                        })
                        .sum();
                    assert!((dot - f32::from(u8::from(v == w))).norm() < 1e-4);
                }
            }
        }
    }
}

#[test]
fn alignment_makes_neighbouring_matrices_alike() {
    let kspace = scan(8, |_, _| true);
    let geometric = geometric_compression(&kspace, VirtualCoils::Count(4)).unwrap();
    // Within the object, which reaches from column 6 to column 41.
    for p in 8..38 {
        let step: f32 = geometric
            .matrices
            .chunks(N_X)
            .map(|m| (m[p + 1] - m[p]).norm_sqr())
            .sum();
        assert!(step.sqrt() < 0.9, "{} at {p}", step.sqrt());
    }
}

#[test]
fn energy_asks_for_the_fewest_coils_and_nonsense_is_refused() {
    let kspace = scan(8, |_, _| true);
    let part = |e| svd_compression(&kspace, VirtualCoils::Energy(e)).unwrap();
    let some = part(0.95);
    assert!(some.energy() >= 0.95 && some.n_virtual() < 8);
    let fewer = svd_compression(&kspace, VirtualCoils::Count(some.n_virtual() - 1)).unwrap();
    assert!(fewer.energy() < 0.95);
    for target in [
        VirtualCoils::Count(0),
        VirtualCoils::Count(9),
        VirtualCoils::Energy(f64::NAN),
    ] {
        assert!(matches!(
            svd_compression(&kspace, target),
            Err(Error::OutOfRange { .. })
        ));
    }
    let mut points = kspace.clone();
    points.mask = (0..N_Y * N_X).map(|i| i % 3 != 1).collect();
    points.mask[5] = false;
    assert!(matches!(
        geometric_compression(&points, VirtualCoils::Count(2)),
        Err(Error::Pattern { .. })
    ));
    let other = KSpace {
        samples: random_array(6 * N_Y * N_X, 1),
        n_coils: 6,
        ..kspace.clone()
    };
    assert!(matches!(some.compress(&other), Err(Error::Size { .. })));
}
