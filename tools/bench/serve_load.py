"""Load and faults on `omnimri serve`: does it hold, how fast is it, and is anything lost?

    python3 tools/bench/serve_load.py BINARY [--requests 1000] [--clients 50] [--kills 20] [--uploads 4] [--seed 1] [--port PORT]

BINARY is the built program (target/release/omnimri). Python's own library is enough. Every part has a store of its own:

- load: requests of all kinds by many clients at once; one that is sent away with 429 is sent again after Retry-After
- uploads: files of 200 MB at the same time, one of them resumed after broken connections
- kill -9: the process is killed at random moments in the middle of jobs while a client sends more; afterwards every accepted job
  must be done, once, with its results whole
- disk full: the store on a small file system (needs the right to mount one) that is filled while jobs are sent and read
- slow clients: connections that send or take a few bytes and wait; others must not notice, and the slow ones must be let go
- fuzzed bodies: forms, JSON, archives, heads and bytes that are broken in places

Prints a Markdown table; exit code 1 if a job was lost or done twice, or the server crashed or answered 500.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib

MIB = 1 << 20
UPLOAD = 200 * 1000 * 1000


def png(n=96, seed=0):
    """An ellipse with some structure, as a grey PNG."""
    rows = []
    for j in range(n):
        row = bytearray([0])
        for i in range(n):
            x, y = 2 * i / n - 1, 2 * j / n - 1
            r = (x / 0.7) ** 2 + (y / 0.9) ** 2
            row.append(0 if r > 1 else 200 if r > 0.88 else (60 + (i * 7 + j * 3 + seed * 11) % 40))
        rows.append(bytes(row))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", n, n, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


def nifti_head(nx, ny, nz):
    """The first 352 bytes of a NIfTI-1 file of 16-bit voxels."""
    h = bytearray(352)
    struct.pack_into("<i", h, 0, 348)
    struct.pack_into("<8h", h, 40, 3, nx, ny, nz, 1, 1, 1, 1)
    struct.pack_into("<hh", h, 70, 4, 16)
    struct.pack_into("<8f", h, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", h, 108, 352)
    h[344:348] = b"n+1\0"
    return bytes(h)


def form(files, boundary="omnimri-load"):
    """A multipart form of (field, file name, bytes)."""
    out = bytearray()
    for field, name, data in files:
        file = f'; filename="{name}"' if name else ""
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{file}\r\n\r\n'.encode() + data + b"\r\n"
    return bytes(out) + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class Server:
    """The program on a store of its own."""

    def __init__(self, binary, port, data, *more):
        self.command = [binary, "serve", "--listen", f"127.0.0.1:{port}", "--data", str(data), *more]
        self.port, self.data, self.process, self.peak, self.crashes = port, pathlib.Path(data), None, 0, 0
        self.log = open(f"{data}.log", "ab")

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        for _ in range(1200):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/health", timeout=5)[0] == 200:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"the server does not start: {pathlib.Path(self.log.name).read_text()[-2000:]}")

    def ask(self, method, path, body=None, headers=None, timeout=300):
        """Status, headers and body."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def submit(self, seed=0, name="load.png"):
        body, headers = form([("file", name, png(seed=seed))])
        return self.ask("POST", "/v1/jobs", body, headers)

    def measure(self):
        """Peak memory so far in bytes; counts a crash if the process is gone."""
        if self.process.poll() is not None:
            self.crashes += 1
            return self.peak
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmHWM"):
                self.peak = max(self.peak, int(line.split()[1]) * 1024)
        return self.peak

    def kill(self):
        if self.process.poll() is not None:
            self.crashes += 1
        self.process.kill()
        self.process.wait()

    def wait_for_jobs(self, seconds):
        """Waits until no job waits or runs."""
        end = time.time() + seconds
        while time.time() < end:
            jobs = json.loads(self.ask("GET", "/v1/jobs")[2])["jobs"]
            if not any(j["state"] in ("queued", "running") for j in jobs):
                return True
            time.sleep(0.5)
        return False

    def stop(self):
        self.measure()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(180) != 0:
                self.crashes += 1
        if b"failed at" in pathlib.Path(self.log.name).read_bytes():
            self.crashes += 1

    def account(self, accepted):
        """Accepted jobs that are lost (not done, or without whole results), and those done twice."""
        db = sqlite3.connect(self.data / "omnimri.sqlite")
        rows = {i: (s, n, json.loads(x)) for i, s, n, x in db.execute("SELECT id, state, completed, series FROM jobs")}
        db.close()
        lost = 0
        for job in accepted:
            state, _, series = rows.get(job, ("gone", 0, []))
            files = [self.data / "jobs" / job / "results" / f for s in series for f in s["files"]]
            whole = files and all(f.is_file() for f in files)
            lost += state != "done" or not whole
        twice = sum(n > 1 for _, n, _ in rows.values())
        done = [json.loads(line) for line in (self.data / "audit.jsonl").read_text().splitlines()]
        done = [line["job"] for line in done if line["event"] == "job.done"]
        return lost, twice + len(done) - len(set(done))


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p * len(values)))] if values else float("nan")


