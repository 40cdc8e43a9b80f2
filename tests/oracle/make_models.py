# SPDX-License-Identifier: MIT
"""Tiny random models of every family, and what transformers and PEFT make of them.

    python tests/oracle/make_models.py [NAME ...]

Writes tests/oracle/models/NAME/: config.json and model.safetensors as transformers saves them (float32), and
expected.safetensors, computed in double on those weights: token ids of three sequences (each run alone, so that
nothing is padded), last hidden states, logits, the loss (a sum over targets) and its gradient by every LoRA factor
and every weight of a trained head, at random A and B.

Needs torch, transformers and peft; made with torch 2.15, transformers 5.23 and peft 0.21.2. Where transformers
computes in float32 whatever the model's type is (rotary angles, RMSNorm, DeBERTa's scale), the same formula is evaluated in double here,
after checking that it gives transformers' own numbers to float32's precision.
"""

import math
import pathlib
import sys

import torch
import transformers as tf
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parent / "models"
LENGTHS = (5, 1, 9)
RANK, ALPHA = 2, 4
VOCABULARY = 31


def llama(**more):
    return dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2,
                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32, **more)


def bert(**more):
    return dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2,
                num_attention_heads=2, max_position_embeddings=20, **more)


def deberta(**more):
    return bert(type_vocab_size=0, relative_attention=True, position_biased_input=False, layer_norm_eps=1e-7,
                pooler_hidden_size=16, pad_token_id=0, **more)


GPT2 = dict(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=16)
LLAMA3 = dict(rope_type="llama3", rope_theta=100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=8)
V3 = dict(position_buckets=4, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
          max_relative_positions=-1)

MODELS = {
    "gpt2": (tf.GPT2LMHeadModel, tf.GPT2Config(**GPT2)),
    "gpt2_score": (tf.GPT2ForSequenceClassification, tf.GPT2Config(**GPT2, num_labels=3, pad_token_id=0)),
    "bert": (tf.BertForSequenceClassification, tf.BertConfig(**bert(num_labels=3))),
    "bert_span": (tf.BertForQuestionAnswering, tf.BertConfig(**bert())),
    "roberta": (tf.RobertaForSequenceClassification,
                tf.RobertaConfig(**bert(num_labels=2, pad_token_id=1, type_vocab_size=1))),
    "roberta_regression": (tf.RobertaForSequenceClassification,
                           tf.RobertaConfig(**bert(num_labels=1, pad_token_id=1, type_vocab_size=1))),
    "llama2": (tf.LlamaForCausalLM, tf.LlamaConfig(**llama())),
    "llama3": (tf.LlamaForCausalLM, tf.LlamaConfig(**llama(rope_parameters=LLAMA3, tie_word_embeddings=True))),
    "llama_linear": (tf.LlamaForCausalLM,
                     tf.LlamaConfig(**llama(rope_parameters=dict(rope_type="linear", rope_theta=100.0, factor=2.0),
                                            attention_bias=True, mlp_bias=True, head_dim=6))),
    "mistral": (tf.MistralForCausalLM, tf.MistralConfig(**llama(sliding_window=3))),
    "qwen2": (tf.Qwen2ForCausalLM,
              tf.Qwen2Config(**llama(use_sliding_window=True, sliding_window=4, max_window_layers=1))),
    "qwen3": (tf.Qwen3ForCausalLM, tf.Qwen3Config(**llama(head_dim=8))),
    "deberta_v3": (tf.DebertaV2ForSequenceClassification, tf.DebertaV2Config(**deberta(num_labels=3, **V3))),
    "deberta_v2": (tf.DebertaV2ForSequenceClassification,
                   tf.DebertaV2Config(**deberta(num_labels=2, **{**V3, "share_att_key": False},
                                                conv_kernel_size=3, conv_act="gelu"))),
    "deberta_plain": (tf.DebertaV2ForSequenceClassification,
                      tf.DebertaV2Config(**deberta(num_labels=2, position_buckets=-1, max_relative_positions=6,
                                                   share_att_key=False, pos_att_type=["c2p"]))),
}


class DoubleRms(torch.nn.Module):
    def __init__(self, old):
        super().__init__()
        self.weight, self.eps = old.weight, old.variance_epsilon

    def forward(self, x):
        return self.weight * (x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps))


