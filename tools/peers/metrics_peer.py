#!/usr/bin/env python3
"""Metrics of omnimri-eval, held against the field's packages on generated cases to 1e-4; exit code 1 on any difference.

usage: metrics_peer.py METRICS_DUMP
Packages: MONAI (surface Dice, 95% Hausdorff distance, Dice), SciPy (lesions), pycocotools (AP), scikit-learn (AUROC, Brier score,
balanced accuracy, logistic regression, Platt scaling), SciPy (temperature), sacreBLEU, rouge-score, scikit-image (SSIM and PSNR as fastMRI calls them). A package that is not installed is
skipped aloud.
"""
import contextlib, importlib, io, json, math, subprocess, sys, warnings
import numpy as np

warnings.filterwarnings('ignore')
TOLERANCE = 1e-4
rng = np.random.default_rng(11)
cases, wanted, skipped = [], [], set()


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        skipped.add(name)
        return None


def add(case, values):
    cases.append(case)
    wanted.append(values)


def blobs(shape, n):
    grid = np.stack(np.meshgrid(*[np.arange(s) for s in shape], indexing='ij'))
    out = np.zeros(shape, bool)
    for _ in range(n):
        centre = [rng.uniform(0, s) for s in shape]
        radius = [rng.uniform(.08, .3) * s + .6 for s in shape]
        out |= sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radius)) < 1
    return out


def masks(shape, spacing, truth, drawn, tolerance):
    flat = shape[0] == 1
    squeeze = (lambda m: m[0]) if flat else (lambda m: m)
    values = {}
    monai = package('monai.metrics')
    if monai:
        import torch
        t, d = (torch.tensor(squeeze(m)[None, None].astype(np.float32)) for m in (truth, drawn))
        mm = list(spacing[1:] if flat else spacing)
        if truth.any() and drawn.any():
            values['surface_dice'] = float(monai.compute_surface_dice(d, t, [tolerance], include_background=True, spacing=mm)[0, 0])
            values['hausdorff_95'] = float(monai.compute_hausdorff_distance(d, t, include_background=True, percentile=95, spacing=mm)[0, 0])
            values['dice'] = float(monai.compute_dice(d, t, include_background=True)[0, 0])
    ndimage = package('scipy.ndimage')
    if ndimage:
        touch = np.ones((3,) * 3)
        parts, n = ndimage.label(truth, touch)
        found = len(set(parts[drawn].tolist()) - {0})
        drawn_parts, m = ndimage.label(drawn, touch)
        values |= {'lesions_found': found, 'lesions_missed': n - found,
                   'lesions_invented': m - len(set(drawn_parts[truth].tolist()) - {0})}
    add({'kind': 'masks', 'size': shape, 'spacing_mm': spacing, 'tolerance_mm': tolerance, 'truth': truth.ravel().tolist(),
         'drawn': drawn.ravel().tolist()}, values)


def boxes(images):
    truth, found = [], []
    for k in range(images):
        there = [[x, y, x + rng.integers(5, 30), y + rng.integers(5, 30)] for x, y in rng.integers(0, 60, (rng.integers(0, 4), 2))]
        truth.append([[float(v) for v in b] for b in there])
        for b in there:
            if rng.random() < .8:
                found.append((k, float(rng.random()), [float(v) for v in np.array(b) + rng.integers(-4, 5, 4) * [1, 1, 0, 0]]))
        for x, y in rng.integers(0, 60, (rng.integers(0, 3), 2)):
            found.append((k, float(rng.random()), [float(x), float(y), float(x + 12), float(y + 9)]))
    values = {}
    coco = package('pycocotools.coco')
    if coco and any(truth) and found:
        from pycocotools.cocoeval import COCOeval
        wide = lambda b: [b[0], b[1], b[2] - b[0], b[3] - b[1]]
        with contextlib.redirect_stdout(io.StringIO()):
            gt = coco.COCO()
            notes = [(k, b) for k, all_ in enumerate(truth) for b in all_]
            gt.dataset = {'images': [{'id': k} for k in range(images)], 'categories': [{'id': 1}], 'info': {},
                          'annotations': [{'id': i + 1, 'image_id': k, 'category_id': 1, 'bbox': wide(b), 'iscrowd': 0,
                                           'area': (b[2] - b[0]) * (b[3] - b[1])} for i, (k, b) in enumerate(notes)]}
            gt.createIndex()
            dt = gt.loadRes([{'image_id': k, 'category_id': 1, 'bbox': wide(b), 'score': s} for k, s, b in found])
            e = COCOeval(gt, dt, 'bbox')
            e.evaluate(), e.accumulate(), e.summarize()
        values = {'ap': float(e.stats[0]), 'ap50': float(e.stats[1])}
    add({'kind': 'boxes', 'found': found, 'truth': truth}, values)


for shape in [(1, 40, 33), (1, 64, 64), (9, 21, 17), (14, 30, 26)]:
    for _ in range(4):
        spacing = [float(s) for s in rng.uniform(.5, 3, 3)]
        truth = blobs(shape, rng.integers(1, 5))
        drawn = blobs(shape, rng.integers(1, 4)) if rng.random() < .4 else np.roll(truth, rng.integers(-3, 4, 3), (0, 1, 2))
        masks(shape, spacing, truth, drawn, float(rng.uniform(.5, 3)))
for n in [3, 12, 40]:
    boxes(n)
