#!/usr/bin/env python3
"""Reconstructions of simulated scans by `omnimri recon`, held against NumPy, BART and the truth; exit code 1 on any failure.

usage: recon_peer.py OMNIMRI
Fully sampled ISMRMRD and fastMRI files, written by the ismrmrd package and h5py, must give the root sum of squares that NumPy
gives; an undersampled phantom must come out no worse than BART's l1-wavelet with the best of six settings (skipped aloud without
BART); samples along radial spokes must come out close to the truth.
"""
import os, shutil, subprocess, sys, tempfile
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'bench'))
from recon import bart, score  # noqa: E402  (the functions of the benchmark)

binary, failed = sys.argv[1], []


def check(what, ok, found):
    print(f"{'ok' if ok else 'DIFFERS'}: {what}: {found}")
    if not ok: failed.append(what)


def recon(*args):
    done = subprocess.run([binary, 'recon', *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-500:])
    return done.returncode == 0


ELLIPSES = [(0, 0, .69, .92, 0, 1), (0, -.0184, .6624, .874, 0, -.7), (.22, 0, .11, .31, -.31, -.3), (-.22, 0, .16, .41, .31, -.25),
            (0, .35, .21, .25, 0, .35), (0, .1, .046, .046, 0, .4), (-.08, -.605, .046, .023, 0, .4), (.06, -.605, .023, .046, 0, .4)]


def phantom(n):
    y, x = np.meshgrid(np.linspace(1, -1, n), np.linspace(-1, 1, n), indexing='ij')
    out = np.zeros((n, n))
    for cx, cy, a, b, t, v in ELLIPSES:
        u, w = (x - cx) * np.cos(t) + (y - cy) * np.sin(t), (y - cy) * np.cos(t) - (x - cx) * np.sin(t)
        out[(u / a) ** 2 + (w / b) ** 2 < 1] += v
    return out


def coils(n, count):
    y, x = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing='ij')
    s = []
    for c in range(count):
        t = 2 * np.pi * c / count
        s.append(np.exp(-((y - 1.2 * np.sin(t)) ** 2 + (x - 1.2 * np.cos(t)) ** 2) / 1.4) * np.exp(1j * (t + .8 * x * np.cos(t) + .8 * y * np.sin(t))))
    return np.array(s)


def fft2(x): return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(x, axes=(-2, -1)), norm='ortho'), axes=(-2, -1))
def rss(x): return np.sqrt((np.abs(x) ** 2).sum(0))


rng = np.random.default_rng(4)
n = 96
image = phantom(n) * np.exp(1j * .6 * np.linspace(-1, 1, n))
seen = coils(n, 6) * image
truth = rss(seen)
sigma = truth[truth > .1].mean() / 30
noisy = fft2(seen) + sigma / 2 ** .5 * (rng.standard_normal(seen.shape) + 1j * rng.standard_normal(seen.shape))

