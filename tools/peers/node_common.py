"""A node of omnimri to be tested, studies made up for it, and a sender that knows what was acknowledged."""

import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE

SR, SEG = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.66.4"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    """`omnimri node` with a folder of its own; may be killed and started again."""

    def __init__(self, binary, folder, config, port=None, web=None):
        self.binary, self.folder = binary, pathlib.Path(folder)
        self.port, self.web = port or free_port(), web
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.config = self.folder / "node.toml"
        listen = f'listen = "127.0.0.1:{self.port}"\n'
        web = f'\n[dicomweb]\nlisten = "127.0.0.1:{self.web}"\n' if self.web else ""
        self.config.write_text(listen + config + web)
        self.log = open(self.folder / "node.log", "a")
        self.process, self.starts = None, 0

    def start(self, data=None):
        command = [self.binary, "node", "--config", self.config, "--data", data or self.data]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.starts += 1
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"the node ended; see {self.log.name}")
                time.sleep(0.1)
        raise SystemExit(f"the node does not answer; see {self.log.name}")

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.alive():
            self.process.terminate()
            self.process.wait(120)
        self.log.close()

    def rows(self, sql, *values):
        """Rows of the node's index, read beside it."""
        db = sqlite3.connect(f"file:{self.data / 'index.sqlite'}?mode=ro", uri=True, timeout=30)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def stored(self):
        return {uid for (uid,) in self.rows("SELECT sop_uid FROM instance")}

    def wait(self, sql, timeout=300):
        """Waits until the first value of `sql` is true."""
        end = time.time() + timeout
        while time.time() < end:
            if self.rows(sql)[0][0]:
                return True
            time.sleep(0.2)
        return False

    def memory(self):
        """Peak resident memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def make_study(seed, n_slices=3, size=64, patient=None):
    """Data sets of a made-up axial head: an ellipse with noise and a brighter spot."""
    rng = np.random.default_rng(seed)
    study = f"1.2.826.0.1.3680043.8.498.77.{seed}"
    y, x = np.mgrid[:size, :size] / size - 0.5
    sets = []
    for k in range(n_slices):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, f"{study}.1.{k + 1}"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, f"{study}.1"
        ds.FrameOfReferenceUID = f"{study}.9"
        ds.PatientName, ds.PatientID = f"Made^Up{seed}", patient or f"P{seed}"
        ds.PatientBirthDate, ds.PatientSex = "19700101", "O"
        ds.StudyDate, ds.StudyTime, ds.StudyID = "20260101", "120000", "1"
        ds.AccessionNumber, ds.ReferringPhysicianName = str(seed), ""
        ds.Modality, ds.SeriesDescription, ds.SeriesNumber = "MR", "T1 axial", 1
        ds.Manufacturer, ds.InstanceNumber, ds.BodyPartExamined = "none", k + 1, "BRAIN"
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SE", "NONE", "", "2D"
        ds.EchoTime, ds.RepetitionTime, ds.EchoTrainLength = 12, 500, 1
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [-100, -100, 5 * k]
        ds.PixelSpacing, ds.SliceThickness, ds.PositionReferenceIndicator = [200 / size] * 2, 5, ""
        ds.Rows = ds.Columns = size
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        head = (x / 0.38) ** 2 + (y / 0.44) ** 2 < 1
        spot = np.hypot(x - 0.1, y + 0.05) < 0.06 + 0.01 * k
        image = head * 500 + spot * 300 + rng.normal(0, 15, (size, size))
        ds.PixelData = image.clip(0, 4095).astype("<u2").tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        sets.append(ds)
    return sets


def write_study(folder, sets):
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ds in sets:
        paths.append(folder / f"{ds.SOPInstanceUID}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths


def send(port, sets, title="SENDER", called="OMNIMRI"):
    """Sends data sets on one association: UIDs that were acknowledged, and whether all were."""
    acknowledged = set()
    ae = AE(ae_title=title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 120
    for syntax in {(d.SOPClassUID, d.file_meta.TransferSyntaxUID) for d in sets}:
        ae.add_requested_context(*syntax)
    association = ae.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return acknowledged, False
    try:
        for ds in sets:
            if not association.is_established:
                return acknowledged, False
            status = association.send_c_store(ds)
            if not status:
                return acknowledged, False
            if status.Status == 0:
                acknowledged.add(str(ds.SOPInstanceUID))
    except (RuntimeError, ValueError, OSError):
        return acknowledged, False
    finally:
        if association.is_established:
            association.release()
    return acknowledged, len(acknowledged) == len(sets)


def read_all(folder):
    return [pydicom.dcmread(f) for f in sorted(pathlib.Path(folder).rglob("*.dcm"))]
