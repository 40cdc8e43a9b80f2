# SPDX-License-Identifier: MIT
"""Writes adapters.json beside this file: logits, loss and the gradients of adapters on every linear of small
Llama-, GPT-2- and BERT-like models, by PyTorch in double.

    python3 adapters.py        needs PyTorch; the tests need only the JSON

The models are those of tests/nn/tiny.hpp. Weights are numbers that C++ computes too: a hash of name and index,
over a power of two. Sequences go through the models one by one.
"""
import json
import math
import pathlib
import re

import torch
import torch.nn.functional as F

WIDTH, HIDDEN, LAYERS, VOCABULARY, POSITIONS = 16, 20, 2, 13, 6
SEQUENCES = [([3, 7, 7, 1], [7, 7, 1, -100]), ([12], [5]), ([0, 4, 9, 2, 11, 4], [-100, -100, 2, 11, 4, 10])]
RANK, ALPHA, ORTHOGONALITY = 2, 5.0, 0.1


def numbers(name, shape, scale=1.0, plus=0.0):
    """plus + scale x / 128 with x in -100 .. 100."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 % 2**32
    out = []
    for i in range(math.prod(shape)):
        x = (h + i * 2654435761) % 2**32
        x ^= x >> 15
        x = x * 2246822519 % 2**32
        x ^= x >> 13
        out.append(plus + scale * (x % 201 - 100) / 128)
    return torch.tensor(out, dtype=torch.float64).reshape(shape)


class LowRank:
    scale = ALPHA / RANK

    def __init__(self, path, k, m):
        self.a = torch.nn.Parameter(numbers(path + ".A", (RANK, k), 0.5))
        self.b = torch.nn.Parameter(numbers(path + ".B", (m, RANK), 0.5))
        self.parameters = {path + ".A": self.a, path + ".B": self.b}

    def __call__(self, x):
        return self.scale * F.linear(F.linear(x, self.a), self.b)

    def factors(self):
        return []


class Svd:
    scale = ALPHA / (RANK + 1e-5)

    def __init__(self, path, k, m):
        self.q = torch.nn.Parameter(numbers(path + ".Q", (RANK, k), 0.5))
        self.p = torch.nn.Parameter(numbers(path + ".P", (m, RANK), 0.5))
        self.l = torch.nn.Parameter(numbers(path + ".lambda", (1, RANK), 0.5))
        self.parameters = {path + ".Q": self.q, path + ".P": self.p, path + ".lambda": self.l}

    def __call__(self, x):
        return self.scale * (x @ (self.p @ torch.diag(self.l[0]) @ self.q).T)

    def factors(self):
        return [self.q, self.p.T]


class Linear:
    def __init__(self, path, k, m, bias, adapter):
        self.weight = numbers(path + ".weight", (m, k), 0.5)
        self.bias = numbers(path + ".bias", (m,), 0.25) if bias else None
        self.adapter = adapter(path, k, m)

    def __call__(self, x):
        return F.linear(x, self.weight, self.bias) + self.adapter(x)


class RmsNorm:
    def __init__(self, path):
        self.gain = numbers(path + ".weight", (WIDTH,), 0.25, 1.0)

    def __call__(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain


class LayerNorm:
    def __init__(self, path, eps):
        self.gain = numbers(path + ".weight", (WIDTH,), 0.25, 1.0)
        self.bias = numbers(path + ".bias", (WIDTH,), 0.25)
        self.eps = eps

    def __call__(self, x):
        return F.layer_norm(x, (WIDTH,), self.gain, self.bias, self.eps)


def turned(x):  # [heads, n, dim]
    dim, half = x.shape[-1], x.shape[-1] // 2
    inverse = 1.0 / 10000 ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = torch.arange(x.shape[1], dtype=torch.float64)[:, None] * inverse
    angle = torch.cat([angle, angle], -1)
    return x * angle.cos() + torch.cat([-x[..., half:], x[..., :half]], -1) * angle.sin()


class Model:
    def __init__(self, family, adapter):
        llama, bert = family == "llama", family == "bert"
        self.family, self.causal, self.post = family, not bert, bert
        self.heads, self.kv_heads = (4, 2) if llama else (2, 2)
        norm = RmsNorm if llama else (lambda path: LayerNorm(path, 1e-12 if bert else 1e-5))
        self.table = numbers("embedding.weight", (VOCABULARY, WIDTH))
        self.positions = None if llama else numbers("positions.weight", (POSITIONS, WIDTH))
        self.embedding_norm = norm("embedding.norm") if bert else None
        self.final_norm = None if bert else norm("final_norm")
        narrow = WIDTH // self.heads * self.kv_heads
        shapes = dict(q=(WIDTH, WIDTH), k=(WIDTH, narrow), v=(WIDTH, narrow), o=(WIDTH, WIDTH),
                      up=(WIDTH, HIDDEN), down=(HIDDEN, WIDTH))
        if llama:
            shapes["gate"] = (WIDTH, HIDDEN)
        self.blocks = []
        for layer in range(LAYERS):
            path = f"blocks.{layer}."
            block = {name: Linear(path + name, k, m, not llama, adapter) for name, (k, m) in shapes.items()}
            self.blocks.append((block, norm(path + "norm_1"), norm(path + "norm_2")))
        self.adapters = [linear.adapter for block, _, _ in self.blocks for linear in block.values()]

    def attend(self, block, x):
        def split(y, heads):
            return y.reshape(len(x), heads, WIDTH // self.heads).transpose(0, 1)
        q, k = split(block["q"](x), self.heads), split(block["k"](x), self.kv_heads)
        v = split(block["v"](x), self.kv_heads)
        if self.family == "llama":
            q, k = turned(q), turned(k)
        k, v = (t.repeat_interleave(self.heads // self.kv_heads, 0) for t in (k, v))
        y = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=self.causal)[0]
        return block["o"](y.transpose(0, 1).reshape(len(x), WIDTH))

    def feed(self, block, x):
        if self.family == "llama":
            return block["down"](F.silu(block["gate"](x)) * block["up"](x))
        return block["down"](F.gelu(block["up"](x), approximate="none" if self.family == "bert" else "tanh"))

    def logits(self, ids):
        r = self.table[ids]
        if self.positions is not None:
            r = r + self.positions[: len(ids)]
        if self.embedding_norm:
            r = self.embedding_norm(r)
        for block, first, second in self.blocks:
            if self.post:
                r = first(r + self.attend(block, r))
                r = second(r + self.feed(block, r))
            else:
                r = r + self.attend(block, first(r))
                r = r + self.feed(block, second(r))
        return (self.final_norm(r) if self.final_norm else r) @ self.table.T


def run(family, method, adapter):
    model = Model(family, adapter)
    logits = [model.logits(torch.tensor(ids)) for ids, _ in SEQUENCES]
    loss = sum(F.cross_entropy(z, torch.tensor(t), reduction="sum", ignore_index=-100)
               for z, (_, t) in zip(logits, SEQUENCES))
    factors = [f for a in model.adapters for f in a.factors()]
    distances = [torch.linalg.norm(f @ f.T - torch.eye(RANK, dtype=torch.float64)) for f in factors]
    penalty = sum(distances) * (ORTHOGONALITY / max(len(factors), 1))
    (loss + penalty).backward()
    gradients = {name: p.grad.reshape(-1).tolist() for a in model.adapters for name, p in a.parameters.items()}
    return dict(family=family, method=method, loss=loss.item(), penalty=penalty.item() if factors else 0.0,
                logits=torch.cat(logits).reshape(-1).tolist(), gradients=gradients)


cases = [run("llama", "lora", LowRank), run("gpt", "lora", LowRank), run("bert", "lora", LowRank),
         run("llama", "svd", Svd)]
out = dict(made_with="torch " + torch.__version__.split("+")[0], rank=RANK, alpha=ALPHA,
           orthogonality=ORTHOGONALITY, sequences=[dict(ids=i, targets=t) for i, t in SEQUENCES], cases=cases)
text = json.dumps(out, indent=1)
text = re.sub(r"\[\s+([-+.e\d,\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)  # a row a line
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
