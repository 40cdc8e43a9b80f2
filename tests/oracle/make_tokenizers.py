# SPDX-License-Identifier: MIT
"""Writes the folder tokenizers/ beside this file: hard cases, small trained tokenizers, what the reference
libraries make of them, and the sums that real vocabularies give on real data.

    LORICA_DATA=FOLDER python3 make_tokenizers.py      needs tokenizers (0.23.3) and sentencepiece (0.2.3)

The tests need only the folder. Every trained tokenizer is a folder as load() reads it, with expected.json: a
list with an object per hard case. `ids` are those of encode without special tokens, `spans` begin and end of
each in bytes of the case (the reference counts characters), `text` what the ids decode to. Long lists are
{"count", "fnv"}: FNV-1a of 64 bits over the numbers as 32-bit little-endian integers.

The trainers of WordPiece and Unigram break ties another way in every process, so their vocabularies differ from
run to run; each folder is of one run.
"""

import codecs
import json
import os
import pathlib
import shutil
import struct

import sentencepiece
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

HERE = pathlib.Path(__file__).resolve().parent / "tokenizers"
DATA = pathlib.Path(os.environ["LORICA_DATA"])

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

CASES = [
    "",
    " ",
    "a",
    "\n",
    "  \n\t ",
    "Hello, world!",
    " leading and trailing ",
    "two  spaces   three\n\n\nlines\r\n\r\nend",
    "I'm sure they'll say we've don't can't you'd he's THEY'LL I'M 'TIS ’twas ’s 'ſ",
    "The quick brown fox jumps over the lazy dog. 1234567890 3.14159 1,000,000 -7e-3 0x1F 12:30pm",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family \U0001f44d\U0001f3fd \u2764\ufe0f"
    " \U0001f1e9\U0001f1ea \U0001f9d1\u200d\U0001f4bb",
    "e\u0301 \u00e9 a\u0323\u0302 \u1ead a\u0302\u0323 Z\u0351\u036b\u0343 \u0301alone q\u0307\u0323"
    " \u0323\u0307x",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea"
    " \u202b\u0634\u0643\u0631\u064b\u0627"
    "\u202c \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u4e2d\u6587\u6d4b\u8bd5 \u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8 \ud55c\uad6d\uc5b4"
    " \u1112\u1161\u11ab"
    " \U00020000\U0002f800\uf900\u3000\uff01\uff21\uff42\uff11",
    "\u0130stanbul \u0131\u0130I\u00cf \u1e9e \u00df \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2"
    " \u039f\u0394\u039f\u03a3",
    "\ufb01\ufb03 \ufb05 \u0132\u0133 \u01c4 \u2460 \u00bd \u2167 \u33a5 \u2122 \u212b \u2126"
    " \u00b2\u00b3 \u1d2c",
    "ctl \x00\x01\x02\x07\x08\x0b\x0c\x1b\x1c\x1f\x7f\x80\x85\x9f end",
    "soft\u00adhyphen zero\u200bwidth"
    " \ufeffbom \u2060wj \u200elrm \ufff9ann \U000e0041tag \ue000pua \ufffe \U0010ffff \u0378unassigned",
    "a\u00a0b\u1680c\u180ed\u2000e\u2003f\u2009g\u2028h\u2029i\u202fj\u205fk\u3000l\u200bm \u00a0 \u2003\n",
    "tab\tsep\tvalues \t mixed \t\n",
    "   \n   x",
    "x   ",
    "\u00a0",
    "\r",
    "a\rb\r\nc\n\rd",
    "\u0661\u0662\u0663 \u0967\u0968\u0969 \uff11\uff12 \U0001d7ce\U0001d7cf \u2160\u2161 \u00bc"
    " 12\u0663 1\u20442",
    "def f(x):\n    if x != 0:\n        return {\"a\": [1, 2], 'b': x ** 2}  # done\n\treturn None",
    "snake_case camelCase kebab-case __dunder__ a.b.c@example.com https://example.org/?q=1&r=%20#frag"
    " C:\\dir\\",
    "!!! ??? ... --- ,,, ;;; \u2014 \u2013 \u2026 \u00ab\u00bb \u201c\u201d \u2018\u2019 \u3001\u3002"
    " $ \u20ac + < = > ^ ` | ~",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis"
    " Donaudampfschifffahrtsgesellschaft",
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "\u00e9" * 100,
    "\u00e9" * 101,
    "ab" * 3000,
    "x" * 20000,
    "\U0001f600" * 150,
    " " * 300,
    "\n" * 100,
    ("\u0915\u093f" * 60) + "\u0300" * 40,
    "1" * 1000,
    "?!" * 200,
    "<|endoftext|>",
    "Hello<|endoftext|>world <|endoftext|> <|ENDOFTEXT|> <|endoftext|",
    "[MASK] a [CLS]b[SEP] [mask] [UNK][PAD]",
    "<s>text</s> <unk> < s> <pad><mask>",
    "one <extra> two<extra>three  <extra>  four<extra_1> <EXTRA> xwordx word word. \u00e9word",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"
    " \u0422\u0435\u0441\u0442 \u0419\u043e \u0451"
    " \u10d0\u10d1 \u1201 \u1e00 \u1f82 \u03d3\u0301 \u0958 \ufb1d \u2adc \U0001d15e",
    "Vi\u1ec7t Nam \u0110\u1ea1i h\u1ecdc na\u00efve caf\u00e9 \u00c5ngstr\u00f6m \u0141\u00f3d\u017a"
    " \u00d8rsted \u010ce\u0161tina",
    "\u2581already\u2581marked \u2581",
    "\u0120\u010a byte-level letters \u0100",
    "<0x41> <0x0A><0xZZ>",
    "\u00b4 \u00a8 \u203e \uffe3",
]
BROKEN = [
    b"\xff",
    b"a\xc3(b",
    b"\xe2\x82",
    b"\xe2\x82x",
    b"\xf0\x9f\x98 \xf0\x9f\x98\x80",
    b"\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80",
    b"ok \x80\x81\x82 end\xe4\xb8",
    b"\xf8\x88\x80\x80\x80 latin1: caf\xe9 na\xefve",
    b"\xef\xbf\xbd \xef\xbb\xbf",
]


