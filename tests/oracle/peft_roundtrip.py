# SPDX-License-Identifier: MIT
"""Folders between lorica and Hugging Face PEFT, in both directions.

  make OUT [--models DIR]   trains LoRA, rsLoRA (with patterns), DoRA and AdaLoRA on tiny models with PEFT and writes
                            OUT/<model>_<method>/ with expected.safetensors: for every adapted module what the folder
                            does to its weight, and for DoRA the weight itself, both [out, in]. OUT: tests/oracle/peft.
                            DIR gets the models and ids.json: lorica logits --model DIR/gpt2 --adapter OUT/gpt2_lora ...
  check FOLDER...           opens folders, lorica's or PEFT's, with PEFT and compares logits with those that
                              lorica logits --model MODEL --adapter FOLDER --ids IDS --out FOLDER/logits.safetensors
                            wrote. MODEL is what the folder's base_model_name_or_path says, or DIR/<name> with
                            --models DIR, for a folder called <name>_...; IDS is FOLDER/ids.json or --ids FILE.
  check-load FOLDER...      opens folders that lorica wrote (the hidden test "folders for PEFT to open", which writes to
                            LORICA_PEFT_OUT) on tiny models with the weights of expected.safetensors, and compares what
                            they do to every weight, and the heads.
  check-merged FOLDER...    opens folders of merged models, called <name>_..., with transformers and compares logits with
                            those of the model DIR/<name> (--models DIR) with PEFT's own merge of the adapter in it, which
                            is the folder of the same name in ADAPTERS (--adapters ADAPTERS); without adapters, with
                            those of the model itself:
                              lorica merge --model DIR/gpt2 --adapter ADAPTERS/gpt2_lora --out FOLDER

Needs torch, transformers, peft and safetensors. The committed folders: torch 2.15.0, transformers 5.23.0, peft 0.21.2:
  python peft_roundtrip.py make peft
"""
import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path

import torch
import transformers as tf
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

WIDTH, INNER, WORDS, LAYERS = 16, 24, 32, 2
IDS = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7]]


