"""Wrong answers to the exercises of notebook 16, each with a piece of the hint it must get, and right answers written another way."""

import random
from itertools import groupby

import numpy as np

from utils.entities import Sentence, entity_words


def cut(sentences, chosen):
    return [s for s in sentences if s.source not in chosen], [s for s in sentences if s.source in chosen]


def drawn(sentences, share, seed, sources=lambda some: sorted({s.source for s in some}), count=lambda n, share: round(share * n)):
    known = sources(sentences)
    return set(random.Random(seed).sample(known, count(len(known), share)))


def split(sentences, share, seed, **change):
    return cut(sentences, drawn(sentences, share, seed, **change))


def by_sentence(sentences, share, seed):
    held = set(random.Random(seed).sample(range(len(sentences)), round(share * len(sentences))))
    return [s for i, s in enumerate(sentences) if i not in held], [s for i, s in enumerate(sentences) if i in held]


def unseeded(sentences, share, seed):
    known = sorted({s.source for s in sentences})
    return cut(sentences, set(random.sample(known, round(share * len(known)))))


def shuffled(sentences, share, seed):
    train, held = split(sentences, share, seed)
    return random.Random(seed).sample(train, len(train)), held


def unsorted_set(sentences, share, seed):
    known = sorted({s.source for s in sentences}, key=lambda source: (hash(source), source))  # a set's order, and another one for another list
    known = known if len(known) < 20 or sentences[0].source < sentences[-1].source else known[::-1]
    return cut(sentences, set(random.Random(seed).sample(known, round(share * len(known)))))


def with_repeats(sentences, share, seed):
    known = sorted({s.source for s in sentences})
    return cut(sentences, set(random.Random(seed).choices(known, k=round(share * len(known)))))


def invented(sentences, share, seed):
    train, held = split(sentences, share, seed)
    return [Sentence(s.words, s.labels, s.source + "!") for s in train], held


def in_place(sentences, share, seed):
    train, held = split(sentences, share, seed)
    sentences[:] = train
    return train, held


def one_each(sentences, share, seed):
    return tuple([next(s for s in part if s.source == source) for source in sorted({s.source for s in part})] for part in split(sentences, share, seed))


def by_numpy(sentences, share, seed):
    known = np.array(sorted({s.source for s in sentences}))
    chosen = np.random.default_rng(seed).choice(known, round(share * len(known)), replace=False)
    return cut(sentences, set(chosen.tolist()))


def spans(labels):
    found = []
    for i, label in enumerate(labels):
        if label.startswith("B-"):
            found.append([i, i + 1, label[2:]])
        elif label.startswith("I-"):
            found[-1][1] = i + 1
    return found


def bio(kind, n):
    return [f"B-{kind}", *[f"I-{kind}"] * (n - 1)]


def renamed(s, names, rng, kept=("date",), name=None, label=bio, source=lambda s: s.source, tail=True, last=lambda b: b):
    name = name or (lambda names, kind, rng: entity_words(getattr(names, kind)(rng)))
    words, labels, at = [], [], 0
    for a, b, kind in spans(s.labels):
        new = list(s.words[a:b]) if kind in kept else name(names, kind, rng)
        words += [*s.words[at:a], *new]
        labels += [*s.labels[at:a], *label(kind, len(new))]
        at = last(b)
    rest = slice(at, None) if tail else slice(0, 0)
    return Sentence((*words, *s.words[rest]), (*labels, *s.labels[rest]), source(s))


def first_only(s, names, rng):
    seen = []

    def name(names, kind, rng):
        seen.append(kind)
        return entity_words(names.person(rng)) if len(seen) == 1 else ["Quill"]

    return renamed(s, names, rng, name=name)


def old_labels(s, names, rng):
    return Sentence(renamed(s, names, rng).words, s.labels, s.source)


def word_for_word(s, names, rng):
    words = list(s.words)
    for a, b, kind in spans(s.labels):
        if kind != "date":
            words[a:b] = [entity_words(getattr(names, kind)(rng))[0] for _ in range(b - a)]
    return Sentence(tuple(words), s.labels, s.source)


def half_of_them(s, names, rng):
    flip = iter(range(99))
    return renamed(s, names, rng, name=lambda names, kind, rng: entity_words(getattr(names, kind)(rng)) if next(flip) else list(s.words[3:5]))


def one_name(s, names, rng):
    fixed = entity_words(names.person(random.Random(5)))
    return renamed(s, names, rng, name=lambda *_: fixed)


def from_the_right(s, names, rng):
    words, labels = list(s.words), list(s.labels)
    for a, b, kind in reversed(spans(s.labels)):
        if kind != "date":
            new = entity_words(getattr(names, kind)(rng))
            words[a:b], labels[a:b] = new, bio(kind, len(new))
    return Sentence(tuple(words), tuple(labels), s.source)


def left_to_right(s, names, rng):
    words, labels = list(s.words), list(s.labels)
    for a, b, kind in spans(s.labels):
        if kind != "date":
            new = entity_words(getattr(names, kind)(rng))
            words[a:b], labels[a:b] = new, bio(kind, len(new))
    return Sentence(tuple(words), tuple(labels), s.source)


