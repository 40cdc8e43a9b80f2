# SPDX-License-Identifier: MIT
"""Writes adamw.json beside this file: torch.optim.AdamW over 100 steps in double.

    python3 adamw.py        needs PyTorch; the tests need only the JSON

Start and gradient are written so that C++ computes the same numbers: small integers over powers of two, plus
a quarter of the weight, so that the steps feed back.
"""
import json
import pathlib
import re

import torch

STEPS = 100
SHOWN = (1, 2, 10, 100)
START = [1.0, -0.5, 0.25, 0.0, 3.0, -2.0]
CASES = [
    dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01),
    dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0),
    dict(lr=2e-2, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.1),
    dict(lr=5e-1, beta1=0.0, beta2=0.5, eps=1e-3, weight_decay=0.1),
    dict(lr=1e-2, beta1=0.95, beta2=0.9999, eps=1e-12, weight_decay=0.0),
]


def gradient(step, w):
    """Element i of step t (from 1): ((37 t + 11 i) mod 101 - 50) / 64 + w_i / 4; element 3 none before step 5."""
    fixed = [((37 * step + 11 * i) % 101 - 50) / 64 for i in range(len(START))]
    g = torch.tensor(fixed, dtype=torch.float64) + w * 0.25
    if step < 5:
        g[3] = 0
    return g


def run(case):
    w = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = torch.optim.AdamW([w], lr=case["lr"], betas=(case["beta1"], case["beta2"]), eps=case["eps"],
                                  weight_decay=case["weight_decay"])
    shown = []
    for step in range(1, STEPS + 1):
        w.grad = gradient(step, w.detach())
        optimizer.step()
        if step in SHOWN:
            state = optimizer.state[w]
            shown.append(dict(step=step, weight=w.detach().tolist(), mean=state["exp_avg"].tolist(),
                              square=state["exp_avg_sq"].tolist()))
    return dict(case, shown=shown)


out = dict(made_with="torch " + torch.__version__.split("+")[0], start=START, cases=[run(c) for c in CASES])
text = json.dumps(out, indent=1)
text = re.sub(r"\[\s+([-+.e\d,\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)  # a row a line
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
