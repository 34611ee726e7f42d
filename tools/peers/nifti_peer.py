"""Compares omnimri's voxels and affine with nibabel's, and its pixels with Pillow's, on every file of a folder.

    python3 tools/peers/nifti_peer.py DUMP DATA

DUMP is the built example (target/release/examples/dump). NIfTI files of every type, byte order and version are made
here as well. Voxels must be equal as float32 and affines within 1e-5; PNG must be equal; JPEG decoders round
differently, so a few grey levels are allowed and the largest difference is printed. Exit code 1 on any difference.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import nibabel as nib
import numpy as np
from PIL import Image

BATCH = 400
MOST_GREY_LEVELS = 6


def read_with_omnimri(dump, paths):
    """Yields path, array [frame][z][y][x] and header line of each file."""
    for first in range(0, len(paths), BATCH):
        with tempfile.TemporaryDirectory() as folder:
            raw = pathlib.Path(folder, "voxels.f32")
            command = [dump, raw, *paths[first : first + BATCH]]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"omnimri failed: {done.stderr.strip()}")
            voxels = np.fromfile(raw, "<f4")
        at = 0
        for line in done.stdout.splitlines():
            line = json.loads(line)
            n = int(np.prod(line["shape"]))
            yield line["path"], voxels[at : at + n].reshape(line["shape"]), line
            at += n
        assert at == len(voxels)


def made_files(folder):
    """Types, orders, versions, scaling, pairs, transforms and frames that the data lack."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 120, (7, 5, 3))
    oblique = nib.affines.from_matvec(
        nib.eulerangles.euler2mat(0.2, -0.1, 0.3) @ np.diag([-0.9, 1.1, 4.0]), [30, 12.5, -20]
    )
    paths = []

    def save(image, name):
        paths.append(pathlib.Path(folder, name))
        nib.save(image, paths[-1])

    kinds = {"1": (nib.Nifti1Image, nib.Nifti1Header), "2": (nib.Nifti2Image, nib.Nifti2Header)}
    for version, (kind, header_kind) in kinds.items():
        for order in "<>":
            for code in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"):
                header = header_kind(endianness=order)
                header.set_data_dtype(np.dtype(code).newbyteorder(order))
                image = kind(values.astype(code), oblique, header)
                name = f"{version}_{'le' if order == '<' else 'be'}_{code}"
                save(image, name + ".nii")
                save(image, name + ".nii.gz")
        scaled = kind(rng.normal(0, 300, (7, 5, 3, 4)), oblique)
        scaled.header.set_data_dtype(np.int16)
        scaled.header.set_zooms((0.9, 1.1, 4.0, 2.5))
        save(scaled, f"{version}_scaled_4d.nii.gz")
        qform = kind(values.astype("i2"), oblique)
        qform.set_qform(oblique, 1)
        qform.set_sform(None, 0)
        save(qform, f"{version}_qform.nii")
        none = kind(values.astype("i2"), np.diag([0.8, 0.9, 2.0, 1.0]))
        none.set_qform(None, 0)
        none.set_sform(None, 0)
        save(none, f"{version}_no_transform.nii")
    pair = nib.Nifti1Pair(values.astype("f4"), oblique)
    save(pair, "pair.hdr")
    return paths


def compare_nifti(dump, paths):
    """Number of files that differ, with the largest differences printed."""
    bad, worst_affine, n_frames = 0, 0.0, 0
    for path, ours, line in read_with_omnimri(dump, paths):
        image = nib.load(path)
        theirs = np.asanyarray(image.dataobj).astype(np.float32)
        theirs = theirs.reshape((theirs.shape + (1, 1, 1))[:4], order="F").T
        difference = np.abs(np.array(line["affine"]) - image.affine).max()
        worst_affine = max(worst_affine, difference)
        n_frames += ours.shape[0]
        if ours.shape != theirs.shape or not np.array_equal(ours, theirs) or difference > 1e-5:
            bad += 1
            print(f"differs: {path}: shape {ours.shape} and {theirs.shape}, affine by {difference:.2g}")
    print(f"{len(paths)} NIfTI files, {n_frames} frames: {bad} differ; affines by at most {worst_affine:.2g}")
    return bad


def compare_images(dump, paths):
    """Number of PNG and JPEG files that differ by more than is allowed."""
    bad, worst, total, n_pixels = 0, 0, 0.0, 0
    for path, ours, _ in read_with_omnimri(dump, paths):
        image = Image.open(path)
        theirs = np.asarray(image.convert("L") if image.mode != "I;16" else image, np.float32)
        if ours.shape[2:] != theirs.shape:
            bad += 1
            print(f"differs: {path}: shape {ours.shape[2:]} and {theirs.shape}")
            continue
        difference = np.abs(ours[0, 0] - theirs)
        allowed = MOST_GREY_LEVELS if image.format == "JPEG" else 0
        if difference.max() > allowed:
            bad += 1
            print(f"differs: {path}: by {difference.max():.0f} grey levels")
        worst, total = max(worst, difference.max()), total + difference.sum()
        n_pixels += difference.size
    if n_pixels:
        mean = total / n_pixels
        print(f"{len(paths)} images: {bad} differ; by at most {worst:.0f} grey levels, {mean:.4f} on average")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dump", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    arguments = parser.parse_args()
    files = [p for p in sorted(arguments.data.rglob("*")) if p.is_file()]
    ending = lambda *names: [p for p in files if p.name.lower().endswith(names)]
    bad = compare_nifti(arguments.dump, ending(".nii", ".nii.gz"))
    with tempfile.TemporaryDirectory() as folder:
        print("made here:", end=" ")
        bad += compare_nifti(arguments.dump, made_files(folder))
    for name in ((".png",), (".jpg", ".jpeg")):
        print(f"{name[0]}:", end=" ")
        bad += compare_images(arguments.dump, ending(*name))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
