use super::*;

const SIZE: Zyx<usize> = Zyx::new(5, 90, 80);

fn ball() -> Vec<bool> {
    (0..SIZE.count())
        .map(|i| {
            let (y, x) = ((i / 80 % 90) as f32, (i % 80) as f32);
            ((y - 45.0) / 40.0).hypot((x - 40.0) / 34.0) < 1.0
        })
        .collect()
}

fn site(allowed: &[bool]) -> Site<'_> {
    Site {
        size: SIZE,
        voxel_mm: Zyx::new(5.0, 1.5, 1.5),
        allowed,
        near: None,
    }
}

#[test]
fn every_kind_has_a_mask_a_box_and_parts_that_fit_a_voxel() {
    let allowed = ball();
    for kind in PathologyKind::ALL {
        for seed in 0..4 {
            let lesion = PaintedLesion::random(kind, &site(&allowed), seed)
                .unwrap()
                .unwrap();
            let [x0, y0, z0, x1, y1, z1] = lesion.bounds;
            for (i, inside) in lesion.mask.iter().enumerate() {
                let (z, y, x) = (i / (90 * 80), i / 80 % 90, i % 80);
                if *inside {
                    assert!(allowed[i]);
                    assert!((x0..x1).contains(&x) && (y0..y1).contains(&y));
                    assert!((z0..z1).contains(&z));
                }
                let filled: f32 = lesion.parts.iter().map(|(_, p)| p[i]).sum();
                assert!(filled < 1.0 + 1e-4, "{kind:?} {filled}");
            }
            let again = PaintedLesion::random(kind, &site(&allowed), seed).unwrap();
            assert_eq!(again.unwrap(), lesion);
        }
    }
}

#[test]
fn signals_follow_the_sequence() {
    let allowed = ball();
    let lesion = PaintedLesion::random(PathologyKind::RingMass, &site(&allowed), 2)
        .unwrap()
        .unwrap();
    let mean = |sequence: Sequence, tissue: LesionTissue| {
        let white = sequence.tissue_signal(Tissue::WhiteMatter, 1.0);
        let mut image = vec![white; SIZE.count()];
        lesion.paint_simulated(&mut image, &sequence, &[]).unwrap();
        let part = &lesion.parts.iter().find(|(t, _)| *t == tissue).unwrap().1;
        let (sum, n) = image
            .iter()
            .zip(part)
            .filter(|(_, p)| **p > 0.99)
            .fold((0.0, 0), |(s, n), (v, _)| (s + v, n + 1));
        sum / n as f32 / white
    };
    assert!(mean(Sequence::t1_post(), LesionTissue::Enhancing) > 1.2);
    assert!(mean(Sequence::t1_post(), LesionTissue::Necrosis) < 0.95);
    assert!(mean(Sequence::t1(), LesionTissue::Enhancing) < 1.0);
    assert!(mean(Sequence::t2(), LesionTissue::Necrosis) > 1.5);
    assert!(mean(Sequence::flair(), LesionTissue::Enhancing) > 1.2);
}

#[test]
fn plaques_gather_where_they_are_told() {
    let allowed = ball();
    let near: Vec<bool> = (0..SIZE.count())
        .map(|i| {
            let (y, x) = ((i / 80 % 90) as f32, (i % 80) as f32);
            (y - 45.0).hypot(x - 30.0) < 5.0
        })
        .collect();
    let count = |near: Option<&[bool]>| {
        let mut close = 0.0;
        let mut all = 0.0;
        for seed in 0..12 {
            let at = Site {
                near,
                ..site(&allowed)
            };
            let Some(lesion) = PaintedLesion::random(PathologyKind::Plaques, &at, seed).unwrap()
            else {
                continue;
            };
            for (i, _) in lesion.mask.iter().enumerate().filter(|(_, m)| **m) {
                let (y, x) = ((i / 80 % 90) as f32, (i % 80) as f32);
                all += 1.0;
                close += f32::from(u8::from((y - 45.0).hypot(x - 30.0) < 14.0));
            }
        }
        close / all
    };
    assert!(count(Some(&near)) > 1.5 * count(None));
}

#[test]
fn a_mass_pushes_and_what_does_not_fit_is_refused() {
    let allowed = ball();
    let lesion = PaintedLesion::random(PathologyKind::Mass, &site(&allowed), 1)
        .unwrap()
        .unwrap();
    let push = lesion.push.as_ref().unwrap();
    assert!(push.shift.iter().any(|s| s[1].hypot(s[2]) > 0.5));
    assert!(lesion.paint(&mut vec![0.0; 3], |_, _, _| 1.0).is_err());
    let bad = Site {
        allowed: &allowed[1..],
        ..site(&allowed)
    };
    assert!(PaintedLesion::random(PathologyKind::Mass, &bad, 0).is_err());
    let nothing = vec![false; SIZE.count()];
    let none = PaintedLesion::random(PathologyKind::Mass, &site(&nothing), 0).unwrap();
    assert!(none.is_none());
}
