"""Loads the same NIfTI files with nibabel and with omnimri, one process each, and prints the ratio of times.

    python3 tools/bench/load_nifti.py DUMP DATA [--repeats 5]

DUMP is the built example (target/release/examples/dump), DATA a folder with .nii or .nii.gz files. Both read every file
into float32 values in memory; start of the process and imports are not counted, the two take turns, and the best pass of
each counts. Larger volumes made here (gzip and plain) are measured too. Exit code 1 if omnimri is slower than nibabel by
more than a tenth, which is what such timings vary by, on any group of files but plain float32: there both only copy
memory, which is reported and not judged.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import nibabel as nib
import numpy as np


def time_nibabel(paths, passes):
    """Seconds of one pass over all files, best of all passes."""
    best = np.inf
    for _ in range(passes):
        start = time.perf_counter()
        for path in paths:
            voxels = nib.load(path).get_fdata(dtype=np.float32, caching="unchanged")
            if isinstance(voxels, np.memmap):
                np.array(voxels)  # mapped, not read yet
        best = min(best, time.perf_counter() - start)
    return best


def time_omnimri(dump, paths, passes):
    """The same, by the example."""
    command = [dump, "--time", str(passes), *map(str, paths)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def made_groups(folder):
    """Larger volumes than the data hold, of a smooth head-like field with noise."""
    rng = np.random.default_rng(7)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (176, 256, 256)), indexing="ij")
    head = np.exp(-3 * (x**2 + y**2 + z**2)) * 900
    head = np.where(head > 80, head + rng.normal(0, 12, head.shape), 0).clip(0).T
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [127, -127, -88]
    groups = {}
    for name, dtype, suffix in (
        ("made, 256x256x176 int16, gzip", np.int16, "i16.nii.gz"),
        ("made, 256x256x176 float32, gzip", np.float32, "f32.nii.gz"),
        ("made, 256x256x176 int16, plain", np.int16, "i16.nii"),
        ("made, 256x256x176 float32, plain", np.float32, "f32.nii"),
    ):
        image = nib.Nifti1Image(head.astype(dtype), affine)
        path = pathlib.Path(folder, suffix)
        nib.save(image, path)
        groups[name] = [path]
    scaled = nib.Nifti1Image(head.astype(np.float32), affine)
    scaled.header.set_data_dtype(np.int16)
    path = pathlib.Path(folder, "scaled.nii.gz")
    nib.save(scaled, path)
    groups["made, 256x256x176 int16 scaled, gzip"] = [path]
    return groups


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dump", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()

    groups = {}
    for path in sorted(arguments.data.rglob("*.nii*")):
        group = "/".join(path.relative_to(arguments.data).parts[:2])
        groups.setdefault(group, []).append(path)
    slower = False
    with tempfile.TemporaryDirectory() as folder:
        groups |= made_groups(folder)
        print(f"{'files':<40} {'n':>4} {'nibabel s':>10} {'omnimri s':>10} {'times faster':>13}")
        for name, paths in groups.items():
            theirs = ours = np.inf
            for _ in range(arguments.repeats):
                theirs = min(theirs, time_nibabel(paths, 3))
                ours = min(ours, time_omnimri(arguments.dump, paths, 3))
            ratio = theirs / ours
            slower |= ratio < 0.9 and "float32, plain" not in name
            print(f"{name:<40} {len(paths):>4} {theirs:>10.4f} {ours:>10.4f} {ratio:>13.2f}", flush=True)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
