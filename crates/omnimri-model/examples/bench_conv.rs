#![allow(clippy::print_stdout, missing_docs)]
use burn::prelude::*;
use burn::tensor::{
    Distribution,
    module::conv2d,
    ops::{ConvOptions, PadMode},
};
use std::time::Instant;

fn shifted(x: Tensor<4>, w: Tensor<2>) -> Tensor<4> {
    let [b, h, wd, c] = x.dims();
    let p = x.pad([(0, 0), (1, 1), (1, 1), (0, 0)], PadMode::Constant(0.0));
    let mut parts = Vec::new();
    for dy in 0..3 {
        for dx in 0..3 {
            parts.push(p.clone().slice([0..b, dy..dy + h, dx..dx + wd, 0..c]));
        }
    }
    let cols = Tensor::cat(parts, 3).reshape([b * h * wd, 9 * c]);
    let o = w.dims()[1];
    cols.matmul(w).reshape([b, h, wd, o])
}

fn main() {
    let dev = Device::flex().autodiff();
    for (b, h, c) in [(8usize, 48usize, 64usize), (8, 24, 128), (8, 96, 24)] {
        let flops = 2.0 * (b * h * h * 9 * c * c) as f64;
        let n = 5;
        let w4 = Tensor::<4>::random([c, c, 3, 3], Distribution::Default, &dev).require_grad();
        let x4 = Tensor::<4>::random([b, c, h, h], Distribution::Default, &dev).require_grad();
        let w2 = Tensor::<2>::random([9 * c, c], Distribution::Default, &dev).require_grad();
        let x2 = Tensor::<4>::random([b, h, h, c], Distribution::Default, &dev).require_grad();
        let mut t = [0.0; 8];
        let ga = Tensor::<1>::ones([c], &dev).require_grad();
        let be = Tensor::<1>::zeros([c], &dev).require_grad();
        for i in 0..=n {
            let s = Instant::now();
            let y = conv2d(
                x4.clone(),
                w4.clone(),
                None,
                ConvOptions::new([1, 1], [1, 1], [1, 1], 1),
            );
            let a = s.elapsed().as_secs_f64();
            let g = y.sum().backward();
            let _ = w4.grad(&g);
            let bt = s.elapsed().as_secs_f64();
            let s = Instant::now();
            let y = shifted(x2.clone(), w2.clone());
            let cc = s.elapsed().as_secs_f64();
            let g = y.sum().backward();
            let _ = w2.grad(&g);
            let d = s.elapsed().as_secs_f64();
            let s = Instant::now();
            let y = omnimri_model::kernel::conv3x3(x2.clone(), w2.clone());
            let e = s.elapsed().as_secs_f64();
            let g = y.sum().backward();
            let _ = w2.grad(&g);
            let f = s.elapsed().as_secs_f64();
            let s = Instant::now();
            let y = omnimri_model::kernel::norm_relu(x2.clone(), ga.clone(), be.clone());
            let gg = s.elapsed().as_secs_f64();
            let g = y.sum().backward();
            let _ = ga.grad(&g);
            let hh = s.elapsed().as_secs_f64();
            if i > 0 {
                t[4] += e;
                t[5] += f;
                t[6] += gg;
                t[7] += hh;
                t[0] += a;
                t[1] += bt;
                t[2] += cc;
                t[3] += d;
            }
        }
        let f = |s: f64, k: f64| {
            format!(
                "{:.1} ms ({:.1} GFLOP/s)",
                s / n as f64 * 1e3,
                k * flops * n as f64 / s / 1e9
            )
        };
        println!(
            "b{b} {h}x{h} c{c}: conv2d fwd {} fwd+bwd {} | shifted fwd {} fwd+bwd {}",
            f(t[0], 1.0),
            f(t[1], 3.0),
            f(t[2], 1.0),
            f(t[3], 3.0)
        );
        println!(
            "   ours: fwd {} fwd+bwd {} norm fwd {:.1} ms fwd+bwd {:.1} ms",
            f(t[4], 1.0),
            f(t[5], 3.0),
            t[6] / n as f64 * 1e3,
            t[7] / n as f64 * 1e3
        );
    }
    let x = Tensor::<2>::random([2048, 256], Distribution::Default, &dev);
    let w = Tensor::<2>::random([256, 1024], Distribution::Default, &dev);
    let s = Instant::now();
    for _ in 0..10 {
        let _ = x.clone().matmul(w.clone());
    }
    println!(
        "gemm {:.1} GFLOP/s",
        10.0 * 2.0 * 2048.0 * 256.0 * 1024.0 / s.elapsed().as_secs_f64() / 1e9
    );
}
