#!/usr/bin/env python3
"""Times one training step of nano on masks and classes: our program and the same network in PyTorch, in turn, same threads.

usage: torch_step.py BENCH_STEP [--threads 1] [--steps 20] [--slices 6] [--rounds 3]
BENCH_STEP is the built example of omnimri-train. Both sides: 192 x 192 x 3 slices, encoder, dense decoder, class heads, loss, gradients,
AdamW, float32. PyTorch's convolutions run in its own layout (channels first) and with channels last; the better one counts.
"""
import argparse, json, os, subprocess, time

a = argparse.ArgumentParser()
a.add_argument('bench'), a.add_argument('--threads', type=int, default=1), a.add_argument('--steps', type=int, default=20)
a.add_argument('--slices', type=int, default=6), a.add_argument('--rounds', type=int, default=3)
a = a.parse_args()
for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'RAYON_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ[name] = str(a.threads)
import torch  # noqa: E402  (after the number of threads)
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402
torch.set_num_threads(a.threads)
torch.manual_seed(1)
C4, C8, W, LAYERS, HEADS, D2, E = 48, 96, 192, 4, 6, 24, 128


class NormConv(nn.Module):
    def __init__(self, c, o):
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(max(1, c // 8), c), nn.Conv2d(c, o, 3, padding=1, bias=False)

    def forward(self, x): return self.conv(F.relu(self.norm(x)))


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = NormConv(c, c), NormConv(c, c)

    def forward(self, x): return x + self.b(self.a(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2, self.att = nn.LayerNorm(W), nn.LayerNorm(W), nn.MultiheadAttention(W, HEADS, batch_first=True)
        self.up, self.down = nn.Linear(W, 4 * W), nn.Linear(4 * W, W)

    def forward(self, x):
        h = self.n1(x)
        x = x + self.att(h, h, h, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.n2(x))))


class Nano(nn.Module):
    """Encoder, decoder and heads of nano (crates/omnimri-model: encoder.rs, decoder.rs, heads.rs)."""
    def __init__(self):
        super().__init__()
        conv1 = lambda i, o: nn.Conv2d(i, o, 1)
        self.stem, self.b4 = conv1(48, C4), nn.Sequential(Residual(C4), Residual(C4))
        self.m8, self.b8, self.m16 = conv1(4 * C4, C8), nn.Sequential(Residual(C8), Residual(C8)), conv1(4 * C8, W)
        self.blocks, self.norm = nn.Sequential(*[Block() for _ in range(LAYERS)]), nn.LayerNorm(W)
        self.latents, self.key_norm = nn.Parameter(torch.randn(8, W) * .5), nn.LayerNorm(W)
        self.gather, self.spread = (nn.MultiheadAttention(W, HEADS, batch_first=True) for _ in range(2))
        self.out = nn.Linear(W, W)
        self.l16, self.l8, self.c8, self.d8 = conv1(W, C8), conv1(C8, C8), NormConv(C8, C8), conv1(C8, C4)
        self.l4, self.c4, self.c4b, self.d4 = conv1(C4, C4), NormConv(C4, C4), NormConv(C4, C4), conv1(C4, D2)
        self.l2, self.c2, self.query = conv1(12, D2), NormConv(D2, D2), conv1(D2, 9)
        self.pool_norm, self.shared = nn.LayerNorm(C4 + 2 * C8 + W), nn.Linear(C4 + 2 * C8 + W, E)
        self.under_norm, self.under = nn.LayerNorm(2 * C8), nn.Linear(2 * C8, E)
        self.heads = nn.ModuleList([nn.Linear(2 * E if k == 3 else E, n) for k, n in enumerate((5, 3, 7, 4, 4))])

    def forward(self, x):
        up = lambda t: F.interpolate(t, scale_factor=2, mode='nearest')
        s4 = self.b4(self.stem(F.pixel_unshuffle(x, 4)))
        s8 = self.b8(self.m8(F.pixel_unshuffle(s4, 2)))
        s16 = self.m16(F.pixel_unshuffle(s8, 2))
        n, _, h, w = s16.shape
        t = self.blocks(s16.flatten(2).transpose(1, 2))
        k = self.key_norm(t)
        read = self.gather(self.latents.expand(n, -1, -1), k, k, need_weights=False)[0]
        t = self.norm(t + self.out(self.spread(k, read, read, need_weights=False)[0]))
        s16 = t.transpose(1, 2).reshape(n, W, h, w)
        f8 = up(self.l16(s16)) + self.l8(s8)
        f8 = f8 + self.c8(f8)
        f4 = up(self.d8(f8)) + self.l4(s4)
        f4 = f4 + self.c4(f4)
        f4 = f4 + self.c4b(f4)
        f2 = up(self.d4(f4)) + self.l2(F.pixel_unshuffle(x, 2))
        f2 = f2 + self.c2(f2)
        masks = self.query(f2)
        weight = F.avg_pool2d(torch.sigmoid(masks[:, :1].detach()), 4).flatten(1) + 1e-4
        weight = weight / weight.sum(1, keepdim=True)
        flat = f8.flatten(2)
        under = torch.cat([(flat * weight[:, None]).sum(2), flat.mean(2)], 1)
        under = F.relu(self.under(self.under_norm(under)))
        pooled = torch.cat([s4.mean((2, 3)), s8.mean((2, 3)), s8.amax((2, 3)), s16.mean((2, 3))], 1)
        pooled = F.relu(self.shared(self.pool_norm(pooled)))
        return masks, [head(torch.cat([pooled, under], 1) if k == 3 else pooled) for k, head in enumerate(self.heads)]


def torch_seconds(channels_last):
    model = Nano()
    x, y = torch.rand(a.slices, 3, 192, 192) * 2 - 1, torch.rand(a.slices, 1, 96, 96)
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    optimizer, target = torch.optim.AdamW(model.parameters(), 1e-4), torch.zeros(a.slices, dtype=torch.long)
    seconds = []
    for _ in range(a.steps):
        start = time.perf_counter()
        masks, classes = model(x)
        z = masks[:, :1]
        p = torch.sigmoid(z)
        dice = 1 - (2 * (p * y).sum((2, 3)) + 1) / (p.sum((2, 3)) + y.sum((2, 3)) + 1)
        loss = 4 * F.binary_cross_entropy_with_logits(z, y) + dice.mean()
        loss = loss + sum(F.cross_entropy(c, target, label_smoothing=.03) for c in classes) * .25
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


ours, theirs = [], []
for _ in range(a.rounds):
    done = subprocess.run([a.bench, str(a.steps), str(a.slices)], capture_output=True, text=True, check=True)
    ours.append(json.loads(done.stdout)['seconds_a_step'])
    theirs.append(min(torch_seconds(False), torch_seconds(True)))
ours, theirs = sorted(ours)[a.rounds // 2], sorted(theirs)[a.rounds // 2]
print(f'PyTorch {torch.__version__}, {a.threads} thread(s), {a.slices} slices a step, median of {a.rounds} rounds of {a.steps} steps')
print(f'omnimri {ours:.3f} s a step ({a.slices / ours:.1f} slices/s), PyTorch {theirs:.3f} s ({a.slices / theirs:.1f} slices/s): '
      f'ratio {ours / theirs:.2f}')
