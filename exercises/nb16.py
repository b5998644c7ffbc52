"""Checks and quiz of notebook 16, named entities with a T5."""

import random
from collections import Counter

import numpy as np

from lessons.entities import spans
from utils.checks import Hint, NotAttempted, Question, call, cast, describe, expect
from utils.entities import TYPES, Names, Sentence, entity_words


def _same_kind(answer, *args, hint):
    """``call``, for a second case that the reader may have forgotten: nothing returned or an exception there becomes ``hint``."""
    try:
        return call(answer, *args)
    except NotAttempted:
        raise Hint(f"{hint}; there your function returns nothing") from None
    except Hint as error:
        raise Hint(f"{hint}; there {error}") from None


def _pair(out):
    expect(isinstance(out, (tuple, list)) and len(out) == 2, "return two lists: (training, validation)")
    parts = [cast(part, list, "two lists of sentences: (training, validation)") for part in out]
    expect(
        all(isinstance(s, Sentence) for part in parts for s in part),
        "each part holds the sentences themselves, as they were",
    )
    return parts


def check_1(answer):
    """(training, validation), two lists of sentences"""
    sizes = (3, 1, 4, 1, 5, 2, 6, 1, 3, 2)
    order = [(k, n) for n in range(6) for k, size in enumerate(sizes) if n < size]
    sentences = [Sentence((f"word{k}", f"filling{n}"), ("O", "O"), f"template {k}") for k, n in order]
    given = list(sentences)
    train, held = _pair(call(answer, given, 0.3, 0, keep=True))
    expect(given == sentences, "your function changed the list that it was given")
    expect(held, "validation is empty")
    expect(train, "the training part is empty")
    known, total = set(sentences), Counter(train + held)
    expect(
        not set(total) - known,
        "a sentence came back that was not in the list: each part holds the sentences themselves, as they were",
    )
    expect(max(total.values()) == 1, "a sentence stands in the result more than once")
    expect(len(total) == len(sentences), f"{len(sentences) - len(total)} sentences are in neither part")
    here, there = ({s.source for s in part} for part in (train, held))
    shared = here & there
    expect(
        not shared,
        f"{len(shared)} of {len(sizes)} templates stand on both sides: all sentences of one source go together",
    )

    def sources(share, seed, some=sentences):
        out = _same_kind(answer, list(some), share, seed, hint=f"with share {share} and seed {seed}")
        return {s.source for s in _pair(out)[1]}

    counts = [len(sources(0.3, seed)) for seed in range(6)]
    expect(set(counts) != {7}, "this is the share for training: validation holds `share` of the sources")
    expect(
        len(set(counts)) == 1,
        f"the number of sources in validation changes with the seed ({counts}): draw from the different sources, each once and none twice",
    )
    expect(
        counts[0] == 3,
        f"share 0.3 of {len(sizes)} sources is 3 sources for validation, whatever their sizes; you have {counts[0]}",
    )
    for part in (train, held):
        places = [sentences.index(s) for s in part]
        expect(places == sorted(places), "the sentences should stay in the order that they had")
    expect(
        all(sources(0.3, 0) == there for _ in range(3)),
        "the same seed must give the same split: draw with random.Random(seed), not from the global generator",
    )
    expect(
        any(sources(0.3, seed) != there for seed in range(1, 9)),
        "every seed gives the same sources: draw them with the seed",
    )
    many = [Sentence((f"word{k}",), ("O",), f"source number {k}") for k in range(60)]
    chosen = sources(0.3, 4, many)
    for turn in range(4):
        other = random.Random(turn).sample(many, len(many))
        expect(
            sources(0.3, 4, other) == chosen,
            "the same sentences in another order give another split: draw from sorted sources (the order of a set changes from run to run)",
        )
    for share, right in ((0.26, 3), (0.24, 2)):
        found = len(sources(share, 1))
        expect(
            found == right,
            f"share {share} of {len(sizes)} sources, rounded, is {right} (it is {10 * share:.1f}); you have {found}",
        )


