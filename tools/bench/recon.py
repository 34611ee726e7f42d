#!/usr/bin/env python3
"""Reconstruction side by side: omnimri, BART with settings chosen against the truth, SigPy. One run, one thread each.

usage: recon.py OMNIMRI CASES OUT [--methods a,b] [--threads N] [--no-peers]
CASES holds folders with kspace.npy (coil, n0, n1), ref.npy, mask_*.npy and perhaps noise.npy; or, for samples along a
trajectory, kspace_*.npy (coil, readout, sample) with coord_*.npy (readout, sample, 2). OUT gets results.csv, table.md, the
images and contact.png. Needs numpy, pillow and GNU time; `bart` on the path and the package sigpy for the peers.

BART: ecalib with four settings, pics -R W (l1-wavelet) with seven weights; the best by NRMSE against the reference counts, with the
CPU time of that one calibration and reconstruction. omnimri gets no hint. CPU seconds are user and system time of the whole
process, reading and writing included. NRMSE, PSNR and SSIM (fastMRI's: 7 x 7 uniform window) after scaling by least squares.
"""
import argparse, csv, glob, os, subprocess, sys, tempfile
import numpy as np


def box(x, w=7):
    c = np.cumsum(np.cumsum(np.pad(x, ((1, 0), (1, 0))), 0), 1)
    return (c[w:, w:] - c[:-w, w:] - c[w:, :-w] + c[:-w, :-w]) / (w * w)


def ssim(x, r, top, w=7):
    bias = w * w / (w * w - 1)
    ux, ur = box(x), box(r)
    vx, vr, vxr = bias * (box(x * x) - ux * ux), bias * (box(r * r) - ur * ur), bias * (box(x * r) - ux * ur)
    c1, c2 = (.01 * top) ** 2, (.03 * top) ** 2
    return float((((2 * ux * ur + c1) * (2 * vxr + c2)) / ((ux * ux + ur * ur + c1) * (vx + vr + c2))).mean())


def score(x, ref):
    x, ref = np.abs(np.squeeze(x)).astype(float), ref.astype(float)
    if x.shape != ref.shape or not np.isfinite(x).all():
        return dict(nrmse=float('nan'), psnr=float('nan'), ssim=float('nan')), x
    x = x * (x * ref).sum() / max((x * x).sum(), 1e-30)
    mse = ((x - ref) ** 2).mean()
    return dict(nrmse=float(np.sqrt(mse / (ref ** 2).mean())), psnr=float(10 * np.log10(ref.max() ** 2 / mse)),
                ssim=ssim(x, ref, ref.max())), x


def timed(args, env):
    """exit status, CPU seconds and peak memory in MB of one process; GNU time starts it, since a child of Python counts Python's memory"""
    with tempfile.NamedTemporaryFile('r') as figures:
        command = ['/usr/bin/time', '-o', figures.name, '-f', '%U %S %M', *map(str, args)]
        done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            print('  failed:', ' '.join(map(str, args[:3])), done.stderr.decode(errors='replace')[-300:], file=sys.stderr)
        user, system, kilobytes = map(float, figures.read().strip().split('\n')[-1].split())
    return done.returncode, user + system, kilobytes / 1024


def write_cfl(name, array):
    array = np.asarray(array, np.complex64)
    dims = list(array.shape[::-1])
    with open(name + '.hdr', 'w') as f:
        f.write('# Dimensions\n' + ' '.join(map(str, dims + [1] * (16 - len(dims)))) + '\n')
    array.tofile(name + '.cfl')


def read_cfl(name):
    with open(name + '.hdr') as f:
        dims = [int(v) for v in f.read().split('\n')[1].split()]
    return np.fromfile(name + '.cfl', np.complex64).reshape(dims[::-1])


def whitened(case):
    """samples and the matrix that takes coil images back to the coils' own units"""
    k, unmix = case['kspace'], np.eye(len(case['kspace']))
    if case['noise'] is not None:
        n = case['noise']
        unmix = np.linalg.cholesky(n @ n.conj().T / n.shape[1])
        k = np.tensordot(np.linalg.inv(unmix), k, axes=(1, 0))
    return k.astype(np.complex64), unmix


def rss(maps, image, unmix):
    return np.sqrt((np.abs(np.tensordot(unmix, (maps * image[:, None]).sum(0), axes=(1, 0))) ** 2).sum(0))


