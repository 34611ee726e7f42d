"""Builds Parquet shards from the same volumes with omnimri and with Python, side by side, and prints volumes a second.

    taskset -c 1 python3 tools/bench/corpus.py SHARDS [DATA] [--workers 1] [--made 16] [--rounds 1]

SHARDS is the built example (target/release/examples/shards), DATA a folder with the hippocampus set. Volumes of the size of
a head are made here in the same layout. The Python loaders do what ours does with the pixels, and no more: read, turn to
RAS+, scale by the 0.1 and 99.9 percentiles to bytes, read the label map, PNG by slice, Parquet, with as many processes as
ours has threads. Ours also describes and questions each volume, measures its quality, compares training with validation, and
makes checksums. Pillow's fastest PNG level is used, and its default where asked. Rates are by processor seconds (user and
system, children included), so that other work on the machine does not count; wall seconds stand beside them. The loaders take
turns within a round, and the least of the rounds is told. Imports are not counted, nor is the start of our program spared.
"""

import argparse
import contextlib
import functools
import io
import json
import multiprocessing
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

PAPER_VOLUMES = 224_194
GROUP_BYTES = 16 << 20


def clocks():
    """Wall and processor seconds so far, of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return np.array([time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)])


@contextlib.contextmanager
def mapper(workers):
    """Maps over jobs, in this process where one worker is asked for."""
    if workers == 1:
        yield map
        return
    pool = multiprocessing.Pool(workers)
    yield pool.imap
    # Waited for, so that their processor time is counted.
    pool.close()
    pool.join()


def to_png(volume, level):
    slices = []
    for k in range(volume.shape[2]):
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(volume[:, :, k].T)).save(out, "PNG", compress_level=level)
        slices.append({"bytes": out.getvalue(), "path": f"z{k:04}.png"})
    return slices


def to_bytes(voxels):
    n = voxels.size - 1
    at = round(n * 0.001), round(n * 0.999)
    low, high = np.partition(voxels.ravel(), at)[list(at)]
    return np.round(np.clip((voxels - low) * (255 / max(high - low, 1e-30)), 0, 255)).astype(np.uint8)


def by_nibabel(image, labels, level):
    start = time.perf_counter()
    voxels = nib.as_closest_canonical(nib.load(image)).get_fdata(dtype=np.float32, caching="unchanged")
    mask = np.asarray(nib.as_closest_canonical(nib.load(labels)).dataobj).astype(np.uint8)
    read = time.perf_counter()
    scaled = to_bytes(voxels)
    done = time.perf_counter()
    row = {"slices": to_png(scaled, level), "labels": to_png(mask, level)}
    return row, (read - start, done - read, time.perf_counter() - done)


def by_torchio(image, labels, level):
    import torch
    import torchio

    torch.set_num_threads(1)
    start = time.perf_counter()
    subject = torchio.Subject(image=torchio.ScalarImage(image), labels=torchio.LabelMap(labels))
    subject = torchio.ToCanonical()(subject)
    subject.load()
    read = time.perf_counter()
    subject = torchio.RescaleIntensity((0, 255), percentiles=(0.1, 99.9))(subject)
    scaled = subject.image.numpy()[0].round().astype(np.uint8)
    mask = subject.labels.numpy()[0].astype(np.uint8)
    done = time.perf_counter()
    row = {"slices": to_png(scaled, level), "labels": to_png(mask, level)}
    return row, (read - start, done - read, time.perf_counter() - done)


def work(job):
    loader, name, image, labels, level = job
    row, seconds = loader(image, labels, level)
    return {"id": name, **row}, seconds


def build_by_python(loader, folder, out, workers, level):
    """Wall and processor seconds, seconds of the stages summed over the processes, bytes and slices written."""
    names = sorted(p.name.removesuffix(".nii.gz") for p in (folder / "images").glob("*.nii.gz"))
    jobs = [(loader, n, folder / f"images/{n}.nii.gz", folder / f"labels/{n}.nii.gz", level) for n in names]
    image = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    schema = pa.schema([("id", pa.string()), ("slices", image), ("labels", image)])
    stages = np.zeros(4)
    start = clocks()
    with mapper(workers) as mapped, pq.ParquetWriter(out, schema, compression="zstd") as writer:
        rows, size = [], 0

        def flush():
            clock = time.perf_counter()
            writer.write_table(pa.Table.from_pylist(rows, schema))
            stages[3] += time.perf_counter() - clock

        for row, seconds in mapped(work, jobs):
            stages[:3] += seconds
            rows.append(row)
            size += sum(len(s["bytes"]) for s in row["slices"] + row["labels"])
            if size >= GROUP_BYTES:
                flush()
                rows, size = [], 0
        if rows:
            flush()
    return clocks() - start, stages, out.stat().st_size, len(names)


def build_by_omnimri(shards, data, out, workers):
    shutil.rmtree(out, ignore_errors=True)
    start = clocks()
    command = [shards, "build", data, out, str(workers), "hippocampus"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    seconds = clocks() - start
    report = json.loads(done.stdout)
    stages = [report["stages"][k] for k in ("read_s", "text_s", "encode_s", "write_s")]
    n = report["written"]["train"] + report["written"]["val"]
    return seconds, stages, report["bytes"], n


def make_volumes(folder, n):
    """Heads of different shape and structure, so that none is taken for a copy of another."""
    rng = np.random.default_rng(11)
    size = (192, 224, 160)
    axes = np.meshgrid(*(np.linspace(-1, 1, s, dtype=np.float32) for s in size), indexing="ij")
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    lines = ["id,split"]
    for k in range(n):
        radii = rng.uniform(0.6, 0.9, 3)
        shape = sum((a / r) ** 2 for a, r in zip(axes, radii))
        waves = sum(np.sin(f @ np.stack([a.ravel() for a in axes]) + p).reshape(size)
                    for f, p in zip(rng.uniform(-9, 9, (5, 3)).astype(np.float32), rng.uniform(0, 6, 5)))
        head = np.where(shape < 1, 500 + 90 * waves + rng.normal(0, 12, size).astype(np.float32), rng.normal(0, 8, size).astype(np.float32))
        mask = (shape < 0.2).astype(np.uint8) + (shape < 0.08)
        affine = np.diag([-1.0, 1.0, 1.0, 1.0])
        nib.save(nib.Nifti1Image(head.clip(0).astype(np.int16), affine), folder / f"images/made{k:02}.nii.gz")
        nib.save(nib.Nifti1Image(mask.astype(np.uint8), affine), folder / f"labels/made{k:02}.nii.gz")
        lines.append(f"made{k:02},{'val' if k % 8 == 7 else 'train'}")
    (folder / "splits.csv").write_text("\n".join(lines) + "\n")


def count_slices(folder):
    return sum(nib.load(p).shape[2] for p in (folder / "hippocampus/images").glob("*.nii.gz"))


def line(name, slices, seconds, stages, size, n):
    wall, processor = seconds
    hours = PAPER_VOLUMES * processor / n / 3600
    told = "/".join(f"{s:.1f}" for s in stages)
    rates = f"{n / processor:>9.2f} {slices / processor:>8.0f} {hours:>7.1f}"
    print(f"{name:<26} {n:>4} {wall:>7.1f} {processor:>7.1f} {rates} {size / 2**20:>7.1f}  {told}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path, nargs="?")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--made", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    workers = arguments.workers
    loaders = {"nibabel": by_nibabel}
    try:
        import torchio  # noqa: F401

        loaders["TorchIO"] = by_torchio
    except ImportError:
        print("skipped: TorchIO is not installed")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_volumes(folder / "made/hippocampus", arguments.made)
        roots = {"made, 192 x 224 x 160": folder / "made"}
        if arguments.data and (arguments.data / "hippocampus").is_dir():
            roots["hippocampus"] = arguments.data
        print(f"{workers} threads or processes; hours are processor hours for {PAPER_VOLUMES:,} volumes of this size")
        stages = "wall seconds of stages (ours: read and scale/text/encode/write; theirs: read/scale/encode/write)"
        for title, root in roots.items():
            print(f"{title:<26} {'n':>4} {'wall s':>7} {'cpu s':>7} {'vol/cpu s':>9} {'slices/s':>8} {'hours':>7} {'MiB':>7}  {stages}")
            slices = count_slices(root)
            runs = {"omnimri": lambda: build_by_omnimri(arguments.shards, root, folder / "ours", workers)}
            for name, loader in loaders.items():
                for level in (1, 6) if name == "nibabel" else (1,):
                    out = folder / "theirs.parquet"
                    runs[f"{name}, PNG level {level}"] = functools.partial(
                        build_by_python, loader, root / "hippocampus", out, workers, level
                    )
            best = {}
            for _ in range(arguments.rounds):
                for name, run in runs.items():
                    result = run()
                    if name not in best or result[0][1] < best[name][0][1]:
                        best[name] = result
            for name, result in best.items():
                line(f"  {name}", slices, *result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
