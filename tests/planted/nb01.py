"""Answers for the checks of notebook 01: wrong ones, each with a fragment of the hint it must get, and right ones written another way."""

import re
import string

import numpy as np
import torch
from torch.nn import functional as F


def join(instruction, examples, text, gap="\n\n", pair="Input: {}\nOutput: {}", end="Input: {}\nOutput:"):
    return gap.join([instruction, *(pair.format(a, b) for a, b in examples), end.format(text)])


def grown(instruction, examples, text):
    out = instruction + "\n"
    for example in examples:
        out += f"\nInput: {example[0]}\nOutput: {example[1]}\n"
    return np.str_(out + f"\nInput: {text}\nOutput:")


ARTICLES = ("a", "an", "the")


def normalize(text, remove=r"[^\w\s]", by="", articles=ARTICLES, lower=True):
    words = re.sub(remove, by, text.lower() if lower else text).split()
    return " ".join(word for word in words if word not in articles)


def articles_in_words(text):
    return " ".join(re.sub(r"the|an|a", "", re.sub(r"[^\w\s]", "", text.lower())).split())


def articles_first(text):
    words = [word for word in text.lower().split() if word not in ARTICLES]
    return " ".join(re.sub(r"[^\w\s]", "", " ".join(words)).split())


def articles_first_by_pattern(text):
    return " ".join(re.sub(r"[^\w\s]", "", re.sub(r"\b(a|an|the)\b", "", text.lower())).split())


def spaces_only(text):
    words = [word for word in re.sub(r"[^\w\s]", "", text.lower()).split(" ") if word]
    return " ".join(word for word in words if word not in ARTICLES).strip()