def fnv(numbers, start=0xCBF29CE484222325):
    h = start
    for byte in struct.pack(f"<{len(numbers)}i", *numbers):
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def decode(raw):
    """Text of the bytes, and where each of its characters begins and ends among them."""
    text, ends, at = "", [], 0
    while at < len(raw):
        try:
            good, stop, end = raw[at:].decode(), len(raw), len(raw)
        except UnicodeDecodeError as error:
            good, stop, end = raw[at : at + error.start].decode(), at + error.start, at + error.end
        for c in good:
            ends.append((at, at + len(c.encode())))
            at += len(c.encode())
        if end > stop:
            good += "\ufffd"
            ends.append((stop, end))
        text += good
        at = end
    return text, ends


def short(numbers, limit=60):
    return numbers if len(numbers) <= limit else {"count": len(numbers), "fnv": f"{fnv(numbers):016x}"}


def short_text(text, limit=200):
    return (
        text
        if len(text.encode()) <= limit
        else {"count": len(text.encode()), "fnv": f"{fnv(list(text.encode())):016x}"}
    )


def spans(offsets, ends):
    """The reference's places, in bytes: an empty place is where its character begins."""
    out = []
    for begin, end in offsets:
        first = ends[begin][0] if begin < len(ends) else (ends[-1][1] if ends else 0)
        out += [first, ends[end - 1][1] if end > begin else first]
    return out


def cases():
    return [(c.encode(), c) for c in CASES] + [(b, decode(b)[0]) for b in BROKEN]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def rows(values):
    """A list as JSON with a line for each element, so that a change shows as one."""
    return (
        "[\n" + ",\n".join(json.dumps(v, ensure_ascii=False, separators=(",", ":")) for v in values) + "\n]"
    )


def expected(tokenizer, limit=60):
    out = []
    for raw, text in cases():
        got = tokenizer.encode(text, add_special_tokens=False)
        assert decode(raw)[0] == text
        out.append(
            {
                "ids": short(got.ids, limit),
                "spans": short(spans(got.offsets, decode(raw)[1]), limit),
                "text": short_text(tokenizer.decode(got.ids, skip_special_tokens=True)),
            }
        )
    return out


def around(tokenizer):
    """What stands around one text and around two: ids and types."""
    one = tokenizer.encode("a b")
    two = tokenizer.encode("a b", "c")
    return {"single": [one.ids, one.type_ids], "pair": [two.ids, two.type_ids]}


