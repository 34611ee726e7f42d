//! Sequence and plane from what a header or a file's name says.
//!
//! Words first: series descriptions are free text, and what a technologist wrote names the contrast more surely than the
//! timing does. A text that names two contrasts says nothing. Then timing, for spin echo and inversion recovery only: the
//! usual ranges of clinical protocols (Bitar et al., RadioGraphics 26, 2006), with the gaps between them left unknown.

use omnimri_findings::Sequence;
use omnimri_image::{Acquisition, Plane};

use super::{Recognised, Source};

/// The sequence by header, then by file name.
pub fn sequence(acquisition: &Acquisition, file_name: &str) -> Option<Recognised<Sequence>> {
    let agent = acquisition.contrast_agent.is_some();
    let described = acquisition.description.as_deref();
    described
        .and_then(|text| sequence_of_words(text, agent))
        .or_else(|| sequence_of_timing(acquisition))
        .map(|value| Recognised::new(value, Source::Header))
        .or_else(|| {
            let found = sequence_of_words(name_words(file_name), agent)?;
            Some(Recognised::new(found, Source::FileName))
        })
}

/// The plane by affine, then by the header's words, then by file name.
pub fn plane(acquisition: &Acquisition, file_name: &str) -> Option<Recognised<Plane>> {
    let described = acquisition.description.as_deref();
    acquisition
        .plane
        .or_else(|| plane_of_words(described?))
        .map(|value| Recognised::new(value, Source::Header))
        .or_else(|| {
            let found = plane_of_words(name_words(file_name))?;
            Some(Recognised::new(found, Source::FileName))
        })
}

/// The last part of a path: folders name sites and people as often as contrasts.
fn name_words(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}

/// Words of a text: lower case, cut at whatever is no letter or digit, and between letters and a following digit or the
/// other way round where that frees a weighting (`3dflair`, `t1post`).
fn words(text: &str) -> Vec<String> {
    let mut text = text.to_lowercase();
    for (from, to) in [
        ("t2*", " t2star "),
        ("+c", " gd "),
        ("c+", " gd "),
        ("dark-fluid", " flair "),
    ] {
        text = text.replace(from, to);
    }
    let mut out = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let word = word
            .strip_prefix("2d")
            .or_else(|| word.strip_prefix("3d"))
            .unwrap_or(word);
        match word.get(..2) {
            Some(weighting @ ("t1" | "t2" | "pd")) if word.len() > 2 => {
                let rest = &word[2..];
                if WEIGHTED.contains(&rest)
                    || POST.contains(&rest)
                    || PRE.contains(&rest)
                    || SPLIT.contains(&rest)
                {
                    out.push(weighting.to_owned());
                    out.push(rest.to_owned());
                } else {
                    out.push(word.to_owned());
                }
            }
            _ if !word.is_empty() => out.push(word.to_owned()),
            _ => {}
        }
    }
    out
}

const WEIGHTED: &[&str] = &["w", "wi", "weighted"];
/// After a contrast agent.
const POST: &[&str] = &[
    "post",
    "postcontrast",
    "gd",
    "gad",
    "gado",
    "gadolinium",
    "ce",
    "c",
    "km",
    "contrast",
    "enhanced",
];
/// Before one.
const PRE: &[&str] = &[
    "pre",
    "precontrast",
    "native",
    "n",
    "without",
    "non",
    "noncontrast",
    "plain",
];
/// What else follows a weighting without a space.
const SPLIT: &[&str] = &[
    "flair", "f", "star", "map", "fs", "fatsat", "tse", "fse", "se", "mprage", "mpr", "reg",
    "prereg", "tra", "ax", "sag", "cor", "spir", "spair", "space", "tirm",
];
const FAT_SAT: &[&str] = &["fs", "fatsat", "spir", "spair", "chess"];