class DoubleRotary(torch.nn.Module):
    def __init__(self, old):
        super().__init__()
        p = old.config.rope_parameters
        dim = getattr(old.config, "head_dim", None) or old.config.hidden_size // old.config.num_attention_heads
        f = [p["rope_theta"] ** (-2 * j / dim) for j in range(dim // 2)]
        if p["rope_type"] == "linear":
            f = [x / p["factor"] for x in f]
        if p["rope_type"] == "llama3":
            low, high, n = p["low_freq_factor"], p["high_freq_factor"], p["original_max_position_embeddings"]

            def scaled(x):
                wave = 2 * math.pi / x
                if wave > n / low:
                    return x / p["factor"]
                if wave < n / high:
                    return x
                s = (n / wave - low) / (high - low)
                return (1 - s) * x / p["factor"] + s * x
            f = [scaled(x) for x in f]
        self.frequency = torch.tensor(f, dtype=torch.float64)
        assert torch.allclose(self.frequency, old.inv_freq.double(), rtol=1e-6), (f, old.inv_freq)
        assert old.attention_scaling == 1

    def forward(self, x, position_ids):
        a = position_ids[..., None].double() * self.frequency
        a = torch.cat((a, a), dim=-1)
        return a.cos(), a.sin()


def exact_root(query, terms):
    return torch.sqrt(torch.tensor(query.size(-1) * terms, dtype=torch.float64))


tf.models.deberta_v2.modeling_deberta_v2.scaled_size_sqrt = exact_root


def in_double(model):
    """Replaces what computes in float32 whatever it is given."""
    for name, module in list(model.named_modules()):
        kind = type(module).__name__
        new = DoubleRms(module) if kind.endswith("RMSNorm") else DoubleRotary(module) \
            if kind.endswith("RotaryEmbedding") else None
        if new is not None:
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], new)
    return model.double()


def make(name):
    kind, config = MODELS[name]
    torch.manual_seed(sum(map(ord, name)))
    config._attn_implementation = "eager" if "deberta" in name else "sdpa"
    model = kind(config).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            one = key.endswith("weight") and ("norm" in key.lower() or "ln_" in key)
            p.copy_(torch.randn_like(p) * (0.3 if p.dim() == 1 else 1.5 / math.sqrt(p.shape[-1])) + (1 if one else 0))
    folder = OUT / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    del model
    model = in_double(kind.from_pretrained(folder, attn_implementation=config._attn_implementation).eval())

    linear = (torch.nn.Linear, tf.pytorch_utils.Conv1D)
    sites = [n for n, m in model.named_modules() if isinstance(m, linear) and any(s.isdigit() for s in n.split("."))]
    base = model.base_model_prefix
    heads = {n: p for n, p in model.named_parameters()
             if (not n.startswith(base + ".") or "pooler" in n) and "lm_head" not in n}
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=sites)).double()
    inner = model.base_model.model
    torch.manual_seed(7)
    factors = {}
    for n, p in model.named_parameters():
        if "lora_" not in n:
            p.requires_grad_(any(p is h for h in heads.values()))
            continue
        p.data = torch.randn_like(p).float().double() * 0.25
        path, _, which = n.removeprefix("base_model.model.").partition(".lora_")
        factors[f"{path}.lora_{which[0]}"] = p

    g = torch.Generator().manual_seed(3)
    out, loss = {}, 0
    for i, length in enumerate(LENGTHS):
        ids = torch.randint(3, VOCABULARY, (1, length), generator=g)
        out[f"ids.{i}"] = ids[0].clone()
        inputs = dict(input_ids=ids)
        if getattr(config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = (torch.arange(length)[None] >= length // 2).long()
            out[f"types.{i}"] = inputs["token_type_ids"][0].clone()
        with torch.no_grad():
            got = inner.base_model(**inputs).last_hidden_state
        out[f"hidden.{i}"] = got[0]
        result = inner(**inputs)
        if hasattr(result, "start_logits"):
            logits = torch.stack((result.start_logits[0], result.end_logits[0]), dim=-1)
            first, last = length // 3, length - 1
            out[f"label.{i}"] = torch.tensor([first, last])
            loss = loss - logits[:, 0].log_softmax(0)[first] - logits[:, 1].log_softmax(0)[last]
        elif "CausalLM" in kind.__name__ or "LMHead" in kind.__name__:
            logits = result.logits[0]
            if length > 1:
                loss = loss + torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="sum")
        elif config.num_labels == 1:
            logits = result.logits
            out[f"value.{i}"] = torch.tensor([0.5 * i - 0.25], dtype=torch.float64)
            loss = loss + ((logits[0, 0] - (0.5 * i - 0.25)) ** 2)
        else:
            logits = result.logits
            out[f"label.{i}"] = torch.tensor([i % config.num_labels])
            loss = loss + torch.nn.functional.cross_entropy(logits, out[f"label.{i}"], reduction="sum")
        out[f"logits.{i}"] = logits.detach()
    loss.backward()
    out["loss"] = loss.detach().reshape(1)
    for n, p in factors.items():
        out[n] = p.data.float()
        out["grad." + n] = p.grad
    for n, p in heads.items():
        out["grad." + n] = p.grad
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
    print(f"{name:20} loss {loss.item():9.5f}  {len(factors):3} factors  heads {sorted(heads)}  "
          f"{(folder / 'model.safetensors').stat().st_size // 1024} kB + "
          f"{(folder / 'expected.safetensors').stat().st_size // 1024} kB")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or MODELS:
        make(wanted)
