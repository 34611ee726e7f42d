#!/usr/bin/env python3
"""Radial and spiral cases of BART's analytic phantom, and BART's own best on them.

usage: radial_cases.py build OUT        write the cases (needs numpy and bart)
       radial_cases.py bart OUT         BART on every case: lambda and regulariser chosen against the truth
       radial_cases.py score OUT DIR    NRMSE of DIR/<case>.npy (magnitude or complex) beside BART's best
A case is a folder: samples.npy (coil, readout, sample) complex64, coord.npy (readout, sample, axis) float32 in the order z, y, x and in
cycles per field of view, as the scanner claims it; coord_true.npy, where the samples really lie; ref.npy (y, x) float32, the root sum
of squares of the noise-free coil images (the transform of the phantom's analytic Cartesian k-space). Cases named d* have gradient delays.
"""
import csv, json, os, subprocess, sys, tempfile, time
import numpy as np

# name: (matrix, readouts, delays (x, y, xy) in samples, signal-to-noise ratio, kind)
CASES = {
    'r64_m128': (128, 64, None, 25, 'radial'), 'r32_m128': (128, 32, None, 25, 'radial'),
    'r64_m176': (176, 64, None, 25, 'radial'), 'r32_m176': (176, 32, None, 25, 'radial'),
    'd64_m128': (128, 64, (0.5, -0.3, 0.2), 25, 'radial'), 'd64_m176': (176, 64, (1.4, -1.1, 0.8), 25, 'radial'),
    'd32_m128': (128, 32, (1.2, 0.9, -0.4), 25, 'radial'), 'd48_m160': (160, 48, (-0.7, 0.9, -0.3), 15, 'golden'),
    's24_m144': (144, 24, None, 25, 'spiral'),
}

def write_cfl(f, a):
    a = np.asarray(a, np.complex64)
    with open(f + '.hdr', 'w') as h: h.write('# Dimensions\n' + ' '.join(str(n) for n in a.shape[::-1]) + '\n')
    np.ascontiguousarray(a).tofile(f + '.cfl')

def read_cfl(f):
    with open(f + '.hdr') as h: shape = [int(n) for n in h.read().split('\n')[1].split()]
    return np.squeeze(np.fromfile(f + '.cfl', np.complex64).reshape(shape[::-1]))

class Bart:
    """Commands in a folder of their own; arrays by name, C order with the first axis of BART last; CPU seconds are summed."""
    def __init__(self): self.d = tempfile.TemporaryDirectory(); self.cpu = 0.0
    def f(self, n): return f'{self.d.name}/{n}'
    def put(self, n, a): write_cfl(self.f(n), a)
    def get(self, n): return read_cfl(self.f(n))
    def __call__(self, line):
        words = line.split(); t = os.times()
        words = [self.f(w[1:]) if w.startswith('@') else w for w in words]
        r = subprocess.run(['bart', *words], capture_output=True, text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
        u = os.times(); self.cpu += u.children_user + u.children_system - t.children_user - t.children_system
        if r.returncode: raise RuntimeError(f'bart {line}: {r.stderr}')
        return r.stdout

def fft2(x): return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(x, axes=(-2, -1)), norm='ortho'), axes=(-2, -1))
def ifft2(k): return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes=(-2, -1)), norm='ortho'), axes=(-2, -1))
def rss(x): return np.sqrt((np.abs(x) ** 2).sum(0))

def spiral(m, n):
    """n interleaves of an Archimedean spiral to the edge of k-space, (n, sample, 3) as x, y, z."""
    turns = m / 2 / n * 1.4; s = np.linspace(0, 1, int(3.3 * np.pi * m * turns / 4)) ** .7
    a = 2 * np.pi * (turns * s[None] + np.arange(n)[:, None] / n)
    return np.stack([m / 2 * s * np.cos(a), m / 2 * s * np.sin(a), 0 * a], -1)

