"""Load and faults of `omnimri node`, measured.

    python3 tools/bench/node_load.py BINARY [--studies 200] [--senders 8] [--kills 20] [--down 60] [--malformed 400]

Studies are made here (three slices of 64 x 64). Needs pydicom, pynetdicom and numpy; the full disk is a small tmpfs, which root may
mount, and is skipped aloud where that is not allowed. Prints a Markdown table; exit code 1 if anything was lost, duplicated or crashed.

- load: all studies pushed by the senders at once to one node, whose results go to an archive here
- kills: the same with a part of the studies, while the node is killed (SIGKILL) at random times; senders send again what was not acknowledged
- disk full: images until none is taken, then room is made
- peer down: the archive is away while studies are read
- malformed: associations and data sets with bytes changed, cut or invented
"""

import argparse
import collections
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pynetdicom import AE, evt, AllStoragePresentationContexts

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
from node_common import Node, free_port, make_study, send  # noqa: E402

CONFIG = """
quiet_s = 1
retry_s = 0.5
retry_most_s = 5
max_associations = 32
idle_s = 20
[[peer]]
aet = "ARCHIVE"
address = "127.0.0.1:{archive}"
"""


class Archive:
    """Takes results and counts how often each came."""

    def __init__(self, port):
        self.port, self.seen, self.server = port, collections.Counter(), None

    def start(self):
        ae = AE(ae_title="ARCHIVE")
        ae.supported_contexts = AllStoragePresentationContexts
        self.server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self.take)])

    def take(self, event):
        self.seen[str(event.request.AffectedSOPInstanceUID)] += 1
        return 0x0000

    def stop(self):
        self.server.shutdown()


def settled(node, timeout):
    return node.wait(
        "SELECT (SELECT COUNT(*) FROM study WHERE due) = 0 AND (SELECT COUNT(*) FROM outbox WHERE state = 'waiting') = 0", timeout
    )


def checks(node, archive, acknowledged, studies):
    """Acknowledged images that are not there, studies without a reading of all images; results that came under two identities."""
    stored = node.stored()
    lost = len(acknowledged - stored)
    for path, uid in node.rows("SELECT path, sop_uid FROM instance"):
        lost += not (node.data / path).is_file()
    for sets in studies:
        newest = node.rows(
            "SELECT n_images, error FROM reading WHERE study_uid = ? ORDER BY version DESC LIMIT 1", str(sets[0].StudyInstanceUID)
        )
        lost += not newest or newest[0][0] != len(sets)
    sent = {u for (u,) in node.rows("SELECT sop_uid FROM outbox WHERE state = 'sent'")}
    lost += len(sent - set(archive.seen))
    # What the archive has beyond the results that the index knows would be a reading that was done twice.
    duplicated = len(set(archive.seen) - {u for (u,) in node.rows("SELECT sop_uid FROM outbox")})
    duplicated += node.rows("SELECT COUNT(*) - COUNT(DISTINCT key) FROM reading")[0][0]
    return lost, duplicated


def times(node):
    """Seconds from the last image to the result, and to the result at the archive: 50th and 95th percentiles."""
    done = [d / 1000 for (d,) in node.rows("SELECT done_ms - last_image_ms FROM reading WHERE error IS NULL")]
    sent = [d / 1000 for (d,) in node.rows(
        "SELECT MAX(o.sent_ms) - r.last_image_ms FROM outbox o JOIN instance i USING (sop_uid) JOIN reading r ON r.id = i.made_by"
        " WHERE o.state = 'sent' GROUP BY r.id")]
    return [f"{np.percentile(v, q):.1f}" if v else "-" for v in (done, sent) for q in (50, 95)]


def push(port, sets, deadline):
    """Sends a study until all of it is acknowledged."""
    got = set()
    while len(got) < len(sets) and time.time() < deadline:
        more, _ = send(port, [ds for ds in sets if str(ds.SOPInstanceUID) not in got])
        got |= more
        if len(got) < len(sets):
            time.sleep(0.3)
    return got


def load(node, archive, studies, senders):
    started = time.time()
    with ThreadPoolExecutor(senders) as pool:
        acknowledged = set().union(*pool.map(lambda s: push(node.port, s, started + 900), studies))
    pushed = time.time() - started
    ok = settled(node, 60 + 10 * len(studies))
    took = time.time() - started
    n = sum(map(len, studies))
    held = f"{len(studies)} studies, {n} images in {pushed:.0f} s ({n / pushed:.0f}/s) by {senders} senders; all read and sent after {took:.0f} s"
    return acknowledged, held if ok else held + " (not all)", ok


