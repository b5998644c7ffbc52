"""The course's data on named entities (data/ner): templates filled with made-up names, and sentences annotated by hand.

Training, validation and test share neither templates nor names: each part has syllables, first names, tails ("Industries") and years of its own.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from functools import lru_cache

from utils import ROOT
from utils.data import DataError

FOLDER = ROOT / "data" / "ner"
TYPES = ("person", "organisation", "place", "date", "product")
PARTS = ("train", "validation", "test")
# abbreviations with full stops, numbers, words with 's or hyphens, single marks
WORD = re.compile(r"[A-Z](?:\.[A-Z])+\.?|\d+(?:[.,:]\d+)+|\w+(?:['’-]\w+)*|[^\w\s]")
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
# years and days of the month belong to one part each
YEARS = {
    "train": (*range(1500, 1800), *range(1900, 2030)),
    "validation": range(1400, 1500),
    "test": (*range(1800, 1900),),
}
DAY_REMAINDERS = {"train": (0, 2, 3), "validation": (4,), "test": (1,)}  # of the day of the month divided by 5
ONSETS = "b c d f g h j k l m n p r s t v w y z bl br ch cl cr dr fl fr gl gr kn kr kl pl pr qu sc sh sl sm sn sp st str sw th tr tw vl wh zh".split()
VOWELS = "a a a e e e i i o o o u u y ai au ay ea ee ei eu ia ie io oa oe oo ou ue".split()
CODAS = [
    *[""] * 12,
    *"b ck d ff g k l ll lm ls m mp n n nd ng nk ns nt p r r rd rk rl rm rn rt s s ss st t tch th tz v x z".split(),
]
SHARE_OPEN = 0.7  # of the made-up words of training, from the letters above instead of the part's own syllables
SHARE_KNOWN = {
    "place": 0.35,
    "organisation": 0.2,
    "product": 0.2,
}  # of training names that exist: Paris, Red Cross, Walkman


@dataclass(frozen=True)
class Sentence:
    """Words and their labels (BIO: "O", "B-person", "I-person", ...), both of one length; ``source`` names the template or where it comes from."""

    words: tuple[str, ...]
    labels: tuple[str, ...]
    source: str

    def in_small_letters(self) -> Sentence:
        """The same sentence without capitals."""
        return Sentence(tuple(word.lower() for word in self.words), self.labels, self.source)


def entity_words(text: str) -> list[str]:
    """The words of a text as the annotation counts them: "Arthur's" and "over-earnest" are one word, a mark is one of its own."""
    return WORD.findall(text)


@lru_cache
def _read(name: str):
    path = FOLDER / name
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    except (OSError, ValueError) as error:
        state = "cannot be read" if path.exists() else "is missing"
        raise DataError(
            f"data/ner/{name} {state} ({type(error).__name__}); get it back with: git checkout data/ner"
        ) from error


def _known(part: str) -> str:
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r}; choose one of {', '.join(PARTS)}")
    return part


@lru_cache
def held_out_words() -> frozenset[str]:
    """Every word of the lists of validation and test: first names, heads, tails."""
    names = _read("names.json")
    lists = (words for part in ("validation", "test") for key, words in names[part].items() if key != "syllables")
    return frozenset(word for words in lists for name in words for word in name.split())


@lru_cache
def common_words() -> tuple[str, ...]:
    """The words in small letters of the training templates, three letters or more, each once."""
    found = {word for text in templates("train") for word in re.findall(r"(?<![\w{])[a-z]{3,}(?![\w}])", text)}
    return tuple(sorted(found))


@lru_cache
def held_out_stems() -> frozenset[str]:
    """Every word that the syllables of validation and test can make."""
    found = set()
    for part in ("validation", "test"):
        syllables = _read("names.json")[part]["syllables"]
        for last in ("ending", "brand_ending", "first_ending"):
            for middle in ("", *syllables["middle"]):
                found |= {onset + middle + end for onset in syllables["onset"] for end in syllables[last]}
    return frozenset(found)


def templates(part: str) -> list[str]:
    """The templates of "train", "validation" or "test": sentences with slots such as {person} or {place2}. Raises ValueError, DataError."""
    return [row["text"] for row in _read("templates.jsonl") if row["part"] == _known(part)]


class Names:
    """Draws names of one part; ``person(rng)`` and so on each give a string."""

    def __init__(self, part: str):
        self.part, self.lists = _known(part), _read("names.json")[part]
        self.syllables, self.years = self.lists["syllables"], YEARS[part]
        self.days = [day for day in range(1, 32) if day % 5 in DAY_REMAINDERS[part]]

    def open_stem(self, rng: random.Random) -> str:
        """A made-up word: any letters (Shreund, Vaiko) or pieces of two words (Marder); none that validation or test could make."""
        while True:
            if rng.random() < 0.4:
                n = rng.choice((1, 2, 2, 2, 3))
                word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(n))
                if rng.random() < 0.15:
                    word = word.lstrip("bcdfghjklmnpqrstvwxz")
            else:
                first, last = rng.choice(common_words()), rng.choice(common_words())
                word = first[: rng.randint(2, 5)] + last[-rng.randint(2, 5) :]
            word = word.capitalize()
            if 2 < len(word) < 13 and word not in held_out_stems():
                return word

    def tail(self, kind: str, rng: random.Random) -> str:
        """The last word of a name: one of the part's list, in training as often any word."""
        if self.part == "train" and rng.random() < 0.5:
            word = rng.choice(common_words()).capitalize()
            if word not in held_out_words():
                return word
        return rng.choice(self.lists[kind])

    def stem(self, rng: random.Random, ending: str = "ending") -> str:
        """A made-up word: Calton, Hutairin; in training most often an open one."""
        if self.part == "train" and rng.random() < SHARE_OPEN:
            return self.open_stem(rng)
        middle = rng.choice(self.syllables["middle"]) if rng.random() < 0.35 else ""
        return rng.choice(self.syllables["onset"]) + middle + rng.choice(self.syllables[ending])

    def first_name(self, rng: random.Random) -> str:
        """A real first name three times in four (in training three in five), else a made-up one."""
        if rng.random() < (0.6 if self.part == "train" else 0.75):
            return rng.choice(self.lists["first_names"])
        if self.part == "train" and rng.random() < SHARE_OPEN:
            return self.open_stem(rng)
        return rng.choice(self.syllables["onset"]) + rng.choice(self.syllables["first_ending"])

    def person(self, rng: random.Random) -> str:
        """Both names (55 %), the family name alone (22 %), the first name alone."""
        chance = rng.random()
        if chance < 0.55:
            initial = f" {rng.choice('ABCDEFGHJKLMNPRSTW')}." if rng.random() < 0.05 else ""
            return f"{self.first_name(rng)}{initial} {self.stem(rng)}"
        return self.stem(rng) if chance < 0.77 else self.first_name(rng)

    def known(self, kind: str, rng: random.Random) -> str | None:
        """An existing name, now and then, in training alone."""
        if self.part == "train" and rng.random() < SHARE_KNOWN[kind]:
            return rng.choice(self.lists[f"known_{kind}s"])
        return None

    def place(self, rng: random.Random) -> str:
        """Bare (70 % of the made-up ones), with a tail (Calton Street) or a head (Port Calton)."""
        name, chance = self.stem(rng), rng.random()
        if known := self.known("place", rng):
            return known
        if chance < 0.70:
            return name
        if chance < 0.85:
            return f"{name} {self.tail('place_tails', rng)}"
        return f"{self.tail('place_heads', rng)} {name}"

    def organisation(self, rng: random.Random) -> str:
        """Bare (22 % of the made-up ones), with a tail (40 %), capitals (18 %), a head (12 %), two names (8 %)."""
        name, chance = self.stem(rng, rng.choice(("ending", "brand_ending"))), rng.random()
        if known := self.known("organisation", rng):
            return known
        if chance < 0.22:
            return name
        if chance < 0.62:
            return f"{name} {self.tail('organisation_tails', rng)}"
        if chance < 0.80:
            return "".join(rng.choice("ABCDEFGHIKLMNPRSTUW") for _ in range(rng.randint(3, 4)))
        if chance < 0.88:
            return f"{name} & {self.stem(rng)}"
        head = rng.choice(self.lists["organisation_heads"])
        if self.part == "train" and rng.random() < 0.5:
            head = f"{self.tail('organisation_tails', rng)} of"
        return f"{head} {rng.choice(self.lists['ministries']) if head == 'Ministry of' else name}"

    def product(self, rng: random.Random) -> str:
        """Bare (45 % of the made-up ones) or with a tail (Doros Pro)."""
        name, chance = self.stem(rng, "brand_ending" if rng.random() < 0.7 else "ending"), rng.random()
        if known := self.known("product", rng):
            return known
        return name if chance < 0.45 else f"{name} {self.tail('product_tails', rng)}"

    def date(self, rng: random.Random) -> str:
        """3 March 1907, March 1907, 1907, Monday, 3 March, March 3, 1907, 1900s, March, or a named day or century."""
        year = rng.choice(self.years)
        day = rng.choice(self.days)
        month = rng.choice(MONTHS)
        forms = {
            f"{day} {month} {year}": 22,
            f"{month} {year}": 16,
            f"{year}": 20,
            rng.choice(WEEKDAYS): 14,
            f"{day} {month}": 14,
            f"{month} {day}, {year}": 4,
            f"{year // 10 * 10}s": 3,
            month: 3,
            rng.choice(self.lists["named_days"]): 4,
        }
        return rng.choices(list(forms), list(forms.values()))[0]