def build(out):
    for i, (name, (m, n, delays, snr, kind)) in enumerate(CASES.items()):
        b = Bart(); rng = np.random.default_rng(7000 + i)
        if kind == 'spiral': true = claimed = spiral(m, n); b.put('true', true)
        else:
            base = f'traj -r -x {m} -y {n} -o 2' + (' -G' if kind == 'golden' else ''); b(base + ' @claimed')
            b(base + (f' -q {delays[0]}:{delays[1]}:{delays[2]}' if delays else '') + ' @true')
            true, claimed = b.get('true').real, b.get('claimed').real
        b(f'phantom -k -s 8 -t @true @k'); b(f'phantom -x {m} -k -s 8 @c')
        cart = b.get('c').reshape(8, m, m); scale = 1 / np.abs(ifft2(cart)).max()
        ref = rss(ifft2(cart)) * scale; sigma = ref[ref > .1 * ref.max()].mean() / snr
        k = b.get('k').reshape(8, n, -1) * scale
        k = k + (rng.standard_normal(k.shape) + 1j * rng.standard_normal(k.shape)) * sigma / np.sqrt(2)
        d = f'{out}/{name}'; os.makedirs(d, exist_ok=True)
        for f, a in (('samples', k.astype(np.complex64)), ('coord', claimed[..., ::-1].astype(np.float32)), ('coord_true', true[..., ::-1].astype(np.float32)), ('ref', ref.astype(np.float32))):
            np.save(f'{d}/{f}.npy', np.ascontiguousarray(a))
        with open(f'{d}/case.json', 'w') as f: json.dump(dict(matrix=m, readouts=n, delays=delays, snr=snr, kind=kind, sigma=float(sigma)), f)
        print(name, k.shape, ref.shape, f'sigma {sigma:.4f}')

def nrmse(x, ref):
    x = np.abs(x).astype(float); a = (x * ref).sum() / (x * x).sum()
    return float(np.sqrt(((a * x - ref) ** 2).sum() / (ref ** 2).sum()))

def bart_case(d):
    """The smallest NRMSE over maps, regulariser and lambda, with the claimed (after RING), and the true trajectory."""
    meta = json.load(open(f'{d}/case.json')); m = meta['matrix']; k = np.load(f'{d}/samples.npy'); ref = np.load(f'{d}/ref.npy'); rows = []
    for which in ('coord', 'coord_true') if meta['delays'] else ('coord',):
        b = Bart(); b.put('k', k[..., None]); b.put('t', np.load(f'{d}/{which}.npy')[..., ::-1])
        if meta['delays'] and which == 'coord':
            found = b('estdelay -R @t @k').strip(); b(f'traj -r -x {m} -y {meta["readouts"]} -o 2' + (' -G' if meta['kind'] == 'golden' else '') + f' -q {found} -O @t2'); b.put('t', b.get('t2')); print(' RING found', found, 'true', meta['delays'], flush=True)
        start = b.cpu; b(f'nufft -i -l 0.01 -d {m}:{m}:1 @t @k @coils'); b('fft -u 3 @coils @kc'); b('ecalib -m 1 -c 0 @kc @maps'); calib = b.cpu - start
        best = (9, '')
        for reg in ('W:7:0', 'T:7:0', 'Q'):
            last = 9
            for lam in np.geomspace(1e-4, 0.1, 10):
                t = b.cpu; b(f'pics -S -e -t @t -R {reg}:{lam:.5f} @k @maps @x'); e = nrmse(rss(b.get('x') * b.get('maps')), ref)
                if e < best[0]: best = (e, f'{reg}:{lam:.5f}', calib + b.cpu - t)
                if reg[0] == 'W': rows.append((e, lam))
                if e > 1.1 * last and last < 1: break
                last = min(last, e)
            print(f'  {os.path.basename(d)} {which} {reg} best so far {best}', flush=True)
        yield which, best, min(rows)

def main():
    what, out = sys.argv[1:3]
    if what == 'build': build(out)
    names = [n for n in CASES if len(sys.argv) < 4 or what != 'bart' or n in sys.argv[3:]]
    if what == 'bart':
        for n in names:
            with open(f'{out}/{n}/bart.json', 'w') as f: json.dump({w: dict(best=b, wavelet=v) for w, b, v in bart_case(f'{out}/{n}')}, f)
    if what == 'score':
        for n in names:
            ref = np.load(f'{out}/{n}/ref.npy'); f = f'{sys.argv[3]}/{n}.npy'; b = f'{out}/{n}/bart.json'
            bart = json.load(open(b)) if os.path.exists(b) else {}
            print(f'{n:12}', f'{nrmse(np.load(f), ref):.4f}' if os.path.exists(f) else '     -', {k: (round(v['best'][0], 4), v['best'][1], 'wavelet', round(v['wavelet'][0], 4)) for k, v in bart.items()})

if __name__ == '__main__': main()
