//! A simulated head with a tumour in the patient's left hemisphere, in thick axial slices.

use omnimri_image::{Acquisition, SourceKind, Volume, plane_of};
use omnimri_recon::simulate::demo::demo_head;
use omnimri_recon::simulate::{Cut, Sequence, render, stack};

/// Grey levels are whole numbers up to this, as a scanner stores them.
const WHITE: f32 = 4000.0;

/// `n_z` slices of 6 mm with `n` x `n` pixels of `230 / n` mm, whole grey levels, around the tumour.
pub fn head(n_z: usize, n: usize) -> Volume {
    let cut = Cut::axial(10.0 - 3.0 * (n_z as f32 - 1.0), 230.0 / n as f32);
    let phantom = stack(&demo_head(1), cut, n_z, 6.0, n, n).unwrap();
    let signal = render(&phantom, &Sequence::t1_post());
    let most = signal.iter().copied().fold(0.0, f32::max);
    let geometry = phantom.geometry();
    Volume {
        voxels: signal.iter().map(|v| (v / most * WHITE).round()).collect(),
        n_frames: 1,
        acquisition: Acquisition {
            plane: plane_of(&geometry),
            ..Acquisition::default()
        },
        geometry,
        source: SourceKind::Simulated,
        warnings: Vec::new(),
    }
}
