# SPDX-License-Identifier: MIT
"""Writes sampling.json beside this file: what transformers' logits warpers keep, and with which probabilities.

    python3 sampling.py        needs PyTorch and transformers; the tests need only the JSON

In the order of generate(): temperature, top_k, top_p, each only where it says something. In double. Rows with
ties and with sums that meet top_p exactly are among them.
"""
import json
import math
import pathlib

import torch
import transformers
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

torch.manual_seed(5)
ROWS = dict(
    normal=(2 * torch.randn(12, dtype=torch.float64)).tolist(),
    steep=[8.0, 4.0, 2.0, 1.0, 0.0, -1.0, -2.0, -4.0],
    ties=[1.0, 3.0, 2.0, 2.0, 0.0, 2.0, 3.0, 1.0, 2.0],
    equal=[0.5] * 8,
    one=[-3.0],
    far=[700.0, -700.0, 699.0],
    wide=(3 * torch.randn(40, dtype=torch.float64)).round(decimals=1).tolist(),
)
SETTINGS = [
    dict(temperature=1.0, top_k=0, top_p=1.0),
    dict(temperature=0.5, top_k=0, top_p=1.0),
    dict(temperature=1.7, top_k=3, top_p=1.0),
    dict(temperature=1.0, top_k=1, top_p=1.0),
    dict(temperature=1.0, top_k=50, top_p=1.0),
    dict(temperature=1.0, top_k=0, top_p=0.5),
    dict(temperature=1.0, top_k=0, top_p=0.75),
    dict(temperature=1.0, top_k=0, top_p=0.9),
    dict(temperature=1.0, top_k=0, top_p=0.0),
    dict(temperature=0.8, top_k=4, top_p=0.6),
    dict(temperature=2.5, top_k=6, top_p=0.95),
]


def kept(logits, temperature, top_k, top_p):
    scores = torch.tensor([logits], dtype=torch.float64)
    warpers = []
    if temperature != 1:
        warpers.append(TemperatureLogitsWarper(temperature))
    if top_k > 0:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    for warper in warpers:
        scores = warper(None, scores)
    p = scores.softmax(-1)[0]
    tokens = [i for i in range(len(logits)) if scores[0, i] > -math.inf]
    return dict(tokens=tokens, probabilities=[p[i].item() for i in tokens])


cases = [dict(row=name, **s, **kept(row, **s)) for name, row in ROWS.items() for s in SETTINGS]
head = dict(made_with=f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}", rows=ROWS)
lines = json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n  ' + ",\n  ".join(json.dumps(c) for c in cases) + "\n ]\n}\n"
json.loads(lines)
pathlib.Path(__file__).with_suffix(".json").write_text(lines)