/// The contrast that a text names; `None` if it names none or several. `agent` says that a contrast agent was given.
pub fn sequence_of_words(text: &str, agent: bool) -> Option<Sequence> {
    let words = words(text);
    let has = |any: &[&str]| words.iter().any(|w| any.contains(&w.as_str()));
    // Techniques that settle the contrast whatever else is named.
    let settled: [(&[&str], Sequence); 20] = [
        (&["adc", "dadc"], Sequence::Adc),
        (
            &[
                "dwi",
                "diff",
                "diffusion",
                "dti",
                "trace",
                "b1000",
                "tracew",
            ],
            Sequence::Dwi,
        ),
        (&["flair"], Sequence::Flair),
        (&["stir"], Sequence::Stir),
        (&["swi", "swan"], Sequence::Swi),
        (&["t2star", "t2starw", "star", "hemo"], Sequence::T2Star),
        (&["tof"], Sequence::Tof),
        (&["asl", "pcasl", "pasl"], Sequence::Asl),
        (&["bold", "fmri"], Sequence::Bold),
        (&["dsc"], Sequence::Dsc),
        (&["dce"], Sequence::Dce),
        (&["lge", "psir"], Sequence::Lge),
        (&["cine"], Sequence::Cine),
        (
            &["trufi", "truefisp", "fiesta", "bffe", "ssfp", "bssfp"],
            Sequence::Bssfp,
        ),
        (&["dess"], Sequence::Dess),
        (&["dixon", "mdixon", "ideal"], Sequence::WaterFat),
        (&["mp2rage", "unit1"], Sequence::Mp2rage),
        (&["inphase"], Sequence::InPhase),
        (
            &["outphase", "oppphase", "outofphase"],
            Sequence::OutOfPhase,
        ),
        (&["t1map", "molli", "shmolli"], Sequence::T1Map),
    ];
    let mut found: Vec<Sequence> = settled
        .iter()
        .filter(|(names, _)| has(names))
        .map(|(_, sequence)| *sequence)
        .collect();
    // The trace images and the map of one scan are named together.
    if found == [Sequence::Adc, Sequence::Dwi] {
        found.pop();
    }
    match found.as_slice() {
        [one] => return Some(*one),
        [_, ..] => return None,
        [] => {}
    }
    let t1 = has(&["t1", "mprage", "mpr", "spgr", "bravo", "tfl"]);
    let t2 = has(&["t2"]);
    let pd = has(&["pd"]);
    let fat_sat = has(FAT_SAT);
    // BraTS of 2023 writes `t2f` for FLAIR.
    if t2 && has(&["f"]) {
        return Some(Sequence::Flair);
    }
    if has(&["map"]) {
        return match (t1, t2, pd) {
            (true, false, false) => Some(Sequence::T1Map),
            (false, true, false) => Some(Sequence::T2Map),
            _ => None,
        };
    }
    match (t1, t2, pd) {
        (true, false, false) => {
            let (post, pre) = (has(POST), has(PRE) || has(&["prereg"]));
            Some(match (post, pre) {
                // "without contrast" names both.
                (_, true) if fat_sat => Sequence::T1FatSat,
                (_, true) => Sequence::T1,
                (true, false) => Sequence::T1Post,
                (false, false) if agent => Sequence::T1Post,
                (false, false) if fat_sat => Sequence::T1FatSat,
                (false, false) => Sequence::T1,
            })
        }
        (false, true, false) if fat_sat => Some(Sequence::T2FatSat),
        (false, true, false) => Some(Sequence::T2),
        (false, false, true) if fat_sat => Some(Sequence::PdFatSat),
        (false, false, true) => Some(Sequence::Pd),
        _ => None,
    }
}

/// The contrast by repetition, echo and inversion time, in milliseconds.
///
/// - inversion time from 1,500 and echo time from 70: FLAIR
/// - inversion time 100 to 250: short-tau inversion recovery
/// - no inversion; repetition time from 2,000 and echo time from 70: T2-weighted
/// - no inversion; repetition time from 1,500 and echo time up to 30: proton-density-weighted
/// - no inversion; repetition time 250 to 900, echo time up to 30, flip angle from 60: T1-weighted, after a contrast agent
///   if the header names one
///
/// Everything between, and gradient echoes with a small flip angle, stays unknown: their contrast hangs on spoiling and
/// preparation that the header does not tell of.
pub fn sequence_of_timing(a: &Acquisition) -> Option<Sequence> {
    let (tr, te) = (a.repetition_time_ms?, a.echo_time_ms?);
    match a.inversion_time_ms {
        Some(ti) if ti >= 1500.0 && te >= 70.0 => Some(Sequence::Flair),
        Some(ti) if (100.0..=250.0).contains(&ti) => Some(Sequence::Stir),
        Some(_) => None,
        None if tr >= 2000.0 && te >= 70.0 => Some(Sequence::T2),
        None if tr >= 1500.0 && te <= 30.0 => Some(Sequence::Pd),
        None if (250.0..=900.0).contains(&tr)
            && te <= 30.0
            && a.flip_angle_deg.is_some_and(|f| f >= 60.0) =>
        {
            Some(match a.contrast_agent {
                Some(_) => Sequence::T1Post,
                None => Sequence::T1,
            })
        }
        None => None,
    }
}

