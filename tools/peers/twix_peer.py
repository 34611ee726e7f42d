"""Compares omnimri's reading of Siemens TWIX files with twixtools' (PyPI), and with arrays published beside them.

    python3 tools/peers/twix_peer.py TWIX_DUMP DATA

TWIX_DUMP is the built example (target/release/examples/twix_dump); DATA holds `.dat` files, some with a `.npy` of the
same name: complex64 `(coil, line, sample)`. Samples must be equal. Files with repetitions, echoes and sets, lines that
ran backwards, partial Fourier and a noise measurement are made here as well, by twixtools' own writer from a file of
DATA. Prints a Markdown table; exit code 1 on any difference.
"""

import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import twixtools
from twixtools.mdb import Mdb_local

COUNTERS = {"slice": "Sli", "contrast": "Eco", "phase": "Phs", "repetition": "Rep", "set": "Set"}


def read_with_omnimri(dump, path):
    """Header line, then (label, array) of each frame."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([dump, path, folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{path}: {done.stderr.strip()}")
        header, *labels = map(json.loads, done.stdout.splitlines())
        return header, [(label, np.load(f"{folder}/frame_{label['frame']}.npy")) for label in labels]


def frame_of(image, label, shape, path):
    """One frame of twixtools' array on omnimri's grid `(coil, z, y, x)`."""
    index = {name: 0 for name in image.dim_order}
    for name, dimension in COUNTERS.items():
        index[dimension] = label[name]
    full = {"Par": slice(None), "Lin": slice(None), "Cha": slice(None), "Col": slice(None), "Ave": slice(None)}
    block = image[tuple(full.get(name, index[name]) for name in image.dim_order)]
    block = np.asarray(block).reshape([image.size[n] for n in ("Par", "Lin", "Cha", "Col")])
    block = np.moveaxis(block, 2, 0)
    grid = np.zeros(shape, np.complex64)
    centres = (image.kspace_center_par, image.kspace_center_lin, image.kspace_center_col)
    at = []
    for n, length, centre in zip(shape[1:], block.shape[1:], centres):
        start = n // 2 - centre if n > 1 else 0
        if start < 0 or start + length > n:
            raise SystemExit(f"{path}: {length} samples about {centre} do not fit {n}")
        at.append(slice(start, start + length))
    grid[(slice(None), *at)] = block
    return grid


def made_files(first, folder):
    """Variations of a measured file by twixtools' writer: (name, path)."""
    scan = twixtools.read_twix(str(first), verbose=False, keep_acqend=True)[-1]
    images = [b for b in scan["mdb"] if not b.is_flag_set("ACQEND")]
    end = [b for b in scan["mdb"] if b.is_flag_set("ACQEND")]

    def copies(change, lines=images):
        out = []
        for i, line in enumerate(lines):
            local = Mdb_local(line.data.copy())
            local.mdh = copy.deepcopy(line.mdh)
            local.channel_hdr = copy.deepcopy(line.channel_hdr)
            change(local, i)
            out.append(local)
        return out

    def save(name, scans):
        path = pathlib.Path(folder, f"{name}.dat")
        twixtools.write_twix(scans, str(path))
        return name, path

    def with_lines(lines):
        return {**scan, "mdb": lines + end}

    def counter(name, value):
        return lambda b, _: setattr(b.mdh.Counter, name, value)

    def noise(b, _):
        b.set_flag("NOISEADJSCAN", True)

    def every_second_backwards(b, i):
        if i % 2:
            b.set_flag("REFLECT", True)
            b.mdh.Counter.Seg = 1

    def partial(b, _):
        b.mdh.Counter.Lin -= 40
        b.mdh.CenterLin -= 40

    few = images[::4]
    yield save("repetitions", [with_lines(few + copies(counter("Rep", 1)) + copies(counter("Rep", 2)))])
    yield save("echoes and sets", [with_lines(images + copies(counter("Eco", 1)) + copies(counter("Set", 1)))])
    yield save("every second line backwards", [with_lines(copies(every_second_backwards))])
    yield save("partial Fourier", [with_lines(copies(partial, images[40:]))])
    yield save("noise measurement first", [with_lines(copies(noise)), with_lines(images)])


def compare(dump, name, path, published=None):
    """Rows of the table, and how many differ."""
    header, frames = read_with_omnimri(dump, path)
    # Lines are averaged by twixtools as by omnimri; its segments (directions of readout) do not overlap.
    image = twixtools.map_twix(str(path), verbose=False)[-1]["image"]
    worst, n_bad = 0.0, 0
    for label, ours in frames:
        shape = (ours.shape[0], *([1] if ours.ndim == 3 else []), *ours.shape[1:])
        difference = float(np.abs(ours.reshape(shape) - frame_of(image, label, shape, path)).max())
        worst = max(worst, difference)
        n_bad += difference > 0
    encoded = " x ".join(map(str, header["encoded"]))
    row = f"| {name} | twixtools | {len(frames)} | {header['n_coils']} | {encoded} | {worst:g} |"
    print(row, "**differs** |" if n_bad else "equal |")
    if published is not None:
        same = np.array_equal(frames[0][1], np.load(published))
        n_bad += not same
        print(f"| {name} | {published.name} | 1 | {header['n_coils']} | {encoded} | |", "equal |" if same else "**differs** |")
    return n_bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dump", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    arguments = parser.parse_args()
    files = sorted(arguments.data.rglob("*.dat"))
    if not files:
        raise SystemExit(f"no .dat file in {arguments.data}")
    print("| file | peer | frames | coils | encoded matrix | largest difference | result |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    bad = 0
    for path in files:
        published = path.with_suffix(".npy")
        bad += compare(arguments.dump, path.name, path, published if published.exists() else None)
    whole = [p for p in files if p.with_suffix(".npy").exists()] or files
    with tempfile.TemporaryDirectory() as folder:
        for name, path in made_files(whole[0], folder):
            bad += compare(arguments.dump, f"made: {name}", path)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
