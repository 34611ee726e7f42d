"""Asks `omnimri serve` as its users would: with the official OpenAI client, and with schemathesis by its own description.

    python3 tools/peers/server_peer.py BINARY [--examples N] [--port PORT]

BINARY is the built program (target/release/omnimri). Needs from PyPI `openai`, `schemathesis`, `numpy`, `pillow` and `pydicom`.
Checked:

- the OpenAI client lists the model, asks about an image (PNG, and a DICOM file), takes the answer whole and in pieces, and
  finds status and evidence beside the words; a CT and noise are refused in words, a wrong model and broken data by its own errors
- schemathesis sends requests made from /openapi.json, right and wrong ones: no answer of 500 or above but 507, every status, kind and
  body as described; the server answers afterwards as before

Prints a Markdown table; exit code 1 on any failure.
"""

import argparse
import base64
import contextlib
import io
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
import openai
import pydicom
import pydicom.uid
from PIL import Image

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def head(n=128):
    """A slice that looks like a head: an ellipse with a skull and two ventricles."""
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    r = np.hypot(x / 0.72, y / 0.9)
    image = np.where(r < 1, 60, 0) + np.where((r < 1) & (r > 0.93), 150, 0)
    image += np.where(r < 0.85, 40 + 20 * np.cos(9 * x) * np.cos(7 * y), 0).astype(int)
    for side in (-1, 1):
        image[np.hypot((x - 0.15 * side) / 0.08, y / 0.25) < 1] = 20
    return image.clip(0, 255).astype(np.uint8)


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def dicom(pixels, modality):
    """A DICOM file of one slice."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    classes = {"MR": pydicom.uid.MRImageStorage, "CT": pydicom.uid.CTImageStorage}
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = classes[modality]
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    data.Modality = modality
    data.PatientID, data.PatientName = "none", "none"
    data.Rows, data.Columns = pixels.shape
    data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    data.PixelSpacing, data.SliceThickness = [1, 1], 5
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    if modality == "CT":
        data.RescaleIntercept, data.RescaleSlope = -1024, 1
    data.PixelData = pixels.astype("<u2").tobytes()
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


@contextlib.contextmanager
def server(binary, port, folder):
    """The program, listening; stopped by ctrl-c, which it must answer with exit code 0."""
    command = [binary, "serve", "--listen", f"127.0.0.1:{port}", "--data", str(folder / "store"), "--rate", "0"]
    log = open(folder / "log", "wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                break
            if process.poll() is not None:
                sys.exit(f"the server ended:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield process
        if process.poll() is not None:
            sys.exit(f"the server ended:\n{(folder / 'log').read_text()}")
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(120)
        text = (folder / "log").read_text()
        if code != 0 or "failed at" in text:
            sys.exit(f"the server ended with {code}:\n{text}")


class Table:
    """What was checked, and whether it held."""

    def __init__(self):
        self.rows = []

    def add(self, what, good, found):
        self.rows.append((what, good, str(found).replace("\n", " ").replace("|", "/")[:90]))

    def end(self):
        print("| check | holds | found |\n| --- | --- | --- |")
        for what, good, found in self.rows:
            print(f"| {what} | {'yes' if good else 'NO'} | {found} |")
        return all(good for _, good, _ in self.rows)


def messages(text, kind, data):
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


def by_openai(base, table):
    client = openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0, timeout=300)
    names = [m.id for m in client.models.list()]
    table.add("models", names == ["nano"], names)

    def ask(data, kind="image/png", text="Which region is this?", **more):
        more = {"model": "nano", **more}
        return client.chat.completions.create(messages=messages(text, kind, data), **more)

    image = png(head())
    whole = ask(image).choices[0].message
    basis = whole.model_extra["omnimri"]
    states = ("answered", "abstained", "out_of_scope")
    table.add("an image: words, status, evidence", whole.content and basis["status"] in states and basis["evidence"], whole.content)
    words, last, n = "", None, 0
    for chunk in ask(image, stream=True):
        words += chunk.choices[0].delta.content or ""
        last, n = chunk.choices[0], n + 1
    good = words == whole.content and n > 2 and last.finish_reason == "stop"
    table.add("the same in pieces", good and last.delta.model_extra["omnimri"] == basis, f"{n} pieces")
    series = ask(dicom(head(), "MR"), kind="application/dicom").choices[0].message
    table.add("a DICOM file", bool(series.content), series.content)
    ct = ask(dicom(head() * 4, "CT"), kind="application/dicom", text="Is there a tumour?").choices[0].message
    table.add("a CT is refused in words", ct.model_extra["omnimri"]["status"] == "out_of_scope" and "CT" in ct.content, ct.content)
    noise = png(np.random.default_rng(1).integers(0, 256, (128, 128)).astype(np.uint8))
    junk = ask(noise, text="Is there a tumour?").choices[0].message
    table.add("noise is refused in words", junk.model_extra["omnimri"]["status"] == "out_of_scope", junk.content)
    alone = client.chat.completions.create(model="nano", messages=[{"role": "user", "content": "Hello"}])
    alone = alone.choices[0].message
    table.add("no image", alone.model_extra["omnimri"]["status"] == "abstained", alone.content)
    for what, kind, call in [
        ("a wrong model", openai.NotFoundError, lambda: ask(image, model="gpt-4o")),
        ("broken data", openai.UnprocessableEntityError, lambda: ask(image[:200] + b"x" * 50)),
        ("an address elsewhere", openai.BadRequestError, lambda: client.chat.completions.create(
            model="nano", messages=[{"role": "user", "content": [
                {"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}])),
    ]:
        try:
            call()
            table.add(what, False, "no error")
        except openai.APIStatusError as error:
            table.add(what, isinstance(error, kind), error.message)


def by_schemathesis(base, folder, examples, table):
    """Every described operation with generated requests; a job that is done stands behind the identifiers that it is told."""
    report = folder / "report"
    command = [
        "schemathesis", "run", f"{base}/openapi.json", "--checks", CHECKS, "--max-examples", str(examples), "--seed", "1",
        "--phases", "examples,coverage,fuzzing", "--request-timeout", "60", "--continue-on-failure", "--no-color",
    ]
    beside = pathlib.Path(sys.executable).with_name("schemathesis")
    command[0] = str(beside) if beside.exists() else command[0]
    done = subprocess.run(command, capture_output=True, text=True)
    report.write_text(done.stdout + done.stderr)
    summary = [line.strip() for line in done.stdout.splitlines() if line.strip()][-3:]
    table.add("schemathesis", done.returncode == 0, " ".join(summary))
    if done.returncode:
        print(done.stdout[-6000:] + done.stderr[-2000:], file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--examples", type=int, default=20, help="requests an operation (default: 20)")
    parser.add_argument("--port", type=int, default=18150)
    args = parser.parse_args()
    table = Table()
    base = f"http://127.0.0.1:{args.port}"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with server(args.binary, args.port, folder):
            by_openai(base, table)
            by_schemathesis(base, folder, args.examples, table)
            health = json.load(urllib.request.urlopen(f"{base}/health"))
            table.add("alive afterwards", health["status"] == "ok" and health["under_way"] == 0, health["status"])
    sys.exit(0 if table.end() else 1)


if __name__ == "__main__":
    main()
