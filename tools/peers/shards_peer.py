"""Reads omnimri's shards with pyarrow, Hugging Face datasets and DuckDB, and compares with what omnimri reads from them.

    python3 tools/peers/shards_peer.py SHARDS [DATA]

SHARDS is the built example (target/release/examples/shards). Shards are built from made-up copies of the datasets'
layouts, and from DATA where it is given. Compared are all texts and numbers, and the pixels of every slice and label map
as decoded by Pillow. Exit code 1 on any difference.
"""

import argparse
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import numpy as np
import pyarrow.parquet as pq
from PIL import Image

MADE = ["brain_tumor_t1ce", "cardiac_lv", "hippocampus", "ms_brain", "spine_lumbar", "vqa_rad"]


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {done.stderr.strip()}")
    return done.stdout


def digest(images):
    """SHA-256 of the pixels of slices, one after another."""
    hashed = hashlib.sha256()
    for image in images:
        assert image.mode == "L", image.mode
        hashed.update(np.asarray(image).tobytes())
    return hashed.hexdigest()


def from_row(row, images):
    """A row in the form of the example's dump; `images` turns a list column into Pillow's images."""
    axes = lambda s: None if s is None else [s["z"], s["y"], s["x"]]
    out = {k: row[k] for k in ("id", "dataset", "subject", "split", "licence", "peak", "annotated", "boxes", "texts", "questions")}
    out |= {k: axes(row[k]) for k in ("size", "native_size", "spacing_mm")}
    out["window"] = [row["window"]["low"], row["window"]["high"]]
    out["classes"] = row["classes"]
    out["acquisition"] = json.loads(row["acquisition"])
    out["description"] = []
    for s in row["description"]:
        s = dict(s) | {"facts": json.loads(s["facts"])}
        # Who wrote a sentence is told only of those that a model wrote.
        written_by = json.loads(s.pop("written_by") or "null")
        out["description"].append(s | ({"written_by": written_by} if written_by else {}))
    out["slices_sha256"] = digest(images(row["slices"]))
    out["labels_sha256"] = None if row["labels"] is None else digest(images(row["labels"]))
    return out


def opened(cells):
    return [Image.open(io.BytesIO(cell["bytes"])) for cell in cells]


def compare(tool, rows, expected):
    """Number of rows that differ."""
    bad = abs(len(rows) - len(expected))
    for ours, theirs in zip(expected, rows):
        for key in ours:
            if ours[key] != theirs[key]:
                bad += 1
                print(f"differs: {tool}: {ours['dataset']} {ours['id']}: {key}: {ours[key]} and {theirs[key]}")
    print(f"{tool}: {len(rows)} rows of {len(expected)}, {bad} differences")
    return bad


def with_datasets(files):
    """Rows by Hugging Face datasets, whose own features must show images."""
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
        assert isinstance(loaded.features["slices"].feature, datasets.Image), loaded.features["slices"]
        return [from_row(row, list) for row in loaded]


def check(shards, out):
    """Number of differences in one set of shards."""
    bad = 0
    root = pathlib.Path(out)
    manifest = json.loads((root / "manifest.json").read_text())
    for split in ("train", "val"):
        expected = [json.loads(line) for line in run(shards, "dump", out, split).splitlines()]
        named = [s["path"] for p in manifest["parts"] if p["split"] == split for s in p["shards"]]
        files = [str(root / path) for path in named]
        by_pyarrow = [row for file in files for row in pq.read_table(file).to_pylist()]
        bad += compare(f"pyarrow {split}", [from_row(row, opened) for row in by_pyarrow], expected)
        try:
            bad += compare(f"datasets {split}", with_datasets(files), expected)
        except ImportError:
            print("skipped: Hugging Face datasets is not installed")
        told = duckdb.sql(f"select dataset, count(*), sum(len(slices)) from read_parquet({files}) group by all order by all")
        ours = {}
        for row in expected:
            n, slices = ours.get(row["dataset"], (0, 0))
            ours[row["dataset"]] = (n + 1, slices + row["size"][0])
        theirs = {name: (n, slices) for name, n, slices in told.fetchall()}
        bad += ours != theirs
        where = duckdb.sql(f"select id, shard, row_group, row from '{root}/index.parquet' where split = '{split}'").fetchall()
        for name, shard, group, row in where[:: max(1, len(where) // 7)]:
            there = pq.ParquetFile(root / shard).read_row_group(group, columns=["id"]).to_pylist()[row]["id"]
            bad += there != name
        bad += len(where) != len(expected)
        print(f"duckdb {split}: {theirs}")
        for path in named:
            shard = next(s for p in manifest["parts"] for s in p["shards"] if s["path"] == path)
            bad += hashlib.sha256((root / path).read_bytes()).hexdigest() != shard["sha256"]
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, out = pathlib.Path(folder, "data"), pathlib.Path(folder, "made")
        run(arguments.shards, "miniature", data, *MADE)
        run(arguments.shards, "build", data, out, 2, *MADE)
        bad = check(arguments.shards, out)
        names = [n for n in ("hippocampus", "spine_lumbar") if arguments.data and (arguments.data / n).is_dir()]
        if names:
            out = pathlib.Path(folder, "real")
            run(arguments.shards, "build", arguments.data, out, 2, *names)
            bad += check(arguments.shards, out)
    print("shards:", "differences" if bad else "all equal")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