def bart(case, env, weights=(.0005, .001, .002, .004, .008, .016, .032), calibrations=([], ['-c', '0'], ['-c', '0', '-k', '4'], ['-c', '0', '-r', '24'])):
    """the best of all settings: scores, image, CPU seconds, megabytes, settings"""
    k, unmix = whitened(case)
    shape, best = case['ref'].shape, None
    with tempfile.TemporaryDirectory() as tmp:
        path = lambda name: os.path.join(tmp, name)
        options = []
        if case['coord'] is None:
            write_cfl(path('k'), (k * case['mask'])[:, None])
            source = path('k')
        else:
            coord = case['coord']
            t = np.zeros(coord.shape[:2] + (3,)); t[..., 0] = coord[..., 1]; t[..., 1] = coord[..., 0]
            write_cfl(path('t'), t)
            write_cfl(path('k'), k[:, :, :, None])
            options = ['-t', path('t')]
            d = f'{shape[1]}:{shape[0]}:1'
            timed(['bart', 'nufft', '-i', '-d', f'{min(shape[1], 32)}:{min(shape[0], 32)}:1', path('t'), path('k'), path('low')], env)
            timed(['bart', 'fft', '-u', '7', path('low'), path('lowk')], env)
            timed(['bart', 'resize', '-c', '0', shape[1], '1', shape[0], path('lowk'), path('cal')], env)
            source = path('cal')
        for calibration in calibrations:
            status, cpu_maps, mb_maps = timed(['bart', 'ecalib', '-m1', *calibration, source, path('m')], env)
            if status: continue
            maps = read_cfl(path('m')).reshape(1, len(k), *shape)
            for weight in weights:
                for old in glob.glob(path('i.*')): os.remove(old)
                status, cpu, mb = timed(['bart', 'pics', '-S', '-i', '60', '-R', f'W:3:0:{weight}', *options, path('k'), path('m'), path('i')], env)
                if status: continue
                image = read_cfl(path('i')).reshape(1, *shape)
                s, x = score(rss(maps, image, unmix), case['ref'])
                if best is None or s['nrmse'] < best[0]['nrmse']:
                    best = s, x, cpu + cpu_maps, max(mb, mb_maps), ' '.join(['ecalib', *calibration, 'W', str(weight)])
    return best


SIGPY = '''
import sys, numpy as np, sigpy.mri as mr
k, mask = np.load(sys.argv[1]), np.load(sys.argv[2])
k = (k * mask).astype(np.complex64)
maps = mr.app.EspiritCalib(k, calib_width=int(sys.argv[4]), show_pbar=False).run()
image = mr.app.L1WaveletRecon(k, maps, float(sys.argv[3]), show_pbar=False).run()
np.save(sys.argv[5], np.sqrt((np.abs(maps * image) ** 2).sum(0)))
'''


