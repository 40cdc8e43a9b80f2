# SPDX-License-Identifier: MIT
"""Writes deberta.json beside this file: DeBERTa-v2's attention with its relative embeddings, its convolution, and
the rows its distances read, by transformers in double.

    python3 deberta.py        needs transformers (5.23) and PyTorch (2.15); the tests need only the JSON

Inputs and weights are numbers that C++ computes too: a hash of name and index, over a power of two. Sequences of
unequal lengths lie in a padded batch with its mask; only their own rows are written. The loss is the sum of the
output times numbers. Head widths are such that the root that scores are divided by, which transformers takes in
float, is a whole number.
"""
import json
import math
import pathlib

import torch
from transformers import DebertaV2Config
from transformers.models.deberta_v2 import modeling_deberta_v2 as deberta

WIDTH = 12
# name: heads, buckets, longest distance, terms of position, shared with q and k, norm of the table, lengths
CASES = {
    "both, shared, buckets": (4, 4, 16, ["p2c", "c2p"], True, True, [5, 1, 9]),
    "both, shared, more buckets": (4, 6, 20, ["p2c", "c2p"], True, True, [24, 3]),
    "both, shared, no buckets": (4, -1, 4, ["c2p", "p2c"], True, True, [5, 1, 9]),
    "both, shared, no norm": (4, 4, 8, ["c2p", "p2c"], True, False, [12, 2]),
    "both, separate": (4, 4, 16, ["p2c", "c2p"], False, True, [5, 1, 9]),
    "both, separate, no buckets, no norm": (4, 0, 3, ["p2c", "c2p"], False, False, [1, 7]),
    "c2p, shared": (6, 4, 16, ["c2p"], True, True, [5, 1, 9]),
    "c2p, separate": (6, 4, 16, ["c2p"], False, True, [1, 6]),
    "p2c, shared": (6, 4, 16, ["p2c"], True, True, [5, 1, 9]),
    "p2c, separate": (6, 4, 16, ["p2c"], False, True, [1, 6]),
    "none": (3, 4, 16, [], True, True, [5, 1]),
}
CONVOLUTIONS = {  # name: kernel, groups, activation, lengths
    "gelu": (3, 1, "gelu", [5, 1, 2]),
    "tanh": (5, 1, "tanh", [6, 1]),
    "groups": (3, 4, "gelu", [4, 3]),
}
BUCKETS = [(256, 512), (32, 128), (6, 20), (7, 40), (2, 8), (-1, 5)]


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


def fill(module, names):
    """Gives the parameters of a module numbers by our names; those parameters by the same names."""
    found = {}
    for ours, theirs in names.items():
        p = dict(module.named_parameters())[theirs]
        gain = "norm.weight" in ours
        scale = 0.25 if p.dim() == 1 else 1.0
        p.data = numbers(ours, p.shape, scale, 1.0 if gain else 0.0)
        found[ours] = p
    return found


def padded(name, lengths):
    """[sequences, longest, WIDTH], zero beyond each sequence, and the mask of its own rows."""
    rows = numbers(name, (sum(lengths), WIDTH))
    x = torch.zeros(len(lengths), max(lengths), WIDTH, dtype=torch.float64)
    mask = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    first = 0
    for s, n in enumerate(lengths):
        x[s, :n] = rows[first : first + n]
        mask[s, :n] = 1
        first += n
    return x, mask


def listed(t):
    return [float(f"{x:.13g}") for x in t.flatten().tolist()]


def answers(y, mask, weights, inputs):
    y = y[mask.bool()]
    (y * numbers("dy", y.shape)).sum().backward()
    gradients = {name: x.grad[mask.bool()] for name, x in inputs.items()}
    gradients.update({name: p.grad for name, p in weights.items()})
    return {"y": listed(y), "gradients": {n: listed(g) for n, g in gradients.items() if g is not None}}


def attention(heads, buckets, longest, terms, shared, norm, lengths):
    config = DebertaV2Config(
        vocab_size=2, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=heads, intermediate_size=4,
        relative_attention=True, position_buckets=buckets, max_relative_positions=longest, pos_att_type=terms,
        share_att_key=shared, norm_rel_ebd="layer_norm" if norm else "none", layer_norm_eps=1e-7,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    encoder = deberta.DebertaV2Encoder(config).double()
    names = {"relative.weight": "rel_embeddings.weight"}
    if norm:
        names |= {"relative.norm.weight": "LayerNorm.weight", "relative.norm.bias": "LayerNorm.bias"}
    linears = {"q": "self.query_proj", "k": "self.key_proj", "v": "self.value_proj", "o": "output.dense"}
    if not shared:
        linears |= {"pos_k": "self.pos_key_proj"} if "c2p" in terms else {}
        linears |= {"pos_q": "self.pos_query_proj"} if "p2c" in terms else {}
    for ours, theirs in linears.items():
        for part in ("weight", "bias"):
            names[f"blocks.0.{ours}.{part}"] = f"layer.0.attention.{theirs}.{part}"
    weights = fill(encoder, names)
    x, mask = padded("x", lengths)
    x.requires_grad_()
    layer = encoder.layer[0].attention
    out = layer.self(x, encoder.get_attention_mask(mask), relative_pos=encoder.get_rel_pos(x),
                     rel_embeddings=encoder.get_rel_embedding())[0]
    return answers(layer.output.dense(out), mask, weights, {"x": x})


def convolution(kernel, groups, act, lengths):
    config = DebertaV2Config(hidden_size=WIDTH, num_attention_heads=1, conv_kernel_size=kernel, conv_groups=groups,
                             conv_act=act, layer_norm_eps=1e-7, hidden_dropout_prob=0.0)
    layer = deberta.ConvLayer(config).double()
    weights = fill(layer, {"convolution.weight": "conv.weight", "convolution.bias": "conv.bias",
                           "convolution.norm.weight": "LayerNorm.weight", "convolution.norm.bias": "LayerNorm.bias"})
    x, mask = padded("x", lengths)
    r, _ = padded("r", lengths)
    x.requires_grad_()
    r.requires_grad_()
    return answers(layer(x, r, mask), mask, weights, {"x": x, "r": r})


def table_rows(buckets, longest):
    span = buckets if buckets > 0 else longest
    distance = torch.arange(-longest - 50, longest + 51)
    if buckets > 0:
        distance = deberta.make_log_bucket_position(distance, buckets, longest).to(torch.long)
    return torch.clamp(distance + span, 0, 2 * span - 1).tolist()


out = {
    "buckets": [{"buckets": b, "longest": m, "rows": table_rows(b, m)} for b, m in BUCKETS],
    "attention": [
        {"name": name, "heads": c[0], "buckets": c[1], "longest": c[2], "c2p": "c2p" in c[3], "p2c": "p2c" in c[3],
         "shared": c[4], "norm": c[5], "lengths": c[6]} | attention(*c) for name, c in CASES.items()],
    "convolution": [
        {"name": name, "kernel": c[0], "groups": c[1], "activation": c[2], "lengths": c[3]} | convolution(*c)
        for name, c in CONVOLUTIONS.items()],
}
pathlib.Path(__file__).with_name("deberta.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
