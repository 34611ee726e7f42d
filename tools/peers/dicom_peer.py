"""Compares omnimri's DICOM reading with dcm2niix's on real series, and with pydicom's on series made here.

    python3 tools/peers/dicom_peer.py DUMP DATA

DUMP is the built example (target/release/examples/dump); DATA holds folders of DICOM files, one series each at the
leaves. Needs Debian's `dcm2niix` and `dcmtk`, and from PyPI `nibabel`, `numpy`, `pydicom`, `pylibjpeg`,
`pylibjpeg-libjpeg` and `pylibjpeg-openjpeg`. Both sides are brought to the closest canonical order; then voxels must
be equal as float32 and affines within 0.001 mm. JPEG baseline is lossy and decoders round differently: two grey levels
are allowed. JPEG-LS is either equal (feature `jpeg-ls`) or refused with a hint. Prints a Markdown table of everything
compared; exit code 1 on any difference.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
J2K_LOSSLESS, J2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
MR_IMAGE, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
LARGEST_AFFINE_DIFFERENCE = 1e-3
SPACING = (1.1, 0.9)  # between rows, between columns


class Refused(Exception):
    """omnimri or dcm2niix read nothing; the message says why."""


def read_with_omnimri(dump, path):
    """All volumes of a path as (canonical array [x][y][z][frame], affine, header line)."""
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder, "voxels.f32")
        done = subprocess.run([dump, raw, path], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(done.stderr.strip())
        voxels = np.fromfile(raw, "<f4")
    volumes, at = [], 0
    for line in map(json.loads, done.stdout.splitlines()):
        n = int(np.prod(line["shape"]))
        array = voxels[at : at + n].reshape(line["shape"]).T
        volumes.append((*canonical(array, np.array(line["affine"])), line))
        at += n
    assert at == len(voxels)
    return volumes


def read_with_dcm2niix(path):
    """The one volume that dcm2niix makes of a folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["dcm2niix", "-b", "n", "-z", "n", "-f", "%s", "-o", folder, path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        files = sorted(pathlib.Path(folder).glob("*.nii"))
        if len(files) != 1:
            raise Refused(f"{len(files)} files: {done.stdout.strip().splitlines()[-1]}")
        image = nib.load(files[0])
        return canonical(image.get_fdata(dtype=np.float32), image.affine)


def read_with_pydicom(path):
    """A series by pydicom's pixels and the standard's formula for positions (PS3.3, C.7.6.2.1.1)."""
    slices = []
    for file in sorted(path.iterdir()):
        data = pydicom.dcmread(file)
        frames = data.pixel_array if "PixelData" in data else getattr(data, "pixel_array")
        shared = data.get("SharedFunctionalGroupsSequence")
        frames = frames if frames.ndim == 3 else frames[None]
        for number, frame in enumerate(frames):
            groups = [data]
            if shared:
                for functional in (data.PerFrameFunctionalGroupsSequence[number], shared[0]):
                    groups += [item for element in functional for item in element.value]

            def find(name, default=None):
                return next((g.get(name) for g in groups if g.get(name) is not None), default)

            orientation = np.array(find("ImageOrientationPatient"), float)
            position = np.array(find("ImagePositionPatient"), float)
            value = frame.astype(np.float64) * float(find("RescaleSlope", 1)) + float(find("RescaleIntercept", 0))
            spacing = np.array(find("PixelSpacing"), float)
            slices.append((position, orientation, spacing, value, data.PhotometricInterpretation))
    row, column = slices[0][1][:3], slices[0][1][3:]
    slices.sort(key=lambda s: s[0] @ np.cross(row, column))
    array = np.stack([s[3] for s in slices]).astype(np.float32)
    if slices[0][4] == "MONOCHROME1":
        array = array.max() - array + array.min()
    spacing = slices[0][2]
    step = (slices[-1][0] - slices[0][0]) / max(len(slices) - 1, 1)
    lps = np.eye(4)
    lps[:3] = np.stack([row * spacing[1], column * spacing[0], step, slices[0][0]], 1)
    return canonical(array.T, np.diag([-1, -1, 1, 1]) @ lps)


def canonical(array, affine):
    image = nib.as_closest_canonical(nib.Nifti1Image(np.asarray(array, np.float32), affine))
    array = np.asarray(image.dataobj)
    return array.reshape((array.shape + (1,))[:4]), image.affine


class Table:
    """Rows of what was compared, and whether any of them differs."""

    def __init__(self):
        self.rows, self.bad = [], 0

    def add(self, series, peer, ours, theirs, allowed=0):
        """Compares two (array, affine) and adds a row."""
        (a, affine_a), (b, affine_b) = ours[:2], theirs
        if a.shape != b.shape:
            return self.note(series, peer, a, f"**shapes differ: {b.shape}**", bad=True)
        voxels = float(np.abs(a - b).max())
        affine = float(np.abs(affine_a - affine_b).max())
        same = voxels <= allowed and affine <= LARGEST_AFFINE_DIFFERENCE
        self.bad += not same
        result = ("equal" if voxels == 0 else "within rounding") if same else "**differs**"
        self.rows.append((series, peer, shape(a), f"{voxels:g}", f"{affine:.1e}", result))

    def note(self, series, peer, array, text, bad=False):
        self.bad += bad
        self.rows.append((series, peer, shape(array) if array is not None else "", "", "", text))

    def show(self):
        heads = ("series", "peer", "shape", "largest voxel difference", "largest affine difference (mm)", "result")
        for row in (heads, ["---"] * len(heads), *self.rows):
            print("| " + " | ".join(row) + " |")


def shape(array):
    return " x ".join(map(str, array.shape if array.shape[3] > 1 else array.shape[:3]))


def compare_real(dump, data, table):
    """Each leaf folder with DICOM files is one series."""
    folders = sorted({p.parent for p in data.rglob("*.dcm")})
    for folder in folders:
        volumes = read_with_omnimri(dump, folder)
        if len(volumes) != 1:
            table.note(folder.name, "dcm2niix", None, f"**{len(volumes)} volumes**", bad=True)
            continue
        table.add(folder.name, "dcm2niix", volumes[0], read_with_dcm2niix(folder))
        table.add(folder.name, "pydicom", volumes[0], read_with_pydicom(folder))
    return folders


def compare_published(dump, table):
    """Greyscale files that pydicom carries for its own tests, of many writers: the same values must come out.

    A file that either side refuses is listed with omnimri's reason.
    """
    n_same, n_all, refused = 0, 0, []
    folder = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            data = pydicom.dcmread(file)
            if data.get("SamplesPerPixel", 1) != 1 or not data.get("PhotometricInterpretation"):
                continue
            theirs = data.pixel_array * float(data.get("RescaleSlope") or 1) + float(data.get("RescaleIntercept") or 0)
        except Exception:  # Whatever pydicom raises: nothing to compare with.
            continue
        if data.PhotometricInterpretation == "MONOCHROME1":
            theirs = theirs.max() - theirs + theirs.min()
        try:
            ours = np.concatenate([v[0].ravel() for v in read_with_omnimri(dump, file)])
        except Refused as why:
            refused.append(f"{file.name}: {str(why).split(': ', 1)[1]}")
            continue
        n_all += 1
        theirs = np.sort(theirs.astype(np.float32), axis=None)
        # Frames may be in another order; MONOCHROME1 is turned after rounding to float32.
        if theirs.shape == ours.shape and np.allclose(np.sort(ours), theirs, rtol=1e-6, atol=1e-3):
            n_same += 1
        else:
            print(f"differs: {file}")
    bad = n_same != n_all or not n_all
    table.note("files of pydicom's tests", "pydicom", None, f"{n_same} of {n_all} equal", bad)
    return refused


PLANES = {
    "axial": np.eye(3),
    "coronal": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "sagittal": np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]]),
    "oblique": nib.eulerangles.euler2mat(0.3, -0.2, 0.5).T,
}