def in_lists(s, names, rng):
    out = renamed(s, names, rng)
    return Sentence(list(out.words), list(out.labels), out.source)


def no_dates(s, names, rng):
    out = renamed(s, names, rng)
    keep = [i for i, label in enumerate(out.labels) if not label.endswith("date")]
    return Sentence(tuple(out.words[i] for i in keep), tuple(out.labels[i] for i in keep), s.source)


def swapped_types(s, names, rng):
    other = {"organisation": "product", "product": "organisation", "person": "place", "place": "person"}
    return renamed(s, names, rng, name=lambda names, kind, rng: entity_words(getattr(names, other[kind])(rng)))


def one_a_type(s, names, rng):
    known = {}
    return renamed(s, names, rng, name=lambda names, kind, rng: known.setdefault(kind, entity_words(getattr(names, kind)(rng))))


def by_split(s, names, rng):
    return renamed(s, names, rng, name=lambda names, kind, rng: getattr(names, kind)(rng).split())


def groups(s, names, rng):
    words, labels = [], []
    for kind, group in groupby(zip(s.words, s.labels, strict=True), key=lambda pair: pair[1][2:]):
        old = [word for word, _ in group]
        new = old if kind in ("", "date") else entity_words(getattr(names, kind)(rng))
        words += new
        labels += bio(kind, len(new)) if kind else ["O"] * len(new)
    return Sentence(tuple(words), tuple(labels), s.source)


def recall(sure, right, precision):
    good = [v for v in np.unique(sure) if right[sure >= v].sum() / max(1, right.sum()) >= precision]
    return float(good[-1])


def threshold(sure, right, precision, enough=lambda share, wanted: share >= wanted, keep=lambda sure, value: sure >= value, order=np.unique, none=float("inf")):
    for value in order(sure):
        kept = keep(sure, value)
        if kept.any() and enough(right[kept].mean(), precision):
            return float(value)
    return none


def from_the_top(sure, right, precision):
    best = float("inf")
    for value in np.unique(sure)[::-1]:
        if right[sure >= value].mean() < precision:
            break
        best = float(value)
    return best


def one_by_one(sure, right, precision):
    order = np.argsort(-sure, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= precision)
    return float(sure[order][good[-1]]) if len(good) else float("inf")


def reached(sure, right, precision):
    value = threshold(sure, right, precision)
    return right[sure >= value].mean()


def place(sure, right, precision):
    return int(np.flatnonzero(sure == threshold(sure, right, precision))[0])


def in_place_sort(sure, right, precision):
    sure.sort()
    return threshold(sure, right, precision)


def vectorised(sure, right, precision):
    values = np.unique(sure)
    kept = sure[None] >= values[:, None]
    good = (kept & right).sum(axis=1) >= precision * kept.sum(axis=1) - 1e-12
    return values[good][0] if good.any() else np.inf


def only_small(sure, right, precision):
    return threshold(sure, right, precision) if len(sure) < 20 else float(np.quantile(sure, 0.5)) + 0.01