class _Drawn(Names):
    """Hands out made-up names, each once, and remembers them by type."""

    LISTS = {
        "person": ("Pia K. Pell", "Pol", "Pat Prim", "Peg P. Pond", "Pim Park", "Pen"),
        "organisation": ("Oak & Ohm", "Oslo Oil Office", "Orb"),
        "place": ("Lake Lund", "Lom", "Lower Lake Lin"),
        "product": ("Quo 9", "Qix", "Quark Pro 7"),
    }

    def __init__(self):
        super().__init__("train")
        self.given = {kind: [] for kind in self.LISTS}

    def _next(self, kind):
        some = self.LISTS[kind]
        self.given[kind].append(some[len(self.given[kind]) % len(some)])
        return self.given[kind][-1]

    def person(self, rng):
        return self._next("person")

    def organisation(self, rng):
        return self._next("organisation")

    def place(self, rng):
        return self._next("place")

    def product(self, rng):
        return self._next("product")


def _sentence(out):
    expect(isinstance(out, Sentence), f"return a Sentence(words, labels, source), not {describe(out)}")
    expect(
        not isinstance(out.words, str) and not isinstance(out.labels, str),
        "words and labels are tuples of strings, not one string",
    )
    try:
        words, labels = tuple(map(str, out.words)), tuple(map(str, out.labels))
    except TypeError:
        raise Hint("words and labels are tuples of strings") from None
    expect(all(isinstance(w, str) for w in (*out.words, *out.labels)), "words and labels are strings")
    return Sentence(words, labels, out.source)


def _renamed(answer, s, kinds):
    """One call with names that are known, and everything that can be wrong with what comes back."""
    names = _Drawn()
    out = _sentence(call(answer, s, names, random.Random(0)))
    expect(
        len(out.words) == len(out.labels),
        f"{len(out.words)} words and {len(out.labels)} labels: a name may have more or fewer words than the old one, and is drawn once",
    )
    expect(
        not any(" " in w for w in out.words),
        "a word of the result holds a space: cut each name into words with entity_words",
    )
    bare = [label for label in out.labels if label != "O" and label[2:] not in TYPES]
    expect(not bare, f"{bare[:1]} is no label: B- or I- and the type")
    old, new = sorted(spans(s.labels)), sorted(spans(out.labels))
    text = [" ".join(out.words[a:b]) for a, b, _ in new]
    was = [" ".join(s.words[a:b]) for a, b, _ in old]
    if len(new) != len(old):
        gone = "date" in kinds and not any(kind == "date" for *_, kind in new)
        expect(not gone, "the date is gone: dates stay as they are, with their labels")
        raise Hint(
            f"{len(new)} entities instead of {len(old)}: each old one becomes one new one, which opens with B and goes on with I "
            "(if you replace from left to right, the places behind move)"
        )
    expect(
        [kind for *_, kind in new] == kinds, "the entities' types are not the old ones in the old order: the types stay"
    )
    dates = [(t, before) for t, before, kind in zip(text, was, kinds, strict=True) if kind == "date"]
    expect(all(t == before for t, before in dates), "dates stay as they are")
    outside = [w for w, label in zip(out.words, out.labels, strict=True) if label == "O"]
    expect(
        outside == [w for w, label in zip(s.words, s.labels, strict=True) if label == "O"],
        "the words outside the entities should stay as they are, all of them",
    )
    changed = [(t, before, kind) for t, before, kind in zip(text, was, kinds, strict=True) if kind != "date"]
    expect(not all(t == before for t, before, _ in changed), "nothing has new names")
    expect(
        not any(t == before for t, before, _ in changed),
        "some names are still the old ones: replace every entity but the dates",
    )
    if any(names.given.values()):
        every = {kind: [" ".join(entity_words(name)) for name in given] for kind, given in names.given.items()}
        for t, _, kind in changed:
            others = [k for k, given in every.items() if k != kind and t in given]
            expect(not others, f"a name of another type was put in: a {kind} got the name of a {(others or ['?'])[0]}")
            expect(
                t in every[kind],
                f"{t!r} is not a name that was drawn: put it in whole, as getattr(names, kind)(rng) gives it, cut into words by entity_words",
            )
        expect(
            max(Counter(t for t, *_ in changed).values()) == 1,
            "two entities got one and the same name: draw a fresh one for each",
        )
    else:
        raise Hint("no name was drawn from the `names` that were handed in: getattr(names, kind)(rng)")
    expect(out.source == s.source, "the source stays: a renamed sentence belongs to the template of the old one")