def header(file, syntax, sop_class=MR_IMAGE):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(file), {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID, data.PatientName = "MR", "made", "made"
    data.SeriesNumber, data.SamplesPerPixel, data.PhotometricInterpretation = 3, 1, "MONOCHROME2"
    data.Manufacturer, data.SeriesDescription = "SIEMENS", "made"
    data.StudyDate, data.StudyTime, data.StudyID = "20200101", "101010", "1"
    data.RepetitionTime, data.EchoTime = "500", "15"
    return data


def set_pixels(data, array, stored, monochrome1=False):
    data.Rows, data.Columns = array.shape[-2:]
    data.BitsAllocated = 8 * array.dtype.itemsize
    if array.dtype.kind == "f":
        element = "FloatPixelData" if array.itemsize == 4 else "DoubleFloatPixelData"
        data.add_new(pydicom.datadict.tag_for_keyword(element), "OF" if array.itemsize == 4 else "OD", array.tobytes())
        return
    data.BitsStored, data.HighBit = stored, stored - 1
    data.PixelRepresentation = int(array.dtype.kind == "i")
    big = data.file_meta.TransferSyntaxUID == BIG
    swapped = array.astype(array.dtype.newbyteorder(">")) if big else array
    if monochrome1:
        data.PhotometricInterpretation = "MONOCHROME1"
    data.PixelData = swapped.tobytes() + b"\0" * (swapped.nbytes % 2)
    data["PixelData"].VR = "OB" if array.itemsize == 1 and not big else "OW"
    if big and array.itemsize == 1:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()


def save(data, file):
    syntax = data.file_meta.TransferSyntaxUID
    options = {"enforce_file_format": True}
    if syntax == IMPLICIT:
        options |= {"implicit_vr": True, "little_endian": True}
    if syntax == BIG:
        # pydicom writes elements of these types in the byte order asked for, but leaves pixel data as they are.
        options = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
    pydicom.dcmwrite(file, data, **options)


def blob(kind, n):
    """`n` slices of an asymmetric picture of a number type; 12 bits at most but for 32-bit ones."""
    rng = np.random.default_rng(5)
    z, y, x = np.mgrid[:n, :33, :46]
    values = 40 * z + 9 * y + 3 * x + rng.integers(0, 60, z.shape) + 300 * ((x > 20) & (y < 12))
    if kind.startswith("i"):
        values = values - 500
    if kind[1] == "1":
        values = values // 8
    return values.astype(np.dtype(kind))


def made_series(
    folder, plane="axial", kind="u2", syntax=EXPLICIT, stored=None, rescale=None, monochrome1=False, n=7, times=1
):
    """A classic series, one file a slice, file names in another order than positions."""
    folder.mkdir()
    series, study, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
    array = blob(kind, n)
    axes = PLANES[plane]
    order = np.random.default_rng(1).permutation(n * times)
    for image in range(n * times):
        time, z = divmod(image, n)
        file = folder / f"{order[image]:03}.dcm"
        data = header(file, syntax)
        data.SeriesInstanceUID, data.StudyInstanceUID = series, study
        data.FrameOfReferenceUID, data.InstanceNumber = frame_of_reference, image + 1
        if times > 1:
            data.TemporalPositionIdentifier, data.NumberOfTemporalPositions = time + 1, times
            data.AcquisitionNumber, data.AcquisitionTime = time + 1, f"1010{time:02}"
        data.ImageOrientationPatient = [f"{v:.10f}"[:16] for v in axes[:2].ravel()]
        data.ImagePositionPatient = [f"{v:.10f}"[:16] for v in np.array([-20, 11, 7]) + 3.3 * z * axes[2]]
        data.PixelSpacing, data.SliceThickness = list(SPACING), "2.5"
        if rescale:
            data.RescaleSlope, data.RescaleIntercept = (str(v) for v in rescale(z))
        set_pixels(data, array[z] + array.dtype.type(11 * time), stored or 8 * array.itemsize, monochrome1)
        save(data, file)
    return folder


def made_enhanced(folder, syntax=EXPLICIT):
    """One multi-frame object, frames not in order of position, with a scale a frame."""
    folder.mkdir()
    array = blob("u2", 7)
    axes = PLANES["oblique"]
    data = header(folder / "enhanced.dcm", syntax, ENHANCED_MR)
    data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    data.InstanceNumber, data.NumberOfFrames = 1, 7

    def group(**items):
        functional = Dataset()
        for name, values in items.items():
            item = Dataset()
            for key, value in values.items():
                setattr(item, key, value)
            setattr(functional, name, Sequence([item]))
        return functional

    orientation = {"ImageOrientationPatient": [f"{v:.10f}"[:16] for v in axes[:2].ravel()]}
    measures = {"PixelSpacing": list(SPACING), "SliceThickness": "2.5"}
    data.SharedFunctionalGroupsSequence = Sequence(
        [group(PlaneOrientationSequence=orientation, PixelMeasuresSequence=measures)]
    )
    order = np.random.default_rng(2).permutation(7)
    data.PerFrameFunctionalGroupsSequence = Sequence(
        group(
            PlanePositionSequence={"ImagePositionPatient": [f"{v:.10f}"[:16] for v in 3.3 * z * axes[2]]},
            PixelValueTransformationSequence={
                "RescaleSlope": str(0.5 + 0.25 * z), "RescaleIntercept": "-3", "RescaleType": "US"
            },
        )
        for z in order
    )
    set_pixels(data, array[order], 12)
    save(data, folder / "enhanced.dcm")
    return folder


def compressed_by(folder, *command):
    """The series with every file run through a command of dcmtk."""
    out = folder.with_name(folder.name + "-" + "".join(c.strip("+-") for c in command))
    out.mkdir()
    for file in sorted(folder.iterdir()):
        subprocess.run([*command, file, out / file.name], check=True, capture_output=True)
    return out


def compressed_by_pydicom(folder, syntax, **options):
    out = folder.with_name(folder.name + "-" + UID(syntax).name.replace(" ", "-").replace("/", "-"))
    out.mkdir()
    for file in folder.iterdir():
        data = pydicom.dcmread(file)
        data.compress(syntax, generate_instance_uid=False, **options)
        data.save_as(out / file.name)
    return out


def compare_made(dump, table, folder, real):
    """Series of all planes, types and transfer syntaxes, and real series in each compression; compared with pydicom
    and, where it reads them, dcm2niix.
    """
    cases = []

    def case(name, series, allowed=0, with_pydicom=True, dcm2niix=True):
        cases.append((name, series, allowed, with_pydicom, dcm2niix))

    for plane in PLANES:
        case(f"{plane}, 16-bit", made_series(folder / plane, plane))
    for kind, stored in [("u1", 8), ("i2", 16), ("u2", 12)]:
        case(f"{kind}, {stored} bits stored", made_series(folder / f"{kind}-{stored}", kind=kind, stored=stored))
    # dcm2niix does not extend the sign of 12-bit samples, and reads the other types differently or not at all.
    for kind, stored in [("i2", 12), ("u4", 32), ("i4", 24), ("f4", 32), ("f8", 64)]:
        series = made_series(folder / f"{kind}-{stored}", kind=kind, stored=stored)
        case(f"{kind}, {stored} bits stored", series, dcm2niix=False)
    for name, syntax in [("implicit", IMPLICIT), ("big-endian", BIG), ("deflated", DEFLATED)]:
        case(name, made_series(folder / name, syntax=syntax), dcm2niix=syntax != DEFLATED)
    case("big-endian, 8-bit", made_series(folder / "big8", kind="u1", syntax=BIG), dcm2niix=False)
    case("rescale", made_series(folder / "rescale", rescale=lambda z: (0.75, -12)))
    case("rescale a slice", made_series(folder / "rescale2", rescale=lambda z: (1 + z / 4, z)), dcm2niix=False)
    case("3 time points", made_series(folder / "times", times=3), with_pydicom=False)
    case("MONOCHROME1", made_series(folder / "mono1", monochrome1=True, stored=12), dcm2niix=False)
    case("enhanced multi-frame", made_enhanced(folder / "enhanced"), dcm2niix=False)
    case("enhanced, deflated", made_enhanced(folder / "enhanced-d", DEFLATED), dcm2niix=False)
    for kind, stored in [("u2", 12), ("i2", 16), ("u1", 8)]:
        series = made_series(folder / f"c-{kind}", "oblique", kind, stored=stored)
        label = f"{kind}, {stored} bits"
        case(f"RLE, {label}", compressed_by(series, "dcmcrle"))
        case(f"JPEG lossless, first order, {label}", compressed_by(series, "dcmcjpeg", "+e1"))
        for predictor in range(1, 8):
            options = ("dcmcjpeg", "+el", "+sv", str(predictor))
            case(f"JPEG lossless, predictor {predictor}, {label}", compressed_by(series, *options))
        case(f"JPEG-LS, {label}", compressed_by(series, "dcmcjpls"), dcm2niix=False)
        j2k = compressed_by_pydicom(series, J2K_LOSSLESS)
        case(f"JPEG 2000 lossless, {label}", j2k)
        case(f"JPEG 2000 lossy, {label}", compressed_by_pydicom(series, J2K, j2k_cr=[8]), allowed=1, dcm2niix=False)
    eight = folder / "c-u1"
    case("JPEG baseline, 8 bits", compressed_by(eight, "dcmcjpeg", "+eb"), allowed=2)
    enhanced = folder / "enhanced"
    case("enhanced, RLE", compressed_by(enhanced, "dcmcrle"), dcm2niix=False)
    case("enhanced, JPEG lossless", compressed_by(enhanced, "dcmcjpeg", "+e1"), dcm2niix=False)
    case("enhanced, in fragments of 1 kB", compressed_by(enhanced, "dcmcjpeg", "+e1", "+fs", "1"), dcm2niix=False)
    case("enhanced, JPEG 2000", compressed_by_pydicom(enhanced, J2K_LOSSLESS), dcm2niix=False)
    for series in real:
        copy = folder / series.name
        shutil.copytree(series, copy)
        label = series.name
        case(f"{label}, RLE", compressed_by(copy, "dcmcrle"))
        case(f"{label}, JPEG lossless", compressed_by(copy, "dcmcjpeg", "+e1"))
        case(f"{label}, JPEG-LS", compressed_by(copy, "dcmcjpls"), dcm2niix=False)
        case(f"{label}, JPEG 2000 lossless", compressed_by_pydicom(copy, J2K_LOSSLESS))
    for name, series, allowed, with_pydicom, dcm2niix in cases:
        try:
            volumes = read_with_omnimri(dump, series)
        except Refused as why:
            hint = "JPEG-LS" in name and "--features omnimri-image/jpeg-ls" in str(why)
            table.note(name, "pydicom", None, "refused with a hint" if hint else f"**{why}**", bad=not hint)
            continue
        if len(volumes) != 1:
            table.note(name, "pydicom", None, f"**{len(volumes)} volumes**", bad=True)
            continue
        if with_pydicom:
            table.add(name, "pydicom", volumes[0], read_with_pydicom(series), allowed)
        if dcm2niix:
            try:
                table.add(name, "dcm2niix", volumes[0], read_with_dcm2niix(series), allowed)
            except Refused as why:
                table.note(name, "dcm2niix", None, f"not read by dcm2niix ({why})")
    return len(cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dump", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    arguments = parser.parse_args()
    for tool in ("dcm2niix", "dcmcrle", "dcmcjpeg", "dcmcjpls"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: install Debian's dcm2niix and dcmtk")
    warnings.simplefilter("ignore")  # pydicom's complaints about odd files, which are meant to be odd
    table = Table()
    real = compare_real(arguments.dump, arguments.data, table)
    with tempfile.TemporaryDirectory() as folder:
        n_made = compare_made(arguments.dump, table, pathlib.Path(folder), real[:1])
    refused = compare_published(arguments.dump, table)
    table.show()
    print("\nRefused of pydicom's test files:", *(f"- {why}" for why in refused), sep="\n")
    print(f"\n{len(real)} real series and {n_made} made here: {table.bad} of {len(table.rows)} comparisons differ")
    return 1 if table.bad or not real else 0


if __name__ == "__main__":
    sys.exit(main())
