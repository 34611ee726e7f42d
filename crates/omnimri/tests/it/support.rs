//! The program, and inputs made by the tests themselves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use num_complex::Complex32;
use omnimri_image::{Volume, write_nifti, write_npy_complex32, write_png_grey};
use omnimri_recon::coil_maps::CoilMaps;
use omnimri_recon::sampling::{LinePattern, PhaseAxis, equispaced};
use omnimri_recon::simulate::acquire::{acquire, coil_maps_birdcage};
use serde_json::Value;

use crate::head::head;

/// What a run of the program said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(
            !ran.err.contains("panicked") && !ran.err.contains("the program failed"),
            "{ran:?}"
        );
        ran
    }

    /// Done, or this test fails with what was said.
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Failed with `code`, in one line that begins with the program's name and holds all of `words`.
    pub fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        let told: Vec<&str> = self
            .err
            .lines()
            .filter(|l| l.starts_with("omnimri: "))
            .collect();
        assert_eq!(told.len(), 1, "one line: {self:?}");
        for word in words {
            assert!(told[0].contains(word), "no {word:?} in {self:?}");
        }
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// The program, with arguments still to come.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_omnimri"));
    command.env_remove("OMNIMRI_LOG").env("NO_COLOR", "1");
    command
}

/// Runs the program.
pub fn omnimri<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    Ran::of(program().args(args).output().unwrap())
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Names in a folder, sorted; none for a folder that is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// `result.json` of a result folder.
pub fn result(folder: &Path) -> Value {
    let path = folder.join("result.json");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap()
}

/// A slice of the simulated head.
pub fn slice() -> (Vec<f32>, usize) {
    let n = 128;
    (head(1, n).voxels, n)
}

/// The slice as a PNG.
pub fn head_png(folder: &Path, name: &str) -> PathBuf {
    let (grey, n) = slice();
    png(folder, name, &grey, n)
}

/// Grey levels of a square as a PNG.
pub fn png(folder: &Path, name: &str, grey: &[f32], n: usize) -> PathBuf {
    let path = folder.join(name);
    write_png_grey(&path, grey, n, grey.len() / n).unwrap();
    path
}

/// One grey level.
pub fn blank_png(folder: &Path) -> PathBuf {
    png(folder, "blank.png", &vec![0.0; 96 * 96], 96)
}

/// Grey levels that have nothing to do with each other.
pub fn noise_png(folder: &Path) -> PathBuf {
    let mixed = |i: u64| {
        let h = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((h ^ (h >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32
    };
    png(
        folder,
        "noise.png",
        &(0..120 * 120).map(mixed).collect::<Vec<_>>(),
        120,
    )
}

/// Three thick slices of the head as NIfTI.
pub fn head_nifti(folder: &Path, name: &str) -> (PathBuf, Volume) {
    let volume = head(3, 112);
    let path = folder.join(name);
    write_nifti(&path, &volume).unwrap();
    (path, volume)
}

/// Two-fold undersampled k-space of the slice, `(coil, y, x)`.
pub fn kspace_npy(folder: &Path, name: &str) -> PathBuf {
    let (grey, n) = slice();
    let image: Vec<Complex32> = grey
        .iter()
        .map(|v| Complex32::new(v / 4000.0, 0.0))
        .collect();
    let maps: CoilMaps = coil_maps_birdcage(4, n, n, 1);
    let pattern = LinePattern {
        axis: PhaseAxis::X,
        acceleration: 2.0,
        n_centre: 24,
        seed: 1,
    };
    let mask = equispaced(n, n, &pattern).unwrap();
    let k = acquire(&image, &maps, &mask, 0.002, 1).unwrap();
    let path = folder.join(name);
    write_npy_complex32(&path, &k.samples, &[k.n_coils, k.n_y, k.n_x]).unwrap();
    path
}
