#!/usr/bin/env python3
"""GRAPPA of this workspace and of pygrappa side by side: NRMSE and CPU seconds, one process and one thread each.

usage: grappa_peer.py CASES SCORE_DIR BINARY [--masks mask_e4,mask_r8] [--kernels 5x5,5x9] [--poisson]
CASES holds one folder a case (kspace.npy (coil, n0, n1), ref.npy, mask_*.npy, noise.npy for some); SCORE_DIR the module
recon_score.py; BINARY is `cargo build --release -p omnimri-recon --example grappa_case`. pygrappa gets the calibration lines cut
out and double precision, as its examples do, and every kernel size named (readout x phase); its best one counts. Seconds of
our side hold the whole process, reading and writing files included; those of pygrappa the call alone.
--poisson measures a 4x variable-density mask with a fully sampled centre instead (mdgrappa only: the others take lines).
"""
import argparse, glob, os, resource, subprocess, sys, tempfile, time
os.environ.update(OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', RAYON_NUM_THREADS='1')
import numpy as np

AXES = (-2, -1)


def ifft2(k):
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes=AXES), norm='ortho'), axes=AXES)


def rss(k):
    return np.sqrt((np.abs(ifft2(k)) ** 2).sum(0))


def centre_lines(line):
    a = b = len(line) // 2
    while a > 0 and line[a - 1]: a -= 1
    while b < len(line) and line[b]: b += 1
    return a, b


def poisson(shape, acceleration, centre, seed):
    """Random points, denser in the middle, with a fully sampled centre."""
    rng = np.random.default_rng(seed)
    y, x = (np.linspace(-1, 1, n) for n in shape)
    density = 1 / (0.15 + np.hypot(y[:, None], x[None]) ** 2)
    mask = rng.random(shape) < density * (np.prod(shape) / acceleration / density.sum())
    cy, cx = shape[0] // 2, shape[1] // 2
    mask[cy - centre // 2:cy + centre // 2, cx - centre // 2:cx + centre // 2] = True
    return mask


def peers(kspace, mask, kernels, lines):
    """(name, image, CPU seconds or the error) of every peer and kernel."""
    import pygrappa
    sub = (kspace * mask).astype(np.complex128)
    if lines:
        a, b = centre_lines(mask[mask.shape[0] // 2])
        calibration = sub[:, :, a:b].copy()
        functions = ('grappa', 'mdgrappa', 'cgrappa')
    else:
        c = 10
        cy, cx = mask.shape[0] // 2, mask.shape[1] // 2
        calibration = sub[:, cy - c:cy + c, cx - c:cx + c].copy()
        functions = ('mdgrappa',)
    for function in functions:
        for kernel in kernels:
            start = time.process_time()
            try:
                with np.errstate(all='ignore'):
                    filled = getattr(pygrappa, function)(sub.copy(), calibration, kernel_size=kernel, coil_axis=0)
                yield function, kernel, rss(filled), time.process_time() - start
            except Exception as e:  # a peer that cannot do a case is a result too
                yield function, kernel, None, f'{type(e).__name__}: {e}'[:60]


def ours(binary, files, out):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([binary, *files[:2], out, *files[2:]], check=True, capture_output=True, text=True).stderr.strip()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.load(out), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('cases'); parser.add_argument('score_dir'); parser.add_argument('binary')
    parser.add_argument('--masks', default='mask_e4,mask_r8')
    parser.add_argument('--kernels', default='5x5,5x9')
    parser.add_argument('--poisson', action='store_true')
    parser.add_argument('--only-ours', action='store_true')
    args = parser.parse_args()
    sys.path.insert(0, args.score_dir)
    from recon_score import score
    kernels = [tuple(int(n) for n in k.split('x')) for k in args.kernels.split(',')]
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        for name in (['poisson'] if args.poisson else args.masks.split(',')):
            for case in sorted(glob.glob(f'{args.cases}/*/kspace.npy')):
                folder = os.path.dirname(case)
                kspace, ref = np.load(case), np.load(f'{folder}/ref.npy')
                mask_file = f'{folder}/{name}.npy'
                if args.poisson:
                    mask_file = f'{tmp}/mask.npy'
                    np.save(mask_file, poisson(ref.shape, 4, 20, 1).astype(np.uint8))
                mask = np.load(mask_file).astype(bool)
                nrmse = lambda image: score(image, ref)['nrmse']
                label = f'{os.path.basename(folder)} {name}'
                print(f'{label}: zero-filled {nrmse(rss(kspace * mask)):.4f}, fully sampled {nrmse(rss(kspace)):.4f}')
                image, seconds, said = ours(args.binary, [case, mask_file], f'{tmp}/out.npy')
                own = (nrmse(image), seconds)
                print(f'    omnimri               {own[0]:.4f} {own[1]:7.2f} s   ({said})', flush=True)
                if os.path.exists(f'{folder}/noise.npy'):
                    image, seconds, _ = ours(args.binary, [case, mask_file, f'{folder}/noise.npy'], f'{tmp}/out.npy')
                    print(f'    omnimri, noise scan   {nrmse(image):.4f} {seconds:7.2f} s', flush=True)
                found = []
                if not args.only_ours:
                    for function, kernel, image, seconds in peers(kspace, mask, kernels, not args.poisson):
                        text = f'    {function:9} {kernel[0]}x{kernel[1]:<9}'
                        if image is None or not np.isfinite(image).all():
                            print(f'{text} failed ({seconds if image is None else "not finite"})', flush=True)
                            continue
                        found.append((nrmse(image), seconds))
                        print(f'{text} {found[-1][0]:.4f} {seconds:7.2f} s', flush=True)
                if found:
                    rows.append((label, own, min(found), min(s for _, s in found)))
    print(f'{"case":28}{"NRMSE":>8}{"best peer":>10}{"CPU s":>8}{"its":>8}{"ratio":>7}{"to fastest":>11}')
    for label, own, best, fastest in rows:
        print(f'{label:28}{own[0]:8.4f}{best[0]:10.4f}{own[1]:8.2f}{best[1]:8.2f}{own[1] / best[1]:7.2f}{own[1] / fastest:11.2f}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