/// The plane that a text names; `None` if it names none or several.
pub fn plane_of_words(text: &str) -> Option<Plane> {
    let words = words(text);
    let names: [(&[&str], Plane); 3] = [
        (
            &["ax", "axial", "tra", "transversal", "transverse"],
            Plane::Axial,
        ),
        (&["cor", "coronal"], Plane::Coronal),
        (&["sag", "sagittal"], Plane::Sagittal),
    ];
    let mut found = names
        .iter()
        .filter(|(any, _)| words.iter().any(|w| any.contains(&w.as_str())))
        .map(|(_, plane)| *plane);
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_name_their_contrast() {
        use Sequence as S;
        for (text, expected) in [
            ("T1post", Some(S::T1Post)),
            ("T1pre_reg", Some(S::T1)),
            ("T1prereg", Some(S::T1)),
            ("FLAIR_reg", Some(S::Flair)),
            ("T2_reg", Some(S::T2)),
            ("AX T2 FLAIR FS", Some(S::Flair)),
            ("t2_tirm_tra_dark-fluid", Some(S::Flair)),
            ("Sag T1 MPRAGE", Some(S::T1)),
            ("AX T1 +C", Some(S::T1Post)),
            ("T1 without contrast", Some(S::T1)),
            ("t1_vibe_fs_cor", Some(S::T1FatSat)),
            ("PD FS SAG", Some(S::PdFatSat)),
            ("ax t2* gre", Some(S::T2Star)),
            ("ep2d_diff_b1000_ADC", Some(S::Adc)),
            ("PD/T2 dual echo", None),
            ("localizer", None),
            ("sub-01_ses-1_ce-gadolinium_T1w", Some(S::T1Post)),
            ("sub-01_T2w", Some(S::T2)),
            ("BraTS-GLI-00001-000-t2f", Some(S::Flair)),
            ("BraTS-GLI-00001-000-t1c", Some(S::T1Post)),
            ("BraTS-GLI-00001-000-t1n", Some(S::T1)),
            ("case_t1ce", Some(S::T1Post)),
            ("sub-1_UNIT1", Some(S::Mp2rage)),
            ("", None),
            ("Über", None),
        ] {
            assert_eq!(sequence_of_words(text, false), expected, "{text}");
        }
        assert_eq!(sequence_of_words("AX T1", true), Some(S::T1Post));
        assert_eq!(sequence_of_words("AX T2", true), Some(S::T2));
    }

    #[test]
    fn timing_speaks_where_words_are_silent() {
        let timed = |tr, te, ti: Option<f64>, flip| Acquisition {
            description: Some("RM".into()),
            repetition_time_ms: Some(tr),
            echo_time_ms: Some(te),
            inversion_time_ms: ti,
            flip_angle_deg: Some(flip),
            ..Acquisition::default()
        };
        for (a, expected) in [
            (
                timed(9000.0, 127.8, Some(2250.0), 90.0),
                Some(Sequence::Flair),
            ),
            (timed(4003.0, 88.3, None, 90.0), Some(Sequence::T2)),
            (timed(650.0, 10.0, None, 75.0), Some(Sequence::T1)),
            (timed(2500.0, 15.0, None, 90.0), Some(Sequence::Pd)),
            (timed(4000.0, 60.0, Some(160.0), 90.0), Some(Sequence::Stir)),
            (timed(8.0, 3.0, None, 12.0), None),
            (timed(2000.0, 3.0, Some(900.0), 9.0), None),
            (timed(1200.0, 50.0, None, 90.0), None),
        ] {
            assert_eq!(sequence_of_timing(&a), expected, "{a:?}");
            let found = sequence(&a, "scan_T2w.nii.gz").unwrap();
            match expected {
                Some(value) => assert_eq!(found, Recognised::new(value, Source::Header)),
                None => assert_eq!(found, Recognised::new(Sequence::T2, Source::FileName)),
            }
        }
    }

    #[test]
    fn planes_are_named_once() {
        assert_eq!(plane_of_words("AX T2"), Some(Plane::Axial));
        assert_eq!(plane_of_words("t1_mpr_sag_p2"), Some(Plane::Sagittal));
        assert_eq!(plane_of_words("MPR sag cor"), None);
        assert_eq!(plane_of_words("cortex"), None);
        let a = Acquisition::default();
        assert_eq!(
            plane(&a, "axial/x_cor.nii"),
            Some(Recognised::new(Plane::Coronal, Source::FileName))
        );
    }
}
