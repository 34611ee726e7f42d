//! Which image of each place belongs to which frame of the fourth axis.

use super::frames::{FrameKey, FrameRecord};

/// Images `[frame][z]` and what is to be said of them.
pub(super) struct Ordered {
    pub frames: Vec<Vec<FrameRecord>>,
    /// Several frames that nothing in the header tells apart, so that they may be copies.
    pub unlabelled: bool,
    pub warnings: Vec<String>,
}

/// Orders the images `[place][any]` of a stack; copies and what fits no frame are left out.
pub(super) fn order(mut places: Vec<Vec<FrameRecord>>, sop_uids: &[Option<&str>]) -> Ordered {
    let mut warnings = Vec::new();
    let mut n_copies = 0;
    for place in &mut places {
        place.sort_by(|a, b| {
            let number = |r: &FrameRecord| (r.instance, r.file, r.frame);
            a.key.order(&b.key).then_with(|| number(a).cmp(&number(b)))
        });
        let before = place.len();
        drop_copies(place, sop_uids);
        n_copies += before - place.len();
    }
    if n_copies > 0 {
        warnings.push(format!(
            "{n_copies} duplicate {} left out.",
            if n_copies == 1 {
                "image was"
            } else {
                "images were"
            }
        ));
    }
    let n = places[0].len();
    if places.iter().all(|place| place.len() == n) {
        let unlabelled = n > 1 && !places.iter().all(|place| labelled(place));
        if n > 1 && !unlabelled {
            warnings.push(about_frames(&places[0]));
        }
        let frames = (0..n)
            .map(|f| places.iter().map(|place| place[f]).collect())
            .collect();
        return Ordered {
            frames,
            unlabelled,
            warnings,
        };
    }
    let (frames, warning) = complete_frames(&places);
    warnings.push(warning);
    Ordered {
        frames,
        unlabelled: false,
        warnings,
    }
}

/// Leaves the first of images with one SOP instance UID and one key.
fn drop_copies(place: &mut Vec<FrameRecord>, sop_uids: &[Option<&str>]) {
    let mut kept: Vec<FrameRecord> = Vec::with_capacity(place.len());
    for record in place.drain(..) {
        let copy = |k: &FrameRecord| {
            let [a, b] = [sop_uids[k.file], sop_uids[record.file]];
            a.is_some() && a == b && k.frame == record.frame && k.file != record.file
        };
        // Equal keys are neighbours.
        if !kept
            .iter()
            .rev()
            .take_while(|k| k.key == record.key)
            .any(copy)
        {
            kept.push(record);
        }
    }
    *place = kept;
}

/// True if the keys of a place are all different.
fn labelled(place: &[FrameRecord]) -> bool {
    place.windows(2).all(|w| w[0].key != w[1].key)
}

fn about_frames(place: &[FrameRecord]) -> String {
    let n = place.len();
    let names = place[0].key.differing(&place[n - 1].key);
    format!(
        "There are {n} images at each slice position, read as frames by {}.",
        names.join(", ")
    )
}

/// Of places with different numbers of images: the frames that have one image at each place; of
/// none, the first image of each place.
fn complete_frames(places: &[Vec<FrameRecord>]) -> (Vec<Vec<FrameRecord>>, String) {
    let n_images: usize = places.iter().map(Vec::len).sum();
    let mut frames: Vec<Vec<FrameRecord>> = Vec::new();
    let mut seen: Vec<FrameKey> = Vec::new();
    for key in places[0].iter().map(|r| r.key.discrete()) {
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let of_key = |place: &Vec<FrameRecord>| {
            let mut found = place.iter().filter(|r| r.key.discrete() == key);
            found.next().copied().filter(|_| found.next().is_none())
        };
        frames.extend(places.iter().map(of_key).collect::<Option<Vec<_>>>());
    }
    if frames.is_empty() {
        frames.push(places.iter().map(|place| place[0]).collect());
    }
    let left = n_images - frames.len() * places.len();
    let warning = format!(
        "Slice positions have different numbers of images: {left} {} left out, which {} no \
         complete frame.",
        if left == 1 {
            "image was"
        } else {
            "images were"
        },
        if left == 1 { "fits" } else { "fit" },
    );
    (frames, warning)
}
