"""Builds shards with text that a model writes, through an OpenAI-compatible server, and reads with pyarrow what came of it.

    python3 tools/peers/filler_peer.py SHARDS [--server URL --model NAME]

SHARDS is the built example (target/release/examples/shards). Without --server a stand-in of this script answers: it checks each request (a PNG that Pillow reads, model, temperature, seed), and fails now and then as servers
do: 429 with Retry-After, 503, a closed connection, a body that is no JSON. Exit code 1 on any difference from what the
documentation says: who wrote what, what the cache saves, where the budget ends.
"""

import argparse
import base64
import contextlib
import hashlib
import http.server
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

import pyarrow.parquet as pq
from PIL import Image

SETS = ["ms_brain", "hippocampus"]
SAYS = "The cortex looks even. Nothing else stands out."


class StandIn(http.server.ThreadingHTTPServer):
    """Speaks the protocol; every seventh request fails in one of four ways."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.asked, self.wrong = 0, []


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.asked += 1
            n = self.server.asked
        if n % 7 == 3:
            way = n // 7 % 4
            if way == 0:
                return self.answer(429, b"{}", [("Retry-After", "1")])
            if way == 1:
                return self.answer(503, b"busy")
            if way == 2:
                return self.answer(200, b"<html>no JSON</html>")
            self.close_connection = True
            return None
        try:
            request = json.loads(body)
            assert self.path == "/v1/chat/completions", self.path
            assert (request["model"], request["temperature"], request["seed"]) == ("stand-in", 0, 0), request["model"]
            text, picture = request["messages"][0]["content"]
            assert text["type"] == "text" and len(text["text"]) > 40, text
            kind, data = picture["image_url"]["url"].split(",", 1)
            assert kind == "data:image/png;base64", kind
            image = Image.open(io.BytesIO(base64.b64decode(data)))
            image.load()
            assert image.mode == "L" and min(image.size) > 4, (image.mode, image.size)
        except (AssertionError, KeyError, ValueError, OSError) as error:
            self.server.wrong.append(repr(error))
        message = {"role": "assistant", "content": SAYS}
        usage = {"prompt_tokens": 80, "completion_tokens": 12, "total_tokens": 92}
        reply = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        return self.answer(200, json.dumps(reply).encode())


def build(shards, data, out, server, budget=1000, otherwise="stop", cache="-", fails=False):
    command = [shards, "fill", data, out, *server, budget, otherwise, cache, *SETS]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if fails:
        assert done.returncode != 0, "a build whose budget was spent should have stopped"
        return done.stderr
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sentences(out, split):
    for shard in sorted(out.glob(f"{split}/*.parquet")):
        for row in pq.read_table(shard).to_pylist():
            yield from row["description"]


def pixels_and_text(out):
    return {p.relative_to(out): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.rglob("*.parquet"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=pathlib.Path)
    parser.add_argument("--server", help="a real server, up to the version: http://localhost:8000/v1")
    parser.add_argument("--model")
    arguments = parser.parse_args()
    stand_in = None
    shards = arguments.shards.resolve()
    address, model = arguments.server, arguments.model
    if not address:
        stand_in = StandIn()
        threading.Thread(target=stand_in.serve_forever, daemon=True).start()
        address, model = f"http://127.0.0.1:{stand_in.server_address[1]}/v1", "stand-in"
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        if stand_in:
            stack.callback(stand_in.shutdown)
        folder = pathlib.Path(folder)
        data, cache = folder / "data", folder / "cache"
        subprocess.run([str(shards), "miniature", str(data), *SETS], check=True)
        server = address, model
        counts = build(shards, data, folder / "a", server, cache=cache)["text"]
        print(f"built with {model}: {counts}")
        train = list(sentences(folder / "a", "train"))
        written = [s for s in train if s["origin"] == "generated"]
        assert counts["written"] == 0 or written, "the model wrote and nothing is in the shards"
        for sentence in written:
            by = json.loads(sentence["written_by"])
            assert by["model"] == model and len(by["prompt"]) > 40, by
            assert json.loads(sentence["facts"]) == [], sentence
        assert any(s["origin"] != "generated" for s in train)
        val = list(sentences(folder / "a", "val"))
        assert val and all(s["origin"] != "generated" for s in val), "a model's words among what is evaluated"
        if stand_in:
            assert not stand_in.wrong, stand_in.wrong
            assert counts["requests"] == stand_in.asked and counts["retries"] > 0, counts
            assert {s["text"] for s in written} <= {part + "." for part in SAYS.removesuffix(".").split(". ")}
        # The cache answers a second build, which is the same byte for byte.
        again = build(shards, data, folder / "b", server, cache=cache)["text"]
        assert again["requests"] == 0 and again["cached"] == counts["cached"] + counts["written"] + counts["declined"], again
        assert pixels_and_text(folder / "a") == pixels_and_text(folder / "b")
        # A budget that is spent stops the build by name, or leaves the rest to measured statements.
        told = build(shards, data, folder / "c", server, budget=2, fails=True)
        assert "budget" in told, told
        rest = build(shards, data, folder / "d", server, budget=2, otherwise="measured")["text"]
        assert rest["requests"] <= 2 and rest["fallen_back"] > 0, rest
    print(f"{len(written)} sentences by {model} in the training split, none in the other; cache and budget as documented")
    return 0


if __name__ == "__main__":
    sys.exit(main())
