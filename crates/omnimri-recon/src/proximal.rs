//! Accelerated proximal gradients (FISTA; Beck and Teboulle, SIAM J Imaging Sci 2009;2:183).

use num_complex::Complex32;

/// Minimises `1/2 <x, N x> - Re <rhs, x> + g(x)` from `x` in place and returns the iterations done, for a normal operator `N` of
/// norm at most one and the proximal step of `g`. It stops early when a step changes `x` by less than `tolerance` of its norm.
pub fn fista(
    normal: impl Fn(&[Complex32]) -> Vec<Complex32>,
    rhs: &[Complex32],
    x: &mut [Complex32],
    prox: impl Fn(&mut [Complex32]),
    max_iterations: usize,
    tolerance: f64,
) -> usize {
    let mut z = x.to_vec();
    let mut t = 1.0f32;
    for iteration in 0..max_iterations {
        let image = normal(&z);
        for ((z, v), b) in z.iter_mut().zip(&image).zip(rhs) {
            *z -= v - b;
        }
        // The proximal step has buffers of its own: two at a time would be the peak of memory.
        drop(image);
        prox(&mut z);
        let t_next = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
        let momentum = (t - 1.0) / t_next;
        t = t_next;
        let (mut change, mut size) = (0.0f64, 0.0f64);
        // Sums in fixed chunks in single precision, of chunks in double.
        for (z, x) in z.chunks_mut(4096).zip(x.chunks_mut(4096)) {
            let (mut part, mut whole) = (0.0f32, 0.0f32);
            for (z, x) in z.iter_mut().zip(x) {
                let (new, step) = (*z, *z - *x);
                part += step.norm_sqr();
                whole += new.norm_sqr();
                *z = new + step * momentum;
                *x = new;
            }
            change += f64::from(part);
            size += f64::from(whole);
        }
        if change <= tolerance * tolerance * size {
            return iteration + 1;
        }
    }
    max_iterations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavelet::soft_threshold;

    #[test]
    fn the_lasso_with_a_diagonal_operator_has_its_known_solution() {
        let diagonal = [1.0f32, 0.5, 0.25, 0.9];
        let rhs = [1.0f32, -0.3, 0.05, 0.02].map(|v| Complex32::new(v, 0.5 * v));
        let normal = |u: &[Complex32]| u.iter().zip(&diagonal).map(|(u, d)| u * *d).collect();
        let mut x = vec![Complex32::default(); 4];
        fista(normal, &rhs, &mut x, |v| soft_threshold(v, 0.1), 500, 1e-7);
        for ((x, b), d) in x.iter().zip(&rhs).zip(&diagonal) {
            let mut expected = *b;
            soft_threshold(std::slice::from_mut(&mut expected), 0.1);
            assert!(
                (x - expected / *d).norm() < 1e-3,
                "{x} against {}",
                expected / *d
            );
        }
    }
}