def squad(text):
    text = "".join(sign for sign in text.lower() if sign not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def by_letters(text):
    kept = "".join(c for c in text.casefold() if c.isalnum() or c.isspace())
    return " ".join(filter(lambda word: word not in {"a", "an", "the"}, kept.split()))


def cosine(texts, classes):
    return F.normalize(texts, dim=-1) @ F.normalize(classes, dim=-1).T


def rule(texts, classes, threshold, to=-1, fixed=None, of=None, strict=False, flip=False):
    """The right rule with one thing wrong, chosen by the arguments."""
    best, index = cosine(texts, classes).max(dim=1)
    value = best if of is None else of(texts, classes, index)
    threshold = threshold if fixed is None else fixed
    reached = value > threshold if strict else value >= threshold
    return torch.where(reached != (flip and threshold > -1), index, to)


def in_place(texts, classes, threshold):
    texts /= texts.norm(dim=-1, keepdim=True)
    classes /= classes.norm(dim=-1, keepdim=True)
    return rule(texts, classes, threshold)


def classify_by_loops(texts, classes, threshold):
    found = []
    for x in texts.tolist():
        cosines = [
            sum(a * b for a, b in zip(x, c, strict=True)) / (sum(a * a for a in x) * sum(b * b for b in c)) ** 0.5
            for c in classes.tolist()
        ]
        found.append(cosines.index(max(cosines)) if max(cosines) >= threshold else -1)
    return found


def classify_numpy(texts, classes, threshold):
    x, c = texts.double().numpy(), classes.double().numpy()
    found = np.einsum(
        "nd,cd->nc", x / np.linalg.norm(x, axis=1, keepdims=True), c / np.linalg.norm(c, axis=1, keepdims=True)
    )
    return np.where(found.max(axis=1) < threshold, -1, found.argmax(axis=1))


def classify_zero_dim(texts, classes, threshold):
    rows = [F.cosine_similarity(x[None], classes) for x in texts]
    return [row.argmax() if row.max() >= threshold else torch.tensor(-1) for row in rows]


def pairs(said, pattern=r"(\w[^,()]*?) \((\w+)\)"):
    return re.findall(pattern, said)


def find(said, text):
    return sorted((text.find(name), text.find(name) + len(name), kind) for name, kind in pairs(said) if name in text)


def find_all(said, text):
    return sorted((text.find(name), text.find(name) + len(name), kind) for name, kind in pairs(said))


def spans(said, text, pattern=r"\b{}\b", flags=0, keep=slice(0, 1), make=None, order=True, escape=True, parse=None):
    """The right spans with one thing wrong, chosen by the arguments."""
    found = []
    for name, kind in pairs(said, parse) if parse else pairs(said):
        places = list(re.finditer(pattern.format(re.escape(name) if escape else name), text, flags))[keep]
        found += [make(m, name, kind) if make else (m.start(), m.end(), kind) for m in places]
    return sorted(found) if order is True else sorted(found, key=order) if order else found


def keep_missing(said, text, nowhere):
    found = []
    for name, kind in pairs(said):
        match = re.search(rf"\b{re.escape(name)}\b", text)
        found.append((match.start(), match.end(), kind) if match else (nowhere, nowhere, kind))
    return sorted(found, key=lambda span: span[0] or -1)


def missing_inside(said, text):
    """Looks for whole words, and where there is none takes the name inside another."""
    return sorted(s for part in said.split(", ") for s in (spans(part, text) or find(part, text)))


def spans_by_split(said, text):
    found = {}
    for part in said.split(", "):
        if part.endswith(")"):
            name, kind = part[:-1].split(" (")
            for start in range(len(text)):
                before, after = text[:start], text[start + len(name) :]
                whole = not (before[-1:].isalnum() or after[:1].isalnum())
                if text[start:].startswith(name) and whole:
                    found[start] = [np.int64(start), torch.tensor(start + len(name)), kind]
                    break
    return tuple(found[start] for start in sorted(found))


def articles_by_replace(text):
    clean = " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())
    for article in ("a", "an", "the"):
        clean = clean.replace(f" {article} ", " ")
    return clean


def removes_once(text):
    words = re.sub(r"[^\w\s]", "", text.lower()).split()
    for word in words:
        if word in ("a", "an", "the"):
            words.remove(word)
    return " ".join(words)


PLANTED = {
    "01.1": [
        (lambda i, e, t: [i, *e, t], "join the blocks"),
        (lambda i, e, t: join(i, e, ""), "new input"),
        (lambda i, e, t: join(i, e[:1], t), "example is missing"),
        (lambda i, e, t: join(i, [(a, "") for a, _ in e], t), "example is missing"),
        (lambda i, e, t: join("", e, t).strip(), "instruction is missing"),
        (lambda i, e, t: join(i, [(b, a) for a, b in e], t), "are swapped"),
        (lambda i, e, t: join(i, e[::-1], t), "another order"),
        (
            lambda i, e, t: f"{i}\n\nInput: {t}\nOutput:\n\n" + join(i, e, "").split("\n\n", 1)[1],
            "comes after the examples",
        ),
        (lambda i, e, t: join(i, e, t) + " ", "ends with a space"),
        (lambda i, e, t: join(i, e, t) + "\n", "ends with a space"),
        (lambda i, e, t: join(i, e, t, end="Input: {}"), "must end with 'Output:'"),
        (lambda i, e, t: join(i, e, t, gap="\n"), "one blank line"),
        (lambda i, e, t: join(i, e, t, gap="\n\n\n"), "one blank line"),
        (lambda i, e, t: join(i, e, t).replace("\n\n", "\n", 1), "one blank line"),
        (lambda i, e, t: join(i, e, t, pair="Input:{}\nOutput:{}"), "a space after each colon"),
        (lambda i, e, t: join(i, e, t, pair="Input: {}, Output: {}"), "is two lines"),
        (lambda i, e, t: join(i, e, t, end="Input:{}\nOutput:"), "character by character"),
        (lambda i, e, t: join(i, e, t) if e else f"{i}\n\n\n\nInput: {t}\nOutput:", "no examples"),
        (lambda i, e, t: join(i, e[:2], t), "wrong for four"),
        (lambda i, e, t: join(i, dict(e).items(), t), "without a dictionary"),
        (lambda i, e, t: join(i, e, t) if t == "tall" else None, "returns nothing"),
    ],
    "01.2": [
        (articles_by_replace, "no space before it"),
        (lambda text: normalize(text, articles=()), "no article was removed"),
        (removes_once, "list.remove takes out one"),
        (lambda text: " ".join(w for w in re.sub(r"[^\w ]", "", text.lower()).split() if w not in ("a", "an", "the")), "glues words"),
        (lambda text: normalize(text).split(), "expected a string"),
        (lambda text: normalize(text, lower=False), "capital letters"),
        (lambda text: normalize(text, by=" "), "became a space: remove"),
        (lambda text: " ".join(w for w in text.lower().split() if w not in ARTICLES), "punctuation is left"),
        (lambda text: normalize(text, r"[^a-z\s]"), "digits are gone"),
        (lambda text: re.sub(r"[^\w\s]", "", text.lower()), "two in a row"),
        (lambda text: re.sub(r" (a|an|the) ", " ", re.sub(r"[^\w\s]", "", f" {text} ".lower())), "two in a row"),
        (lambda text: normalize(text) + "s" * text.startswith(" "), "should become '1200 euros'"),
        (articles_in_words, "inside words"),
        (lambda text: normalize(text, lower=False).lower(), "lower the case first"),
        (lambda text: normalize(text, articles=("the",)), "all three go"),
        (lambda text: normalize(text, articles=()), "'the' is left"),
        (lambda text: normalize(text, articles=(*ARTICLES, "and")), "should become 'theatre and banana anchor'"),
        (lambda text: normalize(text, r"[.,]"), "not a few signs"),
        (lambda text: normalize(text, r"[^\w\s-]"), "punctuation is left, -"),
        (lambda text: normalize(re.sub(r"[-']", " ", text)), "well-known becomes wellknown"),
        (lambda text: " ".join(dict.fromkeys(normalize(text).replace("in ", "").split())), "expected 'whos in"),
        (articles_first, "before punctuation"),
        (articles_first_by_pattern, "before punctuation"),
        (lambda text: normalize(text).replace("ateam", "a team"), "should become 'ateam end'"),
        (lambda text: normalize(text, r"[^a-z0-9\s]"), "accents"),
        (spaces_only, "line breaks separate words"),
        (lambda text: normalize(text) or "the", "empty string"),
        (lambda text: normalize(text) if "Euros" in text else None, "returns nothing"),
    ],
    "01.3": [
        (lambda x, c, t: torch.where(cosine(x, c).max(1).values.abs() >= t, cosine(x, c).argmax(1), -1), "compare it without abs"),
        (lambda x, c, t: "text", "class indices, one a text"),
        (in_place, "x /= norm does not"),
        (lambda x, c, t: cosine(x, c).argmax(dim=0), "one number for each class"),
        (lambda x, c, t: cosine(x, c).argmax(dim=1, keepdim=True), "shape (9, 1)"),
        (lambda x, c, t: cosine(x, c).max(dim=1).values, "not the cosine"),
        (lambda x, c, t: cosine(x, c).max(dim=1).values >= t, "a truth value"),
        (lambda x, c, t: rule(x, c, t).double(), ".long()"),
        (lambda x, c, t: (x @ c.T).argmax(dim=1), "longest class vector"),
        (lambda x, c, t: (F.normalize(x, dim=-1) @ c.T).argmax(dim=1), "longest class vector"),
        (lambda x, c, t: (F.normalize(x, dim=0) @ F.normalize(c, dim=0).T).argmax(dim=1), "wrong axis"),
        (lambda x, c, t: cosine(x, c).argmin(dim=1), "farthest away"),
        (lambda x, c, t: cosine(x, c).abs().argmax(dim=1), "without abs"),
        (lambda x, c, t: torch.cdist(x, c).argmin(dim=1), "by distance"),
        (lambda x, c, t: torch.where(cosine(x, c).max(1).values < t, rule(x, c, -2), -1), "which every cosine reaches"),
        (lambda x, c, t: (cosine(x, c).argmax(dim=1) + 1) % 4, "nobody misses"),
        (lambda x, c, t: cosine(x, c).argmax(dim=1), "no text gets -1"),
        (lambda x, c, t: rule(x, c, t, to=0), "should get -1"),
        (lambda x, c, t: rule(x, c, t, flip=True), "wrong way round"),
        (lambda x, c, t: rule(x, c, t, fixed=0.2 if t > -1 else t), "fixed at 0.2"),
        (
            lambda x, c, t: rule(x, c, t, of=lambda x, c, i: (x @ c.T).gather(1, i[:, None])[:, 0] + (t < -1) * 99),
            "products, not the cosines",
        ),
        (
            lambda x, c, t: rule(
                x, c, t, of=lambda x, c, i: (x @ F.normalize(c, dim=-1).T).max(1).values + (t < -1) * 99
            ),
            "the texts' vectors",
        ),
        (lambda x, c, t: rule(x, c, t, of=lambda x, c, i: cosine(x, c).softmax(1).max(1).values), "the softmax"),
        (lambda x, c, t: rule(x, c, t, fixed=t if t < -1 else t + 9), "with threshold"),
        (lambda x, c, t: rule(x, c, t, strict=True), ">="),
        (lambda x, c, t: rule(x, c[:3] if len(c) > 4 else c, t), "one size only"),
        (lambda x, c, t: rule(x, c, t) if t < -1 else None, "returns nothing"),
    ],
    "01.4": [
        (lambda a, t: [s for s in spans(a, t) if s[0] > 0], "place 0"),
        (lambda a, t: sorted({s[2]: s for s in reversed(spans(a, t))}.values()), "dictionary by type"),
        (lambda a, t: spans(a, t, r"\b{}\W", make=lambda m, n, k: (m.start(), m.end() - 1, k)), "ends the text"),
        (lambda a, t: spans(a, t, parse=r"([\w.]+(?: [\w.]+)?) \((\w+)\)"), "three words"),
        (lambda a, t: set(spans(a, t)), "a list of (start"),
        (lambda a, t: spans(a, t, parse=r"(\w[\w ]*) \((\w+)\)"), "lost its 'J.'"),
        (lambda a, t: a, "a list of (start, end, type)"),
        (lambda a, t: [s[:2] for s in spans(a, t)], "three parts"),
        (lambda a, t: keep_missing(a, t, -1), "str.find gives -1"),
        (lambda a, t: keep_missing(a, t, None), "re.search None"),
        (find_all, "inside 'JoAnna'"),
        (lambda a, t: spans(a, t, make=lambda m, n, k: (m.start(), m.end(), len(k))), "its type, a string"),
        (lambda a, t: [("x", e, k) for s, e, k in spans(a, t)], "whole number as start and end"),
        (lambda a, t: spans(a, t, r"^{}$"), "the list is empty"),
        (lambda a, t: spans(a, t, make=lambda m, n, k: (m.start(), m.end(), n)), "is the name"),
        (lambda a, t: spans(a, t, make=lambda m, n, k: (m.start(), len(n), k)), "is the length"),
        (lambda a, t: spans(a, t, make=lambda m, n, k: (m.start(), m.end() + 1, k)), "one too large"),
        (lambda a, t: spans(a, t, make=lambda m, n, k: (m.start(), m.end() - 1, k)), "one too small"),
        (lambda a, t: spans(a, t, flags=re.I), "small letters"),
        (find, "inside 'JoAnna'"),
        (lambda a, t: spans(a, t, r"{}\b"), "inside 'JoAnna'"),
        (lambda a, t: spans(a, t, r"\b{}"), "inside 'Annabel'"),
        (lambda a, t: spans(a, t, r"(?<!Jo){}\b"), "inside 'MacLyon'"),
        (lambda a, t: spans(a, t, parse=r"(\w+) \((\w+)\)"), "last word"),
        (lambda a, t: spans(a, t, keep=slice(None)), "found twice"),
        (lambda a, t: spans(a, t, keep=slice(-1, None)), "a later one"),
        (lambda a, t: spans(a, t, order=False), "order of the answer"),
        (lambda a, t: spans(a, t, order=lambda span: span[2]), "sorted by type"),
        (lambda a, t: spans(a, t)[::-1], "or backwards"),
        (lambda a, t: spans(a, t)[:2], "expected [(48, 52"),
        (missing_inside, "must be dropped"),
        (lambda a, t: spans(a, t) or [(0, 0, "none")], "without entities"),
        (lambda a, t: spans(a, t, escape=False), "re.escape"),
        (lambda a, t: spans(a, t) if "Mia" in a else None, "returns nothing"),
    ],
}

RIGHT = {
    "01.1": [
        join,
        grown,
        lambda i, e, t: "".join([i, *(f"\n\nInput: {a}\nOutput: {b}" for a, b in [*e, (t, "")])]).rstrip(),
    ],
    "01.2": [normalize, squad, by_letters],
    "01.3": [
        rule,
        classify_by_loops,
        classify_numpy,
        classify_zero_dim,
        lambda x, c, t: rule(x.double(), c.double(), t).int(),
    ],
    "01.4": [
        spans,
        spans_by_split,
        lambda a, t: [list(span) for span in spans(a, t)],
        lambda a, t: (s for s in spans(a, t)),
    ],
}