def check_2(answer):
    """a Sentence with new names"""
    words = "On 3 March Ada Quill sold Doros Mills ' Belix 500 to Ida in Port Calton and Quill .".split()
    labels = "O B-date I-date B-person I-person O B-organisation I-organisation O B-product I-product O B-person O B-place I-place O B-person O".split()
    s = Sentence(tuple(words), tuple(labels), "by hand")
    _renamed(answer, s, ["date", "person", "organisation", "product", "person", "place", "person"])
    real = [_sentence(call(answer, s, Names("train"), random.Random(seed))) for seed in (*range(8), 3)]
    expect(
        real[3].words == real[8].words,
        "two generators with the same seed give different names: draw with the rng that is handed in",
    )
    expect(
        len({out.words for out in real}) > 6,
        "every seed gives the same names: draw with the rng that is handed in, not with one of your own",
    )
    side_by_side = Sentence(("Ada", "Quill", "Belix"), ("B-person", "B-person", "B-product"), "x")
    try:
        _renamed(answer, side_by_side, ["person", "person", "product"])
    except (Hint, NotAttempted) as error:
        raise Hint(
            f"where entities stand side by side, and at both ends of the sentence, it goes wrong: {error or 'nothing is returned'}"
        ) from None
    last = Sentence(("See", "Calton", "now", "."), ("O", "B-place", "O", "O"), "x")
    out = _sentence(_same_kind(answer, last, Names("train"), random.Random(0), hint="a sentence with one entity"))
    expect(out.words[-2:] == ("now", "."), "the words after the last entity are lost")
    none = Sentence(("Nobody", "came"), ("O", "O"), "x")
    out = _sentence(
        _same_kind(answer, none, Names("train"), random.Random(0), hint="a sentence without entities stays as it is")
    )
    expect(out == none, "a sentence without entities stays as it is")


def _threshold(sure, right, precision, enough=lambda share, wanted: share >= wanted):
    for value in np.unique(sure):
        if enough(right[sure >= value].mean(), precision):
            return float(value)
    return float("inf")


def check_3(answer):
    """one number, the threshold"""
    gives = "one number, the threshold"
    sure = np.array([0.88, 0.73, 0.21, 0.52, 0.77, 0.22, 0.29, 0.32, 0.58, 0.63, 0.97, 0.94, 0.66])
    right = np.array([0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1], dtype=bool)  # from 0.66 on 5 of 6 are right
    kept = sure.copy(), right.copy()
    out = call(answer, sure, right, 0.75, kind=float, gives=gives, keep=True)
    expect(
        np.array_equal(sure, kept[0]) and np.array_equal(right, kept[1]),
        "your function changed the arrays that it was given",
    )
    near = lambda value: abs(out - value) < 1e-6  # noqa: E731
    wanted, values = _threshold(sure, right, 0.75), np.unique(sure)
    shares = np.array([right[sure >= value].mean() for value in values])
    lower = values[values < wanted]
    broken = values[::-1][: int(np.argmin(shares[::-1] >= 0.75))]
    recall = np.array([right[sure >= value].sum() / right.sum() for value in values])
    order = np.sort(sure)
    mismatched = next((float(v) for v in order if right[order >= v].mean() >= 0.75), float("inf"))
    by_place = next(float(v) for v in sure if right[sure >= v].mean() >= 0.75)
    expect(
        not near(broken[-1]),
        "precision rises and falls on the way: a threshold lower down is good enough again; go on from the lowest value up, not from the highest down",
    )
    expect(not near(values[-1]), "this is the highest threshold that is good enough: the lowest keeps more entities")
    expect(
        not near(values[0]),
        "this threshold keeps everything: is the share taken over those at least that sure, and of the right ones?",
    )
    expect(not near(shares[values.tolist().index(wanted)]), "this is the precision reached; return the threshold")
    expect(
        not near(np.flatnonzero(sure == wanted)[0]) and not near(values.tolist().index(wanted)),
        "this is a place in the array; return the value that stands there",
    )
    expect(not near(lower[-1]), "entities exactly as sure as the threshold are kept: compare with >=, not with >")
    expect(
        not lower[-1] < out < wanted,
        f"this keeps the same entities as {wanted}; return the value that stands in `sure`",
    )
    expect(not near(0.75), "this is the precision asked for; the threshold is one of the values of `sure`")
    expect(
        not near(sure[~right].max()),
        "this is the surest of the wrong ones; what counts is the share of right ones among all that are kept",
    )
    expect(
        not near(values[recall >= 0.75][-1]),
        "this looks at the share of the right ones that are kept (recall); precision is the share of the kept ones that are right",
    )
    expect(not near(mismatched), "sure and right belong together: sorting one of them loses its partner")
    expect(not near(by_place), "go through the values from the lowest to the highest, not as they stand in the array")
    expect(
        not (np.isinf(out) or np.isnan(out)),
        "a threshold is good enough here: look at the share of right ones among those kept, right[sure >= threshold].mean()",
    )
    expect(np.isclose(values, out).any(), f"expected {wanted}, got {out:.3f}, which is none of the values in `sure`")
    expect(
        near(wanted),
        f"expected {wanted}: of the {int((sure >= wanted).sum())} at least that sure {int(right[sure >= wanted].sum())} are right; got {out:.3f}",
    )
    exact = call(answer, np.array([0.1, 0.6, 0.7]), np.array([False, True, False]), 0.5, kind=float, gives=gives)
    expect(abs(exact - 0.6) < 1e-6, "a share of exactly `precision` is good enough")
    tied = call(
        answer, np.array([0.4, 0.8, 0.8, 0.9]), np.array([False, True, False, True]), 1.0, kind=float, gives=gives
    )
    expect(
        abs(tied - 0.9) < 1e-6,
        f"two entities are equally sure (0.8), one of them wrong; they stay or go together. Expected 0.9, got {tied:.3f}",
    )
    never = cast(
        _same_kind(
            answer,
            np.array([0.3, 0.6]),
            np.array([False, False]),
            0.9,
            hint="where no threshold is good enough the tagger must keep silent: return float('inf')",
        ),
        float,
        gives,
    )
    expect(
        never == float("inf"),
        f"where no threshold is good enough the tagger must keep silent: return float('inf'), not {never}",
    )
    everything = call(answer, np.array([0.3, 0.6]), np.array([True, True]), 0.9, kind=float, gives=gives)
    expect(abs(everything - 0.3) < 1e-6, "where all are right, the lowest value keeps them all")
    rng = np.random.default_rng(16)
    for _ in range(30):
        sure = rng.integers(0, 12, 30) / 12
        right = rng.random(30) < 0.3 + 0.6 * sure
        found, wanted = call(answer, sure, right, 0.75, kind=float, gives=gives), _threshold(sure, right, 0.75)
        if found != wanted and not abs(found - wanted) < 1e-6:
            raise Hint(
                f"right on the small examples, wrong for 30 entities with many equally sure: {found:.3f} instead of {wanted:.3f}"
            )


