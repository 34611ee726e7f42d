//! Does the learned reconstruction keep small lesions, and does it invent structure? Beside the conventional method.
//!
//!     cargo run --release -p omnimri-workflow --example hallucination [-- --model DIR --pairs 100]
//!
//! Simulated heads are measured by a second simulator that training never saw: other coil maps, another phase, correlated noise
//! with a noise scan. Lesions of 3 to 8 mm are put into even tissue; each slice is reconstructed with and without its lesion from
//! the same noise. Contrast kept is the difference of the two images along the true one; a lesion is missed below a half. Invented
//! structure is counted in the slices without a lesion: spots of 3 x 3 pixels in even tissue where the image differs from the truth
//! by more than five standard deviations of that spot under the noise (from replicas, at least that of a full scan).

use std::error::Error;
use std::path::Path;

use num_complex::Complex32;
use omnimri_image::KSpace;
use omnimri_recon::fft::fft2;
use omnimri_recon::reconstruct::{Solver, of_solution};
use omnimri_recon::sampling::{LinePattern, PhaseAxis, SamplingMask, equispaced, random_lines};
use omnimri_recon::simulate::acquire::complex_noise;
use omnimri_recon::simulate::phantom::{Cut, slice};
use omnimri_recon::simulate::{HeadSpec, Sequence, render};
use omnimri_recon::{Method, MultiCoil, ReconOptions};
use omnimri_workflow::Engine;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Matrix; a pixel is 1.25 mm.
const N: usize = 176;
const PIXEL_MM: f32 = 1.25;
const N_COILS: usize = 8;
const SIGNAL_TO_NOISE: f32 = 25.0;
/// Noise draws that tell the noise of a reconstruction.
const REPLICAS: u64 = 4;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn unit(i: usize) -> f32 {
    2.0 * (i as f32 + 0.5) / N as f32 - 1.0
}

/// Products of cosines with random phases, weaker with their order.
fn waves(rng: &mut ChaCha8Rng, order: usize) -> Vec<f32> {
    let mut out = vec![0.0; N * N];
    for (i, j) in (0..=order).flat_map(|i| (0..=order - i).map(move |j| (i, j))) {
        let size = rng.random_range(-1.5f32..1.5) / (1 + i + j) as f32;
        let (u, v) = (rng.random_range(0.0..6.2f32), rng.random_range(0.0..6.2f32));
        let half = std::f32::consts::FRAC_PI_2;
        for (p, out) in out.iter_mut().enumerate() {
            let (y, x) = (half * i as f32 * unit(p / N), half * j as f32 * unit(p % N));
            *out += size * (y + u).cos() * (x + v).cos();
        }
    }
    out
}

/// Sensitivities that fall as a Gaussian and as a loop does, each with a phase of its own.
fn coils(rng: &mut ChaCha8Rng) -> Vec<Complex32> {
    let mut out = Vec::with_capacity(N_COILS * N * N);
    for c in 0..N_COILS {
        let turns = (c as f32 + rng.random_range(-0.2..0.2)) / N_COILS as f32;
        let (sin, cos) = (std::f32::consts::TAU * turns).sin_cos();
        let (width, turn) = (
            rng.random_range(0.75..0.95f32),
            rng.random_range(0.0..6.2f32),
        );
        let ripple = waves(rng, 1);
        out.extend((0..N * N).map(|p| {
            let (y, x) = (unit(p / N), unit(p % N));
            let d = (y - 1.15 * sin).powi(2) + (x - 1.15 * cos).powi(2);
            let strength = (-d / (2.0 * width * width)).exp() + 0.25 / (0.25 + d);
            let (u, v) = (1.7 * cos - x, 1.7 * sin - y);
            let seen = (v * cos - u * sin).atan2(u * cos + v * sin);
            Complex32::from_polar(strength, seen + 0.5 * ripple[p] + turn)
        }));
    }
    out
}

/// One slice, ready to be measured again and again.
struct Scene {
    image: Vec<f32>,
    phase: Vec<f32>,
    coils: Vec<Complex32>,
    mask: SamplingMask,
    mix: Vec<Complex32>,
    sigma: f32,
}

