"""Builds shards to an S3 server and reads them back over S3 and over HTTP: they must be those of a local build.

    python3 tools/peers/s3_peer.py SHARDS

SHARDS is the built example (target/release/examples/shards). The server is moto's, on this machine; address and
credentials go by environment, as they would for any other. Exit code 1 on any difference.
"""

import argparse
import functools
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

import boto3
from moto.server import ThreadedMotoServer

NAMES = ["brain_tumor_t1ce", "hippocampus", "vqa_rad"]
BUCKET = "corpus"


class WithRanges(http.server.SimpleHTTPRequestHandler):
    """The standard library's server, with the ranges that any real one has."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        path = pathlib.Path(self.translate_path(self.path))
        if not wanted.startswith("bytes=") or not path.is_file():
            return super().do_GET()
        content = path.read_bytes()
        first, last = wanted.removeprefix("bytes=").split("-")
        first, last = int(first), min(int(last or len(content) - 1), len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Last-Modified", self.date_time_string(path.stat().st_mtime))
        self.end_headers()
        self.wfile.write(content[first : last + 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=pathlib.Path)
    shards = parser.parse_args().shards
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "NO_PROXY": "*",
    }
    os.environ |= environment

    def run(*command):
        done = subprocess.run(list(map(str, (shards, *command))), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))} failed: {done.stderr.strip()}")
        return done.stdout

    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        data, local = pathlib.Path(folder, "data"), pathlib.Path(folder, "shards")
        remote = f"s3://{BUCKET}/a/corpus"
        run("miniature", data, *NAMES)
        # In two goes: the second finds the first and adds to it. (In one go other near-duplicates would be left out.)
        for out in (local, remote):
            run("build", data, out, 2, NAMES[0])
            run("build", data, out, 2, *NAMES)
        listed = client.list_objects_v2(Bucket=BUCKET)["Contents"]
        there = {entry["Key"].removeprefix("a/corpus/"): entry["Size"] for entry in listed}
        here = {str(p.relative_to(local)): p for p in local.rglob("*") if p.is_file()}
        if there.keys() != here.keys():
            bad += 1
            print(f"differs: files {sorted(there)} and {sorted(here)}")
        for name, path in here.items():
            if name.endswith(".parquet") and name != "index.parquet":
                body = client.get_object(Bucket=BUCKET, Key=f"a/corpus/{name}")["Body"].read()
                bad += body != path.read_bytes()
        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(WithRanges, directory=folder))
        threading.Thread(target=web.serve_forever, daemon=True).start()
        over_http = f"http://127.0.0.1:{web.server_port}/shards"
        for split in ("train", "val"):
            expected = sorted(run("dump", local, split).splitlines())
            for root in (remote, over_http):
                found = sorted(run("dump", root, split).splitlines())
                print(f"{root.split('://')[0]} {split}: {len(found)} records of {len(expected)}")
                bad += found != expected
        web.shutdown()
    server.stop()
    print("s3 and http:", "differences" if bad else "all equal")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
