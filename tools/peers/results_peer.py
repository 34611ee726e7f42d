"""Opens the DICOM, FHIR and BIDS results that omnimri writes with the field's tools.

    python3 tools/peers/results_peer.py EXAMPLE [DATA]

EXAMPLE is the built example (target/release/examples/made_up_dicom); DATA holds folders of DICOM files, one series each at the
leaves, the first of which is used beside the series made here. Needs Debian's `dicom3tools`, `dcmtk` and `orthanc`, and from PyPI
`highdicom`, `pydicom`, `nibabel`, `numpy`, `fhir.resources` and `bids-validator-deno`. Checked:

- `dciodvfy` without errors, and `dsrdump`, on every object but the label map and the report that refers to it, whose class Debian's
  releases do not know; `dcmdump` on all
- `highdicom` reads both segmentations: voxels equal to segmentation.nii.gz, slice by slice through the source images and in
  world coordinates, codes of the segments, the lesion on the patient's left on the left; and the measurement groups of the report
- Orthanc stores all objects and gives back equal data sets: the same bytes by REST, the same elements by C-STORE
- FHIR against the R4B models of `fhir.resources`, BIDS with the standard's validator

Prints a Markdown table; exit code 1 on any difference.
"""

import argparse
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings

import highdicom
import nibabel as nib
import numpy as np
import pydicom
from fhir.resources.R4B.bundle import Bundle

GLIOMA, MENINGIOMA = 9, 10
CODES = {GLIOMA: "393564001", MENINGIOMA: "302820008"}
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class Table:
    """Rows of comparisons, and how many failed."""

    def __init__(self):
        self.rows, self.bad = [], 0

    def add(self, series, what, peer, found, good):
        self.bad += not good
        self.rows.append((series, what, peer, found if good else f"**{found}**"))

    def show(self):
        heads = ("series", "object", "peer", "result")
        for row in (heads, ["---"] * len(heads), *self.rows):
            print("| " + " | ".join(row) + " |")


