"""Talks to `omnimri node` as the field's tools do: DCMTK, Orthanc, pynetdicom, DICOMweb clients.

    python3 tools/peers/node_peer.py BINARY [DATA]

BINARY is the built program; DATA holds folders of DICOM files (a study with several series), without which a study made here is
pushed through Orthanc. Needs Debian's `dcmtk` and `orthanc`, and from PyPI `pydicom`, `pynetdicom`, `highdicom`, `nibabel`, `numpy`,
`dicomweb-client` and `fhir.resources`. Checked:

- C-ECHO and C-STORE by DCMTK in every transfer syntax that the node reads; calling and called titles; JPEG-LS refused
- a study from Orthanc to the node, the node killed in the middle and started again: everything acknowledged is there; the results
  come back to Orthanc, are committed to, and are opened by highdicom; a second peer that is down at first gets the same
- the same study again gives nothing new; a late image gives a version that names its predecessor
- QIDO-RS, WADO-RS and STOW-RS by `dicomweb-client`

Prints a Markdown table; exit code 1 on any difference.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings

import highdicom
import pydicom
from dicomweb_client.api import DICOMwebClient
from node_common import SEG, SR, Node, free_port, make_study, read_all, send, write_study
from results_peer import Orthanc, Table

CONFIG = """
quiet_s = 2
retry_s = 0.5
retry_most_s = 2
callers = ["PEER", "STORESCU", "ECHOSCU", "SENDER"]
[[peer]]
aet = "PEER"
address = "127.0.0.1:{orthanc}"
commitment = true
[[peer]]
aet = "LATE"
address = "127.0.0.1:{late}"
"""

SYNTAXES = [
    ("implicit VR", None, "-xi"), ("explicit VR", None, "-xe"), ("big-endian", None, "-xb"),
    ("RLE", ["dcmcrle"], "-xr"), ("JPEG lossless", ["dcmcjpeg", "+e1"], "-xs"),
]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def dcmtk(node, scratch, table):
    to = ["127.0.0.1", node.port]
    code, _ = run("echoscu", "-aec", "OMNIMRI", *to)
    table.add("", "C-ECHO", "echoscu", "answered", code == 0)
    for what, options in (("stranger", ["-aet", "STRANGER", "-aec", "OMNIMRI"]), ("other title", ["-aec", "OTHER"])):
        code, said = run("echoscu", *options, *to)
        table.add("", f"C-ECHO, {what}", "echoscu", "rejected", code != 0 and "Not Recognized" in said)
    for n, (name, compress, option) in enumerate(SYNTAXES):
        files = write_study(scratch / f"dcmtk{n}", make_study(1000 + n, 2))
        if compress:
            for file in files:
                subprocess.run([*compress, file, file], check=True)
        code, said = run("storescu", option, "-aec", "OMNIMRI", *to, *files)
        there = {str(pydicom.dcmread(f).SOPInstanceUID) for f in files} <= node.stored()
        table.add(name, "C-STORE", "storescu", "stored" if there else said.strip()[-200:], code == 0 and there)
    (file,) = write_study(scratch / "jpegls", make_study(1090, 1))
    subprocess.run(["dcmcjpls", file, file], check=True)
    code, _ = run("storescu", "-xt", "-aec", "OMNIMRI", *to, file)
    refused = pydicom.dcmread(file).SOPInstanceUID not in node.stored()
    table.add("JPEG-LS", "C-STORE", "storescu", "no transfer syntax accepted", refused)


def ask(orthanc, path, data=None, method="POST"):
    body = json.dumps(data).encode() if not isinstance(data, bytes) else data
    request = urllib.request.Request(f"http://127.0.0.1:{orthanc.http}{path}", data=body, method=method)
    return urllib.request.urlopen(request, timeout=300).read()


def through_orthanc(node, orthanc, sets, scratch, table, name):
    """The study through Orthanc with a kill in the middle; the results back in Orthanc."""
    for ds in sets:
        path = scratch / "send.dcm"
        ds.save_as(path, enforce_file_format=True)
        ask(orthanc, "/instances", path.read_bytes())
    uid = str(sets[0].StudyInstanceUID)
    study = json.loads(ask(orthanc, "/tools/lookup", uid.encode()))[0]["ID"]
    modality = {"AET": "OMNIMRI", "Host": "127.0.0.1", "Port": node.port, "Timeout": 60}
    ask(orthanc, "/modalities/OMNIMRI", modality, "PUT")
    push = {"Resources": [study], "Synchronous": False, "Permissive": False}
    job = json.loads(ask(orthanc, "/modalities/OMNIMRI/store", push))["ID"]
    count = "SELECT COUNT(*) FROM instance WHERE study_uid = ?"
    end = time.time() + 60
    while node.rows(count, uid)[0][0] < len(sets) // 3 and time.time() < end:
        time.sleep(0.02)
    before = node.rows(count, uid)[0][0]
    node.kill()
    node.start()
    after = node.rows(count, uid)[0][0]
    table.add(name, "killed in the middle", "Orthanc", f"{before} recorded before, {after} after", 0 < before <= after)
    for _ in range(120):
        state = json.loads(orthanc.get(f"/jobs/{job}"))["State"]
        if state in ("Success", "Failure"):
            break
        time.sleep(0.5)
    # A person, or Orthanc's own retry, sends it again.
    push["Synchronous"] = True
    ask(orthanc, "/modalities/OMNIMRI/store", push)
    images = {str(ds.SOPInstanceUID) for ds in sets}
    table.add(name, "sent again", "Orthanc", f"{len(images & node.stored())} of {len(images)} images", images <= node.stored())
    ok = node.wait("SELECT (SELECT COUNT(*) FROM study WHERE due) = 0 AND (SELECT COUNT(*) FROM reading) > 0", 600)
    table.add(name, "read", "", "every study", ok)
    ok = node.wait("SELECT COUNT(*) = 0 FROM outbox WHERE peer = 'PEER' AND state != 'sent'", 120)
    table.add(name, "sent", "Orthanc", "every result", ok)
    ok = node.wait("SELECT COUNT(*) = 0 FROM outbox WHERE peer = 'PEER' AND commitment != 'committed'", 120)
    states = node.rows("SELECT commitment, COUNT(*) FROM outbox WHERE peer = 'PEER' GROUP BY 1")
    table.add(name, "storage commitment", "Orthanc", str(states), ok)
    results(node, orthanc, uid, images, scratch, table, name)
    return study


def results(node, orthanc, uid, images, scratch, table, name):
    """SEG and SR as Orthanc gives them back, opened by highdicom."""
    study = json.loads(ask(orthanc, "/tools/lookup", uid.encode()))[0]["ID"]
    back = []
    for instance in json.loads(orthanc.get(f"/studies/{study}/instances")):
        path = scratch / "back.dcm"
        path.write_bytes(orthanc.get(f"/instances/{instance['ID']}/file"))
        ds = pydicom.dcmread(path)
        if ds.SOPClassUID in (SEG, SR):
            back.append(ds)
            if ds.SOPClassUID == SEG:
                seg = highdicom.seg.segread(path)
                sources = {str(u[2]) for u in seg.get_source_image_uids()}
                good = sources <= images and seg.StudyInstanceUID == uid
                table.add(name, "SEG", "highdicom", f"{seg.number_of_segments} segments on {len(sources)} source images", good)
            else:
                report = highdicom.sr.srread(path)
                groups = report.content.get_volumetric_roi_measurement_groups()
                table.add(name, "SR", "highdicom", f"{len(groups)} measurement groups", report.StudyInstanceUID == uid)
    ours = node.rows("SELECT COUNT(*) FROM instance WHERE study_uid = ? AND made_by IS NOT NULL", uid)[0][0]
    uids = {ds.SOPInstanceUID for ds in back}
    table.add(name, "results", "Orthanc", f"{len(back)} of {ours}, none twice", len(back) == ours == len(uids) > 0)


def versions(node, sets, late, table, name):
    before = node.rows("SELECT COUNT(*) FROM reading")[0][0]
    send(node.port, sets)
    time.sleep(5)
    after = node.rows("SELECT COUNT(*) FROM reading")[0][0]
    table.add(name, "the same again", "pynetdicom", f"{after - before} new readings", after == before)
    send(node.port, [late])
    uid = str(late.StudyInstanceUID)
    ok = node.wait(f"SELECT COUNT(*) = 2 FROM reading WHERE study_uid = '{uid}'")
    rows = node.rows("SELECT key, version, predecessor FROM reading WHERE study_uid = ? ORDER BY version", uid)
    good = ok and [r[1] for r in rows] == [1, 2] and rows[1][2] == rows[0][0]
    table.add(name, "a late image", "pynetdicom", f"versions {[r[1] for r in rows]}", good)
    found = node.rows(
        "SELECT i.path, i.class_uid FROM instance i JOIN reading r ON r.id = i.made_by WHERE r.study_uid = ? AND r.version = 2", uid
    )
    first = {u for (u,) in node.rows(
        "SELECT i.sop_uid FROM instance i JOIN reading r ON r.id = i.made_by WHERE r.study_uid = ? AND r.version = 1", uid)}
    for path, kind in found:
        ds = pydicom.dcmread(node.data / path)
        good = ds.SeriesDescription.endswith(", version 2")
        if kind == SR:
            study = ds.PredecessorDocumentsSequence[0]
            named = {s.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence}
            good &= named <= first and len(named) > 0
            code, said = run("dciodvfy", "-new", node.data / path)
            good &= not shutil.which("dciodvfy") or "Error" not in said
        table.add(name, "SR" if kind == SR else "SEG", "pydicom", ds.SeriesDescription, good)


def dicomweb(node, sets, scratch, table):
    client = DICOMwebClient(f"http://127.0.0.1:{node.web}/dicom-web")
    uid, series = str(sets[0].StudyInstanceUID), str(sets[0].SeriesInstanceUID)
    found = client.search_for_studies(search_filters={"StudyInstanceUID": uid})
    n = found[0]["00201208"]["Value"][0] if found else 0
    table.add("DICOMweb", "QIDO-RS studies", "dicomweb-client", f"{n} instances", n >= len(sets))
    kinds = sorted(s["00080060"]["Value"][0] for s in client.search_for_series(uid))
    table.add("DICOMweb", "QIDO-RS series", "dicomweb-client", str(sorted(set(kinds))), {"MR", "SR"} <= set(kinds))
    here = [ds for ds in sets if ds.SeriesInstanceUID == series]
    n = len(client.search_for_instances(uid, series))
    table.add("DICOMweb", "QIDO-RS instances", "dicomweb-client", f"{n} of {len(here)}", n == len(here))
    ds = here[0]
    back = client.retrieve_instance(uid, series, ds.SOPInstanceUID)
    table.add("DICOMweb", "WADO-RS instance", "dicomweb-client", "equal pixels", back.PixelData == ds.PixelData)
    back = client.retrieve_series(uid, series)
    uids = {b.SOPInstanceUID for b in back}
    table.add("DICOMweb", "WADO-RS series", "dicomweb-client", f"{len(back)} objects", uids == {d.SOPInstanceUID for d in here})
    n = len(client.retrieve_study(uid))
    total = node.rows("SELECT COUNT(*) FROM instance WHERE study_uid = ?", uid)[0][0]
    table.add("DICOMweb", "WADO-RS study", "dicomweb-client", f"{n} of {total} objects", n == total)
    meta = pydicom.Dataset.from_json(client.retrieve_instance_metadata(uid, series, ds.SOPInstanceUID))
    # The character set is not the file's: DICOM JSON is UTF-8 (PS3.18, annex F).
    other = [
        f"{e.keyword}: {e.value!r} and {meta.get(e.tag).value if e.tag in meta else None!r}"
        for e in ds
        if e.tag.group < 0x7FE0 and e.VR != "SQ" and not e.tag.is_private and e.keyword != "SpecificCharacterSet" and (e.tag not in meta or meta[e.tag].value != e.value)
    ]
    table.add("DICOMweb", "WADO-RS metadata", "dicomweb-client", "; ".join(other) or "equal elements", not other)
    (frame,) = client.retrieve_instance_frames(uid, series, ds.SOPInstanceUID, [1])
    table.add("DICOMweb", "WADO-RS frames", "dicomweb-client", f"{len(frame)} bytes", frame == ds.PixelData)
    new = make_study(2000, 3)
    client.store_instances(new)
    there = {str(d.SOPInstanceUID) for d in new} <= node.stored()
    table.add("DICOMweb", "STOW-RS", "dicomweb-client", "3 stored", there)


def late_peer(node, port, scratch, table):
    """DCMTK's storescp starts when everything is read: what waited comes."""
    folder = scratch / "late"
    folder.mkdir()
    waiting = node.rows("SELECT COUNT(*) FROM outbox WHERE peer = 'LATE' AND state = 'waiting'")[0][0]
    server = subprocess.Popen(["storescp", "-aet", "LATE", "-od", folder, "-fe", ".dcm", str(port)])
    try:
        ok = node.wait("SELECT COUNT(*) = 0 FROM outbox WHERE peer = 'LATE' AND state = 'waiting'", 120)
    finally:
        server.terminate()
        server.wait()
    got = {str(ds.SOPInstanceUID) for ds in read_all(folder)}
    wanted = {u for (u,) in node.rows("SELECT sop_uid FROM outbox WHERE peer = 'LATE' AND state = 'sent'")}
    table.add("peer down at first", "C-STORE", "storescp", f"{len(got)} of {waiting} that waited", ok and got == wanted and waiting > 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    for tool in ("echoscu", "storescu", "storescp", "dcmcrle", "dcmcjpeg", "dcmcjpls", "Orthanc"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: see the top of this file for what to install")
    warnings.simplefilter("ignore")
    name, sets = "made here", make_study(3000, 6)
    if arguments.data:
        name, sets = "real study", read_all(arguments.data)
        first = sets[0].StudyInstanceUID
        sets = [ds for ds in sets if ds.StudyInstanceUID == first]
    late = make_study(3001, 4)
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        orthanc, port = Orthanc(scratch), free_port()
        config = CONFIG.format(orthanc=orthanc.dicom, late=port)
        node = Node(arguments.binary.resolve(), scratch / "node", config, web=free_port()).start()
        try:
            dcmtk(node, scratch, table)
            through_orthanc(node, orthanc, sets, scratch, table, name)
            send(node.port, late[:3])
            node.wait(f"SELECT COUNT(*) FROM reading WHERE study_uid = '{late[0].StudyInstanceUID}'")
            versions(node, late[:3], late[3], table, "made here")
            dicomweb(node, sets, scratch, table)
            late_peer(node, port, scratch, table)
            code, _ = run("echoscu", "-aec", "OMNIMRI", "127.0.0.1", node.port)
            table.add("", "C-ECHO at the end", "echoscu", "answered", code == 0 and node.alive())
        finally:
            node.stop()
            orthanc.stop()
        for line in (scratch / "node" / "node.log").read_text().splitlines():
            print(f"node: {line}", file=sys.stderr)
    table.show()
    print(f"\n{table.bad} of {len(table.rows)} comparisons differ")
    return 1 if table.bad else 0


if __name__ == "__main__":
    sys.exit(main())
