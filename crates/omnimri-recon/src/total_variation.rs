//! Isotropic total variation of 2D images: its proximal step by the fast gradient projection of the dual problem (Beck and
//! Teboulle, IEEE Trans Image Process 2009;18:2419).

/// Iterations of the dual problem a step; the dual of the last step is the start of the next, so that few are enough.
const ITERATIONS: usize = 5;

/// Proximal steps of one real image, with the dual variables kept between them.
#[derive(Debug, Clone)]
pub(crate) struct TotalVariation {
    n_y: usize,
    n_x: usize,
    /// Dual variables `(down, right)` a pixel, of length at most one.
    dual: Vec<[f32; 2]>,
}

impl TotalVariation {
    pub fn new(n_y: usize, n_x: usize) -> Self {
        Self {
            n_y,
            n_x,
            dual: vec![[0.0; 2]; n_y * n_x],
        }
    }

    /// Replaces `image` by `argmin_u 1/2 |u - image|^2 + weight TV(u)`, approximately.
    pub fn prox(&mut self, image: &mut [f32], weight: f32) {
        if weight <= 0.0 {
            return;
        }
        let mut ahead = self.dual.clone();
        let mut t = 1.0f32;
        // One over the Lipschitz constant of the dual gradient.
        let step = 1.0 / (8.0 * weight);
        for _ in 0..ITERATIONS {
            let primal = self.primal(image, &ahead, weight);
            let t_next = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
            let momentum = (t - 1.0) / t_next;
            t = t_next;
            for y in 0..self.n_y {
                for x in 0..self.n_x {
                    let i = y * self.n_x + x;
                    let down = if y + 1 < self.n_y {
                        primal[i] - primal[i + self.n_x]
                    } else {
                        0.0
                    };
                    let right = if x + 1 < self.n_x {
                        primal[i] - primal[i + 1]
                    } else {
                        0.0
                    };
                    let p = [ahead[i][0] + step * down, ahead[i][1] + step * right];
                    let length = p[0].hypot(p[1]).max(1.0);
                    let new = [p[0] / length, p[1] / length];
                    for k in 0..2 {
                        ahead[i][k] = new[k] + momentum * (new[k] - self.dual[i][k]);
                    }
                    self.dual[i] = new;
                }
            }
        }
        let primal = self.primal(image, &self.dual, weight);
        image.copy_from_slice(&primal);
    }

    /// `image - weight D^T dual`, with `D u = u(here) - u(below)` and `u(here) - u(right)`.
    fn primal(&self, image: &[f32], dual: &[[f32; 2]], weight: f32) -> Vec<f32> {
        let n_x = self.n_x;
        let mut out = image.to_vec();
        for y in 0..self.n_y {
            for x in 0..n_x {
                let i = y * n_x + x;
                let mut sum = 0.0;
                if y + 1 < self.n_y {
                    sum += dual[i][0];
                }
                if x + 1 < n_x {
                    sum += dual[i][1];
                }
                if y > 0 {
                    sum -= dual[i - n_x][0];
                }
                if x > 0 {
                    sum -= dual[i - 1][1];
                }
                out[i] -= weight * sum;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(u: &[f32], image: &[f32], n_y: usize, n_x: usize, weight: f32) -> f32 {
        let mut tv = 0.0;
        for y in 0..n_y {
            for x in 0..n_x {
                let i = y * n_x + x;
                let down = if y + 1 < n_y { u[i] - u[i + n_x] } else { 0.0 };
                let right = if x + 1 < n_x { u[i] - u[i + 1] } else { 0.0 };
                tv += down.hypot(right);
            }
        }
        let data: f32 = u.iter().zip(image).map(|(a, b)| (a - b) * (a - b)).sum();
        0.5 * data + weight * tv
    }

    #[test]
    fn repeated_steps_reach_a_minimum_that_no_small_change_improves() {
        let (n_y, n_x) = (7, 11);
        let image: Vec<f32> = (0..77)
            .map(|i| f32::from(u8::from(i % 11 > 4)) + 0.2 * ((i * 37 % 17) as f32 / 17.0))
            .collect();
        let mut tv = TotalVariation::new(n_y, n_x);
        let mut u = image.clone();
        for _ in 0..200 {
            u.copy_from_slice(&image);
            tv.prox(&mut u, 0.2);
        }
        let best = objective(&u, &image, n_y, n_x, 0.2);
        assert!(best < 0.7 * objective(&image, &image, n_y, n_x, 0.2));
        for i in 0..u.len() {
            for change in [0.03, -0.03] {
                let mut other = u.clone();
                other[i] += change;
                assert!(objective(&other, &image, n_y, n_x, 0.2) > best - 1e-4);
            }
        }
    }

    #[test]
    fn a_constant_stays_and_weight_zero_does_nothing() {
        let mut tv = TotalVariation::new(5, 6);
        let mut u = vec![3.0; 30];
        tv.prox(&mut u, 0.7);
        assert!(u.iter().all(|v| (v - 3.0).abs() < 1e-6));
        let mut u: Vec<f32> = (0..30).map(|i| i as f32).collect();
        tv.prox(&mut u, 0.0);
        assert_eq!(u[7], 7.0);
    }
}