def sigpy(case, env, out):
    """SigPy's ESPIRiT and L1-wavelet; one weight, the one that was best for BART on average"""
    k, unmix = whitened(case)
    centre = case['mask'][case['mask'].shape[0] // 2]
    half = centre.shape[0] // 2
    width = min(24, 2 * min(np.argmin(np.append(centre[half:], 0)), np.argmin(np.append(centre[:half][::-1], 0))) or 8)
    with tempfile.TemporaryDirectory() as tmp:
        path = lambda name: os.path.join(tmp, name)
        scale = np.abs(np.fft.ifft2(k * case['mask'], norm='ortho')).max()
        np.save(path('k.npy'), k / scale); np.save(path('m.npy'), case['mask']); open(path('s.py'), 'w').write(SIGPY)
        status, cpu, mb = timed([sys.executable, path('s.py'), path('k.npy'), path('m.npy'), '0.004', str(width), path('o.npy')], env)
        if status: return None
        s, x = score(np.load(path('o.npy')), case['ref'])
    return s, x, cpu, mb, 'L1WaveletRecon'


def omnimri(binary, case, method, env, out):
    args = [binary, 'recon', case['files']['kspace'], '--method', method, '--out', out]
    args += ['--axes', 'coil,x,y' if case['coord'] is None else 'coil,readout,sample']
    for flag in ('mask', 'noise'):
        if case['files'].get(flag): args += [f'--{flag}', case['files'][flag]]
    if case['coord'] is not None:
        args += ['--trajectory', case['files']['coord'], '--matrix', ','.join(map(str, case['ref'].shape))]
    status, cpu, mb = timed(args, env)
    if status: return None
    s, x = score(np.load(out), case['ref'])
    return s, x, cpu, mb, ''


def cases(folder):
    for d in sorted(glob.glob(os.path.join(folder, '*/'))):
        name, file = os.path.basename(d[:-1]), lambda f: os.path.join(d, f)
        noise = file('noise.npy') if os.path.exists(file('noise.npy')) else None
        load = lambda f: None if f is None else np.load(f)
        base = dict(ref=np.load(file('ref.npy')), noise=load(noise), kind=name.split('_')[0])
        for mask in sorted(glob.glob(file('mask_*.npy'))):
            files = dict(kspace=file('kspace.npy'), mask=mask, noise=noise)
            yield dict(base, name=f'{name}__{os.path.basename(mask)[:-4]}', files=files, kspace=np.load(files['kspace']), mask=np.load(mask) > 0, coord=None)
        for coord in sorted(glob.glob(file('coord_*.npy'))):
            files = dict(kspace=coord.replace('coord_', 'kspace_'), coord=coord, noise=noise)
            yield dict(base, name=f'{name}__{os.path.basename(coord)[6:-4]}', files=files, kspace=np.load(files['kspace']), mask=None, coord=np.load(coord))


def contact(rows, out):
    """reference and every method, above the error times five"""
    from PIL import Image, ImageDraw
    side, names = 176, ['reference'] + sorted({m for r in rows for m in r['images']})
    sheet = Image.new('L', (side * len(names), (2 * side + 14) * len(rows)))
    draw = ImageDraw.Draw(sheet)
    for j, row in enumerate(rows):
        ref = row['ref']
        for i, name in enumerate(names):
            x = ref if name == 'reference' else row['images'].get(name)
            if x is None: continue
            for k, v in enumerate((x, 5 * np.abs(x - ref))):
                tile = Image.fromarray(np.clip(v / ref.max() * 255 * 1.2, 0, 255).astype(np.uint8)).resize((side, side))
                sheet.paste(tile, (i * side, j * (2 * side + 14) + 14 + k * side))
            s = '' if name == 'reference' else f" {row['nrmse'][name]:.3f}"
            draw.text((i * side + 2, j * (2 * side + 14) + 1), (row['name'] if i == 0 else name + s)[:30], fill=255)
    sheet.save(out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('omnimri'); p.add_argument('cases'); p.add_argument('out')
    p.add_argument('--methods', default='zero-filled,sense,l1-wavelet,omnimri')
    p.add_argument('--threads', default='1'); p.add_argument('--no-peers', action='store_true')
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    env = dict(os.environ, OMP_NUM_THREADS=a.threads, RAYON_NUM_THREADS=a.threads, OPENBLAS_NUM_THREADS=a.threads, MKL_NUM_THREADS=a.threads, NUMBA_NUM_THREADS=a.threads)
    rows, sheets = [], []
    for case in cases(a.cases):
        runs = {m: lambda m=m: omnimri(a.omnimri, case, m, env, os.path.join(a.out, f"{case['name']}__{m}.npy")) for m in a.methods.split(',')}
        if not a.no_peers:
            runs['BART, tuned'] = lambda: bart(case, env)
            if case['coord'] is None: runs['SigPy'] = lambda: sigpy(case, env, a.out)
        row = dict(name=case['name'], ref=case['ref'], images={}, nrmse={})
        for method, run in runs.items():
            result = run()
            if result is None: continue
            s, x, cpu, mb, setting = result
            rows.append(dict(case=case['name'], kind=case['kind'], method=method, **s, cpu_s=cpu, peak_mb=mb, setting=setting))
            row['images'][method], row['nrmse'][method] = x, s['nrmse']
            print(f"{case['name']:28}{method:14}{s['nrmse']:8.4f}{s['psnr']:8.2f}{s['ssim']:8.4f}{cpu:8.2f} s{mb:7.0f} MB  {setting}", flush=True)
        sheets.append(row)
    with open(os.path.join(a.out, 'results.csv'), 'w', newline='') as f:
        w = csv.DictWriter(f, list(rows[0])); w.writeheader(); w.writerows(rows)
    lines = ['| kind | method | cases | NRMSE | PSNR (dB) | SSIM | CPU (s) | peak (MB) |', '| --- | --- | --- | --- | --- | --- | --- | --- |']
    for kind in sorted({r['kind'] for r in rows}):
        for method in dict.fromkeys(r['method'] for r in rows):
            of = [r for r in rows if r['kind'] == kind and r['method'] == method]
            if of:
                mean = lambda k: np.mean([r[k] for r in of])
                lines.append(f"| {kind} | {method} | {len(of)} | {mean('nrmse'):.4f} | {mean('psnr'):.2f} | {mean('ssim'):.4f} | {mean('cpu_s'):.2f} | {max(r['peak_mb'] for r in of):.0f} |")
    with open(os.path.join(a.out, 'table.md'), 'w') as f:
        f.write('\n'.join(lines) + '\n')
    print('\n'.join(lines))
    contact(sheets, os.path.join(a.out, 'contact.png'))


if __name__ == '__main__':
    main()