impl Scene {
    fn new(seed: u64, acceleration: f64) -> Outcome<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let spec = HeadSpec {
            lesion: None,
            ..HeadSpec::random(rng.random())
        };
        let cut = Cut::axial(spec.slice_offset_mm(), PIXEL_MM);
        let sequence = [Sequence::t1(), Sequence::t2(), Sequence::flair()][rng.random_range(0..3)];
        let rendered = render(&slice(&spec, cut, N, N)?, &sequence);
        let top = rendered.iter().fold(0.0f32, |a, b| a.max(*b));
        let lines = LinePattern {
            axis: PhaseAxis::X,
            acceleration,
            n_centre: (N as f64 * 0.32 / acceleration).round() as usize,
            seed: rng.random(),
        };
        let mask = if acceleration < 6.0 {
            equispaced(N, N, &lines)?
        } else {
            random_lines(N, N, &lines)?
        };
        // Neighbouring coils share a part of their noise.
        let mix = (0..N_COILS * N_COILS)
            .map(|i| match (i / N_COILS).abs_diff(i % N_COILS) {
                0 => Complex32::new(rng.random_range(0.7..1.2), 0.0),
                1 => Complex32::new(rng.random_range(-0.2..0.2), rng.random_range(-0.2..0.2)),
                _ => Complex32::default(),
            })
            .collect();
        let mut scene = Self {
            image: rendered.iter().map(|v| v / top).collect(),
            phase: waves(&mut rng, 3).iter().map(|v| 1.2 * v).collect(),
            coils: coils(&mut rng),
            mask,
            mix,
            sigma: 0.0,
        };
        let bright: Vec<f32> = scene
            .truth(&scene.image)
            .into_iter()
            .filter(|v| *v > 0.1)
            .collect();
        scene.sigma = bright.iter().sum::<f32>() / bright.len() as f32 / SIGNAL_TO_NOISE;
        Ok(scene)
    }

    fn truth(&self, image: &[f32]) -> Vec<f32> {
        let coil = |p| {
            self.coils
                .iter()
                .skip(p)
                .step_by(N * N)
                .map(|s| s.norm_sqr())
                .sum::<f32>()
        };
        image
            .iter()
            .enumerate()
            .map(|(p, v)| coil(p).sqrt() * v)
            .collect()
    }

    fn noise(&self, n: usize, seed: u64) -> Vec<Complex32> {
        let white = complex_noise(
            N_COILS * n,
            self.sigma,
            &mut ChaCha8Rng::seed_from_u64(seed),
        );
        let mut out = vec![Complex32::default(); white.len()];
        for (ab, w) in self.mix.iter().enumerate() {
            let (a, b) = (ab / N_COILS, ab % N_COILS);
            for i in 0..n {
                out[a * n + i] += w * white[b * n + i];
            }
        }
        out
    }

    /// The conventional and the learned image of `image` under noise `seed`.
    fn reconstruct(&self, engine: &Engine, image: &[f32], seed: u64) -> Outcome<[Vec<f32>; 2]> {
        let at = |i: usize| i % (N * N);
        let mut samples: Vec<Complex32> = (0..N_COILS * N * N)
            .map(|i| self.coils[i] * Complex32::from_polar(image[at(i)], self.phase[at(i)]))
            .collect();
        fft2(&mut samples, N, N);
        for (i, (v, e)) in samples.iter_mut().zip(self.noise(N * N, seed)).enumerate() {
            *v = if self.mask.mask[at(i)] {
                *v + e
            } else {
                Complex32::default()
            };
        }
        let k = KSpace {
            samples,
            n_coils: N_COILS,
            n_y: N,
            n_x: N,
            mask: self.mask.mask.clone(),
            warnings: Vec::new(),
        };
        let options = ReconOptions {
            noise: Some(self.noise(2048, seed ^ 0xffff)),
            ..ReconOptions::default()
        };
        let solver = Solver {
            method: Method::L1Wavelet,
            options,
        };
        let (setup, basis) = solver.setup(&k)?;
        let conventional = of_solution(&k, &setup, &setup.initial, &basis, "l1-wavelet").image;
        let measured = basis.solved(k.samples.clone());
        let learned = engine
            .predictor()
            .reconstruct(&MultiCoil::of_grid(&setup, measured)?)?;
        Ok([
            conventional,
            of_solution(&k, &setup, &learned, &basis, "omnimri").image,
        ])
    }

    /// Is the neighbourhood of `p` tissue of one kind?
    fn even(&self, p: usize, radius: usize) -> bool {
        let (y, x) = (p / N, p % N);
        if y < radius || x < radius || y + radius >= N || x + radius >= N {
            return false;
        }
        let rows = y - radius..=y + radius;
        let around: Vec<f32> = rows
            .flat_map(|y| self.image[y * N + x - radius..=y * N + x + radius].to_vec())
            .collect();
        let low = around.iter().fold(f32::MAX, |a, b| a.min(*b));
        let high = around.iter().fold(0.0f32, |a, b| a.max(*b));
        low > 0.15 && high < 1.25 * low
    }
}

