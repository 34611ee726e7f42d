//! Echo-planar facts of a Cartesian frame: which lines ran backwards, and the phase-correction lines measured with them.

use num_complex::Complex32;

use super::index::flag;
use super::{Source, fault, grid};
use crate::Result;
use crate::raw::{EpiInfo, EpiNavigator};

/// The facts of a frame whose lines ran both ways; `None` for others, which need no correction.
pub(super) fn read(
    source: &Source,
    index: usize,
    warnings: &mut Vec<String>,
) -> Result<Option<EpiInfo>> {
    let frame = &source.frames[index];
    let size = source.size();
    // The direction of the first line of a row counts; a row measured both ways has no one direction to mend.
    let mut ways: Vec<Option<bool>> = vec![None; size.z * size.y];
    let mut n_both = 0;
    for &at in &frame.imaging {
        let line = &source.lines[at as usize];
        let row = grid::place(source, line)?.row;
        let reversed = line.has(flag::REVERSE);
        n_both += usize::from(*ways[row].get_or_insert(reversed) != reversed);
    }
    if n_both > 0 {
        warnings.push(format!(
            "{n_both} lines were averaged with lines read out the other way: ghosts of these rows remain."
        ));
    }
    if !(ways.contains(&Some(true)) && ways.contains(&Some(false))) {
        return Ok(None);
    }
    let mut navigators = Vec::new();
    let mut n_bad = 0;
    for &at in &frame.navigators {
        let line = &source.lines[at as usize];
        let samples = source.samples(line)?;
        let (Some(column), None) = (grid::column(source, line), fault(&samples)) else {
            n_bad += 1;
            continue;
        };
        let mut laid = vec![Complex32::ZERO; source.n_coils * size.x];
        let (from, end) = line.kept();
        for sample in from..end {
            let x = column.of(source, line, sample);
            for coil in 0..source.n_coils {
                laid[coil * size.x + x] = samples[coil * source.n_samples + sample];
            }
        }
        navigators.push(EpiNavigator {
            samples: laid,
            reversed: line.has(flag::REVERSE),
        });
    }
    if n_bad > 0 {
        warnings.push(format!(
            "{n_bad} phase-correction lines are zero, not finite or leave the matrix, and are left out."
        ));
    }
    Ok(Some(EpiInfo {
        navigators,
        reversed: ways.iter().map(|way| way.unwrap_or(false)).collect(),
        regrid: None,
    }))
}