def with_kills(node, archive, studies, senders, kills, rng):
    """Load, while the node dies and comes back."""
    stop, done, n = threading.Event(), threading.Event(), 0
    missing = [0]
    acknowledged, lock = set(), threading.Lock()

    def one(sets):
        got = push(node.port, sets, time.time() + 1800)
        with lock:
            acknowledged.update(got)

    def killer():
        nonlocal n
        while n < kills and not stop.is_set():
            time.sleep(rng.uniform(0.2, 3.0))
            with lock:
                before = set(acknowledged)
            node.kill()
            node.start()
            missing[0] += len(before - node.stored())
            n += 1
        done.set()

    thread = threading.Thread(target=killer)
    thread.start()
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(one, studies))
    # The rest of the kills fall on reading and sending.
    done.wait(600)
    stop.set()
    thread.join()
    ok = settled(node, 60 + 10 * len(studies))
    return acknowledged, f"{n} kills under {len(studies)} studies by {senders} senders", ok and n == kills, missing[0]


def disk_full(binary, scratch):
    """A node on a disk of 12 MiB: refuses when full, goes on when there is room."""
    disk = scratch / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], capture_output=True, text=True)
    if done.returncode:
        print(f"skipped: the full disk ({done.stderr.strip()})", file=sys.stderr)
        return None
    try:
        node = Node(binary, scratch / "full", "quiet_s = 100000\n")
        node.data = disk / "data"
        node.start()
        filler = disk / "filler"
        filler.write_bytes(b"\0" * (6 << 20))
        statuses, acknowledged = collections.Counter(), set()
        ae = AE(ae_title="SENDER")
        sets = make_study(7000, 60, size=256)
        ae.add_requested_context(sets[0].SOPClassUID, sets[0].file_meta.TransferSyntaxUID)
        association = ae.associate("127.0.0.1", node.port, ae_title="OMNIMRI")
        for round_ in range(2):
            for ds in sets if round_ == 0 else sets[-10:]:
                status = association.send_c_store(ds).get("Status", -1)
                statuses[f"{status:04X}"] += 1
                if status == 0:
                    acknowledged.add(str(ds.SOPInstanceUID))
            if round_ == 0:
                first = dict(statuses)
                filler.unlink()
        association.release()
        again = statuses["0000"] - first.get("0000", 0)
        node.kill()
        node.start()
        lost = len(acknowledged - node.stored()) + sum(not (node.data / p).is_file() for (p,) in node.rows("SELECT path FROM instance"))
        good = first.get("A700", 0) > 0 and set(statuses) <= {"0000", "A700"} and again == 10
        crashed = not node.alive()
        node.stop()
        return f"{first.get('0000', 0)} stored, {first.get('A700', 0)} answered A700; with room again {again} of 10 stored", lost, crashed, good
    finally:
        subprocess.run(["umount", "-l", disk])


def peer_down(node, archive, studies, seconds):
    archive.stop()
    started = time.time()
    for sets in studies:
        push(node.port, sets, started + 300)
    node.wait("SELECT COUNT(*) = 0 FROM study WHERE due", 300)
    time.sleep(max(0, seconds - (time.time() - started)))
    waiting = node.rows("SELECT COUNT(*) FROM outbox WHERE state = 'waiting'")[0][0]
    back = time.time()
    archive.start()
    ok = settled(node, 120)
    return f"away for {back - started:.0f} s; {waiting} results waited and came {time.time() - back:.1f} s after", ok and waiting > 0


def associate_rq(context=b"\x30\x00\x00\x11" + b"1.2.840.10008.1.1"):
    syntax = b"\x40\x00\x00\x11" + b"1.2.840.10008.1.2"
    item = b"\x01\x00\x00\x00" + context + syntax
    body = b"\x00\x01\x00\x00" + b"OMNIMRI".ljust(16) + b"SENDER".ljust(16) + b"\0" * 32
    body += b"\x10\x00\x00\x15" + b"1.2.840.10008.3.1.1.1"
    body += b"\x20\x00" + len(item).to_bytes(2, "big") + item
    user = b"\x51\x00\x00\x04\x00\x00\x40\x00" + b"\x52\x00\x00\x03" + b"1.2"
    body += b"\x50\x00" + len(user).to_bytes(2, "big") + user
    return b"\x01\x00" + len(body).to_bytes(4, "big") + body