def tiny(name):
    """A model with random weights and dropout off."""
    torch.manual_seed(11)
    if name == "gpt2":
        c = tf.GPT2Config(vocab_size=WORDS, n_positions=16, n_embd=WIDTH, n_layer=LAYERS, n_head=2, n_inner=INNER,
                          bos_token_id=0, eos_token_id=0, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
        return tf.GPT2LMHeadModel(c)
    if name == "llama":
        c = tf.LlamaConfig(vocab_size=WORDS, hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
                           num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=16, bos_token_id=0,
                           eos_token_id=0, pad_token_id=0)
        return tf.LlamaForCausalLM(c)
    common = dict(vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2,
                  intermediate_size=INNER, max_position_embeddings=16, num_labels=3, hidden_dropout_prob=0,
                  attention_probs_dropout_prob=0, initializer_range=0.2)
    if name == "bert":
        return tf.BertForSequenceClassification(tf.BertConfig(**common))
    if name == "deberta":
        c = tf.DebertaV2Config(**common, relative_attention=True, max_relative_positions=16, position_buckets=4,
                               pos_att_type="c2p|p2c", share_att_key=True, norm_rel_ebd="layer_norm",
                               position_biased_input=False, type_vocab_size=0, pooler_dropout=0)
        return tf.DebertaV2ForSequenceClassification(c)
    raise SystemExit(f"no model called {name}")


TARGETS = {
    "gpt2": ["attn.c_attn", "mlp.c_proj"],
    "bert": ["query", "value", "output.dense"],
    "llama": ["q_proj", "v_proj", "down_proj"],
    "deberta": ["query_proj", "value_proj"],
}
TASK = {"gpt2": "CAUSAL_LM", "llama": "CAUSAL_LM", "bert": "SEQ_CLS", "deberta": "SEQ_CLS"}


def config_of(model, method):
    common = dict(target_modules=TARGETS[model], task_type=TASK[model])
    if model == "bert":  # a pattern instead of a list; the pooler is no target
        common["target_modules"] = r".*layer\.\d+\.(.*\.(query|value)|output\.dense)"
    if model == "deberta":
        common["modules_to_save"] = ["pooler.dense"]
    if method == "lora":
        extra = dict(layers_to_transform=[1]) if model == "llama" else {}
        return LoraConfig(r=3, lora_alpha=4, **common, **extra)
    if method == "rslora":
        last = TARGETS[model][-1]
        return LoraConfig(r=2, lora_alpha=5, use_rslora=True, rank_pattern={last: 4}, alpha_pattern={"1.*" + last: 7},
                          **common)
    if method == "dora":
        return LoraConfig(r=2, lora_alpha=3, use_dora=True, **common)
    return AdaLoraConfig(init_r=4, target_r=1, tinit=1, tfinal=3, deltaT=1, total_step=12, lora_alpha=8, beta1=0.5,
                         beta2=0.5, **common)


def train(model, steps=12):
    """A few steps on random tokens; AdaLoRA's budget with them."""
    torch.manual_seed(5)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    labelled = hasattr(model.config, "num_labels") and "Sequence" in type(model.get_base_model()).__name__
    for step in range(steps):
        ids = torch.randint(1, WORDS, (4, 8))
        labels = ids.sum(1) % 3 if labelled else ids
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        if hasattr(model.base_model, "update_and_allocate"):
            model.base_model.update_and_allocate(step)
        optimizer.zero_grad()


def adapted_modules(model):
    return {n.removeprefix("base_model.model."): m for n, m in model.named_modules()
            if hasattr(m, "lora_A") and "default" in getattr(m, "lora_A", {})}


def upright(module, weight):
    """[out, in], as nn.Linear has it."""
    base = module.base_layer if hasattr(module, "base_layer") else module
    return weight.T if type(base).__name__ == "Conv1D" else weight


def effects(base_model, folder):
    """What the folder does to each weight, in double: {module: (W, W' - W, b' - b or None)}, and the merged model."""
    model = PeftModel.from_pretrained(base_model, folder).double()
    modules = adapted_modules(model)
    before = {n: (upright(m, m.base_layer.weight.detach().clone()),
                  None if m.base_layer.bias is None else m.base_layer.bias.detach().clone())
              for n, m in modules.items()}
    merged = model.merge_and_unload()
    out = {}
    for n, (w, b) in before.items():
        m = merged.get_submodule(n)
        out[n] = (w, upright(m, m.weight.detach()) - w, None if b is None else m.bias.detach() - b)
    return out, merged


def make(out, models):
    for name in TARGETS:
        if models:
            tiny(name).save_pretrained(models / name)
            (models / "ids.json").write_text(json.dumps(IDS))
        for method in ("lora", "rslora", "dora", "adalora"):
            folder = out / f"{name}_{method}"
            shutil.rmtree(folder, ignore_errors=True)
            model = get_peft_model(tiny(name), config_of(name, method))
            train(model)
            model.save_pretrained(folder, save_embedding_layers=False)
            (folder / "README.md").unlink(missing_ok=True)
            found, merged = effects(tiny(name), folder)
            tensors = {}
            for n, (w, d, _) in found.items():
                tensors[n + ".delta"] = d.float().contiguous()
                if method == "dora":
                    tensors[n + ".base"] = w.float().contiguous()
            conv1d = "true" if name == "gpt2" else "false"
            save_file(tensors, folder / "expected.safetensors", {"conv1d": conv1d})
            config = json.loads((folder / "adapter_config.json").read_text())
            ranks = [v.shape[0] for k, v in load_file(folder / "adapter_model.safetensors").items() if "lora_A" in k]
            assert method != "adalora" or (config["rank_pattern"] and 0 in ranks), (name, ranks)
            size = sum(f.stat().st_size for f in folder.iterdir())
            print(f"{folder.name:18} {len(found):3} modules  ranks {ranks}  {size:6} bytes")


def difference(found, expected):
    size = expected.norm().item()
    return (found - expected).norm().item() / (size if size > 0 else 1)


def wrapped(base, config, adapter):
    """The base model with the head that the adapter's task wants; as many outputs as the adapter's head has."""
    task = config["task_type"]
    if task == "QUESTION_ANS":
        return tf.AutoModelForQuestionAnswering.from_pretrained(base, dtype=torch.float32)
    if task != "SEQ_CLS":
        return class_of(base).from_pretrained(base, dtype=torch.float32)
    heads = ("classifier.weight", "score.weight", "classifier.out_proj.weight")
    labels = [len(t) for name, t in load_file(adapter / "adapter_model.safetensors").items() if name.endswith(heads)]
    return tf.AutoModelForSequenceClassification.from_pretrained(base, dtype=torch.float32, num_labels=labels[0],
                                                                ignore_mismatched_sizes=True)


def check(folders, models, ids_file):
    worst = 0.0
    for folder in folders:
        config = json.loads((folder / "adapter_config.json").read_text())
        where = models / folder.name.split("_")[0] if models else config["base_model_name_or_path"]
        model = PeftModel.from_pretrained(wrapped(Path(where), config, folder), folder).eval()
        ours = load_file(folder / "logits.safetensors")
        most = 0.0
        for i, ids in enumerate(json.loads((ids_file or folder / "ids.json").read_text())):
            with torch.no_grad():
                theirs = model(input_ids=torch.tensor([ids])).logits[0]
            most = max(most, difference(ours[f"logits.{i}"].reshape(theirs.shape).double(), theirs.double()))
        print(f"{folder.name:24} {config['peft_type']:8} logits apart by {most:.1e}")
        worst = max(worst, most)
    return worst < 1e-5


def class_of(folder):
    return getattr(tf, json.loads((folder / "config.json").read_text())["architectures"][0])


def check_merged(folders, models, adapters):
    worst = 0.0
    for folder in folders:
        base = models / folder.name.split("_")[0]
        theirs = class_of(base).from_pretrained(base, dtype=torch.float32)
        if adapters:
            theirs = PeftModel.from_pretrained(theirs, adapters / folder.name).merge_and_unload()
        ours, said = class_of(folder).from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        faults = {k: v for k, v in said.items() if v}
        assert not faults, (folder, faults)
        most = 0.0
        for ids in IDS:
            with torch.no_grad():
                a, b = (m.eval()(input_ids=torch.tensor([ids])).logits.double() for m in (ours, theirs))
            most = max(most, difference(a, b))
        print(f"{folder.name:24} {type(ours).__name__:36} logits apart by {most:.1e}")
        worst = max(worst, most)
    return worst < 1e-5


def check_load(folders):
    worst, silent = 0.0, True
    print(f"{'folder':24} {'type':8} modules  {'W apart':>8}  {'b apart':>8}  warnings")
    for folder in folders:
        expected = load_file(folder / "expected.safetensors")
        base = tiny(folder.name.split("_")[0])
        for key, w in expected.items():
            if key.endswith(".base"):
                m = base.get_submodule(key.removesuffix(".base"))
                with torch.no_grad():
                    m.weight.copy_(upright(m, w))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found, merged = effects(base, folder)
        modules = {k.removesuffix(".delta") for k in expected if k.endswith(".delta")}
        apart, bias = 0.0, 0.0
        for n in modules | set(found):  # a module that one side does not have does nothing there: rank 0
            d = expected[n + ".delta"].double() if n in modules else torch.zeros_like(found[n][1])
            apart = max(apart, difference(found[n][1] if n in found else torch.zeros_like(d), d))
            if n + ".bias" in expected:
                bias = max(bias, difference(found[n][2], expected[n + ".bias"].double()))
        for key, w in expected.items():
            if key.endswith(".head"):
                assert torch.equal(merged.get_parameter(key.removesuffix(".head")), w.double()), key
        kind = json.loads((folder / "adapter_config.json").read_text())["peft_type"]
        # PEFT says of every ADALORA folder, its own too, that rank_pattern matches no module.
        telling = [str(w.message).split(". ")[0] for w in said if "peft" in w.filename and not
                   (kind == "ADALORA" and "rank_pattern keys did not match" in str(w.message))]
        print(f"{folder.name:24} {kind:8} {len(modules):7}  {apart:8.1e}  {bias:8.1e}  {telling or 'none'}")
        worst, silent = max(worst, apart, bias), silent and not telling
    return worst < 1e-6 and silent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("make")
    one.add_argument("out", type=Path)
    one.add_argument("--models", type=Path)
    one = verbs.add_parser("check")
    one.add_argument("folders", type=Path, nargs="+")
    one.add_argument("--models", type=Path)
    one.add_argument("--ids", type=Path)
    one = verbs.add_parser("check-merged")
    one.add_argument("folders", type=Path, nargs="+")
    one.add_argument("--models", type=Path, required=True)
    one.add_argument("--adapters", type=Path)
    one = verbs.add_parser("check-load")
    one.add_argument("folders", type=Path, nargs="+")
    a = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    tf.logging.set_verbosity_error()
    if a.verb == "make":
        return make(a.out, a.models)
    if a.verb == "check":
        good = check(a.folders, a.models, a.ids)
    elif a.verb == "check-merged":
        good = check_merged(a.folders, a.models, a.adapters)
    else:
        good = check_load(a.folders)
    print("all agree" if good else "NOT all agree")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
