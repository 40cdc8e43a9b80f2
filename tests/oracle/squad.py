# SPDX-License-Identifier: MIT
"""Writes squad.json beside this file: SQuAD's exact match, F1 and thresholds on fixed cases.

    python3 squad.py        needs nothing but Python (written with 3.11); the tests need only the JSON

The two evaluation scripts that came with SQuAD v1.1 and v2.0 are not copied here. What they compute is written anew
from its definition: lower case, no ASCII punctuation, no articles as whole words, white space joined; F1 of bags of
words; the maximum over the answers of a question; v2.0's threshold found by walking the questions in the order of
how likely they have no answer.
"""
import collections
import json
import pathlib
import random
import re
import string


def normalized(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(predicted, expected, v2):
    p, e = normalized(predicted).split(), normalized(expected).split()
    if v2 and (not p or not e):
        return int(p == e)
    same = sum((collections.Counter(p) & collections.Counter(e)).values())
    if same == 0:
        return 0
    precision, recall = same / len(p), same / len(e)
    return 2 * precision * recall / (precision + recall)


def raw(question, v2):
    expected = question["expected"]
    if v2:
        expected = [e for e in expected if normalized(e)] or [""]
    predicted = question["predicted"]
    return (max(float(normalized(predicted) == normalized(e)) for e in expected),
            max(float(f1(predicted, e, v2)) for e in expected))


def threshold(questions, scores):
    now = sum(not q["expected"] for q in questions)
    best, at = now, 0.0
    for i in sorted(range(len(questions)), key=lambda i: questions[i]["no_answer"]):
        if questions[i]["expected"]:
            now += scores[i]
        elif questions[i]["predicted"]:
            now -= 1
        if now > best:
            best, at = now, questions[i]["no_answer"]
    return 100.0 * best / len(questions), at


def scored(questions, v2, above):
    both = []
    for q in questions:
        both.append(raw(q, v2))
        if v2 and q["no_answer"] > above:
            both[-1] = (float(not q["expected"]),) * 2
    out = {}
    for name, has in (("", (0, 1)), ("answer_", (1,)), ("no_answer_", (0,))):
        chosen = [s for s, q in zip(both, questions) if bool(q["expected"]) in has]
        out[name + "total"] = len(chosen)
        for i, what in enumerate(("exact", "f1")):
            out[name + what] = 100.0 * sum(s[i] for s in chosen) / len(chosen) if chosen else 0.0
    return out


TEXTS = ["", "The", "a", "An apple", "the the cat", "The  Cat!", "cat", "U.S.", "us", "24–10", "24-10", "a–b", "“The Wall”",
         "l'État", "état", "naïve", "an_the", "the-cat", "50 %", "£50", "₤50 million", "Beyoncé's", "Beyoncés", "ΑΒΓ",
         "\u0130stanbul", "10th and 11th centuries", "in the 10th and 11th centuries", "theatre", "a\u0301", "x a\u00a0b",
         "Å", "Å", "no. 1 (the best)", "A.", "¡A!", "中a文", "a²", "(a)", "tab\tthe\nline"]
draw = random.Random(11)


def questions(n):
    out = []
    for _ in range(n):
        expected = [draw.choice(TEXTS[3:]) for _ in range(draw.randrange(1, 4))] if draw.random() < 0.6 else []
        roll = draw.random()
        predicted = (draw.choice(expected or [""]) if roll < 0.5 else "" if roll < 0.6 else
                     draw.choice(TEXTS) + " " + draw.choice(TEXTS))
        guess = draw.gauss(2 if not expected else -2, 3)
        out.append(dict(expected=expected, predicted=predicted, no_answer=round(guess * 4) / 4))
    return out


def case(name, qs, above):
    v1 = [q for q in qs if q["expected"]]
    e, f = zip(*[raw(q, True) for q in qs])
    (be, te), (bf, tf) = threshold(qs, e), threshold(qs, f)
    return dict(name=name, questions=qs, threshold=above, v2=scored(qs, True, above),
                v1=scored(v1, False, above) if v1 else None,
                best_exact=be, exact_threshold=te, best_f1=bf, f1_threshold=tf)


out = dict(
    normalized=[dict(text=t, normalized=normalized(t)) for t in TEXTS],
    pairs=[dict(predicted=p, expected=e, exact=float(normalized(p) == normalized(e)), v1=float(f1(p, e, False)),
                v2=float(f1(p, e, True)))
           for p in TEXTS for e in TEXTS if draw.random() < 0.15 or p in ("", "The")],
    cases=[case("many", questions(300), 0.5), case("few", questions(7), 1.0), case("none refused", questions(40), 1e9),
           case("all refused", questions(40), -1e9),
           case("equal thresholds", [dict(expected=["x"], predicted="x", no_answer=1.5)] * 20
                + [dict(expected=[], predicted="y", no_answer=1.5)] * 20, 1.0),
           case("only unanswerable", [dict(expected=[], predicted=p, no_answer=0.25) for p in ("", "x")], 1.0),
           case("an article is the answer", [dict(expected=["The"], predicted="", no_answer=0.0)], 1.0)],
)
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")
print(path.name, path.stat().st_size, "bytes")