with tempfile.TemporaryDirectory() as tmp:
    at = lambda name: os.path.join(tmp, name)

    import h5py
    with h5py.File(at('fastmri.h5'), 'w') as f:
        f['kspace'] = np.stack([noisy, 2 * noisy]).astype(np.complex64)
        f.attrs['acquisition'] = 'AXT2'
    ok = recon(at('fastmri.h5'), '--out', at('f.npy'))
    expected = rss(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(noisy, axes=(-2, -1)), norm='ortho'), axes=(-2, -1)))
    found = np.load(at('f.npy')) if ok else np.zeros((2, n, n))
    worst = np.abs(found - np.stack([expected, 2 * expected])).max() / expected.max() if found.shape == (2, n, n) else found.shape
    check('fastMRI file, fully sampled, against NumPy', ok and worst < 1e-4, worst)

    import ismrmrd
    over = np.zeros((6, n, 2 * n), np.complex64)
    wide = np.zeros((6, n, 2 * n), complex); wide[:, :, n // 2:n // 2 + n] = seen
    over[:] = fft2(wide)
    d = ismrmrd.Dataset(at('scan.h5'), 'dataset', create_if_needed=True)
    space = lambda x, mm: f'<matrixSize><x>{x}</x><y>{n}</y><z>1</z></matrixSize><fieldOfView_mm><x>{mm}</x><y>240</y><z>5</z></fieldOfView_mm>'
    d.write_xml_header(('<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions><H1resonanceFrequency_Hz>63500000'
        f'</H1resonanceFrequency_Hz></experimentalConditions><encoding><encodedSpace>{space(2 * n, 480)}</encodedSpace><reconSpace>{space(n, 240)}</reconSpace>'
        f'<trajectory>cartesian</trajectory><encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{n - 1}</maximum><center>{n // 2}</center>'
        '</kspace_encoding_step_1></encodingLimits></encoding></ismrmrdHeader>').encode())
    for line in range(n):
        a = ismrmrd.Acquisition.from_array(np.ascontiguousarray(over[:, line]))
        a.idx.kspace_encode_step_1 = line
        a.center_sample = n
        a.read_dir[:] = (1, 0, 0); a.phase_dir[:] = (0, 1, 0); a.slice_dir[:] = (0, 0, 1)
        d.append_acquisition(a)
    d.close()
    ok = recon(at('scan.h5'), '--out', at('i.npy'))
    found = np.load(at('i.npy')) if ok else np.zeros((n, n))
    worst = np.abs(found - truth).max() / truth.max() if found.shape == (n, n) else found.shape
    check('ISMRMRD file with readout oversampling, against the truth', ok and worst < 1e-4, worst)

    for acceleration, centre in ((4, 10), (8, 7)):
        mask = np.zeros((n, n), bool)
        mask[:, ::acceleration] = True
        mask[:, rng.integers(0, n, n // 16)] = True
        mask[:, n // 2 - centre // 2:n // 2 - centre // 2 + centre] = True
        np.save(at('k.npy'), noisy.astype(np.complex64)); np.save(at('m.npy'), mask.astype(np.uint8))
        results = {}
        for method in ('zero-filled', 'sense', 'grappa', 'l1-wavelet', 'tv'):
            ok = recon(at('k.npy'), '--axes', 'coil,y,x', '--mask', at('m.npy'), '--method', method, '--out', at('o.npy'))
            results[method] = score(np.load(at('o.npy')), truth)[0]['nrmse'] if ok else float('nan')
        values = ', '.join(f'{m} {v:.4f}' for m, v in results.items())
        check(f'phantom, {acceleration}-fold, every method below zero-filled', all(v < results['zero-filled'] for m, v in results.items() if m != 'zero-filled'), values)
        if shutil.which('bart'):
            case = dict(kspace=noisy, noise=None, mask=mask, coord=None, ref=truth)
            best = bart(case, dict(os.environ, OMP_NUM_THREADS='1'), weights=(.002, .008, .032), calibrations=([], ['-c', '0']))
            check(f'phantom, {acceleration}-fold, l1-wavelet against the best of BART', results['l1-wavelet'] < 1.01 * best[0]['nrmse'], f"{results['l1-wavelet']:.4f} and {best[0]['nrmse']:.4f} ({best[4]})")
        else:
            print('skipped: no bart on this machine')

    spokes, samples = 64, 2 * n
    angle = np.pi * np.arange(spokes) / spokes
    k = (np.arange(samples) - samples // 2) / 2
    coord = np.stack([np.outer(np.sin(angle), k), np.outer(np.cos(angle), k)], -1)
    grid = np.arange(n) - n // 2
    waves = lambda a: np.exp(-2j * np.pi * np.outer(coord[..., a].ravel(), grid) / n)
    data = np.einsum('sy,cyx,sx->cs', waves(0), seen, waves(1), optimize=True) / n
    data = data + sigma / 2 ** .5 * (rng.standard_normal(data.shape) + 1j * rng.standard_normal(data.shape))
    np.save(at('r.npy'), data.reshape(6, spokes, samples).astype(np.complex64)); np.save(at('c.npy'), coord.astype(np.float32))
    for method, bound in (('zero-filled', .35), ('sense', .2), ('auto', .12)):
        ok = recon(at('r.npy'), '--axes', 'coil,readout,sample', '--trajectory', at('c.npy'), '--matrix', f'{n},{n}', '--method', method, '--out', at('o.npy'))
        found = score(np.load(at('o.npy')), truth)[0]['nrmse'] if ok else float('nan')
        check(f'radial, 64 spokes, {method}, NRMSE below {bound}', found < bound, found)

sys.exit(1 if failed else 0)