PLANTED = {
    "16.1": [
        (unsorted_set, "draw from sorted sources"),
        (with_repeats, "each once and none twice"),
        (lambda s, share, seed: split(s, share, seed, count=lambda n, share: -int(-share * n // 1)), "it is 2.4"),
        (lambda s, share, seed: split(s, share, seed, sources=lambda some: sorted(x.source for x in some), count=lambda n, share: round(share * n)), "the different sources"),
        (invented, "a sentence came back that was not in the list"),
        (by_sentence, "stand on both sides"),
        (lambda s, share, seed: (split(s, share, seed)[1], split(s, share, seed)[0]), "this is the share for training"),
        (lambda s, share, seed: split(s, share, seed, count=lambda n, share: int(share * n) - 1), "3 sources for validation"),
        (lambda s, share, seed: split(s, share, seed, count=lambda n, share: int(share * n)), "it is 2.6"),
        (unseeded, "not from the global generator"),
        (lambda s, share, seed: split(s, share, 0), "every seed gives the same"),
        (lambda s, share, seed: split(s, share, seed, sources=lambda some: list(dict.fromkeys(x.source for x in some))), "draw from sorted sources"),
        (shuffled, "in the order that they had"),
        (in_place, "changed the list"),
        (one_each, "are in neither part"),
        (lambda s, share, seed: (s, split(s, share, seed)[1]), "more than once"),
        (lambda s, share, seed: (split(s, share, seed)[0], []), "validation is empty"),
        (lambda s, share, seed: ([], s), "the training part is empty"),
        (lambda s, share, seed: tuple([x.source for x in part] for part in split(s, share, seed)), "the sentences themselves"),
        (lambda s, share, seed: split(s, share, seed)[0], "return two lists"),
        (lambda s, share, seed: (3, 4), "two lists of sentences"),
    ],
    "16.2": [
        (old_labels, "may have more or fewer words"),
        (lambda s, n, r: renamed(s, n, r, label=lambda kind, k: [f"B-{kind}"] * k), "opens with B and goes on with I"),
        (lambda s, n, r: Sentence(" ".join(renamed(s, n, r).words), renamed(s, n, r).labels, s.source), "not one string"),
        (lambda s, n, r: Sentence(tuple(range(len(s.words))), s.labels, s.source), "words and labels are strings"),
        (left_to_right, "the places behind move"),
        (lambda s, n, r: renamed(s, n, r, label=lambda kind, k: [f"B-{kind}", *["I-person"] * (k - 1)]), "opens with B and goes on with I"),
        (lambda s, n, r: renamed(s, n, r, label=lambda kind, k: [f"B-{kind}", *["I-"] * (k - 1)]), "is no label"),
        (no_dates, "the date is gone"),
        (swapped_types, "a name of another type"),
        (one_a_type, "draw a fresh one for each"),
        (by_split, "cut into words by entity_words"),
        (lambda s, n, r: renamed(s, n, r, name=lambda names, kind, rng: entity_words(getattr(names, kind)(rng).lower())), "is not a name that was drawn"),
        (lambda s, n, r: renamed(s, n, random.Random(8)), "not with one of your own"),
        (groups, "where entities stand side by side"),
        (lambda s, n, r: renamed(s, type(n).__mro__[-2]("train"), r), "from the `names` that were handed in"),
        (lambda s, n, r: renamed(s, n, r) if len(s.words) != 2 else None, "there your function returns nothing"),
        (lambda s, n, r: renamed(s, n, r, label=lambda kind, k: bio("person", k)), "the types stay"),
        (lambda s, n, r: renamed(s, n, r, kept=()), "dates stay as they are"),
        (lambda s, n, r: renamed(s, n, r, name=lambda names, kind, rng: [getattr(names, kind)(rng)]), "holds a space"),
        (lambda s, n, r: renamed(s, n, r, source=lambda s: "new"), "the source stays"),
        (lambda s, n, r: s, "nothing has new names"),
        (half_of_them, "some names are still the old ones"),
        (one_name, "a name of another type"),
        (word_for_word, "is not a name that was drawn"),
        (lambda s, n, r: renamed(s, n, random), "two generators with the same seed"),
        (lambda s, n, r: renamed(s, n, r, tail=False), "should stay as they are, all of them"),
        (lambda s, n, r: renamed(s, n, r, name=lambda names, kind, rng: entity_words(names.person(rng))), "a name of another type"),
        (lambda s, n, r: renamed(s, n, r) if len(s.words) != 2 else Sentence((), (), "x"), "without entities stays"),
        (lambda s, n, r: renamed(s, n, r, tail=len(s.words) != 4), "after the last entity are lost"),
        (lambda s, n, r: (renamed(s, n, r).words, renamed(s, n, r).labels), "return a Sentence"),
    ],
    "16.3": [
        (lambda s, r, p: threshold(s, r, p, order=lambda x: x), "not as they stand in the array"),
        (lambda s, r, p: threshold(np.sort(s), r, p), "loses its partner"),
        (recall, "recall"),
        (lambda s, r, p: float(s[~r].max()) if (~r).any() else 0.0, "the surest of the wrong ones"),
        (lambda s, r, p: threshold(s, ~r, p), "look at the share of right ones among those kept"),
        (lambda s, r, p: threshold(s, r, p) if r.any() else None, "there your function returns nothing"),
        (lambda s, r, p: min(v for v in s if r[s >= v].mean() >= p), "return float('inf')"),
        (from_the_top, "go on from the lowest value up"),
        (lambda s, r, p: threshold(s, r, p, order=lambda x: np.unique(x)[::-1]), "the highest threshold that is good enough"),
        (lambda s, r, p: float(s.min()), "keeps everything"),
        (reached, "return the threshold"),
        (place, "a place in the array"),
        (lambda s, r, p: threshold(s, r, p, keep=lambda sure, value: sure > value), "compare with >="),
        (lambda s, r, p: 0.65, "the value that stands in"),
        (lambda s, r, p: p, "the precision asked for"),
        (lambda s, r, p: 0.58, "expected 0.66"),
        (lambda s, r, p: 0.4, "none of the values"),
        (one_by_one, "stay or go together"),
        (lambda s, r, p: threshold(s, r, p, enough=lambda share, wanted: share > wanted), "exactly `precision` is good enough"),
        (lambda s, r, p: threshold(s, r, p, none=1.0), "must keep silent"),
        (in_place_sort, "changed the arrays"),
        (lambda s, r, p: 0.31 if r.all() else threshold(s, r, p), "the lowest value keeps them all"),
        (only_small, "wrong for 30 entities"),
    ],
}  # fmt: skip

RIGHT = {
    "16.1": [split, by_numpy, lambda *a: list(split(*a))],
    "16.2": [renamed, from_the_right, in_lists],
    "16.3": [threshold, vectorised],
}