/// A disc with a soft edge.
fn disc(centre: usize, diameter_mm: f32) -> Vec<f32> {
    let radius = diameter_mm / PIXEL_MM / 2.0;
    (0..N * N)
        .map(|p| {
            let dy = (p / N).abs_diff(centre / N) as f32;
            let dx = (p % N).abs_diff(centre % N) as f32;
            (radius + 0.5 - dy.hypot(dx)).clamp(0.0, 1.0)
        })
        .collect()
}

/// Means over 3 x 3 pixels, the size of a small lesion; zero at the border.
fn spots(image: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; N * N];
    for y in 1..N - 1 {
        for x in 1..N - 1 {
            let rows =
                (y - 1..=y + 1).map(|y| image[y * N + x - 1..=y * N + x + 1].iter().sum::<f32>());
            out[y * N + x] = rows.sum::<f32>() / 9.0;
        }
    }
    out
}

/// Spots in even tissue that noise does not explain, neighbours counted once.
fn invented(scene: &Scene, made: &[Vec<f32>]) -> usize {
    let truth = spots(&scene.truth(&scene.image));
    let made: Vec<Vec<f32>> = made.iter().map(|m| spots(m)).collect();
    let n = made.len() as f32;
    let mut found: Vec<usize> = Vec::new();
    for p in (0..N * N).filter(|p| scene.even(*p, 3)) {
        let mean = made.iter().map(|m| m[p]).sum::<f32>() / n;
        let variance = made.iter().map(|m| (m[p] - mean).powi(2)).sum::<f32>() / (n - 1.0);
        let deviation = variance.sqrt().max(scene.sigma / 3.0);
        let near = |q: &usize| (p / N).abs_diff(q / N) < 4 && (p % N).abs_diff(q % N) < 4;
        if (made[0][p] - truth[p]).abs() > 5.0 * deviation && !found.iter().any(near) {
            found.push(p);
        }
    }
    found.len()
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    let value = |flag: &str| {
        args.iter()
            .position(|a| a == flag)
            .and_then(|i| args.get(i + 1))
    };
    let engine = match value("--model") {
        Some(dir) => Engine::from_dir(Path::new(dir))?,
        None => Engine::embedded()?,
    };
    let pairs: u64 = value("--pairs").map_or(Ok(100), |v| v.parse())?;
    println!(
        "| acceleration | method | lesions | contrast kept (mean) | 5th percentile | missed | slices without | invented spots |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for acceleration in [4.0, 8.0] {
        let mut kept = [Vec::new(), Vec::new()];
        let mut spots_found = [0, 0];
        for i in 0..pairs {
            let seed = 70_000 + i;
            let scene = Scene::new(seed, acceleration)?;
            let mut rng = ChaCha8Rng::seed_from_u64(seed + 1);
            let places: Vec<usize> = (0..N * N).filter(|p| scene.even(*p, 4)).collect();
            if places.is_empty() {
                continue;
            }
            let shape = disc(
                places[rng.random_range(0..places.len())],
                rng.random_range(3.0..8.0),
            );
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            let contrast = sign * rng.random_range(0.25..0.6f32);
            let with: Vec<f32> = scene
                .image
                .iter()
                .zip(&shape)
                .map(|(v, s)| v * (1.0 + contrast * s))
                .collect();
            let without = scene.truth(&scene.image);
            let wanted: Vec<f32> = scene
                .truth(&with)
                .iter()
                .zip(&without)
                .map(|(a, b)| a - b)
                .collect();
            let lesion = scene.reconstruct(&engine, &with, seed)?;
            let clean: Vec<[Vec<f32>; 2]> = (0..REPLICAS)
                .map(|r| scene.reconstruct(&engine, &scene.image, seed + 1000 * r))
                .collect::<Outcome<_>>()?;
            for m in 0..2 {
                let pixels = lesion[m].iter().zip(&clean[0][m]).zip(&wanted);
                let along: f32 = pixels.map(|((a, b), w)| (a - b) * w).sum();
                kept[m].push(along / wanted.iter().map(|w| w * w).sum::<f32>());
                let made: Vec<Vec<f32>> = clean.iter().map(|c| c[m].clone()).collect();
                spots_found[m] += invented(&scene, &made);
            }
        }
        for (m, method) in ["l1-wavelet", "omnimri"].into_iter().enumerate() {
            let kept = &mut kept[m];
            kept.sort_by(f32::total_cmp);
            let n = kept.len().max(1);
            println!(
                "| {acceleration} | {method} | {n} | {:.2} | {:.2} | {} | {n} | {} |",
                kept.iter().sum::<f32>() / n as f32,
                kept.get(n / 20).copied().unwrap_or(f32::NAN),
                kept.iter().filter(|k| **k < 0.5).count(),
                spots_found[m]
            );
        }
    }
    Ok(())
}