for n in [5, 60, 400]:
    p, y = np.round(rng.random(n), 2), rng.random(n) < .4
    y[:2] = [True, False]
    metrics = package('sklearn.metrics')
    values = {'auroc': metrics.roc_auc_score(y, p), 'brier': metrics.brier_score_loss(y, p)} if metrics else {}
    add({'kind': 'binary', 'probability': p.tolist(), 'happened': y.tolist()}, values)
    linear = package('sklearn.linear_model')
    fit = lambda x, y, ridge: linear.LogisticRegression(C=1 / ridge, tol=1e-12, max_iter=10000).fit(x, y)
    if linear and n > 5:
        # Log-odds of what is never quite 0 or 1, as Platt scaling sees them; likelier where more was said.
        q = np.clip(p, 1e-6, 1 - 1e-6)
        y2 = rng.random(n) < .2 + .6 * q
        peer = fit(np.log(q / (1 - q))[:, None], y2, 1e-9)
        add({'kind': 'binary', 'probability': p.tolist(), 'happened': y2.tolist()},
            {'odds_scale': float(peer.coef_[0, 0]), 'odds_shift': float(peer.intercept_[0])})
        # The ridge holds the bias too: as a feature that is always one.
        x = rng.normal(size=(n, 5))
        y3 = x[:, 0] - .5 * x[:, 1] + rng.normal(size=n) > .3
        peer = linear.LogisticRegression(C=1 / .7, tol=1e-12, max_iter=10000, fit_intercept=False).fit(np.c_[x, np.ones(n)], y3)
        add({'kind': 'logistic', 'rows': x.tolist(), 'positive': y3.tolist(), 'ridge': .7},
            {'logistic_first': float(peer.coef_[0, 0]), 'logistic_second': float(peer.coef_[0, 1]), 'logistic_bias': float(peer.coef_[0, 5])})
    optimize = package('scipy.optimize')
    if optimize and n > 5:
        logits = rng.normal(size=(n, 4)) * 2
        chosen = np.array([rng.choice(4, p=w / w.sum()) for w in np.exp(logits / 1.7)])
        said = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        loss = lambda t: float(sum(np.log(np.exp(l / t).sum()) - l[c] / t for l, c in zip(np.log(said), chosen)))
        best = optimize.minimize_scalar(loss, bounds=(.05, 20), method='bounded', options={'xatol': 1e-9})
        add({'kind': 'temperature', 'probability': said.tolist(), 'truth': chosen.tolist()}, {'temperature': float(best.x)})
    t, s = rng.integers(0, 4, n), rng.integers(0, 4, n)
    values = {'balanced_accuracy': metrics.balanced_accuracy_score(t, s)} if metrics else {}
    add({'kind': 'classes', 'truth': t.tolist(), 'said': s.tolist(), 'classes': 4}, values)
WORDS = 'a the mass of lesion in left right frontal lobe measures 12.5 x 3 mm, is T2-weighted (bright); no oedema. 1-2 cysts "seen" & 4/5'.split()
for n in [1, 6, 25]:
    references = [' '.join(rng.choice(WORDS, rng.integers(5, 30))) for _ in range(n)]
    texts = [' '.join(w for w in r.split() if rng.random() < .85) + ' ' + ' '.join(rng.choice(WORDS, 3)) for r in references]
    values = {}
    if package('sacrebleu'):
        values['bleu_4'] = importlib.import_module('sacrebleu').corpus_bleu(texts, [references]).score
    if package('rouge_score.rouge_scorer'):
        scorer = importlib.import_module('rouge_score.rouge_scorer').RougeScorer(['rougeL'])
        values['rouge_l'] = float(np.mean([scorer.score(r, t)['rougeL'].fmeasure for t, r in zip(texts, references)]))
    add({'kind': 'texts', 'texts': texts, 'references': references}, values)
for shape in [(17, 23), (40, 31)]:
    reference = np.abs(rng.normal(size=shape)).cumsum(1)
    image = reference + rng.normal(size=shape)
    values = {'nmse': float(np.linalg.norm(reference - image) ** 2 / np.linalg.norm(reference) ** 2)}
    skimage = package('skimage.metrics')
    if skimage:
        top = reference.max()
        values |= {'ssim': skimage.structural_similarity(reference, image, data_range=top),
                   'psnr': skimage.peak_signal_noise_ratio(reference, image, data_range=top)}
    add({'kind': 'images', 'image': image.ravel().tolist(), 'reference': reference.ravel().tolist(), 'n_x': shape[1]}, values)

done = subprocess.run([sys.argv[1]], input=json.dumps(cases), capture_output=True, text=True, check=True)
compared, failed = {}, 0
for k, (case, found, values) in enumerate(zip(cases, json.loads(done.stdout), wanted)):
    for name, value in values.items():
        ours = found.get(name)
        good = ours is not None and math.isfinite(value) and abs(ours - value) <= TOLERANCE * max(1, abs(value))
        compared[name] = compared.get(name, 0) + 1
        if not good:
            failed += 1
            print(f'DIFFERS: {name} of case {k} ({case["kind"]}): {ours}, expected {value}')
for name in sorted(skipped):
    print(f'skipped: {name} is not installed')
print('compared:', ', '.join(f'{name} {n}' for name, n in sorted(compared.items())))
sys.exit(1 if failed or not compared else 0)
