# SPDX-License-Identifier: MIT
"""Writes methods.json beside this file: two linear layers with an adapter each, by Hugging Face PEFT in double.
Per method: the forward pass, every gradient, and ten steps of AdamW.

    python3 methods.py        needs PyTorch, peft and transformers; the tests need only the JSON

y = tanh(x U^T + c) D^T + d, the loss |y - target|^2 summed. All numbers are a hash of name and index over a power
of two, as in adapters.py, but for what a method makes of the weights: PiSSA's and OLoRA's pairs, DoRA's
magnitudes.

PEFT makes PiSSA and OLoRA in float32, and takes s B A out of the base weight. Here its formulas are followed in
double, and compared with what PEFT makes. The sign that a singular value decomposition leaves free is chosen as
in the library: the largest entry of a row of A is positive. LAPACK's QR has signs of its own, which the library
follows. AdamW keeps signs, so nothing else changes.

PEFT's optimizer for LoRA-FA adds its eps before the correction of the second moment, PyTorch's after: eps is 0
here. AdaLoRA's P diag(lambda) Q under DoRA has no counterpart in PEFT: its numbers are by PyTorch alone.
"""
import json
import math
import pathlib
import re
import warnings

import peft
import torch
from peft.optimizers import create_lorafa_optimizer, create_loraplus_optimizer

K, H, M, ROWS, RANK, ALPHA, STEPS = 6, 5, 4, 5, 2, 5.0, 10
ADAMW = dict(lr=1e-2, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01)
SITES = {"up": (H, K), "down": (M, H)}
warnings.simplefilter("ignore")


def numbers(name, shape, scale=1.0):
    """scale x / 128 with x in -100 .. 100."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 % 2**32
    out = []
    for i in range(math.prod(shape)):
        x = (h + i * 2654435761) % 2**32
        x ^= x >> 15
        x = x * 2246822519 % 2**32
        x ^= x >> 13
        out.append(scale * (x % 201 - 100) / 128)
    return torch.tensor(out, dtype=torch.float64).reshape(shape)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = torch.nn.Linear(K, H), torch.nn.Linear(H, M)
        self.double()
        with torch.no_grad():
            for name, shape in SITES.items():
                getattr(self, name).weight.copy_(numbers(name + ".weight", shape))
                getattr(self, name).bias.copy_(numbers(name + ".bias", shape[:1], 0.25))

    def forward(self, x):
        return self.down(torch.tanh(self.up(x)))


def pissa(w, s):
    u, sv, vt = torch.linalg.svd(w, full_matrices=False)
    a = torch.diag(torch.sqrt(sv[:RANK] / s)) @ vt[:RANK]
    b = u[:, :RANK] @ torch.diag(torch.sqrt(sv[:RANK] / s))
    sign = torch.sign(a.gather(1, a.abs().argmax(1, keepdim=True)))
    return sign * a, b * sign.T


def olora(w, s):
    q, r = torch.linalg.qr(w)
    return r[:RANK], q[:, :RANK]


def adapted(start=None, **options):
    """A PEFT model in double, {"up.A": tensor, ...} of what trains, and the starts as made."""
    net = Net()
    model = peft.get_peft_model(net, peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(SITES), **options))
    model.double()
    parameters, made = {}, {}
    for site in SITES:
        layer = getattr(model.base_model.model, site)
        a, b, s = layer.lora_A["default"].weight, layer.lora_B["default"].weight, layer.scaling["default"]
        parameters.update({site + ".A": a, site + ".B": b})
        if options.get("use_dora"):
            parameters[site + ".magnitude"] = layer.lora_magnitude_vector["default"].weight
            made[site + ".magnitude"] = parameters[site + ".magnitude"].tolist()
        with torch.no_grad():
            if start is None:
                a.copy_(numbers(site + ".A", a.shape, 0.5))
                b.copy_(numbers(site + ".B", b.shape, 0.5))
                if options.get("use_dora"):
                    parameters[site + ".magnitude"].add_(numbers(site + ".magnitude", (b.shape[0],), 0.25))
            else:
                w = layer.base_layer.weight
                start_a, start_b = start(w, s)
                agree_with_peft(site, start, start_a, start_b)
                a.copy_(start_a)
                b.copy_(start_b)
                made.update({site + ".A": a.reshape(-1).tolist(), site + ".B": b.reshape(-1).tolist()})
                w -= s * b @ a
    return model, parameters, made


def agree_with_peft(site, start, a, b):
    """PEFT's own start, of a model in float32, is this one but for the sign of a direction."""
    model = peft.get_peft_model(Net().float(), peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(SITES),
                                                               init_lora_weights=start.__name__))
    layer = getattr(model.base_model.model, site)
    theirs_a, theirs_b = (f["default"].weight.double() for f in (layer.lora_A, layer.lora_B))
    if start is pissa:
        sign = torch.sign((theirs_a * a).sum(1, keepdim=True))
        theirs_a, theirs_b = sign * theirs_a, theirs_b * sign.T
    assert torch.allclose(theirs_a, a, atol=1e-5) and torch.allclose(theirs_b, b, atol=1e-5), (site, start)