ROWS = []


def row(part, load, times, server, lost=0, twice=0, failed=0, note=""):
    cells = [part, load, f"{1000 * percentile(times, 0.5):.0f}", f"{1000 * percentile(times, 0.95):.0f}",
             f"{server.peak / 1e6:.0f}", lost, twice, server.crashes, failed, note]
    ROWS.append([str(c) for c in cells])
    print("| " + " | ".join(ROWS[-1]) + " |", flush=True)
    return not (lost or twice or server.crashes or failed)


def part_load(args, folder):
    server = Server(args.binary, args.port, folder / "load", "--rate", "0").start()
    first = json.loads(server.submit()[2])["id"]
    server.wait_for_jobs(600)
    image = json.dumps({"question": "Which plane is this?"})
    kinds = [
        (30, "GET", "/health", None, {}), (15, "GET", "/v1/jobs", None, {}), (15, "GET", f"/v1/jobs/{first}", None, {}),
        (10, "GET", f"/v1/jobs/{first}/result", None, {}), (10, "GET", f"/v1/jobs/{first}/files", None, {}),
        (8, "GET", f"/v1/jobs/{first}/files/load/image.nii.gz", None, {"Range": "bytes=0-999"}),
        (4, "GET", "/metrics", None, {}), (3, "POST", f"/v1/jobs/{first}/questions", image, {"Content-Type": "application/json"}),
        (5, "POST", "/v1/jobs", None, {}),
    ]
    rng = random.Random(args.seed)
    todo = rng.choices(kinds, [k[0] for k in kinds], k=args.requests)
    lock, times, accepted, bad, again = threading.Lock(), [], [first], [], [0]

    def client():
        while True:
            with lock:
                if not todo:
                    return
                _, method, path, body, headers = todo.pop()
                seed = len(todo)
            if body is None and method == "POST":
                body, headers = form([("file", "load.png", png(seed=seed))])
            while True:
                began = time.time()
                try:
                    status, answer, data = server.ask(method, path, body, headers)
                except OSError as error:
                    status, answer, data = 599, {}, repr(error)
                took = time.time() - began
                if status != 429:
                    break
                with lock:
                    again[0] += 1
                time.sleep(float(answer["Retry-After"]) * (0.5 + rng.random()))
            with lock:
                times.append(took)
                if status == 202:
                    accepted.append(json.loads(data)["id"])
                elif status not in (200, 206):
                    bad.append((method, path, status, data[:200]))

    began = time.time()
    threads = [threading.Thread(target=client) for _ in range(args.clients)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    took = time.time() - began
    server.measure()
    server.wait_for_jobs(1800)
    server.stop()
    lost, twice = server.account(accepted)
    for b in bad[:5]:
        print("unexpected:", b, file=sys.stderr)
    load = f"{args.requests} requests by {args.clients} clients in {took:.0f} s, {len(accepted)} jobs"
    return row("load", load, times, server, lost, twice, len(bad), f"{again[0]} sent away with 429 and sent again")


def big_file(folder):
    """A volume of 200 MB: noise that no compression makes small."""
    path = folder / "big.nii"
    nz = UPLOAD // (512 * 512 * 2)
    with open(path, "wb") as f:
        f.write(nifti_head(512, 512, nz))
        block = random.Random(0).randbytes(512 * 512 * 2)
        for _ in range(nz):
            f.write(block)
    return path


def part_uploads(args, folder):
    server = Server(args.binary, args.port, folder / "uploads", "--rate", "0", "--workers", "1").start()
    path = big_file(folder)
    size = path.stat().st_size
    lock, times, bad = threading.Lock(), [], []

    def gone(status, data):
        """The job is taken back at once: what is measured is the upload."""
        with lock:
            if status == 202:
                server.ask("DELETE", f"/v1/jobs/{json.loads(data)['id']}")
            else:
                bad.append((status, data[:200]))

    def multipart():
        start, end = form([("file", "big.nii", b"\0")])[0].split(b"\0")
        with open(path, "rb") as f:
            c = http.client.HTTPConnection("127.0.0.1", args.port, timeout=600)
            began = time.time()
            c.putrequest("POST", "/v1/jobs")
            c.putheader("Content-Type", form([])[1]["Content-Type"])
            c.putheader("Content-Length", str(len(start) + size + len(end)))
            c.endheaders()
            c.send(start)
            shutil.copyfileobj(f, type("Out", (), {"write": staticmethod(c.send)}), MIB)
            c.send(end)
            r = c.getresponse()
            data = r.read()
            with lock:
                times.append(time.time() - began)
            c.close()
        gone(r.status, data)

    def resumed():
        """Three broken connections on the way."""
        new = json.dumps({"name": "big.nii", "bytes": size})
        began = time.time()
        _, _, data = server.ask("POST", "/v1/uploads", new, {"Content-Type": "application/json"})
        upload = f"/v1/uploads/{json.loads(data)['id']}"
        for attempt in range(200):
            offset = int(server.ask("HEAD", upload)[1]["Upload-Offset"])
            if offset == size:
                break
            stop = size if attempt >= 3 else min(size, offset + size // 4)
            c = http.client.HTTPConnection("127.0.0.1", args.port, timeout=600)
            c.putrequest("PATCH", upload)
            c.putheader("Upload-Offset", str(offset))
            c.putheader("Content-Length", str(size - offset))
            c.endheaders()
            with open(path, "rb") as f:
                f.seek(offset)
                left = stop - offset
                with contextlib.suppress(OSError):
                    while left > 0:
                        block = f.read(min(MIB, left))
                        c.send(block)
                        left -= len(block)
                    if stop == size:
                        c.getresponse().read()
            c.close()
            time.sleep(0.2)
        body = json.dumps({"uploads": [upload.rsplit("/", 1)[1]]})
        status, _, data = server.ask("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
        with lock:
            times.append(time.time() - began)
        gone(status, data)

    began = time.time()
    threads = [threading.Thread(target=multipart) for _ in range(args.uploads - 1)] + [threading.Thread(target=resumed)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    took = time.time() - began
    server.measure()
    server.stop()
    path.unlink()
    for b in bad:
        print("unexpected:", b, file=sys.stderr)
    load = f"{args.uploads} uploads of 200 MB at once, {args.uploads * UPLOAD / 1e6 / took:.0f} MB/s together"
    return row("uploads", load, times, server, failed=len(bad), note="one of them resumed after 3 broken connections")


def part_kill(args, folder):
    server = Server(args.binary, args.port, folder / "kill", "--rate", "0").start()
    rng = random.Random(args.seed)
    accepted, times, bad = [], [], []
    for n in range(args.kills):
        for i in range(3):
            began = time.time()
            status, _, data = server.submit(seed=3 * n + i)
            times.append(time.time() - began)
            if status == 202:
                accepted.append(json.loads(data)["id"])
            elif status != 429:
                bad.append((status, data[:200]))
        # At a random moment while one is read.
        while not any(j["state"] == "running" for j in json.loads(server.ask("GET", "/v1/jobs")[2])["jobs"]):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1))
        server.measure()
        server.kill()
        server.start()
    whole = server.wait_for_jobs(3600)
    server.stop()
    lost, twice = server.account(accepted)
    left = sum(len(list((server.data / "jobs" / j).glob("work-*"))) for j in accepted)
    db = sqlite3.connect(server.data / "omnimri.sqlite")
    cut = db.execute("SELECT sum(crashes) FROM jobs").fetchone()[0]
    db.close()
    load = f"{args.kills} kills during {len(accepted)} jobs, which cut off {cut} readings"
    note = f"{left} half-written folders left" + ("" if whole else "; some did not end")
    return row("kill -9", load, times, server, lost, twice, len(bad) + left, note)


def part_disk(args, folder):
    place = folder / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(place)], capture_output=True, text=True)
    if made.returncode:
        print(f"skipped: disk full (cannot mount: {made.stderr.strip()})", flush=True)
        return True
    try:
        server = Server(args.binary, args.port, place / "store", "--rate", "0")
        server.log = open(folder / "small.log", "ab")
        server.start()
        accepted, times, statuses = [], [], []
        for i in range(6):
            accepted.append(json.loads(server.submit(seed=i)[2])["id"])
        # Full while they wait and run.
        filler = place / "filler"
        with open(filler, "wb") as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(MIB))
        with open(filler, "ab", 0) as f, contextlib.suppress(OSError):
            while True:
                f.write(b"x")
        for i in range(20):
            began = time.time()
            status, _, data = server.submit(seed=i)
            times.append(time.time() - began)
            statuses.append(status)
            if status == 202:
                accepted.append(json.loads(data)["id"])
        time.sleep(8)
        bad = [s for s in statuses if s not in (202, 507)]
        alive = server.ask("GET", "/health")[0] == 200
        filler.unlink()
        # Two uploads that do not fit side by side, but would alone: at least one hears of it.
        body, headers = form([("file", "a.nii", nifti_head(512, 512, 320) + os.urandom(512 * 512 * 2 * 320))])
        found, lock = [], threading.Lock()

        def send():
            try:
                status, _, data = server.ask("POST", "/v1/jobs", body, headers)
            except OSError:
                status, data = 507, b""
            with lock:
                found.append((status, data))

        threads = [threading.Thread(target=send) for _ in range(2)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        bad += [s for s, _ in found if s not in (202, 507)]
        for status, data in found:
            if status == 202:
                server.ask("DELETE", f"/v1/jobs/{json.loads(data)['id']}")
        whole = server.wait_for_jobs(900)
        server.stop()
        lost, twice = server.account(accepted)
        refused = statuses.count(507) + sum(s == 507 for s, _ in found)
        load = f"{len(accepted)} jobs accepted before the disk was full, {refused} requests refused with 507"
        note = "waiting jobs were done once there was room" if whole and not lost else "some jobs did not end"
        return row("disk full", load, times, server, lost, twice, len(bad) + (not alive), note)
    finally:
        with contextlib.suppress(Exception):
            server.process.kill()
            server.process.wait()
            server.log.close()
        subprocess.run(["umount", str(place)], check=False)


def part_slow(args, folder):
    server = Server(args.binary, args.port, folder / "slow", "--rate", "0").start()
    body, headers = form([("file", "slow.png", png())])
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {headers['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
    starts = [b"GET /hea", head.encode()[:60], head.encode() + body[:50], b""]
    slow = []
    for i in range(200):
        s = socket.create_connection(("127.0.0.1", args.port))
        with contextlib.suppress(OSError):
            s.sendall(starts[i % len(starts)])
        slow.append(s)
    times, bad = [], 0
    for _ in range(100):
        began = time.time()
        bad += server.ask("GET", "/health")[0] != 200
        times.append(time.time() - began)
    began = time.time()
    open_still = slow
    while open_still and time.time() - began < 90:
        still = []
        for s in open_still:
            s.setblocking(False)
            try:
                gone = not s.recv(4096)
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if not gone:
                still.append(s)
        open_still = still
        time.sleep(0.5)
    longest = time.time() - began
    [s.close() for s in slow]
    status, _, data = server.submit()
    server.wait_for_jobs(600)
    server.stop()
    lost, twice = server.account([json.loads(data)["id"]] if status == 202 else [])
    note = f"all let go after {longest:.0f} s" if not open_still else f"{len(open_still)} still held after 90 s"
    return row("slow clients", "200 connections that wait, 100 requests beside them", times, server, lost, twice,
               bad + len(open_still) + (status != 202), note)


def part_fuzz(args, folder):
    server = Server(args.binary, args.port, folder / "fuzz", "--rate", "0", "--queue", "100000").start()
    rng = random.Random(args.seed)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("../../a.png", png(48))
        z.writestr("b/c.dcm", bytes(1000))
    chat = json.dumps({"model": "nano", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]})
    nifti = nifti_head(8, 8, 8) + bytes(1024)
    as_json = {"Content-Type": "application/json"}
    seeds = [("POST", "/v1/jobs", *form([("file", "a.png", png(48)), ("name", "", b"x")])),
             ("POST", "/v1/jobs", *form([("file", "a.zip", archive.getvalue())])),
             ("POST", "/v1/jobs", *form([("file", "a.nii", nifti)])), ("POST", "/v1/read", *form([("file", "a.nii", nifti)])),
             ("POST", "/v1/read", *form([("file", "a.png", png(48))])), ("POST", "/v1/chat/completions", chat.encode(), as_json),
             ("POST", "/v1/uploads", b'{"name": "a", "bytes": 100}', as_json), ("POST", "/v1/jobs", b'{"uploads": ["%s"]}' % (b"0" * 32), as_json)]
    times, statuses = [], {}
    for n in range(args.fuzz):
        method, path, body, headers = rng.choice(seeds)
        body = bytearray(body)
        for _ in range(rng.choice([1, 3, 30])):
            at = rng.randrange(len(body))
            how = rng.randrange(3)
            if how == 0:
                body[at] = rng.randrange(256)
            elif how == 1:
                del body[at : at + rng.randrange(1, 20)]
            else:
                body[at:at] = rng.randbytes(rng.randrange(1, 20))
            body = body or bytearray(b"x")
        began = time.time()
        if n % 10 == 0:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", args.port), 30) as s:
                s.sendall(rng.randbytes(400))
                s.shutdown(socket.SHUT_WR)
                s.recv(4096)
            continue
        try:
            status, _, data = server.ask(method, path, bytes(body), headers)
        except (OSError, http.client.HTTPException):
            status = 0
        times.append(time.time() - began)
        statuses[status] = statuses.get(status, 0) + 1
    bad = sum(n for s, n in statuses.items() if s >= 500)
    server.measure()
    server.wait_for_jobs(1800)
    alive = server.ask("GET", "/health")[0] == 200
    jobs = json.loads(server.ask("GET", "/v1/jobs")[2])["jobs"]
    ended = sum(j["state"] in ("done", "failed") for j in jobs)
    server.stop()
    found = ", ".join(f"{s or 'closed'}: {n}" for s, n in sorted(statuses.items()))
    return row("fuzzed bodies", f"{args.fuzz} requests", times, server, len(jobs) - ended, 0, bad + (not alive), f"answers {found}")


PARTS = {"load": part_load, "uploads": part_uploads, "kill": part_kill, "disk": part_disk, "slow": part_slow, "fuzz": part_fuzz}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--uploads", type=int, default=4)
    parser.add_argument("--fuzz", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=18160)
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts, by commas")
    args = parser.parse_args()
    print("| part | load held | p50 ms | p95 ms | peak memory MB | accepted jobs lost | done twice | crashes | unexpected answers | note |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    good = True
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for part in args.parts.split(","):
            good = PARTS[part](args, pathlib.Path(folder)) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