def save(name, tokenizer):
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(
        json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n",
        encoding="utf-8",
    )
    again = Tokenizer.from_file(str(folder / "tokenizer.json"))
    head = f'"size":{again.get_vocab_size()},"around":{json.dumps(around(again))}'
    body = f'{{{head},"cases":{rows(expected(again))}}}\n'
    (folder / "expected.json").write_text(body, encoding="utf-8")


def corpus():
    text = (DATA / "text" / "tinyshakespeare.txt").read_text(encoding="utf-8")[:200000]
    return text.split("\n\n") + [c for c in CASES if len(c) < 1000] * 2


def byte_level(pattern, merges, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    train_byte_level(tokenizer, merges)
    return tokenizer


def train_byte_level(tokenizer, merges, special=()):
    tokenizer.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=256 + len(special) + merges,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=list(special),
            show_progress=False,
        ),
    )


def llama3():
    t = byte_level(LLAMA3, 260, ignore_merges=True)
    t.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    begin = t.token_to_id("<|begin_of_text|>")
    t.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", begin)],
            ),
        ]
    )
    # A token that no merge makes: with ignore_merges a word may be it all the same.
    state = json.loads(t.to_str())
    state["model"]["vocab"]["jumps"] = len(state["model"]["vocab"]) + 2
    return Tokenizer.from_str(json.dumps(state))


def qwen2():
    t = byte_level(QWEN2, 260)
    t.normalizer = normalizers.NFC()
    t.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def roberta():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    train_byte_level(t, 200, ["<s>", "<pad>", "</s>", "<unk>"])
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    t.add_tokens(
        [
            AddedToken("<extra>", rstrip=True, lstrip=True),
            AddedToken("<extra_1>", normalized=False),
            AddedToken("word", single_word=True),
        ]
    )
    t.post_processor = processors.RobertaProcessing(
        ("</s>", t.token_to_id("</s>")),
        ("<s>", t.token_to_id("<s>")),
        trim_offsets=True,
        add_prefix_space=True,
    )
    return t


def llama2():
    """Byte-pair encoding with byte fallback over characters, as Llama 2's tokenizer.json has it."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.train_from_iterator(
        [line.replace(" ", "\u2581") for line in corpus()[:400]],
        trainers.BpeTrainer(
            vocab_size=560,
            special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)],
            limit_alphabet=90,
            show_progress=False,
            max_token_length=12,
        ),
    )
    state = json.loads(t.to_str())
    state["added_tokens"] = [a for a in state["added_tokens"] if not a["content"].startswith("<0x")]
    t = Tokenizer.from_str(json.dumps(state))
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    t.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return t


def metaspace():
    """Unknown characters that are not fused, words by Metaspace, a prefix only at the start."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    t.train_from_iterator(
        corpus()[:400],
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], limit_alphabet=70, show_progress=False
        ),
    )
    t.add_tokens([AddedToken("<extra>"), AddedToken("word", single_word=True, normalized=False)])
    return t


def wordpiece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Strip(),
            normalizers.Replace(Regex(r"\d+"), "0"),
        ]
    )
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(
        corpus(),
        trainers.WordPieceTrainer(
            vocab_size=500,
            limit_alphabet=120,
            show_progress=False,
            special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        ),
    )
    t.add_tokens([AddedToken("<Extra>", normalized=True), AddedToken("<extra_1>", normalized=False)])
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


def cased():
    """BERT with capitals, from the older vocab.txt and tokenizer_config.json."""
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=None)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(
        corpus(),
        trainers.WordPieceTrainer(
            vocab_size=500,
            limit_alphabet=150,
            show_progress=False,
            special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        ),
    )
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


def unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    t.train_from_iterator(
        corpus()[:500],
        trainers.UnigramTrainer(
            vocab_size=300, unk_token="<unk>", show_progress=False, special_tokens=["<unk>", "<s>", "</s>"]
        ),
    )
    return t