def validate(folder, series, table):
    """dciodvfy, dcmdump and dsrdump on every object."""
    for file in sorted(folder.glob("*.dcm")):
        what = f"{folder.name}/{file.name}"
        done = subprocess.run(["dcmdump", "-q", file], capture_output=True, text=True)
        table.add(series, what, "dcmdump", done.stderr.strip() or "read", done.returncode == 0 and not done.stderr)
        # Debian's releases do not know the class of label maps, nor references to its segments.
        unknown = folder.name == "labelmap" and file.name in ("segmentation.dcm", "report.dcm")
        if file.name.startswith("report") and "pdf" not in file.name and not unknown:
            done = subprocess.run(["dsrdump", "-Ec", "+Pl", file], capture_output=True, text=True)
            # Its check of texts knows single-byte character sets only.
            said = "".join(re.findall(r"^(?!W: The VR checker does not support).+\n", done.stderr, re.M))
            table.add(series, what, "dsrdump", said.strip() or "read", done.returncode == 0 and not said)
        if unknown:
            continue
        done = subprocess.run(["dciodvfy", "-new", file], capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines()
        errors = [line for line in lines if line.startswith("Error")]
        n_warnings = sum(line.startswith("Warning") for line in lines)
        for line in lines:
            print(f"dciodvfy {what}: {line}", file=sys.stderr)
        found = "; ".join(errors) or f"no error, {n_warnings} warnings"
        table.add(series, what, "dciodvfy", found, not errors)


def label_map(folder):
    image = nib.load(folder / "segmentation.nii.gz")
    return np.asarray(image.dataobj), image.affine


def sources(series_folder):
    return [pydicom.dcmread(f, stop_before_pixels=True) for f in series_folder.rglob("*.dcm")]


def by_place(affine, images, n):
    """Source instances in the order of the label map's slices."""
    out = [None] * n
    inverse = np.linalg.inv(affine)
    for image in images:
        at = inverse @ LPS_TO_RAS @ [*map(float, image.ImagePositionPatient), 1]
        k = round(at[2])
        assert np.allclose(at[:3], [0, 0, k], atol=0.02), at
        out[k] = image.SOPInstanceUID
    return out


def compare_segmentation(file, folder, series, images, table, name):
    seg = highdicom.seg.segread(file)
    labels, affine = label_map(folder)
    by_value = seg.segmentation_type.value == "LABELMAP"
    numbers = [int(n) for n in seg.segment_numbers]
    values = {n: v for n, v in zip(numbers, numbers if by_value else sorted(CODES))}
    codes = {values[n]: seg.get_segment_description(n).segmented_property_type.value for n in numbers}
    table.add(series, name, "highdicom", f"codes {codes}", codes == CODES)

    order = by_place(affine, images, labels.shape[2])
    pixels = seg.get_pixels_by_source_instance(
        source_sop_instance_uids=order, segment_numbers=numbers, assert_missing_frames_are_empty=True
    )
    ours = np.zeros(labels.shape, labels.dtype)
    for k, number in enumerate(numbers):
        # Slices, rows, columns to the label map's columns, rows, slices.
        ours[pixels[..., k].transpose(2, 1, 0) > 0] = values[number]
    n = np.count_nonzero(ours != labels)
    table.add(series, name, "highdicom", f"{n} of {labels.size} voxels differ by source image", n == 0)

    volume = seg.get_volume(combine_segments=True, relabel=False, allow_missing_positions=True)
    found = np.argwhere(volume.array > 0)
    world = LPS_TO_RAS @ volume.affine @ np.c_[found, np.ones(len(found))].T
    at = np.linalg.inv(affine) @ world
    index = np.rint(at[:3]).astype(int)
    off = np.abs(at[:3] - index).max()
    in_world = np.zeros_like(ours)
    in_world[tuple(index)] = [values[int(v)] for v in volume.array[tuple(found.T)]]
    n = np.count_nonzero(in_world != labels)
    good = n == 0 and off < 0.01
    table.add(series, name, "highdicom", f"{n} voxels differ in world coordinates ({off:.4f} of a voxel off)", good)

    centre = (affine @ [*(np.array(labels.shape) - 1) / 2, 1])[:3]
    chosen = np.array([values[int(v)] == GLIOMA for v in volume.array[tuple(found.T)]])
    right = world[0, chosen].mean() - centre[0]
    table.add(series, name, "highdicom", f"lesion {-right:.1f} mm to the patient's left", right < -20)


def compare_report(folder, series, table):
    name = f"{folder.name}/report.dcm"
    report = highdicom.sr.srread(folder / "report.dcm")
    seg = highdicom.seg.segread(folder / "segmentation.dcm")
    labels, affine = label_map(folder)
    millilitres = abs(np.linalg.det(affine[:3, :3])) / 1000
    groups = report.content.get_volumetric_roi_measurement_groups()
    table.add(series, name, "highdicom", f"{len(groups)} volumetric measurement groups", len(groups) == 2)
    tracked = {d.tracking_uid: d for d in (seg.get_segment_description(int(n)) for n in seg.segment_numbers)}
    for group in groups:
        description = tracked[group.tracking_uid]
        value = next(v for v, c in CODES.items() if c == group.finding_type.value)
        wanted = np.count_nonzero(labels == value) * millilitres
        volume = next(m for m in group.get_measurements() if m.name.meaning == "Volume")
        reference = group.referenced_segment
        good = (
            description.segmented_property_type.value == group.finding_type.value
            and int(reference.referenced_segment_numbers[0]) == description.segment_number
            and reference.referenced_sop_instance_uid == seg.SOPInstanceUID
            and abs(volume.value - wanted) < 1e-3 * wanted
            and volume.unit.value == "mL"
        )
        side = [s.value for s in (site.laterality for site in group.finding_sites) if s is not None]
        good &= side in ([], ["7771000" if value == GLIOMA else "24028007"])
        found = f"{group.finding_type.meaning}: {volume.value:.3f} mL (voxels: {wanted:.3f}), side {side}"
        table.add(series, name, "highdicom", found, good)


def data_set(file):
    """Bytes of a file after its meta information."""
    data = pathlib.Path(file).read_bytes()
    assert data[128:132] == b"DICM"
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length:]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Orthanc:
    """A server of its own, with an empty store."""

    def __init__(self, folder):
        self.http, self.dicom = free_port(), free_port()
        config = {
            "Name": "PEER", "StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"),
            "HttpPort": self.http, "DicomPort": self.dicom, "DicomAet": "PEER", "Plugins": [],
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True,
            "UnknownSopClassAccepted": True,
        }
        path = folder / "orthanc.json"
        path.write_text(json.dumps(config))
        self.log = open(folder / "orthanc.log", "w")
        self.process = subprocess.Popen(["Orthanc", path], stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(100):
            try:
                self.get("/system")
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"Orthanc does not answer; see {self.log.name}")

    def get(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60).read()

    def post(self, path, data):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data)
        return json.load(urllib.request.urlopen(request, timeout=60))

    def delete(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method="DELETE")
        urllib.request.urlopen(request, timeout=60).read()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def stored(orthanc, folder, series, images, table, scratch):
    files = sorted(folder.glob("*.dcm"))
    for way in ("REST", "C-STORE"):
        if way == "REST":
            ids = [orthanc.post("/instances", f.read_bytes())["ID"] for f in files]
        else:
            # The class of label maps is newer than Debian's storescu, which cannot propose it.
            send = ["storescu", "-R", "-xe", "-aec", "PEER", "127.0.0.1", str(orthanc.dicom)]
            sent = [f for f in files if not (folder.name == "labelmap" and f.name == "segmentation.dcm")]
            done = subprocess.run([*send, *sent], capture_output=True, text=True)
            table.add(series, folder.name, "storescu", done.stderr.strip() or "sent", done.returncode == 0)
            files = sent
            uids = [pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in files]
            ids = [json.loads(orthanc_lookup(orthanc, uid))[0]["ID"] for uid in uids]
        for file, instance in zip(files, ids):
            back = scratch / "back.dcm"
            back.write_bytes(orthanc.get(f"/instances/{instance}/file"))
            what = f"{folder.name}/{file.name}"
            if way == "REST":
                same, how = data_set(back) == data_set(file), "bytes"
            else:
                # storescu may write sequences with explicit lengths: the same elements in other bytes.
                same, how = pydicom.dcmread(back) == pydicom.dcmread(file), "elements"
            found = f"equal {how}" if same else f"{how} differ"
            table.add(series, what, f"Orthanc, {way}", found, same)
            if file.name == "segmentation.dcm":
                compare_segmentation(back, folder, series, images, table, f"{what} from Orthanc, {way}")
        for instance in ids:
            orthanc.delete(f"/instances/{instance}")