def damaged(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        what = rng.random()
        at = rng.randrange(len(data))
        if what < 0.6:
            data[at] = rng.randrange(256)
        elif what < 0.8:
            data[at:at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xfe\xff\x00\xe0"])
        elif len(data) > 2:
            del data[rng.randrange(1, len(data)):]
    return bytes(data)


def malformed(node, n, rng):
    """Damaged associations, then damaged data sets in sound ones."""
    request = associate_rq()
    for _ in range(n):
        data = rng.choice([damaged(request, rng), rng.randbytes(rng.randint(1, 3000)), request + damaged(request, rng),
                           request + b"\x04\x00" + damaged(b"\x00\x00\x00\x2a\x00\x00\x00\x26\x01\x03" + bytes(36), rng)])
        try:
            with socket.create_connection(("127.0.0.1", node.port), timeout=5) as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                s.settimeout(5)
                while s.recv(4096):
                    pass
        except OSError:
            pass
    (ds,) = make_study(8000, 1)
    ae = AE(ae_title="SENDER")
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    ae.add_requested_context("1.2.840.10008.1.1")
    from pynetdicom.dsutils import encode
    good = encode(ds, False, True)
    statuses = collections.Counter()
    association = None
    for _ in range(n):
        if association is None or not association.is_established:
            association = ae.associate("127.0.0.1", node.port, ae_title="OMNIMRI")
        if not association.is_established:
            statuses["no association"] += 1
            continue
        bad = damaged(good[:600], rng) + (good[600:] if rng.random() < 0.7 else b"")
        statuses[store_bytes(association, ds, bad)] += 1
    if association and association.is_established:
        echo = association.send_c_echo()
        association.release()
    else:
        echo = {}
    text = ", ".join(f"{k}: {v}" for k, v in sorted(statuses.items()))
    return f"{n} associations, {n} data sets ({text})", node.alive() and node.starts == 1 and echo.get("Status") == 0


def store_bytes(association, ds, data):
    """C-STORE of bytes that need not be a data set."""
    import io
    from pynetdicom.dimse_primitives import C_STORE

    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    request.DataSet = io.BytesIO(data)
    context = next(c for c in association.accepted_contexts if c.abstract_syntax == ds.SOPClassUID)
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, context.context_id)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return f"{response.Status:04X}" if response is not None and response.Status is not None else "ended"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    for name, value in (("studies", 200), ("senders", 8), ("kills", 20), ("down", 60), ("malformed", 400), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    a = parser.parse_args()
    binary, rng = a.binary.resolve(), random.Random(a.seed)
    rows, bad = [], 0

    def row(what, held, node, lost, duplicated, crashed, good, seconds=("-",) * 4, memory="-"):
        nonlocal bad
        bad += bool(lost or duplicated or crashed or not good)
        rows.append([what, held if good else f"**{held}**", *seconds, memory, *map(str, (lost, duplicated, crashed))])
        print(f"{what}: {held}; lost {lost}, duplicated {duplicated}, crashed {crashed}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)

        def fresh(name):
            archive = Archive(free_port())
            archive.start()
            return Node(binary, scratch / name, CONFIG.format(archive=archive.port)).start(), archive

        node, archive = fresh("load")
        studies = [make_study(10_000 + i) for i in range(a.studies)]
        acknowledged, held, good = load(node, archive, studies, a.senders)
        lost, duplicated = checks(node, archive, acknowledged, studies)
        row("load", held, node, lost, duplicated, int(not node.alive()), good, times(node), f"{node.memory():.0f} MiB")

        few = [make_study(30_000 + i) for i in range(10)]
        held, good = peer_down(node, archive, few, a.down)
        lost, duplicated = checks(node, archive, set(), studies + few)
        row("peer down", held, node, lost, duplicated, int(not node.alive()), good)
        held, good = malformed(node, a.malformed, rng)
        row("malformed", held, node, 0, 0, int(not good), good, memory=f"{node.memory():.0f} MiB")
        node.stop()
        archive.stop()

        node, archive = fresh("kills")
        studies = [make_study(20_000 + i) for i in range(max(8, a.studies // 4))]
        acknowledged, held, good, missing = with_kills(node, archive, studies, a.senders, a.kills, rng)
        lost, duplicated = checks(node, archive, acknowledged, studies)
        row("kill -9", held, node, lost + missing, duplicated, int(not node.alive()), good, times(node))
        node.stop()
        archive.stop()

        full = disk_full(binary, scratch)
        if full:
            held, lost, crashed, good = full
            row("disk full", held, None, lost, 0, int(crashed), good)

    heads = ["", "load held", "p50 to result (s)", "p95 to result (s)", "p50 to archive (s)", "p95 to archive (s)", "peak memory",
             "lost", "duplicated", "crashed"]
    for line in (heads, ["---"] * len(heads), *rows):
        print("| " + " | ".join(line) + " |")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
