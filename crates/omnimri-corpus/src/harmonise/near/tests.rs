use omnimri_image::Zyx;

use super::*;
use crate::harmonise::test_images::{Random, head};

const SIZE: Zyx<usize> = Zyx::new(6, 97, 83);

fn stack(voxels: &[f32], size: Zyx<usize>) -> Stack {
    Stack::from_voxels(voxels, size, None, None).unwrap()
}

/// A head with a texture of its own, slowly changing from slice to slice.
fn subject(size: Zyx<usize>, seed: u64) -> Vec<f32> {
    let mut random = Random(seed ^ 0xABCD);
    let mut between = |a: f32| a * (2.0 * random.unit() - 1.0);
    let waves: Vec<[f32; 4]> = (0..8)
        .map(|_| [between(14.0), between(14.0), between(1.5), between(3.1)])
        .collect();
    let mut out = head(size, seed);
    for (k, v) in out.iter_mut().enumerate() {
        let place = |at: usize, n: usize| 2.0 * at as f32 / n as f32 - 1.0;
        let x = place(k % size.x, size.x);
        let y = place(k / size.x % size.y, size.y);
        let z = place(k / (size.x * size.y), size.z);
        let sum: f32 = waves
            .iter()
            .map(|[a, b, c, d]| (a * x + b * y + c * z + d).cos())
            .sum();
        *v = (*v * (0.7 + 0.14 * sum)).clamp(0.0, 1.0);
    }
    out
}

fn owner(dataset: &str, id: &str, split: Split) -> Owner {
    Owner {
        dataset: dataset.into(),
        id: id.into(),
        subject: id.into(),
        split,
    }
}

fn remapped(
    voxels: &[f32],
    size: Zyx<usize>,
    to: Zyx<usize>,
    from: impl Fn(usize, usize) -> (usize, usize),
) -> Stack {
    let n = size.y * size.x;
    let out: Vec<f32> = (0..to.count())
        .map(|k| {
            let (x, y, z) = (k % to.x, k / to.x % to.y, k / (to.x * to.y));
            let (sx, sy) = from(x, y);
            voxels[z * n + sy * size.x + sx]
        })
        .collect();
    stack(&out, to)
}

/// Copies of a volume, each with its name.
fn copies(voxels: &[f32]) -> Vec<(&'static str, Stack)> {
    let mut random = Random(77);
    let larger = Zyx::new(SIZE.z, 160, 137);
    let turned = Zyx::new(SIZE.z, SIZE.x, SIZE.y);
    let noise: Vec<f32> = voxels.iter().map(|v| v + 0.03 * random.normal()).collect();
    // Coarse steps in blocks of 8 x 8, as strong compression leaves.
    let blocky: Vec<f32> = (0..voxels.len())
        .map(|k| {
            let (x, y) = (k % SIZE.x / 8, k / SIZE.x % SIZE.y / 8);
            let offset = 0.02 * ((x * 7 + y * 13) % 5) as f32 - 0.04;
            ((voxels[k] + offset) * 24.0).round() / 24.0
        })
        .collect();
    vec![
        ("same", stack(voxels, SIZE)),
        (
            "rescaled",
            remapped(voxels, SIZE, larger, |x, y| {
                (x * SIZE.x / larger.x, y * SIZE.y / larger.y)
            }),
        ),
        (
            "re-windowed",
            stack(
                &voxels
                    .iter()
                    .map(|v| (1.25 * v - 0.1).clamp(0.0, 0.9))
                    .collect::<Vec<_>>(),
                SIZE,
            ),
        ),
        (
            "darker",
            stack(
                &voxels
                    .iter()
                    .map(|v| 3.0 * v.powf(1.15))
                    .collect::<Vec<_>>(),
                SIZE,
            ),
        ),
        ("noisy", stack(&noise, SIZE)),
        ("compressed", stack(&blocky, SIZE)),
        (
            "mirrored",
            remapped(voxels, SIZE, SIZE, |x, y| (SIZE.x - 1 - x, y)),
        ),
        (
            "upside down",
            remapped(voxels, SIZE, SIZE, |x, y| (x, SIZE.y - 1 - y)),
        ),
        ("transposed", remapped(voxels, SIZE, turned, |x, y| (y, x))),
    ]
}