def fill(template: str, names: Names, rng: random.Random) -> Sentence:
    """A template with a fresh name in each slot. What follows a slot without a space ('s, -born) joins the name's last word; "a" becomes "an"."""
    words, labels, used = [], [], set()
    for piece in re.split(r"(\{\w+\})", template):
        if slot := re.fullmatch(r"\{([a-z]+)\d?\}", piece):
            kind = slot[1]
            name = getattr(names, kind)(rng)
            while name in used:
                name = getattr(names, kind)(rng)
            used.add(name)
            inside = entity_words(name)
            if words and words[-1] in ("a", "an") and labels[-1] == "O":
                words[-1] = "an" if name[0] in "AEIO" else "a"
            words += inside
            labels += [f"B-{kind}"] + [f"I-{kind}"] * (len(inside) - 1)
            continue
        joined = re.match(r"['’]s?\b|['’]|-\w+(?:-\w+)*", piece)
        if joined and labels and labels[-1] != "O" and joined[0]:
            words[-1] += joined[0]
            piece = piece[joined.end() :]
        outside = entity_words(piece)
        words += outside
        labels += ["O"] * len(outside)
    return Sentence(tuple(words), tuple(labels), template)


def make_sentences(wording: str, names: str, n_each: int = 1, seed: int = 0) -> list[Sentence]:
    """Each template of the part ``wording`` filled ``n_each`` times with names of the part ``names``; template by template. Raises ValueError."""
    if n_each < 1:
        raise ValueError(f"n_each must be at least 1, got {n_each}")
    rng, source = random.Random(seed), Names(names)
    return [fill(template, source, rng) for template in templates(wording) for _ in range(n_each)]