QUIZ = [
    Question(
        "Why does the small T5 do better with a label for each sentinel than by writing the names?",
        right="Nothing has to be copied: it writes sentinels and eleven labels",
        why="More than a third of the entities that it named in words stood nowhere in their sentence. That is a part of the difference; the rest is not explained.",
        wrong={
            "The answers are shorter, and short answers are easier to learn": "They are far longer than the names alone: two tokens for each word.",
            "The decoder sees the labels of the words to come": "It writes from left to right, like any decoder; the encoder sees the whole sentence.",
        },
    ),
    Question(
        'A tagger marks "Torford" where the truth is "Torford Industries". How does strict F1 count this?',
        right="As one entity missed and one found that is not there",
        why="Words and type must agree in full; both sides of F1 lose.",
        wrong={
            "As half an entity": "That is a partial measure; there are several, and they do not agree.",
            "As a miss alone": "What it did mark is no entity either, and lowers precision.",
        },
    ),
    Question(
        "AutoTrain ends with status 0. What do you know?",
        right="Nothing yet: look for the weights, and at the log",
        why="It ends so after an error as well; a script that trusts the status goes on without a model.",
        wrong={
            "That the training went well": "It writes its errors to the log and ends as if all were well.",
            "That its columns were found in the data": "The planted run lacked its column, and ended with 0 as well.",
        },
    ),
    Question(
        "100 templates, each filled fifty times with fresh names, are shuffled and split by sentence. F1 on the test is 0.95. What does it say?",
        right="How well names are found in wording that was learned",
        why="Each template has sentences on both sides. New wording needs templates of its own in the test.",
        wrong={
            "How well the tagger will do on new text": "New text has new wording; here none of it is new.",
            "Nothing at all, since the names are made up": "Made-up names test exactly whether names need to be known.",
        },
    ),
    Question(
        "What does our constrained decoding guarantee?",
        right="The form of the answer: behind each sentinel one label",
        why="The form is fixed by hand; which of the eleven labels is chosen remains the model's guess, and may be wrong.",
        wrong={
            "That the labels are right, provided that the model has been trained": "It only forbids what is no label.",
            "That an I never follows an O": "Only if that is forbidden, too. Ours allows it, and reads it as a beginning.",
        },
    ),
]