def splits():
    """Every way in which a delimiter can cut, on the hard cases: sums of the words' places."""
    out = []
    for pattern in [
        {"Regex": r"[\p{P}\p{S}]"},
        {"Regex": r"\s"},
        {"Regex": r"\w+"},
        {"Regex": r"[\w\d]+|\S"},
        {"Regex": r"\d\D"},
        {"String": "a"},
        {"String": "."},
        {"Regex": GPT2},
        {"Regex": LLAMA3},
        {"Regex": r"(?i)s|k"},
    ]:
        for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
            for invert in [False, True]:
                description = {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
                out.append(description)
    out += [
        {"type": "Whitespace"},
        {"type": "WhitespaceSplit"},
        {"type": "Digits", "individual_digits": True},
        {"type": "Digits", "individual_digits": False},
        {"type": "BertPreTokenizer"},
        {"type": "Punctuation", "behavior": "MergedWithPrevious"},
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        {"type": "Metaspace", "replacement": "_", "prepend_scheme": "never", "split": False},
        {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Punctuation", "behavior": "Contiguous"},
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                {"type": "Digits", "individual_digits": False},
            ],
        },
    ]
    rows_out = []
    for description in out:
        state = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": description,
            "post_processor": None,
            "decoder": None,
            "model": {
                "type": "WordPiece",
                "unk_token": "?",
                "continuing_subword_prefix": "",
                "max_input_chars_per_word": 0,
                "vocab": {"?": 0},
            },
        }
        t = Tokenizer.from_str(json.dumps(state))  # every word is unknown, so tokens are words
        h, count = 0xCBF29CE484222325, 0
        for raw, text in cases():
            places = spans(t.encode(text).offsets, decode(raw)[1])
            h, count = fnv([len(places)] + places, h), count + len(places) // 2
        rows_out.append({"pre_tokenizer": description, "words": count, "fnv": f"{h:016x}"})
    return rows_out


def real():
    gpt2 = Tokenizer(
        models.BPE.from_file(
            str(DATA / "tokenizers/gpt2/vocab.json"), str(DATA / "tokenizers/gpt2/merges.txt")
        )
    )
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.decoder = decoders.ByteLevel()
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    gpt2.add_special_tokens(["<|endoftext|>"])
    bert = Tokenizer(
        models.WordPiece.from_file(
            str(DATA / "tokenizers/bert/bert-base-uncased-vocab.txt"), unk_token="[UNK]"
        )
    )
    bert.normalizer = normalizers.BertNormalizer()
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.decoder = decoders.WordPiece()
    bert.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    bert.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    return {"gpt2": gpt2, "bert": bert}


def pieces(file):
    """What is tokenised of a file: every line of a text, every column of every line of a table."""
    lines = file.read_bytes().decode("utf-8", errors="replace").split("\n")
    return [p for line in lines for p in (line.split("\t") if file.suffix == ".tsv" else [line])]


def sums():
    files = sorted((DATA / "text").glob("*.txt")) + sorted((DATA / "glue").glob("*/*.tsv"))
    out = []
    for file in files:
        texts = pieces(file)
        row = {"file": str(file.relative_to(DATA)), "pieces": len(texts)}
        for name, tokenizer in real().items():
            h, ids_count, places = 0xCBF29CE484222325, 0, 0xCBF29CE484222325
            for text, got in zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False)):
                h, ids_count = fnv([len(got.ids)] + got.ids, h), ids_count + len(got.ids)
            row[name] = {"ids": ids_count, "fnv": f"{h:016x}"}
        out.append(row)
        print(row)
    return out


def spm(name, kind, **options):
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    # Without the long repetitions: a piece of many a's makes equally probable cuts, where versions differ.
    lines = [
        line for part in corpus() for line in part.split("\n") if "\x00" not in line and len(set(line)) > 3
    ]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "tokenizer"),
        model_type=kind,
        character_coverage=0.995,
        minloglevel=2,
        **options,
    )
    (folder / "tokenizer.vocab").unlink()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    out = []
    for raw, text in cases():
        ids = processor.encode(text)
        offsets = processor.encode(text, return_type="offset_mapping")["offsets"]
        out.append(
            {
                "ids": short(ids),
                "spans": short(spans(offsets, decode(raw)[1])),
                "text": short_text(processor.decode(ids)),
            }
        )
    head = f'"size":{processor.get_piece_size()},"bos":{processor.bos_id()},"eos":{processor.eos_id()}'
    (folder / "expected.json").write_text(f'{{{head},"cases":{rows(out)}}}\n', encoding="utf-8")
    return processor


def truncation():
    """What longest-first leaves of two texts: [first, second, room, first left, second left]."""
    t = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    out = []
    for room in range(1, 9):
        t.enable_truncation(room, strategy="longest_first")
        for first in range(7):
            for second in range(7):
                got = t.encode("a " * first, "a " * second).type_ids
                out.append([first, second, room, got.count(0), got.count(1)])
    return out


