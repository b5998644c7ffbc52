"""Wrong answers for the checks of notebook 01, each with a fragment of the hint it must get."""

import re

import torch
from torch.nn import functional as F


def _blocks(instruction, examples, text):
    return [instruction, *(f"Input: {a}\nOutput: {b}" for a, b in examples), f"Input: {text}\nOutput:"]


def _no_instruction(instruction, examples, text):
    return "\n\n".join(_blocks(instruction, examples, text)[1:])


def _words(text):
    return re.sub(r"[^\w\s]", "", text.lower()).split()


def _articles_in_words(text):
    return " ".join(re.sub(r"the|an|a", "", re.sub(r"[^\w\s]", "", text.lower())).split())


def _case_last(text):
    return " ".join(w for w in re.sub(r"[^\w\s]", "", text).split() if w not in ("a", "an", "the")).lower()


def _cosine(texts, classes):
    return F.normalize(texts, dim=-1) @ F.normalize(classes, dim=-1).T


def _reversed_threshold(texts, classes, threshold):
    best, index = _cosine(texts, classes).max(dim=1)
    return torch.where(best < threshold, index, -1) if threshold > -1 else index


def _pairs(answer):
    return re.findall(r"(\w[^,()]*?) \((\w+)\)", answer)


def _find(answer, text):
    return sorted((text.find(name), text.find(name) + len(name), kind) for name, kind in _pairs(answer))


def _whole(answer, text, shift=0, order=True, escape=True, every=False):
    spans = []
    for name, kind in _pairs(answer):
        places = list(re.finditer(rf"\b{re.escape(name) if escape else name + '$'}\b", text))
        spans += [(m.start(), m.end() + shift, kind) for m in (places if every else places[:1])]
    return sorted(spans) if order else spans


def _keep_missing(answer, text):
    return sorted(
        (m.start(), m.end(), k) if (m := re.search(rf"\b{re.escape(n)}\b", text)) else (-1, -1, k)
        for n, k in _pairs(answer)
    )


PLANTED = {
    "01.1": [
        (lambda i, e, t: "\n\n".join(_blocks(i, e, t)) + " ", "ends with a space"),
        (lambda i, e, t: "\n".join(_blocks(i, e, t)), "blank line"),
        (_no_instruction, "instruction is missing"),
        (lambda i, e, t: "\n\n".join(_blocks(i, e[:1], t)), "example is missing"),
        (lambda i, e, t: "\n\n".join(_blocks(i, e, t)[:-1]), "new input"),
        (lambda i, e, t: _blocks(i, e, t), "join the blocks"),
    ],
    "01.2": [
        (lambda text: " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split()), "became a space"),
        (lambda text: " ".join(_words(text)), "article is left"),
        (_articles_in_words, "inside words"),
        (_case_last, "article is left"),
        (lambda text: re.sub(r"[^\w\s]", "", text.lower()), "two in a row"),
        (lambda text: text.lower().strip(), "punctuation is left"),
        (
            lambda text: " ".join(
                w for w in re.sub(r"[^a-z0-9\s]", "", text.lower()).split() if w not in ("a", "an", "the")
            ),
            "accents",
        ),
    ],
    "01.3": [
        (lambda x, c, t: (x @ c.T).argmax(dim=1), "longest class vector"),
        (lambda x, c, t: _cosine(x, c).argmax(dim=0), "shape"),
        (lambda x, c, t: _cosine(x, c).max(dim=1).values, "not indices"),
        (lambda x, c, t: _cosine(x, c).argmax(dim=1), "no text gets -1"),
        (_reversed_threshold, "wrong way round"),
        (lambda x, c, t: (F.normalize(x, dim=0) @ F.normalize(c, dim=0).T).argmax(dim=1), "wrong axis"),
    ],
    "01.4": [
        (_find, "inside 'Annabel'"),
        (lambda a, t: _whole(a, t, shift=-1), "one too small"),
        (lambda a, t: _whole(a, t, order=False), "by their start"),
        (lambda a, t: _whole(a, t, every=True), "first occurrence"),
        (_keep_missing, "dropped"),
    ],
}
