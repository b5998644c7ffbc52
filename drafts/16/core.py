from __future__ import annotations
import re
from collections import Counter, defaultdict
import numpy as np
from utils.entities import TYPES, Sentence, entity_words

Span = tuple[int, int, str]  # first word, one past the last, type


def spans(labels) -> set[Span]:
    """The entities of BIO labels as (first word, one past the last, type). A new B, an O or another type ends an entity; an I without a B begins one."""
    found, start, kind = set(), 0, None
    for i, label in enumerate([*labels, "O"]):
        if kind is not None and (label == "O" or label.startswith("B-") or label[2:] != kind):
            found.add((start, i, kind))
            kind = None
        if label != "O" and kind is None:
            start, kind = i, label[2:]
    return found


def strict_counts(gold: list[set], guessed: list[set]) -> np.ndarray:
    """(sentences, types, 3): right, guessed, true entities."""
    counts = np.zeros((len(gold), len(TYPES), 3), dtype=int)
    for i, (true, guess) in enumerate(zip(gold, guessed, strict=True)):
        for j, kind in enumerate(TYPES):
            a, b = {s for s in true if s[2] == kind}, {s for s in guess if s[2] == kind}
            counts[i, j] = len(a & b), len(b), len(a)
    return counts


def f1(counts) -> float:
    right, guessed, true = counts
    return 2 * right / (guessed + true) if guessed + true else 1.0


def interval(counts, groups, n=1000, seed=0):
    """95 % interval of micro F1, drawing whole templates (groups) with replacement."""
    names = sorted(set(groups)); idx = {g: k for k, g in enumerate(names)}
    per = np.zeros((len(names), 3)); 
    for c, g in zip(counts.sum(axis=1), groups): per[idx[g]] += c
    rng = np.random.default_rng(seed); draws = [f1(per[rng.integers(len(names), size=len(names))].sum(axis=0)) for _ in range(n)]
    return np.quantile(draws, [.025, .975])


def lookup_baseline(train: list[Sentence]):
    table = defaultdict(Counter)
    for s in train:
        for a, b, t in spans(s.labels): table[s.words[a:b]][t] += 1
    longest = max(map(len, table))
    def tag(words):
        out, i = set(), 0
        while i < len(words):
            for n in range(min(longest, len(words) - i), 0, -1):
                if words[i:i + n] in table:
                    out.add((i, i + n, table[words[i:i + n]].most_common(1)[0][0])); i += n - 1; break
            i += 1
        return out
    return tag

DATE = re.compile(r"^(January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|1\d{3}s?|20\d\ds?)$")
def capital_rule(train):
    """Runs of capitalised words not at the sentence's start (or not seen in lower case), numbers inside; typed by last word's most frequent type in training, else by the word before."""
    lower = Counter(w.lower() for s in train for w, l in zip(s.words, s.labels) if l == "O")
    last, before, prior = defaultdict(Counter), defaultdict(Counter), Counter()
    for s in train:
        for a, b, t in spans(s.labels):
            last[s.words[b - 1]][t] += 1; before[s.words[a - 1].lower() if a else "<s>"][t] += 1; prior[t] += 1
    def tag(words):
        out, i = set(), 0
        while i < len(words):
            w = words[i]
            if DATE.match(w) or (w.isdigit() and int(w) < 32 and i + 1 < len(words) and DATE.match(words[i + 1])):
                j = i + 1
                while j < len(words) and (DATE.match(words[j]) or words[j].isdigit()): j += 1
                out.add((i, j, "date")); i = j; continue
            if w[0].isupper() and w != "I" and (i > 0 or lower[w.lower()] == 0) and lower[w.lower()] < 3:
                j = i + 1
                while j < len(words) and (words[j][0].isupper() or words[j][0].isdigit() or words[j] in ("&", "of") and j + 1 < len(words) and words[j + 1][0].isupper()): j += 1
                t = (last[words[j - 1]] or before[words[i - 1].lower() if i else "<s>"] or prior).most_common(1)[0][0]
                out.add((i, j, t)); i = j; continue
            i += 1
        return out
    return tag