#[test]
fn planted_copies_are_found_and_others_are_not() {
    let mut index = NearIndex::new(NearOptions::default());
    let subjects = 40;
    let volumes: Vec<Vec<f32>> = (0..subjects).map(|k| subject(SIZE, 1000 + k)).collect();
    for (k, voxels) in volumes.iter().enumerate() {
        let signatures = Signatures::of(&stack(voxels, SIZE), 5);
        index.add(owner("a", &format!("{k}"), Split::Train), signatures);
    }
    let planted = copies(&volumes[7]);
    for (name, copy) in &planted {
        index.add(owner("b", name, Split::Val), Signatures::of(copy, 5));
    }
    let report = index.pairs(|a, b| a.dataset != b.dataset);
    let found: Vec<_> = report.pairs.iter().map(|p| p.second.id.as_str()).collect();
    let expected: Vec<_> = planted.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, expected, "{report}");
    assert!(report.pairs.iter().all(|p| p.first.id == "7"));
    let mirrored: Vec<_> = report.pairs.iter().filter(|p| p.mirrored).collect();
    assert_eq!(mirrored.len(), 3);
    assert_eq!(report.by_datasets["a and b"], planted.len());
    assert_eq!(report.removable().len(), planted.len());
    // Forty subjects among themselves: none is another's copy.
    assert!(
        index
            .pairs(|a, b| a.dataset == "a" && b.dataset == "a")
            .pairs
            .is_empty()
    );
    // One by one from outside: the first that was added counts, which is the original.
    let (first, correlation) = index.first_like(&Signatures::of(&planted[6].1, 5)).unwrap();
    assert_eq!((first.id.as_str(), first.dataset.as_str()), ("7", "a"));
    assert!(correlation > 0.92);
    let stranger = stack(&subject(SIZE, 977), SIZE);
    assert!(index.first_like(&Signatures::of(&stranger, 5)).is_none());
}

#[test]
fn neighbouring_slices_of_one_subject_are_reported() {
    // Slices 2 mm apart of one head, dealt alternately to both parts.
    let size = Zyx::new(40, 97, 83);
    let mut index = NearIndex::new(NearOptions::default());
    for seed in [5, 6] {
        let voxels = subject(size, seed);
        let n = size.y * size.x;
        for z in 16..24 {
            let one = stack(&voxels[z * n..(z + 1) * n], Zyx::new(1, size.y, size.x));
            let split = if z % 2 == 0 { Split::Train } else { Split::Val };
            index.add(
                owner("d", &format!("{seed}-{z}"), split),
                Signatures::of(&one, 5),
            );
        }
    }
    let report = index.pairs(|a, b| a.split != b.split);
    let subject = |o: &Owner| o.id.split('-').next().unwrap().to_owned();
    assert!(
        report
            .pairs
            .iter()
            .all(|p| subject(&p.first) == subject(&p.second))
    );
    for seed in ["5", "6"] {
        let n = report
            .pairs
            .iter()
            .filter(|p| subject(&p.first) == seed)
            .count();
        assert!(n >= 7, "{seed}: {n}");
    }
}

#[test]
fn memory_is_bounded_and_what_is_left_out_is_counted() {
    let options = NearOptions {
        slices_per_volume: 2,
        max_bytes: 7 * SLICE_BYTES,
    };
    let mut index = NearIndex::new(options);
    for k in 0..5 {
        let signatures = Signatures::of(&stack(&head(SIZE, k), SIZE), 2);
        index.add(owner("a", &k.to_string(), Split::Train), signatures);
    }
    index.add(
        owner("a", "flat", Split::Train),
        Signatures::of(&stack(&[1.0; 8], Zyx::new(2, 2, 2)), 2),
    );
    let report = index.pairs(|_, _| true);
    assert_eq!(
        (report.n_compared, report.n_not_compared, report.n_blank),
        (3, 2, 1)
    );
}

#[test]
fn signatures_are_stored_and_read_back() {
    let signatures = Signatures::of(&stack(&head(SIZE, 2), SIZE), 3);
    let bytes = signatures.to_bytes();
    assert_eq!(bytes.len(), 3 * (8 + SIDE * SIDE));
    assert_eq!(Signatures::from_bytes(&bytes).unwrap(), signatures);
    assert!(Signatures::from_bytes(&bytes[1..]).is_none());
    assert_eq!(Signatures::from_bytes(&[]).unwrap(), Signatures(Vec::new()));
}