def adalora():
    model = peft.get_peft_model(Net(), peft.AdaLoraConfig(init_r=RANK, target_r=1, lora_alpha=ALPHA, total_step=100,
                                                          target_modules=list(SITES)))
    model.double()
    parameters = {}
    for site in SITES:
        layer = getattr(model.base_model.model, site)
        found = {".Q": layer.lora_A, ".P": layer.lora_B, ".lambda": layer.lora_E}
        for name, p in found.items():
            parameters[site + name] = p["default"]
            with torch.no_grad():
                parameters[site + name].copy_(numbers(site + name, p["default"].shape, 0.5))
    return model.base_model.model, parameters, {}


class DoraSvd(torch.nn.Module):
    """m (W + s P diag(lambda) Q) / |.| x + c, the norm held constant."""

    def __init__(self, site, linear):
        super().__init__()
        self.linear, (m, k) = linear, SITES[site]
        norms = linear.weight.detach().norm(dim=1)
        shapes = {".Q": (RANK, k), ".P": (m, RANK), ".lambda": (1, RANK)}
        self.all = {site + n: torch.nn.Parameter(numbers(site + n, s, 0.5)) for n, s in shapes.items()}
        self.all[site + ".magnitude"] = torch.nn.Parameter(norms + numbers(site + ".magnitude", (m,), 0.25))
        self.made = {site + ".magnitude": norms.tolist()}

    def forward(self, x):
        q, p, l, m = self.all.values()
        w = self.linear.weight.detach() + ALPHA / (RANK + 1e-5) * (p * l) @ q
        return x @ (w * (m / w.detach().norm(dim=1))[:, None]).T + self.linear.bias.detach()


def dora_svd():
    net, parameters, made = Net(), {}, {}
    for site in SITES:
        layer = DoraSvd(site, getattr(net, site))
        setattr(net, site, layer)
        parameters.update(layer.all)
        made.update(layer.made)
    return net, parameters, made


def plus(model, parameters, c):
    return create_loraplus_optimizer(model, torch.optim.AdamW, lr=c["lr"], loraplus_lr_ratio=16.0,
                                     betas=(c["beta1"], c["beta2"]), eps=c["eps"],
                                     loraplus_weight_decay=c["weight_decay"])


def lora_fa(model, parameters, c):
    optimizer = create_lorafa_optimizer(model, r=RANK, lora_alpha=ALPHA, lr=c["lr"], weight_decay=c["weight_decay"])
    for group in optimizer.param_groups:
        group["eps"], group["betas"] = c["eps"], (c["beta1"], c["beta2"])
    return optimizer


def adamw(model, parameters, c):
    return torch.optim.AdamW([p for p in parameters.values() if p.requires_grad], lr=c["lr"],
                             betas=(c["beta1"], c["beta2"]), eps=c["eps"], weight_decay=c["weight_decay"])


def run(method, made_model, optimizer=adamw, freeze_a=False, **changes):
    model, parameters, made = made_model
    config = dict(ADAMW, **changes)
    if freeze_a:
        for name, p in parameters.items():
            p.requires_grad_(not name.endswith(".A"))
    step = optimizer(model, parameters, config)
    x = numbers("x", (ROWS, K)).requires_grad_()
    start = {name: p.detach().reshape(-1).tolist() for name, p in parameters.items()}
    losses = []
    for i in range(STEPS):
        for p in list(parameters.values()) + [x]:
            p.grad = None
        y = model(x)
        loss = ((y - numbers("target", (ROWS, M))) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        if i == 0:
            forward = y.detach().reshape(-1).tolist()
            gradients = {name: p.grad.reshape(-1).tolist() for name, p in list(parameters.items()) + [("x", x)]
                         if p.grad is not None}
        step.step()
    after = {name: p.detach().reshape(-1).tolist() for name, p in parameters.items() if p.requires_grad}
    return dict(method=method, adamw=config, made=made, start=start, forward=forward, gradients=gradients,
                losses=losses, after=after)


cases = [
    run("lora", adapted()),
    run("rslora", adapted(use_rslora=True)),
    run("dora", adapted(use_dora=True)),
    run("pissa", adapted(pissa)),
    run("olora", adapted(olora)),
    run("dora_pissa", adapted(pissa, use_dora=True)),
    run("lora_plus", adapted(), plus),
    run("dora_plus", adapted(use_dora=True), plus),
    run("lora_fa", adapted(), freeze_a=True),
    run("lora_fa_preconditioned", adapted(), lora_fa, freeze_a=True, eps=0.0, weight_decay=0.0),
    run("svd", adalora()),
    run("dora_svd", dora_svd()),
]
out = dict(made_with=f"torch {torch.__version__.split('+')[0]}, peft {peft.__version__}", rank=RANK, alpha=ALPHA,
           shape=dict(k=K, h=H, m=M, rows=ROWS), cases=cases)
text = json.dumps(out, indent=1)
text = re.sub(r"\[\s+([-+.e\d,\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)  # a row a line
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