def _bio(n: int, entities: list) -> tuple[str, ...]:
    """Labels of ``n`` words from (first word, last word, type)."""
    labels = ["O"] * n
    for first, last, kind in entities:
        labels[first : last + 1] = [f"B-{kind}"] + [f"I-{kind}"] * (last - first)
    return tuple(labels)


def annotated_sentences(which: str = "first_pass") -> list[Sentence]:
    """130 real and hand-written sentences annotated by hand, by ``which`` of two passes ("first_pass", "second_pass"). Raises ValueError."""
    if which not in ("first_pass", "second_pass"):
        raise ValueError(f"which must be 'first_pass' or 'second_pass', not {which!r}")
    rows = _read("sentences.jsonl")
    return [Sentence(tuple(row["words"]), _bio(len(row["words"]), row[which]), row["source"]) for row in rows]


def blind_reading(part: str) -> list[tuple[Sentence, Sentence]]:
    """(true, as read) for the templates of "validation" or "test", filled once: what a careful reader marked without seeing templates or labels."""
    if _known(part) == "train":
        raise ValueError("only validation and test sentences were read")
    true = make_sentences(part, part, 1, seed=2026)
    rows = [row for row in _read("blind_reading.jsonl") if row["part"] == part]
    pairs = []
    for sentence, row in zip(true, rows, strict=True):
        if list(sentence.words) != row["words"]:
            raise DataError(
                "data/ner/blind_reading.jsonl belongs to other templates or names; get all of data/ner back with: git checkout data/ner"
            )
        pairs.append((sentence, Sentence(sentence.words, _bio(len(row["words"]), row["entities"]), "blind reading")))
    return pairs