def llama2c(processor):
    """The file llama2.c's export makes of a SentencePiece model, and what its encoder does, written"
    " plainly."""
    folder = HERE / "llama2c"
    folder.mkdir(parents=True, exist_ok=True)
    tokens = []
    for i in range(processor.get_piece_size()):
        piece = processor.id_to_piece(i)
        piece = (
            {processor.bos_id(): "\n<s>\n", processor.eos_id(): "\n</s>\n"}
            .get(i, piece)
            .replace("\u2581", " ")
        )
        tokens.append((piece.encode(), processor.get_score(i)))
    write_binary(folder / "tok.bin", tokens)
    write(folder / "expected.json", llama2c_expected(tokens))


def write_binary(path, tokens):
    with open(path, "wb") as out:
        out.write(struct.pack("<i", max(len(t) for t, _ in tokens)))
        for token, score in tokens:
            out.write(struct.pack("<fi", score, len(token)) + token)


def llama2c_encode(tokens, raw):
    index = {}
    for i, (t, _) in enumerate(tokens):
        index.setdefault(t, i)
    ids = [index[b" "]] if raw else []
    at = 0
    while at < len(raw):
        stop = at + 1
        while stop < len(raw) and stop < at + 4 and raw[stop] & 0xC0 == 0x80:
            stop += 1
        ids += [index[raw[at:stop]]] if raw[at:stop] in index else [b + 3 for b in raw[at:stop]]
        at = stop
    while True:
        best, where = None, -1
        for i in range(len(ids) - 1):
            merged = index.get(tokens[ids[i]][0] + tokens[ids[i + 1]][0])
            if merged is not None and (best is None or tokens[merged][1] > tokens[best][1]):
                best, where = merged, i
        if best is None:
            return ids
        ids[where : where + 2] = [best]


def llama2c_expected(tokens):
    return {
        "size": len(tokens),
        "cases": [
            {"ids": short(llama2c_encode(tokens, raw))} if len(raw) < 2000 else None for raw, _ in cases()
        ],
    }


def read_binary(path):
    data, tokens, at = path.read_bytes(), [], 4
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        tokens.append((data[at + 8 : at + 8 + length], score))
        at += 8 + length
    return tokens


def sentence_pieces():
    rules = HERE / "rules.tsv"  # the usual tables of normal forms would be a quarter of a megabyte
    rules.write_text("FB01\t66 69\n2460\t31\n3000\t20\nA0\t20\n65 301\tE9\n", encoding="utf-8")
    spm(
        "spm_unigram",
        "unigram",
        vocab_size=400,
        normalization_rule_tsv=str(rules),
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
    )  # DeBERTa's special tokens
    rules.unlink()
    llama2c(
        spm(
            "spm_bpe",
            "bpe",
            vocab_size=512,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
        )
    )


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    texts = [{"text": c} for c in CASES] + [{"hex": b.hex()} for b in BROKEN]
    for t in texts:  # the very long ones as what they repeat
        for unit in range(1, 5):
            text = t.get("text", "")
            if len(text) >= 100 and text == text[:unit] * (len(text) // unit):
                t["text"], t["times"] = text[:unit], len(text) // unit
                break
    (HERE / "cases.json").write_text(rows(texts) + "\n", encoding="utf-8")
    for make in [llama3, qwen2, roberta, llama2, metaspace, wordpiece, unigram]:
        save(make.__name__, make())
        print(make.__name__)
    cased_bert = cased()
    save("cased", cased_bert)
    vocabulary = sorted(cased_bert.get_vocab(), key=cased_bert.get_vocab().get)
    (HERE / "cased" / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    write(HERE / "cased" / "tokenizer_config.json", {"do_lower_case": False})
    (HERE / "cased" / "tokenizer.json").unlink()
    write(HERE / "splits.json", splits())
    sentence_pieces()
    write(HERE / "truncation.json", truncation())
    references = real()
    parts = []
    for name, t in references.items():
        head = f'"size":{t.get_vocab_size()},"around":{json.dumps(around(t))}'
        parts.append(f'"{name}":{{{head},"cases":{rows(expected(t, 150))}}}')
    text = "{" + ",\n".join(parts)
    tok512 = llama2c_expected(read_binary(DATA / "weights/stories260K/tok512.bin"))
    text += f',\n"tok512":{json.dumps(tok512, separators=(",", ":"))}'
    (HERE / "real.json").write_text(text + ',\n"files":' + rows(sums()) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