def orthanc_lookup(orthanc, uid):
    request = urllib.request.Request(f"http://127.0.0.1:{orthanc.http}/tools/lookup", data=uid.encode())
    return urllib.request.urlopen(request, timeout=60).read()


def compare(example, series_folder, series, table, orthanc, scratch):
    out = scratch / series
    command = [example, out] if series_folder is None else [example, out, series_folder]
    subprocess.run(command, check=True)
    images = sources(series_folder or out / "series")
    for kind in ("binary", "labelmap"):
        folder = out / kind
        validate(folder, series, table)
        name = f"{kind}/segmentation.dcm"
        compare_segmentation(folder / "segmentation.dcm", folder, series, images, table, name)
        compare_report(folder, series, table)
        stored(orthanc, folder, series, images, table, scratch)
    folder = out / "binary"
    try:
        bundle = Bundle.model_validate_json((folder / "fhir.json").read_text())
        found, good = f"{len(bundle.entry)} resources", True
    except ValueError as error:
        found, good = str(error).replace("\n", " "), False
    table.add(series, "fhir.json", "fhir.resources R4B", found, good)
    done = subprocess.run(["bids-validator-deno", "--json", folder / "bids"], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = sorted({i["code"] for i in issues if i.get("severity") == "error"})
    others = sorted({i["code"] for i in issues if i.get("severity") != "error"})
    found = f"errors {errors}" if errors else f"no error; warnings {others}"
    table.add(series, "bids", "bids-validator-deno", found, not errors and done.returncode == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("example", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    for tool in ("dciodvfy", "dcmdump", "dsrdump", "storescu", "Orthanc", "bids-validator-deno"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: see the top of this file for what to install")
    warnings.simplefilter("ignore")
    example = arguments.example.resolve()
    real = sorted({p.parent for p in arguments.data.rglob("*.dcm")})[:1] if arguments.data else []
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        orthanc = Orthanc(scratch)
        try:
            compare(example, None, "made here", table, orthanc, scratch)
            for series_folder in real:
                compare(example, series_folder.resolve(), series_folder.name, table, orthanc, scratch)
        finally:
            orthanc.stop()
    table.show()
    print(f"\n{table.bad} of {len(table.rows)} comparisons differ")
    return 1 if table.bad else 0


if __name__ == "__main__":
    sys.exit(main())
