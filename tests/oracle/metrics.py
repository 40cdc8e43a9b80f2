# SPDX-License-Identifier: MIT
"""Writes metrics.json beside this file: the metrics of scikit-learn, SciPy, sacrebleu and rouge_score on fixed cases.

    python3 metrics.py      needs scikit-learn, SciPy, sacrebleu and rouge-score; the tests need only the JSON

Where a reference says NaN the JSON says null. BLEU is sacrebleu's corpus_bleu with its defaults (13a, exp), ROUGE-L
is rouge_score's rougeL without stemmer. Written with scikit-learn 1.9.1, SciPy 1.17.1, sacrebleu 2.6.0 and
rouge-score 0.1.2; the versions of the last run are in the JSON.
"""
import importlib.metadata
import json
import math
import pathlib
import random
import warnings

import sacrebleu
from rouge_score import rouge_scorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")
draw = random.Random(4)


def number(x):
    return None if math.isnan(x) else float(x)


def classification(name, predicted, expected):
    return dict(
        name=name, predicted=predicted, expected=expected,
        accuracy=number(metrics.accuracy_score(expected, predicted)),
        f1=number(metrics.f1_score(expected, predicted, labels=[1], average="macro", zero_division=0)),
        macro_f1=number(metrics.f1_score(expected, predicted, average="macro", zero_division=0)),
        matthews=number(metrics.matthews_corrcoef(expected, predicted)))


def noisy(classes, n, right):
    expected = [draw.randrange(classes) for _ in range(n)]
    return [e if draw.random() < right else draw.randrange(classes) for e in expected], expected


def correlation(name, x, y):
    return dict(name=name, x=x, y=y, pearson=number(stats.pearsonr(x, y).statistic),
                spearman=number(stats.spearmanr(x, y).statistic))


def bleu(name, hypotheses, references, lowercase=False):
    most = max(map(len, references))
    streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
    b = sacrebleu.corpus_bleu(hypotheses, streams, lowercase=lowercase)
    return dict(name=name, hypotheses=hypotheses, references=references, lowercase=lowercase, score=b.score,
                precisions=b.precisions, brevity_penalty=b.bp, length=b.sys_len, reference_length=b.ref_len)


def rouge(hypothesis, references):
    s = rouge_scorer.RougeScorer(["rougeL"]).score_multi(references, hypothesis)["rougeL"]
    return dict(hypothesis=hypothesis, references=references, precision=float(s.precision), recall=float(s.recall),
                f1=float(s.fmeasure))


MEALS = [
    ("The Vaults is a cheap pub near Café Adriatic, rated 5 out of 5.",
     ["The Vaults pub near Café Adriatic has a 5 star rating. Prices start at £30.",
      "Close to Café Adriatic, The Vaults pub is rated 5 out of 5 and is cheap."]),
    ("Cotto is a coffee shop in the city centre; it isn't family-friendly.",
     ["Cotto, an English coffee shop in the city centre, is not family-friendly.",
      "There is a coffee shop Cotto in the city centre. It isn't family-friendly!",
      "Cotto serves English food near The Portland Arms."]),
    ("A price range of £20-25 (high) - said \"he\".",
     ["A price range of £20-25, which is high, he said."]),
    ("Loch Fyne provides food", ["Loch Fyne provides wonderful food"]),
]
SENTENCES = [
    "", " ", "Hello, world.", "It's 3,000.5 km at 5-7 o'clock...", "e.g. U.S.A., 1.2.3 and 4,5,6,", "a.b,c", ".5 5. ,5 5,",
    "&quot;Tom &amp; Jerry&quot; &lt;3 &gt; &amp;lt;", "one-\ntwo\nthree-", "<skipped> gone", "hy-phen 9-10 9-a a-9 --",
    "naïve café,été.fin “quoted” – dash…", "£30/€25 100% #1 @home a_b ~ ^ ` | {x} [y] (z)", "中文，句号。end.",
    "tab\tnbsp\u00a0thin\u2009ideographic\u3000end ", "?!?! ;:: '' ' \\ /", "1.5e-7 -3 3- 3-. .-",
]
WORDS = SENTENCES + ["The cat sat on the mat", "the CAT\u212a sat \u0130n", "ÉCOLE École", "x"]

out = dict(
    versions={p: importlib.metadata.version(p) for p in ("scikit-learn", "scipy", "sacrebleu", "rouge-score")},
    classification=[
        classification("two classes", *noisy(2, 200, 0.8)), classification("chance", *noisy(2, 60, 0.0)),
        classification("three classes", *noisy(3, 150, 0.6)), classification("one predicted", [0] * 8, [0, 1] * 4),
        classification("one expected", [0, 1, 1, 0, 1], [1] * 5), classification("one on both sides", [0] * 3, [0] * 3),
        classification("all wrong", [1, 0, 1, 0], [0, 1, 0, 1]), classification("all right", [1, 0, 2], [1, 0, 2]),
        classification("a class only predicted", [0, 1, 5, 1], [0, 1, 1, 0]), classification("one pair", [1], [1]),
    ],
    correlation=[
        correlation("scores", x := [draw.uniform(0, 5) for _ in range(120)], [a + draw.gauss(0, 1) for a in x]),
        correlation("ties", [draw.randrange(6) / 2 for _ in range(80)], [float(draw.randrange(4)) for _ in range(80)]),
        correlation("falling", [1.0, 2.0, 3.0, 4.0], [9.0, 7.0, 6.5, -100.0]),
        correlation("constant", [1.0, 2.0, 3.0], [2.5, 2.5, 2.5]), correlation("two", [1.0, 2.0], [5.0, 1.0]),
        correlation("huge", [1e200, 2e200, 4e200, 3e200], [1.0, 2.0, 3.0, 4.0]),
        correlation("far from 0", [1e6 + i for i in range(9)], [float((7 * i) % 9) for i in range(9)]),
    ],
    tokens=[dict(text=s, tokens=Tokenizer13a()(s.rstrip()).split()) for s in SENTENCES],
    bleu=[
        bleu("meals", [h for h, _ in MEALS], [r for _, r in MEALS]),
        bleu("one reference", [h for h, _ in MEALS], [r[:1] for _, r in MEALS]),
        bleu("lower case", [h.upper() for h, _ in MEALS], [r[:1] for _, r in MEALS], True),
        bleu("no pair", ["a c b d e"], [["a b c d e"]]), bleu("nothing right", ["x y z v"], [["a b c d"]]),
        bleu("short", ["a b"], [["a b"]]), bleu("nothing said", ["", ""], [["a b c d"], ["e"]]),
        bleu("some said", ["", "the cat is on the mat ."], [["a b c d"], ["the cat sat on the mat .", "a cat is on it ."]]),
        bleu("repeated", ["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]]),
        bleu("ties of length", ["a b c d e"], [["a b c d e f", "a b c d"]]),
        bleu("all sentences", [s + " x" for s in SENTENCES[::-1]], [[s] for s in SENTENCES]),
    ],
    rouge=[rouge(h, r) for h, r in MEALS] + [rouge(a, [b, c]) for a, b, c in zip(WORDS, WORDS[1:], WORDS[2:])]
    + [rouge(s, [s]) for s in WORDS],
    lower=[dict(text=s, lower=s.lower()) for s in WORDS + ["ÀÉÎÕÜ ŸŽĐ ǄǅǇ ΑΒΓΔΩ ΆΈ ЀЖЯ ԱՖ ẞ Ἀ Ⅷ Ａｚ 𐐀 ꭰ Ꭰ ß"]],
)
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, ensure_ascii=False, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
print(path.name, path.stat().st_size, "bytes", out["versions"])
